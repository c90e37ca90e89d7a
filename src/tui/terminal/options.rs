//! Settings of a session, and the sequences that enter and leave its modes.

use super::painter::ColorDepth;
use super::picture_protocol::TerminalEnv;

/// Settings of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Turn mouse events on.
    pub mouse: bool,
    /// The window's title while the session lasts; control characters are dropped.
    pub title: Option<String>,
    /// End frames with a status query and wait for its answer (see [`super::flow`]).
    pub flow_control: bool,
    /// Query the terminal's capabilities at the start.
    pub queries: bool,
    /// Colours by the environment; the terminal's own answers may tell of more, or fewer.
    pub depth: ColorDepth,
    /// The terminal's name in the environment (`TERM`).
    pub term: String,
    /// What else the environment says of it.
    pub env: TerminalEnv,
    /// Whether erased cells get the current background colour (terminfo's `bce`).
    pub bce: bool,
    /// Query whether the terminal can show pictures.
    pub pictures: bool,
    /// Query whether the terminal has desktop notifications.
    pub notifications: bool,
    /// Whether the terminal shows nothing but ASCII.
    pub ascii: bool,
    /// Lines are written, as a shell does, instead of a screen.
    pub linear: bool,
}

/// Whether a terminal shows nothing but ASCII, by the environment: a locale that is not UTF-8, or a terminal of old. A
/// locale that is not set says nothing: containers have none.
fn shows_only_ascii(term: &str, get: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| get(name).filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    let is_old = matches!(term, "vt52" | "vt100" | "vt102" | "vt220" | "vt320" | "ansi");
    is_old || locale.is_some_and(|locale| !locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

/// Modes that only some terminals have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Modes {
    /// kitty's keyboard protocol.
    pub(super) kitty: bool,
    /// Alt with a letter is sent as ESC and the letter (mode 1036).
    pub(super) alt: bool,
    /// Ours is the window's title.
    pub(super) title: bool,
}

impl Modes {
    pub(super) const ALL: Modes = Modes { kitty: true, alt: true, title: true };
}

impl SessionOptions {
    /// Mouse, flow control and queries on; colours by the environment.
    pub fn from_env() -> SessionOptions {
        SessionOptions::of(|name| std::env::var(name).ok())
    }

    fn of(get: impl Fn(&str) -> Option<String>) -> SessionOptions {
        let term = get("TERM").unwrap_or_default();
        // GNU screen and whatever is unknown erase to the default background.
        let bce = ["xterm", "tmux", "alacritty", "foot", "wezterm", "rxvt", "konsole", "vte", "st-", "linux"];
        SessionOptions {
            mouse: true,
            title: None,
            flow_control: true,
            queries: term != "dumb",
            depth: ColorDepth::from_env(&get),
            bce: bce.iter().any(|name| term.starts_with(name)),
            pictures: true,
            notifications: false,
            env: TerminalEnv::of(&get),
            ascii: shows_only_ascii(&term, &get),
            linear: false,
            term,
        }
    }

    /// Whether colours are drawn at all.
    pub(super) fn has_colours(&self) -> bool {
        self.depth != ColorDepth::Mono
    }

    /// Whether anything is wanted of the terminal around tmux.
    pub(super) fn asks_outer(&self) -> bool {
        self.pictures || self.notifications || self.has_colours()
    }

    /// Appends the sequences that enter the modes; [`SessionOptions::push_leave`] undoes them.
    pub(super) fn push_enter(&self, out: &mut Vec<u8>) {
        if self.linear {
            out.extend_from_slice(b"\x1b[?2004h");
            return;
        }
        // Alternate screen, no automatic wrap, bracketed paste, focus events.
        out.extend_from_slice(b"\x1b[?1049h\x1b[?7l\x1b[?2004h\x1b[?1004h");
        if self.mouse {
            // Buttons, wheel and drags; coordinates as decimal numbers.
            out.extend_from_slice(b"\x1b[?1002h\x1b[?1006h");
        }
    }

    /// Appends the sequences that switch on what is wanted and not on yet.
    pub(super) fn push_modes(&self, wanted: Modes, on: &mut Modes, out: &mut Vec<u8>) {
        if wanted.kitty && !on.kitty {
            // Keys that legacy codes can't tell apart get their own (1), and tell whether they are pressed or held down (2)
            // and which key of a Latin keyboard they are (4).
            out.extend_from_slice(b"\x1b[>7u");
            on.kitty = true;
        }
        if wanted.alt && !on.alt {
            out.extend_from_slice(b"\x1b[?1036h");
            on.alt = true;
        }
        if let Some(title) = self.title.as_ref().filter(|_| wanted.title && !on.title) {
            let title: String = title.chars().filter(|c| !c.is_control()).take(100).collect();
            out.extend_from_slice(format!("\x1b[22;0t\x1b]2;{title}\x1b\\").as_bytes());
            on.title = true;
        }
    }

    /// Appends the sequences that leave the modes. `cut`: the terminal may be in the middle of a frame. `pictures`: the
    /// bytes that remove pictures.
    pub(super) fn push_leave(&self, cut: bool, on: Modes, pictures: &[u8], out: &mut Vec<u8>) {
        if cut {
            // CAN aborts an unfinished sequence; then the end of a synchronized update.
            out.extend_from_slice(b"\x18\x1b[?2026l");
        }
        out.extend_from_slice(pictures);
        if on.kitty {
            out.extend_from_slice(b"\x1b[<u");
        }
        if on.alt {
            out.extend_from_slice(b"\x1b[?1036l");
        }
        if self.linear {
            out.extend_from_slice(b"\x1b[?2004l\x1b[m\r\n");
            return;
        }
        if self.mouse {
            out.extend_from_slice(b"\x1b[?1006l\x1b[?1002l");
        }
        // Where there is no alternate screen (mosh, GNU screen), a clean one stays behind, with the cursor at its bottom.
        out.extend_from_slice(
            b"\x1b[?1004l\x1b[?2004l\x1b[m\x1b[H\x1b[J\x1b[999H\x1b[?7h\x1b[?25h\x1b[?1049l",
        );
        if on.title && self.title.is_some() {
            out.extend_from_slice(b"\x1b[23;0t");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_for_terminals_of_old_and_locales_that_are_not_utf_8() {
        for (environment, wanted) in [
            (&[("TERM", "xterm-256color"), ("LANG", "en_GB.UTF-8")][..], false),
            (&[("TERM", "xterm-256color"), ("LANG", "C.utf8")], false),
            (&[("TERM", "xterm-256color")], false),
            (&[("TERM", "xterm-256color"), ("LANG", "C")], true),
            (&[("TERM", "xterm-256color"), ("LANG", "en_GB.UTF-8"), ("LC_ALL", "POSIX")], true),
            (&[("TERM", "xterm-256color"), ("LANG", "C"), ("LC_CTYPE", "C.UTF-8")], false),
            (&[("TERM", "xterm"), ("LANG", "de_DE.ISO-8859-1")], true),
            (&[("TERM", "vt220"), ("LANG", "en_GB.UTF-8")], true),
        ] {
            let get = |name: &str| {
                environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(SessionOptions::of(get).ascii, wanted, "{environment:?}");
        }
    }
}
