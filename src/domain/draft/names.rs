//! Finds parameters by what people call them: alias, key, role, or one of these with a field of
//! an object after a dot.

use serde_json::Value;

use super::{Draft, Setting};
use crate::domain::{ParamKey, ParamKind, Parameter, Role};

/// The parameter a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub key: ParamKey,
    /// A field of the parameter's object, as in `10-inputs-lora_1.strength`.
    pub field: Option<String>,
}

/// Why a name stands for no parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unnamed {
    Unknown,
    /// It could mean any of these.
    Ambiguous(Vec<ParamKey>),
}

impl Draft {
    /// The parameter for a name: an alias of the preset, a flattened key, or a role (`prompt`, `seed`, `width`), each
    /// optionally with a field after a dot.
    ///
    /// # Errors
    /// When there is no such parameter, or more than one.
    pub fn named(&self, name: &str) -> Result<Named, Unnamed> {
        if let Some(key) = self.resolve(name) {
            return Ok(Named { key, field: None });
        }
        // Names may contain dots: the last dot is tried first.
        for (at, _) in name.rmatch_indices('.') {
            let (name, field) = (&name[..at], &name[at + 1..]);
            let key = self.resolve(name).or_else(|| self.of_role(name).ok());
            let is_object =
                |key: &ParamKey| matches!(self.setting(key), Some(Setting::Value(Value::Object(_))));
            if let Some(key) = key.filter(is_object) {
                return Ok(Named { key, field: Some(field.to_owned()) });
            }
        }
        self.of_role(name).map(|key| Named { key, field: None })
    }

    fn of_role(&self, name: &str) -> Result<ParamKey, Unnamed> {
        let role = Role::from_word(name).ok_or(Unnamed::Unknown)?;
        let mut keys: Vec<ParamKey> = self.of(role).map(|parameter| parameter.key.clone()).collect();
        match keys.len() {
            0 => Err(Unnamed::Unknown),
            1 => Ok(keys.remove(0)),
            _ => Err(Unnamed::Ambiguous(keys)),
        }
    }

    /// The editable parameters with this role.
    fn of(&self, role: Role) -> impl Iterator<Item = &Parameter> {
        self.params().iter().filter(move |parameter| parameter.role == Some(role) && parameter.is_editable())
    }

    /// Roles that work as names on this workflow: exactly one parameter has the role, and the preset has
    /// no alias of that name.
    pub fn default_aliases(&self) -> Vec<&'static str> {
        let free = |role: &Role| !self.preset().aliases.contains_key(role.word());
        Role::ALL
            .into_iter()
            .filter(free)
            .filter(|role| self.of(*role).count() == 1)
            .map(Role::word)
            .collect()
    }

    /// The prompt, by which people recognise this draft in a list: among several the first that was set, else the
    /// first that is not empty. Without a known prompt, the first long text that is not the negative.
    pub fn prompt(&self) -> String {
        let prompts: Vec<&Parameter> = self.of(Role::Prompt).collect();
        let long = |parameter: &&Parameter| {
            parameter.kind == ParamKind::LongText && parameter.role.is_none() && !parameter.hidden
        };
        let texts = if prompts.is_empty() { self.params().iter().filter(long).collect() } else { prompts };
        let text = |parameter: &Parameter| match self.setting(&parameter.key) {
            Some(Setting::Value(Value::String(text))) if !text.trim().is_empty() => Some(text),
            _ => None,
        };
        let set = texts
            .iter()
            .filter(|parameter| self.is_set(&parameter.key))
            .find_map(|parameter| text(parameter));
        set.or_else(|| texts.iter().find_map(|parameter| text(parameter))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::draft::Layer;
    use crate::domain::{Workflow, param};

    const WORKFLOW: &str = r#"{
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
        "10": {"class_type": "Power Lora Loader (rgthree)", "inputs": {"lora_1": {"on": true, "lora": "a", "strength": 1}}},
        "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "positive": ["6", 0], "negative": ["7", 0]}},
        "8": {"class_type": "KSampler", "inputs": {"seed": 8, "steps": 9, "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["3", 0]}}
    }"#;

    fn draft(aliases: &[(&str, &str)]) -> Draft {
        let params = param::parameters(&Workflow::parse(WORKFLOW).expect("a workflow"));
        let key = |text: &str| ParamKey::parse(text).expect("a key");
        let aliases = aliases.iter().map(|(name, of)| ((*name).to_owned(), key(of))).collect();
        Draft::new(params, Layer { aliases, ..Layer::default() })
    }

    #[test]
    fn names_are_aliases_keys_roles_and_fields() {
        let draft = draft(&[("look", "6-inputs-text")]);
        let named = |name: &str| {
            draft.named(name).map(|named| format!("{} {}", named.key, named.field.unwrap_or_default()))
        };
        for (name, means) in [
            ("look", "6-inputs-text "),
            ("prompt", "6-inputs-text "),
            ("negative", "7-inputs-text "),
            ("negative_prompt", "7-inputs-text "),
            ("3-inputs-steps", "3-inputs-steps "),
            ("10-inputs-lora_1.strength", "10-inputs-lora_1 strength"),
            ("lora.on", "10-inputs-lora_1 on"),
        ] {
            assert_eq!(named(name), Ok(means.to_owned()), "{name}");
        }
        for unknown in ["width", "nothing", "6-inputs-text.x", "99-inputs-lora.on"] {
            assert_eq!(named(unknown), Err(Unnamed::Unknown), "{unknown}");
        }
        let Err(Unnamed::Ambiguous(candidates)) = draft.named("steps") else { panic!("not ambiguous") };
        assert_eq!(
            candidates.iter().map(ParamKey::as_str).collect::<Vec<_>>(),
            ["3-inputs-steps", "8-inputs-steps"]
        );
    }

    #[test]
    fn a_presets_own_aliases_win() {
        let draft = draft(&[("prompt", "7-inputs-text"), ("steps", "8-inputs-steps")]);
        assert_eq!(draft.named("prompt").map(|named| named.key.to_string()).as_deref(), Ok("7-inputs-text"));
        assert_eq!(draft.named("steps").map(|named| named.key.to_string()).as_deref(), Ok("8-inputs-steps"));
    }

    #[test]
    fn the_prompt_is_never_the_negative() {
        let mut draft = draft(&[]);
        assert_eq!(draft.prompt(), "a cat");
        let negative = ParamKey::new("7", "text");
        draft.set(&negative, Setting::Value("worse".into()));
        assert_eq!(draft.prompt(), "a cat");
    }
}
