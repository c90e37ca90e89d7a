//! Shows a run while it happens, to a person or a program.

use std::io;
use std::time::Duration;

use serde_json::{Map, Value};

use super::console::Console;
use super::follow::{self, Interrupts, Listener};
use super::window::{CommandWindow, InWindow};
use super::{Exit, Failure, out};
use crate::config::Dirs;
use crate::domain::{Rule, Run, RunEvent, RunId};
use crate::report::{human, json};
use crate::store::{LogLine, Store, StoreError, StoredEvent, now};
use crate::wire::ansi;

/// How a command reports its run.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct OutputMode {
    /// Print the log on stderr also where that is neither a terminal nor a file
    #[arg(short = 'v', long, conflicts_with = "detach")]
    pub logs: bool,
    /// Print the run's number and leave; the run goes on
    #[arg(long)]
    pub detach: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// Reports a queued run and follows it to its end, unless detached. With `interrupts`, Ctrl+C cancels the run.
///
/// # Errors
/// Unless the run ended well.
pub fn queued_run(
    dirs: &Dirs,
    store: &Store,
    id: RunId,
    manner: OutputMode,
    interrupts: Option<Interrupts>,
) -> Result<Exit, Failure> {
    let run = store.run(id)?.ok_or(StoreError::NoSuchRun(id))?;
    let mut to: Box<dyn Listener> = if manner.json {
        let mut lines = JsonOutput::default();
        lines.push(&json::queued(&run));
        Box::new(lines)
    } else {
        let mut people = TextOutput::new(store.typical_ms(&run.request.workflow_hash)?, manner.logs);
        people.follows = !manner.detach;
        people.remark(human::started(&run));
        people.remark(format!("outputs go to {}", run.request.output_dir.display()));
        for (key, value, rule) in run.request.by_program() {
            let text = human::by_program(key.as_str(), value, rule);
            match rule {
                Rule::Policy(_) | Rule::Brought => people.remark(text),
                Rule::AtEnd(_) => people.note(format!("warning: {text}")),
                Rule::NewSeed | Rule::AsItStands => people.note(text),
            }
        }
        Box::new(people)
    };
    to.show(&run)?;
    if manner.detach {
        for warning in &run.warnings {
            out::note(format!("warning: {}", ansi::scrub_plain(warning)));
        }
        if !manner.json {
            out::print(&format!("{id}\n"))?;
        }
        return Ok(Exit::Success);
    }
    if let Some(window) = CommandWindow::of_stderr(dirs) {
        to = Box::new(InWindow { window, inner: to });
    }
    follow::to_the_end(dirs, store, id, interrupts, &mut *to)
}

/// JSON lines on stdout, and nothing else.
#[derive(Debug, Default)]
pub struct JsonOutput {
    lines: String,
    /// Fields that each line has beside its own.
    fields: Map<String, Value>,
}

impl JsonOutput {
    /// With fields that each line has beside its own.
    pub fn with(fields: Map<String, Value>) -> Self {
        Self { lines: String::new(), fields }
    }

    /// Takes one line in.
    pub fn push(&mut self, line: &Value) {
        match line.as_object().filter(|_| !self.fields.is_empty()) {
            Some(object) => {
                let mut object = object.clone();
                object.extend(self.fields.clone());
                self.lines.push_str(&Value::Object(object).to_string());
            }
            None => self.lines.push_str(&line.to_string()),
        }
        self.lines.push('\n');
    }

    /// Takes the lines of another in.
    pub fn append(&mut self, other: Self) {
        self.lines.push_str(&other.lines);
    }

    /// Prints what was taken in.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn print(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        out::print(&std::mem::take(&mut self.lines))
    }
}

impl Listener for JsonOutput {
    fn event(&mut self, run: &Run, stored: &StoredEvent) {
        if let Some(line) = json::event(run.id, stored.at, &stored.event) {
            self.push(&line);
        }
        if matches!(stored.event, RunEvent::Ended(_)) {
            self.push(&json::finished(run));
        }
    }

    fn transient(&mut self, run: &Run, event: &RunEvent) {
        if let Some(line) = json::event(run.id, now(), event) {
            self.push(&line);
        }
    }

    fn log(&mut self, run: &Run, lines: &[LogLine]) {
        for line in lines {
            self.push(&json::log(run.id, &line.text));
        }
    }

    fn show(&mut self, _run: &Run) -> io::Result<()> {
        self.print()
    }
}

/// Text for people: paths of outputs on stdout, everything else on stderr, most of it only on a terminal.
#[derive(Debug)]
pub struct TextOutput {
    terminal: Console<io::Stderr>,
    lines: Vec<String>,
    paths: String,
    typical: Option<i64>,
    logs: bool,
    /// The run is followed: its progress is shown beneath.
    follows: bool,
}

impl TextOutput {
    /// `typical`: usual duration of this workflow in milliseconds. `logs`: show the log, also where stderr is neither
    /// a terminal nor a file.
    pub fn new(typical: Option<i64>, logs: bool) -> Self {
        let terminal = Console::stderr();
        let logs = logs || terminal.is_tty() || terminal.is_file();
        Self { terminal, lines: Vec::new(), paths: String::new(), typical, logs, follows: true }
    }

    /// Adds a line that is shown wherever stderr goes.
    pub fn note(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Adds a line that is only shown on a terminal.
    pub fn remark(&mut self, line: String) {
        if self.terminal.is_tty() {
            self.lines.push(line);
        }
    }
}

impl Listener for TextOutput {
    fn event(&mut self, run: &Run, stored: &StoredEvent) {
        match &stored.event {
            RunEvent::OutputSaved(output) => {
                self.paths.push_str(&format!("{}\n", output.path.display()));
            }
            RunEvent::OutputFailed(failure) => {
                let name = ansi::scrub_plain(&failure.name);
                let kept = failure.kept.as_ref();
                let kept = kept.map_or(String::new(), |path| {
                    format!(". The part that came is kept in {}", path.display())
                });
                self.note(format!("{name} could not be saved: {}{kept}", ansi::scrub_plain(&failure.why)));
            }
            RunEvent::Warning { text } => self.note(format!("warning: {}", ansi::scrub_plain(text))),
            RunEvent::Ended(_) => self.remark(human::ended(run)),
            _ => {}
        }
    }

    fn transient(&mut self, _run: &Run, _event: &RunEvent) {}

    fn log(&mut self, _run: &Run, lines: &[LogLine]) {
        if self.logs {
            // Progress bars are left out: the live line shows the progress.
            self.lines.extend(lines.iter().filter(|line| !line.progress).map(|line| line.text.clone()));
        }
    }

    fn show(&mut self, run: &Run) -> io::Result<()> {
        let is_over = run.status.is_end();
        if is_over || !self.paths.is_empty() {
            // Stdout may be the same terminal.
            self.terminal.live("")?;
        }
        self.terminal.lines(self.lines.drain(..))?;
        if !self.paths.is_empty() {
            out::print(&std::mem::take(&mut self.paths))?;
        }
        if !is_over && self.follows && self.terminal.rewrites() {
            let width = self.terminal.width();
            self.terminal.live(&human::progress(run, now(), self.typical, width))?;
        }
        Ok(())
    }

    fn clock(&self) -> Option<Duration> {
        self.terminal.rewrites().then_some(Duration::from_secs(1))
    }

    fn cancel_asked(&mut self) {
        self.note("cancelling the run; Ctrl+C again leaves without waiting".to_owned());
    }
}

/// Only the log, on stdout.
#[derive(Debug)]
pub struct LogOutput {
    terminal: Console<io::Stdout>,
    lines: Vec<String>,
}

impl LogOutput {
    pub fn new() -> Self {
        Self { terminal: Console::stdout(), lines: Vec::new() }
    }
}

impl Default for LogOutput {
    fn default() -> Self {
        Self::new()
    }
}

impl Listener for LogOutput {
    fn event(&mut self, _run: &Run, _stored: &StoredEvent) {}

    fn transient(&mut self, _run: &Run, _event: &RunEvent) {}

    fn log(&mut self, _run: &Run, lines: &[LogLine]) {
        self.lines.extend(lines.iter().map(|line| line.text.clone()));
    }

    fn show(&mut self, run: &Run) -> io::Result<()> {
        let is_over = run.status.is_end();
        if is_over {
            self.terminal.live("")?;
        }
        self.terminal.lines(self.lines.drain(..))?;
        match &run.progress {
            Some(_) if !is_over => {
                let width = self.terminal.width();
                self.terminal.live(&human::progress(run, now(), None, width))
            }
            _ => Ok(()),
        }
    }
}
