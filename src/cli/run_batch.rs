//! `comfydeck run` with several runs: what they will be and cost, asked first, and followed to the end.

use std::collections::HashSet;
use std::io::IsTerminal;

use serde_json::{Map, Value};

use super::console::Console;
use super::follow::{Interrupts, Listener, RunFeed, Waiter, Wake};
use super::run_output::{JsonOutput, OutputMode};
use super::window::CommandWindow;
use super::{Exit, Failure, out};
use crate::config::{Config, Dirs, Profile};
use crate::domain::batch::{Batch, BatchId, Outline, Plan, Variations};
use crate::domain::prompt::Wildcards;
use crate::domain::spend::{Forecast, Usual};
use crate::domain::{Draft, Run, RunEvent, RunId, RunSummary, Status};
use crate::report::batch as report;
use crate::report::text::took;
use crate::runner::{self, NewRun};
use crate::store::{ChangeMark, LogLine, Store, StoreError, StoredEvent, now};
use crate::wire::ansi;

/// What a batch is made of.
pub(super) struct Order<'a> {
    /// What all runs have in common.
    pub(super) new: NewRun<'a>,
    pub(super) draft: &'a Draft,
    pub(super) plan: Plan,
    /// `None` to send templates as they are written.
    pub(super) wildcards: Option<&'a dyn Wildcards>,
    /// As the command line says.
    pub(super) most_cost: Option<f64>,
    pub(super) yes: bool,
    pub(super) dry_run: bool,
}

/// Says what the runs will be and cost, asks, queues them, and follows them to the end.
///
/// # Errors
/// When nobody agrees, or a sentence as [`super::run::main`].
pub(super) fn main(
    dirs: &Dirs,
    store: &Store,
    order: Order<'_>,
    manner: OutputMode,
) -> Result<Exit, Failure> {
    let profile = order.new.profile;
    let ceiling = Config::load(dirs).map_err(Failure::usage)?.spend.per_batch;
    let most_cost = order.most_cost.or(ceiling);
    if order.most_cost.is_some() && profile.cost_per_second.is_none() {
        return Err(Failure::usage(
            "--max-cost: the profile does not say what a second costs, so no ceiling can be held. Set its cost_per_second",
        ));
    }
    let outline = order.plan.outline();
    let usual = store.usual(order.new.workflow.hash())?;
    let forecast = Forecast::new(order.plan.len(), usual, profile.concurrency, profile.cost_per_second);
    let mut told = format!(
        "{}: {}\n{}{}",
        report::runs(forecast.runs),
        report::axes(&outline),
        report::axis_values(&outline),
        report::forecast(&forecast)
    );
    if profile.cost_per_second.is_none() {
        told += "; what they cost is not known: the profile has no cost_per_second";
    }
    if order.dry_run || (!order.yes && !is_asked()) {
        if manner.json {
            out::print(&format!("{}\n", report::json(None, &outline, &forecast, most_cost)))?;
        }
        out::note(told);
        if order.dry_run {
            out::note("nothing was sent");
            return Ok(Exit::Success);
        }
        return Err(Failure::usage(
            "nothing was sent: nobody is there to ask. --yes runs them without asking",
        ));
    }
    if !order.yes {
        out::note(&told);
        if !out::is_agreed(&format!("Run {}?", report::runs(forecast.runs)))? {
            return Err(Failure::usage("nothing was sent"));
        }
    }
    // From here on Ctrl+C is for the batch.
    let interrupts = if manner.detach { None } else { Some(Interrupts::take()?) };
    let mut variations =
        Variations::new(order.draft, order.plan, profile.protocol.caps().needs_a_value, fastrand::u64(..));
    let batch = runner::enqueue_batch(store, dirs, &order.new, &mut variations, order.wildcards, most_cost)?;
    let started = runner::ensure(dirs);
    started.map_err(|error| {
        Failure::new(Exit::Lost, format!("batch {batch} is queued, but not started: {error}"))
    })?;
    if manner.json {
        out::print(&format!("{}\n", report::json(Some(batch), &outline, &forecast, most_cost)))?;
    }
    if manner.detach {
        if !manner.json {
            out::print(&format!("{batch}\n"))?;
        }
        return Ok(Exit::Success);
    }
    follow(dirs, store, batch, manner, interrupts).map_err(Failure::after_sending)
}

fn is_asked() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Follows a batch until none of its runs goes on, and says how it ended. Ctrl+C cancels what has not ended, and a second
/// one leaves.
///
/// # Errors
/// Unless all of its runs ended well.
pub(super) fn follow(
    dirs: &Dirs,
    store: &Store,
    id: BatchId,
    manner: OutputMode,
    interrupts: Option<Interrupts>,
) -> Result<Exit, Failure> {
    let outline = store.outline(id)?.ok_or(StoreError::NoSuchBatch(id))?;
    let first = store.batch_runs(id, 0, 1)?.into_iter().next().ok_or(StoreError::NoSuchBatch(id))?;
    let profile = Config::load(dirs).ok().and_then(|config| config.profiles.get(&first.profile).cloned());
    let at_once = profile.as_ref().map_or(1, |profile: &Profile| profile.concurrency);
    let usual = store.usual(&first.workflow_hash)?;
    let teller: Teller = if manner.json {
        Teller::Program(JsonOutput::default())
    } else {
        Teller::Person(Box::new(Text {
            console: Console::stderr(),
            lines: Vec::new(),
            paths: String::new(),
            usual,
            at_once,
            logs: manner.logs,
        }))
    };
    let mut follower =
        BatchFollower { store, id, outline, teller, feeds: Vec::new(), told: HashSet::new(), mark: None };
    let mut waiter = Waiter::new(dirs, interrupts)?;
    let mut interrupted = false;
    let mut window = CommandWindow::of_stderr(dirs);
    loop {
        let (batch, moved) = follower.take_in()?;
        if moved {
            waiter.moved();
        }
        let goes_on = batch.count(Status::is_in_flight) > 0
            || batch.count(|status| status == Status::Queued) > batch.held.map_or(0, |(_, held)| held);
        follower.show(&batch, !goes_on)?;
        if let Some(window) = &mut window {
            tell_window(window, &batch, goes_on);
        }
        if !goes_on {
            return outcome(&batch);
        }
        match waiter.wait(follower.teller.clock()) {
            Wake::Interrupt if interrupted => {
                return Err(Failure::new(
                    Exit::Cancelled,
                    format!("stopped waiting for batch {id}; `comfydeck batch show {id}` shows how it ends"),
                ));
            }
            Wake::Interrupt => {
                interrupted = true;
                runner::cancel_batch(store, dirs, id)?;
                out::note("cancelling what has not ended; Ctrl+C again leaves without waiting");
            }
            Wake::RunnerGone(gone) => {
                gone?;
                if store.has_work()? {
                    waiter.replace_the_runner()?;
                }
            }
            Wake::Changed => {}
        }
    }
}

/// How far a batch is, or that it has ended.
fn tell_window(window: &mut CommandWindow, batch: &Batch, goes_on: bool) {
    let (ended, runs) = (batch.count(Status::is_end), batch.runs().max(1));
    if goes_on {
        let percent = u8::try_from(ended * 100 / runs).unwrap_or(100);
        return window.show(&format!("batch {} {ended}/{runs}", batch.id), Some(percent));
    }
    let worst = [Status::Lost, Status::Failed, Status::Cancelled];
    let status = worst.into_iter().find(|status| batch.count(|one| one == *status) > 0);
    let took_ms = now() - batch.queued_at;
    let title = format!("Batch {} ended in {}", batch.id, took(took_ms));
    window.ended(status.unwrap_or(Status::Done), took_ms, title, report::state(batch, now()));
}

/// How a batch that does not go on ends the command.
fn outcome(batch: &Batch) -> Result<Exit, Failure> {
    let of = |status| batch.count(|at| at == status);
    let (id, told) = (batch.id, report::state(batch, now()));
    if let Some((hold, _)) = batch.held {
        let remedy = hold.remedy(id).map(|remedy| format!(". {remedy}")).unwrap_or_default();
        return Err(Failure::new(Exit::Failed, format!("batch {id}: {told}{remedy}")));
    }
    let exit = if of(Status::Lost) > 0 {
        Exit::Lost
    } else if of(Status::Failed) > 0 {
        Exit::Failed
    } else if of(Status::Cancelled) > 0 {
        Exit::Cancelled
    } else {
        return Ok(Exit::Success);
    };
    let remedy = if of(Status::Failed) > 0 {
        format!(". `comfydeck batch retry {id}` runs the failed ones again")
    } else {
        String::new()
    };
    Err(Failure::new(exit, format!("batch {id}: {told}{remedy}")))
}

struct BatchFollower<'a> {
    store: &'a Store,
    id: BatchId,
    outline: Outline,
    teller: Teller,
    /// Runs in flight.
    feeds: Vec<RunFeed<'a>>,
    /// Runs whose end was told.
    told: HashSet<RunId>,
    mark: Option<ChangeMark>,
}

impl BatchFollower<'_> {
    /// Tells what is new of each run. What it costs depends on how many are in flight, not on how many there are.
    fn take_in(&mut self) -> Result<(Batch, bool), Failure> {
        let mark = self.store.change_mark()?;
        let changed = self.mark.replace(mark) != Some(mark);
        if changed {
            for run in self.store.runs_in_flight()? {
                if run.batch.is_some_and(|at| at.batch == self.id) {
                    self.add(run.id)?;
                }
            }
        }
        let mut moved = self.tell(changed)?;
        let batch = self.store.batch(self.id)?.ok_or(StoreError::NoSuchBatch(self.id))?;
        // Some end without having been seen in flight.
        if batch.count(Status::is_end) > self.told.len() {
            let all = self.store.batch_runs(self.id, 0, usize::MAX)?;
            for run in all.iter().filter(|run| run.status.is_end()) {
                self.add(run.id)?;
            }
            moved |= self.tell(true)?;
        }
        Ok((batch, moved))
    }

    fn add(&mut self, run: RunId) -> Result<(), Failure> {
        let is_known = self.told.contains(&run) || self.feeds.iter().any(|feed| feed.run.id == run);
        if !is_known {
            self.feeds.push(RunFeed::new(self.store, run)?);
        }
        Ok(())
    }

    fn tell(&mut self, changed: bool) -> Result<bool, Failure> {
        let mut moved = false;
        for feed in &mut self.feeds {
            let fields = report::json_place(&RunSummary::from(&feed.run), &self.outline);
            moved |=
                feed.take_in(changed, &mut Placed { to: &mut self.teller, fields, outline: &self.outline })?;
        }
        let ended = self.feeds.extract_if(.., |feed| feed.run.status.is_end());
        self.told.extend(ended.map(|feed| feed.run.id));
        Ok(moved)
    }

    fn show(&mut self, batch: &Batch, is_over: bool) -> Result<(), Failure> {
        match &mut self.teller {
            Teller::Program(json) => {
                if is_over {
                    json.push(&report::json_state("batch_finished", batch, now()));
                }
                json.print()?;
            }
            Teller::Person(text) => text.show(batch, is_over)?,
        }
        Ok(())
    }
}

enum Teller {
    Program(JsonOutput),
    Person(Box<Text>),
}

impl Teller {
    fn clock(&self) -> Option<std::time::Duration> {
        match self {
            Self::Program(_) => None,
            Self::Person(text) => text.console.rewrites().then_some(std::time::Duration::from_secs(1)),
        }
    }
}

/// Tells of one run of the batch.
struct Placed<'a> {
    to: &'a mut Teller,
    /// What each of its events has beside its own fields.
    fields: Map<String, Value>,
    outline: &'a Outline,
}

impl Placed<'_> {
    /// To a program: what `tell` makes of the run, with its place in the batch in each line.
    fn lines(&mut self, tell: impl FnOnce(&mut JsonOutput)) {
        if let Teller::Program(json) = self.to {
            let mut lines = JsonOutput::with(self.fields.clone());
            tell(&mut lines);
            json.append(lines);
        }
    }
}

impl Listener for Placed<'_> {
    fn event(&mut self, run: &Run, stored: &StoredEvent) {
        self.lines(|json| json.event(run, stored));
        let Teller::Person(text) = &mut *self.to else { return };
        match &stored.event {
            RunEvent::OutputSaved(output) => text.paths.push_str(&format!("{}\n", output.path.display())),
            RunEvent::OutputFailed(failure) => text.lines.push(format!(
                "run {}: {} could not be saved: {}",
                run.id,
                ansi::scrub_plain(&failure.name),
                ansi::scrub_plain(&failure.why)
            )),
            RunEvent::Warning { text: told } => {
                text.lines.push(format!("run {}: warning: {}", run.id, ansi::scrub_plain(told)));
            }
            RunEvent::Ended(_) => {
                let line = report::ended(&RunSummary::from(run), self.outline);
                if text.console.is_tty() || run.status != Status::Done {
                    text.lines.push(line);
                }
            }
            _ => {}
        }
    }

    fn transient(&mut self, run: &Run, event: &RunEvent) {
        self.lines(|json| json.transient(run, event));
    }

    fn log(&mut self, run: &Run, lines: &[LogLine]) {
        self.lines(|json| json.log(run, lines));
        if let Teller::Person(text) = &mut *self.to
            && text.logs
        {
            let line = |line: &LogLine| format!("{}: {}", run.id, line.text);
            text.lines.extend(lines.iter().filter(|line| !line.progress).map(line));
        }
    }

    fn show(&mut self, _run: &Run) -> std::io::Result<()> {
        match &mut *self.to {
            Teller::Program(json) => json.print(),
            Teller::Person(text) => text.flush(),
        }
    }
}

/// For a person: paths of outputs on stdout, a line for each run that ended and how far the batch is on stderr.
struct Text {
    console: Console<std::io::Stderr>,
    lines: Vec<String>,
    paths: String,
    usual: Option<Usual>,
    at_once: u32,
    /// The logs of the runs, too.
    logs: bool,
}

impl Text {
    fn flush(&mut self) -> std::io::Result<()> {
        if !self.paths.is_empty() {
            // Stdout may be the same terminal.
            self.console.live("")?;
        }
        self.console.lines(self.lines.drain(..))?;
        if self.paths.is_empty() { Ok(()) } else { out::print(&std::mem::take(&mut self.paths)) }
    }

    fn show(&mut self, batch: &Batch, is_over: bool) -> std::io::Result<()> {
        if is_over {
            self.console.live("")?;
        }
        self.flush()?;
        let state = format!("batch {}  {}", batch.id, report::state(batch, now()));
        if is_over {
            return if self.console.is_tty() { self.console.lines([state].iter()) } else { Ok(()) };
        }
        let left = report::time_left(batch, self.usual, self.at_once, now());
        let left = left.map(|ms| format!("  about {} left", crate::report::text::duration(ms)));
        self.console.live(&format!("{state}{}", left.unwrap_or_default()))
    }
}
