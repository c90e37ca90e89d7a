//! What the window around a command's terminal shows: title and taskbar while a run works, bell and desktop at its end, as
//! `[notify]` says. The terminal is not asked what it is, since its answer would land in the shell: the environment tells.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::follow::Listener;
use crate::config::{Config, Dirs, Notify};
use crate::domain::{Run, RunEvent, Status};
use crate::report::text::took;
use crate::store::{LogLine, StoredEvent, now};
use crate::tui::terminal::window::{Alert, Bar, Window, WindowState, alert};
use crate::tui::terminal::{Capabilities, TerminalEnv};

/// Beginnings of `TERM` of terminals that take a title; others may print it.
const TITLED: [&str; 12] = [
    "xterm",
    "screen",
    "tmux",
    "rxvt",
    "foot",
    "alacritty",
    "kitty",
    "wezterm",
    "konsole",
    "contour",
    "mintty",
    "st-",
];
/// What `TERM` says of terminals that have a name of their own there: all that ssh passes on of them.
const NAMED: [&str; 6] = ["kitty", "ghostty", "foot", "contour", "wezterm", "mintty"];
/// The title changes in steps of so many percent.
const STEP: u8 = 5;
/// Whoever waits for so long looks elsewhere: no key tells otherwise here.
const AWAY_MS: i64 = 30_000;

/// The window of the terminal that a command writes its progress to.
#[derive(Debug)]
pub(super) struct CommandWindow {
    settings: Notify,
    window: Window,
    means: Capabilities,
    env: TerminalEnv,
    has_title: bool,
    /// The title before is kept by the terminal.
    is_kept: bool,
}

impl CommandWindow {
    /// `None` where stderr is no terminal, or one that may print what is meant for its window.
    pub(super) fn of_stderr(dirs: &Dirs) -> Option<Self> {
        let term = std::env::var("TERM").unwrap_or_default();
        if !io::stderr().is_terminal() || term.is_empty() || term == "dumb" {
            return None;
        }
        Some(Self {
            settings: Config::load(dirs).map(|config| config.notify).unwrap_or_default(),
            window: Window::new(None),
            means: Capabilities::default(),
            env: named(TerminalEnv::from_env(), &term),
            has_title: TITLED.iter().any(|begin| term.starts_with(begin)),
            is_kept: false,
        })
    }

    /// Shows how far it is; `None` where nobody knows.
    pub(super) fn show(&mut self, what: &str, percent: Option<u8>) {
        let percent = percent.map(|percent| percent.min(100) / STEP * STEP);
        let title = match percent {
            Some(percent) => format!("{what} {percent} % · comfydeck"),
            None => format!("{what} · comfydeck"),
        };
        self.window.set(WindowState {
            title: self.settings.title.then_some(title),
            bar: self.settings.taskbar.then(|| percent.map_or(Bar::Busy, Bar::Percent)),
        });
        let has_title = self.has_title && self.settings.title;
        let shown = self.window.bytes(Instant::now(), has_title, &self.means, &self.env);
        if shown.is_empty() {
            return;
        }
        let keep: &[u8] = if has_title && !self.is_kept { b"\x1b[22;2t" } else { b"" };
        self.is_kept |= has_title;
        send(&[keep, &shown].concat());
    }

    /// Tells of an end, where the person wants that and it took long enough for them to look elsewhere.
    pub(super) fn ended(&self, status: Status, took_ms: i64, title: String, text: String) {
        let settings = &self.settings;
        let after = i64::try_from(settings.after_seconds).unwrap_or(i64::MAX).saturating_mul(1_000);
        let least = if settings.unfocused { after.max(AWAY_MS) } else { after };
        if took_ms < least {
            return;
        }
        let (bell, desktop) = (settings.bell.contains(&status), settings.desktop.contains(&status));
        send(&alert(&Alert { bell, desktop, title, text }, &self.means, &self.env));
    }
}

impl Drop for CommandWindow {
    fn drop(&mut self) {
        let mut bytes = self.window.leaving(&self.means);
        if self.is_kept {
            bytes.extend_from_slice(b"\x1b[23;2t");
        }
        send(&bytes);
    }
}

/// The name by `TERM` where nothing else tells one.
fn named(env: TerminalEnv, term: &str) -> TerminalEnv {
    let name = term.strip_prefix("xterm-").unwrap_or(term);
    match NAMED.iter().find(|known| name.starts_with(*known)) {
        Some(known) if env.program.is_empty() && !env.tmux => {
            TerminalEnv { program: (*known).to_owned(), ..env }
        }
        Some(_) | None => env,
    }
}

/// A window that cannot be told is no reason to stop.
fn send(bytes: &[u8]) {
    if !bytes.is_empty() {
        let mut to = io::stderr().lock();
        let _ = to.write_all(bytes).and_then(|()| to.flush());
    }
}

/// A listener whose run is shown by the window, too.
pub(super) struct InWindow {
    pub(super) window: CommandWindow,
    pub(super) inner: Box<dyn Listener>,
}

impl Listener for InWindow {
    fn event(&mut self, run: &Run, stored: &StoredEvent) {
        self.inner.event(run, stored);
    }

    fn transient(&mut self, run: &Run, event: &RunEvent) {
        self.inner.transient(run, event);
    }

    fn log(&mut self, run: &Run, lines: &[LogLine]) {
        self.inner.log(run, lines);
    }

    fn show(&mut self, run: &Run) -> io::Result<()> {
        self.inner.show(run)?;
        if run.status.is_end() {
            let took_ms = run.elapsed_ms(now());
            let title = format!("Run {} {} in {}", run.id, run.status.word(), took(took_ms));
            let error = run.error.as_ref().map(|error| error.what.clone());
            self.window.ended(
                run.status,
                took_ms,
                title,
                error.unwrap_or_else(|| run.request.prompt.clone()),
            );
            return Ok(());
        }
        let percent = run.progress.as_ref().map(|progress| progress.value * 100 / progress.max.max(1));
        let percent = percent.filter(|_| run.status == Status::Running);
        let what = format!("run {} {}", run.id, run.status.word());
        self.window.show(&what, percent.map(|percent| u8::try_from(percent).unwrap_or(100)));
        Ok(())
    }

    fn clock(&self) -> Option<Duration> {
        self.inner.clock()
    }

    fn cancel_asked(&mut self) {
        self.inner.cancel_asked();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_ssh_the_name_is_that_of_term() {
        let named = |env: TerminalEnv, term: &str| named(env, term).program;
        for (term, name) in [
            ("xterm-kitty", "kitty"),
            ("xterm-ghostty", "ghostty"),
            ("foot-extra", "foot"),
            ("xterm-256color", ""),
            ("tmux-256color", ""),
        ] {
            assert_eq!(named(TerminalEnv::default(), term), name, "{term}");
        }
        let told = TerminalEnv { program: "iTerm2 3.6".to_owned(), ..TerminalEnv::default() };
        assert_eq!(named(told, "xterm-kitty"), "iTerm2 3.6");
        assert_eq!(named(TerminalEnv { tmux: true, ..TerminalEnv::default() }, "xterm-kitty"), "");
    }
}
