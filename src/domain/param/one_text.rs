//! Prompts that are set together: those for several text encoders of one model, and those with the same text.

use std::collections::HashMap;

use super::{ParamKind, Parameter};
use crate::domain::Role;

/// Input names of encoding nodes with one text for each text encoder.
const ENCODERS: [&str; 9] =
    ["text_g", "text_l", "clip_l", "clip_g", "t5xxl", "llama", "bert", "mt5xl", "qwen25_7b"];

/// Whether parameters of one role are set together: a single one, or prompts that are for text encoders of the same node or
/// have the same text. `text` returns a parameter's current text.
pub fn are_one<'a>(params: &[&'a Parameter], text: impl Fn(&'a Parameter) -> Option<&'a str>) -> bool {
    let Some((first, rest)) = params.split_first() else { return false };
    rest.iter().all(|other| {
        is_prompt(first)
            && first.role == other.role
            && (is_of_same_node(first, other) || text(first).is_some_and(|held| text(other) == Some(held)))
    })
}

/// Indices of `is_free` prompts with the same text, a group each, first one first.
pub fn same<'a>(
    params: &'a [Parameter],
    is_free: impl Fn(&Parameter) -> bool,
    text: impl Fn(&'a Parameter) -> Option<&'a str>,
) -> Vec<Vec<usize>> {
    let mut places: HashMap<(Role, &str), Vec<usize>> = HashMap::new();
    let prompts = params.iter().enumerate().filter(|(_, param)| is_prompt(param) && is_free(param));
    for (at, param) in prompts {
        if let (Some(role), Some(text)) = (param.role, text(param)) {
            places.entry((role, text)).or_default().push(at);
        }
    }
    let mut several: Vec<Vec<usize>> = places.into_values().filter(|places| places.len() > 1).collect();
    several.sort_unstable();
    several
}

fn is_prompt(param: &Parameter) -> bool {
    let is_text = matches!(param.kind, ParamKind::LongText | ParamKind::Text);
    is_text && matches!(param.role, Some(Role::Prompt | Role::Negative))
}

fn is_of_same_node(one: &Parameter, other: &Parameter) -> bool {
    let is_encoder = |param: &Parameter| ENCODERS.contains(&param.key.input());
    one.key.node() == other.key.node() && is_encoder(one) && is_encoder(other)
}
