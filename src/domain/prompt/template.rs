//! Templates of a run: which texts were expanded, from what, and by which seed.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expand::{ExpandError, Wildcards, expand, is_template};
use crate::domain::ParamKey;

/// What became of a run's templates: with them and their seed the same texts can be made again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Templates {
    /// The random seed of the choices, not that of a sampler.
    pub seed: u64,
    /// The texts as a person wrote them.
    pub texts: IndexMap<ParamKey, String>,
}

/// A template that does not become text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}. Nothing was sent")]
pub struct TemplateError {
    pub key: ParamKey,
    pub why: ExpandError,
}

/// Puts texts in the place of templates; `is_expanded` tells of which values. `None` when there is no template among
/// them.
///
/// # Errors
/// When one does not become text.
pub fn resolve(
    params: &mut IndexMap<ParamKey, Value>,
    is_expanded: impl Fn(&ParamKey) -> bool,
    seed: u64,
    wildcards: &dyn Wildcards,
) -> Result<Option<Templates>, TemplateError> {
    let mut templates = Templates { seed, ..Templates::default() };
    for (key, value) in params.iter_mut().filter(|(key, _)| is_expanded(key)) {
        let Some(template) = value.as_str().filter(|text| is_template(text)) else { continue };
        // Each by a seed of its own: a change of one leaves the choices in the others.
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
