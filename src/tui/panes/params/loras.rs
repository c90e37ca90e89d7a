//! Rows of LoRA lists: added, removed, moved.

use crate::domain::{ParamKey, Said};
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::effect::Effects;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::pane::Pane;

use super::choices;
use super::rows::rows;
use super::update::{select, settle, width};

const HERE: Scope = Scope::Pane(Pane::Parameters);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(HERE, 20)],
        keys: &["A"],
        short: "add LoRA",
        long: "Add a row to the LoRA list of this node, or to the first one: choose the LoRA",
        when: |model| free(model).map(drop),
        ..Command::new("add-lora", add)
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["delete"],
        short: "remove LoRA",
        long: "Remove this row of a LoRA list",
        when: |model| on_lora(model).map(drop),
        ..Command::new("remove-lora", |model, _, _| remove(model))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+up"],
        short: "LoRA up",
        long: "Move this row of a LoRA list before the one above it",
        when: |model| on_lora(model).map(drop),
        ..Command::new("lora-up", |model, _, _| shift(model, true))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+down"],
        short: "LoRA down",
        long: "Move this row of a LoRA list behind the one below it",
        when: |model| on_lora(model).map(drop),
        ..Command::new("lora-down", |model, _, _| shift(model, false))
    },
];

/// The row that would be added.
fn free(model: &Model) -> Result<ParamKey, Reason> {
    model.is_settled()?;
    let free = model.draft.lora_free(model.params.selected.as_ref());
    free.cloned().ok_or("No LoRA list of this workflow takes another row. Lists are made in ComfyUI")
}

fn on_lora(model: &Model) -> Result<ParamKey, Reason> {
    model.is_settled()?;
    let selected = model.params.selected.as_ref().filter(|key| model.draft.lora(key).is_some());
    selected.cloned().ok_or("Select a LoRA first")
}

/// Lists the LoRAs for another row: it is added when one is chosen.
fn add(model: &mut Model, _: &crate::tui::command::Ctx, effects: &mut Effects) {
    if let Ok(key) = free(model) {
        choices::open(model, &key, effects);
    }
}

fn remove(model: &mut Model) {
    let Ok(key) = on_lora(model) else { return };
    match model.draft.lora_removed(&key) {
        Ok(change) => {
            let name = model.draft.lora(&key).map(|line| line.name).unwrap_or_default();
            let nearest = neighbour(model, &key);
            model.draft.say(change, Said::Typed);
            model.params.selected = nearest;
            settle(model);
            model.notify(Tone::Good, format!("Removed {name}. Undo (u) brings it back"));
        }
        Err(why) => model.notify(Tone::Plain, why),
    }
}

/// The row below, or of the last one that above.
fn neighbour(model: &Model, key: &ParamKey) -> Option<ParamKey> {
    let rows = rows(model, width(model));
    let keys: Vec<&ParamKey> = rows.keys(model).collect();
    let at = keys.iter().position(|other| *other == key)?;
    keys.get(at + 1).or_else(|| keys.get(at.checked_sub(1)?)).map(|key| (*key).clone())
}

fn shift(model: &mut Model, up: bool) {
    let Ok(key) = on_lora(model) else { return };
    match model.draft.lora_moved(&key, up) {
        Some((place, change)) => {
            model.draft.say(change, Said::Typed);
            select(model, &place);
        }
        None => model.notify(Tone::Plain, "There is no row of this list to change places with"),
    }
}
