//! What a terminal shows of a program outside of its screen: the window's title, a progress bar in tab or taskbar, the bell,
//! and desktop notifications, each in the way that this terminal has.

use std::time::{Duration, Instant};

use super::capabilities::{Capabilities, is_at_least, is_one_of};
use super::passthrough::through_tmux;
use super::picture_protocol::TerminalEnv;

/// Shortest time between two titles, and between two positions of the progress bar.
const PAUSE: Duration = Duration::from_secs(2);
/// A progress bar is told again after this time: Ghostty takes one away that has not moved for 15 seconds.
const AGAIN: Duration = Duration::from_secs(10);
/// Most characters of a title, and of a notification.
const LONGEST_TITLE: usize = 100;
const LONGEST_TEXT: usize = 200;

/// What title and progress bar show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowState {
    /// `None` leaves the title that the session began with.
    pub title: Option<String>,
    pub bar: Option<Bar>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    Percent(u8),
    /// Something is under way, nobody knows how far.
    Busy,
}

/// Something to tell a person who may look elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    pub bell: bool,
    /// Show it on the desktop, too.
    pub desktop: bool,
    pub title: String,
    pub text: String,
}

/// How a terminal is told to show a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notifications {
    /// `OSC 99`, kitty's.
    Kitty,
    /// `OSC 777 ; notify`, urxvt's.
    Urxvt,
    /// `OSC 9`, iTerm2's.
    Iterm2,
}

/// Terminals by the beginnings of their names, in lower case.
const KITTYS: [&str; 1] = ["kitty"];
const URXVTS: [&str; 5] = ["foot", "ghostty", "contour", "konsole", "vte"];
const ITERM2S: [&str; 6] = ["iterm", "wezterm", "rio", "warp", "windows terminal", "mintty"];

/// Terminals with a progress bar (`OSC 9 ; 4`), and from which version on. Others may show each step as a notification.
const BARS: [(&str, (u32, u32)); 9] = [
    ("ghostty", (1, 2)),
    ("konsole", (25, 4)),
    ("iterm2", (3, 7)),
    ("mintty", (3, 5)),
    ("wezterm", (20_250_209, 0)),
    ("windows terminal", (0, 0)),
    ("xterm.js", (0, 0)),
    ("vscode", (0, 0)),
    ("vte", (8000, 0)),
];

/// URXVT's kind (DA2).
const URXVT: u16 = 85;

/// Title and progress bar of a session's window.
#[derive(Debug, Default)]
pub struct Window {
    /// The title that a session begins with.
    first: Option<String>,
    wanted: WindowState,
    shown: WindowState,
    /// When something was sent last.
    sent: Option<Instant>,
}

impl Window {
    pub fn new(first: Option<String>) -> Self {
        let mut window = Self { first, ..Self::default() };
        window.forget();
        window
    }

    pub fn set(&mut self, wanted: WindowState) {
        self.wanted = wanted;
    }

    /// The terminal shows the session's first title and no bar: it was given away and taken back.
    pub(super) fn forget(&mut self) {
        self.shown = WindowState { title: self.first.clone(), bar: None };
        self.sent = None;
    }

    /// The bytes that make the window show what is wanted; none while it does, or shortly after the last ones, unless
    /// nothing is under way any more.
    pub fn bytes(
        &mut self,
        now: Instant,
        has_title: bool,
        means: &Capabilities,
        env: &TerminalEnv,
    ) -> Vec<u8> {
        // What the terminal has not, or has not told of yet, is not missing.
        let wanted = WindowState {
            title: self.wanted.title.clone().filter(|_| has_title),
            bar: self.wanted.bar.filter(|_| has_bar(means, env)),
        };
        let passed = self.sent.map_or(AGAIN, |sent| now.saturating_duration_since(sent));
        let is_stale = wanted.bar.is_some() && wanted.bar == self.shown.bar && passed >= AGAIN;
        let is_over = self.wanted.bar.is_none();
        if wanted == self.shown && !is_stale || passed < PAUSE && !is_over {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        if wanted.title != self.shown.title
            && let Some(title) = &wanted.title
        {
            bytes.extend_from_slice(format!("\x1b]2;{}\x1b\\", plain(title, LONGEST_TITLE)).as_bytes());
        }
        if wanted.bar != self.shown.bar || is_stale {
            bytes.extend(around(means, &bar(wanted.bar)));
        }
        self.shown = wanted;
        self.sent = Some(now);
        bytes
    }

    /// The bytes that take the bar away, for when the terminal is given back.
    pub fn leaving(&self, means: &Capabilities) -> Vec<u8> {
        if self.shown.bar.is_some() { around(means, &bar(None)) } else { Vec::new() }
    }
}

fn bar(bar: Option<Bar>) -> Vec<u8> {
    match bar {
        None => b"\x1b]9;4;0\x1b\\".to_vec(),
        Some(Bar::Percent(percent)) => format!("\x1b]9;4;1;{}\x1b\\", percent.min(100)).into_bytes(),
        Some(Bar::Busy) => b"\x1b]9;4;3\x1b\\".to_vec(),
    }
}

/// The bytes of an alert; none where the terminal has nothing for it.
pub fn alert(alert: &Alert, means: &Capabilities, env: &TerminalEnv) -> Vec<u8> {
    let mut bytes = if alert.bell { b"\x07".to_vec() } else { Vec::new() };
    let (title, text) = (plain(&alert.title, LONGEST_TITLE), plain(&alert.text, LONGEST_TEXT));
    let told = match notifications(means, env).filter(|_| alert.desktop) {
        None => return bytes,
        Some(Notifications::Kitty) => {
            format!("\x1b]99;i=comfydeck:d=0;{title}\x1b\\\x1b]99;i=comfydeck:d=1:p=body;{text}\x1b\\")
        }
        // A semicolon would end the title.
        Some(Notifications::Urxvt) => {
            format!("\x1b]777;notify;{};{text}\x1b\\", title.replace(';', ","))
        }
        // Text that begins with a number and a semicolon is another command.
        Some(Notifications::Iterm2) => format!("\x1b]9;{}: {text}\x1b\\", title.replace(';', ",")),
    };
    bytes.extend(around(means, told.as_bytes()));
    bytes
}

/// Whether notifications can be shown on the desktop.
pub fn has_notifications(means: &Capabilities, env: &TerminalEnv) -> bool {
    notifications(means, env).is_some()
}

fn notifications(means: &Capabilities, env: &TerminalEnv) -> Option<Notifications> {
    if means.notifications {
        return Some(Notifications::Kitty);
    }
    if !means.is_tmux() && means.kind == Some(URXVT) {
        return Some(Notifications::Urxvt);
    }
    let name = name(means, env)?;
    if is_one_of(name, &KITTYS) {
        Some(Notifications::Kitty)
    } else if is_one_of(name, &URXVTS) {
        Some(Notifications::Urxvt)
    } else if is_one_of(name, &ITERM2S) {
        Some(Notifications::Iterm2)
    } else {
        None
    }
}

fn has_bar(means: &Capabilities, env: &TerminalEnv) -> bool {
    let name = name(means, env);
    name.is_some_and(|name| BARS.iter().any(|(program, from)| is_at_least(name, program, *from)))
}

/// The terminal's name and version by its answer, else by the environment; inside tmux that of the terminal around it, which
/// only answers where tmux passes bytes on.
fn name<'a>(means: &'a Capabilities, env: &'a TerminalEnv) -> Option<&'a str> {
    if means.is_tmux() || env.tmux {
        return means.outer.as_deref();
    }
    if means.is_screen() {
        return None;
    }
    means.version.as_deref().or_else(|| (!env.program.is_empty()).then_some(env.program.as_str()))
}

fn around(means: &Capabilities, bytes: &[u8]) -> Vec<u8> {
    if means.is_tmux() { through_tmux(bytes) } else { bytes.to_vec() }
}

/// Printable characters only, so many at the most.
fn plain(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(version: &str) -> Capabilities {
        Capabilities { version: Some(version.to_owned()), ..Capabilities::default() }
    }

    fn in_tmux(outer: &str) -> Capabilities {
        Capabilities { outer: Some(outer.to_owned()), ..named("tmux 3.5a") }
    }

    fn told(means: &Capabilities, env: &TerminalEnv) -> String {
        let alert_of = Alert {
            bell: true,
            desktop: true,
            title: "Run 7; done".to_owned(),
            text: "a\x1b]0;cat".to_owned(),
        };
        String::from_utf8(alert(&alert_of, means, env)).expect("text")
    }

    #[test]
    fn each_terminal_is_told_in_its_own_way_and_no_other_gets_more_than_the_bell() {
        let env = TerminalEnv::default();
        let kitty =
            "\x07\x1b]99;i=comfydeck:d=0;Run 7; done\x1b\\\x1b]99;i=comfydeck:d=1:p=body;a]0;cat\x1b\\";
        let urxvt = "\x07\x1b]777;notify;Run 7, done;a]0;cat\x1b\\";
        let iterm2 = "\x07\x1b]9;Run 7, done: a]0;cat\x1b\\";
        for (means, wanted) in [
            (named("kitty(0.26.5)"), kitty),
            (Capabilities { notifications: true, ..named("foot(1.18.0)") }, kitty),
            (named("foot(1.13.1)"), urxvt),
            (Capabilities { kind: Some(85), ..Capabilities::default() }, urxvt),
            (named("iTerm2 3.5.0"), iterm2),
            (named("XTerm(379)"), "\x07"),
            (named("tmux 3.5a"), "\x07"),
            (Capabilities { kind: Some(83), ..Capabilities::default() }, "\x07"),
            (Capabilities::default(), "\x07"),
        ] {
            assert_eq!(told(&means, &env), wanted, "{means:?}");
        }
        let by_environment = TerminalEnv { program: "iTerm2".to_owned(), ..env };
        assert_eq!(told(&Capabilities::default(), &by_environment), iterm2);
    }

    #[test]
    fn what_is_for_the_terminal_around_tmux_is_wrapped_and_the_bell_is_not() {
        let env = TerminalEnv { tmux: true, ..TerminalEnv::default() };
        let wanted = "\x07\x1bPtmux;\x1b\x1b]9;Run 7, done: a]0;cat\x1b\x1b\\\x1b\\";
        assert_eq!(told(&in_tmux("WezTerm 20240203-110809"), &env), wanted);
    }

    fn percent(percent: u8) -> WindowState {
        WindowState { title: Some(format!("{percent} % · x")), bar: Some(Bar::Percent(percent)) }
    }

    #[test]
    fn the_window_changes_seldom_and_at_once_when_all_is_over() {
        let (mut window, start, env) = (Window::default(), Instant::now(), TerminalEnv::default());
        let means = named("ghostty 1.2.0");
        let mut sent = |wanted: &WindowState, ms: u64| {
            window.set(wanted.clone());
            let bytes = window.bytes(start + Duration::from_millis(ms), true, &means, &env);
            (String::from_utf8(bytes).expect("text"), !window.leaving(&means).is_empty())
        };
        assert_eq!(sent(&percent(5), 0), ("\x1b]2;5 % · x\x1b\\\x1b]9;4;1;5\x1b\\".to_owned(), true));
        assert_eq!(sent(&percent(10), 1_000), (String::new(), true));
        assert_eq!(sent(&percent(15), 2_000).0, "\x1b]2;15 % · x\x1b\\\x1b]9;4;1;15\x1b\\");
        assert_eq!(sent(&percent(15), 9_000).0, "");
        assert_eq!(sent(&percent(15), 12_000).0, "\x1b]9;4;1;15\x1b\\");
        let idle = WindowState { title: Some("x".to_owned()), bar: None };
        assert_eq!(sent(&idle, 12_001), ("\x1b]2;x\x1b\\\x1b]9;4;0\x1b\\".to_owned(), false));
        assert_eq!(sent(&idle, 60_000).0, "");
    }

    #[test]
    fn a_bar_is_for_terminals_that_have_one() {
        let env = TerminalEnv::default();
        for (name, wanted) in [
            ("ghostty 1.2.0", true),
            ("ghostty 1.1.3", false),
            ("Konsole 22.12.3", false),
            ("Konsole 25.04.1", true),
            ("iTerm2 3.5.0", false),
            ("xterm.js(5.6.0)", true),
            ("XTerm(379)", false),
            ("kitty(0.26.5)", false),
            ("tmux 3.5a", false),
        ] {
            assert_eq!(has_bar(&named(name), &env), wanted, "{name}");
        }
        assert!(has_bar(&in_tmux("ghostty 1.2.0"), &env));
    }
}
