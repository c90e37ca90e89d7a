//! What lies over the panes: help, lists to choose from, lines to type, questions.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{import, log, outputs, params, runs, save_effect};
use crate::domain::{Setting, value};
use crate::tui::action::{Action, enabled};
use crate::tui::completions::Completions;
use crate::tui::ctx::Ctx;
use crate::tui::effect::{Effect, Effects};
use crate::tui::keymap::Keymap;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::matches;
use crate::tui::overlay::view;
use crate::tui::overlay::{Asking, Choosing, Confirm, Confirmed, Overlay, Picker, PickerItem, Prompt};
use crate::tui::pane::Pane;
use crate::tui::typing::line_editor;
use crate::tui::{motion::counted, typing as field};

/// Opens what an action asks for.
pub(super) fn open(model: &mut Model, action: Action, ctx: &Ctx, effects: &mut Effects) {
    model.overlay = match action {
        Action::Messages => Some(Overlay::Messages { scroll: 0 }),
        Action::Help => Some(Overlay::Help { filter: line_editor(""), scroll: 0 }),
        Action::Palette => Some(Overlay::picker(Choosing::Command, commands(model, ctx.keys))),
        Action::Presets => {
            effects.push(Effect::ListPresets);
            Some(Overlay::loading(Choosing::Preset))
        }
        Action::Profiles => {
            effects.push(Effect::ListProfiles);
            Some(Overlay::loading(Choosing::Profile))
        }
        Action::OpenWorkflow => {
            effects.push(Effect::CompletePath(String::new()));
            Some(Overlay::prompt(Asking::WorkflowPath, ""))
        }
        Action::Import => {
            effects.push(Effect::CompletePath(String::new()));
            Some(Overlay::prompt(Asking::ImportPath, ""))
        }
        Action::SaveAs => return ask_preset_name(model),
        Action::Find => match model.focus {
            Pane::Parameters => Some(Overlay::prompt(Asking::ParamFilter, &model.params.filter)),
            Pane::Runs | Pane::Details | Pane::Output | Pane::Gallery => {
                Some(Overlay::prompt(Asking::RunSearch, &model.runs.search))
            }
            Pane::Log => Some(Overlay::prompt(Asking::LogSearch, &model.log.search)),
            Pane::Compare => None,
        },
        _ => None,
    };
}

pub(super) fn ask_preset_name(model: &mut Model) {
    let name = model.draft.preset().name.clone();
    model.overlay = Some(Overlay::prompt(Asking::PresetName, &name));
}

pub(super) fn confirm_overwrite(model: &mut Model, name: String) {
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("There is a preset {name} already. Write over it?"),
        consequence: "Its file becomes a copy of the open preset with your changes.".to_owned(),
        yes: "write over it",
        then: Confirmed::OverwritePreset(name),
    }));
}

/// Every command that means something where the person is: in the pane, or in the field that is open.
fn commands(model: &Model, keys: &Keymap) -> Vec<PickerItem> {
    use crate::tui::action::Scope;
    let mut items: Vec<PickerItem> = Vec::new();
    for (row, keys) in keys.rows() {
        let here = match row.scope {
            Scope::Everywhere => true,
            Scope::Editing => model.params.editing.is_some(),
            Scope::Panes => model.params.editing.is_none(),
            Scope::Pane(pane) => pane == model.focus && model.params.editing.is_none(),
        };
        if !here || row.action == Action::Palette || items.iter().any(|item| item.detail == row.long) {
            continue;
        }
        items.push(PickerItem {
            id: row.name.to_owned(),
            label: row.short.to_owned(),
            detail: row.long.to_owned(),
            note: keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            disabled: enabled(row.action, model).err(),
            ..PickerItem::default()
        });
    }
    items
}

pub(super) fn items(model: &mut Model, purpose: &Choosing, items: Vec<PickerItem>) {
    if let Some(Overlay::Picker(picker)) = &mut model.overlay
        && picker.purpose == *purpose
    {
        picker.selected = items.iter().position(|item| item.is_open).unwrap_or(0);
        picker.items = items;
        picker.loading = false;
    }
}

pub(super) fn pressed(model: &mut Model, event: KeyEvent, ctx: &Ctx, effects: &mut Effects) {
    let is_escape = event.code == KeyCode::Esc
        || (event.code == KeyCode::Char('c') && event.modifiers == KeyModifiers::CONTROL);
    match model.overlay.take() {
        Some(overlay) if is_escape => escaped(model, &overlay, effects),
        Some(Overlay::Messages { scroll }) => messages_pressed(model, scroll, event),
        Some(Overlay::Help { filter, scroll }) => help_pressed(model, filter, scroll, event, ctx),
        Some(Overlay::Picker(picker)) => picker_pressed(model, picker, event, ctx, effects),
        Some(Overlay::Prompt(prompt)) => prompt_pressed(model, prompt, event, ctx, effects),
        Some(Overlay::Confirm(confirm)) => confirm_pressed(model, confirm, event, effects),
        Some(Overlay::Import(shown)) => import::pressed(model, shown, event, effects),
        None => {}
    }
}

/// Leaving a filter that was applied while it was typed brings back the one before.
fn escaped(model: &mut Model, overlay: &Overlay, effects: &mut Effects) {
    if let Overlay::Prompt(prompt) = overlay {
        match prompt.purpose {
            Asking::ParamFilter => model.params.filter.clone_from(&prompt.before),
            Asking::RunSearch => {
                model.runs.search.clone_from(&prompt.before);
                runs::search_changed(model, effects);
            }
            _ => {}
        }
    }
}

pub(super) fn pasted(model: &mut Model, text: &str, effects: &mut Effects) {
    let line: String = text.trim().chars().take(4_096).map(|c| if c == '\n' { ' ' } else { c }).collect();
    match &mut model.overlay {
        Some(Overlay::Help { filter, .. }) => {
            filter.insert_str(line);
        }
        Some(Overlay::Picker(picker)) => {
            picker.filter.insert_str(line);
            picker.selected = 0;
        }
        Some(Overlay::Prompt(prompt)) => {
            prompt.text.insert_str(line);
            typed(model, effects);
        }
        Some(Overlay::Confirm(_) | Overlay::Messages { .. } | Overlay::Import(_)) | None => {}
    }
}

fn messages_pressed(model: &mut Model, scroll: usize, event: KeyEvent) {
    let page = usize::from(model.size.height).saturating_sub(6).max(1);
    let lines = crate::tui::overlay::messages::line_count(model);
    let next = match event.code {
        KeyCode::Up | KeyCode::Char('k') => scroll.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => scroll + 1,
        KeyCode::PageUp => scroll.saturating_sub(page),
        KeyCode::PageDown => scroll + page,
        KeyCode::Enter | KeyCode::Char('!' | 'q') => return,
        _ => scroll,
    };
    model.overlay = Some(Overlay::Messages { scroll: next.min(lines.saturating_sub(page)) });
}

fn help_pressed(
    model: &mut Model,
    mut filter: tui_textarea::TextArea<'static>,
    mut scroll: usize,
    event: KeyEvent,
    ctx: &Ctx,
) {
    let page = usize::from(model.size.height).saturating_sub(8).max(1);
    match event.code {
        KeyCode::Enter => return,
        KeyCode::Char('?') if filter.is_empty() => return,
        KeyCode::Up => scroll = scroll.saturating_sub(1),
        KeyCode::Down => scroll += 1,
        KeyCode::PageUp => scroll = scroll.saturating_sub(page),
        KeyCode::PageDown => scroll += page,
        _ => {
            if field::line_pressed(&mut filter, event, ctx.keys) {
                scroll = 0;
            }
        }
    }
    let scroll = scroll.min(view::help_end(model, &filter, ctx.keys));
    model.overlay = Some(Overlay::Help { filter, scroll });
}

fn picker_pressed(model: &mut Model, mut picker: Picker, event: KeyEvent, ctx: &Ctx, effects: &mut Effects) {
    let matching = matches(&picker);
    let last = matching.len().saturating_sub(1);
    let chosen = matching.get(picker.selected).cloned();
    let ctrl = event.modifiers == KeyModifiers::CONTROL;
    match event.code {
        KeyCode::Enter => return choose(model, picker, chosen, ctx, effects),
        KeyCode::Up | KeyCode::BackTab => picker.selected = picker.selected.saturating_sub(1),
        KeyCode::Down | KeyCode::Tab => picker.selected = (picker.selected + 1).min(last),
        KeyCode::Char('k') if ctrl => picker.selected = picker.selected.saturating_sub(1),
        KeyCode::Char('j') if ctrl => picker.selected = (picker.selected + 1).min(last),
        KeyCode::PageUp => picker.selected = picker.selected.saturating_sub(10),
        KeyCode::PageDown => picker.selected = (picker.selected + 10).min(last),
        KeyCode::Delete | KeyCode::F(2) if picker.purpose == Choosing::Preset => {
            if let Some(item) = chosen {
                return change_preset(model, picker, &item, event.code == KeyCode::Delete);
            }
        }
        _ => {
            if field::line_pressed(&mut picker.filter, event, ctx.keys) {
                picker.selected = 0;
            }
        }
    }
    model.overlay = Some(Overlay::Picker(picker));
}

/// Delete and F2 in the list of presets.
fn change_preset(model: &mut Model, picker: Picker, item: &PickerItem, delete: bool) {
    if item.is_built_in {
        model.notify(
            Tone::Plain,
            format!("{} is built in: load it and save it under a name of your own", item.id),
        );
        model.overlay = Some(Overlay::Picker(picker));
    } else if delete {
        let broken = match item.extended_by.as_slice() {
            [] => String::new(),
            [only] => format!("{only} extends it, and loses what it sets. "),
            [several @ .., last] => {
                format!("{} and {last} extend it, and lose what it sets. ", several.join(", "))
            }
        };
        model.overlay = Some(Overlay::Confirm(Confirm {
            question: format!("Delete preset {}?", item.id),
            consequence: format!("{broken}Its file is removed. This cannot be taken back."),
            yes: "delete",
            then: Confirmed::DeletePreset(item.id.clone()),
        }));
    } else {
        model.overlay = Some(Overlay::prompt(Asking::RenamePreset(item.id.clone()), &item.id));
    }
}

fn choose(model: &mut Model, picker: Picker, chosen: Option<PickerItem>, ctx: &Ctx, effects: &mut Effects) {
    match (&picker.purpose, chosen) {
        (Choosing::Command, Some(item)) => {
            let action = ctx.keys.rows().find(|(row, _)| row.name == item.id).map(|(row, _)| row.action);
            if let Some(action) = action {
                super::perform(model, action, ctx, effects);
            }
        }
        (Choosing::Preset, Some(item)) if model.draft.changes() > 0 => {
            let changes = counted(model.draft.changes(), "change");
            model.overlay = Some(Overlay::Confirm(Confirm {
                question: format!("Load preset {} and drop {changes}?", item.label),
                consequence: "Press Esc and then s to save them first.".to_owned(),
                yes: "load",
                then: Confirmed::LoadPreset(item.id),
            }));
        }
        (Choosing::Preset, Some(item)) => open_preset(model, item.id, effects),
        (Choosing::Profile, Some(item)) => effects.push(Effect::UseProfile(item.id)),
        (Choosing::Value(key), Some(item)) => {
            let listed = serde_json::from_str(&item.id).ok();
            let typed = || model.draft.param(key).and_then(|param| value::parse(param, &item.label).ok());
            if let Some(value) = listed.clone().or_else(typed) {
                model.draft.set(key, Setting::Value(value));
                params::changed(model, key, effects);
                if listed.is_none() {
                    model
                        .notify(Tone::Plain, "This choice is not among those known here; the server decides");
                }
            }
        }
        (Choosing::Output(wanted), Some(item)) => {
            outputs::take(model, &item.id, *wanted, effects);
        }
        (Choosing::InputFor(path), Some(item)) => {
            outputs::put(model, path, &item.id, effects);
        }
        (_, None) => model.overlay = Some(Overlay::Picker(picker)),
    }
}

fn prompt_pressed(model: &mut Model, mut prompt: Prompt, event: KeyEvent, ctx: &Ctx, effects: &mut Effects) {
    prompt.error = None;
    if let Some(changed) = complete(&mut prompt, event) {
        model.overlay = Some(Overlay::Prompt(prompt));
        if changed {
            typed(model, effects);
        }
        return;
    }
    if event.code != KeyCode::Enter {
        let changed = field::line_pressed(&mut prompt.text, event, ctx.keys);
        model.overlay = Some(Overlay::Prompt(prompt));
        if changed {
            typed(model, effects);
        }
        return;
    }
    let text = prompt.text.lines().join("");
    let text = text.trim();
    match &prompt.purpose {
        Asking::ParamFilter | Asking::RunSearch => {}
        Asking::LogSearch => {
            model.log.search = text.to_owned();
            model.log.found = None;
            if !text.is_empty() {
                log::search(model, false, effects);
            }
        }
        Asking::PresetName | Asking::RenamePreset(_) if text.is_empty() => {
            prompt.error = Some("A preset needs a name".to_owned());
            model.overlay = Some(Overlay::Prompt(prompt));
        }
        Asking::PresetName => {
            let overwrite = model.source.preset_writable && text == model.draft.preset().name;
            effects.push(save_effect(model, text, overwrite));
        }
        Asking::RenamePreset(from) => {
            effects.push(Effect::RenamePreset { from: from.clone(), to: text.to_owned() });
        }
        Asking::WorkflowPath if model.draft.changes() > 0 => {
            let changes = counted(model.draft.changes(), "change");
            model.overlay = Some(Overlay::Confirm(Confirm {
                question: format!("Open {text} and drop {changes}?"),
                consequence: "Press n and then s to save them first.".to_owned(),
                yes: "open",
                then: Confirmed::OpenWorkflow(text.into()),
            }));
        }
        Asking::WorkflowPath => open_workflow(model, text.into(), effects),
        Asking::ImportPath if text.is_empty() => {
            prompt.error = Some("Type the path of a picture, a video or a workflow".to_owned());
            model.overlay = Some(Overlay::Prompt(prompt));
        }
        Asking::ImportPath => effects.push(Effect::Import(text.into())),
    }
}

/// A key that is about the paths beneath the text: whether the text changed; `None` when it is another key.
fn complete(prompt: &mut Prompt, event: KeyEvent) -> Option<bool> {
    if !event.modifiers.is_empty() {
        return None;
    }
    let taken = match event.code {
        KeyCode::Enter | KeyCode::Tab if prompt.completions.chosen.is_some() => {
            prompt.completions.choice().cloned()
        }
        KeyCode::Tab => prompt.completions.common(&prompt.text.lines().join("")),
        KeyCode::Up | KeyCode::Down if !prompt.completions.paths.is_empty() => {
            prompt.completions.step(event.code == KeyCode::Up);
            return Some(false);
        }
        _ => return None,
    };
    let Some(path) = taken else { return Some(false) };
    prompt.text = line_editor(&path);
    // They were of another text; the new ones are on their way.
    prompt.completions = Completions::default();
    Some(true)
}

/// Paths were found for a text.
pub(super) fn completions(model: &mut Model, text: &str, paths: &[String]) {
    if let Some(Overlay::Prompt(prompt)) = &mut model.overlay
        && matches!(prompt.purpose, Asking::WorkflowPath | Asking::ImportPath)
        && prompt.text.lines().join("") == text
    {
        prompt.completions.put(text, paths.to_vec());
    }
}

fn open_preset(model: &mut Model, name: String, effects: &mut Effects) {
    model.opening = true;
    effects.push(Effect::OpenPreset(name));
}

fn open_workflow(model: &mut Model, path: std::path::PathBuf, effects: &mut Effects) {
    model.opening = true;
    effects.push(Effect::OpenWorkflow(path));
}

/// Filters apply while they are typed.
fn typed(model: &mut Model, effects: &mut Effects) {
    let Some(Overlay::Prompt(prompt)) = &model.overlay else { return };
    let text = prompt.text.lines().join("");
    match prompt.purpose {
        Asking::ParamFilter => {
            model.params.filter = text;
            params::select_first(model);
        }
        Asking::RunSearch if text != model.runs.search => {
            model.runs.search = text;
            runs::search_changed(model, effects);
        }
        Asking::WorkflowPath | Asking::ImportPath => effects.push(Effect::CompletePath(text)),
        _ => {}
    }
}

fn confirm_pressed(model: &mut Model, confirm: Confirm, event: KeyEvent, effects: &mut Effects) {
    match event.code {
        KeyCode::Char('y' | 'Y') => confirmed(model, confirm.then, effects),
        KeyCode::Char('n' | 'N') => {}
        // Enter is pressed too easily to mean yes here.
        _ => model.overlay = Some(Overlay::Confirm(confirm)),
    }
}

fn confirmed(model: &mut Model, then: Confirmed, effects: &mut Effects) {
    match then {
        Confirmed::Cancel(run) => {
            model.notify(Tone::Plain, format!("Cancelling run {run}"));
            effects.push(Effect::Cancel(run));
        }
        Confirmed::LetGo(run) => effects.push(Effect::LetGo(run)),
        Confirmed::Repeat(run) => {
            model.runs.chosen = false;
            effects.push(Effect::Repeat(run));
        }
        Confirmed::DeletePreset(name) => effects.push(Effect::DeletePreset(name)),
        Confirmed::LoadPreset(name) => open_preset(model, name, effects),
        Confirmed::OpenWorkflow(path) => open_workflow(model, path, effects),
        Confirmed::OverwritePreset(name) => effects.push(save_effect(model, &name, true)),
        Confirmed::ResetAll => {
            model.draft.reset_all();
            params::check_files(model, effects);
            effects.push(Effect::Remember);
        }
        Confirmed::OpenGraph(imported) => import::open(model, *imported, effects),
        Confirmed::DeleteOutput(id) => effects.push(Effect::DeleteOutput(id)),
        Confirmed::LoadRun(run) => effects.push(Effect::ReadSettings(run)),
    }
}
