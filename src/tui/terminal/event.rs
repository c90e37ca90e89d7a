//! Events of a terminal session, up to the reason to end.

use crossterm::event::Event;
use signal_hook::consts::SIGHUP;

use super::capabilities::Capabilities;

/// An event of the terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum TermEvent {
    /// A key (never its release), a paste, the mouse, focus; or `Event::Resize(columns, rows)`.
    Input(Event),
    /// The paste before this one was too long and was cut (see [`super::input::LONGEST_PASTE`]).
    PasteCut,
    /// A frame that [`super::Session::may_draw`] refused may be tried now.
    Ready,
    /// The terminal told what it can do, or what its background is.
    Capabilities(Capabilities),
    /// Somebody asked the program to stop (SIGTSTP): call [`super::Session::suspend`].
    Suspend,
    /// The program goes on after it was stopped: call [`super::Session::resume`] and draw.
    Continued,
    /// Another thread than the session's panicked; the screen wasn't touched. The text also goes to standard error
    /// when the session is over.
    Panicked(String),
    /// The program must end: drop the session within three seconds, then call [`ExitCause::exit`]. If the session
    /// is still there after that time, the terminal is restored and the process ended without you.
    End(ExitCause),
}

/// Why the program must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCause {
    /// A signal: SIGTERM, SIGHUP, SIGINT or SIGQUIT.
    Signal(i32),
    /// The terminal is gone.
    HungUp,
}

impl ExitCause {
    /// Ends the process as the signal would have, so that whoever started it sees why.
    pub fn exit(self) -> ! {
        let signal = match self {
            ExitCause::Signal(signal) => signal,
            ExitCause::HungUp => SIGHUP,
        };
        // Returns only if the signal can't be raised.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        std::process::exit(128 + signal)
    }
}
