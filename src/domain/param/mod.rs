//! Parameters: the inputs of a workflow's nodes that a person may change, and their kinds.

mod arrange;
mod brought;
mod kind;
pub mod lora_rows;
pub mod one_text;
pub mod seeds;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::role::{self, Role};
use super::schema::{Input, Schema};
use super::wiring::Wiring;
use super::workflow::Node;
use super::{ParamKey, Workflow, inputs};

pub use super::media::FileKind;
pub use super::scalar::{Range, is_whole};
pub use super::schema::Choice;
pub use arrange::arrange;
pub use brought::Presence;

/// Kind of a parameter, which decides how it is shown and edited.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamKind {
    /// Multi-line text, such as a prompt.
    LongText,
    Text,
    /// A whole number, by the facts about its node.
    Integer,
    /// Any number. May be written as `6`: ComfyUI exports 6.0 as 6, and numbers keep their text.
    Float,
    Boolean,
    /// A whole number from 0 to 2^64-1 that seeds the noise.
    Seed,
    /// A file to upload, or the name of a file that the server already has.
    File(FileKind),
    /// One of [`Parameter::choices`]; the server may accept others.
    Choice,
    /// A list of some of [`Parameter::choices`]; the server may accept others.
    Several,
    /// An object for one entry of a LoRA list ([`super::lora`]).
    Lora,
    /// A link (`[node id, slot]`): shown on request, never editable.
    Link,
    /// A list, an object or null: edited as JSON.
    Json,
}

/// Who says what an input takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToldBy {
    /// It was guessed from value and name.
    #[default]
    Nobody,
    /// The facts about built-in nodes: the server may be of another version, and have other files.
    BuiltIn,
    /// The server itself: it refuses other values.
    Server,
    /// The form.
    Form,
}

/// An input of a node, described for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub key: ParamKey,
    /// Heading: the node's name, or the form's group title.
    pub group: String,
    /// The node's class, such as `KSampler`.
    pub class_type: String,
    /// The input's name, or the form's label.
    pub label: String,
    pub kind: ParamKind,
    /// The workflow's own value.
    pub default: Value,
    /// Known choices: the values of a [`ParamKind::Choice`] and of [`ParamKind::Several`], the names for an entry of a LoRA list, the server's own
    /// files, what true and false are called.
    pub choices: Arc<[Choice]>,
    pub range: Range,
    /// The value that ComfyUI's editor begins with, if the server says so.
    pub usual: Option<Value>,
    /// Who says what it takes.
    pub told_by: ToldBy,
    /// The form's help text, else the server's; may be empty.
    pub help: String,
    /// Rarely changed: listed last, folded at first.
    pub advanced: bool,
    /// Shown only on request: hidden by the form, or only used by ComfyUI's editor.
    pub hidden: bool,
    /// Whether the form requires a value.
    pub required: bool,
    /// The role, where the wiring shows one.
    pub role: Option<Role>,
    /// Belongs to a sampler that continues another one's work.
    pub is_later: bool,
    /// Whether this is the main seed, which decides the picture.
    pub decides: bool,
    /// Whether its group is one of a form, which may hold inputs of several nodes.
    pub is_of_form: bool,
    /// Where it stands among the others.
    pub rank: Rank,
    /// When it is part of the graph.
    pub presence: Presence,
    /// For the name of a LoRA: the other inputs of its row.
    pub lora: Option<Box<lora_rows::Row>>,
    /// Whether it belongs to a LoRA's row, and is shown there.
    pub is_lora_part: bool,
}

/// Section of the list in which a parameter appears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What people change in most runs: at the top, without node headings.
    Top,
    #[default]
    Node,
    Loras,
    /// A node that loads models or saves files.
    Files,
}

impl Parameter {
    /// Takes the role that the wiring shows, which says more of its kind than its name.
    fn take_role(&mut self, role: Role) {
        kind::refine(&mut self.kind, role, &self.default);
        self.role = Some(role);
    }

    pub fn is_editable(&self) -> bool {
        self.kind != ParamKind::Link
    }

    /// What a boolean's value is called.
    pub fn word_of(&self, value: bool) -> &str {
        let choice = self.choices.iter().find(|choice| choice.value == Value::Bool(value));
        choice.map_or(if value { "on" } else { "off" }, |choice| &choice.label)
    }

    /// Whether it has exactly two values, on and off: `true` and `false`, or texts such as `enable` and `disable`.
    pub fn is_switch(&self) -> bool {
        self.kind == ParamKind::Boolean || kind::is_switch(&self.choices)
    }

    /// Whether a switch with this value is on.
    pub fn is_on(&self, value: &Value) -> bool {
        value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(kind::is_on))
    }
}

/// Suffix that turns an image input's key into that of its mask, which is sent as a separate
/// part (see the vendor's guide).
pub const MASK_SUFFIX: &str = "-viewcomfymask";

/// The parameters of a workflow in file order, including links.
///
/// Each image input is followed by a parameter for its mask, which is not an input of the workflow: null until a
/// person sets one. Widgets without content, such as headings and buttons, are left out.
pub fn parameters(workflow: &Workflow) -> Vec<Parameter> {
    let mut found = parameters_by(workflow, &Schema::default());
    found.retain(|parameter| parameter.presence.is_in_file());
    found
}

/// [`parameters`], with what is known of the server's nodes, and with those that settings could bring.
pub fn parameters_by(workflow: &Workflow, schema: &Schema) -> Vec<Parameter> {
    let wiring = Wiring::new(workflow);
    let roles = role::of(&wiring);
    let mut found = Vec::new();
    for (id, node) in workflow.nodes() {
        let of_node = OfNode { id, node, schema };
        for (input, value) in node.inputs.iter().flatten() {
            if inputs::is_decoration(input, value) || seeds::is_control(input, value) {
                continue;
            }
            let told = schema.input(&node.class_type, input, node.inputs.as_ref());
            let mut parameter = of_node.parameter(input, value, told);
            if let Some(assigned) = roles.get(&parameter.key) {
                parameter.take_role(assigned.role);
                parameter.is_later = assigned.is_later;
            }
            let mask = (parameter.kind == ParamKind::File(FileKind::Image)).then(|| mask_of(&parameter));
            found.push(parameter);
            found.extend(mask);
        }
        brought::add(&mut found, &of_node);
        lora_rows::add_spare(&mut found, &of_node);
        let first = found.iter().rposition(|parameter| parameter.key.node() != id).map_or(0, |at| at + 1);
        lora_rows::mark(&mut found[first..]);
    }
    seeds::mark(&mut found, &wiring);
    if let Some(at) = seeds::deciding(&found, &wiring) {
        found[at].decides = true;
    }
    found
}

/// A node of a workflow, with what is known of all nodes.
struct OfNode<'w> {
    id: &'w str,
    node: &'w Node,
    schema: &'w Schema,
}

impl OfNode<'_> {
    /// The parameter for one of its inputs with a value, of which a server may have told something.
    fn parameter(&self, input: &str, value: &Value, told: Option<&Input>) -> Parameter {
        let class_type = &self.node.class_type;
        let mut facts = kind::of(class_type, input, value, told.map(|told| &told.takes));
        kind::loras(&mut facts, self.schema);
        Parameter {
            key: ParamKey::new(self.id, input),
            group: self.node.name().to_owned(),
            class_type: class_type.clone(),
            label: input.to_owned(),
            role: role_of(&facts.kind),
            is_later: false,
            kind: facts.kind,
            default: value.clone(),
            choices: facts.choices,
            range: facts.range,
            usual: told.and_then(|told| told.default.clone()),
            told_by: facts.told_by,
            help: told.map(|told| told.tooltip.clone()).unwrap_or_default(),
            advanced: told.is_some_and(|told| told.is_advanced),
            hidden: inputs::is_editor_only(class_type, input, value),
            required: false,
            decides: false,
            is_of_form: false,
            rank: Rank::default(),
            presence: Presence::default(),
            lora: None,
            is_lora_part: false,
        }
    }
}

/// The role that follows from the kind alone.
fn role_of(kind: &ParamKind) -> Option<Role> {
    match kind {
        ParamKind::File(FileKind::Image) => Some(Role::Image),
        ParamKind::File(FileKind::Video) => Some(Role::Video),
        ParamKind::File(FileKind::Audio) => Some(Role::Audio),
        ParamKind::File(FileKind::Mask) => Some(Role::Mask),
        ParamKind::Lora => Some(Role::Lora),
        _ => None,
    }
}

/// Names of parameters without a preset: the role, if it is not ambiguous.
pub fn names(workflow: &Workflow) -> HashMap<ParamKey, &'static str> {
    let params = parameters(workflow);
    let mut of_role: HashMap<Role, Vec<&Parameter>> = HashMap::new();
    for parameter in params.iter().filter(|parameter| parameter.is_editable()) {
        if let Some(role) = parameter.role {
            of_role.entry(role).or_default().push(parameter);
        }
    }
    let mut names = HashMap::new();
    for (role, of_role) in of_role {
        if one_text::are_one(&of_role, |parameter| parameter.default.as_str()) {
            names.extend(of_role.iter().map(|parameter| (parameter.key.clone(), role.word())));
        }
    }
    names
}

fn mask_of(image: &Parameter) -> Parameter {
    Parameter {
        key: ParamKey::new(image.key.node(), &format!("{}{MASK_SUFFIX}", image.key.input())),
        label: format!("{} mask", image.label),
        kind: ParamKind::File(FileKind::Mask),
        default: Value::Null,
        choices: Arc::default(),
        usual: None,
        advanced: true,
        role: Some(Role::Mask),
        ..image.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(class_type: &str, input: &str, value: &str) -> Vec<Parameter> {
        let text = format!(r#"{{"5": {{"class_type": "{class_type}", "inputs": {{"{input}": {value}}}}}}}"#);
        parameters(&Workflow::parse(&text).expect("a workflow"))
    }

    #[test]
    fn built_in_nodes_bring_their_facts_unless_the_value_contradicts() {
        let table = [
            ("KSampler", "sampler_name", "\"uni_pc\"", ParamKind::Choice, 42),
            ("KSampler", "sampler_name", "\"res_4s\"", ParamKind::Choice, 42),
            ("KSampler", "sampler_name", "[\"4\", 0]", ParamKind::Link, 0),
            ("KSampler", "steps", "20", ParamKind::Integer, 0),
            ("KSampler", "steps", "20.5", ParamKind::Float, 0),
            ("KSampler", "cfg", "6", ParamKind::Float, 0),
            ("CheckpointLoaderSimple", "ckpt_name", "\"a.safetensors\"", ParamKind::Text, 0),
            ("LTXVConditioning", "frame_rate", "25", ParamKind::Float, 0),
            ("ImageScaleBy", "upscale_method", "3", ParamKind::Float, 0),
        ];
        for (class, input, value, kind, choices) in table {
            let found = of(class, input, value).remove(0);
            assert_eq!((found.kind, found.choices.len()), (kind, choices), "{class}.{input} = {value}");
        }
        let steps = of("KSampler", "steps", "20").remove(0);
        assert_eq!((steps.range.min, steps.range.max), (Some(1.into()), Some(10_000.into())));
    }

    #[test]
    fn an_image_may_have_a_mask() {
        let found = of("LoadImage", "image", "\"in.png\"");
        let shown: Vec<_> = found.iter().map(|p| (p.key.as_str(), &p.kind, p.default.is_null())).collect();
        let file = ParamKind::File;
        assert_eq!(
            shown,
            [
                ("5-inputs-image", &file(FileKind::Image), false),
                ("5-inputs-image-viewcomfymask", &file(FileKind::Mask), true)
            ]
        );
        assert_eq!(of("LoadImageMask", "image", "\"in.png\"").len(), 1);
    }
}
