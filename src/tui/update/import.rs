//! A graph from a file: its values become edits, or it becomes a workflow of its own.

use crossterm::event::{KeyCode, KeyEvent};

use super::params;
use crate::domain::{Fit, SeedPolicy};
use crate::library::import::Imported;
use crate::tui::effect::{Effect, Effects};
use crate::tui::model::Model;
use crate::tui::motion::counted;
use crate::tui::notice::Tone;
use crate::tui::overlay::import as view;
use crate::tui::overlay::{Confirm, Confirmed, Import, Overlay};

/// A graph was read. When all of it fits and nothing is lost by it, it is loaded at once; else what becomes of it is
/// shown first.
pub(super) fn imported(model: &mut Model, imported: Imported, effects: &mut Effects) {
    if model.overlay.is_some() || model.params.editing.is_some() {
        let told = format!("{} was read meanwhile. Import it again", name(&imported));
        return model.notify(Tone::Plain, told);
    }
    let fit = Fit::new(&imported.graph, &model.draft);
    let keeps_edits = model.draft.changes() == 0 || fit.differ.is_empty();
    if fit.is_whole() && imported.notes.is_empty() && keeps_edits {
        return load(model, &imported, &fit, effects);
    }
    model.overlay = Some(Overlay::Import(Box::new(Import { imported, fit, scroll: 0 })));
}

pub(super) fn pressed(model: &mut Model, mut shown: Box<Import>, event: KeyEvent, effects: &mut Effects) {
    let page = view::room(model).max(1);
    let last = view::line_count(model, &shown).saturating_sub(page);
    match event.code {
        KeyCode::Enter if shown.fit.differ.is_empty() => {
            model.notify(Tone::Plain, "No value of it differs from what is set, so there is nothing to load");
        }
        KeyCode::Enter => return load(model, &shown.imported, &shown.fit, effects),
        KeyCode::Char('o') => return ask_to_open(model, shown.imported, effects),
        KeyCode::Up | KeyCode::Char('k') => shown.scroll = shown.scroll.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => shown.scroll += 1,
        KeyCode::PageUp => shown.scroll = shown.scroll.saturating_sub(page),
        KeyCode::PageDown => shown.scroll += page,
        _ => {}
    }
    shown.scroll = shown.scroll.min(last);
    model.overlay = Some(Overlay::Import(shown));
}

/// Puts what fits into the draft, as one step of undo. Seeds that are named stay as they are from now on: who asks for
/// the values that made a picture wants its seed.
fn load(model: &mut Model, imported: &Imported, fit: &Fit, effects: &mut Effects) {
    let name = name(imported);
    let seeds = fit.changing_seeds(&model.draft);
    if fit.differ.is_empty() && seeds.is_empty() {
        return model.notify(Tone::Good, format!("{name} was made with the very values that are set"));
    }
    let fixed = seeds.iter().map(|key| (key.clone(), SeedPolicy::Fixed));
    model.draft.load(fit.settings(), fixed);
    params::check_files(model, effects);
    if let Some(first) = fit.differ.first().map(|differing| &differing.key).or(seeds.first()) {
        params::select(model, first);
    }
    let mut told = match fit.differ.len() {
        0 => format!("{name} was made with the very values that are set"),
        count => format!("Loaded {} of {name}", counted(count, "value")),
    };
    if !seeds.is_empty() {
        told.push_str("; its seed is fixed now");
    }
    let left = fit.refused.len() + fit.homeless.len();
    if left > 0 {
        told.push_str(&format!("; {left} left out"));
    }
    told.push_str(". Undo takes it back");
    model.notify(Tone::Good, told);
    effects.push(Effect::Remember);
}

fn ask_to_open(model: &mut Model, imported: Imported, effects: &mut Effects) {
    if model.draft.changes() == 0 {
        return open(model, imported, effects);
    }
    let changes = counted(model.draft.changes(), "change");
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Open the graph of {} and drop {changes}?", name(&imported)),
        consequence: "Press n and then s to save them first.".to_owned(),
        yes: "open",
        then: Confirmed::OpenGraph(Box::new(imported)),
    }));
}

pub(super) fn open(model: &mut Model, imported: Imported, effects: &mut Effects) {
    model.opening = true;
    let name = imported.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    effects.push(Effect::OpenGraph { name, graph: Box::new(imported.graph) });
}

fn name(imported: &Imported) -> String {
    let path = &imported.path;
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
