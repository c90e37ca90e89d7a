//! The values a draft sends, and who set them.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::Value;

use super::{Draft, Edit, Setting};
use crate::domain::doubt::{self, Doubt};
use crate::domain::origin::{self, Origin, Rule};
use crate::domain::param::ToldBy;
use crate::domain::prompt::{self, TemplateError, Templates, Wildcards};
use crate::domain::{ParamKey, ParamKind, Parameter, SeedPolicy, inputs, media};

/// What a run sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Submission {
    /// Values as sent; never empty.
    pub params: IndexMap<ParamKey, Value>,
    pub files: Vec<(ParamKey, PathBuf)>,
    pub origins: IndexMap<ParamKey, Origin>,
    /// Keys of prompts that still contain choices or wildcards.
    pub unexpanded: Box<[ParamKey]>,
    /// The prompts before expansion, and the seed.
    pub templates: Option<Box<Templates>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The workflow has no values except files and those of ComfyUI's editor.
    #[error(
        "nothing is set, this workflow has no value that could go along, and the server takes no request without one. Set one"
    )]
    NothingToSend,
}

impl Submission {
    /// Values set by the program, with the rule for each.
    pub fn by_program(&self) -> impl Iterator<Item = (&ParamKey, &Value, Rule)> {
        origin::by_program(&self.params, &self.origins)
    }

    /// Expands the templates. The same seed gives the same texts.
    ///
    /// # Errors
    /// When a template is invalid; nothing has changed then.
    pub fn expand(&mut self, seed: u64, wildcards: &dyn Wildcards) -> Result<(), TemplateError> {
        let mut params = self.params.clone();
        let templates = prompt::resolve(&mut params, |key| self.unexpanded.contains(key), seed, wildcards)?;
        (self.params, self.templates) = (params, templates.map(Box::new));
        self.unexpanded = Box::default();
        Ok(())
    }

    fn put(&mut self, key: &ParamKey, setting: Setting, origin: Origin) {
        match setting {
            Setting::Value(value) => drop(self.params.insert(key.clone(), value)),
            Setting::File(path) => self.files.push((key.clone(), path)),
        }
        self.origins.insert(key.clone(), origin);
    }
}

/// What the server itself says against a value. What is only guessed may be wrong, and built-in facts may be of another version.
fn told(parameter: &Parameter, value: &Value) -> Option<Doubt> {
    doubt::of(parameter, value).filter(|_| parameter.told_by == ToldBy::Server)
}

impl Draft {
    /// What running this draft sends: only what a person, the preset or a policy set.
    ///
    /// Some servers reject a request without values (`needs_a_value`). When only files are set, the main seed is sent
    /// unchanged, or without a seed some other value.
    ///
    /// # Errors
    /// When a value is needed and the workflow has none.
    pub fn submission(&self, needs_a_value: bool) -> Result<Submission, SubmitError> {
        let mut sent = Submission::default();
        for parameter in self.params.iter().filter(|p| p.is_editable()) {
            let key = &parameter.key;
            match (self.origin(key), self.setting(key)) {
                (Origin::Workflow, _) | (_, None) => {}
                (origin, Some(setting)) => sent.put(key, setting, origin),
            }
        }
        let is_template = |(key, value): &(&ParamKey, &Value)| {
            self.expands(key) && self.is_prompt(key) && value.as_str().is_some_and(prompt::is_template)
        };
        let templates = sent.params.iter().filter(is_template);
        sent.unexpanded = templates.map(|(key, _)| key.clone()).collect();
        if sent.params.is_empty() && needs_a_value {
            let key = self.filler(&sent).ok_or(SubmitError::NothingToSend)?.key.clone();
            let setting = self.setting(&key).ok_or(SubmitError::NothingToSend)?;
            sent.put(&key, setting, Origin::Program { how: Rule::AsItStands });
        }
        Ok(sent)
    }

    /// The value to send when nothing else is: the main seed, else the simplest value. Never a file, a placeholder, or
    /// what only ComfyUI's editor uses.
    fn filler(&self, sent: &Submission) -> Option<&Parameter> {
        let is_media = |text: &str| media::kind_of_name(text).is_some();
        let is_free = |p: &&Parameter| {
            p.is_editable()
                && !matches!(p.kind, ParamKind::File(_))
                && !p.default.is_null()
                && !p.default.as_str().is_some_and(|text| is_media(text) || inputs::has_placeholder(text))
                && !inputs::is_editor_only(&p.class_type, p.key.input(), &p.default)
                && !sent.origins.contains_key(&p.key)
        };
        let plainness = |p: &Parameter| match p.kind {
            ParamKind::Seed => 0,
            ParamKind::Integer | ParamKind::Float | ParamKind::Boolean => 1,
            ParamKind::Choice => 2,
            ParamKind::Text | ParamKind::LongText => 3,
            ParamKind::Json | ParamKind::Several | ParamKind::Lora | ParamKind::File(_) | ParamKind::Link => {
                4
            }
        };
        let free = || self.params.iter().filter(is_free);
        let seed = self.deciding.as_ref().and_then(|key| self.param(key)).filter(is_free);
        seed.or_else(|| free().min_by_key(|p| (p.hidden, p.advanced, plainness(p))))
    }

    /// Parameters whose placeholder would be sent: all of the workflow's if it is sent along, else those in the
    /// submission.
    pub fn unfilled(&self, sent: &Submission, sends_workflow: bool) -> Vec<&Parameter> {
        let is_unfilled = |parameter: &&Parameter| {
            let beneath = Some(&parameter.default).filter(|_| sends_workflow);
            let value = sent.params.get(&parameter.key).or(beneath);
            let is_file = sent.files.iter().any(|(key, _)| *key == parameter.key);
            !is_file && value.and_then(Value::as_str).is_some_and(inputs::has_placeholder)
        };
        self.params.iter().filter(is_unfilled).collect()
    }

    /// Values that would be sent and that the server does not take: of all parameters if the workflow is sent along, else
    /// of those in the submission.
    pub fn doubts(&self, sent: &Submission, sends_workflow: bool) -> Vec<(&Parameter, Doubt)> {
        let doubt = |parameter: &Parameter| {
            let is_file = sent.files.iter().any(|(key, _)| *key == parameter.key);
            let is_beneath = sends_workflow || !parameter.presence.is_in_file();
            let beneath = Some(&parameter.default).filter(|_| is_beneath);
            let value = sent.params.get(&parameter.key).or(beneath)?;
            told(parameter, value).filter(|_| !is_file)
        };
        self.params.iter().filter_map(|parameter| Some((parameter, doubt(parameter)?))).collect()
    }

    /// Why the server does not take a setting of a parameter, if it said so.
    pub fn doubt(&self, key: &ParamKey, setting: &Setting) -> Option<Doubt> {
        match setting {
            Setting::Value(value) => told(self.param(key)?, value),
            Setting::File(_) => None,
        }
    }

    /// Records that this was sent: seeds with a policy are free again, and the next [`Draft::draw`] computes their
    /// next value. Not an undo step.
    pub fn sent(&mut self, submission: &Submission) {
        self.new_seed = None;
        for (key, value) in &submission.params {
            let is_seed = self.param(key).is_some_and(|p| p.kind == ParamKind::Seed);
            let Some(number) = value.as_number().filter(|_| is_seed) else { continue };
            self.ran.insert(key.clone(), number.clone());
            self.drawn.shift_remove(key);
            if self.policy(key) != SeedPolicy::Fixed {
                self.edits.shift_remove(key);
            }
        }
    }

    /// Reverts [`Draft::sent`] for seeds that a person set, when sending failed.
    pub fn not_sent(&mut self, submission: &Submission) {
        for (key, origin) in &submission.origins {
            if let (Origin::Person { how }, Some(Value::Number(number))) =
                (origin, submission.params.get(key))
                && self.policy(key) != SeedPolicy::Fixed
                && !self.edits.contains_key(key)
            {
                let setting = Setting::Value(Value::Number(number.clone()));
                self.edits.insert(key.clone(), Edit { setting, by: how.clone() });
            }
        }
    }
}
