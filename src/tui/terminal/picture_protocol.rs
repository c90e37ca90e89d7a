//! Which picture protocol a terminal supports, by its answers and by the environment.

use super::capabilities::Capabilities;
use crate::picture::PictureProtocol;

/// The terminal as the environment describes it (`TMUX`, `LC_TERMINAL`, `TERM_PROGRAM`, `SSH_CONNECTION`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalEnv {
    pub tmux: bool,
    /// Whether that tmux shows Sixel on the terminal that it is in.
    pub tmux_sixel: bool,
    /// The terminal's name and version by `LC_TERMINAL` (which ssh passes on) or `TERM_PROGRAM`.
    pub program: String,
    /// At the end of an SSH connection.
    pub ssh: bool,
}

impl TerminalEnv {
    /// By the environment of this process.
    pub fn from_env() -> Self {
        Self::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub(super) fn of(get: impl Fn(&str) -> Option<String>) -> Self {
        let program = |name: &str| {
            let version = get(&format!("{name}_VERSION")).map(|version| format!(" {version}"));
            get(name).map(|program| program + &version.unwrap_or_default())
        };
        Self {
            tmux: get("TMUX").is_some(),
            tmux_sixel: false,
            program: program("LC_TERMINAL").or_else(|| program("TERM_PROGRAM")).unwrap_or_default(),
            ssh: get("SSH_CONNECTION").is_some() || get("SSH_TTY").is_some(),
        }
    }
}

/// The best protocol by the answers so far; final once all have come or the wait is over.
///
/// The terminal's own word goes before the environment's, which may be that of another terminal. Inside tmux a picture
/// passes only where the terminal around it is known to place it: kitty's by characters, iTerm2's where the pane lies on its
/// screen. Sixel is shown where tmux itself says so.
pub fn best(capabilities: &Capabilities, env: &TerminalEnv) -> PictureProtocol {
    if env.tmux || capabilities.is_tmux() {
        return if capabilities.kitty_graphics && capabilities.has_placeholders() {
            PictureProtocol::Kitty
        } else if capabilities.sixel && (env.tmux_sixel || !env.tmux && capabilities.has_sixel_around_tmux())
        {
            // A tmux that has it draws a box of crosses where the terminal around it has none.
            PictureProtocol::Sixel
        } else if env.tmux && capabilities.has_iterm2_around_tmux() {
            // Placed on the screen of the terminal around it, so tmux has to be asked where it is.
            PictureProtocol::Iterm2
        } else {
            PictureProtocol::Blocks
        };
    }
    let name = capabilities.version.as_ref().unwrap_or(&env.program);
    if capabilities.kitty_graphics {
        PictureProtocol::Kitty
    } else if Capabilities::has_iterm2(name) && !capabilities.is_screen() {
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
    let tmux = env.tmux || capabilities.is_tmux();
    match (tmux, &capabilities.outer) {
        (true, None) => false,
        (true, Some(_)) => capabilities.kitty_graphics || !capabilities.has_placeholders(),
        (false, _) => capabilities.kitty_graphics || capabilities.complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminals_own_name_goes_before_the_environments() {
        let none = Capabilities::default();
        let named = |name: &str| Capabilities { version: Some(name.to_owned()), ..Capabilities::default() };
        let wezterm = Capabilities { sixel: true, ..named("WezTerm 20240203") };
        let screen = Capabilities { kind: Some(83), ..Capabilities::default() };
        let at =
            |program: &str| TerminalEnv { program: program.to_owned(), ssh: true, ..TerminalEnv::default() };
        for (capabilities, env, wanted) in [
            (&none, at(""), PictureProtocol::Blocks),
            (&none, at("iTerm2"), PictureProtocol::Iterm2),
            (&none, TerminalEnv { tmux: true, ..at("iTerm2") }, PictureProtocol::Blocks),
            (&none, at("Apple_Terminal"), PictureProtocol::Blocks),
            (&wezterm, at(""), PictureProtocol::Iterm2),
            (&named("XTerm(379)"), at("iTerm2"), PictureProtocol::Blocks),
            (&screen, at("iTerm2"), PictureProtocol::Blocks),
        ] {
            assert_eq!(best(capabilities, &env), wanted, "{capabilities:?} {env:?}");
        }
    }

    #[test]
    fn the_environment() {
        let of = |vars: &'static [(&str, &str)]| {
            TerminalEnv::of(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let there = of(&[("TMUX", "/tmp/x,1,0"), ("TERM_PROGRAM", "tmux"), ("LC_TERMINAL", "iTerm2")]);
        let wanted = TerminalEnv { tmux: true, program: "iTerm2".to_owned(), ..TerminalEnv::default() };
        assert_eq!(there, wanted);
        assert!(of(&[("SSH_TTY", "/dev/pts/1")]).ssh && of(&[("SSH_CONNECTION", "::1 1 ::1 22")]).ssh);
    }
}
