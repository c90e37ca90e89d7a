//! Presets as layers: chosen values of one laid over the draft, who set what, and what of the screen becomes part of one.

use super::presets;
use crate::domain::draft::Layer;
use crate::domain::{ParamKey, Setting};
use crate::tui::command::{Command, Scope, at};
use crate::tui::effect::{Effect, Effects, Operation, SavePreset};
use crate::tui::model::Model;
use crate::tui::notice::{Tone, counted};
use crate::tui::overlay::lay::Lay;
use crate::tui::overlay::{Asking, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::params::update as params;

const HERE: Scope = Scope::Pane(Pane::Parameters);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(HERE, 0)],
        keys: &["o"],
        short: "origins",
        long: "Show beside each value who set it: the workflow, a form, a preset, a run, you; again hides it",
        ..Command::new("origins", |model, _, _| model.params.show_origins = !model.params.show_origins)
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["N"],
        short: "alias",
        long: "Give the parameter another name; saving makes aliases and pins part of the preset",
        when: |model| {
            model.is_settled()?;
            if model.params.selected.is_some() { Ok(()) } else { Err("No parameter is selected") }
        },
        ..Command::new("alias", |model, _, _| ask_alias(model))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+s"],
        short: "save difference",
        long: "Save only what differs from the open preset, as a new preset that extends it",
        when: |model| {
            model.is_settled()?;
            match (model.open.preset.is_some(), has_difference(model)) {
                (false, _) => Err("No preset is open, so there is nothing to differ from. S saves a new one"),
                (true, false) => Err("Nothing differs from the open preset"),
                (true, true) => Ok(()),
            }
        },
        ..Command::new("save-difference", |model, _, _| {
            model.overlay = Some(Overlay::prompt(Asking::DifferenceName, ""));
        })
    },
];

/// What differs from the preset: not what was typed again as it stands there.
fn differing(model: &Model) -> impl Iterator<Item = (&ParamKey, &Setting)> {
    let preset = &model.draft.preset().settings;
    model.draft.edits().filter(|(key, setting)| preset.get(*key) != Some(*setting))
}

fn has_difference(model: &Model) -> bool {
    let draft = &model.draft;
    differing(model).next().is_some()
        || !draft.policy_edits().is_empty()
        || !draft.name_edits().is_empty()
        || !draft.expand_edits().is_empty()
        || model.params.has_new_pins()
}

/// A name for what differs was typed.
pub(super) fn name_entered(model: &mut Model, name: &str, effects: &mut Effects) {
    if name == model.draft.preset().name {
        return model.notify(Tone::Bad, "A preset cannot extend itself: take another name, or save with s");
    }
    let Effect::Do(Operation::SavePreset(save)) = presets::save_effect(model, name, false) else { return };
    let settings = differing(model).map(|(key, setting)| (key.clone(), setting.clone())).collect();
    let save = SavePreset { settings, only_difference: true, ..save };
    effects.push(Effect::Do(Operation::SavePreset(save)));
}

fn ask_alias(model: &mut Model) {
    let Some(key) = model.params.selected.clone() else { return };
    let now = model.draft.alias(&key).unwrap_or_default().to_owned();
    model.overlay = Some(Overlay::prompt(Asking::Alias(key), &now));
}

/// An alias was typed; what cannot be one was refused before.
pub(super) fn alias_entered(model: &mut Model, key: &ParamKey, alias: &str) {
    let taken = model.draft.resolve(alias).filter(|other| !alias.is_empty() && other != key);
    if let Some(other) = taken.and_then(|other| model.draft.param(&other)) {
        let told = format!("{alias} is the name of {} {} already", other.group, other.label);
        return model.notify(Tone::Bad, told);
    }
    model.draft.rename(key, alias);
    if let Some(param) = model.draft.param(key) {
        let label = format!("{} {}", param.group, param.label);
        let told = match alias {
            "" => format!("{label} is called as in the workflow"),
            alias => format!("{label} is called {alias} now. Saving makes it part of the preset"),
        };
        model.notify(Tone::Good, told);
    }
}

/// What a preset sets for the open workflow is here.
pub(super) fn arrived(model: &mut Model, layer: Layer, problems: Vec<String>) {
    for problem in problems {
        model.report(Tone::Bad, problem);
    }
    if model.overlay.is_none() && model.params.editing.is_none() {
        let shown = Lay::new(model, layer);
        model.overlay = Some(Overlay::Lay(Box::new(shown)));
    }
}

/// Lays what is marked over the draft.
pub(super) fn lay(model: &mut Model, shown: Lay, effects: &mut Effects) {
    let taken = shown.taken();
    model.draft.lay(&shown.layer, &taken);
    params::check_files(model, effects);
    let told =
        format!("{} of preset {} over what was there", counted(taken.len(), "value"), shown.layer.name);
    model.notify(Tone::Good, format!("{told}. Undo (u) takes them back"));
}
