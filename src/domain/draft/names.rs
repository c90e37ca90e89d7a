//! Finds parameters by what people call them: alias, key, role, or one of these with a field of
//! an object after a dot.

use serde_json::Value;

use super::{Draft, Setting};
use crate::domain::param::one_text;
use crate::domain::{ParamKey, ParamKind, Parameter, Role};

/// The parameter a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// One key; for prompts with several text encoders or the same text in several places, all of them.
    pub keys: Vec<ParamKey>,
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
            return Ok(Named { keys: vec![key], field: None });
        }
        // Names may contain dots: the last dot is tried first.
        for (at, _) in name.rmatch_indices('.') {
            let (name, field) = (&name[..at], &name[at + 1..]);
            let keys = self.resolve(name).map(|key| vec![key]).or_else(|| self.of_role(name).ok());
            let is_object =
                |key: &ParamKey| matches!(self.setting(key), Some(Setting::Value(Value::Object(_))));
            if let Some(keys) = keys.filter(|keys| keys.iter().all(is_object)) {
                return Ok(Named { keys, field: Some(field.to_owned()) });
            }
        }
        self.of_role(name)
            .or_else(|why| if why == Unnamed::Unknown { self.of_title(name) } else { Err(why) })
            .map(|keys| Named { keys, field: None })
    }

    /// The parameter for `Title.input`: its node's title and its own name, as ComfyUI shows them.
    fn of_title(&self, name: &str) -> Result<Vec<ParamKey>, Unnamed> {
        let is_it = |parameter: &&Parameter| {
            let title = name.strip_suffix(parameter.key.input()).and_then(|rest| rest.strip_suffix('.'));
            parameter.is_editable() && title == Some(parameter.group.as_str())
        };
        let keys: Vec<ParamKey> = self.params().iter().filter(is_it).map(|found| found.key.clone()).collect();
        match keys.len() {
            0 => Err(Unnamed::Unknown),
            1 => Ok(keys),
            _ => Err(Unnamed::Ambiguous(keys)),
        }
    }

    /// The other texts of the prompt that a parameter is one of: whoever sets it by its role sets them all. None where it
    /// has an alias of its own.
    pub fn together_with(&self, key: &ParamKey) -> Vec<ParamKey> {
        let role = self.param(key).and_then(|parameter| parameter.role);
        let has_alias = self.preset().aliases.values().any(|named| named == key);
        let all = role.filter(|_| !has_alias).and_then(|role| self.of_role(role.word()).ok());
        let all = all.filter(|all| all.contains(key)).unwrap_or_default();
        all.into_iter().filter(|other| other != key).collect()
    }

    fn of_role(&self, name: &str) -> Result<Vec<ParamKey>, Unnamed> {
        let role = Role::from_word(name).ok_or(Unnamed::Unknown)?;
        let of: Vec<&Parameter> = self.of(role).collect();
        let keys: Vec<ParamKey> = of.iter().map(|parameter| parameter.key.clone()).collect();
        if keys.is_empty() {
            Err(Unnamed::Unknown)
        } else if one_text::are_one(&of, |parameter| self.shown(&parameter.key)) {
            Ok(keys)
        } else {
            Err(Unnamed::Ambiguous(keys))
        }
    }

    /// Indices of prompts with the same text, a group each, first one first. Prompts with an alias of their own are left
    /// out.
    pub fn same_texts(&self) -> Vec<Vec<usize>> {
        let is_free = |parameter: &Parameter| {
            !parameter.hidden && !self.preset().aliases.values().any(|key| *key == parameter.key)
        };
        one_text::same(self.params(), is_free, |parameter| self.shown(&parameter.key))
    }

    /// The editable parameters with this role.
    fn of(&self, role: Role) -> impl Iterator<Item = &Parameter> {
        self.params().iter().filter(move |parameter| parameter.role == Some(role) && parameter.is_editable())
    }

    /// Roles that work as names on this workflow: they are not ambiguous, and the preset has no alias of that name.
    pub fn default_aliases(&self) -> Vec<&'static str> {
        let free = |role: &Role| !self.preset().aliases.contains_key(role.word());
        Role::ALL.into_iter().filter(free).map(Role::word).filter(|word| self.of_role(word).is_ok()).collect()
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
        "8": {"class_type": "KSampler", "_meta": {"title": "Upscale"}, "inputs": {"seed": 8, "steps": 9, "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["3", 0]}}
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
            let keys = |named: &Named| named.keys.iter().map(ParamKey::as_str).collect::<Vec<_>>().join("+");
            draft.named(name).map(|named| format!("{} {}", keys(&named), named.field.unwrap_or_default()))
        };
        for (name, means) in [
            ("look", "6-inputs-text "),
            ("prompt", "6-inputs-text "),
            ("negative", "7-inputs-text "),
            ("negative_prompt", "7-inputs-text "),
            ("3-inputs-steps", "3-inputs-steps "),
            ("10-inputs-lora_1.strength", "10-inputs-lora_1 strength"),
            ("lora.on", "10-inputs-lora_1 on"),
            ("Upscale.steps", "8-inputs-steps "),
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
        for (name, key) in [("prompt", "7-inputs-text"), ("steps", "8-inputs-steps")] {
            let named = Named { keys: ParamKey::parse(key).into_iter().collect(), field: None };
            assert_eq!(draft.named(name), Ok(named));
        }
    }

    #[test]
    fn the_prompt_is_never_the_negative() {
        let mut draft = draft(&[]);
        assert_eq!(draft.prompt(), "a cat");
        let negative = ParamKey::new("7", "text");
        draft.set(&negative, Setting::Value("worse".into()));
        assert_eq!(draft.prompt(), "a cat");
    }

    /// What `prompt` means where two nodes hold these inputs, each wired to the sampler's positive.
    fn prompts(first: &str, second: &str) -> Result<Vec<String>, usize> {
        let text = format!(
            r#"{{"1": {{"class_type": "CLIPTextEncodeX", "inputs": {{{first}, "clip": ["4", 0]}}}},
                "2": {{"class_type": "CLIPTextEncodeX", "inputs": {{{second}, "clip": ["4", 0]}}}},
                "8": {{"class_type": "ConditioningCombine", "inputs": {{"conditioning_1": ["1", 0], "conditioning_2": ["2", 0]}}}},
                "3": {{"class_type": "KSampler", "inputs": {{"seed": 7, "positive": ["8", 0], "negative": ["9", 0]}}}}}}"#
        );
        let params = param::parameters(&Workflow::parse(&text).expect("a workflow"));
        match Draft::new(params, Layer::default()).named("prompt") {
            Ok(named) => Ok(named.keys.iter().map(ToString::to_string).collect()),
            Err(Unnamed::Ambiguous(keys)) => Err(keys.len()),
            Err(Unnamed::Unknown) => Err(0),
        }
    }

    #[test]
    fn the_texts_of_one_encoder_and_those_that_hold_the_same_are_one_prompt() {
        let both = |a: &str, b: &str| Ok(vec![a.to_owned(), b.to_owned()]);
        let nothing = r#""steps": 1"#;
        for (first, second, means) in [
            (r#""text_g": "a cat", "text_l": "a cat""#, nothing, both("1-inputs-text_g", "1-inputs-text_l")),
            (
                r#""clip_l": "cat, photo", "t5xxl": "A cat sits.""#,
                nothing,
                both("1-inputs-clip_l", "1-inputs-t5xxl"),
            ),
            (r#""text": "a cat""#, r#""text": "a cat""#, both("1-inputs-text", "2-inputs-text")),
            (r#""text": "a cat""#, r#""text": "a dog""#, Err(2)),
            (r#""tags": "jazz", "lyrics": "la la""#, nothing, Err(2)),
            (r#""prompt_1": "a cat", "prompt_2": "a dog""#, nothing, Err(2)),
        ] {
            assert_eq!(prompts(first, second), means, "{first} {second}");
        }
    }

    #[test]
    fn whoever_sets_one_text_of_a_prompt_by_its_role_sets_them_all() {
        let text =
            WORKFLOW.replace(r#""text": "a cat""#, r#""clip_l": "cat, photo", "t5xxl": "A cat sits.""#);
        let params = param::parameters(&Workflow::parse(&text).expect("a workflow"));
        let (short, long) = (ParamKey::new("6", "clip_l"), ParamKey::new("6", "t5xxl"));
        let draft = Draft::new(params.clone(), Layer::default());
        assert_eq!(draft.together_with(&short), std::slice::from_ref(&long));
        assert_eq!(draft.together_with(&long), std::slice::from_ref(&short));
        assert_eq!(draft.together_with(&ParamKey::new("7", "text")), []);
        let aliases = [("style".to_owned(), short.clone())].into_iter().collect();
        let named = Draft::new(params, Layer { aliases, ..Layer::default() });
        assert_eq!(named.together_with(&short), [], "who names one of them means that one");
    }

    #[test]
    fn texts_that_are_the_same_stand_together_until_they_differ() {
        let mut draft = draft(&[]);
        assert!(draft.same_texts().is_empty());
        draft.set(&ParamKey::new("7", "text"), Setting::Value("a cat".into()));
        assert!(draft.same_texts().is_empty(), "the negative is no prompt");
        let text = WORKFLOW.replace(r#""text": "a cat""#, r#""text_g": "a cat", "text_l": "a cat""#);
        let params = param::parameters(&Workflow::parse(&text).expect("a workflow"));
        let mut draft = Draft::new(params.clone(), Layer::default());
        assert_eq!(draft.same_texts().len(), 1);
        draft.set(&ParamKey::new("6", "text_l"), Setting::Value("a dog".into()));
        assert!(draft.same_texts().is_empty());
        let aliases = [("style".to_owned(), ParamKey::new("6", "text_l"))].into_iter().collect();
        let named = Draft::new(params, Layer { aliases, ..Layer::default() });
        assert!(named.same_texts().is_empty(), "who names one of them means that one");
    }
}
