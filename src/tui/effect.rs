//! What `update` wants done, as values: a test says "run ⇒ `[Submit(…)]`". `runtime` alone does them.

use std::ops::Range;
use std::path::PathBuf;

use crate::domain::draft::{SeedPolicy, Submission};
use crate::domain::{OutputId, ParamKey, RunId, Setting, Workflow};
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::gallery::ThumbOrder;
use crate::tui::panes::output::LookOrder;
use crate::tui::query::{OutputsQuery, RunsQuery};

/// One thing to do outside the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read a page of runs.
    LoadRuns(RunsQuery),
    /// Read one run in full.
    LoadRun(RunId),
    /// Read how long runs of a workflow take.
    LoadTypical(String),
    /// Read lines of a log; with `follow`, its last ones, as many as the range is long.
    LoadLog {
        run: RunId,
        range: Range<usize>,
        /// The last ones instead.
        follow: bool,
    },
    SearchLog {
        run: RunId,
        text: String,
        /// Beginning with this line.
        from: usize,
        backward: bool,
    },
    /// Look at a file, once the selection rests; what was to be looked at before no longer matters.
    Look(LookOrder),
    /// Say when the next frame of a moving picture is due: in so many milliseconds.
    FrameIn(u32),
    /// Read a page of outputs.
    LoadOutputs(OutputsQuery),
    /// Read two runs in full.
    LoadPair([RunId; 2]),
    /// Make the picture of two outputs, and not the one that was asked for before.
    ComparePictures(CompareOrder),
    /// Make these thumbnails, the first first, and none that was asked for before.
    MakeThumbs(Vec<ThumbOrder>),
    /// Give an output a star, or take it away.
    Star(OutputId, bool),
    /// Remove an output's file.
    DeleteOutput(OutputId),
    Submit(Order),
    /// Queue a run again exactly as it was.
    Repeat(RunId),
    /// Bring home once more what a run made; it is not run again.
    Fetch(RunId),
    /// Wait no longer for a run that was asked to end.
    LetGo(RunId),
    /// Ask for a run's end.
    Cancel(RunId),
    /// Read a past run's parameters, as settings.
    ReadSettings(RunId),
    ListPresets,
    ListProfiles,
    /// Open a preset and its workflow.
    OpenPreset(String),
    /// Open a workflow without a preset.
    OpenWorkflow(PathBuf),
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
    /// Look whether a file is there and what it claims to be.
    CheckFile(ParamKey, PathBuf),
    /// Give a text to `$EDITOR`.
    EditOutside {
        key: ParamKey,
        text: String,
        /// File ending, so that the editor knows what it is.
        extension: &'static str,
    },
    /// Make sure that a runner looks after the runs that have not ended.
    LookAfterRuns,
    /// Read the graph in a file.
    Import(PathBuf),
    /// Keep a graph as a workflow file and open it.
    OpenGraph {
        /// A name for it.
        name: String,
        graph: Box<Workflow>,
    },
    /// Show a file with the system's viewer.
    View(PathBuf),
    /// Put the line that brings a file home on the clipboard of the person's own machine.
    CopyScp(PathBuf),
    /// Put a text on the clipboard of the person's own machine.
    Copy(String),
    /// Remember what is open and changed, for the next start.
    Remember,
    /// Give the terminal back to the shell until `fg`.
    Suspend,
    Redraw,
    Quit,
}

/// Effects in the making.
pub type Effects = Vec<Effect>;

impl Effect {
    /// It asks the store and changes nothing.
    pub fn is_question(&self) -> bool {
        matches!(
            self,
            Self::LoadRuns(_)
                | Self::LoadOutputs(_)
                | Self::LoadPair(_)
                | Self::LoadRun(_)
                | Self::LoadTypical(_)
                | Self::LoadLog { .. }
        )
    }
}

/// A run to queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// SHA-256 of the workflow that the values belong to.
    pub workflow_hash: String,
    /// Name of the profile that the person sees.
    pub profile: String,
    pub submission: Submission,
    /// The prompt, for the list of runs.
    pub prompt: String,
    /// The preset it began from.
    pub preset: Option<String>,
    /// The workflow goes along.
    pub send_workflow: bool,
}

/// A preset to save.
#[derive(Clone, Debug, PartialEq)]
pub struct SavePreset {
    /// The preset that is open; empty when none is.
    pub from: String,
    /// The name to save under: the same, or a new one.
    pub name: String,
    /// A file of that name may be written over.
    pub overwrite: bool,
    /// What changed over the preset.
    pub settings: Vec<(ParamKey, Setting)>,
    /// Seed policies that changed.
    pub seeds: Vec<(ParamKey, SeedPolicy)>,
}
