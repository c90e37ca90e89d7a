//! What a terminal is asked, in an order in which no terminal prints a question: first who it is, which all take, then
//! what only some understand.

use super::capabilities::{Capabilities, is_at_least};
use super::input::TRUE_COLOR;
use super::painter::ColorDepth;
use super::passthrough::through_tmux;

/// What every terminal answers, so that we know when no more answers come: what it can do (DA1), Sixel among it.
pub(super) const LAST: &[u8] = b"\x1b[c";
/// Name and version (XTVERSION).
const VERSION: &[u8] = b"\x1b[>0q";
/// The background colour.
pub(super) const BACKGROUND: &[u8] = b"\x1b]11;?\x1b\\";
/// The text colour.
const FOREGROUND: &str = "\x1b]10;?\x1b\\";
/// Kitty's graphics: may one pixel be sent?
const GRAPHICS: &[u8] = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";
/// kitty's desktop notifications: what of them is there?
const NOTIFICATIONS: &[u8] = b"\x1b]99;i=comfydeck:p=?;\x1b\\";
/// kitty answers that from this version on; before, it may show the question.
const KITTY_THAT_TELLS: (u32, u32) = (0, 36);
/// The size of a cell in pixels.
const CELL: &[u8] = b"\x1b[16t";
/// The largest Sixel picture (XTSMGRAPHICS).
const SIXEL_LIMIT: &[u8] = b"\x1b[?2;1;0S";

/// Who the terminal is: name, kind, keyboard, synchronized updates, how Alt is sent, background.
pub(super) fn who() -> Vec<u8> {
    [&b"\x1b[?u\x1b[?2026$p\x1b[?1036$p"[..], BACKGROUND, VERSION, b"\x1b[>c"].concat()
}

/// The same without what a screen needs: for a picture in the scrollback.
pub(super) fn who_in_scrollback() -> Vec<u8> {
    [VERSION, BACKGROUND, b"\x1b[>c"].concat()
}

/// Whether it has 24-bit colours (DECRQSS): SSH does not pass `COLORTERM` on. Changes attributes and resets them, so it goes
/// only before a whole frame. Not to those that may print it, and nobody is asked what is known.
pub(super) fn true_color(told: ColorDepth, term: &str) -> Vec<u8> {
    const MAY_PRINT: [&str; 15] = [
        "linux", "screen", "tmux", "vt1", "vt2", "vt3", "vt4", "vt5", "dumb", "ansi", "cons25", "cygwin",
        "eterm", "sun", "unknown",
    ];
    let may_print = term.is_empty() || MAY_PRINT.iter().any(|name| term.starts_with(name));
    match told {
        ColorDepth::Ansi16 | ColorDepth::Ansi256 if !may_print => {
            format!("\x1b[{TRUE_COLOR}m\x1bP$qm\x1b\\\x1b[m").into_bytes()
        }
        _ => Vec::new(),
    }
}

/// The text colour and the sixteen of the palette of a terminal that has said who it is, each for itself: not every terminal
/// takes several in one question. Of the terminal around tmux as well, where that is known.
pub(super) fn colours(who: &Capabilities) -> Vec<u8> {
    if !who.has_title() {
        return Vec::new();
    }
    let around = who.outer.is_some().then(|| through_tmux(&all_colours()));
    [all_colours(), around.unwrap_or_default()].concat()
}

/// The same of a terminal around tmux that has just said who it is: most versions of tmux keep its colours to themselves.
pub(super) fn colours_of_outer(who: &Capabilities) -> Option<Vec<u8>> {
    let is_told = who.colours.iter().any(Option::is_some);
    // A newer tmux keeps what the terminal answers about its text colour to itself, and tells it.
    let all = || [FOREGROUND.as_bytes(), &through_tmux(&all_colours())].concat();
    (who.outer.is_some() && !is_told).then(all)
}

fn all_colours() -> Vec<u8> {
    let sixteen = (0..16).map(|number| format!("\x1b]4;{number};?\x1b\\"));
    [FOREGROUND.to_owned()].into_iter().chain(sixteen).collect::<String>().into_bytes()
}

/// What pictures a terminal shows that has said who it is.
pub(super) fn pictures(who: &Capabilities) -> Vec<u8> {
    let mut queries = Vec::new();
    if who.is_tmux() {
        queries.extend(outer());
    } else if who.ignores_unknown_graphics() {
        queries.extend_from_slice(GRAPHICS);
    }
    if who.sixel || who.version.is_some() {
        queries.extend_from_slice(CELL);
    }
    if who.sixel && !who.is_tmux() {
        queries.extend_from_slice(SIXEL_LIMIT);
    }
    queries
}

/// Whether a terminal that has said who it is has kitty's desktop notifications.
pub(super) fn notifications(who: &Capabilities) -> Vec<u8> {
    let is_asked =
        !who.is_tmux() && !who.is_screen() && who.version.as_deref().is_some_and(takes_the_question);
    if is_asked { NOTIFICATIONS.to_vec() } else { Vec::new() }
}

/// The same of the terminal around tmux.
pub(super) fn notifications_of_outer(who: &Capabilities) -> Option<Vec<u8>> {
    let outer = who.outer.as_deref()?;
    (takes_the_question(outer) && !who.notifications).then(|| through_tmux(NOTIFICATIONS))
}

/// Whether a terminal ignores the question when it has no answer, or has one.
fn takes_the_question(name: &str) -> bool {
    let is_kitty = name.to_ascii_lowercase().starts_with("kitty");
    !is_kitty || is_at_least(name, "kitty", KITTY_THAT_TELLS)
}

/// Who the terminal is that tmux is in, and its background, which an old tmux does not tell. The background first: another
/// one means that the other colours are to be asked for, too.
pub(super) fn outer() -> Vec<u8> {
    through_tmux(&[BACKGROUND, VERSION].concat())
}

/// Whether the terminal around tmux has Kitty's graphics: asked only of one that is known to understand.
pub(super) fn graphics_of_outer(who: &Capabilities) -> Option<Vec<u8>> {
    (who.has_placeholders() && !who.kitty_graphics).then(|| through_tmux(GRAPHICS))
}

#[cfg(test)]
mod tests;
