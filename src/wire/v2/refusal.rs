//! Errors of requests, `{"error": {"code", "message", "details"}}`: what each code means for a person.

use serde_json::{Map, Value, json};

use crate::domain::run::RunError;
use crate::wire::{ansi, errors};

/// Longest code that is kept, in characters.
const MAX_CODE: usize = 80;

/// An error in the contract's own shape: the server itself answered, not a proxy in front of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The contract's word for it.
    pub code: String,
    /// In words; the remedy is empty where the code does not tell one.
    pub error: RunError,
}

impl Refusal {
    /// Reads an error's body; `None` when it is not in this shape.
    pub fn read(body: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(body.trim_start_matches('\u{feff}')).ok()?;
        let error = value.get("error")?;
        let code = error.get("code")?.as_str()?;
        let code: String = ansi::scrub_plain(code).chars().take(MAX_CODE).collect();
        let mut said = match node_errors(error) {
            Some(nodes) => {
                errors::from_value(&json!({"error": {"message": error.get("message")}, "node_errors": nodes}))
            }
            None => errors::from_value(&json!({"message": error.get("message")})),
        };
        let (what, remedy) = meaning(&code);
        if !what.is_empty() {
            said.details = joined(&said.what, &said.details);
            said.what = what.to_owned();
        } else if said.what.is_empty() {
            said.what = format!("the server refused the request ({code})");
        }
        if !remedy.is_empty() {
            said.remedy = remedy.to_owned();
        }
        Some(Self { code, error: said })
    }

    /// Whether the server asks to try again later: nothing was begun.
    pub fn is_busy(&self) -> bool {
        matches!(
            self.code.as_str(),
            "queue_full" | "deployment_not_ready" | "rate_limited" | "too_many_streams"
        )
    }
}

/// What happened and what to do, for codes whose own message says less.
fn meaning(code: &str) -> (&'static str, &'static str) {
    match code {
        "insufficient_credits" => (
            "the account has not enough credits for this run",
            "Add credits to the account, then run again: nothing was started and nothing was charged.",
        ),
        "queue_full" => {
            ("the server's queue is full", "Run again in a while, or lower the profile's concurrency.")
        }
        "deployment_not_ready" => ("the deployment is still starting", "Run again in a minute or two."),
        "deployment_stopped" => {
            ("the deployment is stopped", "Start it where you manage your deployments, then run again.")
        }
        "rate_limited" => (
            "there were too many requests for this account",
            "Try again in a while, with fewer runs at once.",
        ),
        "too_many_streams" => ("the server has no live connection free", ""),
        "missing_asset" => {
            ("the server no longer has one of the run's files", "Run again: the file is sent anew.")
        }
        "workflow_format_ui" => (
            "this is a workflow of ComfyUI's editor, not its API format",
            "Convert it with `comfydeck convert`, or export it in ComfyUI (Workflow > Export (API)).",
        ),
        "payload_too_large" => ("a file is too large for the server", "Send a smaller file."),
        "hash_mismatch" => ("a file changed while it was sent", "Choose the file again, then run."),
        "upstream_unreachable" => {
            ("the server cannot reach the ComfyUI behind it", "Start ComfyUI, or wait until it is up again.")
        }
        "unauthorized" => ("the server does not accept the API key", "Check api_key of the profile."),
        "forbidden" => {
            ("the API key is not allowed to do this", "Check api_key of the profile, and its plan.")
        }
        _ => ("", ""),
    }
}

fn joined(first: &str, second: &str) -> String {
    [first, second].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Errors by node in the shape that ComfyUI gives them. The contract also has a shorter one: a list of
/// `{"field", "reason"}`.
fn node_errors(error: &Value) -> Option<Value> {
    let nodes = error.get("details")?.get("node_errors")?.as_object().filter(|nodes| !nodes.is_empty())?;
    let node = |about: &Value| match about {
        Value::Array(faults) => {
            let fault = |fault: &Value| {
                let reason =
                    fault.get("reason").and_then(Value::as_str).unwrap_or_default().replace('_', " ");
                json!({"type": reason, "message": reason, "details": fault.get("field"),
                    "extra_info": {"input_name": fault.get("field")}})
            };
            json!({"errors": faults.iter().map(fault).collect::<Vec<_>>()})
        }
        whole => whole.clone(),
    };
    let nodes: Map<String, Value> = nodes.iter().map(|(id, about)| (id.clone(), node(about))).collect();
    Some(Value::Object(nodes))
}
