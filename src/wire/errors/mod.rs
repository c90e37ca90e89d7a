//! Error bodies of servers, in all known shapes, made readable.

use serde_json::Value;

use crate::domain::ParamKey;
use crate::domain::run::RunError;

use super::ansi;

/// Longest [`RunError::what`], in characters.
const WHAT_CHARS: usize = 300;
/// Longest [`RunError::details`], in characters.
const DETAILS_CHARS: usize = 16 * 1024;

/// Reads an error's body into plain text. There is only a remedy if the body allows to name one.
///
/// Known shapes: `{errorMsg, errorDetails, errorType}`; FastAPI's `{detail: "…"}` and `{detail: [{loc, msg}]}`;
/// ComfyUI's `{error: {type, message, details}, node_errors: {…}}`, also with `node_errors` inside `message`;
/// a node's exception `{node_id, node_type, exception_message}`; text and HTML, shortened.
pub fn from_body(body: &str) -> RunError {
    match serde_json::from_str::<Value>(body.trim_start_matches('\u{feff}')) {
        Ok(value) => from_value(&value),
        Err(_) => from_text(body),
    }
}

/// [`from_body`] of parsed JSON.
pub fn from_value(value: &Value) -> RunError {
    let mut error = match value {
        Value::Object(_) => from_object(value),
        Value::String(text) => return from_text(text),
        Value::Null => RunError::default(),
        other => RunError { what: other.to_string(), ..RunError::default() },
    };
    if error.what.is_empty() && !value.is_null() && value.as_object().is_none_or(|o| !o.is_empty()) {
        error.what = shortened(&value.to_string());
    }
    error.what = shortened(&error.what);
    error.details = bounded_block(&error.details);
    if error.what.to_ascii_lowercase().contains("balance") {
        error.remedy = "Add to the account's balance on ViewComfy, then run again.".to_owned();
    }
    error
}

/// Whether an error's body is in one of the shapes in which ViewComfy, FastAPI and ComfyUI tell their errors. A page,
/// a text, and the `{"message": …}` of a gateway are in none.
pub fn is_of_application(body: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(body.trim_start_matches('\u{feff}')) else { return false };
    let is_text = |name: &str| text_of(value.get(name)).is_some();
    let has_detail = is_text("detail") || value.get("detail").is_some_and(|d| d.is_array() || d.is_object());
    let has_error = value.get("error").is_some_and(|e| e.get("type").is_some() && e.get("message").is_some());
    is_text("errorMsg")
        || has_detail
        || has_error
        || node_errors(&value).is_some()
        || is_text("exception_message")
}

fn from_object(value: &Value) -> RunError {
    if let Some(nodes) = node_errors(value) {
        return from_node_errors(nodes, value);
    }
    if let Some(error) = node_exception(value) {
        return error;
    }
    if let Some(what) = text_of(value.get("errorMsg")) {
        return RunError { what, details: lines_of(value.get("errorDetails")), ..RunError::default() };
    }
    match value.get("detail") {
        Some(Value::Array(faults)) => return from_faults(faults),
        Some(detail @ Value::Object(_)) => return from_object(detail),
        Some(detail) => {
            return RunError { what: text_of(Some(detail)).unwrap_or_default(), ..RunError::default() };
        }
        None => {}
    }
    match value.get("error") {
        Some(error @ Value::Object(_)) => {
            let what = text_of(error.get("message")).or_else(|| text_of(error.get("type")));
            let details = lines_of(error.get("details"));
            let node = details.strip_prefix("Node ID '#").and_then(|node| node.strip_suffix('\''));
            let node = node.map(ansi::scrub_plain);
            let what = what.unwrap_or_default();
            RunError { remedy: graph_remedy(error, &what), what, details, node, ..RunError::default() }
        }
        Some(error) => {
            let what = text_of(Some(error)).unwrap_or_default();
            RunError { what, details: lines_of(value.get("details")), ..RunError::default() }
        }
        None => {
            let known = ["message", "msg", "error_message", "title", "reason"];
            let what = known.iter().find_map(|key| text_of(value.get(*key)));
            RunError { what: what.unwrap_or_default(), ..RunError::default() }
        }
    }
}

/// The remedy if ComfyUI rejects a graph as a whole.
fn graph_remedy(error: &Value, what: &str) -> String {
    let remedy = match error.get("type").and_then(Value::as_str) {
        Some("prompt_no_outputs") => {
            "Add a node that saves, such as SaveImage, and export the workflow again."
        }
        Some("invalid_prompt" | "missing_node_type")
            if what.contains("does not exist") || what.contains("not found") =>
        {
            "Install the node pack that this node comes from on the server, or choose another profile."
        }
        // ComfyUI names the nodes at fault, except where a loop makes its validation itself fail.
        Some("prompt_outputs_failed_validation") => {
            "Look for a loop in the workflow: nodes whose links lead back to themselves."
        }
        _ => "",
    };
    remedy.to_owned()
}

/// ComfyUI's `node_errors`, wherever the server put them.
fn node_errors(value: &Value) -> Option<&serde_json::Map<String, Value>> {
    let places = [
        "/node_errors",
        "/message/node_errors",
        "/error/message/node_errors",
        "/error/node_errors",
        "/message",
    ];
    let found = places.iter().filter_map(|place| value.pointer(place)).filter_map(Value::as_object);
    let is_nodes = |nodes: &&serde_json::Map<String, Value>| {
        !nodes.is_empty() && nodes.values().all(|node| node.get("errors").is_some_and(Value::is_array))
    };
    found.into_iter().find(is_nodes)
}

/// `class_type: details: message` lines, as in ComfyUI's own interface; node and parameter are those of the first.
fn from_node_errors(nodes: &serde_json::Map<String, Value>, value: &Value) -> RunError {
    let mut error = RunError::default();
    let mut lines = Vec::new();
    for (id, node) in nodes {
        let class = text_of(node.get("class_type")).unwrap_or_else(|| format!("node {id}"));
        for fault in node.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let parts = [Some(class.clone()), text_of(fault.get("details")), text_of(fault.get("message"))];
            lines.push(parts.into_iter().flatten().collect::<Vec<_>>().join(": "));
            let input = fault.pointer("/extra_info/input_name").and_then(Value::as_str);
            if error.node.is_none() {
                error.node = Some(ansi::scrub_plain(id));
                error.param =
                    input.map(|input| ParamKey::new(&ansi::scrub_plain(id), &ansi::scrub_plain(input)));
            }
        }
    }
    let general = text_of(value.pointer("/error/message"));
    error.what = lines.first().cloned().or_else(|| general.clone()).unwrap_or_default();
    lines.splice(..0, general);
    error.details = lines.join("\n");
    error
}

/// ComfyUI's report of an exception in a node.
fn node_exception(value: &Value) -> Option<RunError> {
    let message = text_of(value.get("exception_message"))?;
    let class = text_of(value.get("node_type"));
    let node = text_of(value.get("node_id"));
    let details = [lines_of(value.get("exception_type")), lines_of(value.get("traceback"))].join("\n");
    let name = class.or_else(|| node.as_ref().map(|id| format!("node {id}")));
    let what = name.map_or_else(|| message.clone(), |name| format!("{name}: {message}"));
    Some(RunError { what, node, details: details.trim().to_owned(), ..RunError::default() })
}

/// FastAPI's list of validation errors.
fn from_faults(faults: &[Value]) -> RunError {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| {
            let place = fault.get("loc").and_then(Value::as_array).map(|loc| {
                let parts = loc.iter().filter_map(|part| text_of(Some(part))).filter(|part| part != "body");
                parts.collect::<Vec<_>>().join(".")
            });
            let message = text_of(fault.get("msg")).or_else(|| text_of(Some(fault)));
            let message = message.unwrap_or_else(|| fault.to_string());
            match place.filter(|place| !place.is_empty()) {
                Some(place) => format!("{place}: {message}"),
                None => message,
            }
        })
        .collect();
    RunError {
        what: lines.first().cloned().unwrap_or_default(),
        details: lines.join("\n"),
        ..RunError::default()
    }
}

/// Plain text or HTML: the first line that isn't empty, and the rest as details.
pub fn from_text(text: &str) -> RunError {
    let looks_like_html = text.trim_start().starts_with('<');
    let text = if looks_like_html { without_tags(text) } else { text.to_owned() };
    let text = bounded_block(&text);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let what = shortened(lines.next().unwrap_or_default());
    let rest: Vec<&str> = lines.collect();
    let details =
        if rest.is_empty() && what.chars().count() < WHAT_CHARS { String::new() } else { text.clone() };
    RunError { what, details: details.trim().to_owned(), ..RunError::default() }
}

/// The text of an HTML page: the title first, without scripts and styles.
fn without_tags(html: &str) -> String {
    let html: String = html.chars().take(4 * DETAILS_CHARS).collect();
    let mut out = String::new();
    let mut rest = html.as_str();
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let lower = rest.get(..8).unwrap_or(rest).to_ascii_lowercase();
        let hidden = ["<script", "<style", "<!--"].into_iter().find(|tag| lower.starts_with(tag));
        let end = match hidden {
            Some("<script") => "</script>",
            Some("<style") => "</style>",
            Some(_) => "-->",
            None => ">",
        };
        rest = rest.find(end).map_or("", |at| &rest[at + end.len()..]);
        out.push('\n');
    }
    out.push_str(rest);
    let entities =
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(out, |text, (entity, plain)| text.replace(entity, plain))
}

/// A string, number or boolean as text; `None` for null, an empty string, lists and objects.
fn text_of(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        other @ (Value::Number(_) | Value::Bool(_)) => other.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Text, or a list of texts as lines, or JSON as it is.
fn lines_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(parts)) => {
            let parts = parts.iter().map(|part| text_of(Some(part)).unwrap_or_else(|| part.to_string()));
            parts.collect::<Vec<_>>().join("\n")
        }
        Some(other) => text_of(Some(other)).unwrap_or_else(|| match other {
            Value::String(_) => String::new(),
            nested => nested.to_string(),
        }),
    }
}

/// One plain line of at most [`WHAT_CHARS`] characters.
fn shortened(text: &str) -> String {
    let bounded: String = text.chars().take(8 * WHAT_CHARS).collect();
    let plain = ansi::scrub_plain(&bounded);
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= WHAT_CHARS {
        return line;
    }
    line.chars().take(WHAT_CHARS - 1).chain(['…']).collect()
}

fn bounded_block(text: &str) -> String {
    let bounded: String = text.chars().take(DETAILS_CHARS).collect();
    ansi::scrub_block(&bounded)
}

#[cfg(test)]
mod tests;
