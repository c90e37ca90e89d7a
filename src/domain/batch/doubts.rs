//! Values of a batch that the server does not take.

use std::collections::HashSet;

use super::{Axis, Plan, Variations};
use crate::domain::doubt::Doubt;
use crate::domain::{Draft, ParamKey, Said, Setting};

/// A value of some runs that the server does not take.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubted {
    pub key: ParamKey,
    pub doubt: Doubt,
    /// Number of the axis and of its setting; `None` for a value that all runs have.
    place: Option<(usize, usize)>,
}

/// What of all runs the server does not take, each value once. `needs_a_value` and `goes_along` as for
/// [`Draft::submission`] and [`Draft::doubts`].
pub fn doubts(draft: &Draft, plan: &Plan, needs_a_value: bool, goes_along: bool) -> Vec<Doubted> {
    let mut found = Vec::new();
    for (at, axis) in plan.axes().iter().enumerate() {
        for (number, setting) in axis.settings.iter().enumerate() {
            let doubt = axis.keys().find_map(|key| Some((key.clone(), draft.doubt(key, setting)?)));
            found.extend(doubt.map(|(key, doubt)| Doubted { key, doubt, place: Some((at, number)) }));
        }
    }
    let varied: HashSet<&ParamKey> = plan.axes().iter().flat_map(Axis::keys).collect();
    let mut of_draft = |draft: &Draft| {
        let Ok(sent) = draft.submission(needs_a_value) else { return };
        for (param, doubt) in draft.doubts(&sent, goes_along) {
            let doubted = Doubted { key: param.key.clone(), doubt, place: None };
            if !varied.contains(&param.key) && !found.contains(&doubted) {
                found.push(doubted);
            }
        }
    };
    let mut first = Variations::new(draft, plan.clone(), needs_a_value, 0);
    if first.at(0).is_ok() {
        of_draft(first.draft());
    }
    // Each value of a choice brings inputs of its own.
    for axis in plan.axes().iter().filter(|axis| axis.keys().any(|key| draft.brings_others(key))) {
        for setting in &axis.settings {
            let mut varied = first.draft().clone();
            varied.say(axis.keys().map(|key| (key.clone(), setting.clone())), Said::Batch);
            of_draft(&varied);
        }
    }
    found
}

/// The plan with the nearest values in place of those in doubt; `None` when one has none, or is not varied.
pub fn with_nearest(plan: &Plan, doubts: &[Doubted]) -> Option<Plan> {
    let mut axes = plan.axes().to_vec();
    for doubted in doubts {
        let (axis, number) = doubted.place?;
        *axes.get_mut(axis)?.settings.get_mut(number)? = Setting::Value(doubted.doubt.nearest.clone()?);
    }
    if plan.combine() == super::Combine::Grid {
        for axis in &mut axes {
            let mut once: Vec<Setting> = Vec::new();
            axis.settings.retain(|setting| {
                let is_new = !once.contains(setting);
                once.extend(is_new.then(|| setting.clone()));
                is_new
            });
        }
    }
    Plan::new(axes, plan.combine()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Workflow;
    use crate::domain::batch::Combine;
    use crate::domain::draft::Layer;
    use crate::domain::param::parameters_by;
    use crate::domain::schema::Schema;

    const NODES: &str = r#"{"K": {"input": {"required": {
        "steps": ["INT", {"min": 1, "max": 40}],
        "sampler": [["euler", "dpmpp_2m"]],
        "model": [["a.safetensors"]],
        "mode": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "plain"}, {"key": "like", "inputs": {"required": {"match": ["IMAGE"]}}}]}]}}}}"#;

    fn draft(model: &str) -> Draft {
        let text = format!(
            r#"{{"3": {{"class_type": "K", "inputs": {{"steps": 20, "sampler": "euler", "model": "{model}", "mode": "plain"}}}}}}"#
        );
        let workflow = Workflow::parse(&text).expect("a workflow");
        Draft::new(parameters_by(&workflow, &Schema::parse(NODES).expect("a schema")), Layer::default())
    }

    fn plan(axes: &[(&str, Value)]) -> Plan {
        let axis = |(input, values): &(&str, Value)| Axis {
            key: ParamKey::new("3", input),
            also: Vec::new(),
            name: (*input).to_owned(),
            settings: values.as_array().into_iter().flatten().cloned().map(Setting::Value).collect(),
        };
        Plan::new(axes.iter().map(axis).collect(), Combine::Grid).expect("a plan")
    }

    fn told(draft: &Draft, plan: &Plan, goes_along: bool) -> Vec<String> {
        let doubts = doubts(draft, plan, true, goes_along);
        doubts.iter().map(|found| format!("{} {}", found.key.input(), found.doubt.why)).collect()
    }

    #[test]
    fn each_value_of_an_axis_is_looked_at_and_what_all_runs_have() {
        let model = draft("b.safetensors");
        let asked = plan(&[("steps", json!([10, 99, 0])), ("sampler", json!(["euler", "eulr"]))]);
        let of_axes = [
            "steps 99 is more than the largest value, 40",
            "steps 0 is less than the smallest value, 1",
            "sampler the server has no eulr",
        ];
        assert_eq!(told(&model, &asked, false), of_axes);
        assert_eq!(told(&model, &asked, true)[3..], ["model the server has no b.safetensors"]);
        // What is varied does not have the draft's own value in any run.
        let varied = plan(&[("model", json!(["a.safetensors"]))]);
        assert!(told(&model, &varied, true).is_empty());
    }

    #[test]
    fn the_nearest_take_their_place_each_once() {
        let draft = draft("a.safetensors");
        let asked = plan(&[("steps", json!([10, 99, 50])), ("sampler", json!(["eulr"]))]);
        let nearest = with_nearest(&asked, &doubts(&draft, &asked, true, true)).expect("they have some");
        assert_eq!(nearest, plan(&[("steps", json!([10, 40])), ("sampler", json!(["euler"]))]));
        assert!(told(&draft, &nearest, true).is_empty());
        let none = plan(&[("sampler", json!(["nothing like it"]))]);
        assert_eq!(with_nearest(&none, &doubts(&draft, &none, true, true)), None);
    }

    #[test]
    fn a_choice_among_the_values_may_bring_what_needs_a_link() {
        let draft = draft("a.safetensors");
        let asked = plan(&[("mode", json!(["plain", "like"]))]);
        let link = "mode.match it has to be wired to another node, which only ComfyUI can do";
        assert_eq!(told(&draft, &asked, true), [link]);
        assert!(told(&draft, &plan(&[("mode", json!(["plain"]))]), true).is_empty());
    }
}
