//! State shared by the program's thread and the I/O thread: the terminal, and whether this program has it.
//!
//! Reads, writes and changes of mode happen with [`TerminalState`] locked, and none of them blocks. So once the
//! terminal is given away, not a byte is read or written any more.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use rustix::termios::Termios;

use super::capabilities::Capabilities;
use super::flow::Flow;
use super::input::Report;
use super::options::{Modes, SessionOptions};
use super::painter::ColorDepth;
use super::questions;
use super::tty::Tty;

/// Timeout of the write that restores the terminal.
const LEAVE_LIMIT: Duration = Duration::from_millis(500);
/// Shortest and longest wait for outstanding answers before the terminal is given away.
const SETTLE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The terminal and its state. See the module's documentation.
#[derive(Debug)]
pub(super) struct SharedTerminal {
    pub(super) tty: Tty,
    pub(super) options: SessionOptions,
    /// The thread that owns the session: its panic ends the session.
    pub(super) owner: ThreadId,
    wake: UnixStream,
    state: Mutex<TerminalState>,
    /// The terminal answered something.
    answered: Condvar,
    /// Line settings at the start: for a panic that finds `state` locked.
    original: Termios,
    /// Texts of panics of other threads, which didn't end the program.
    panics: Mutex<Panics>,
}

#[derive(Debug, Default)]
struct Panics {
    texts: Vec<String>,
    /// How many of them have been reported to the program.
    told: usize,
}

#[derive(Debug)]
pub(super) struct TerminalState {
    /// Whether this program has the terminal: raw, with its modes set.
    pub(super) attached: bool,
    /// A child process has the terminal.
    pub(super) lent: bool,
    /// Whether the terminal's thread has taken the signals that came while a child had the terminal.
    pub(super) signals: TakenSignals,
    /// The session has ended, and the I/O thread has to.
    pub(super) over: bool,
    /// The terminal has hung up.
    pub(super) gone: bool,
    pub(super) flow: Flow,
    pub(super) capabilities: Capabilities,
    /// What is switched on besides what every terminal gets.
    pub(super) modes: Modes,
    pub(super) asked: Asked,
    /// Bytes that remove pictures, for when the terminal is given back.
    pub(super) leaving: Vec<u8>,
    /// Bytes to be written, and how many of them are.
    out: Vec<u8>,
    written: usize,
    /// Nothing was written since the terminal became ours.
    untouched: bool,
    /// Line settings to go back to.
    saved: Termios,
}

/// The questions that the terminal has not all answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Nothing,
    /// Who it is.
    Who,
    /// What pictures it shows.
    Pictures,
}

/// Handshake of [`SharedTerminal::take_signals`] with the terminal's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenSignals {
    /// To be taken in the next round of the terminal's thread.
    Wanted,
    /// That round has begun.
    Taking,
    Taken,
}

impl SharedTerminal {
    pub(super) fn new(tty: Tty, options: SessionOptions, wake: UnixStream) -> io::Result<SharedTerminal> {
        let saved = tty.attributes()?;
        let state = TerminalState {
            attached: false,
            lent: false,
            signals: TakenSignals::Taken,
            over: false,
            gone: false,
            flow: Flow::new(options.flow_control),
            capabilities: Capabilities::default(),
            modes: Modes::default(),
            asked: Asked::Nothing,
            leaving: Vec::new(),
            out: Vec::new(),
            written: 0,
            untouched: true,
            saved: saved.clone(),
        };
        Ok(SharedTerminal {
            tty,
            options,
            owner: std::thread::current().id(),
            wake,
            state: Mutex::new(state),
            answered: Condvar::new(),
            original: saved,
            panics: Mutex::default(),
        })
    }

    /// A panic with the lock held leaves nothing half done that matters more than restoring the terminal.
    pub(super) fn state(&self) -> MutexGuard<'_, TerminalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the terminal's thread look at what has changed.
    pub(super) fn wake(&self) {
        // Fails if the pipe is full, then it wakes up anyway; or closed, then the thread has ended.
        let _ = rustix::io::write(&self.wake, &[0]);
    }

    /// Takes the terminal: raw mode now; the modes and questions are written together with the first frame.
    pub(super) fn enter(&self, state: &mut TerminalState) -> io::Result<()> {
        if state.attached {
            // Another program may have changed the modes meanwhile. Leave first, so that enter and leave stay balanced.
            let saved = state.saved.clone();
            self.leave(state);
            state.saved = saved;
        } else {
            state.saved = self.tty.attributes()?;
        }
        let mut raw = state.saved.clone();
        raw.make_raw();
        self.tty.set_attributes(&raw)?;
        self.tty.set_blocking(false)?;
        state.attached = true;
        state.lent = false;
        state.untouched = true;
        state.flow.reset();
        self.options.push_enter(&mut state.out);
        if !state.capabilities.complete && self.options.queries {
            self.ask_who(state);
        } else {
            state.push_modes(&self.options);
        }
        Ok(())
    }

    /// Colours that the terminal has, as far as it has answered.
    pub(super) fn depth(&self, state: &TerminalState) -> ColorDepth {
        state.capabilities.depth(self.options.depth, &self.options.term)
    }

    /// Asks who the terminal is. The next frame has to be a whole one.
    fn ask_who(&self, state: &mut TerminalState) {
        state.out.extend(questions::who());
        state.out.extend(questions::true_color(self.options.depth, &self.options.term));
        state.out.extend_from_slice(questions::LAST);
        state.asked = Asked::Who;
    }

    /// Asks again, since the terminal may be another one by now: all with `whole`, before a whole frame; else only
    /// tmux for the terminal that it is in.
    pub(super) fn ask_again(&self, state: &mut TerminalState, whole: bool) {
        if !state.attached || !self.options.queries || state.asked != Asked::Nothing {
            return;
        }
        state.capabilities.doubt_outer();
        if whole {
            self.ask_who(state);
        } else if state.capabilities.is_tmux() && self.options.asks_outer() {
            state.out.extend(questions::outer());
            // A newer tmux keeps the terminal's answer about its background to itself, and gives its own.
            state.out.extend_from_slice(questions::BACKGROUND);
        }
    }

    /// Gives the terminal back as it was. Does nothing if it isn't ours.
    pub(super) fn leave(&self, state: &mut TerminalState) {
        if !state.attached {
            return;
        }
        state.attached = false;
        // The rest of a frame that isn't out by now would only delay this, and nobody would see it.
        let cut = state.written > 0;
        state.out.clear();
        state.written = 0;
        state.flow.reset();
        state.asked = Asked::Nothing;
        let modes = std::mem::take(&mut state.modes);
        if !state.untouched {
            let mut bytes = Vec::new();
            let pictures = std::mem::take(&mut state.leaving);
            self.options.push_leave(cut, modes, &pictures, &mut bytes);
            // Fails if the terminal is gone or takes nothing: then there is nothing to restore, or no way to.
            let _ = self.tty.write_within(&bytes, LEAVE_LIMIT);
        }
        // Keys and answers that came too late for us aren't meant for the next program either.
        self.tty.drop_input();
        let _ = self.tty.set_attributes(&state.saved);
        let _ = self.tty.set_blocking(true);
    }

    /// Gives the terminal back from a panic, where any lock may be held, even by this thread.
    pub(super) fn leave_whatever_happens(&self) {
        for _ in 0..100 {
            match self.state.try_lock() {
                Ok(mut state) => return self.leave(&mut state),
                Err(TryLockError::Poisoned(state)) => return self.leave(&mut state.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        let mut bytes = Vec::new();
        self.options.push_leave(true, Modes::ALL, &[], &mut bytes);
        let _ = self.tty.write_within(&bytes, LEAVE_LIMIT);
        let _ = self.tty.set_attributes(&self.original);
        let _ = self.tty.set_blocking(true);
    }

    /// Waits until the terminal has answered what it was asked, for a while: an answer that comes when the
    /// terminal is no longer ours would be typed into the next program.
    pub(super) fn settle(&self) {
        let mut state = self.state();
        let answers = state.flow.terminal_answers();
        let limit = match state.flow.round_trip() {
            Some(took) => (took * 3).clamp(SETTLE.0, SETTLE.1),
            None => SETTLE.0 * 2,
        };
        let end = Instant::now() + limit;
        while state.attached
            && !state.gone
            && (state.asked != Asked::Nothing || answers && state.flow.owed() > 0)
        {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.answered.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the terminal's thread has received all pending signals: the Ctrl+C that ended a child must not
    /// end this program afterwards.
    pub(super) fn take_signals(&self) {
        let mut state = self.state();
        state.signals = TakenSignals::Wanted;
        self.wake();
        let waiting = |state: &mut TerminalState| state.signals != TakenSignals::Taken && !state.over;
        let limit = SETTLE.1;
        drop(self.answered.wait_timeout_while(state, limit, waiting).unwrap_or_else(PoisonError::into_inner));
    }

    /// The terminal answered something, or hung up.
    pub(super) fn tell_answered(&self) {
        self.answered.notify_all();
    }

    /// Writes what the link takes. True if a frame that was refused should be tried again.
    pub(super) fn flush(&self, state: &mut TerminalState) -> bool {
        while state.attached && !state.gone && state.written < state.out.len() {
            match self.tty.write(&state.out[state.written..]) {
                Ok(0) => return false,
                Ok(n) => {
                    state.written += n;
                    state.untouched = false;
                }
                Err(_) => state.gone = true,
            }
        }
        if state.gone || state.out.is_empty() {
            return false;
        }
        state.out.clear();
        state.written = 0;
        state.flow.written()
    }

    pub(super) fn keep_panic(&self, text: String) {
        self.panics().texts.push(text);
        self.wake();
    }

    /// Panics that have not been reported to the program yet.
    pub(super) fn new_panics(&self) -> Vec<String> {
        let mut panics = self.panics();
        let new = panics.texts[panics.told..].to_vec();
        panics.told = panics.texts.len();
        new
    }

    /// All panics, for when the terminal is free to print them.
    pub(super) fn take_panics(&self) -> Vec<String> {
        std::mem::take(&mut *self.panics()).texts
    }

    fn panics(&self) -> MutexGuard<'_, Panics> {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TerminalState {
    /// Puts bytes behind those that are still to be written.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Something is still to be written.
    pub(super) fn unwritten(&self) -> bool {
        self.attached && !self.gone && !self.out.is_empty()
    }

    /// Takes an answer, and puts what follows from it behind what is still to be written. True if there is any.
    pub(super) fn hear(&mut self, report: &Report, options: &SessionOptions) -> bool {
        self.capabilities.hear(report);
        if !self.attached {
            return false;
        }
        let before = self.out.len();
        match (report, self.asked) {
            (Report::DeviceAttributes(_), Asked::Who) => {
                self.capabilities.known = true;
                if options.pictures {
                    self.out.extend(questions::pictures(&self.capabilities));
                } else if options.asks_outer() && self.capabilities.is_tmux() {
                    self.out.extend(questions::outer());
                }
                if options.notifications {
                    self.out.extend(questions::notifications(&self.capabilities));
                }
                self.push_modes(options);
                if options.has_colours() {
                    self.out.extend(questions::colours(&self.capabilities));
                }
                self.out.extend_from_slice(questions::LAST);
                self.asked = Asked::Pictures;
            }
            (Report::DeviceAttributes(_), Asked::Pictures) => {
                self.capabilities.complete = true;
                self.asked = Asked::Nothing;
            }
            (Report::Version(_), _) => {
                let can = &self.capabilities;
                let asked = [
                    options.pictures.then(|| questions::graphics_of_outer(can)),
                    options.notifications.then(|| questions::notifications_of_outer(can)),
                    options.has_colours().then(|| questions::colours_of_outer(can)),
                ];
                self.out.extend(asked.into_iter().flatten().flatten().flatten());
            }
            _ => {}
        }
        self.out.len() > before
    }

    /// Switches on what a terminal has that said who it is. The title comes after questions which a terminal could take
    /// for one.
    fn push_modes(&mut self, options: &SessionOptions) {
        let Capabilities { kitty_keyboard, alt_is_a_letter, .. } = self.capabilities;
        let wanted =
            Modes { kitty: kitty_keyboard, alt: alt_is_a_letter, title: self.capabilities.has_title() };
        options.push_modes(wanted, &mut self.modes, &mut self.out);
    }
}
