//! A first preset for a workflow: aliases for what people change, and all other parameters in comments.

use toml_edit::{DocumentMut, Item};

use super::literal::toml_value;
use crate::domain::param::Rank;
use crate::domain::{Parameter, Role};

/// The text of a preset that sets nothing yet, with these parameters in reading order.
pub fn sketch(params: &[Parameter]) -> String {
    let mut text = String::new();
    let aliases: Vec<(String, &Parameter)> =
        params.iter().filter_map(|p| Some((alias(p, params)?, p))).collect();
    if !aliases.is_empty() {
        text.push_str("\n[aliases]\n");
    }
    for (name, parameter) in &aliases {
        text.push_str(&pair(name, parameter.key.as_str().into()));
    }
    text.push_str("\n[params]\n# What is set here is sent. Remove the # to set a value.\n");
    let mut group = None;
    for parameter in params.iter().filter(|parameter| is_offered(parameter)) {
        let heading = match parameter.rank {
            Rank::Top => None,
            Rank::Node | Rank::Loras | Rank::Files => Some(parameter.group.as_str()),
        };
        if heading.is_some() && heading != group {
            text.push_str(&format!("\n# {}\n", heading.unwrap_or_default().replace(char::is_control, " ")));
        }
        group = heading.or(group);
        let line = pair(parameter.key.as_str(), toml_value(&parameter.default));
        line.lines().for_each(|line| text.push_str(&format!("# {line}\n")));
    }
    text
}

/// Whether the parameter can be set by a value of the workflow's type.
fn is_offered(parameter: &Parameter) -> bool {
    parameter.is_editable()
        && !parameter.hidden
        && !parameter.default.is_null()
        && parameter.presence.is_in_file()
}

/// The alias for a parameter: its role when it is the only one with it, else its label: `prompt`, `prompt_6`.
fn alias(parameter: &Parameter, params: &[Parameter]) -> Option<String> {
    let role = parameter.role.filter(|_| is_offered(parameter))?;
    let same = params.iter().filter(|other| other.role == Some(role) && is_offered(other)).count();
    match parameter.rank {
        _ if same == 1 => Some(role.word().to_owned()),
        Rank::Top => Some(parameter.label.replace(' ', "_")).filter(|label| Role::from_word(label).is_none()),
        Rank::Node | Rank::Loras | Rank::Files => None,
    }
}

/// `key = value` in TOML.
fn pair(key: &str, value: toml_edit::Value) -> String {
    let mut document = DocumentMut::new();
    document.insert(key, Item::Value(value));
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::preset::Preset;
    use crate::domain::{Workflow, param};

    #[test]
    fn a_person_can_read_what_there_is_to_set() {
        let workflow = r#"{
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}, "_meta": {"title": "Load\nCheckpoint"}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a \"cat\"\non a roof", "clip": ["4", 1]}},
            "12:7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad", "clip": ["4", 1]}},
            "3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615, "steps": 20, "model": ["4", 0], "positive": ["6", 0], "negative": ["12:7", 0]}}
        }"#;
        let mut params = param::parameters(&Workflow::parse(workflow).expect("a workflow"));
        param::arrange(&mut params);
        let text = sketch(&params);
        assert_eq!(
            text,
            r##"
[aliases]
prompt = "6-inputs-text"
negative = "12:7-inputs-text"
seed = "3-inputs-seed"
steps = "3-inputs-steps"
model = "4-inputs-ckpt_name"

[params]
# What is set here is sent. Remove the # to set a value.
# 6-inputs-text = """
# a "cat"
# on a roof"""
# "12:7-inputs-text" = "bad"
# 3-inputs-seed = "18446744073709551615"
# 3-inputs-steps = 20

# Load Checkpoint
# 4-inputs-ckpt_name = "base.safetensors"
"##
        );
        let (preset, found) = Preset::parse(&text, "p.toml");
        assert_eq!((preset.aliases.len(), preset.params.len(), found.len()), (5, 0, 0));
        let opened = text.replace("# 3-inputs-steps", "3-inputs-steps");
        assert_eq!(Preset::parse(&opened, "p.toml").0.params.len(), 1);
    }
}
