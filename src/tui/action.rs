//! What a person can do, and the one table of keys for it.
//!
//! Dispatch, footer, help, command palette and the README's table all read [`BINDINGS`]; to add a command,
//! add an [`Action`], a row here, and its arm in `update`.

use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::panes::output::{Looked, LookedBody};

/// Something a person can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Run,
    Quit,
    Help,
    Palette,
    Messages,
    NextPane,
    PreviousPane,
    GoParameters,
    GoLog,
    GoRuns,
    GoDetails,
    GoOutput,
    NextOutput,
    PreviousOutput,
    Play,
    PictureKind,
    Gallery,
    OpenOutput,
    Star,
    OnlyStarred,
    Mark,
    Compare,
    Flip,
    Beside,
    OneToOne,
    CopyOutput,
    DeleteOutput,
    Zoom,
    GrowLeft,
    GrowRight,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Find,
    Back,
    Edit,
    EditOutside,
    Less,
    More,
    Reset,
    ResetAll,
    Undo,
    Redo,
    Pin,
    NewSeed,
    SeedPolicy,
    ShowAll,
    Presets,
    Save,
    SaveAs,
    Profiles,
    OpenWorkflow,
    ToggleWorkflow,
    OpenDetails,
    Cancel,
    LoadRun,
    Repeat,
    Fetch,
    FilterStatus,
    CopyPath,
    CopyScp,
    View,
    UseOutput,
    ImportOutput,
    Import,
    ToParameter,
    Follow,
    Wrap,
    NextMatch,
    PreviousMatch,
    DoneEditing,
    DropEdit,
    WeightUp,
    WeightDown,
    TextUndo,
    TextRedo,
    SelectAll,
    DeleteWord,
    DeleteNextWord,
    DeleteToStart,
    DeleteToEnd,
    CutText,
    PasteBack,
    Suspend,
    Redraw,
}

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everywhere, also while text is typed and under an overlay that takes text.
    Everywhere,
    /// While a value is edited.
    Editing,
    /// In any pane, while nothing is typed.
    Panes,
    Pane(Pane),
}

impl Scope {
    /// The heading in help and documentation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Editing => "While editing a value",
            Self::Panes => "In every pane",
            Self::Pane(pane) => pane.title(),
        }
    }

    /// Scopes in the order in which help shows them.
    pub const ALL: [Self; 10] = [
        Self::Everywhere,
        Self::Panes,
        Self::Pane(Pane::Parameters),
        Self::Editing,
        Self::Pane(Pane::Runs),
        Self::Pane(Pane::Details),
        Self::Pane(Pane::Log),
        Self::Pane(Pane::Output),
        Self::Pane(Pane::Gallery),
        Self::Pane(Pane::Compare),
    ];
}

/// One row of the key table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub action: Action,
    /// Its name in `[keys]` of `config.toml`.
    pub name: &'static str,
    /// Where it does it.
    pub scope: Scope,
    /// Its keys, unless `config.toml` says otherwise.
    pub keys: &'static [&'static str],
    /// A word or two for the footer.
    pub short: &'static str,
    /// A sentence for help, palette and documentation.
    pub long: &'static str,
    /// Footer hints are dropped from the least important up; 0 is never shown there.
    pub priority: u8,
}

const fn row(
    action: Action,
    name: &'static str,
    scope: Scope,
    keys: &'static [&'static str],
    short: &'static str,
    long: &'static str,
    priority: u8,
) -> Binding {
    Binding { action, name, scope, keys, short, long, priority }
}

use Pane::{Details, Log, Output, Parameters, Runs};
use Scope::{Editing, Everywhere, Panes};

const PARAMETERS: Scope = Scope::Pane(Parameters);
const RUNS: Scope = Scope::Pane(Runs);
const DETAILS: Scope = Scope::Pane(Details);
const LOG: Scope = Scope::Pane(Log);
const OUTPUT: Scope = Scope::Pane(Output);
const GALLERY: Scope = Scope::Pane(Pane::Gallery);
const COMPARE: Scope = Scope::Pane(Pane::Compare);

#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    row(Action::Run, "run", Everywhere, &["ctrl+r", "f5"], "run", "Run the parameters as they stand. Spends money", 100),
    row(Action::Palette, "palette", Everywhere, &["ctrl+p"], "all commands", "Find any command by its name", 0),
    row(Action::Suspend, "suspend", Everywhere, &["ctrl+z"], "suspend", "Go to the shell; `fg` comes back", 0),
    row(Action::Redraw, "redraw", Everywhere, &["ctrl+l"], "redraw", "Draw the whole screen again", 0),

    row(Action::Help, "help", Panes, &["?", "f1"], "help", "Show every key, searchable", 90),
    row(Action::Palette, "palette-panes", Panes, &[":"], "all commands", "Find any command by its name", 80),
    row(Action::Messages, "messages", Panes, &["!"], "messages", "Show the messages of this session, whole", 0),
    row(Action::Quit, "quit", Panes, &["q", "ctrl+c"], "quit", "Leave. Runs go on without the screen, edits are remembered", 20),
    row(Action::NextPane, "next-pane", Panes, &["tab"], "next pane", "Go to the next pane", 30),
    row(Action::PreviousPane, "previous-pane", Panes, &["shift+tab"], "previous pane", "Go to the previous pane", 0),
    row(Action::GoParameters, "go-parameters", Panes, &["1"], "parameters", "Go to the parameters", 0),
    row(Action::GoRuns, "go-runs", Panes, &["2"], "runs", "Go to the runs", 0),
    row(Action::GoDetails, "go-details", Panes, &["3"], "details", "Go to the selected run's details", 0),
    row(Action::GoLog, "go-log", Panes, &["4"], "log", "Go to the selected run's log", 0),
    row(Action::GoOutput, "go-output", Panes, &["5"], "output", "Go to the selected run's output", 0),
    row(Action::NextOutput, "next-output", Panes, &["]"], "next output", "Show the run's next output", 0),
    row(Action::PreviousOutput, "previous-output", Panes, &["["], "previous output", "Show the output before", 0),
    row(Action::Gallery, "gallery", Panes, &["V"], "gallery", "Go to the gallery of what the runs made, or back", 28),
    row(Action::Zoom, "zoom", Panes, &["z"], "zoom", "Give the whole screen to this pane, or take it back", 25),
    row(Action::GrowLeft, "grow-left", Panes, &["<"], "narrower", "Move the rule between the columns to the left", 0),
    row(Action::GrowRight, "grow-right", Panes, &[">"], "wider", "Move the rule between the columns to the right", 0),
    row(Action::Up, "up", Panes, &["k", "up"], "up", "Up one line", 0),
    row(Action::Down, "down", Panes, &["j", "down"], "down", "Down one line", 0),
    row(Action::PageUp, "page-up", Panes, &["pageup", "ctrl+b"], "page up", "Up one page", 0),
    row(Action::PageDown, "page-down", Panes, &["pagedown", "ctrl+f"], "page down", "Down one page", 0),
    row(Action::Top, "top", Panes, &["g", "home"], "top", "Go to the beginning", 0),
    row(Action::Bottom, "bottom", Panes, &["G", "end"], "end", "Go to the end", 0),
    row(Action::Find, "find", Panes, &["/"], "find", "Filter the parameters, search the runs, search the log", 60),
    row(Action::Back, "back", Panes, &["esc"], "back", "Take back the filter, the search or the zoom", 0),
    row(Action::Undo, "undo", Panes, &["u"], "undo", "Take back the last change of a parameter", 40),
    row(Action::Redo, "redo", Panes, &["U", "ctrl+y"], "redo", "Do the last change again that was taken back", 0),
    row(Action::Presets, "presets", Panes, &["p"], "presets", "Choose a preset: load, rename, delete", 55),
    row(Action::Save, "save", Panes, &["s"], "save", "Save the changed values in the preset", 50),
    row(Action::SaveAs, "save-as", Panes, &["S"], "save as", "Save the parameters as a new preset", 0),
    row(Action::Profiles, "profiles", Panes, &["P"], "profiles", "Choose where to run", 0),
    row(Action::OpenWorkflow, "open-workflow", Panes, &["O"], "open workflow", "Open another workflow_api.json", 0),
    row(Action::Import, "import", Panes, &["I"], "import", "Load the parameters that made a picture or a video, from its file", 0),
    row(Action::ToggleWorkflow, "send-workflow", Panes, &["W"], "send workflow", "Send this workflow along instead of using the deployment's own", 0),

    row(Action::Edit, "edit", PARAMETERS, &["enter", "i"], "edit", "Edit the value; a boolean toggles, a choice opens its list", 95),
    row(Action::EditOutside, "edit-outside", PARAMETERS, &["e"], "$EDITOR", "Edit the text in $EDITOR", 0),
    row(Action::Less, "less", PARAMETERS, &["left", "h", "-"], "less", "One step less; the choice before", 35),
    row(Action::More, "more", PARAMETERS, &["right", "l", "+"], "more", "One step more; the choice after", 35),
    row(Action::Reset, "reset", PARAMETERS, &["x", "backspace"], "reset", "Back to the preset's value, or the workflow's", 45),
    row(Action::ResetAll, "reset-all", PARAMETERS, &["X"], "reset all", "Take back every change since the preset", 0),
    row(Action::Pin, "pin", PARAMETERS, &["*", "space"], "pin", "Keep this parameter on top", 30),
    row(Action::NewSeed, "new-seed", PARAMETERS, &["r"], "new seed", "Give this seed (or the first one) a new random value", 32),
    row(Action::SeedPolicy, "seed-policy", PARAMETERS, &["R"], "seed policy", "What becomes of the seed at each run: fixed, randomize, increment, decrement", 0),
    row(Action::ShowAll, "show-all", PARAMETERS, &["a"], "show all", "Show also links and what the form hides", 0),

    row(Action::DoneEditing, "done-editing", Editing, &["esc"], "done", "Keep the value and leave the field", 90),
    row(Action::DropEdit, "drop-edit", Editing, &["ctrl+c"], "discard", "Leave the field as it was before", 80),
    row(Action::EditOutside, "edit-outside-now", Editing, &["ctrl+o"], "$EDITOR", "Go on in $EDITOR", 60),
    row(Action::WeightUp, "weight-up", Editing, &["ctrl+up"], "weight", "More weight for the word or selection: (word:1.1)", 70),
    row(Action::WeightDown, "weight-down", Editing, &["ctrl+down"], "less weight", "Less weight for the word or selection: (word:0.9)", 0),
    row(Action::TextUndo, "text-undo", Editing, &["alt+u", "ctrl+_"], "undo", "Take back the last change of the text", 50),
    row(Action::TextRedo, "text-redo", Editing, &["alt+U"], "redo", "Do the change of the text again that was taken back", 0),
    row(Action::SelectAll, "select-all", Editing, &["ctrl+a"], "select all", "Select the whole text; what is typed next takes its place", 0),
    row(Action::DeleteWord, "delete-word", Editing, &["ctrl+w", "alt+backspace"], "delete word", "Delete the word before the cursor", 0),
    row(Action::DeleteNextWord, "delete-next-word", Editing, &["alt+d", "alt+delete"], "delete next word", "Delete the word behind the cursor", 0),
    row(Action::DeleteToStart, "delete-to-start", Editing, &["ctrl+u"], "clear", "Delete the line up to the cursor", 0),
    row(Action::DeleteToEnd, "delete-to-end", Editing, &["ctrl+k"], "delete to end", "Delete the line from the cursor on", 0),
    row(Action::CutText, "cut", Editing, &["ctrl+x"], "cut", "Cut what is selected (Shift and arrows select)", 0),
    row(Action::PasteBack, "paste-back", Editing, &["ctrl+y"], "paste back", "Put in again what was cut, or deleted by one of the keys above", 0),

    row(Action::OpenDetails, "open-details", RUNS, &["enter"], "details", "Show what was sent, the outputs and the error", 70),
    row(Action::Cancel, "cancel", RUNS, &["c"], "cancel", "Cancel the run", 65),
    row(Action::LoadRun, "load", RUNS, &["l"], "load", "Load the run's parameters into the editor", 62),
    row(Action::Repeat, "repeat", RUNS, &["R"], "run again", "Run again exactly as it was: same values, same files, same seed. Spends money; asked first", 58),
    row(Action::Fetch, "fetch", RUNS, &["F"], "fetch again", "Bring home once more what the run made, from the server. Costs nothing", 0),
    row(Action::FilterStatus, "filter-status", RUNS, &["f"], "status", "Show only runs of one status", 52),
    row(Action::UseOutput, "use-output", RUNS, &["o"], "as input", "Take an output of the run as the file of a parameter", 0),
    row(Action::ImportOutput, "import-output", RUNS, &["i"], "its parameters", "Load the parameters that the run's picture says it was made with", 0),
    row(Action::View, "view", RUNS, &["v"], "view", "Open an output with the system's viewer, or $OPENER", 0),
    row(Action::CopyPath, "copy-path", RUNS, &["y"], "copy path", "Copy the path of an output to the clipboard", 0),
    row(Action::CopyScp, "copy-scp", RUNS, &["Y"], "copy scp", "Copy the scp line that brings an output home to the clipboard", 0),

    row(Action::ToParameter, "to-parameter", DETAILS, &["enter"], "go to parameter", "Go to the parameter that the error names", 66),
    row(Action::Cancel, "details-cancel", DETAILS, &["c"], "cancel", "Cancel the run", 65),
    row(Action::LoadRun, "details-load", DETAILS, &["l"], "load", "Load the run's parameters into the editor", 62),
    row(Action::Repeat, "details-repeat", DETAILS, &["R"], "run again", "Run again exactly as it was: same values, same files, same seed. Spends money; asked first", 58),
    row(Action::Fetch, "details-fetch", DETAILS, &["F"], "fetch again", "Bring home once more what the run made, from the server. Costs nothing", 0),
    row(Action::UseOutput, "details-use-output", DETAILS, &["o"], "as input", "Take an output of the run as the file of a parameter", 54),
    row(Action::ImportOutput, "details-import-output", DETAILS, &["i"], "its parameters", "Load the parameters that the run's picture says it was made with", 0),
    row(Action::View, "details-view", DETAILS, &["v"], "view", "Open an output with the system's viewer, or $OPENER", 48),
    row(Action::CopyPath, "details-copy-path", DETAILS, &["y"], "copy path", "Copy the path of an output to the clipboard", 50),
    row(Action::CopyScp, "details-copy-scp", DETAILS, &["Y"], "copy scp", "Copy the scp line that brings an output home to the clipboard", 46),

    row(Action::Follow, "follow", LOG, &["f"], "follow", "Follow the end of the log, or stop", 70),
    row(Action::Wrap, "wrap", LOG, &["w"], "wrap", "Wrap long lines, or cut them", 50),
    row(Action::NextMatch, "next-match", LOG, &["n"], "next match", "Go to the next match", 48),
    row(Action::PreviousMatch, "previous-match", LOG, &["N"], "previous match", "Go to the match before", 0),
    row(Action::Less, "log-left", LOG, &["left", "h"], "left", "Scroll to the left", 0),
    row(Action::More, "log-right", LOG, &["right", "l"], "right", "Scroll to the right", 0),

    row(Action::NextOutput, "output-next", OUTPUT, &["right", "l", "n"], "next", "Show the run's next output", 68),
    row(Action::PreviousOutput, "output-previous", OUTPUT, &["left", "h", "N"], "previous", "Show the output before", 0),
    row(Action::Play, "play", OUTPUT, &["space"], "play", "Play a moving picture, or stop", 50),
    row(Action::PictureKind, "picture-kind", OUTPUT, &["t"], "how drawn", "How pictures are drawn: auto, kitty, iterm2, sixel, blocks, off", 30),
    row(Action::UseOutput, "output-use", OUTPUT, &["o"], "as input", "Take an output of the run as the file of a parameter", 62),
    row(Action::ImportOutput, "output-import", OUTPUT, &["i"], "its parameters", "Load the parameters that the run's picture says it was made with", 45),
    row(Action::View, "output-view", OUTPUT, &["v"], "view", "Open an output with the system's viewer, or $OPENER", 48),
    row(Action::CopyPath, "output-copy-path", OUTPUT, &["y"], "copy path", "Copy the path of an output to the clipboard", 44),
    row(Action::CopyScp, "output-copy-scp", OUTPUT, &["Y"], "copy scp", "Copy the scp line that brings an output home to the clipboard", 46),
    row(Action::OpenOutput, "open-output", GALLERY, &["enter"], "open", "Go to the run that made it", 70),
    row(Action::Less, "gallery-left", GALLERY, &["left", "h"], "left", "To the left", 0),
    row(Action::More, "gallery-right", GALLERY, &["right", "l"], "right", "To the right", 0),
    row(Action::Star, "star", GALLERY, &["*"], "star", "Give it a star, or take it away", 68),
    row(Action::OnlyStarred, "only-starred", GALLERY, &["F"], "only ★", "Show only what has a star", 54),
    row(Action::FilterStatus, "gallery-status", GALLERY, &["f"], "status", "Show only what runs of one status made", 52),
    row(Action::Mark, "mark", GALLERY, &["space"], "mark", "Mark it to be compared", 66),
    row(Action::Compare, "compare", GALLERY, &["C"], "compare", "Compare the two that are marked, or the marked one with this one", 64),
    row(Action::CopyOutput, "copy-output", GALLERY, &["y"], "copy path", "Copy its path to the clipboard", 50),
    row(Action::DeleteOutput, "delete-output", GALLERY, &["d", "delete"], "delete", "Delete its file; asked first", 45),

    row(Action::Flip, "flip", COMPARE, &["space"], "flip", "Show one in the other's place; again: the other one", 70),
    row(Action::Beside, "beside", COMPARE, &["b"], "beside", "Show both beside each other", 66),
    row(Action::OneToOne, "one-to-one", COMPARE, &["o"], "1:1", "Show each pixel of the pictures, or all of them again", 64),
    row(Action::Less, "compare-left", COMPARE, &["left", "h"], "left", "Move both pictures, where not all of them is seen", 0),
    row(Action::More, "compare-right", COMPARE, &["right", "l"], "right", "Move both pictures, where not all of them is seen", 0),
];

/// The key table as Markdown, for the documentation; a test keeps it equal.
pub fn markdown() -> String {
    let mut text = String::new();
    for scope in Scope::ALL {
        text.push_str(&format!("\n**{}**\n\n| keys | what | name |\n|---|---|---|\n", scope.title()));
        for row in BINDINGS.iter().filter(|row| row.scope == scope) {
            let keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
            text.push_str(&format!("| {} | {} | `{}` |\n", keys.join(" "), row.long, row.name));
        }
    }
    text
}

/// Whether an action works with the draft, which is about to be another one while something is being opened.
fn changes_the_draft(action: Action) -> bool {
    matches!(
        action,
        Action::Run
            | Action::Edit
            | Action::EditOutside
            | Action::Less
            | Action::More
            | Action::Reset
            | Action::ResetAll
            | Action::Undo
            | Action::Redo
            | Action::NewSeed
            | Action::SeedPolicy
            | Action::Presets
            | Action::OpenWorkflow
            | Action::Save
            | Action::SaveAs
            | Action::LoadRun
            | Action::Import
            | Action::ImportOutput
            | Action::UseOutput
    )
}

/// Whether an action can be done now.
///
/// # Errors
/// The reason why not, which the screen shows when the key is pressed.
pub fn enabled(action: Action, model: &Model) -> Result<(), &'static str> {
    let need = |there: bool, why: &'static str| if there { Ok(()) } else { Err(why) };
    let selected_run = model.runs.selected();
    if model.opening && changes_the_draft(action) {
        return Err("Still opening. Press again in a moment");
    }
    match action {
        Action::Run => {
            need(
                model.target.is_some(),
                "No profile: where to run is not known. Press P, or quit and type `comfydeck init`",
            )?;
            need(!model.draft.params().is_empty(), "No workflow is open. Press O to open a workflow_api.json")
        }
        Action::Undo => need(model.draft.can_undo(), "Nothing to undo"),
        Action::Redo => need(model.draft.can_redo(), "Nothing to redo"),
        Action::ResetAll => need(model.draft.is_edited(), "Nothing has been changed"),
        Action::Save | Action::SaveAs => {
            need(!model.draft.params().is_empty(), "No workflow is open, so there is nothing to save")
        }
        Action::OpenDetails | Action::LoadRun | Action::Repeat => {
            need(selected_run.is_some(), "No run is selected")
        }
        Action::CopyPath | Action::CopyScp | Action::View | Action::UseOutput | Action::ImportOutput => {
            let run = selected_run.ok_or("No run is selected")?;
            need(run.outputs > 0 || !run.status.is_end(), "This run has no output")?;
            need(run.outputs > 0, "This run has no output yet")
        }
        Action::Fetch => {
            let run = selected_run.ok_or("No run is selected")?;
            need(run.status.is_end(), "This run has not ended: what it makes comes by itself")?;
            need(run.can_be_fetched(), "The server of this run keeps no results")
        }
        Action::Cancel => {
            let run = selected_run.ok_or("No run is selected")?;
            need(!run.status.is_end(), "This run has already ended")
        }
        Action::Play => need(
            matches!(
                &model.output.looked,
                Some(Ok(Looked { body: LookedBody::Picture { moves: true, .. }, .. }))
            ),
            "This output doesn't move",
        ),
        Action::OpenOutput | Action::Star | Action::Mark | Action::CopyOutput | Action::DeleteOutput => {
            need(model.gallery.selected().is_some(), "No output is selected")
        }
        Action::Find => need(model.focus != Pane::Compare, "There is nothing to search here"),
        Action::Compare => need(
            super::panes::gallery::pair(&model.gallery).is_some(),
            "Mark one with space, go to another one, then compare",
        ),
        Action::ToParameter => need(
            model
                .details
                .run
                .as_ref()
                .and_then(|run| run.error.as_ref())
                .is_some_and(|e| e.param.is_some() || e.node.is_some()),
            "This run names no parameter at fault",
        ),
        Action::WeightUp | Action::WeightDown => {
            let edited = model.params.editing.as_ref().and_then(|editing| model.draft.param(&editing.key));
            need(
                edited.is_some_and(|param| param.kind == crate::domain::ParamKind::LongText),
                "Weights are for words of a prompt",
            )
        }
        Action::EditOutside | Action::Edit | Action::Reset | Action::Pin | Action::Less | Action::More
            if model.focus == Parameters =>
        {
            need(model.params.selected.is_some(), "No parameter is selected")
        }
        _ => Ok(()),
    }
}
