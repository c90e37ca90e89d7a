//! The hint at the right of a parameter's row: what is wrong with the value, what it was, what comes after it.

use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::domain::param::Rank;
use crate::domain::{Origin, ParamKey, ParamKind, Parameter, Rule, SeedPolicy, Setting, doubt, lora, value};
use crate::tui::model::Model;
use crate::tui::panes::params::{FileState, setting_text};
use crate::tui::theme::Theme;

/// Most columns of a hint.
const WIDEST: usize = 28;

/// The hint of a row of one line. A row that stands apart from its node's others (`is_apart`) names the node.
pub fn hint(model: &Model, theme: &Theme, param: &Parameter, is_apart: bool) -> (String, Style) {
    if let Some(state) = model.params.files.get(&param.key) {
        return match state {
            FileState::Good(text) => (format!("{text} ✓"), theme.good),
            FileState::Doubtful(text) => (format!("{text} ?"), theme.accent),
            FileState::Bad(text) => (format!("{text} ✗"), theme.bad),
        };
    }
    if let Some(text) = to_be_filled(model, param) {
        return (text, theme.accent);
    }
    if let Some(text) = doubtful(model, param) {
        return (text, theme.bad);
    }
    let was = || match (model.draft.origin(&param.key), model.draft.before_edits(&param.key)) {
        // Typed again unchanged.
        (Origin::Person { how }, before) if before == model.draft.setting(&param.key) => {
            Some(how.to_string())
        }
        (Origin::Person { .. }, before) => before.map(|before| format!("was {}", setting_text(&before))),
        (Origin::Workflow | Origin::Form | Origin::Preset { .. } | Origin::Program { .. }, _) => None,
    };
    let text = match &param.kind {
        // Its strength stands there.
        _ if param.lora.is_some() => String::new(),
        ParamKind::Seed => of_seed(model, &param.key).or_else(was).unwrap_or_else(|| "fixed".to_owned()),
        ParamKind::Several => was().unwrap_or_else(|| "▾".to_owned()),
        ParamKind::Choice if !param.is_switch() => was().unwrap_or_else(|| "▾".to_owned()),
        ParamKind::Text | ParamKind::Integer | ParamKind::Float | ParamKind::Choice | ParamKind::Boolean => {
            was().unwrap_or_default()
        }
        ParamKind::LongText | ParamKind::File(_) | ParamKind::Lora | ParamKind::Link | ParamKind::Json => {
            String::new()
        }
    };
    if text.is_empty() && (is_apart || param.rank == Rank::Top) && model.draft.name(param) == param.label {
        return (param.group.clone(), theme.quiet);
    }
    if text.width() > WIDEST { (String::new(), theme.quiet) } else { (text, theme.quiet) }
}

/// `to be filled` for a placeholder.
pub fn to_be_filled(model: &Model, param: &Parameter) -> Option<String> {
    let setting = model.draft.setting(&param.key)?;
    let is_unfilled = matches!(setting, Setting::Value(value) if value::is_unfilled(&value));
    is_unfilled.then(|| "to be filled".to_owned())
}

/// What is doubtful about the value; with the nearest one at the selected row.
fn doubtful(model: &Model, param: &Parameter) -> Option<String> {
    let draft = &model.draft;
    let Setting::Value(value) = draft.setting(&param.key)? else { return None };
    if !doubt::is_doubtful(param, &value) {
        let is_doubtful = |key: &ParamKey| match (draft.param(key), draft.setting(key)) {
            (Some(part), Some(Setting::Value(value))) => doubt::is_doubtful(part, &value),
            _ => false,
        };
        let mut parts = param.lora.iter().flat_map(|row| row.parts());
        return parts.any(is_doubtful).then(|| "out of range ✗".to_owned());
    }
    let is_selected = model.params.selected.as_ref() == Some(&param.key);
    let nearest = if is_selected { doubt::of(param, &value).and_then(|doubt| doubt.nearest) } else { None };
    let nearest = nearest.map(|near| match lora::Entry::read(&near) {
        Some(entry) => entry.name.to_owned(),
        None => value::text(&near),
    });
    Some(match (nearest, value.is_number()) {
        (Some(near), _) => format!("nearest {near} ✗"),
        (None, _) if param.kind == ParamKind::Link => "needs a link ✗".to_owned(),
        (None, true) => "out of range ✗".to_owned(),
        (None, false) => "not at the server ✗".to_owned(),
    })
}

/// Who set a seed and how it will change after the next run; `None` for one that stays the same.
fn of_seed(model: &Model, key: &ParamKey) -> Option<String> {
    match (model.draft.origin(key), model.draft.policy(key)) {
        (Origin::Program { how: Rule::NewSeed }, _) => Some("new each time".to_owned()),
        (Origin::Program { how }, _) => Some(how.to_string()),
        (_, SeedPolicy::Fixed) => None,
        (Origin::Person { how }, policy) => Some(format!("{how}, then {}", policy.word())),
        (Origin::Preset { .. } | Origin::Form | Origin::Workflow, policy) => Some(policy.word().to_owned()),
    }
}
