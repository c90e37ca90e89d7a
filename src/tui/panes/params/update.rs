//! The parameters pane.

use super::editing;
use super::rows::{self, Row};
use crate::domain::{Origin, ParamKey, ParamKind, SeedPolicy, Setting, value};
use crate::tui::action::Action;
use crate::tui::ctx::Ctx;
use crate::tui::effect::{Effect, Effects};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::{counted, scrolled};
use crate::tui::notice::Tone;
use crate::tui::overlay::{Choosing, PickerItem};
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;

/// Columns of the pane; any when it is not seen.
pub fn width(model: &Model) -> u16 {
    layout::regions(model).and_then(|regions| regions.body(Pane::Parameters)).map_or(80, |area| area.width)
}

fn visible_keys(model: &Model) -> Vec<ParamKey> {
    rows::keys(model, &rows::rows(model, width(model)))
}

/// Selects a parameter, even one that a filter hides.
pub fn select(model: &mut Model, key: &ParamKey) {
    model.focus = Pane::Parameters;
    model.params.selected = Some(key.clone());
    if !visible_keys(model).contains(key) {
        model.params.filter.clear();
    }
    if !visible_keys(model).contains(key) {
        model.params.show_all = true;
    }
}

pub fn select_first(model: &mut Model) {
    model.params.scroll = 0;
    model.params.selected = visible_keys(model).first().cloned();
}

pub fn perform(model: &mut Model, action: Action, ctx: &Ctx, effects: &mut Effects) {
    match action {
        Action::ShowAll => {
            model.params.show_all = !model.params.show_all;
            let told = if model.params.show_all {
                "Showing everything, links too"
            } else {
                "Showing what can be changed"
            };
            model.notify(Tone::Plain, told);
        }
        Action::ResetAll => {
            model.overlay = Some(Overlay::Confirm(Confirm {
                question: format!("Take back {}?", counted(model.draft.changes(), "change")),
                consequence: "Undo brings them back.".to_owned(),
                yes: "take back",
                then: Confirmed::ResetAll,
            }));
        }
        Action::NewSeed => new_seed(model, ctx, effects),
        Action::EditOutside if model.params.editing.is_some() => editing::edit_outside(model, effects),
        _ => {
            if let Some(key) = model.params.selected.clone() {
                on_selected(model, &key, action, effects);
            }
        }
    }
}

fn on_selected(model: &mut Model, key: &ParamKey, action: Action, effects: &mut Effects) {
    match action {
        Action::Edit => edit(model, key, effects),
        Action::EditOutside => editing::outside(model, key, effects),
        Action::Reset => {
            model.draft.reset(key);
            changed(model, key, effects);
        }
        Action::Pin => {
            if !model.params.pinned.shift_remove(key) {
                model.params.pinned.insert(key.clone());
            }
            effects.push(Effect::Remember);
        }
        Action::SeedPolicy => cycle_policy(model, key, effects),
        _ => {}
    }
}

fn edit(model: &mut Model, key: &ParamKey, effects: &mut Effects) {
    let Some(kind) = model.draft.param(key).map(|p| p.kind.clone()) else { return };
    match kind {
        ParamKind::Link => model.notify(
            Tone::Plain,
            "This input is wired to another node. Wiring is changed in ComfyUI, then exported again",
        ),
        ParamKind::Boolean => step(model, key, 1, effects),
        ParamKind::Choice => open_choices(model, key),
        _ => editing::begin(model, key, effects),
    }
}

fn open_choices(model: &mut Model, key: &ParamKey) {
    let Some(param) = model.draft.param(key) else { return };
    let now = model.draft.setting(key);
    let items = param.choices.iter().map(|choice| PickerItem {
        id: choice.value.to_string(),
        label: choice.label.clone(),
        is_open: now == Some(Setting::Value(choice.value.clone())),
        ..PickerItem::default()
    });
    let items: Vec<PickerItem> = items.collect();
    let selected = items.iter().position(|item| item.is_open).unwrap_or(0);
    let mut overlay = Overlay::picker(Choosing::Value(key.clone()), items);
    if let Overlay::Picker(picker) = &mut overlay {
        picker.selected = selected;
    }
    model.overlay = Some(overlay);
}

fn new_seed(model: &mut Model, ctx: &Ctx, effects: &mut Effects) {
    let is_seed = |key: &ParamKey| model.draft.param(key).is_some_and(|p| p.kind == ParamKind::Seed);
    let selected = model.params.selected.clone().filter(is_seed);
    let first = || model.draft.params().iter().find(|p| p.kind == ParamKind::Seed).map(|p| p.key.clone());
    match selected.or_else(first) {
        Some(key) => {
            let seed = ctx.random % crate::domain::draft::RANDOM_SEEDS;
            model.draft.set(&key, Setting::Value(seed.into()));
            model.notify(Tone::Good, format!("Seed {seed}"));
            changed(model, &key, effects);
        }
        None => model.notify(Tone::Plain, "This workflow has no seed"),
    }
}

fn cycle_policy(model: &mut Model, key: &ParamKey, effects: &mut Effects) {
    if model.draft.param(key).is_none_or(|p| p.kind != ParamKind::Seed) {
        model.notify(Tone::Plain, "Only a seed has a policy: select one first");
        return;
    }
    let now = model.draft.policy(key);
    let at = SeedPolicy::ALL.iter().position(|policy| *policy == now).unwrap_or(0);
    let next = SeedPolicy::ALL[(at + 1) % SeedPolicy::ALL.len()];
    model.draft.set_policy(key, next);
    effects.push(Effect::Remember);
}

/// One press of ± on a number, a boolean or a choice.
fn step(model: &mut Model, key: &ParamKey, steps: i64, effects: &mut Effects) {
    let Some(param) = model.draft.param(key) else { return };
    let Some(Setting::Value(now)) = model.draft.setting(key) else { return };
    let next = match (&param.kind, &now) {
        (ParamKind::Boolean, serde_json::Value::Bool(on)) => Some((!on).into()),
        (ParamKind::Choice, _) if !param.choices.is_empty() => {
            let count = param.choices.len() as i64;
            let at = param.choices.iter().position(|choice| choice.value == now);
            let next = at.map_or(0, |at| (at as i64 + steps).rem_euclid(count));
            Some(param.choices[next as usize].value.clone())
        }
        (ParamKind::Integer | ParamKind::Float | ParamKind::Seed, serde_json::Value::Number(number)) => {
            value::stepped(number, &param.range, steps).map(serde_json::Value::Number)
        }
        _ => None,
    };
    match next {
        Some(next) => {
            model.draft.set(key, Setting::Value(next));
            changed(model, key, effects);
        }
        None => model.notify(Tone::Plain, "Press Enter to edit this value"),
    }
}

/// After a parameter changed: its file is looked at again, and the edits are remembered.
pub fn changed(model: &mut Model, key: &ParamKey, effects: &mut Effects) {
    model.params.files.remove(key);
    if let Some(Setting::File(path)) = model.draft.setting(key) {
        effects.push(Effect::CheckFile(key.clone(), path));
    }
    effects.push(Effect::Remember);
}

/// Looks at every file that the draft names.
pub fn check_files(model: &mut Model, effects: &mut Effects) {
    model.params.files.clear();
    for param in model.draft.params().iter().filter(|p| model.draft.origin(&p.key) != Origin::Workflow) {
        if let Some(Setting::File(path)) = model.draft.setting(&param.key) {
            effects.push(Effect::CheckFile(param.key.clone(), path));
        }
    }
}

pub fn undo(model: &mut Model, action: Action, effects: &mut Effects) {
    let touched = if action == Action::Undo { model.draft.undo() } else { model.draft.redo() };
    if let Some(key) = touched {
        select(model, &key);
        check_files(model, effects);
        effects.push(Effect::Remember);
    }
}

pub fn moved(model: &mut Model, action: Action, effects: &mut Effects) {
    if let (Action::Less | Action::More, Some(key)) = (action, model.params.selected.clone()) {
        let steps = if action == Action::Less { -1 } else { 1 };
        return step(model, &key, steps, effects);
    }
    let keys = visible_keys(model);
    let at = model
        .params
        .selected
        .as_ref()
        .and_then(|key| keys.iter().position(|other| other == key))
        .unwrap_or(0);
    let next = scrolled(at, action, layout::page(model, Pane::Parameters), keys.len().saturating_sub(1));
    model.params.selected = keys.get(next).cloned();
}

/// Keeps the selection among what is seen, and the selected row in the pane.
pub fn settle(model: &mut Model) {
    let rows = rows::rows(model, width(model));
    let keys = rows::keys(model, &rows);
    if !model.params.selected.as_ref().is_some_and(|key| keys.contains(key)) {
        model.params.selected = keys.first().cloned();
    }
    let height = layout::page(model, Pane::Parameters);
    let total: usize = rows.iter().map(Row::height).sum();
    let (mut top, mut bottom, mut y) = (0, 0, 0);
    let mut heading = None;
    for row in &rows {
        match row {
            Row::Heading(_) => heading = Some(y),
            Row::Param { index, .. } => {
                if Some(&model.draft.params()[*index].key) == model.params.selected.as_ref() {
                    // The heading above the first row of a group comes into sight with it.
                    top = heading.unwrap_or(y);
                    bottom = y + row.height();
                }
                heading = None;
            }
        }
        y += row.height();
    }
    let scroll = &mut model.params.scroll;
    *scroll =
        (*scroll).max(bottom.saturating_sub(height)).min(top).min(total.saturating_sub(height.min(total)));
}
