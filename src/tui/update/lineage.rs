//! Which run came from which: a list to go through, from the root to what came of a run.

use crate::domain::RunId;
use crate::domain::lineage::Lineage;
use crate::report::lineage as tree;
use crate::tui::at_hand;
use crate::tui::command::{Command, Scope, at};
use crate::tui::effect::{Effect, Effects, Question};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Choosing, Overlay, PickerItem};
use crate::tui::pane::Pane;
use crate::tui::panes::runs::update as runs;

pub const COMMANDS: &[Command] = &[Command {
    places: &[
        at(Scope::Pane(Pane::Runs), 0),
        at(Scope::Pane(Pane::Details), 42).named("details-lineage"),
        at(Scope::Pane(Pane::Output), 26).named("output-lineage"),
        at(Scope::Pane(Pane::Gallery), 35).named("gallery-lineage"),
        at(Scope::Pane(Pane::Compare), 45).named("compare-lineage"),
        at(Scope::Pane(Pane::Sheet), 46).named("sheet-lineage"),
    ],
    keys: &["L"],
    short: "lineage",
    long: "Show which runs this one came from, up to the root, and what came of it; go to one of them",
    when: |model| at_hand::run(model).map(drop).ok_or("No run is selected"),
    ..Command::new("lineage", |model, _, effects| ask(model, effects))
}];

fn ask(model: &mut Model, effects: &mut Effects) {
    let Some(run) = at_hand::run(model) else { return };
    effects.push(Effect::Ask(Question::Lineage(run.id)));
    model.overlay = Some(Overlay::loading(Choosing::Kin(run.id)));
}

/// For the details, and for the list if that is open.
pub(super) fn arrived(model: &mut Model, id: RunId, lineage: Lineage) {
    if let Some(Overlay::Picker(picker)) = &mut model.overlay
        && picker.purpose == Choosing::Kin(id)
    {
        if lineage.is_empty() {
            model.overlay = None;
            model.notify(Tone::Plain, format!("No run is known that run {id} came from, or that came of it"));
        } else {
            let branches = tree::tree(id, "", &lineage);
            picker.selected = branches.iter().position(|branch| branch.is_own);
            picker.items = branches.iter().map(item).collect();
            picker.loading = false;
        }
    }
    model.details.lineage = Some((id, lineage));
}

fn item(branch: &tree::Branch) -> PickerItem {
    PickerItem {
        id: branch.run.to_string(),
        label: branch.line(),
        run: Some(branch.run),
        is_open: branch.is_own,
        ..PickerItem::default()
    }
}

/// Goes to the run that was chosen.
pub(super) fn chosen(model: &mut Model, item: &PickerItem) {
    let Some(run) = item.run else { return };
    model.runs.list.go_to(run);
    model.runs.chosen = true;
    if model.focus.is_full_screen() {
        model.go_to(Pane::Runs);
    }
    runs::open_details(model);
}
