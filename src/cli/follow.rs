//! Following a run through the store: what happens to it, as it happens.
//!
//! A change of the history, the end of the runner and Ctrl+C wake the follower up. Behind them stands a clock, since
//! not every disk tells of changes.

use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use super::{Exit, Failure};
use crate::config::Dirs;
use crate::domain::{Run, RunEvent, RunId, Status};
use crate::report::human;
use crate::runner::{self, Restarts, RunnerError};
use crate::store::{
    ChangeMark, LogLine, LogReader, RunQuery, Store, StoreError, StoredEvent, Watcher, watch,
};

/// Log lines that are read at once.
const LINES: usize = 512;

/// Wakes that may wait. More changes than that are one change.
const WAKES: usize = 16;

/// How often the history is looked at where the system cannot tell of changes.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// And where it should tell: some disks do not.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Receiver of a run's progress and events.
pub trait Listener {
    /// Something that stays, in order.
    fn event(&mut self, run: &Run, stored: &StoredEvent);
    /// Something of which only the latest counts.
    fn transient(&mut self, run: &Run, event: &RunEvent);
    /// Lines of the log, in order, each told once.
    fn log(&mut self, run: &Run, lines: &[LogLine]);
    /// A moment to show what was told.
    ///
    /// # Errors
    /// When there is nowhere to show it any more.
    fn show(&mut self, run: &Run) -> io::Result<()>;
    /// How soon to be shown again though nothing happens.
    fn clock(&self) -> Option<Duration> {
        None
    }
    /// The person has asked for the end.
    fn cancel_asked(&mut self) {}
}

/// Follows a run to its end, and says how it ended. With `interrupts`, Ctrl+C asks the run to end, and a second one
/// leaves.
///
/// # Errors
/// Unless it ended well.
pub fn to_the_end(
    dirs: &Dirs,
    store: &Store,
    id: RunId,
    interrupts: Option<Interrupts>,
    to: &mut dyn Listener,
) -> Result<Exit, Failure> {
    // Whatever goes wrong on the way, how the run ends is not known here.
    let mut follower = Follower::new(dirs, store, id, interrupts).map_err(Failure::after_sending)?;
    match follower.follow(to).map_err(Failure::after_sending)? {
        Followed::ToTheEnd => match Exit::of(follower.run()) {
            Exit::Success => Ok(Exit::Success),
            exit => Err(Failure::new(exit, human::failure(follower.run()))),
        },
        Followed::Left => Err(Failure::new(
            Exit::Cancelled,
            format!(
                "stopped waiting for run {id}, which is being cancelled; `comfydeck show {id}` shows how it ended"
            ),
        )),
    }
}

/// How following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The run has ended.
    ToTheEnd,
    /// The person left before.
    Left,
}

enum Wake {
    Changed,
    RunnerGone(Result<(), RunnerError>),
    Interrupt,
}

/// Ctrl+C from here on, for a run that is to be followed.
#[derive(Debug)]
pub struct Interrupts(Signals);

impl Interrupts {
    /// Takes Ctrl+C from the system.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn take() -> Result<Self, Failure> {
        Signals::new([SIGINT]).map(Self).map_err(|e| Failure::usage(format!("Ctrl+C cannot be handled: {e}")))
    }
}

/// Follows one run.
pub struct Follower<'a> {
    dirs: &'a Dirs,
    store: &'a Store,
    run: Run,
    seq: i64,
    mark: Option<ChangeMark>,
    log: LogReader,
    told_lines: usize,
    wake: SyncSender<Wake>,
    wakes: Receiver<Wake>,
    watcher: Option<Watcher>,
    restarts: Restarts,
    interrupted: bool,
    /// The person knows that the disk is full.
    told_trouble: bool,
}

impl<'a> Follower<'a> {
    /// Follows a run from its first event and log line on. With `interrupts`, Ctrl+C asks the run to end,
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
        let (wake, wakes) = sync_channel(WAKES);
        let changed = wake.clone();
        // One that finds the channel full is not needed: the follower is about to look anyway.
        let watcher = watch(dirs, move || drop(changed.try_send(Wake::Changed))).ok();
        if let Some(Interrupts(mut signals)) = interrupts {
            let wake = wake.clone();
            spawn("ctrl+c", move || {
                signals.forever().try_for_each(|_| wake.send(Wake::Interrupt)).unwrap_or_default();
            })?;
        }
        let whole = store.run(id)?.ok_or(StoreError::NoSuchRun(id))?;
        let run = Run::queued(id, whole.request, whole.queued_at);
        let log = store.log(id);
        let follower = Self {
            dirs,
            store,
            run,
            seq: 0,
            mark: None,
            log,
            told_lines: 0,
            wake,
            wakes,
            watcher,
            restarts: Restarts::default(),
            interrupted: false,
            told_trouble: false,
        };
        follower.await_the_runners_end()?;
        Ok(follower)
    }

    /// The run as far as it was told.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Tells everything until the run has ended or the person has left.
    ///
    /// # Errors
    /// When the history cannot be read any more, no runner stays, or there is nowhere to tell.
    pub fn follow(&mut self, to: &mut dyn Listener) -> Result<Followed, Failure> {
        loop {
            self.take_in(to)?;
            self.look_at_the_disk(to);
            to.show(&self.run)?;
            if self.run.status.is_end() {
                return Ok(Followed::ToTheEnd);
            }
            if self.wait(to)?.is_break() {
                return Ok(Followed::Left);
            }
        }
    }

    /// Tells of a full disk at once, though nobody can write it down.
    fn look_at_the_disk(&mut self, to: &mut dyn Listener) {
        let trouble = self.store.disk_trouble().filter(|_| !self.run.status.is_end());
        if let Some(text) = trouble.clone().filter(|_| !self.told_trouble) {
            let event = RunEvent::Warning { text };
            to.event(&self.run, &StoredEvent { seq: self.seq, at: crate::store::now(), event });
        }
        self.told_trouble = trouble.is_some();
    }

    /// Waits until there may be something to tell.
    fn wait(&mut self, to: &mut dyn Listener) -> Result<ControlFlow<()>, Failure> {
        let look = if self.watcher.is_some() { LOOK_ANYWAY } else { LOOK_AGAIN };
        match self.wakes.recv_timeout(to.clock().map_or(look, |clock| clock.min(look))) {
            Ok(Wake::Interrupt) if self.interrupted => return Ok(ControlFlow::Break(())),
            Ok(Wake::Interrupt) => {
                self.interrupted = true;
                runner::cancel(self.store, self.dirs, self.run.id)?;
                to.cancel_asked();
            }
            Ok(Wake::RunnerGone(gone)) => {
                gone?;
                self.replace_the_runner()?;
            }
            Ok(Wake::Changed) | Err(_) => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The runner has ended: with the run, or before its time. Then the next one says what became of the run.
    fn replace_the_runner(&mut self) -> Result<(), Failure> {
        let now = self.store.run(self.run.id)?;
        if now.is_none_or(|run| run.status.is_end()) {
            return Ok(());
        }
        self.restarts.next(self.dirs)?;
        self.await_the_runners_end()
    }

    fn await_the_runners_end(&self) -> Result<(), Failure> {
        let (dirs, wake) = (self.dirs.clone(), self.wake.clone());
        // Nobody follows any more when it cannot be sent.
        spawn("runner's end", move || drop(wake.send(Wake::RunnerGone(runner::gone(&dirs)))))
    }

    fn take_in(&mut self, to: &mut dyn Listener) -> Result<(), Failure> {
        let mark = self.store.change_mark()?;
        if self.mark != Some(mark) {
            self.mark = Some(mark);
            for stored in self.store.events_after(self.run.id, self.seq)? {
                self.restarts.run_moved();
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
        Ok(())
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
        while self.told_lines < count {
            let lines = self.log.lines(self.told_lines..count.min(self.told_lines + LINES))?;
            if lines.is_empty() {
                break;
            }
            self.told_lines += lines.len();
            to.log(&self.run, &lines);
            // A huge log is not gathered in memory.
            to.show(&self.run)?;
        }
        Ok(())
    }
}

/// What the server says in its log comes before its result.
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
