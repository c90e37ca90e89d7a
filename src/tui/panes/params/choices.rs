//! The list of a choice's values.

use super::recall;
use crate::domain::field::Recalled;
use crate::domain::{ParamKey, Setting, lora, value};
use crate::tui::effect::Effects;
use crate::tui::model::Model;
use crate::tui::overlay::{Choosing, Overlay, PickerItem};

/// Lists the values of a choice, or the names for an entry of a LoRA list. Those of earlier runs come first, once the
/// history has answered.
pub fn open(model: &mut Model, key: &ParamKey, effects: &mut Effects) {
    let Some(param) = model.draft.param(key) else { return };
    let now = match model.draft.setting(key) {
        Some(Setting::Value(value)) => match lora::Entry::read(&value) {
            Some(entry) => Some(entry.name.into()),
            None => Some(value),
        },
        Some(Setting::File(_)) | None => None,
    };
    let items = param.choices.iter().map(|choice| PickerItem {
        id: choice.value.to_string(),
        label: choice.label.clone(),
        is_open: now.as_ref() == Some(&choice.value),
        ..PickerItem::default()
    });
    // Where no server says which LoRAs there are, those of the workflow serve, and another can be typed.
    let used = if param.choices.is_empty() { model.draft.loras_used() } else { Vec::new() };
    let used = used.into_iter().map(|name| PickerItem {
        id: serde_json::Value::from(name.as_str()).to_string(),
        is_open: now.as_ref().and_then(serde_json::Value::as_str) == Some(&name),
        label: name,
        ..PickerItem::default()
    });
    let items = items.chain(used);
    effects.extend(recall::ask(model, key, String::new()));
    let items: Vec<PickerItem> = items.collect();
    let selected = items.iter().position(|item| item.is_open).or(Some(0));
    let mut overlay = Overlay::picker(Choosing::Value(key.clone()), items);
    if let Overlay::Picker(picker) = &mut overlay {
        picker.selected = selected;
    }
    model.overlay = Some(overlay);
}

/// Lists the choices of a parameter that takes several, those that it has marked and on top.
pub fn open_several(model: &mut Model, key: &ParamKey) {
    let Some(param) = model.draft.param(key) else { return };
    let now = match model.draft.setting(key) {
        Some(Setting::Value(value)) => match value::list(&value) {
            Some(list) => list.to_vec(),
            // One that is not in a list.
            None => vec![value],
        },
        Some(Setting::File(_)) | None => Vec::new(),
    };
    let item = |label: &str, value: &serde_json::Value, note: &str| PickerItem {
        id: value.to_string(),
        label: label.to_owned(),
        note: note.to_owned(),
        ..PickerItem::default()
    };
    let listed = |value: &serde_json::Value| param.choices.iter().find(|choice| choice.value == *value);
    let top = now.iter().map(|value| match listed(value) {
        Some(choice) => item(&choice.label, value, ""),
        None => item(&value::text(value), value, "not listed"),
    });
    let others = param.choices.iter().filter(|choice| !now.contains(&choice.value));
    let items = top.chain(others.map(|choice| item(&choice.label, &choice.value, ""))).collect();
    let mut overlay = Overlay::picker(Choosing::Several(key.clone()), items);
    if let Overlay::Picker(picker) = &mut overlay {
        picker.marked = now.iter().map(ToString::to_string).collect();
    }
    model.overlay = Some(overlay);
}

/// In an open list of choices, those of earlier runs come first, the last used one on top. A list in which something was
/// typed or moved stays as it is.
pub fn last_used_first(model: &mut Model, key: &ParamKey, typed: &str, found: &[Recalled]) {
    /// Choices that are moved to the top.
    const MOST: usize = 5;
    let now = model.now;
    let Some(Overlay::Picker(picker)) = &mut model.overlay else { return };
    let is_untouched = typed.is_empty() && picker.typed().is_empty();
    if picker.purpose != Choosing::Value(key.clone()) || !is_untouched {
        return;
    }
    let at_start = picker.items.iter().position(|item| item.is_open).unwrap_or(0);
    let mut used = Vec::new();
    for found in found {
        // Of an entry of a LoRA list, its name.
        let id = match lora::Entry::read(&found.value) {
            Some(entry) => serde_json::Value::from(entry.name).to_string(),
            None => found.value.to_string(),
        };
        let is_new = !used.iter().any(|item: &PickerItem| item.id == id);
        let place =
            picker.items.iter().position(|item| item.id == id).filter(|_| is_new && used.len() < MOST);
        if let Some(place) = place {
            used.push(PickerItem { note: recall::item(found, now).note, ..picker.items.remove(place) });
        }
    }
    picker.items.splice(0..0, used);
    if picker.selected == Some(at_start) {
        picker.selected = Some(picker.items.iter().position(|item| item.is_open).unwrap_or(0));
    }
}
