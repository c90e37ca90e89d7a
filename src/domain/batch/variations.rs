//! The runs of a batch, made of a draft and its axes.

use super::Plan;
use crate::domain::draft::{Draft, Submission, SubmitError};
use crate::domain::{ParamKind, Said};

/// What each run of a batch sends.
#[derive(Debug)]
pub struct Variations {
    draft: Draft,
    plan: Plan,
    /// The server takes no request without a value.
    needs_a_value: bool,
    /// Decides what templates become in runs that have no seed of their own.
    template_seed: u64,
}

/// One run of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    pub submission: Submission,
    /// The prompt, for the list of runs.
    pub prompt: String,
    /// By which its templates are expanded.
    pub template_seed: u64,
}

impl Variations {
    pub fn new(draft: &Draft, plan: Plan, needs_a_value: bool, template_seed: u64) -> Self {
        Self { draft: draft.clone(), plan, needs_a_value, template_seed }
    }

    /// The draft with the values of the run that was made last.
    pub(super) fn draft(&self) -> &Draft {
        &self.draft
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The run of a place.
    ///
    /// # Errors
    /// When there is no value to send.
    pub fn at(&mut self, place: usize) -> Result<Variation, SubmitError> {
        let settings: Vec<_> =
            self.plan.settings(place).map(|(key, setting)| (key.clone(), setting.clone())).collect();
        self.draft.say(settings, Said::Batch);
        let (submission, prompt) = (self.draft.submission(self.needs_a_value)?, self.draft.prompt());
        Ok(Variation { submission, prompt, template_seed: self.template_seed(place) })
    }

    /// Runs that differ in another value get the same texts, so that they can be compared; those with seeds of their own
    /// get texts of their own.
    fn template_seed(&self, place: usize) -> u64 {
        let is_seed = |at: &usize| {
            let key = &self.plan.axes()[*at].key;
            self.draft.param(key).is_some_and(|parameter| parameter.kind == ParamKind::Seed)
        };
        let places = self.plan.places(place).unwrap_or_default();
        let seeds = (0..places.len()).filter(is_seed).map(|at| places[at] as u64);
        seeds.fold(self.template_seed, |mixed, place| mixed.wrapping_mul(31).wrapping_add(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::batch::{Axis, Combine};
    use crate::domain::draft::Layer;
    use crate::domain::{Origin, ParamKey, Setting, Workflow, param};

    const WORKFLOW: &str = r#"{
        "3": {"class_type": "KSampler", "inputs": {"seed": 7, "cfg": 5, "steps": 20, "positive": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a {red|blue} cat", "clip": ["4", 1]}}
    }"#;

    fn axis(name: &str, values: &[u64]) -> Axis {
        let settings = values.iter().map(|value| Setting::Value((*value).into())).collect();
        Axis { key: ParamKey::new("3", name), also: Vec::new(), name: name.to_owned(), settings }
    }

    #[test]
    fn each_run_is_the_draft_with_the_values_of_its_place() {
        let mut draft =
            Draft::new(param::parameters(&Workflow::parse(WORKFLOW).expect("a workflow")), Layer::default());
        draft.set(&ParamKey::new("3", "steps"), Setting::Value(9.into()));
        let plan =
            Plan::new(vec![axis("cfg", &[6, 7]), axis("seed", &[1, 2])], Combine::Grid).expect("a plan");
        let mut variations = Variations::new(&draft, plan, true, 40);
        let mut seeds = Vec::new();
        for (place, sent) in [r#"9,6,1"#, r#"9,7,1"#, r#"9,6,2"#, r#"9,7,2"#].iter().enumerate() {
            let Variation { submission, template_seed, .. } = variations.at(place).expect("a run");
            let value = |name| submission.params[&ParamKey::new("3", name)].to_string();
            assert_eq!([value("steps"), value("cfg"), value("seed")].join(","), **sent);
            let by = &submission.origins[&ParamKey::new("3", "cfg")];
            assert_eq!(*by, Origin::Person { how: Said::Batch });
            seeds.push(template_seed);
        }
        assert_eq!((seeds[0], seeds[2]), (seeds[1], seeds[3]));
        assert_ne!(seeds[0], seeds[2], "another seed is another text");
    }
}
