//! All that the screen knows, once. Views read it, `update` changes it, nothing else touches it.

use std::collections::BTreeMap;
use std::ops::Range;

use indexmap::IndexSet;
use tui_textarea::TextArea;

pub use super::compare::{CompareOrder, ComparePane};
use super::completions::Completions;
pub use super::gallery::{GalleryPane, Thumb, ThumbOrder, Tile};
use crate::domain::run::{Counts, RunSummary, UnixMs};
use crate::domain::{Draft, Fit, OutputId, ParamKey, Run, RunId, Setting, Status};
use crate::library::import::Imported;
use crate::picture::{self, CellSize, Cells, Choice, Kind};

/// The regions a person can be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pane {
    /// What will be sent.
    #[default]
    Parameters,
    /// The history, newest first, with what is in flight.
    Runs,
    /// One run in full.
    Details,
    Log,
    /// What came of a run: its pictures.
    Output,
    /// What many runs made, over the whole screen.
    Gallery,
    /// Two outputs, over the whole screen.
    Compare,
}

impl Pane {
    /// It takes the whole screen, and Tab does not visit it.
    pub fn is_full_screen(self) -> bool {
        matches!(self, Self::Gallery | Self::Compare)
    }

    /// In the order in which Tab visits them.
    pub const ALL: [Self; 5] = [Self::Parameters, Self::Runs, Self::Details, Self::Log, Self::Output];

    pub fn title(self) -> &'static str {
        match self {
            Self::Parameters => "Parameters",
            Self::Runs => "Runs",
            Self::Details => "Details",
            Self::Log => "Log",
            Self::Output => "Output",
            Self::Gallery => "Gallery",
            Self::Compare => "Compare",
        }
    }
}

/// Columns and rows of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    pub height: u16,
}

/// Below this the screen says that it is too small.
pub const SMALLEST: Size = Size { width: 60, height: 15 };

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Name of the profile; empty with a bare address.
    pub profile: String,
    /// The address, for people.
    pub url: String,
    /// How many runs may be in flight at once.
    pub concurrency: u32,
    /// It is the built-in demo.
    pub demo: bool,
}

/// What the parameters belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// File name of the workflow, without its ending.
    pub workflow_name: String,
    /// Where it was read from; `None` when it came with a preset or a run.
    pub workflow_path: Option<std::path::PathBuf>,
    /// SHA-256 of its text.
    pub workflow_hash: String,
    /// It is sent along with each run.
    pub send_workflow: bool,
    /// The preset can be saved in place (it is a file of the person's own).
    pub preset_writable: bool,
}

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
    /// What lies over the panes and takes the keys.
    pub overlay: Option<Overlay>,
    /// Where runs go; `None` without a profile.
    pub target: Option<Target>,
    /// What the parameters belong to.
    pub source: Source,
    /// What a person is about to run.
    pub draft: Draft,
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
    /// The newest message for the person.
    pub notice: Option<Notice>,
    /// Messages of this session, the newest last; see [`Model::tell`].
    pub messages: Vec<(UnixMs, Notice)>,
    /// A workflow or a preset is being opened: what is done to the draft now would be lost.
    pub opening: bool,
    /// The run key was the last one pressed, at this time: a key that is held down runs once.
    pub run_pressed_at: Option<UnixMs>,
    /// The pane that the details were opened from.
    pub came_from: Option<Pane>,
    /// Milliseconds that earlier runs of each workflow (by hash) took.
    pub typical_ms: BTreeMap<String, i64>,
    /// Answers of the store that are under way.
    pub fetching: Fetching,
}

/// What has been asked of the store and is not here yet. A change of the store meanwhile is remembered and
/// asked for once the answer is in, so that however fast a log grows, one question is under way at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetching {
    /// The list of runs.
    pub runs: Fetch,
    /// The selected run in full.
    pub run: Fetch,
    pub log: Fetch,
    /// The outputs in the gallery.
    pub outputs: Fetch,
}

/// One question to the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fetch {
    /// None is under way.
    #[default]
    Idle,
    /// One is under way.
    Busy,
    /// One is under way, and its answer will be old.
    Stale,
}

impl Fetch {
    /// Something is wanted: whether to ask now.
    pub fn want(&mut self) -> bool {
        let ask = *self == Self::Idle;
        *self = if ask { Self::Busy } else { Self::Stale };
        ask
    }

    /// An answer came: whether to ask again.
    pub fn arrived(&mut self) -> bool {
        std::mem::take(self) == Self::Stale
    }
}

/// Messages that are kept.
const MESSAGES: usize = 200;

impl Model {
    /// Says something to the person, and keeps it for those who look it up later.
    pub fn tell(&mut self, notice: Notice) {
        if self.messages.len() == MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push((self.now, notice.clone()));
        self.notice = Some(notice);
    }

    /// Whether something is under way, so that time must be shown passing.
    pub fn is_working(&self) -> bool {
        self.runs.open.queued + self.runs.open.in_flight > 0
    }

    /// Whether what is to be shown of the selected run is still being read.
    pub fn is_reading(&self) -> bool {
        let selected = self.runs.selected;
        let has_run = selected.is_none() || self.details.run.as_ref().map(|run| run.id) == selected;
        !has_run || (self.log.run == selected && selected.is_some() && !self.log.loaded)
    }
}

/// A sentence for the person, at the bottom of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How it is meant.
    pub tone: Tone,
    pub text: String,
    /// It answers no key: it stays until Esc, or until another takes its place.
    pub stays: bool,
}

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It went as asked.
    Good,
    Plain,
    Bad,
}

#[derive(Debug, Default)]
pub struct ParamsPane {
    /// The row that keys go to.
    pub selected: Option<ParamKey>,
    /// Lines scrolled off at the top.
    pub scroll: usize,
    /// Fuzzy filter; empty shows all.
    pub filter: String,
    /// Kept on top, in this order.
    pub pinned: IndexSet<ParamKey>,
    /// Links and what the form hides are shown.
    pub show_all: bool,
    /// The field being edited.
    pub editing: Option<Editing>,
    /// What is known of files that parameters name.
    pub files: BTreeMap<ParamKey, FileState>,
}

/// What is known of a file that a parameter names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is there; size and kind in words.
    Good(String),
    /// It is there, and seems to be something else than the parameter wants; it is sent all the same.
    Doubtful(String),
    /// It cannot be sent: it is not there, or cannot be read.
    Bad(String),
}

/// A field being edited.
#[derive(Debug)]
pub struct Editing {
    pub key: ParamKey,
    pub text: TextArea<'static>,
    /// Enter makes a new line.
    pub multiline: bool,
    /// Why the text cannot be kept as it is.
    pub error: Option<String>,
    /// Paths that the text of a file field may become.
    pub completions: Completions,
    /// Places where the text is between the two steps that the widget makes of one change: line number and line.
    pub halfway: Vec<(usize, String)>,
}

impl Editing {
    /// The text as one string.
    pub fn value(&self) -> String {
        self.text.lines().join("\n")
    }

    /// Lines beneath the text: the error, completions, and how many more there are.
    pub fn lines_below(&self) -> usize {
        usize::from(self.error.is_some()) + self.completions.lines()
    }
}

/// The runs pane: a window of the history.
#[derive(Debug, Default)]
pub struct RunsPane {
    /// Newest first; more are loaded when the end comes near.
    pub rows: Vec<RunSummary>,
    /// The run that details and log show.
    pub selected: Option<RunId>,
    /// Rows scrolled off at the top.
    pub scroll: usize,
    /// Search text; empty shows all.
    pub search: String,
    /// Only runs of this status.
    pub status: Option<Status>,
    /// A run to go to that is older than the rows: they are read as far as to it.
    pub reveal: Option<RunId>,
    /// There are older ones in the store.
    pub more: bool,
    /// The last question could not be answered: none is asked of the pane's own accord.
    pub failed: bool,
    /// The search and the status that the rows answer; `None` until the first page is here.
    pub list: Option<(String, Option<Status>)>,
    /// The person chose the selected run; otherwise the selection goes with what is running.
    pub chosen: bool,
    /// What has not ended.
    pub open: Counts,
}

impl RunsPane {
    /// The first page is here.
    pub fn loaded(&self) -> bool {
        self.list.is_some()
    }

    /// The selected run's row.
    pub fn selected(&self) -> Option<&RunSummary> {
        let id = self.selected?;
        self.rows.iter().find(|row| row.id == id)
    }

    /// The selected run's place in the list.
    pub fn selected_index(&self) -> Option<usize> {
        let id = self.selected?;
        self.rows.iter().position(|row| row.id == id)
    }
}

#[derive(Debug, Default)]
pub struct DetailsPane {
    /// The selected run in full.
    pub run: Option<Run>,
    /// The run that was asked for last.
    pub asked: Option<RunId>,
    /// Lines scrolled off at the top.
    pub scroll: usize,
}

/// The log pane: a window of one run's log.
#[derive(Debug, Default)]
pub struct LogPane {
    pub run: Option<RunId>,
    /// It has been read, as far as it goes.
    pub loaded: bool,
    /// Lines there are, progress lines collapsed.
    pub total: usize,
    /// The lines in memory: from `first` on.
    pub lines: Vec<String>,
    /// Number of the first line in memory.
    pub first: usize,
    /// What is at the top of the pane, unless the end is followed.
    pub top: LogPlace,
    /// The lines that were asked for last, and whether the end was.
    pub asked: Option<(Range<usize>, bool)>,
    /// Columns scrolled off to the left.
    pub left: usize,
    /// The end is not followed.
    pub paused: bool,
    /// Long lines are cut rather than wrapped.
    pub cut: bool,
    /// What is searched for; empty for nothing.
    pub search: String,
    /// The line that the search found.
    pub found: Option<usize>,
    /// That line is to be brought into sight.
    pub reveal: bool,
    /// The search that is under way.
    pub seeking: Option<Seeking>,
}

/// A search of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeking {
    pub backward: bool,
    /// It has come round: it began again at the other end.
    pub wrapped: bool,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    pub line: usize,
    /// A row of it, where it is wrapped.
    pub row: usize,
}

impl LogPane {
    /// Numbers of the lines in memory.
    pub fn window(&self) -> Range<usize> {
        self.first..self.first + self.lines.len()
    }
}

/// The output pane: one of the selected run's outputs.
#[derive(Debug, Default)]
pub struct OutputPane {
    pub run: Option<RunId>,
    pub at: usize,
    /// How the person wants pictures to be drawn.
    pub choice: Choice,
    /// What the terminal can do.
    pub means: PictureMeans,
    /// What was asked for last.
    pub asked: Option<LookOrder>,
    /// The answer is still to come; what stands there meanwhile may be of the order before.
    pub pending: bool,
    /// When a preview was asked for last.
    pub previewed_at: UnixMs,
    /// What came of it.
    pub looked: Option<Result<Looked, String>>,
    /// Lines of a text scrolled off at the top.
    pub scroll: usize,
    /// A moving picture is to be played.
    pub playing: bool,
    /// The frame that is seen, and when the first one was.
    pub frame: usize,
    pub played_from: UnixMs,
}

/// What the terminal can do for pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PictureMeans {
    /// The best way it has; `None` while it is being asked.
    pub best: Option<Kind>,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// It shows no colours, so that half-blocks show nothing.
    pub colourless: bool,
}

/// A file to look at, and how it is to be drawn. Two that are equal have the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookOrder {
    pub path: std::path::PathBuf,
    /// Which one it is of several that come to lie there one after the other, from 1; 0 of an output.
    pub preview: u64,
    /// Cells that there are for it.
    pub room: Cells,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// How it is drawn; `None`: not at all.
    pub kind: Option<Kind>,
    /// All frames of a moving picture.
    pub play: bool,
}

/// What a file shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// Its type, such as `image/png`.
    pub kind: &'static str,
    /// Its size on the disk.
    pub bytes: u64,
    /// Pixels, and what else is known in a word.
    pub facts: Vec<String>,
    /// What there is to see.
    pub body: LookedBody,
}

/// What there is to see.
#[derive(Clone, Debug, PartialEq)]
pub enum LookedBody {
    /// A picture, or the frames of one with how many milliseconds each stands.
    Picture {
        /// One, unless it was to be played.
        frames: Vec<(picture::Shared, u32)>,
        /// It can be played.
        moves: bool,
    },
    /// The first lines of a text, and whether there are more.
    Text(Vec<String>, bool),
    Nothing(String),
    /// A picture, and none is to be drawn.
    Off,
}

/// What lies over the panes. One at a time: screens that cannot be cannot be built.
#[derive(Debug)]
pub enum Overlay {
    Help {
        filter: TextArea<'static>,
        /// Lines scrolled off at the top.
        scroll: usize,
    },
    /// The messages of this session, the newest first.
    Messages {
        /// Lines scrolled off at the top.
        scroll: usize,
    },
    /// A list to choose from.
    Picker(Picker),
    /// A line of text to type.
    Prompt(Prompt),
    Confirm(Confirm),
    /// A graph from a file, and what becomes of its values.
    Import(Box<Import>),
}

/// A graph from a file, held against the draft.
#[derive(Debug)]
pub struct Import {
    /// The graph and where it stood.
    pub imported: Imported,
    /// What becomes of its values.
    pub fit: Fit,
    /// Lines scrolled off at the top.
    pub scroll: usize,
}

/// A list to choose from, narrowed by typing.
#[derive(Debug)]
pub struct Picker {
    /// What is chosen, and what it does.
    pub purpose: Choosing,
    pub items: Vec<PickerItem>,
    pub filter: TextArea<'static>,
    /// Place among the items that pass the filter.
    pub selected: usize,
    /// The list has been asked for and is not here yet.
    pub loading: bool,
}

/// What a picker chooses.
#[derive(Clone, Debug, PartialEq)]
pub enum Choosing {
    Command,
    Preset,
    Profile,
    /// A value of a choice parameter.
    Value(ParamKey),
    /// One of a run's outputs, by its path.
    Output(OutputUse),
    /// The parameter that takes a file.
    InputFor(std::path::PathBuf),
}

/// What an output is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputUse {
    /// To be the file of a parameter.
    Input,
    /// For the parameters that made it.
    Parameters,
    View,
    Path,
    /// For the line that brings it home.
    Scp,
}

/// One row of a picker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PickerItem {
    /// What choosing it gives: a preset's name, an action's name, a value as JSON.
    pub id: String,
    pub label: String,
    /// More about it, quieter.
    pub detail: String,
    /// To the right: a key, a place.
    pub note: String,
    /// It cannot be chosen now, and why.
    pub disabled: Option<&'static str>,
    /// It is what is open, or set, at present.
    pub is_open: bool,
    /// It ships with the program and cannot be changed.
    pub is_built_in: bool,
    /// Others that stand on it.
    pub extended_by: Vec<String>,
}

/// A line of text to type.
#[derive(Debug)]
pub struct Prompt {
    /// What the text is for.
    pub purpose: Asking,
    pub text: TextArea<'static>,
    /// Why the text cannot be taken.
    pub error: Option<String>,
    /// What the text may become, where a path is asked for.
    pub completions: Completions,
    /// The filter before, which comes back when the prompt is left.
    pub before: String,
}

/// What a prompt asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The filter of the parameters, applied while it is typed.
    ParamFilter,
    /// The search of the runs, applied while it is typed.
    RunSearch,
    /// The search of the log.
    LogSearch,
    /// Name of a new preset.
    PresetName,
    /// New name of a preset.
    RenamePreset(String),
    /// Path of a workflow.
    WorkflowPath,
    /// Path of a file with a graph in it.
    ImportPath,
}

/// A question with yes and no.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    /// The question, one sentence.
    pub question: String,
    /// What it means, when that is not plain.
    pub consequence: String,
    /// What the yes key is called.
    pub yes: &'static str,
    /// What happens on yes.
    pub then: Confirmed,
}

/// What a yes does.
#[derive(Clone, Debug, PartialEq)]
pub enum Confirmed {
    Cancel(RunId),
    /// Submit a run again.
    Repeat(RunId),
    /// Wait no longer for a run.
    LetGo(RunId),
    DeletePreset(String),
    /// Load a preset over edits.
    LoadPreset(String),
    /// Open a workflow over edits.
    OpenWorkflow(std::path::PathBuf),
    /// Save over a preset that exists.
    OverwritePreset(String),
    ResetAll,
    /// Load a run's parameters over edits.
    LoadRun(RunId),
    /// Open a graph as a workflow over edits.
    OpenGraph(Box<Imported>),
    /// Remove an output's file.
    DeleteOutput(OutputId),
}

/// A one-line text area with a text in it and the cursor at the end.
pub fn line_editor(text: &str) -> TextArea<'static> {
    let mut area = TextArea::from(text.split('\n'));
    area.set_cursor_line_style(ratatui::style::Style::default());
    area.set_cursor_style(ratatui::style::Style::default());
    area.set_selection_style(ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::REVERSED));
    area.move_cursor(tui_textarea::CursorMove::Bottom);
    area.move_cursor(tui_textarea::CursorMove::End);
    area
}

/// The setting as a field shows it.
pub fn setting_text(setting: &Setting) -> String {
    match setting {
        Setting::Value(value) => crate::domain::value::text(value),
        Setting::File(path) => path.display().to_string(),
    }
}
