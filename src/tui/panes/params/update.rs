//! Updates the parameters pane: selection, changes of values, checks of files.

use std::path::PathBuf;

use super::ParamsPane;
use super::rows::{self, Row};
use crate::domain::param::FileKind;
use crate::domain::seed::random_seed;
use crate::domain::{Origin, ParamKey, ParamKind, Said, SeedPolicy, Setting, scalar, value};
use crate::tui::command::Ctx;
use crate::tui::effect::{Effect, Effects, Operation};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::{Motion, Wheel, in_sight};
use crate::tui::notice::{Tone, counted};
use crate::tui::open::Covered;
use crate::tui::overlay::PickerItem;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;

/// Columns of the pane, or any number when it is hidden.
pub fn width(model: &Model) -> u16 {
    layout::regions(model).and_then(|regions| regions.body(Pane::Parameters)).map_or(80, |area| area.width)
}

fn is_visible(model: &Model, key: &ParamKey) -> bool {
    rows::rows(model, width(model)).keys(model).any(|seen| seen == key)
}

/// Selects a parameter, removing a filter that hides it.
pub fn select(model: &mut Model, key: &ParamKey) {
    model.focus = Pane::Parameters;
    model.params.selected = Some(key.clone());
    if !is_visible(model, key) {
        model.params.filter.clear();
    }
    if !is_visible(model, key) {
        model.params.show_all = true;
    }
}

pub fn select_first(model: &mut Model) {
    model.params.scroll = 0;
    let first = rows::rows(model, width(model)).keys(model).next().cloned();
    model.params.selected = first;
}

pub fn show_all(model: &mut Model) {
    model.params.show_all = !model.params.show_all;
    let text =
        if model.params.show_all { "Showing everything, links too" } else { "Showing what can be changed" };
    model.notify(Tone::Plain, text);
}

pub fn reset_all(model: &mut Model) {
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Take back {}?", counted(model.draft.changes(), "change")),
        consequence: "Undo brings them back.".to_owned(),
        yes: "take back",
        then: Confirmed::ResetAll,
    }));
}

/// After [`reset_all`] was confirmed.
pub fn reset_all_confirmed(model: &mut Model, effects: &mut Effects) {
    model.draft.reset_all();
    check_files(model, effects);
}

pub fn reset(model: &mut Model, effects: &mut Effects) {
    let Some(key) = model.params.selected.clone() else { return };
    let mut keys = rows::of_row(model, &key);
    // Of a LoRA's row, all of it.
    let row = model.draft.param(&key).and_then(|param| param.lora.as_deref());
    keys.extend(row.iter().flat_map(|row| row.parts()).cloned());
    model.draft.reset(&keys);
    changed(model, &key, effects);
}

pub fn pin(model: &mut Model) {
    let Some(key) = model.params.selected.clone() else { return };
    if !model.params.pinned.shift_remove(&key) {
        model.params.pinned.insert(key);
    }
}

pub fn new_seed(model: &mut Model, ctx: &Ctx, effects: &mut Effects) {
    let is_seed = |key: &ParamKey| model.draft.param(key).is_some_and(|p| p.kind == ParamKind::Seed);
    let selected = model.params.selected.clone().filter(is_seed);
    let first = || model.draft.params().iter().find(|p| p.kind == ParamKind::Seed).map(|p| p.key.clone());
    match selected.or_else(first) {
        Some(key) => {
            let Some(param) = model.draft.param(&key) else { return };
            let now = match model.draft.setting(&key) {
                Some(Setting::Value(serde_json::Value::Number(now))) => Some(now),
                _ => None,
            };
            let seed = random_seed(&param.range, now.as_ref(), ctx.random);
            model.draft.set(&key, Setting::Value(seed.clone().into()));
            model.notify(Tone::Good, format!("Seed {seed}"));
            changed(model, &key, effects);
        }
        None => model.notify(Tone::Plain, "This workflow has no seed"),
    }
}

pub fn cycle_policy(model: &mut Model) {
    let Some(key) = &model.params.selected.clone() else { return };
    if model.draft.param(key).is_none_or(|p| p.kind != ParamKind::Seed) {
        model.notify(Tone::Plain, "Only a seed has a policy: select one first");
        return;
    }
    let now = model.draft.policy(key);
    let at = SeedPolicy::ALL.iter().position(|policy| *policy == now).unwrap_or(0);
    let next = SeedPolicy::ALL[(at + 1) % SeedPolicy::ALL.len()];
    model.draft.set_policy(key, next);
}

/// Changes a number, a boolean or a choice by presses of ±.
pub fn step(model: &mut Model, steps: i64, effects: &mut Effects) {
    let Some(key) = &model.params.selected.clone() else { return };
    if model.draft.lora(key).is_some() {
        return match model.draft.lora_stepped(key, steps) {
            Some(change) => model.draft.say(change, Said::Stepped),
            None => model.notify(Tone::Plain, "This LoRA has no strength of its own"),
        };
    }
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
            scalar::stepped(number, &param.range, steps).map(serde_json::Value::Number)
        }
        _ => None,
    };
    match next {
        Some(next) => {
            model.draft.say([(key.clone(), Setting::Value(next))], Said::Stepped);
            changed(model, key, effects);
        }
        None => model.notify(Tone::Plain, "Press Enter to edit this value"),
    }
}

/// Toggles a boolean, a switch or a LoRA.
pub fn toggle(model: &mut Model, effects: &mut Effects) {
    let Some(key) = &model.params.selected.clone() else { return };
    let Some(param) = model.draft.param(key) else { return };
    if param.is_switch() {
        return step(model, 1, effects);
    }
    match model.draft.lora_toggled(key) {
        Some(change) => model.draft.say(change, Said::Typed),
        None => model.notify(Tone::Plain, "Only booleans and LoRAs can be turned on or off"),
    }
}

/// Sets a file to upload for a parameter.
pub fn upload(model: &mut Model, key: &ParamKey, path: PathBuf, effects: &mut Effects) {
    model.draft.set(key, Setting::File(path));
    changed(model, key, effects);
}

/// After a change of a parameter: checks its file.
pub fn changed(model: &mut Model, key: &ParamKey, effects: &mut Effects) {
    model.params.files.remove(key);
    if let Some(Setting::File(path)) = model.draft.setting(key) {
        effects.push(check_file(model, key, path));
    }
}

fn check_file(model: &Model, key: &ParamKey, path: PathBuf) -> Effect {
    let kind = match model.draft.param(key).map(|param| &param.kind) {
        Some(ParamKind::File(kind)) => *kind,
        _ => FileKind::Image,
    };
    Effect::Do(Operation::CheckFile(key.clone(), path, kind))
}

/// Checks every file in the draft.
pub fn check_files(model: &mut Model, effects: &mut Effects) {
    model.params.files.clear();
    for param in model.draft.params().iter().filter(|p| model.draft.origin(&p.key) != Origin::Workflow) {
        if let Some(Setting::File(path)) = model.draft.setting(&param.key) {
            effects.push(check_file(model, &param.key, path));
        }
    }
}

/// Takes back the last change; where there is none, what was opened over other changes.
pub fn undo(model: &mut Model, effects: &mut Effects) {
    if !model.draft.can_undo()
        && let Some(covered) = model.covered.take()
    {
        return uncover(model, *covered, effects);
    }
    let touched = model.draft.undo();
    undone(model, touched, effects);
}

pub fn redo(model: &mut Model, effects: &mut Effects) {
    let touched = model.draft.redo();
    undone(model, touched, effects);
}

/// What was open before is open again, with its changes.
fn uncover(model: &mut Model, covered: Covered, effects: &mut Effects) {
    let Covered { open, draft, pinned, selected, send_workflow } = covered;
    let changes = counted(draft.changes(), "change");
    model.open = open;
    model.draft = draft;
    model.send_workflow = send_workflow;
    model.params = ParamsPane {
        opened_pins: pinned.clone(),
        pinned,
        selected,
        show_all: model.params.show_all,
        show_origins: model.params.show_origins,
        ..ParamsPane::default()
    };
    check_files(model, effects);
    effects.push(Effect::Do(Operation::CheckOpenFiles(model.open.clone())));
    model.notify(Tone::Good, format!("{} is open again, with {changes}", model.open_name()));
}

fn undone(model: &mut Model, touched: Option<ParamKey>, effects: &mut Effects) {
    if let Some(key) = touched {
        select(model, &key);
        check_files(model, effects);
    }
}

pub fn moved(model: &mut Model, motion: Motion) {
    let rows = rows::rows(model, width(model));
    let keys: Vec<&ParamKey> = rows.keys(model).collect();
    let at = model.params.selected.as_ref().and_then(|key| keys.iter().position(|other| *other == key));
    let page = layout::page(model, Pane::Parameters);
    let next = motion.from(at.unwrap_or(0), page, keys.len().saturating_sub(1));
    let next = keys.get(next).map(|key| (*key).clone());
    model.params.selected = next;
}

/// Keeps the selection among the visible rows, and the selected row within the pane.
pub fn settle(model: &mut Model) {
    let rows = rows::rows(model, width(model));
    let is_seen = |selected: &ParamKey| rows.keys(model).any(|key| key == selected);
    if !model.params.selected.as_ref().is_some_and(is_seen) {
        let first = rows.keys(model).next().cloned();
        model.params.selected = first;
    }
    let height = layout::page(model, Pane::Parameters);
    let total = rows.height();
    let (mut top, mut bottom, mut y) = (0, 0, 0);
    let mut heading = None;
    let selected = model.params.selected.as_ref().and_then(|key| model.draft.place(key));
    for row in &rows.rows {
        match row {
            Row::Heading(_) => heading = Some(y),
            Row::Param { index, .. } => {
                if Some(*index) == selected {
                    // The heading above the first row of a group is shown with it.
                    top = heading.unwrap_or(y);
                    bottom = y + row.height();
                }
                heading = None;
            }
        }
        y += row.height();
    }
    model.params.scroll = in_sight(model.params.scroll, top..bottom, total, height);
}

/// The parameter at a line of the pane.
pub fn at_line(model: &Model, line: usize) -> Option<ParamKey> {
    let mut y = 0;
    let target = model.params.scroll + line;
    let row = rows::rows(model, width(model)).rows.into_iter().find(|row| {
        y += row.height();
        target < y
    });
    match row? {
        Row::Param { index, .. } => model.draft.params().get(index).map(|param| param.key.clone()),
        Row::Heading(_) => None,
    }
}

/// Scrolls; the selection stays as long as it is visible.
pub fn wheel(model: &mut Model, wheel: Wheel) {
    let rows = rows::rows(model, width(model));
    let height = layout::page(model, Pane::Parameters);
    let scroll = wheel.scroll(model.params.scroll, rows.height(), height);
    model.params.scroll = scroll;
    // Lines of the fully visible rows, including the heading above the first of a group.
    let (mut y, mut top) = (0, None);
    let mut seen = Vec::new();
    for row in &rows.rows {
        let first = top.take().unwrap_or(y);
        y += row.height();
        match row {
            Row::Heading(_) => top = Some(first),
            Row::Param { index, .. } if first >= scroll && y <= scroll + height => {
                seen.push(&model.draft.params()[*index].key);
            }
            Row::Param { .. } => {}
        }
    }
    if model.params.selected.as_ref().is_some_and(|key| !seen.contains(&key)) {
        let nearest = match wheel {
            Wheel::Up => seen.last(),
            Wheel::Down => seen.first(),
        };
        if let Some(key) = nearest {
            model.params.selected = Some((*key).clone());
        }
    }
}

/// Clears the filter; `false` when there is none.
pub fn back(model: &mut Model) -> bool {
    let had = !model.params.filter.is_empty();
    model.params.filter.clear();
    had
}

pub fn filter(model: &mut Model, text: String) {
    model.params.filter = text;
    select_first(model);
}

/// Takes the marked values of a list, each as JSON, as the value of a parameter.
pub fn marked(model: &mut Model, key: &ParamKey, marked: &[String], effects: &mut Effects) {
    let entries = marked.iter().filter_map(|entry| serde_json::from_str(entry).ok());
    let value = value::of_list(entries.collect());
    if model.draft.setting(key) == Some(Setting::Value(value.clone())) {
        return;
    }
    model.draft.say([(key.clone(), Setting::Value(value))], Said::Typed);
    changed(model, key, effects);
}

/// Sets a value chosen from a parameter's list, or typed there.
pub fn chosen(model: &mut Model, key: &ParamKey, item: &PickerItem, effects: &mut Effects) {
    let Some(param) = model.draft.param(key) else { return };
    let listed: Option<serde_json::Value> = serde_json::from_str(&item.id).ok();
    let change = if model.draft.lora(key).is_some() {
        let name = listed.as_ref().and_then(serde_json::Value::as_str).unwrap_or(&item.label);
        model.draft.lora_named(key, name)
    } else {
        let value = listed.clone().or_else(|| value::parse(param, &item.label).ok());
        value.map(|value| vec![(key.clone(), Setting::Value(value))])
    };
    let Some(change) = change else { return };
    model.draft.say(change, Said::Typed);
    changed(model, key, effects);
    // A row that was added is another one than the selected.
    if model.draft.lora(key).is_some() {
        select(model, key);
    }
    if listed.is_none() {
        model.notify(Tone::Plain, "This choice isn't in the known list; the server decides");
    }
}
