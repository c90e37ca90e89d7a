//! Follows a run in the store while it happens.
//!
//! The follower wakes up on changes of the history, at the end of the runner and on Ctrl+C. A timer stands behind
//! these, since not every file system reports changes.

use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use super::{Exit, Failure};
use crate::config::Dirs;
use crate::domain::batch::Hold;
use crate::domain::{Run, RunEvent, RunId, Status};
use crate::report::human;
use crate::runner::{self, Restarts, RunnerError};
use crate::store::{
    ChangeMark, LogLine, LogReader, RunQuery, Store, StoreError, StoredEvent, Watcher, watch,
};

/// Log lines per read.
const LINES: usize = 512;

/// Capacity of the wake channel; further changes are covered by those waiting.
const WAKES: usize = 16;

/// Polling interval when changes cannot be watched.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Polling interval when they can, since some file systems do not report them.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Receiver of a run's progress and events.
pub trait Listener {
    /// A stored event, in order.
    fn event(&mut self, run: &Run, stored: &StoredEvent);
    /// A transient event, of which only the newest counts.
    fn transient(&mut self, run: &Run, event: &RunEvent);
    /// Lines of the log, in order, each once.
    fn log(&mut self, run: &Run, lines: &[LogLine]);
    /// Shows what was passed since the last call.
    ///
    /// # Errors
    /// When the output cannot be written any more.
    fn show(&mut self, run: &Run) -> io::Result<()>;
    /// Interval after which to show again without any event.
    fn clock(&self) -> Option<Duration> {
        None
    }
    /// The person pressed Ctrl+C.
    fn cancel_asked(&mut self) {}
}

/// Follows a run to its end and returns its exit code. With `interrupts`, Ctrl+C cancels the run
/// and a second one leaves.
///
/// # Errors
/// Unless the run ended well.
pub fn to_the_end(
    dirs: &Dirs,
    store: &Store,
    id: RunId,
    interrupts: Option<Interrupts>,
    to: &mut dyn Listener,
) -> Result<Exit, Failure> {
    // Whatever fails from here on, the run's end is unknown.
    let mut follower = Follower::new(dirs, store, id, interrupts).map_err(Failure::after_sending)?;
    match follower.follow(to).map_err(Failure::after_sending)? {
        Followed::ToTheEnd => match Exit::of(follower.run()) {
            Exit::Success => Ok(Exit::Success),
            exit => Err(Failure::new(exit, human::failure(follower.run()))),
        },
        Followed::Held(hold) => {
            let remedy = hold.remedy_of_runs().map(|remedy| format!(". {remedy}")).unwrap_or_default();
            Err(Failure::new(Exit::Failed, format!("run {id} is {}{remedy}", hold.why())))
        }
        Followed::Left => Err(Failure::new(
            Exit::Cancelled,
            format!(
                "stopped waiting for run {id}, which is being cancelled; `comfydeck show {id}` shows how it ended"
            ),
        )),
    }
}

/// Whether the run has ended or was left at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    ToTheEnd,
    /// It waits and does not go on by itself.
    Held(Hold),
    /// The person left before the run's end.
    Left,
}

/// Why a wait is over.
pub(super) enum Wake {
    /// There may be something to tell.
    Changed,
    RunnerGone(Result<(), RunnerError>),
    Interrupt,
}

/// Ctrl+C presses, from the time this is created.
#[derive(Debug)]
pub struct Interrupts(Signals);

impl Interrupts {
    /// Catches Ctrl+C.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn take() -> Result<Self, Failure> {
        Signals::new([SIGINT]).map(Self).map_err(|e| Failure::usage(format!("Ctrl+C cannot be handled: {e}")))
    }
}

/// Waits for changes of the history, the end of the runner and Ctrl+C.
pub(super) struct Waiter {
    dirs: Dirs,
    wake: SyncSender<Wake>,
    wakes: Receiver<Wake>,
    watcher: Option<Watcher>,
    restarts: Restarts,
}

impl Waiter {
    pub(super) fn new(dirs: &Dirs, interrupts: Option<Interrupts>) -> Result<Self, Failure> {
        let (wake, wakes) = sync_channel(WAKES);
        let changed = wake.clone();
        // A wake that finds the channel full is not needed: the follower will look anyway.
        let watcher = watch(dirs, move || drop(changed.try_send(Wake::Changed))).ok();
        if let Some(Interrupts(mut signals)) = interrupts {
            let wake = wake.clone();
            spawn("ctrl+c", move || {
                signals.forever().try_for_each(|_| wake.send(Wake::Interrupt)).unwrap_or_default();
            })?;
        }
        let waiter = Self { dirs: dirs.clone(), wake, wakes, watcher, restarts: Restarts::default() };
        waiter.await_the_runners_end()?;
        Ok(waiter)
    }

    /// Waits until there may be something to tell; not for longer than `clock`.
    pub(super) fn wait(&self, clock: Option<Duration>) -> Wake {
        let look = if self.watcher.is_some() { LOOK_ANYWAY } else { LOOK_AGAIN };
        self.wakes.recv_timeout(clock.map_or(look, |clock| clock.min(look))).unwrap_or(Wake::Changed)
    }

    /// Something was done for what is followed.
    pub(super) fn moved(&mut self) {
        self.restarts.run_moved();
    }

    /// The runner has ended before its time: the next one says what became of what is followed.
    pub(super) fn replace_the_runner(&mut self) -> Result<(), Failure> {
        self.restarts.next(&self.dirs)?;
        self.await_the_runners_end()
    }

    fn await_the_runners_end(&self) -> Result<(), Failure> {
        let (dirs, wake) = (self.dirs.clone(), self.wake.clone());
        // Nobody follows any more when it cannot be sent.
        spawn("runner's end", move || drop(wake.send(Wake::RunnerGone(runner::gone(&dirs)))))
    }
}

/// The events and log lines of one run that were not passed on yet.
pub(super) struct RunFeed<'a> {
    store: &'a Store,
    /// With all events passed so far.
    pub(super) run: Run,
    seq: i64,
    log: LogReader,
    lines_passed: usize,
}

impl<'a> RunFeed<'a> {
    pub(super) fn new(store: &'a Store, id: RunId) -> Result<Self, Failure> {
        let whole = store.run(id)?.ok_or(StoreError::NoSuchRun(id))?;
        let run = Run::queued(id, whole.request, whole.queued_at);
        Ok(Self { store, run, seq: 0, log: store.log(id), lines_passed: 0 })
    }

    /// Passes on what is new; events only when the history has `changed`. Returns whether there were any.
    pub(super) fn take_in(&mut self, changed: bool, to: &mut dyn Listener) -> Result<bool, Failure> {
        let mut moved = false;
        if changed {
            for stored in self.store.events_after(self.run.id, self.seq)? {
                moved = true;
                if is_behind_the_log(&stored.event) {
                    self.take_in_log(to, matches!(stored.event, RunEvent::Ended(_)))?;
                }
                self.run.apply(&stored.event, stored.at);
                self.seq = stored.seq;
                to.event(&self.run, &stored);
            }
            self.take_in_transients(to)?;
        }
        if self.run.status > Status::Waiting && !self.run.status.is_end() {
            self.take_in_log(to, false)?;
        }
        Ok(moved)
    }

    fn take_in_transients(&mut self, to: &mut dyn Listener) -> Result<(), Failure> {
        let id = self.run.id;
        let newest =
            self.store.summaries(&RunQuery { before: Some(id + 1), limit: 1, ..RunQuery::default() })?;
        let Some(newest) = newest.into_iter().find(|run| run.id == id) else { return Ok(()) };
        let upload = newest.upload.filter(|now| self.run.upload != Some(*now)).map(RunEvent::Upload);
        let download = newest.download.filter(|now| self.run.download != Some(*now)).map(RunEvent::Download);
        let progress = newest.progress.filter(|now| self.run.progress.as_ref() != Some(now));
        let connection = newest.connection.map(|now| now.state);
        let known = self.run.connection.map(|known| known.state);
        let connection =
            connection.filter(|now| known != Some(*now)).map(|state| RunEvent::Connection { state });
        let progress = progress.map(RunEvent::Progress);
        let queue = newest.queue.filter(|now| self.run.queue != Some(*now));
        let queue = queue.map(|before| RunEvent::Queue { before });
        for event in [connection, upload, queue, progress, download].into_iter().flatten() {
            // After the end nothing changes any more, and nothing is told.
            if !self.run.status.is_end() {
                self.run.apply(&event, newest.phase_at);
                to.transient(&self.run, &event);
            }
        }
        Ok(())
    }

    /// Tells the log as far as it is settled, or to its end.
    fn take_in_log(&mut self, to: &mut dyn Listener, to_the_end: bool) -> Result<(), Failure> {
        self.log.refresh()?;
        let count = if to_the_end { self.log.line_count() } else { self.log.settled_count() };
        while self.lines_passed < count {
            let lines = self.log.lines(self.lines_passed..count.min(self.lines_passed + LINES))?;
            if lines.is_empty() {
                break;
            }
            self.lines_passed += lines.len();
            to.log(&self.run, &lines);
            // A huge log is not gathered in memory.
            to.show(&self.run)?;
        }
        Ok(())
    }
}

/// Follows one run.
pub struct Follower<'a> {
    dirs: &'a Dirs,
    store: &'a Store,
    feed: RunFeed<'a>,
    waiter: Waiter,
    mark: Option<ChangeMark>,
    interrupted: bool,
    /// Whether the person was told that the disk is full.
    has_warned_full: bool,
}

impl<'a> Follower<'a> {
    /// Follows a run from its first event and log line. With `interrupts`, Ctrl+C cancels the run
    /// and a second one leaves.
    ///
    /// # Errors
    /// When the run cannot be read.
    pub fn new(
        dirs: &'a Dirs,
        store: &'a Store,
        id: RunId,
        interrupts: Option<Interrupts>,
    ) -> Result<Self, Failure> {
        let waiter = Waiter::new(dirs, interrupts)?;
        let feed = RunFeed::new(store, id)?;
        Ok(Self { dirs, store, feed, waiter, mark: None, interrupted: false, has_warned_full: false })
    }

    /// The run with all events passed so far.
    pub fn run(&self) -> &Run {
        &self.feed.run
    }

    /// Passes on everything until the run has ended or the person has left.
    ///
    /// # Errors
    /// When the history cannot be read, runners keep ending, or the output cannot be written.
    pub fn follow(&mut self, to: &mut dyn Listener) -> Result<Followed, Failure> {
        loop {
            let mark = self.store.change_mark()?;
            let changed = self.mark.replace(mark) != Some(mark);
            if self.feed.take_in(changed, to)? {
                self.waiter.moved();
            }
            self.look_at_the_disk(to);
            to.show(self.run())?;
            if self.run().status.is_end() {
                return Ok(Followed::ToTheEnd);
            }
            if changed && let Some(hold) = self.held()? {
                return Ok(Followed::Held(hold));
            }
            if self.wait(to)?.is_break() {
                return Ok(Followed::Left);
            }
        }
    }

    /// Why it is held, where it has not been sent.
    fn held(&self) -> Result<Option<Hold>, Failure> {
        if self.run().status != Status::Queued {
            return Ok(None);
        }
        let id = self.run().id;
        let only = RunQuery { before: Some(id + 1), limit: 1, ..RunQuery::default() };
        Ok(self.store.summaries(&only)?.into_iter().find(|run| run.id == id).and_then(|run| run.held))
    }

    /// Reports a full disk at once: the runner cannot write it to the history.
    fn look_at_the_disk(&mut self, to: &mut dyn Listener) {
        let trouble = self.store.disk_trouble().filter(|_| !self.run().status.is_end());
        if let Some(text) = trouble.clone().filter(|_| !self.has_warned_full) {
            let event = RunEvent::Warning { text };
            to.event(self.run(), &StoredEvent { seq: self.feed.seq, at: crate::store::now(), event });
        }
        self.has_warned_full = trouble.is_some();
    }

    /// Waits until there may be something to tell.
    fn wait(&mut self, to: &mut dyn Listener) -> Result<ControlFlow<()>, Failure> {
        let id = self.run().id;
        match self.waiter.wait(to.clock()) {
            Wake::Interrupt if self.interrupted => return Ok(ControlFlow::Break(())),
            Wake::Interrupt => {
                self.interrupted = true;
                runner::cancel(self.store, self.dirs, id)?;
                to.cancel_asked();
            }
            Wake::RunnerGone(gone) => {
                gone?;
                if self.store.run(id)?.is_some_and(|run| !run.status.is_end()) {
                    self.waiter.replace_the_runner()?;
                }
            }
            Wake::Changed => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether the log is passed on before this event: the server's messages come before its result.
fn is_behind_the_log(event: &RunEvent) -> bool {
    matches!(
        event,
        RunEvent::Phase { status: Status::Downloading }
            | RunEvent::OutputSaved(_)
            | RunEvent::OutputFailed(_)
            | RunEvent::Ended(_)
    )
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(|e| Failure::new(Exit::Lost, format!("the run cannot be followed: {e}")))
}
