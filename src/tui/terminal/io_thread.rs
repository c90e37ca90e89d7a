//! The I/O thread of a session: reads the terminal, writes what it didn't accept at once, and receives signals.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::Event;
use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::event::{ExitCause, TermEvent};
use super::input::{Decoder, Input, Report};
use super::shared::{SharedTerminal, TakenSignals as Taken};
use super::tty::{Read, poll};

/// Name of the thread.
pub(super) const THREAD: &str = "terminal";

/// Grace period after SIGTERM, SIGHUP, SIGINT, SIGQUIT or a hang-up; then the process is ended.
const END_LIMIT: Duration = Duration::from_secs(3);

/// Longest delay between sending a signal and the thread that the system chose receiving it.
const SIGNAL_DELAY: Duration = Duration::from_millis(20);

type Signals = SignalDelivery<UnixStream, SignalOnly>;

/// Starts the thread. It ends when the session is over.
pub(super) fn start(
    shared: Arc<SharedTerminal>,
    woken: UnixStream,
    signals: Signals,
    sink: impl FnMut(TermEvent) + Send + 'static,
) -> io::Result<()> {
    let mut thread = IoThread { shared, woken, signals, sink, decoder: Decoder::default(), ending: None };
    std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        // Without this thread there is no input; its panic has already restored the terminal.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| thread.run()));
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                thread.shared.leave_whatever_happens();
                let _ = writeln!(io::stderr(), "comfydeck: the terminal can't be waited for: {error}");
                std::process::exit(1);
            }
            Err(_) => std::process::exit(101),
        }
    })?;
    Ok(())
}

struct IoThread<Sink> {
    shared: Arc<SharedTerminal>,
    woken: UnixStream,
    signals: Signals,
    sink: Sink,
    decoder: Decoder,
    /// Why the program has to end, and when its grace period is over.
    ending: Option<(Instant, ExitCause)>,
}

impl<Sink: FnMut(TermEvent)> IoThread<Sink> {
    fn run(&mut self) -> io::Result<()> {
        loop {
            let (over, usable, unwritten, taking) = {
                let mut state = self.shared.state();
                if state.signals == Taken::Wanted {
                    state.signals = Taken::Taking;
                }
                (state.over, state.attached && !state.gone, state.unwritten(), state.signals == Taken::Taking)
            };
            if over {
                return Ok(());
            }
            let ready = self.wait(usable, unwritten, taking)?;
            self.take_signals();
            self.tell_taken();
            for text in self.shared.new_panics() {
                (self.sink)(TermEvent::Panicked(text));
            }
            if unwritten && self.flush() {
                (self.sink)(TermEvent::Ready);
            }
            if ready {
                self.read();
            }
            self.flush_decoder();
            if self.shared.state().gone {
                self.end(ExitCause::HungUp);
            }
            if let Some((at, end)) = self.ending
                && at <= Instant::now()
            {
                self.shared.leave_whatever_happens();
                end.exit();
            }
        }
    }

    /// Waits for an event; `true` if the terminal has input or has hung up. With `taking` only briefly: the
    /// other thread waits until the signals have been received, and the byte that wakes this thread for it may
    /// have been read before.
    fn wait(&mut self, usable: bool, unwritten: bool, taking: bool) -> io::Result<bool> {
        let now = Instant::now();
        let half_read = self.decoder.timeout(now);
        let ending = self.ending.map(|(at, _)| at.saturating_duration_since(now));
        let taking = taking.then_some(SIGNAL_DELAY);
        let limit = half_read.into_iter().chain(ending).chain(taking).min();
        let mut wanted = PollFlags::IN;
        if unwritten {
            wanted |= PollFlags::OUT;
        }
        let mut fds = vec![
            PollFd::new(&self.woken, PollFlags::IN),
            PollFd::new(self.signals.get_read(), PollFlags::IN),
        ];
        // While a child has the terminal, it is not polled at all: a hang-up would make poll return at once, forever.
        if usable {
            fds.push(PollFd::new(&self.shared.tty, wanted));
        }
        poll(&mut fds, limit)?;
        let woken = !fds[0].revents().is_empty();
        let ready = fds.get(2).is_some_and(|tty| !(tty.revents() - PollFlags::OUT).is_empty());
        if woken {
            while matches!(rustix::io::read(&self.woken, &mut [0; 64]), Ok(1..)) {}
        }
        Ok(ready)
    }

    fn take_signals(&mut self) {
        let signals: Vec<i32> = self.signals.pending().collect();
        for signal in signals {
            let lent = self.shared.state().lent;
            match signal {
                SIGWINCH => {
                    let size = self.shared.tty.size();
                    (self.sink)(TermEvent::Input(Event::Resize(size.width, size.height)));
                }
                // The child has the terminal, so these are for the child.
                SIGINT | SIGQUIT | SIGCONT if lent => {}
                // The child stops itself; the whole job has to stop with it.
                SIGTSTP if lent => {
                    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
                }
                SIGTSTP => (self.sink)(TermEvent::Suspend),
                // The kernel also sends SIGCONT with a hang-up, to wake stopped programs.
                SIGCONT if self.shared.tty.attributes().is_err() => self.end(ExitCause::HungUp),
                SIGCONT => (self.sink)(TermEvent::Continued),
                signal => self.end(ExitCause::Signal(signal)),
            }
        }
    }

    fn tell_taken(&self) {
        let mut state = self.shared.state();
        if state.signals == Taken::Taking {
            state.signals = Taken::Taken;
            drop(state);
            self.shared.tell_answered();
        }
    }

    fn flush(&mut self) -> bool {
        self.shared.flush(&mut self.shared.state())
    }

    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        let read = {
            let mut state = self.shared.state();
            if !state.attached {
                return;
            }
            let read = self.shared.tty.read(&mut buffer);
            state.gone |= read == Read::Gone;
            read
        };
        if let Read::Bytes(n) = read {
            let mut inputs = Vec::new();
            self.decoder.feed(&buffer[..n], Instant::now(), &mut inputs);
            self.tell(inputs);
        }
    }

    fn flush_decoder(&mut self) {
        let mut inputs = Vec::new();
        self.decoder.flush(Instant::now(), &mut inputs);
        self.tell(inputs);
    }

    fn tell(&mut self, inputs: Vec<Input>) {
        for input in inputs {
            match input {
                Input::Event(event) => {
                    self.shared.state().flow.heard();
                    (self.sink)(TermEvent::Input(event));
                }
                Input::PasteCut => (self.sink)(TermEvent::PasteCut),
                Input::Report(report) => self.report(report),
            }
        }
    }

    fn report(&mut self, report: Report) {
        let mut state = self.shared.state();
        let before = state.capabilities.clone();
        let mut ready = false;
        if state.hear(&report, &self.shared.options) {
            ready = self.shared.flush(&mut state);
        }
        match report {
            Report::Status => ready |= state.flow.answered(Instant::now()),
            Report::DeviceAttributes(_) => ready |= state.flow.probed(),
            _ => {}
        }
        let capabilities = (state.capabilities != before).then(|| state.capabilities.clone());
        drop(state);
        self.shared.tell_answered();
        if let Some(capabilities) = capabilities {
            (self.sink)(TermEvent::Capabilities(capabilities));
        }
        if ready {
            (self.sink)(TermEvent::Ready);
        }
    }

    fn end(&mut self, end: ExitCause) {
        if self.ending.is_none() {
            self.ending = Some((Instant::now() + END_LIMIT, end));
            self.shared.tell_answered();
            (self.sink)(TermEvent::End(end));
        }
    }
}
