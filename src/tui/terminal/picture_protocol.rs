//! Which picture protocol a terminal supports, by its answers and by the environment.

use super::shared::Capabilities;
use crate::picture::PictureProtocol;

/// The terminal as the environment describes it (`TMUX`, `LC_TERMINAL`, `TERM_PROGRAM`, `SSH_CONNECTION`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalEnv {
    pub tmux: bool,
    /// The terminal's name by `LC_TERMINAL` (which ssh passes on) or `TERM_PROGRAM`.
    pub program: String,
    /// At the end of an SSH connection.
    pub ssh: bool,
}

impl TerminalEnv {
    /// By the environment of this process.
    pub fn from_env() -> Self {
        Self::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn of(get: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            tmux: get("TMUX").is_some(),
            program: get("LC_TERMINAL").or_else(|| get("TERM_PROGRAM")).unwrap_or_default(),
            ssh: get("SSH_CONNECTION").is_some() || get("SSH_TTY").is_some(),
        }
    }
}

/// Name prefixes, in lower case, of terminals with iTerm2's inline images.
const ITERM2: [&str; 4] = ["iterm", "wezterm", "mintty", "vscode"];

/// The best protocol by the answers so far; final once all have come or the wait is over.
///
/// Inside tmux Kitty's way is the only one that passes through it unharmed; Sixel is shown where tmux itself says so.
pub fn best(capabilities: &Capabilities, env: &TerminalEnv) -> PictureProtocol {
    let named = |name: &str| {
        let name = name.to_ascii_lowercase();
        ITERM2.iter().any(|known| name.starts_with(known))
    };
    let iterm2 = capabilities.version.as_deref().is_some_and(named) || named(&env.program);
    if capabilities.kitty_graphics {
        PictureProtocol::Kitty
    } else if iterm2 && !env.tmux {
        PictureProtocol::Iterm2
    } else if capabilities.sixel {
        PictureProtocol::Sixel
    } else {
        PictureProtocol::Blocks
    }
}

/// Whether no answer can change the best protocol any more. Through tmux the terminal's own answers come later
/// than tmux's last one.
pub fn is_settled(capabilities: &Capabilities, env: &TerminalEnv) -> bool {
    capabilities.kitty_graphics || (capabilities.complete && !env.tmux)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_kind_by_answers_and_environment() {
        let none = Capabilities::default();
        let kitty = Capabilities { kitty_graphics: true, ..none.clone() };
        let sixel = Capabilities { sixel: true, ..none.clone() };
        let wezterm =
            Capabilities { version: Some("WezTerm 20240203".to_owned()), sixel: true, ..none.clone() };
        let at = |program: &str, tmux| TerminalEnv { tmux, program: program.to_owned(), ssh: true };
        for (capabilities, env, wanted) in [
            (&none, at("", false), PictureProtocol::Blocks),
            (&none, at("iTerm2", false), PictureProtocol::Iterm2),
            (&none, at("iTerm2", true), PictureProtocol::Blocks),
            (&none, at("Apple_Terminal", false), PictureProtocol::Blocks),
            (&kitty, at("", true), PictureProtocol::Kitty),
            (&kitty, at("iTerm2", false), PictureProtocol::Kitty),
            (&sixel, at("", true), PictureProtocol::Sixel),
            (&sixel, at("", false), PictureProtocol::Sixel),
            (&wezterm, at("", false), PictureProtocol::Iterm2),
        ] {
            assert_eq!(best(capabilities, &env), wanted, "{capabilities:?} {env:?}");
        }
    }

    #[test]
    fn inside_tmux_the_last_answer_is_not_the_terminals() {
        let complete = Capabilities { complete: true, ..Capabilities::default() };
        let kitty = Capabilities { kitty_graphics: true, ..Capabilities::default() };
        let at = |tmux| TerminalEnv { tmux, ..TerminalEnv::default() };
        let table =
            [(&complete, false), (&complete, true), (&kitty, true), (&Capabilities::default(), false)];
        let settled = table.map(|(capabilities, tmux)| is_settled(capabilities, &at(tmux)));
        assert_eq!(settled, [true, false, true, false]);
    }

    #[test]
    fn the_environment() {
        let of = |vars: &'static [(&str, &str)]| {
            TerminalEnv::of(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let there = of(&[("TMUX", "/tmp/x,1,0"), ("TERM_PROGRAM", "tmux"), ("LC_TERMINAL", "iTerm2")]);
        assert_eq!(there, TerminalEnv { tmux: true, program: "iTerm2".to_owned(), ssh: false });
        assert!(of(&[("SSH_TTY", "/dev/pts/1")]).ssh && of(&[("SSH_CONNECTION", "::1 1 ::1 22")]).ssh);
    }
}
