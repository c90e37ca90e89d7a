//! What a field held before, a key away: the newest first, as in a shell.

use tui_textarea::CursorMove;

use crate::domain::field::Recalled;
use crate::domain::{ParamKey, value};
use crate::tui::effect::Effects;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::panes::params::recall;

/// Where a person is among the earlier values of the open field.
#[derive(Debug, Default)]
pub struct Past {
    /// The values, newest first, with their runs; `None` until they were asked for and are here.
    values: Option<Vec<(String, String)>>,
    /// How many values back; 0 is what was typed.
    at: usize,
    /// What was typed, and whether anything was.
    own: (String, bool),
    /// A step that waits for the values.
    waiting: bool,
}

impl Past {
    /// Whether an earlier value is shown.
    pub fn is_back(&self) -> bool {
        self.at > 0
    }
}

/// One value further back, or forward again to what was typed.
pub fn step(model: &mut Model, back: bool, effects: &mut Effects) {
    let Some(editing) = &mut model.params.editing else { return };
    if editing.past.values.is_none() {
        if !back || editing.past.waiting {
            return;
        }
        editing.past.waiting = true;
        let key = editing.key.clone();
        effects.extend(recall::ask(model, &key, String::new()));
        return;
    }
    go(model, back);
}

/// The earlier values of a field are here.
pub fn arrived(model: &mut Model, key: &ParamKey, typed: &str, found: &[Recalled]) {
    let Some(editing) = &mut model.params.editing else { return };
    if editing.key != *key || !typed.is_empty() || !editing.past.waiting {
        return;
    }
    editing.past.waiting = false;
    let from = |found: &Recalled| match found.used {
        0 => "typed and never run".to_owned(),
        _ => format!("run {}", found.run),
    };
    let now = editing.value();
    let values = found.iter().map(|found| (value::text(&found.value), from(found)));
    editing.past.values = Some(values.filter(|(text, _)| *text != now).collect());
    go(model, true);
}

fn go(model: &mut Model, back: bool) {
    let Some(editing) = &mut model.params.editing else { return };
    let now = (editing.value(), editing.is_typed);
    let past = &mut editing.past;
    let Some(values) = &past.values else { return };
    let next = if back { past.at + 1 } else { past.at.saturating_sub(1) };
    if next > values.len() || (next == 0 && past.at == 0) {
        let told =
            if values.is_empty() { "This field held no other value yet" } else { "This is the oldest value" };
        if back {
            model.notify(Tone::Plain, told);
        }
        return;
    }
    if past.at == 0 {
        past.own = now;
    }
    past.at = next;
    let (text, told) = match next.checked_sub(1).and_then(|at| values.get(at)) {
        Some((text, from)) => (text.clone(), format!("{next} of {} earlier values: {from}", values.len())),
        None => (past.own.0.clone(), "What was typed".to_owned()),
    };
    editing.is_typed = next > 0 || past.own.1;
    editing.text.select_all();
    editing.text.insert_str(text);
    if back {
        // The next step back is one key again.
        editing.text.move_cursor(CursorMove::Top);
        editing.text.move_cursor(CursorMove::Head);
    }
    model.notify(Tone::Plain, told);
}
