//! Inputs that a choice brings: while `mode` is `scale`, the node also has `mode.by`.
//!
//! Choices are nested (`format.codec.speed`), and the same name may be of another type under another value. So every input
//! that any choice could bring is a parameter of its own, and knows under which choices it is there.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{OfNode, ParamKind, Parameter, ToldBy};
use crate::domain::ParamKey;
use crate::domain::schema::{Input, Takes};

/// When an input is part of the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Presence {
    /// The workflow has it.
    #[default]
    Always,
    /// While choices have these values, the outermost first.
    Under {
        choices: Vec<(ParamKey, String)>,
        /// Whether that is so in the workflow's file, and it has the input.
        is_in_file: bool,
    },
    /// Once it is set: another row of a list.
    OnceSet,
}

impl Presence {
    /// Whether the workflow's file has it.
    pub fn is_in_file(&self) -> bool {
        match self {
            Self::Always | Self::Under { is_in_file: true, .. } => true,
            Self::Under { is_in_file: false, .. } | Self::OnceSet => false,
        }
    }
}

/// Says of a node's inputs, which are the last of `found`, which of them a choice brings, and adds those that another value
/// would bring, each after the one that it belongs to.
pub(super) fn add(found: &mut Vec<Parameter>, of: &OfNode<'_>) {
    let Some(class) = of.schema.class(&of.node.class_type) else { return };
    let first = found.iter().rposition(|parameter| parameter.key.node() != of.id).map_or(0, |at| at + 1);
    let mut walk = Walk { of, known: found.split_off(first), brought: Vec::new() };
    walk.inputs(&class.inputs, "", &[]);
    let Walk { known, mut brought, .. } = walk;
    for parameter in known {
        let prefix = format!("{}.", parameter.key.input());
        let key = parameter.key.clone();
        found.push(parameter);
        // Those of the same choice stay together.
        let (of_it, others): (Vec<_>, Vec<_>) = brought
            .into_iter()
            .partition(|added: &Parameter| added.key == key || added.key.input().starts_with(&prefix));
        found.extend(of_it);
        brought = others;
    }
    found.extend(brought);
}

struct Walk<'w> {
    of: &'w OfNode<'w>,
    /// The parameters of the inputs that the workflow has.
    known: Vec<Parameter>,
    brought: Vec<Parameter>,
}

impl Walk<'_> {
    /// Goes through inputs that are there under some choices.
    fn inputs(&mut self, inputs: &IndexMap<String, Input>, prefix: &str, under: &[(ParamKey, String)]) {
        for (name, input) in inputs {
            let name = format!("{prefix}{name}");
            if !under.is_empty() {
                self.input(&name, input, under);
            }
            let Takes::Branches(branches) = &input.takes else { continue };
            for branch in branches {
                let choice = (ParamKey::new(self.of.id, &name), branch.key.clone());
                let under = [under, &[choice]].concat();
                self.inputs(&branch.inputs, &format!("{name}."), &under);
            }
        }
    }

    fn input(&mut self, name: &str, input: &Input, under: &[(ParamKey, String)]) {
        let in_file = self.of.node.inputs.as_ref();
        let is_in_file = under.iter().all(|(choice, value)| {
            in_file.and_then(|inputs| inputs.get(choice.input())).and_then(Value::as_str) == Some(value)
        });
        let choices = under.to_vec();
        let known = self.known.iter_mut().find(|parameter| parameter.key.input() == name);
        if let Some(known) = known.filter(|_| is_in_file) {
            known.presence = Presence::Under { choices, is_in_file };
            return;
        }
        let Some(value) = first_value(input) else { return };
        let mut parameter = Parameter {
            presence: Presence::Under { choices, is_in_file: false },
            ..self.of.parameter(name, &value, Some(input))
        };
        if input.takes == Takes::Link {
            (parameter.kind, parameter.told_by) = (ParamKind::Link, ToldBy::Server);
            parameter.hidden = false;
        }
        // Without a link an optional input is simply left out.
        if parameter.kind != ParamKind::Link || input.is_required {
            self.brought.push(parameter);
        }
    }
}

/// The value that ComfyUI's editor begins with; null for one that is linked, `None` for one that needs none.
fn first_value(input: &Input) -> Option<Value> {
    let least = |range: &super::Range| range.min.clone().map_or(json!(0), Value::Number);
    let first = match &input.takes {
        Takes::Link => Value::Null,
        Takes::Growing(_) => return None,
        Takes::Text { .. } => json!(""),
        Takes::Integer(range) | Takes::Float(range) => least(range),
        Takes::Boolean(_) => json!(false),
        Takes::Several(_) => json!([]),
        Takes::Choice(choices) | Takes::File(_, choices) => {
            choices.first().map_or(json!(""), |choice| choice.value.clone())
        }
        Takes::Branches(branches) => branches.first()?.key.as_str().into(),
    };
    Some(input.default.clone().filter(|_| input.takes != Takes::Link).unwrap_or(first))
}
