//! What is open: presets, workflows, profiles.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::nodes;
use crate::domain::draft::Layer;
use crate::domain::{Draft, ParamKey, RunId, Said, SeedPolicy, Setting};
use crate::library::open::OpenWorkflow;
use crate::library::presets::OpenPreset;
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::effect::{Effect, Effects, Operation, Question, SavePreset};
use crate::tui::model::Model;
use crate::tui::msg::Opened;
use crate::tui::notice::{Tone, counted};
use crate::tui::open::{Covered, Earlier, Open, OpenFile};
use crate::tui::overlay::{Asking, Choosing, Confirm, Confirmed, Overlay, PickerItem};
use crate::tui::panes::params::editing;
use crate::tui::panes::params::update as params;

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 55)],
        keys: &["p"],
        short: "presets",
        long: "Choose a preset: load, rename, delete",
        when: Model::is_settled,
        ..Command::new("presets", |model, _, effects| {
            effects.push(Effect::Do(Operation::ListPresets));
            model.overlay = Some(Overlay::loading(Choosing::Preset));
        })
    },
    Command {
        places: &[at(Scope::Panes, 50)],
        keys: &["s"],
        short: "save",
        long: "Save the changed values in the preset",
        when: can_save,
        ..Command::new("save", |model, _, effects| save(model, effects))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["S"],
        short: "save as",
        long: "Save the parameters as a new preset",
        when: can_save,
        ..Command::new("save-as", |model, _, _| ask_name(model))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["P"],
        short: "profiles",
        long: "Choose where to run",
        ..Command::new("profiles", |model, _, effects| {
            effects.push(Effect::Do(Operation::ListProfiles));
            model.overlay = Some(Overlay::loading(Choosing::Profile));
        })
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["O"],
        short: "open workflow",
        long: "Open another workflow_api.json",
        when: Model::is_settled,
        ..Command::new("open-workflow", |model, _, effects| {
            effects.push(Effect::Do(Operation::CompletePath(String::new())));
            model.overlay = Some(Overlay::prompt(Asking::WorkflowPath, ""));
        })
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["W"],
        short: "send workflow",
        long: "Send this workflow along instead of using the deployment's own",
        ..Command::new("send-workflow", |model, _, _| toggle_workflow(model))
    },
];

fn can_save(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    if model.draft.params().is_empty() {
        return Err("No workflow is open, so there is nothing to save");
    }
    Ok(())
}

/// A preset was chosen from the list.
pub(super) fn chosen(model: &mut Model, item: PickerItem, effects: &mut Effects) {
    if model.draft.changes() == 0 {
        return open_preset(model, item.id, effects);
    }
    let changes = counted(model.draft.changes(), "change");
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Load preset {} over {changes}?", item.label),
        consequence: "Undo brings them back.".to_owned(),
        yes: "load",
        then: Confirmed::LoadPreset(item.id),
    }));
}

pub(super) fn open_preset(model: &mut Model, name: String, effects: &mut Effects) {
    model.opening = true;
    effects.push(Effect::Do(Operation::OpenPreset(name, model.profile_choice.clone())));
}

/// The path of a workflow was typed.
pub(super) fn path_entered(model: &mut Model, text: &str, effects: &mut Effects) {
    if model.draft.changes() == 0 {
        return open_workflow(model, text.into(), effects);
    }
    let changes = counted(model.draft.changes(), "change");
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Open {text} over {changes}?"),
        consequence: "Undo brings them back.".to_owned(),
        yes: "open",
        then: Confirmed::OpenWorkflow(text.into()),
    }));
}

pub(super) fn open_workflow(model: &mut Model, path: PathBuf, effects: &mut Effects) {
    model.opening = true;
    effects.push(Effect::Do(Operation::OpenWorkflow(path, model.profile_choice.clone())));
}

fn ask_name(model: &mut Model) {
    let name = model.draft.preset().name.clone();
    model.overlay = Some(Overlay::prompt(Asking::PresetName, &name));
}

/// A name to save under was typed.
pub(super) fn name_entered(model: &Model, name: &str, effects: &mut Effects) {
    let overwrite = model.open.has_own_preset() && name == model.draft.preset().name;
    effects.push(save_effect(model, name, overwrite));
}

pub(super) fn ask_new_name(model: &mut Model, name: String) {
    model.overlay = Some(Overlay::prompt(Asking::RenamePreset(name.clone()), &name));
}

pub(super) fn ask_delete(model: &mut Model, item: &PickerItem) {
    let broken = match item.extended_by.as_slice() {
        [] => String::new(),
        [only] => format!("{only} extends it, and loses its settings. "),
        [several @ .., last] => {
            format!("{} and {last} extend it, and lose its settings. ", several.join(", "))
        }
    };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Delete preset {}?", item.id),
        consequence: format!("{broken}Its file is deleted. This cannot be undone."),
        yes: "delete",
        then: Confirmed::DeletePreset(item.id.clone()),
    }));
}

pub(super) fn confirm_overwrite(model: &mut Model, name: String) {
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("There is a preset {name} already. Overwrite it?"),
        consequence: "Its file becomes a copy of the open preset with your changes.".to_owned(),
        yes: "write over it",
        then: Confirmed::OverwritePreset(name),
    }));
}

fn save(model: &mut Model, effects: &mut Effects) {
    let name = model.draft.preset().name.clone();
    if name.is_empty() || !model.open.has_own_preset() {
        ask_name(model);
    } else if model.draft.is_edited() || model.params.has_new_pins() {
        effects.push(save_effect(model, &name, true));
    } else {
        model.notify(Tone::Plain, format!("Preset {name} has no changes to save"));
    }
}

/// The effects of saving the draft under a name.
pub(super) fn save_effect(model: &Model, name: &str, overwrite: bool) -> Effect {
    Effect::Do(Operation::SavePreset(SavePreset {
        open: model.open.clone(),
        name: name.to_owned(),
        overwrite,
        settings: model.draft.edits().map(|(key, setting)| (key.clone(), setting.clone())).collect(),
        seeds: model
            .draft
            .policy_edits()
            .iter()
            .map(|(key, policy)| (key.clone(), *policy))
            .collect::<Vec<(_, SeedPolicy)>>(),
        aliases: model.draft.name_edits().iter().map(|(key, alias)| (key.clone(), alias.clone())).collect(),
        expand: model.draft.expand_edits().iter().map(|(key, expands)| (key.clone(), *expands)).collect(),
        pins: model.params.has_new_pins().then(|| model.params.pinned.iter().cloned().collect()),
        only_difference: false,
    }))
}

pub(super) fn saved(model: &mut Model, preset: OpenPreset, layer: Layer, path: &Path, files: Vec<OpenFile>) {
    model.notify(Tone::Good, format!("Saved {} in {}", layer.name, path.display()));
    model.open.preset = Some(Arc::new(preset));
    model.open.files = files.into();
    model.draft.rebase(layer);
    model.params.opened_pins.clone_from(&model.params.pinned);
}

fn toggle_workflow(model: &mut Model) {
    model.send_workflow = !model.send_workflow;
    let text = if model.send_workflow {
        "This workflow now goes along with each run, instead of the deployment's own"
    } else {
        "Runs use the deployment's own workflow again"
    };
    model.notify(Tone::Plain, text);
}

/// A workflow was opened, with a preset over it.
pub(super) fn opened(model: &mut Model, opened: Opened, effects: &mut Effects) {
    let Open { workflow, preset, profile, files } = opened.open;
    let params = workflow.as_ref().map(|workflow| workflow.params.clone()).unwrap_or_default();
    let profile = profile.or_else(|| model.open.profile.take());
    let draft = Draft::new(params, opened.layer);
    model.covered = cover(model);
    model.open = Open { workflow, preset, profile, files };
    model.send_workflow = false;
    model.unsure = opened.unsure;
    model.draft = draft;
    model.draft.go_on_from(opened.ran);
    model.opening = false;
    let gone = model.draft.restore(opened.edits, opened.seeds);
    model.params.editing = None;
    model.params.files.clear();
    model.params.filter.clear();
    model.draft.restore_names(opened.names);
    model.draft.restore_expand(opened.expand);
    // Unless somebody chose: what a preset gives a name of its own is what people change.
    let preset = model.draft.preset();
    let remembered = opened.pinned.filter(|_| preset.pins.is_none());
    model.params.pinned = remembered.unwrap_or_else(|| preset.pinned()).into_iter().collect();
    model.params.opened_pins.clone_from(&model.params.pinned);
    params::select_first(model);
    params::check_files(model, effects);
    if let Some(field) = opened.field {
        editing::reopen(model, &field, effects);
    }
    if let Some(covered) = &model.covered {
        let name = model.open_name();
        let changes = counted(covered.draft.changes(), "change");
        model
            .notify(Tone::Good, format!("Opened {name}. Undo (u) brings back what was open, with {changes}"));
    }
    if let Some(workflow) = model.open.workflow.clone() {
        notify_file(model, &workflow);
    }
    let mut problems = opened.problems;
    problems.extend(model.open.workflow.as_ref().and_then(|workflow| workflow.unrunnable()));
    problems.extend(gone.iter().map(is_gone));
    notify_problems(model, problems);
    effects.extend(ask_typical(model));
    effects.extend(nodes::ask_if_unknown(model));
    if let Some(earlier) = opened.earlier {
        ask_for_earlier(model, earlier);
    }
}

/// What is open now, if it has changes that undo should bring back.
fn cover(model: &mut Model) -> Option<Box<Covered>> {
    if model.draft.changes() == 0 {
        return None;
    }
    Some(Box::new(Covered {
        open: model.open.clone(),
        draft: std::mem::take(&mut model.draft),
        pinned: std::mem::take(&mut model.params.pinned),
        selected: model.params.selected.take(),
        send_workflow: model.send_workflow,
    }))
}

/// The values of a run become the draft. What its preset was opened over comes back by one undo, not by two.
pub(super) fn load_settings(model: &mut Model, run: RunId, settings: Vec<(ParamKey, Setting)>, told: String) {
    let is_over = model.covered.is_some() && !model.draft.can_undo();
    model.draft.load(settings.into_iter().collect(), Said::Run(run));
    if is_over {
        model.draft.forget_steps();
        model.notify(Tone::Good, format!("{told}. Undo (u) brings back what was open"));
    } else {
        model.notify(Tone::Good, told);
    }
}

fn is_gone(key: &ParamKey) -> String {
    format!("{key} was changed before; this workflow does not have it any more")
}

/// Reads preset and workflow again.
pub(super) fn reload(model: &mut Model, effects: &mut Effects) {
    model.opening = true;
    effects.push(Effect::Do(Operation::Reload(model.open.clone())));
}

/// What is open was read again: what a person set stays.
pub(super) fn reloaded(model: &mut Model, fresh: Opened, effects: &mut Effects) {
    let before = std::mem::take(&mut model.draft);
    let (send_workflow, selected) = (model.send_workflow, model.params.selected.clone());
    opened(model, fresh, effects);
    let gone = model.draft.take_over(before);
    params::check_files(model, effects);
    model.send_workflow = send_workflow;
    model.params.selected = selected;
    model.notify(Tone::Good, "Read again; your changes stay");
    notify_problems(model, gone.iter().map(is_gone).collect());
}

/// Edits of an earlier session are of another content than this, though of the same files.
fn ask_for_earlier(model: &mut Model, earlier: Box<Earlier>) {
    let named = |key: &ParamKey| {
        model.draft.param(key).map_or_else(|| key.to_string(), |param| model.draft.name(param).to_owned())
    };
    let mut names: Vec<String> = earlier.edits.iter().take(3).map(|(key, _)| named(key)).collect();
    match earlier.edits.len() {
        0 => names.push("a seed's policy".to_owned()),
        count if count > 3 => names.push(format!("{} more", count - 3)),
        _ => {}
    }
    let what = if model.open.preset.is_some() { "The preset or its workflow" } else { "The workflow" };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!(
            "{what} has changed since you last edited it. Keep your changes ({})?",
            names.join(", ")
        ),
        consequence: "They were made on an earlier version of these files.".to_owned(),
        yes: "keep them",
        then: Confirmed::KeepEarlier(earlier),
    }));
}

/// A yes to edits of an earlier session.
pub(super) fn keep_earlier(model: &mut Model, earlier: Earlier, effects: &mut Effects) {
    let gone = model.draft.restore(earlier.edits, earlier.seeds);
    model.draft.restore_expand(earlier.expand);
    params::check_files(model, effects);
    notify_problems(model, gone.iter().map(is_gone).collect());
}

/// Tells what of the workflow's file is left aside, and lets its other workflows be chosen.
fn notify_file(model: &mut Model, workflow: &OpenWorkflow) {
    if let Some(left) = &workflow.left_aside {
        model.notify(Tone::Plain, left.clone());
    }
    let file = workflow.source.shown();
    let item = |(at, name): (usize, &String)| PickerItem {
        id: format!("{file}#{name}"),
        label: name.clone(),
        is_open: at == 0,
        ..PickerItem::default()
    };
    if !workflow.others.is_empty() {
        let items = workflow.others.iter().enumerate().map(item).collect();
        model.overlay = Some(Overlay::picker(Choosing::Workflow, items));
    }
}

/// Asks for the usual duration of the open workflow's runs.
pub(super) fn ask_typical(model: &Model) -> Option<Effect> {
    model.open.workflow_hash().map(|hash| Effect::Ask(Question::Typical(hash.to_owned())))
}

/// A preset has another name now.
pub(super) fn renamed(model: &mut Model, from: &str, preset: OpenPreset) {
    if model.open.is_preset(from) {
        model.draft.rename_preset(preset.name.clone());
        model.open.preset = Some(Arc::new(preset));
    }
}

/// A preset is gone. What it set stays on the screen; saving asks for a name.
pub(super) fn deleted(model: &mut Model, name: &str) {
    if model.open.is_preset(name) {
        model.draft.rename_preset(String::new());
        model.open.preset = None;
    }
}

/// All of them can be read in the messages; the line at the bottom has room for one.
fn notify_problems(model: &mut Model, problems: Vec<String>) {
    let count = problems.len();
    for problem in problems {
        model.report(Tone::Bad, problem);
    }
    if let (Some(notice), true) = (&mut model.notice, count > 1) {
        notice.text = format!("{count} problems; ! shows them. {}", notice.text);
    }
}
