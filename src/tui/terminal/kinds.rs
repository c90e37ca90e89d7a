//! Which kind of picture a terminal shows, by what it answered and by what the environment says of it.

use super::line::Abilities;
use crate::picture::Kind;

/// What the environment says of the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub tmux: bool,
    /// The terminal's name by `LC_TERMINAL` (which ssh passes on) or `TERM_PROGRAM`.
    pub program: String,
    /// At the end of an SSH connection.
    pub ssh: bool,
}

impl Surroundings {
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

/// Terminals that show iTerm2's inline images, by how their names begin, in small letters.
const ITERM2: [&str; 4] = ["iterm", "wezterm", "mintty", "vscode"];

/// The best kind by what the terminal has answered so far. Once it has answered all, or has had its time, that is it.
///
/// Inside tmux Kitty's way is the only one that passes through it unharmed; Sixel is shown where tmux itself says so.
pub fn best(abilities: &Abilities, surroundings: &Surroundings) -> Kind {
    let named = |name: &str| {
        let name = name.to_ascii_lowercase();
        ITERM2.iter().any(|known| name.starts_with(known))
    };
    let iterm2 = abilities.version.as_deref().is_some_and(named) || named(&surroundings.program);
    if abilities.kitty_graphics {
        Kind::Kitty
    } else if iterm2 && !surroundings.tmux {
        Kind::Iterm2
    } else if abilities.sixel {
        Kind::Sixel
    } else {
        Kind::Blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_kind_by_answers_and_environment() {
        let none = Abilities::default();
        let kitty = Abilities { kitty_graphics: true, ..none.clone() };
        let sixel = Abilities { sixel: true, ..none.clone() };
        let wezterm = Abilities { version: Some("WezTerm 20240203".to_owned()), sixel: true, ..none.clone() };
        let at = |program: &str, tmux| Surroundings { tmux, program: program.to_owned(), ssh: true };
        for (abilities, surroundings, wanted) in [
            (&none, at("", false), Kind::Blocks),
            (&none, at("iTerm2", false), Kind::Iterm2),
            (&none, at("iTerm2", true), Kind::Blocks),
            (&none, at("Apple_Terminal", false), Kind::Blocks),
            (&kitty, at("", true), Kind::Kitty),
            (&kitty, at("iTerm2", false), Kind::Kitty),
            (&sixel, at("", true), Kind::Sixel),
            (&sixel, at("", false), Kind::Sixel),
            (&wezterm, at("", false), Kind::Iterm2),
        ] {
            assert_eq!(best(abilities, &surroundings), wanted, "{abilities:?} {surroundings:?}");
        }
    }

    #[test]
    fn the_environment() {
        let of = |vars: &'static [(&str, &str)]| {
            Surroundings::of(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let there = of(&[("TMUX", "/tmp/x,1,0"), ("TERM_PROGRAM", "tmux"), ("LC_TERMINAL", "iTerm2")]);
        assert_eq!(there, Surroundings { tmux: true, program: "iTerm2".to_owned(), ssh: false });
        assert!(of(&[("SSH_TTY", "/dev/pts/1")]).ssh && of(&[("SSH_CONNECTION", "::1 1 ::1 22")]).ssh);
    }
}
