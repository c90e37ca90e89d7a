//! What a server's nodes take, as its `object_info` says: types, choices, limits, defaults.
//!
//! A server describes thousands of nodes in megabytes of JSON. [`pieces`] cuts that into nodes without parsing them, so
//! that only those of a workflow have to be.

mod read;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::media::FileKind;
use super::scalar::Range;

/// The node classes of a server that were read, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    classes: HashMap<String, NodeClass>,
}

/// A class of nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeClass {
    /// As `class_type` in workflows.
    pub name: String,
    /// Name for people; the same as `name` where the server gives none.
    pub title: String,
    /// Groups separated by `/`; may be empty.
    pub category: String,
    pub description: String,
    /// By name, in the order in which ComfyUI's editor shows them: the required ones first.
    pub inputs: IndexMap<String, Input>,
    pub outputs: Vec<Output>,
    /// Whether its results are results of the workflow.
    pub is_output: bool,
    /// Whether it calls a paid service.
    pub is_paid: bool,
}

/// An output slot of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub name: String,
    /// Such as `LATENT`; `COMBO` for one of some choices, `*` for anything.
    pub kind: String,
}

/// An input of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The values it takes. An input with values may still be linked.
    pub takes: Takes,
    /// Types of links that it takes, such as `MODEL`; several for `INT,FLOAT`.
    pub kinds: Vec<String>,
    /// Whether ComfyUI's editor gives it a field. Without one, it has no place among the saved widget values.
    pub has_widget: bool,
    /// Whether it must be in the graph, even if it has a default.
    pub is_required: bool,
    /// The value that ComfyUI's editor begins with, if the server says so.
    pub default: Option<Value>,
    /// Name for people, where it differs from the input's.
    pub label: Option<String>,
    /// Help text; may be empty.
    pub tooltip: String,
    /// Rarely changed.
    pub is_advanced: bool,
    /// Whether ComfyUI's editor changes it after each run, by a control of its own: `fixed`, `randomize`, …
    pub has_control: bool,
}

/// The values that an input takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Takes {
    /// Only a link.
    Link,
    Text {
        multiline: bool,
    },
    Integer(Range),
    Float(Range),
    /// With words for true and false, where the server has some.
    Boolean(Option<[String; 2]>),
    /// One of these; none where the server has no such files.
    Choice(Arc<[Choice]>),
    /// A list of some of these.
    Several(Arc<[Choice]>),
    /// A file to upload, or one of those at the server.
    File(FileKind, Arc<[Choice]>),
    /// One of some choices, each with further inputs, called `this.that`.
    Branches(Vec<Branch>),
    /// As many inputs as are linked, called `this.that`.
    Growing(Box<Growing>),
}

/// A value with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub label: String,
    pub value: Value,
}

impl Choice {
    /// Whether a value is of its type: a number, a boolean.
    pub fn is_like(&self, value: &Value) -> bool {
        self.value.is_number() && value.is_number() || self.value.is_boolean() && value.is_boolean()
    }
}

/// A choice of [`Takes::Branches`], with the inputs that it brings.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    pub key: String,
    pub inputs: IndexMap<String, Input>,
}

/// The inputs of [`Takes::Growing`].
#[derive(Clone, Debug, PartialEq)]
pub struct Growing {
    pub input: Input,
    /// Possible names after the point.
    pub names: Vec<String>,
}

/// Why a text is no description of nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("it is not JSON ({0})")]
    NotJson(String),
    /// Valid JSON of something else.
    #[error("it should be what a ComfyUI server answers to /object_info")]
    NoNodes,
}

impl Schema {
    /// Reads all node classes of an `object_info`.
    ///
    /// # Errors
    /// When the text is something else.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let pieces = pieces(text)?;
        Ok(Self::of(pieces.iter().map(|(name, json)| (name.as_ref(), json.get()))))
    }

    /// Reads these classes, each a name with its JSON. What is no node class is left out.
    pub fn of<'a>(pieces: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut reader = read::Reader::default();
        let read = |(name, json): (&str, &str)| Some((name.to_owned(), reader.class(name, json)?));
        Self { classes: pieces.into_iter().filter_map(read).collect() }
    }

    /// A class by its name.
    pub fn class(&self, name: &str) -> Option<&NodeClass> {
        self.classes.get(name)
    }

    /// An input of a node with these inputs, also one that another input brings (`this.that`).
    pub fn input(&self, class: &str, name: &str, node: Option<&IndexMap<String, Value>>) -> Option<&Input> {
        self.class(class)?.input(name, |other| node?.get(other))
    }

    /// The LoRAs at the server, by its own LoRA loader.
    pub fn loras(&self) -> Option<&Arc<[Choice]>> {
        match &self.input(LORA_LOADER, "lora_name", None)?.takes {
            Takes::Choice(choices) => Some(choices),
            _ => None,
        }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

/// ComfyUI's own node that loads a LoRA, of which [`Schema::loras`] reads the names.
pub const LORA_LOADER: &str = "LoraLoader";

impl NodeClass {
    /// An input, also one that another brings (`this.that`); `chosen` is the value of an input of the node.
    pub fn input<'v>(&self, name: &str, chosen: impl Fn(&str) -> Option<&'v Value>) -> Option<&Input> {
        below(&self.inputs, "", name, &chosen)
    }
}

/// An input by its name below `prefix`.
fn below<'i, 'v>(
    inputs: &'i IndexMap<String, Input>,
    prefix: &str,
    name: &str,
    chosen: &dyn Fn(&str) -> Option<&'v Value>,
) -> Option<&'i Input> {
    if let Some(input) = inputs.get(name) {
        return Some(input);
    }
    name.match_indices('.').find_map(|(at, _)| {
        let (first, rest) = (&name[..at], &name[at + 1..]);
        match &inputs.get(first)?.takes {
            Takes::Branches(branches) => {
                let whole = format!("{prefix}{first}");
                let key = chosen(&whole)?.as_str()?;
                let branch = branches.iter().find(|branch| branch.key == key)?;
                below(&branch.inputs, &format!("{whole}."), rest, chosen)
            }
            Takes::Growing(growing) => {
                growing.names.iter().any(|name| name == rest).then_some(&growing.input)
            }
            Takes::Link
            | Takes::Text { .. }
            | Takes::Integer(_)
            | Takes::Float(_)
            | Takes::Boolean(_)
            | Takes::Choice(_)
            | Takes::Several(_)
            | Takes::File(..) => None,
        }
    })
}

/// The JSON of each node class in an `object_info`, uninterpreted.
///
/// # Errors
/// When the text is something else.
pub fn pieces(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, SchemaError> {
    let text = text.trim_start_matches('\u{feff}');
    let all: IndexMap<Cow<'_, str>, &RawValue> = match serde_json::from_str(text) {
        Ok(all) => all,
        Err(why) if why.is_data() => return Err(SchemaError::NoNodes),
        Err(why) => return Err(SchemaError::NotJson(why.to_string())),
    };
    let is_class = |json: &RawValue| {
        let json = json.get();
        json.starts_with('{') && json.contains("\"input\"")
    };
    let found: Vec<_> = all.into_iter().filter(|(_, json)| is_class(json)).collect();
    if found.is_empty() { Err(SchemaError::NoNodes) } else { Ok(found) }
}

#[cfg(test)]
mod tests;
