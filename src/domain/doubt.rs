//! Values that the server does not take, as far as is known, and the nearest that it does.

use serde_json::Value;

use super::diagnostic::nearest;
use super::param::{Choice, ParamKind, Parameter, ToldBy};
use super::{lora, value};

/// A value that its server does not take.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// What is wrong, without the parameter's name: `the server has no euler_b`.
    pub why: String,
    /// The nearest value that the server takes, if there is one that is near.
    pub nearest: Option<Value>,
}

/// Whether the server does not take a value.
pub fn is_doubtful(parameter: &Parameter, value: &Value) -> bool {
    is_unlinked(parameter)
        || misfit(parameter, value).is_some()
        || missing(parameter, value).is_some()
        || value::out_of_range(parameter, value).is_some()
}

/// Why the server does not take a value; `None` when it does, or nothing is known of it.
pub fn of(parameter: &Parameter, value: &Value) -> Option<Doubt> {
    if is_unlinked(parameter) {
        let why = "it has to be wired to another node, which only ComfyUI can do".to_owned();
        return Some(Doubt { why, nearest: None });
    }
    if let Some(wanted) = misfit(parameter, value) {
        let why = format!("the server takes {wanted} here, not {}", value::text(value));
        return Some(Doubt { why, nearest: None });
    }
    if let Some(name) = missing(parameter, value) {
        let near = near(&name, &parameter.choices);
        let why = match parameter.choices.is_empty() {
            true => format!("the server has none to choose from, so no {name}"),
            false => format!("the server has no {name}"),
        };
        let nearest = near.and_then(|near| match parameter.kind {
            ParamKind::Lora => lora::renamed(value, near.value.as_str()?),
            ParamKind::Several => {
                let mut entries: Vec<Value> = Vec::new();
                for entry in value::list(value)? {
                    let entry = if value::text(entry) == name { &near.value } else { entry };
                    if !entries.contains(entry) {
                        entries.push(entry.clone());
                    }
                }
                Some(value::of_list(entries))
            }
            _ => Some(near.value.clone()),
        });
        return Some(Doubt { why, nearest });
    }
    let why = value::out_of_range(parameter, value)?;
    let limits = [&parameter.range.min, &parameter.range.max];
    let within = |limit: &&serde_json::Number| {
        value::out_of_range(parameter, &Value::Number((*limit).clone())).is_none()
    };
    let number = value.as_f64()?;
    let distance = |limit: &serde_json::Number| (limit.as_f64().unwrap_or(f64::MAX) - number).abs();
    let limits = limits.into_iter().flatten().filter(within);
    let nearest = limits.min_by(|a, b| distance(a).total_cmp(&distance(b)));
    Some(Doubt { why, nearest: nearest.cloned().map(Value::Number) })
}

/// Whether a choice brings it and it takes only a link, which it does not have.
fn is_unlinked(parameter: &Parameter) -> bool {
    parameter.kind == ParamKind::Link && parameter.default.is_null()
}

/// What the server takes, when a value is of another type: that of an input under another choice, or of earlier days.
fn misfit(parameter: &Parameter, value: &Value) -> Option<&'static str> {
    if parameter.told_by != ToldBy::Server || value::is_unfilled(value) {
        return None;
    }
    let (wanted, fits) = match &parameter.kind {
        ParamKind::Integer | ParamKind::Seed => ("a whole number", value.is_number()),
        ParamKind::Float => ("a number", value.is_number()),
        ParamKind::Boolean => ("true or false", value.is_boolean()),
        ParamKind::LongText | ParamKind::Text => ("a text", value.is_string()),
        ParamKind::Several => ("a list", value.is_string() || value::list(value).is_some()),
        ParamKind::Choice | ParamKind::File(_) | ParamKind::Lora | ParamKind::Link | ParamKind::Json => {
            return None;
        }
    };
    (!fits).then_some(wanted)
}

/// The name in a value that the server's own list does not have.
fn missing<'v>(parameter: &Parameter, value: &'v Value) -> Option<std::borrow::Cow<'v, str>> {
    if parameter.told_by != ToldBy::Server || value::is_unfilled(value) {
        return None;
    }
    match &parameter.kind {
        ParamKind::Choice => {
            let is_listed = parameter.choices.iter().any(|choice| value::same(&choice.value, value));
            (!is_listed).then(|| match value {
                Value::String(text) => text.as_str().into(),
                other => other.to_string().into(),
            })
        }
        ParamKind::Several => {
            let is_listed =
                |entry: &&Value| parameter.choices.iter().any(|choice| value::same(&choice.value, entry));
            value::list(value)?.iter().find(|entry| !is_listed(entry)).map(|entry| value::text(entry).into())
        }
        ParamKind::Lora => {
            let name = lora::Entry::read(value)?.name;
            // An empty entry loads nothing.
            let is_none = name.is_empty() || name.eq_ignore_ascii_case("none");
            let is_listed =
                is_none || parameter.choices.iter().any(|choice| choice.value.as_str() == Some(name));
            (!is_listed).then(|| name.into())
        }
        // Files in folders and of other nodes are at the server without being in its list.
        ParamKind::File(_)
        | ParamKind::LongText
        | ParamKind::Text
        | ParamKind::Integer
        | ParamKind::Float
        | ParamKind::Boolean
        | ParamKind::Seed
        | ParamKind::Link
        | ParamKind::Json => None,
    }
}

/// The choice whose name is nearest: the same but for case and folders, or for its ending too, else the most similar.
fn near<'c>(name: &str, choices: &'c [Choice]) -> Option<&'c Choice> {
    let plain = |text: &str| text.replace('\\', "/").to_lowercase();
    let name = plain(name);
    let file = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = choices.iter().map(|choice| plain(&choice.label)).collect();
    let place = names.iter().position(|other| *other == name);
    let place = place.or_else(|| names.iter().position(|other| file(other) == file(&name)));
    let stem = |text: &str| file(text).rsplit_once('.').map(|(stem, _)| stem.to_owned());
    let place = place.or_else(|| names.iter().position(|other| stem(other) == Some(file(&name))));
    let place = place.or_else(|| {
        let found = nearest(&name, names.iter().map(String::as_str))?;
        names.iter().position(|other| other == found)
    });
    choices.get(place?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Workflow;
    use crate::domain::param::parameters_by;
    use crate::domain::schema::Schema;

    const NODES: &str = r#"{
        "K": {"input": {"required": {
            "steps": ["INT", {"min": 1, "max": 40}],
            "sampler": [["euler", "dpmpp_2m", "SD\\base.safetensors", 5]],
            "none": [[]],
            "tags": ["COMBO", {"options": ["oil", "ink"], "multi_select": true}],
            "image": [["a.png"], {"image_upload": true}]}}},
        "LoraLoader": {"input": {"required": {"lora_name": [["detail.safetensors"]]}}}
    }"#;

    fn doubt(input: &str, value: &Value) -> Option<(String, String)> {
        let text = format!(r#"{{"3": {{"class_type": "K", "inputs": {{"{input}": {value}}}}}}}"#);
        let workflow = Workflow::parse(&text).expect("a workflow");
        let parameter = parameters_by(&workflow, &Schema::parse(NODES).expect("a schema")).remove(0);
        let found = of(&parameter, value);
        assert_eq!(found.is_some(), is_doubtful(&parameter, value), "{input} = {value}");
        found.map(|doubt| (doubt.why, doubt.nearest.map(|near| near.to_string()).unwrap_or_default()))
    }

    #[test]
    fn what_the_server_does_not_take_comes_with_the_nearest() {
        let lora = |name: &str| json!({"on": true, "lora": name, "strength": 1});
        for (input, value) in [
            ("steps", json!(40)),
            ("sampler", json!("euler")),
            ("sampler", json!(5)),
            ("tags", json!({"__value__": ["oil", "ink"]})),
            ("tags", json!({"__value__": []})),
            ("sampler", json!("{{SAMPLER}}")),
            ("lora_1", lora("None")),
            ("lora_1", lora("detail.safetensors")),
            ("image", json!("folder/b.png [temp]")),
            ("unknown", json!("x")),
        ] {
            assert_eq!(doubt(input, &value), None, "{input} = {value}");
        }
        for (input, value, why, near) in [
            ("steps", json!(0), "0 is less than the smallest value, 1", "1"),
            ("steps", json!(99), "99 is more than the largest value, 40", "40"),
            ("sampler", json!("Euler"), "the server has no Euler", r#""euler""#),
            ("sampler", json!("dpmp_2m"), "the server has no dpmp_2m", r#""dpmpp_2m""#),
            (
                "sampler",
                json!("XL/base.safetensors"),
                "the server has no XL/base.safetensors",
                r#""SD\\base.safetensors""#,
            ),
            ("sampler", json!("base"), "the server has no base", r#""SD\\base.safetensors""#),
            ("sampler", json!("nothing like it"), "the server has no nothing like it", ""),
            (
                "tags",
                json!({"__value__": ["ink", "Oil"]}),
                "the server has no Oil",
                r#"{"__value__":["ink","oil"]}"#,
            ),
            (
                "tags",
                json!({"__value__": ["ink", "Ink"]}),
                "the server has no Ink",
                r#"{"__value__":["ink"]}"#,
            ),
            ("none", json!("x.ckpt"), "the server has none to choose from, so no x.ckpt", ""),
            (
                "lora_1",
                lora("Detail.safetensors"),
                "the server has no Detail.safetensors",
                r#"{"on":true,"lora":"detail.safetensors","strength":1}"#,
            ),
        ] {
            assert_eq!(doubt(input, &value), Some((why.to_owned(), near.to_owned())), "{input} = {value}");
        }
    }
}
