//! Uses of a run's outputs: open, copy, use as an input.

use std::path::Path;

use super::view::shown;
use crate::domain::media;
use crate::domain::param::{FileKind, MASK_SUFFIX};
use crate::domain::run::Output;
use crate::domain::{ParamKey, ParamKind, Parameter, Setting};
use crate::tui::effect::{Effect, Effects, Operation, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Choosing, OutputUse, Overlay, PickerItem};
use crate::tui::pane::Pane;
use crate::tui::panes::params::setting_text;
use crate::tui::panes::params::update as params;
use crate::tui::text;

/// Chooses the output: the only one, else from a list.
pub fn ask(model: &mut Model, wanted: OutputUse, effects: &mut Effects) {
    // The gallery lists outputs of many runs; the selected one is used.
    if let Some(tile) = model.gallery.list.selected().filter(|_| model.focus == Pane::Gallery) {
        return use_one(model, &tile.card.output.clone(), wanted, effects);
    }
    let run = if model.focus == Pane::Output { shown(model) } else { model.selected_run() };
    let Some(run) = run else {
        return model.notify(Tone::Plain, "The run is still being read. Press again in a moment");
    };
    let outputs = run.outputs.clone();
    // The visible output is used.
    if let Some(seen) = outputs.get(model.output.at).filter(|_| model.focus == Pane::Output) {
        return use_one(model, seen, wanted, effects);
    }
    match outputs.as_slice() {
        // The list shows outputs that the details have not received yet.
        [] => model.notify(Tone::Plain, "The run is still being read. Press again in a moment"),
        [only] => use_one(model, only, wanted, effects),
        _ => {
            let items = outputs.iter().map(|output| PickerItem {
                id: output.path.display().to_string(),
                label: file_name(&output.path),
                detail: output.content_type.clone(),
                note: text::bytes(output.size),
                ..PickerItem::default()
            });
            model.overlay = Some(Overlay::picker(Choosing::Output(wanted), items.collect()));
        }
    }
}

/// Uses the output chosen from the list, by its path.
pub fn take(model: &mut Model, path: &str, wanted: OutputUse, effects: &mut Effects) {
    let outputs = model.details.run.iter().flat_map(|run| &run.outputs);
    match outputs.into_iter().find(|output| output.path.display().to_string() == path).cloned() {
        Some(output) => use_one(model, &output, wanted, effects),
        None => model.notify(Tone::Plain, "Another run has been selected meanwhile"),
    }
}

fn use_one(model: &mut Model, output: &Output, wanted: OutputUse, effects: &mut Effects) {
    let path = output.path.clone();
    match wanted {
        OutputUse::Input => input(model, output, effects),
        OutputUse::Parameters => {
            effects.push(Effect::Do(Operation::Import(path, model.open.schema_origin())));
        }
        OutputUse::View => effects.push(Effect::Do(Operation::View(path))),
        OutputUse::Path => effects.push(Effect::Screen(ScreenEffect::Copy(path.display().to_string()))),
        OutputUse::Scp => effects.push(Effect::Screen(ScreenEffect::CopyScp(path))),
    }
}

/// Sets an output as the file of a parameter: the only suitable one, else from a list.
fn input(model: &mut Model, output: &Output, effects: &mut Effects) {
    let takers: Vec<&Parameter> = model.draft.params().iter().filter(|param| takes(param, output)).collect();
    match takers.as_slice() {
        [] => {
            let text = format!("The open workflow has no parameter that takes {}", file_name(&output.path));
            model.notify(Tone::Plain, text);
        }
        [only] => {
            let key = only.key.to_string();
            put(model, &output.path, &key, effects);
        }
        takers => {
            let item = |param: &&Parameter| PickerItem {
                id: param.key.to_string(),
                label: model.draft.name(param).to_owned(),
                detail: param.group.clone(),
                note: model.draft.setting(&param.key).as_ref().map(setting_text).unwrap_or_default(),
                ..PickerItem::default()
            };
            let items = takers.iter().map(item).collect();
            model.overlay = Some(Overlay::picker(Choosing::InputFor(output.path.clone()), items));
        }
    }
}

/// Whether a parameter takes files of the output's type. Masks are not offered.
fn takes(param: &Parameter, output: &Output) -> bool {
    let ParamKind::File(kind) = param.kind else { return false };
    if param.key.input().ends_with(MASK_SUFFIX) {
        return false;
    }
    let by_name = || media::by_name(&output.path.to_string_lossy()).unwrap_or_default();
    let content_type = if output.content_type.contains('/') { &output.content_type } else { by_name() };
    match content_type.split('/').next().unwrap_or_default() {
        "image" => matches!(kind, FileKind::Image | FileKind::Mask),
        "video" => kind == FileKind::Video,
        "audio" => kind == FileKind::Audio,
        "text" => false,
        // The server knows the file's type better.
        _ => true,
    }
}

/// Sets the parameter with this key to a file.
pub fn put(model: &mut Model, path: &Path, key: &str, effects: &mut Effects) {
    let Some(key) = ParamKey::parse(key).filter(|key| model.draft.param(key).is_some()) else {
        return model.notify(Tone::Plain, "Another workflow has been opened meanwhile");
    };
    model.draft.set(&key, Setting::File(path.to_owned()));
    params::select(model, &key);
    params::changed(model, &key, effects);
    let name = model.draft.param(&key).map(|param| model.draft.name(param).to_owned()).unwrap_or_default();
    model.notify(Tone::Good, format!("{name} is now {}. Undo restores the old one", file_name(path)));
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
