//! What `update` wants done, as values: a test says "run ⇒ `[Do(Submit(…))]`".
//!
//! Each kind is executed in one place that matches all of its variants: an effect that is not executed does not compile.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Profile;
use crate::domain::batch::{BatchId, Plan};
use crate::domain::draft::Submission;
use crate::domain::param::FileKind;
use crate::domain::server::Tend;
use crate::domain::{BatchRemark, Draft, OutputId, ParamKey, Remark, RunId, SeedPolicy, Setting, Workflow};
use crate::library::schemas::SchemaOrigin;
use crate::report::copy_as::CopyAs;
use crate::tui::open::{Open, ProfileChoice};
use crate::tui::overlay::explore::FileQuestion;
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::gallery::ThumbOrder;
use crate::tui::panes::output::RenderOrder;
use crate::tui::panes::sheet::SheetQuery;
use crate::tui::query::{OutputsQuery, RunsQuery};
use crate::tui::terminal::window::Alert;

/// Effects in the making.
pub type Effects = Vec<Effect>;

/// One thing to do outside the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read from the store, on its reader's thread.
    Ask(Question),
    /// Use folders, store, runner and viewer, on the operations thread: one after the other.
    Do(Operation),
    /// Ask a server something that is no run, on a thread of its own.
    Server(ServerRequest),
    /// Use the terminal, a timer or a worker for pictures, in the loop itself.
    Screen(ScreenEffect),
}

/// A question to the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// A page of runs.
    Runs(RunsQuery),
    /// One run in full.
    Run(RunId),
    /// Runs in full, to be held against each other or against the draft.
    Differences(Compared),
    /// Where a run came from, and what came of it.
    Lineage(RunId),
    /// How these runs ended.
    Ended(Vec<RunId>),
    /// What tells these runs apart, and whether each had ended when it was asked.
    Briefs(Vec<(RunId, bool)>),
    /// A run in full, for what it made.
    Made(RunId),
    /// Two runs in full.
    Pair([RunId; 2]),
    /// The usual duration of a workflow's runs, by its hash.
    Typical(String),
    /// What today's runs took and cost.
    Today,
    /// How long the deployment at an address stays warm.
    Warmth(String),
    /// Lines of a log; with `follow`, its last ones, as many as the range is long.
    Log { run: RunId, range: Range<usize>, follow: bool },
    SearchLog {
        run: RunId,
        text: String,
        /// Number of the line to begin with.
        from: usize,
        backward: bool,
    },
    /// A page of outputs.
    Outputs(OutputsQuery),
    /// A batch, and some of its runs.
    Sheet(SheetQuery),
    /// A run in full, for some of its values.
    Take(Take),
    /// Tags, presets and saved searches, which a search may name.
    SearchWords,
    /// Values that a field had, by its name across workflows; `typed` narrows them.
    Recall { key: ParamKey, field: String, typed: String },
}

/// What is taken of an earlier run.
#[derive(Clone, Debug, PartialEq)]
pub enum Take {
    /// The seeds of the newest run of this workflow and preset, to be kept from now on.
    LastSeeds {
        workflow_hash: String,
        preset: Option<String>,
    },
    Seeds(RunId),
    Prompt(RunId),
}

/// What is held against what.
#[derive(Clone, Debug, PartialEq)]
pub enum Compared {
    /// The draft against the newest run of this workflow and preset.
    Draft { workflow_hash: String, preset: Option<String> },
    /// The older one against the newer one.
    Runs([RunId; 2]),
}

/// What is done on the operations thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Submit(NewRun),
    SubmitBatch(Box<BatchOrder>),
    /// Read a file of values, or find the files of a path.
    ReadValues(FileQuestion),
    /// Load a run's values, and cancel what of its batch still waits.
    KeepRun(KeepRun),
    HoldBatch(BatchId),
    ResumeBatch(BatchId),
    /// Cancel what of a batch has not ended.
    CancelBatch(BatchId),
    /// Queue the failed runs of a batch again, with this profile.
    RetryBatch(BatchId, Option<Arc<Profile>>),
    /// Exchange the turns of a queued run and of the one before it, or behind it.
    MoveInQueue(RunId, bool),
    /// Hold a queued run, or let it go on.
    HoldRun(RunId, bool),
    /// Hold all that waits, or let it go on.
    HoldQueue(bool),
    /// Cancel all that waits.
    CancelQueue,
    /// Queue runs again exactly as they were; with this profile, where theirs has no name.
    RetryRuns(Vec<RunId>, Option<Arc<Profile>>),
    /// Send a queued run before all others.
    RunFirst(RunId),
    SaveSheet(BatchId, SheetFormat),
    /// Find where a run would be sent again, and what cannot be the same; this profile where it ran is not known.
    AskReplay(RunId, Option<Arc<Profile>>),
    /// Queue a run again exactly as it was, where it ran; where that is not known, with this profile.
    Repeat(RunId, Option<Arc<Profile>>),
    /// Hold what a run made against what the run that it repeats made.
    CompareReplay {
        run: RunId,
        first: RunId,
    },
    /// Make the text to copy of a run.
    CopyAs(RunId, CopyAs),
    /// Download a run's outputs again; it is not run again.
    Fetch(RunId),
    /// Stop waiting for a run whose cancel is not confirmed.
    LetGo(RunId),
    /// Ask for a run's end.
    Cancel(RunId),
    /// Make sure that a runner looks after the runs that have not ended.
    LookAfterRuns,
    /// Keep values of fields that were typed and never run.
    RememberTyped(Vec<(String, serde_json::Value)>),
    /// Note something of all runs of a batch.
    NoteBatch(BatchId, BatchRemark),
    /// Note something of runs or outputs.
    Note(Vec<Remark>),
    /// Save a search under a name, or remove the one of that name.
    SaveSearch(String, Option<String>),
    /// Undo what was noted.
    TakeBack(Vec<Remark>),
    /// Remove an output's file.
    DeleteOutput(OutputId),
    /// Read a past run's parameters, as settings over its own preset.
    ReadSettings(RunId, Open),
    /// Check whether the files of what is open are as they were when they were read.
    CheckOpenFiles(Open),
    /// Read preset and workflow again.
    Reload(Open),
    ListPresets,
    /// Read what a preset sets for the open workflow.
    ReadLayer(String, Open),
    /// Read some of what a text with choices and wildcards can become.
    Expand(ParamKey, String),
    ListProfiles,
    /// Open a preset and its workflow.
    OpenPreset(String, ProfileChoice),
    /// Open a workflow without a preset.
    OpenWorkflow(PathBuf, ProfileChoice),
    UseProfile(String),
    /// Save changes in the preset that is open, or in a new one.
    SavePreset(SavePreset),
    RenamePreset {
        from: String,
        to: String,
    },
    DeletePreset(String),
    /// Find paths that begin with a text.
    CompletePath(String),
    /// Check whether a parameter's file is there, and whether its format is what the parameter takes.
    CheckFile(ParamKey, PathBuf, FileKind),
    /// Look whether a text that was typed for a parameter is the path of a file.
    FindFile(ParamKey, PathBuf),
    /// Read the graph in a file, by what is said of nodes there.
    Import(PathBuf, Option<SchemaOrigin>),
    /// Keep a graph as a workflow file and open it.
    OpenGraph {
        /// Name of the workflow.
        name: String,
        graph: Box<Workflow>,
        profile: ProfileChoice,
    },
    /// Show a file with the system's viewer.
    View(PathBuf),
}

/// What is asked of a server, apart from runs.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerRequest {
    /// What the nodes of the open workflow take.
    Nodes { open: Open, how: ReadNodes },
    /// Its version, memory, queue and folders of models.
    Look(Arc<Profile>),
    /// The models of a folder.
    Models(Arc<Profile>, String),
    /// Change something there.
    Tend(Arc<Profile>, Tend),
}

/// When a server is asked what its nodes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadNodes {
    /// When it is not known yet.
    IfUnknown,
    /// In any case: the person asked for it.
    Again,
    /// In any case: a run that waits has values that the server did not take when it was asked last.
    BeforeRun,
}

/// What the loop does itself.
#[derive(Clone, Debug, PartialEq)]
pub enum ScreenEffect {
    /// Read a file for the output pane after this many milliseconds, and no other that was asked for before.
    Render(RenderOrder, u32),
    /// Start the timer of a moving picture's next frame, in milliseconds.
    FrameIn(u32),
    /// Make the picture of two outputs, and no other that was asked for before.
    ComparePictures(CompareOrder),
    /// Make these thumbnails, the first first, and no others that were asked for before.
    MakeThumbs(Vec<ThumbOrder>),
    /// Give a text to `$EDITOR`.
    EditOutside {
        key: ParamKey,
        text: String,
        /// Extension of the file, so that the editor knows the format.
        extension: &'static str,
    },
    /// Put a text on the clipboard of the person's own machine.
    Copy(String),
    /// Put the `scp` command that downloads a file on the clipboard of the person's own machine.
    CopyScp(PathBuf),
    /// Give a text to the command of this name.
    Pipe {
        number: u64,
        name: String,
        text: String,
    },
    /// Stop the command that has a text.
    StopPipe,
    /// Tell when one of these files is saved; without any, no more.
    WatchFiles(Vec<PathBuf>),
    /// Tell a person who may look elsewhere.
    Alert(Alert),
    /// Give the terminal back to the shell until `fg`.
    Suspend,
    Redraw,
    /// Quit, and open the demo.
    Demo,
    Quit,
}

/// A run to queue.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// What the person saw when they pressed run.
    pub open: Open,
    pub submission: Submission,
    /// The prompt, for the list of runs.
    pub prompt: String,
    /// The preset it began from.
    pub preset: Option<String>,
    /// The workflow goes along.
    pub send_workflow: bool,
    /// Text shown after the run's number once it is queued.
    pub note: String,
    /// Ask before it is queued, should nothing differ from a run that is done.
    pub ask_if_same: bool,
    /// Whether to ask first when preset or workflow changed on disk.
    pub ask_if_changed: bool,
    /// A file was saved, and nobody pressed a key: nothing is asked.
    pub watched: bool,
}

/// Several runs to queue.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchOrder {
    /// What the person saw when they said yes.
    pub open: Open,
    /// The draft that all runs have in common.
    pub draft: Arc<Draft>,
    pub plan: Plan,
    /// The preset it began from.
    pub preset: Option<String>,
    /// The workflow goes along.
    pub send_workflow: bool,
}

/// A run of a batch that a person goes on from.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepRun {
    pub run: RunId,
    pub batch: BatchId,
    pub open: Open,
    /// What the runs that still wait would have cost, when that is known.
    pub saves: Option<f64>,
}

/// How a sheet is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetFormat {
    Png,
    Html,
}

/// A preset to save.
#[derive(Clone, Debug, PartialEq)]
pub struct SavePreset {
    /// The workflow, and the preset that the changes lie over.
    pub open: Open,
    /// The name to save under: the same, or a new one.
    pub name: String,
    /// A file of that name may be written over.
    pub overwrite: bool,
    /// What changed over the preset.
    pub settings: Vec<(ParamKey, Setting)>,
    /// Seed policies that changed.
    pub seeds: Vec<(ParamKey, SeedPolicy)>,
    /// Aliases that a person gave; empty ones were taken away.
    pub aliases: Vec<(ParamKey, String)>,
    /// Whether texts are expanded, where that changed.
    pub expand: Vec<(ParamKey, bool)>,
    /// What is pinned, if a person changed that.
    pub pins: Option<Vec<ParamKey>>,
    /// As a preset that extends the open one, and says only what differs.
    pub only_difference: bool,
}
