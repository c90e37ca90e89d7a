//! Messages to the screen: input, and the results of effects. Plain values, so that a session can be recorded.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::Event;

use crate::config::Profile;
use serde_json::Number;

use crate::domain::batch::{Batch, BatchId, Outline};
use crate::domain::draft::Layer;
use crate::domain::field::Recalled;
use crate::domain::graph_changes::NodeChange;
use crate::domain::lineage::Lineage;
use crate::domain::run::{Counts, Listed, RunSummary, UnixMs};
use crate::domain::server::Tend;
use crate::domain::spend::Usual;
use crate::domain::stats::Today;
use crate::domain::{Brief, OutputId, ParamKey, Remark, Run, RunId, SeedPolicy, Setting, Status};
use crate::library::import::Imported;
use crate::library::open::OpenWorkflow;
use crate::library::presets::OpenPreset;
use crate::picture;
use crate::tui::effect::{Compared, NewRun, ReadNodes, Take};
use crate::tui::notice::Tone;
use crate::tui::open::{Earlier, Open, OpenField, OpenFile};
use crate::tui::overlay::explore::{FileAnswer, FileQuestion};
use crate::tui::overlay::{Choosing, PickerItem};
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::gallery::{Thumb, ThumbOrder, Tile};
use crate::tui::panes::log::Matches;
use crate::tui::panes::output::{PictureMeans, RenderOrder, Rendered};
use crate::tui::panes::params::FileState;
use crate::tui::panes::server::ServerState;
use crate::tui::panes::sheet::SheetPage;
use crate::tui::query::{OutputsQuery, RunsQuery, SearchWords};

/// One message to `update`.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key, a paste, the mouse, a new size.
    Input(Event),
    /// Time has passed while something is under way.
    Tick,
    /// The notice may have been shown for long enough.
    NoticeDue,
    /// The store has changed.
    StoreChanged,
    /// A page of runs.
    Runs {
        /// The search it answers.
        query: RunsQuery,
        /// Newest first.
        rows: Vec<RunSummary>,
        /// There are older ones.
        more: bool,
        /// Rows of the whole list; `None` where it is filtered.
        total: Option<Listed>,
        /// What has not ended.
        open: Counts,
    },
    /// The disk of the history is full.
    DiskFull(String),
    /// A page of runs could not be read, and why.
    RunsNotRead(String),
    /// One run in full; `None` when it is not in the store, or cannot be read.
    Run(RunId, Option<Box<Run>>),
    /// The runs that were asked for, and where the graphs of two differ.
    Differences(Compared, Vec<Run>, Vec<NodeChange>),
    /// Where a run came from, and what came of it.
    Lineage(RunId, Box<Lineage>),
    /// What tells runs apart, of those that were asked about.
    Briefs {
        asked: Vec<(RunId, bool)>,
        told: Vec<(RunId, Brief)>,
    },
    /// A run in full, for what it made; `None` when it is not in the store, or cannot be read.
    Made(RunId, Option<Box<Run>>),
    /// How long runs of a workflow take.
    TypicalMs {
        workflow_hash: String,
        /// Usual duration in milliseconds.
        ms: i64,
    },
    /// What the runs took and cost that were sent today and have ended.
    Today(Today),
    /// A window of a log.
    Log {
        run: RunId,
        total: usize,
        /// Number of the first line here.
        first: usize,
        lines: Vec<String>,
    },
    /// What a search of a log found.
    LogFound {
        run: RunId,
        /// The text that was searched for.
        text: String,
        line: Option<usize>,
    },
    /// Which of the lines with the text it is that the search found.
    LogMatches {
        run: RunId,
        text: String,
        matches: Matches,
    },
    /// What the terminal can do for pictures.
    Means(PictureMeans),
    /// What a file shows, or why it shows nothing.
    Rendered(RenderOrder, Result<Rendered, String>),
    /// It is time for the next frame of a moving picture.
    NextFrame,
    /// A page of outputs.
    Outputs {
        /// The question it answers.
        query: OutputsQuery,
        /// Newest first.
        tiles: Vec<Tile>,
        /// There are older ones.
        more: bool,
    },
    /// A page of outputs could not be read, and why.
    OutputsNotRead(String),
    Thumb(ThumbOrder, Thumb),
    /// Two runs in full, to be compared; `None` where one is not in the store, or cannot be read.
    Pair([RunId; 2], Box<[Option<Run>; 2]>),
    /// Two outputs as they are to be seen: one picture with both beside each other, or one of each; or why not.
    Compared(CompareOrder, Result<Vec<picture::Shared>, String>),
    /// An output was deleted.
    OutputDeleted(OutputId),
    /// A batch and some of its runs.
    Sheet(Box<SheetPage>),
    /// A batch could not be read, and why.
    SheetNotRead(String),
    /// The batches among the runs of the page that comes next.
    Batches(Vec<(Batch, Arc<Outline>)>),
    /// How long runs of a workflow usually take, a cold start apart.
    Usual {
        workflow_hash: String,
        usual: Usual,
    },
    /// Until when the deployment at an address stays warm, and what a clock shows then.
    Warmth {
        url: String,
        until: Option<(UnixMs, String)>,
    },
    /// What was read of a file of values.
    Values(FileQuestion, FileAnswer),
    /// A batch was queued.
    BatchQueued {
        batch: BatchId,
        runs: usize,
        /// Why no runner could be started for it.
        waits: Option<String>,
    },
    /// A run was queued.
    Submitted {
        run: RunId,
        /// Text shown after its number, such as ` with KSampler seed 42`; may be empty.
        note: String,
        /// Why no runner could be started for it.
        waits: Option<String>,
    },
    /// Runs of which the history says that they are no longer open, as they are now.
    Ended(Vec<EndedRun>),
    /// Values that a field had.
    Recalled {
        key: ParamKey,
        typed: String,
        found: Vec<Recalled>,
    },
    /// A run may be sent again: where, and what cannot be the same.
    AskReplay {
        run: RunId,
        /// The profile's name, or an address.
        place: String,
        doubts: Vec<String>,
    },
    /// What a command made of a text, or why nothing.
    Piped {
        number: u64,
        outcome: Result<String, String>,
    },
    /// A text for the clipboard.
    Copy(String),
    /// A run in full, of which something is wanted; `None` when it is not in the store, or cannot be read.
    Taken(Take, Option<Box<Run>>),
    /// What a search may name.
    SearchWords(SearchWords),
    /// It is noted, and these remarks undo it.
    Noted(Vec<Remark>),
    /// A run could not be queued: nothing was sent.
    NotSubmitted(String),
    /// A run was not queued: nothing differs from this one.
    Same {
        run: RunId,
        status: Status,
        order: Box<NewRun>,
    },
    /// Whether the terminal tells a key that is held down from one that is pressed again.
    KeyKinds(bool),
    /// A workflow, with a preset over it.
    Opened(Box<Opened>),
    /// What was asked for could not be opened.
    NotOpened(String),
    /// What a past run sent, to be loaded into the draft.
    Settings {
        run: RunId,
        settings: Vec<(ParamKey, Setting)>,
        /// The notice to show.
        told: String,
    },
    /// Files of a watch were saved with another content.
    FilesSaved(Vec<PathBuf>),
    /// The graph in a file.
    Imported(Box<Imported>),
    /// What a preset sets for the open workflow, and what of it is not understood.
    Layer(Box<Layer>, Vec<String>),
    /// Some of what a text can become, or why it cannot be expanded.
    Expansions {
        key: ParamKey,
        text: String,
        found: Result<Vec<String>, String>,
    },
    /// Items for the picker of this purpose, if it is still open.
    Items(Choosing, Vec<PickerItem>),
    /// A preset was saved.
    Saved {
        preset: Box<OpenPreset>,
        /// The preset as it is now.
        layer: Box<Layer>,
        path: PathBuf,
        /// As [`Open::files`].
        files: Vec<OpenFile>,
    },
    /// A preset has another name now.
    PresetRenamed {
        /// Its name before it was renamed.
        from: String,
        preset: Box<OpenPreset>,
    },
    /// The file of a preset is gone.
    PresetDeleted(String),
    /// These files changed on disk since they were read. If there is an order, it was not queued because of that.
    ChangedOnDisk {
        changed: Vec<PathBuf>,
        /// The open files as they are now.
        files: Vec<OpenFile>,
        order: Option<Box<NewRun>>,
    },
    /// What is open was read again; what a person set stays.
    Reloaded(Box<Opened>),
    /// The preset's name is taken.
    NameTaken(String),
    /// The profile that runs go to from now on.
    Profile(Arc<Profile>),
    /// Paths that the text of a file field may become.
    Completions {
        /// The text they complete.
        text: String,
        paths: Vec<String>,
    },
    /// The workflow that is open, with what is known of its nodes.
    Nodes {
        workflow: Arc<OpenWorkflow>,
        how: ReadNodes,
    },
    /// What the server at an address says of itself, or why it does not answer.
    ServerSeen {
        url: String,
        answer: Result<ServerState, String>,
    },
    /// The models of a folder of the server, or why they could not be read.
    ServerModels {
        folder: String,
        answer: Result<Vec<String>, String>,
    },
    /// What was to be changed at the server is done, or why it failed.
    Tended {
        what: Tend,
        answer: Result<(), String>,
    },
    /// It could not be read what the nodes of the open workflow take, and why.
    NodesNotRead {
        why: String,
        how: ReadNodes,
    },
    /// A text that was typed for a parameter is the path of this file.
    FileFound(ParamKey, PathBuf),
    /// What is known of a parameter's file.
    File(ParamKey, FileState),
    /// `$EDITOR` ended, with the text it saved.
    Edited {
        key: ParamKey,
        /// The text it left.
        text: String,
    },
    /// Something for the person to read.
    Notice(Tone, String),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedRun {
    pub run: RunSummary,
    /// The earlier run that made the same picture.
    pub same_as: Option<RunId>,
    /// Its batch, once none of its runs is open.
    pub batch: Option<Batch>,
    /// The run that it repeats.
    pub repeats: Option<RunId>,
}

/// A workflow that was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opened {
    /// The workflow and its preset. Without a profile, the one in use stays.
    pub open: Open,
    /// The settings of the preset; without a name when none is open.
    pub layer: Layer,
    /// Edits to put over the preset: remembered ones, or those that still fit the new preset.
    pub edits: Vec<(ParamKey, Setting)>,
    /// Seed policies over the preset's.
    pub seeds: Vec<(ParamKey, SeedPolicy)>,
    /// The field that was open, with what had been typed.
    pub field: Option<OpenField>,
    /// Aliases of an earlier session that are not in the preset yet.
    pub names: Vec<(ParamKey, String)>,
    /// Whether texts are expanded, where an earlier session said otherwise than the preset.
    pub expand: Vec<(ParamKey, bool)>,
    /// Remembered pins, for a preset that says nothing of pins; without them, what it gives a name is pinned.
    pub pinned: Option<Vec<ParamKey>>,
    /// What is wrong with the preset or the form, each with file and line.
    pub problems: Vec<String>,
    /// What of the preset is not understood, each with file and line: nothing is sent on it unasked.
    pub unsure: Vec<String>,
    /// Seeds as the last run of this preset and workflow had them.
    pub ran: Vec<(ParamKey, Number)>,
    /// Edits that were made on another content of the same files.
    pub earlier: Option<Box<Earlier>>,
}
