//! The search of the runs: read and completed while it is typed, saved under a name.

use crate::domain::notebook;
use crate::domain::search::{self, KEYS, Typing};
use crate::tui::command::Keymap;
use crate::tui::effect::{Effect, Effects, Operation, Question};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Asking, Choosing, Overlay, PickerItem, Prompt};
use crate::tui::query::SearchWords;

use super::update::search_changed;

/// Opens the search, and asks for what it may name.
pub fn open(model: &mut Model, effects: &mut Effects) {
    let text = model.runs.filter.search.clone();
    effects.push(Effect::Ask(Question::SearchWords));
    model.overlay = Some(Overlay::prompt(Asking::RunSearch, &text));
}

/// What a search may name is here: it may complete what is being typed.
pub fn words(model: &mut Model, words: SearchWords) {
    model.runs.words = words;
    let Model { overlay, runs, .. } = model;
    match overlay {
        Some(Overlay::Prompt(prompt)) if prompt.purpose == Asking::RunSearch => complete(prompt, &runs.words),
        Some(Overlay::Picker(picker)) if picker.purpose == Choosing::Search => {
            picker.items = saved(&runs.words);
            picker.loading = false;
        }
        _ => {}
    }
}

/// The search changed: applied as far as it can be read. Of a last word that cannot be, the field says why.
pub fn typed(model: &mut Model, text: &str, effects: &mut Effects) {
    let before = model.runs.filter.search.clone();
    let Model { overlay, runs, .. } = model;
    let read = runs.filter.search_for(text, &runs.words);
    if read.is_err() {
        let end = text.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, _)| at);
        // What stands before it may be wrong, too: then the last that could be read stays.
        let _ = runs.filter.search_for(&text[..end], &runs.words);
    }
    let is_new = before != runs.filter.search;
    if let Some(Overlay::Prompt(prompt)) = overlay {
        complete(prompt, &runs.words);
        prompt.error = read.as_ref().err().map(ToString::to_string);
    }
    if is_new {
        search_changed(model, effects);
    }
}

/// A search that cannot be read stays open.
pub fn entered(model: &mut Model, text: &str, effects: &mut Effects) {
    let before = model.runs.filter.search.clone();
    match model.runs.filter.search_for(text, &model.runs.words) {
        Ok(()) if before == text => {}
        Ok(()) => search_changed(model, effects),
        Err(why) => {
            let mut overlay = Overlay::prompt(Asking::RunSearch, text);
            if let Overlay::Prompt(prompt) = &mut overlay {
                prompt.error = Some(why.to_string());
                prompt.before = before;
            }
            model.overlay = Some(overlay);
        }
    }
}

/// The search before it was opened.
pub fn left(model: &mut Model, before: &str, effects: &mut Effects) {
    let Model { runs, .. } = model;
    // It could be read before.
    if runs.filter.search_for(before, &runs.words).is_ok() {
        search_changed(model, effects);
    }
}

fn complete(prompt: &mut Prompt, words: &SearchWords) {
    let text = prompt.text();
    let found = completions(&text, words);
    prompt.completions.put(&text, found);
}

/// What a text may become.
fn completions(text: &str, words: &SearchWords) -> Vec<String> {
    let Some((typing, start)) = search::typing(text) else { return Vec::new() };
    let head = &text[..start];
    let all = |values: &mut dyn Iterator<Item = &str>, typed: &str| -> Vec<String> {
        let found = values.filter(|value| value.starts_with(typed));
        found
            .map(|value| {
                format!(
                    "{head}{}",
                    if value.contains(' ') { format!("\"{value}\"") } else { value.to_owned() }
                )
            })
            .collect()
    };
    match typing {
        Typing::Key("") => Vec::new(),
        Typing::Key(typed) => {
            let keys = KEYS.iter().filter(|key| key.name.starts_with(typed));
            keys.map(|key| format!("{head}{}:", key.name)).collect()
        }
        Typing::Value("tag", typed) => all(&mut words.tags.iter().map(String::as_str), typed),
        Typing::Value("preset", typed) => all(&mut words.presets.iter().map(String::as_str), typed),
        Typing::Value(key, typed) => all(&mut search::usual_values(key).into_iter(), typed),
        Typing::Saved(typed) => all(&mut words.saved.keys().map(String::as_str), typed),
    }
}

pub fn ask_name(model: &mut Model) {
    model.overlay = Some(Overlay::prompt(Asking::SearchName, ""));
}

/// What is searched for gets a name. What is no name was refused before.
pub fn name_entered(model: &mut Model, name: &str, keys: &Keymap, effects: &mut Effects) {
    let Ok(name) = notebook::tag(name.strip_prefix('@').unwrap_or(name)) else { return };
    let text = model.runs.filter.search.clone();
    let told = format!(
        "Saved as @{name}: type that into a search, or choose it with {}",
        keys.hint("saved-searches")
    );
    model.notify(Tone::Good, told);
    model.runs.words.saved.insert(name.clone(), text.clone());
    effects.push(Effect::Do(Operation::SaveSearch(name, Some(text))));
}

/// Lists the saved searches.
pub fn ask_saved(model: &mut Model, effects: &mut Effects) {
    effects.push(Effect::Ask(Question::SearchWords));
    model.overlay = Some(Overlay::picker(Choosing::Search, saved(&model.runs.words)));
}

fn saved(words: &SearchWords) -> Vec<PickerItem> {
    let item = |(name, text): (&String, &String)| PickerItem {
        id: name.clone(),
        label: format!("@{name}"),
        detail: text.clone(),
        ..PickerItem::default()
    };
    words.saved.iter().map(item).collect()
}

/// Applies a saved search.
pub fn chosen(model: &mut Model, name: &str, effects: &mut Effects) {
    let Model { runs, .. } = model;
    match runs.filter.search_for(&format!("@{name}"), &runs.words) {
        Ok(()) => search_changed(model, effects),
        Err(why) => model.notify(Tone::Bad, why.to_string()),
    }
}

pub fn forget(model: &mut Model, name: String, effects: &mut Effects) {
    model.runs.words.saved.remove(&name);
    model.notify(Tone::Plain, format!("The search @{name} is removed"));
    effects.push(Effect::Do(Operation::SaveSearch(name, None)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_tags_presets_and_saved_searches_are_completed() {
        let words = SearchWords {
            tags: vec!["final".to_owned(), "fine".to_owned()],
            presets: vec!["my cat".to_owned()],
            saved: [("bad".to_owned(), "status:failed".to_owned())].into(),
        };
        for (typed, found) in [
            ("cat se", &["cat seed:"][..]),
            ("s", &["seed:", "status:"]),
            ("-status:f", &["-status:failed"]),
            ("tag:fin", &["tag:final", "tag:fine"]),
            ("tag:final,fi", &["tag:final,final", "tag:final,fine"]),
            ("preset:m", &["preset:\"my cat\""]),
            ("x @b", &["x @bad"]),
            ("after:y", &["after:yesterday"]),
            ("flamingo", &[]),
            ("", &[]),
        ] {
            assert_eq!(completions(typed, &words), found, "{typed}");
        }
    }
}
