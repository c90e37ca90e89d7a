//! All that the screen knows, once. Views read it, `update` changes it, nothing else touches it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::alerts::Alerts;
use super::briefs::Briefs;
use super::fetch::Fetch;
use super::in_doubt::Wanted;
use super::notice::{Notice, Subject, Tone};
use super::open::{Covered, Open, ProfileChoice};
use super::overlay::Overlay;
use super::overlay::explore::Offer;
use super::pane::Pane;
use super::panes::compare::ComparePane;
use super::panes::details::DetailsPane;
use super::panes::gallery::GalleryPane;
use super::panes::log::LogPane;
use super::panes::output::OutputPane;
use super::panes::params::ParamsPane;
use super::panes::runs::RunsPane;
use super::panes::server::ServerPane;
use super::panes::sheet::SheetPane;
use super::watching::Watching;
use crate::domain::run::UnixMs;
use crate::domain::spend::Usual;
use crate::domain::stats::Today;
use crate::domain::{Draft, Remark, Run};

/// Columns and rows of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Width of the screen in columns.
    pub width: u16,
    pub height: u16,
}

/// Below this the screen says that it is too small.
pub const SMALLEST: Size = Size { width: 60, height: 15 };

/// The screen's whole state.
#[derive(Debug, Default)]
pub struct Model {
    pub size: Size,
    /// Now, as of the last message.
    pub now: UnixMs,
    /// The pane that keys go to.
    pub focus: Pane,
    /// That pane has the whole screen.
    pub zoomed: bool,
    /// Width of the left column in percent.
    pub split: u16,
    /// Height of the parameters above the log in percent; 0 until it was changed.
    pub log_split: u16,
    /// What lies over the panes and takes the keys.
    pub overlay: Option<Overlay>,
    /// The workflow that the parameters belong to, its preset, and where runs go.
    pub open: Open,
    /// Where the person said that runs go.
    pub profile_choice: ProfileChoice,
    /// The workflow goes along with each run.
    pub send_workflow: bool,
    /// What of the preset is not understood, each with file and line: nothing is sent on it unasked.
    pub unsure: Vec<String>,
    /// A run that waits for what the server's nodes take now.
    pub in_doubt: Option<Wanted>,
    /// What is saved elsewhere runs.
    pub watching: Option<Watching>,
    /// It is the built-in demo.
    pub demo: bool,
    /// What a person is about to run.
    pub draft: Draft,
    /// What was opened over, where it had changes.
    pub covered: Option<Box<Covered>>,
    pub params: ParamsPane,
    pub runs: RunsPane,
    pub details: DetailsPane,
    pub log: LogPane,
    pub output: OutputPane,
    /// The details stand beneath the runs, where the output is otherwise: the one of the two that had the focus last.
    pub details_beneath: bool,
    pub gallery: GalleryPane,
    /// Two outputs side by side.
    pub compare: ComparePane,
    pub sheet: SheetPane,
    pub server: ServerPane,
    /// What Explore opens with once the values of the run that it goes on from are here.
    pub explore_next: Option<Vec<Offer>>,
    /// How long runs of each workflow (by hash) take, a cold start apart.
    pub usual: BTreeMap<String, Usual>,
    /// The newest message for the person.
    pub notice: Option<Notice>,
    /// Messages of this session, the newest last; see [`Model::tell`].
    pub messages: Vec<(UnixMs, Notice)>,
    /// To be shown after the notice that is shown now.
    pub next_notice: Option<Notice>,
    /// A workflow or a preset is being opened: what is done to the draft now would be lost.
    pub opening: bool,
    /// The run key, as long as no other was pressed.
    pub run_key: RunKey,
    /// The terminal tells a key that is held down from one that is pressed again.
    pub key_kinds: bool,
    /// Folder for outputs if the profile has none.
    pub usual_outputs: PathBuf,
    /// Nobody is asked before a run that differs in nothing from one that is done.
    pub same_unasked: bool,
    /// The dashboard is told in lines, where no picture can be drawn.
    pub linear: bool,
    /// The terminal's cursor stays at what is selected.
    pub park_cursor: bool,
    /// The pane that the details were opened from.
    pub came_from: Option<Pane>,
    /// Who is told of runs that end.
    pub alerts: Alerts,
    /// What tells runs apart.
    pub briefs: Briefs,
    /// Milliseconds that earlier runs of each workflow (by hash) took.
    pub typical_ms: BTreeMap<String, i64>,
    /// The address of the deployment that stays warm, until when, and what a clock shows then.
    pub warm: Option<(String, UnixMs, String)>,
    /// What today's runs took and cost.
    pub today: Today,
    /// What undoes the remarks of this session, each with the steps of the draft before it.
    pub noted: Vec<(usize, Vec<Remark>)>,
    /// Answers of the store that are under way.
    pub fetching: Fetching,
}

/// Presses of the run key with no other key between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunKey {
    pub last: Option<UnixMs>,
    /// It is held down: it came again faster than anybody presses.
    pub held: bool,
    /// It came again, and what comes next tells whether it is held down.
    pub waiting: bool,
}

/// What has been asked of the store of the selected run, and is not here yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetching {
    /// The run in full.
    pub run: Fetch,
    pub log: Fetch,
}

/// Messages that are kept.
const MESSAGES: usize = 200;

impl Model {
    /// The folder for the next run's outputs.
    pub fn outputs(&self) -> &Path {
        let of_profile = self.open.profile.as_ref().and_then(|profile| profile.output_dir.as_deref());
        of_profile.unwrap_or(&self.usual_outputs)
    }

    /// What people call what is open: the preset, else the workflow.
    pub fn open_name(&self) -> String {
        match self.draft.preset().name.as_str() {
            "" => self.open.workflow_name(),
            preset => preset.to_owned(),
        }
    }

    /// Shows a notice, and keeps it in the list of messages.
    pub fn tell(&mut self, notice: Notice) {
        self.keep(notice.clone());
        self.notice = Some(notice);
        self.next_notice = None;
    }

    /// Keeps a message, and shows it when the one that is shown now has been read.
    pub fn tell_next(&mut self, notice: Notice) {
        self.keep(notice.clone());
        self.next_notice = Some(notice);
    }

    /// Keeps a message among those that can be looked up, without showing it.
    pub fn keep(&mut self, notice: Notice) {
        if self.messages.len() == MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push((self.now, notice));
    }

    /// Says something in answer to a key.
    pub fn notify(&mut self, tone: Tone, text: impl Into<String>) {
        self.tell(Notice::answer(tone, text, self.now));
    }

    /// Shows a notice that answers no key: errors stay visible while the person continues typing.
    pub fn report(&mut self, tone: Tone, text: impl Into<String>) {
        self.tell(Notice::news(tone, text, self.now));
    }

    /// What a notice was about is in order again.
    pub fn is_in_order(&mut self, subject: Subject) {
        if self.notice.as_ref().is_some_and(|notice| notice.about == Some(subject)) {
            self.notice = None;
        }
    }

    /// Time has passed: a notice that was shown for long enough makes way.
    pub fn end_notice(&mut self) {
        if self.notice.as_ref().and_then(Notice::until).is_some_and(|until| until <= self.now) {
            self.notice = self.next_notice.take();
        }
    }

    /// Gives the keys to a pane.
    pub fn go_to(&mut self, pane: Pane) {
        if [Pane::Details, Pane::Output].contains(&pane) {
            self.details_beneath = pane == Pane::Details;
        }
        if pane != Pane::Details {
            self.came_from = None;
        }
        self.focus = pane;
    }

    /// Whether the draft stays the one it is: while something is being opened it is about to be another one.
    ///
    /// # Errors
    /// Something is being opened.
    pub fn is_settled(&self) -> Result<(), &'static str> {
        if self.opening { Err("Still opening. Press again in a moment") } else { Ok(()) }
    }

    /// Whether something is under way, so that time must be shown passing.
    pub fn is_working(&self) -> bool {
        self.runs.open.queued + self.runs.open.in_flight > 0
    }

    /// When the header's time until which the deployment stays warm is over.
    pub fn warm_until(&self) -> Option<UnixMs> {
        let url = &self.open.profile.as_ref()?.url;
        let (of, until, _) = self.warm.as_ref()?;
        (of == url && *until > self.now && !self.is_working()).then_some(*until)
    }

    /// The selected run in full, when it has been read.
    pub fn selected_run(&self) -> Option<&Run> {
        self.details.run.as_ref().filter(|run| Some(run.id) == self.runs.list.selected)
    }

    /// Whether what is to be shown of the selected run is still being read.
    pub fn is_reading(&self) -> bool {
        let selected = self.runs.list.selected;
        let has_run = selected.is_none() || self.selected_run().is_some();
        !has_run || (self.log.run == selected && selected.is_some() && !self.log.loaded)
    }
}
