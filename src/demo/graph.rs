//! Reads the sampler's settings out of a workflow and a request's values.

use serde_json::{Value, json};

use crate::domain::ParamKey;

use super::WORKFLOW;
use super::request::Received;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// The workflow with the request's values in it.
    pub workflow: Value,
    pub prompt: String,
    pub negative: String,
    pub seed: u64,
    pub steps: u32,
    pub width: u32,
    pub height: u32,
    pub batch: u32,
    pub prefix: String,
    pub sampler: String,
    /// Submitted keys that the workflow does not have.
    pub unknown: Vec<String>,
}

/// Puts a request's values into its workflow and reads the sampler's settings.
///
/// # Errors
/// ComfyUI's JSON body for a failed validation.
pub(super) fn plan(request: &Received) -> Result<Plan, Value> {
    let mut workflow = match &request.workflow {
        Some(workflow) => workflow.clone(),
        None => serde_json::from_str(WORKFLOW).unwrap_or_default(),
    };
    let mut unknown = Vec::new();
    let files = request.files.iter().map(|(part, name, ..)| (part, Value::from(name.as_str())));
    let values = request.params.iter().map(|(key, value)| (key, value.clone()));
    for (key, value) in values.chain(files) {
        let inputs = ParamKey::parse(key).and_then(|key| {
            let inputs = workflow.get_mut(key.node())?.get_mut("inputs")?.as_object_mut()?;
            Some((inputs, key.input().to_owned()))
        });
        match inputs {
            Some((inputs, input)) => {
                inputs.insert(input, value);
            }
            None => unknown.push(key.clone()),
        }
    }
    let graph = Graph { workflow: &workflow };
    let sampler = graph.by_class("KSampler").unwrap_or_default();
    let latent = graph.linked(&sampler, "latent_image").or_else(|| graph.by_class("EmptyLatentImage"));
    let latent = latent.unwrap_or_default();
    let text = |input: &str| {
        let node = graph.linked(&sampler, input).unwrap_or_default();
        graph.input(&node, "text").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (prompt, negative) = (text("positive"), text("negative"));
    let number = |node: &str, input: &str, range: std::ops::RangeInclusive<u64>, default: u64| {
        graph.number(node, input, range, default)
    };
    let plan = Plan {
        seed: number(&sampler, "seed", 0..=u64::MAX, 0)?,
        steps: small(number(&sampler, "steps", 1..=10_000, 20)?),
        width: small(number(&latent, "width", 16..=4096, 512)?),
        height: small(number(&latent, "height", 16..=4096, 512)?),
        batch: small(number(&latent, "batch_size", 1..=16, 1)?),
        prefix: graph
            .by_class("SaveImage")
            .and_then(|node| graph.input(&node, "filename_prefix")?.as_str().map(str::to_owned))
            .unwrap_or_else(|| "comfydeck".to_owned()),
        prompt,
        negative,
        sampler,
        unknown,
        workflow: Value::Null,
    };
    Ok(Plan { workflow, ..plan })
}

impl Plan {
    /// Whether the prompt contains a word.
    pub(super) fn says(&self, word: &str) -> bool {
        self.prompt.split(|c: char| !c.is_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
    }
}

struct Graph<'a> {
    workflow: &'a Value,
}

impl<'a> Graph<'a> {
    fn by_class(&self, class: &str) -> Option<String> {
        let mut nodes = self.workflow.as_object()?.iter();
        nodes
            .find(|(_, node)| node.get("class_type").and_then(Value::as_str) == Some(class))
            .map(|(id, _)| id.clone())
    }

    fn input(&self, node: &str, input: &str) -> Option<&'a Value> {
        self.workflow.get(node)?.get("inputs")?.get(input)
    }

    fn linked(&self, node: &str, input: &str) -> Option<String> {
        self.input(node, input)?.get(0)?.as_str().map(str::to_owned)
    }

    fn number(
        &self,
        node: &str,
        input: &str,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Value> {
        let Some(value) = self.input(node, input) else { return Ok(default) };
        let why = match value.as_u64() {
            Some(number) if range.contains(&number) => return Ok(number),
            Some(number) if number > *range.end() => {
                format!("Value {number} bigger than max of {}", range.end())
            }
            Some(number) => format!("Value {number} smaller than min of {}", range.start()),
            None => format!("Failed to convert an input value to a INT value: {value}"),
        };
        let class = self.workflow.get(node).and_then(|node| node.get("class_type"));
        Err(json!({
            "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": ""},
            "node_errors": {node: {"class_type": class, "dependent_outputs": [], "errors": [{
                "type": "value_out_of_range", "message": why, "details": input, "extra_info": {"input_name": input},
            }]}},
        }))
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(params: Value) -> Received {
        Received { params: params.as_object().cloned().unwrap_or_default(), ..Received::default() }
    }

    #[test]
    fn a_request_changes_what_is_drawn() {
        let plan = plan(&request(json!({
            "6-inputs-text": "Please FAIL, softly", "3-inputs-seed": u64::MAX, "5-inputs-width": 64, "99-inputs-x": 1,
        })))
        .expect("a plan");
        assert_eq!((plan.seed, plan.width, plan.height, plan.steps), (u64::MAX, 64, 512, 20));
        assert_eq!(plan.unknown, ["99-inputs-x"]);
        assert_eq!(plan.workflow["6"]["inputs"]["text"], "Please FAIL, softly");
        assert!(plan.says("fail") && !plan.says("soft"));
    }

    #[test]
    fn a_value_out_of_range_is_rejected_as_in_comfyui() {
        let body = plan(&request(json!({"3-inputs-steps": 0}))).expect_err("refused");
        let error = crate::wire::errors::from_value(&body);
        assert_eq!(error.what, "KSampler: steps: Value 0 smaller than min of 1");
        assert_eq!(error.param, Some(ParamKey::new("3", "steps")));
    }
}
