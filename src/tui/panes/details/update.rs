//! Updates the details pane: which run is read, and its scrolling.

use crate::domain::{Run, RunId};
use crate::tui::effect::{Effect, Effects, Question};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::Motion;
use crate::tui::notice::Tone;
use crate::tui::pane::Pane;
use crate::tui::panes::params::update as params;

/// Reads the shown run again.
pub fn reload(model: &mut Model, effects: &mut Effects) {
    let Some(id) = model.runs.list.selected else { return };
    let shown = model.details.run.as_ref().filter(|run| run.id == id);
    // An ended run no longer changes.
    if shown.is_none_or(|run| !run.status.is_end()) {
        ask(model, id, effects);
    }
}

fn ask(model: &mut Model, id: RunId, effects: &mut Effects) {
    if model.fetching.run.want() {
        model.details.asked = Some(id);
        effects.push(Effect::Ask(Question::Run(id)));
    }
}

pub fn loaded(model: &mut Model, id: RunId, run: Option<Box<Run>>, effects: &mut Effects) {
    let again = model.fetching.run.arrived();
    // The selection may have moved before the answer came.
    if model.runs.list.selected == Some(id) {
        let is_shown = model.details.run.as_ref().is_some_and(|shown| shown.id == id);
        if !is_shown {
            model.details.scroll = 0;
        }
        // A run that was read once stays on screen when it cannot be read again.
        if run.is_some() || !is_shown {
            model.details.run = run.map(|run| *run);
        }
    }
    if again {
        reload(model, effects);
    }
}

pub fn moved(model: &mut Model, motion: Motion) {
    let page = layout::page(model, Pane::Details);
    let last = super::view::line_count(model).saturating_sub(page);
    model.details.scroll = motion.from(model.details.scroll, page, last);
}

/// Selects the parameter at fault; when only a node is known, its first parameter.
pub fn to_parameter(model: &mut Model) {
    let Some(error) = model.details.run.as_ref().and_then(|run| run.error.clone()) else { return };
    let of_node = |node: &String| {
        let mut params = model.draft.params().iter();
        params.find(|param| param.key.node() == node && param.is_editable()).map(|param| param.key.clone())
    };
    let known = error.param.clone().filter(|key| model.draft.param(key).is_some());
    match known.or_else(|| error.node.as_ref().and_then(of_node)) {
        Some(key) => params::select(model, &key),
        None => {
            let named = error.param.map(|key| key.to_string()).or(error.node).unwrap_or_default();
            model.notify(Tone::Bad, format!("The open workflow has no {named}"));
        }
    }
}

/// Requests the selected run when another one is shown. Only once, since a run that cannot be read would be requested
/// for ever; the next change of the store requests it again.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    let shown = model.details.run.as_ref().map(|run| run.id);
    if model.runs.list.selected != shown {
        match model.runs.list.selected {
            None => (model.details.run, model.details.asked) = (None, None),
            Some(id) if model.details.asked != Some(id) && model.fetching.run == Default::default() => {
                ask(model, id, effects);
            }
            Some(_) => {}
        }
    }
    let is_seen = layout::regions(model).and_then(|regions| regions.body(Pane::Details)).is_some();
    // Only of a run that has been read: whoever passes by many runs asks nothing of them.
    let selected = model.selected_run().map(|run| run.id).filter(|_| is_seen);
    if selected.is_some() && model.details.lineage_asked != selected {
        model.details.lineage_asked = selected;
        effects.extend(selected.map(|id| Effect::Ask(Question::Lineage(id))));
    }
    let lines = super::view::line_count(model);
    let height = layout::page(model, Pane::Details);
    model.details.scroll = model.details.scroll.min(lines.saturating_sub(height));
}
