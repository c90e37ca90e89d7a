//! Settings of a session, and the sequences that enter and leave its modes.

use super::painter::ColorDepth;

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
    pub depth: ColorDepth,
    /// Whether erased cells get the current background colour (terminfo's `bce`).
    pub bce: bool,
    /// Query whether the terminal can show pictures.
    pub pictures: bool,
    /// Whether the terminal is tmux.
    pub tmux: bool,
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
            tmux: get("TMUX").is_some_and(|value| !value.is_empty()),
        }
    }

    /// Appends the sequences that enter the modes; [`SessionOptions::push_leave`] undoes them.
    pub(super) fn push_enter(&self, out: &mut Vec<u8>) {
        // Alternate screen, no automatic wrap, bracketed paste, focus events.
        out.extend_from_slice(b"\x1b[?1049h\x1b[?7l\x1b[?2004h\x1b[?1004h");
        if self.mouse {
            // Buttons, wheel and drags; coordinates as decimal numbers.
            out.extend_from_slice(b"\x1b[?1002h\x1b[?1006h");
        }
        if let Some(title) = &self.title {
            let title: String = title.chars().filter(|c| !c.is_control()).take(100).collect();
            out.extend_from_slice(format!("\x1b[22;0t\x1b]2;{title}\x1b\\").as_bytes());
        }
    }

    /// Appends the sequences that leave the modes. `cut`: the terminal may be in the middle of a frame. `pictures`: the
    /// bytes that remove pictures.
    pub(super) fn push_leave(&self, cut: bool, kitty: bool, pictures: &[u8], out: &mut Vec<u8>) {
        if cut {
            // CAN aborts an unfinished sequence; then the end of a synchronized update.
            out.extend_from_slice(b"\x18\x1b[?2026l");
        }
        out.extend_from_slice(pictures);
        if kitty {
            out.extend_from_slice(b"\x1b[<u");
        }
        if self.mouse {
            out.extend_from_slice(b"\x1b[?1006l\x1b[?1002l");
        }
        out.extend_from_slice(b"\x1b[?1004l\x1b[?2004l\x1b[m\x1b[?7h\x1b[?25h\x1b[?1049l");
        if self.title.is_some() {
            out.extend_from_slice(b"\x1b[23;0t");
        }
    }
}
