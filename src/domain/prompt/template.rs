//! The templates of a run: the texts before expansion, and the seed of their choices.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expand::{ExpandError, Wildcards, expand, is_template};
use crate::domain::ParamKey;

/// A run's texts before expansion; with the seed, the same texts can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Templates {
    /// Seed of the choices, not a sampler's.
    pub seed: u64,
    /// Texts as a person wrote them.
    pub texts: IndexMap<ParamKey, String>,
}

/// Which template could not be expanded, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}. Nothing was sent")]
pub struct TemplateError {
    pub key: ParamKey,
    pub why: ExpandError,
}

/// Replaces templates by their expanded texts; `is_expanded` says for which keys. `None` when there
/// are no templates among them.
///
/// # Errors
/// When a template cannot be expanded.
pub fn resolve(
    params: &mut IndexMap<ParamKey, Value>,
    is_expanded: impl Fn(&ParamKey) -> bool,
    seed: u64,
    wildcards: &dyn Wildcards,
) -> Result<Option<Templates>, TemplateError> {
    let mut templates = Templates { seed, ..Templates::default() };
    for (key, value) in params.iter_mut().filter(|(key, _)| is_expanded(key)) {
        let Some(template) = value.as_str().filter(|text| is_template(text)) else { continue };
        // One seed per parameter: a change of one text does not affect the choices in others.
        let own =
            key.as_str().bytes().fold(seed, |seed, b| (seed ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let text = expand(template, own, wildcards).map_err(|why| TemplateError { key: key.clone(), why })?;
        templates.texts.insert(
            key.clone(),
            std::mem::replace(value, Value::from(text)).as_str().unwrap_or_default().to_owned(),
        );
    }
    Ok((!templates.texts.is_empty()).then_some(templates))
}

#[cfg(test)]
mod tests {
    use super::super::NoWildcards;
    use super::*;

    #[test]
    fn templates_become_texts_and_are_kept() {
        let key = |input| ParamKey::new("6", input);
        let params: IndexMap<ParamKey, Value> = [
            (key("text"), Value::from("a {red|green} cat")),
            (key("other"), Value::from("a cat")),
            (key("raw"), Value::from("{a|b}")),
            (key("steps"), Value::from(20)),
        ]
        .into();
        let resolved = |seed| {
            let mut params = params.clone();
            let templates =
                resolve(&mut params, |key| key.input() != "raw", seed, &NoWildcards).expect("resolved");
            (params, templates.expect("a template"))
        };
        let (sent, kept) = resolved(7);
        assert!(["a red cat", "a green cat"].contains(&sent[&key("text")].as_str().expect("text")));
        assert_eq!(
            (&sent[&key("other")], &sent[&key("raw")]),
            (&Value::from("a cat"), &Value::from("{a|b}"))
        );
        assert_eq!((kept.seed, kept.texts.len()), (7, 1));
        assert_eq!(kept.texts[&key("text")], "a {red|green} cat");
        assert_eq!(resolved(7).0, sent, "the same seed, the same texts");
        let mut unknown: IndexMap<ParamKey, Value> = [(key("text"), Value::from("__x__"))].into();
        let why = resolve(&mut unknown, |_| true, 1, &NoWildcards).expect_err("unknown").to_string();
        assert!(why.starts_with("6-inputs-text: there is no wildcard `__x__`"), "{why}");
    }
}
