//! A graph from a file: its values become edits, or it becomes a workflow of its own.

use crate::domain::{Fit, Said};
use crate::library::import::Imported;
use crate::tui::command::{Command, Scope, at};
use crate::tui::effect::{Effect, Effects, Operation};
use crate::tui::model::Model;
use crate::tui::notice::{Tone, counted};
use crate::tui::overlay::{Asking, Confirm, Confirmed, Import, Overlay};
use crate::tui::panes::params::update as params;

pub const COMMANDS: &[Command] = &[Command {
    places: &[at(Scope::Panes, 0)],
    keys: &["I"],
    short: "import",
    long: "Load the parameters that made a picture or a video, from its file",
    when: Model::is_settled,
    ..Command::new("import", |model, _, effects| {
        effects.push(Effect::Do(Operation::CompletePath(String::new())));
        model.overlay = Some(Overlay::prompt(Asking::ImportPath, ""));
    })
}];

/// A graph was read. When all of it fits and nothing is lost by it, it is loaded at once; else what becomes of
/// it is shown first.
pub(super) fn imported(model: &mut Model, imported: Imported, effects: &mut Effects) {
    if model.overlay.is_some() || model.params.editing.is_some() {
        let text = format!("{} was read meanwhile. Import it again", name(&imported));
        return model.notify(Tone::Plain, text);
    }
    let fit = Fit::new(&imported.graph, &model.draft);
    let keeps_edits = model.draft.changes() == 0 || fit.differ.is_empty();
    if fit.is_whole() && imported.notes.is_empty() && keeps_edits {
        return load(model, &imported, &fit, effects);
    }
    model.overlay = Some(Overlay::Import(Box::new(Import { imported, fit, scroll: 0 })));
}

/// Puts what fits into the draft, as one step of undo. Seeds that are named run next, whatever their policy: who asks
/// for the values that made a picture wants its seed.
pub(super) fn load(model: &mut Model, imported: &Imported, fit: &Fit, effects: &mut Effects) {
    let name = name(imported);
    let seeds = fit.changing_seeds(&model.draft);
    if fit.differ.is_empty() && seeds.is_empty() {
        return model.notify(Tone::Good, format!("{name} was made with exactly the current values"));
    }
    model.draft.say(fit.settings(&model.draft), Said::Import);
    params::check_files(model, effects);
    if let Some(first) = fit.differ.first().map(|differing| &differing.key).or(seeds.first()) {
        params::select(model, first);
    }
    let mut text = match fit.differ.len() {
        0 => format!("{name} was made with exactly the current values"),
        count => format!("Loaded {} of {name}", counted(count, "value")),
    };
    if !seeds.is_empty() {
        text.push_str("; its seed is used next");
    }
    let left = fit.refused.len() + fit.unmatched.len();
    if left > 0 {
        text.push_str(&format!("; {left} left out"));
    }
    text.push_str(". Undo reverts it");
    model.notify(Tone::Good, text);
}

pub(super) fn ask_to_open(model: &mut Model, imported: Imported, effects: &mut Effects) {
    if model.draft.changes() == 0 {
        return open(model, imported, effects);
    }
    let changes = counted(model.draft.changes(), "change");
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Open the graph of {} over {changes}?", name(&imported)),
        consequence: "Undo brings them back.".to_owned(),
        yes: "open",
        then: Confirmed::OpenGraph(Box::new(imported)),
    }));
}

pub(super) fn open(model: &mut Model, imported: Imported, effects: &mut Effects) {
    model.opening = true;
    let name = imported.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    effects.push(Effect::Do(Operation::OpenGraph {
        name,
        graph: Box::new(imported.graph),
        profile: model.profile_choice.clone(),
    }));
}

fn name(imported: &Imported) -> String {
    let path = &imported.path;
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
