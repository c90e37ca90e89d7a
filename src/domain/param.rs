//! Parameters: the inputs of a workflow's nodes that a person may change, and what kind each is.

use serde_json::{Number, Value};

use super::stock::{self, Stock};
use super::{ParamKey, Workflow, workflow::is_link};

/// What a parameter takes, which decides how it is shown and edited.
#[derive(Clone, Debug, PartialEq)]
pub enum ParamKind {
    /// Text of many lines, such as a prompt.
    LongText,
    /// A line of text.
    Text,
    Integer,
    /// A number with a fraction. Its text may still be `6`: numbers keep the text they came with.
    Float,
    Boolean,
    /// A whole number from 0 to 2^64-1 that starts the noise.
    Seed,
    /// A file to upload, or the name of one that the server already has.
    File(FileKind),
    /// One of [`Parameter::choices`]; others may exist on the server.
    Choice,
    /// Wiring (`[node id, slot]`): shown on request, never edited.
    Link,
    /// A list, an object or null: kept as it is, edited as JSON.
    Json,
}

/// What a file parameter expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Image,
    Video,
    Audio,
    Mask,
}

/// One of the values of a [`ParamKind::Choice`].
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub label: String,
    pub value: Value,
}

/// Limits of a number and the size of one step; any may be unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Range {
    pub min: Option<Number>,
    pub max: Option<Number>,
    /// What one press of ± changes.
    pub step: Option<Number>,
}

/// One input of one node, described for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub key: ParamKey,
    /// Group heading: the node's name, or the form's group title.
    pub group: String,
    /// The node's class, such as `KSampler`.
    pub class_type: String,
    /// What the value is called: the input's name, or the form's label.
    pub label: String,
    pub kind: ParamKind,
    /// The workflow's own value.
    pub default: Value,
    /// Known choices, empty unless `kind` is [`ParamKind::Choice`].
    pub choices: Vec<Choice>,
    pub range: Range,
    /// Help text of the form, empty when there is none.
    pub help: String,
    /// Rarely changed: shown after the rest, folded at first.
    pub advanced: bool,
    /// Hidden by the form: not shown unless asked for.
    pub hidden: bool,
    /// The form insists on a value.
    pub required: bool,
}

impl Parameter {
    /// Whether a person may change it.
    pub fn is_editable(&self) -> bool {
        self.kind != ParamKind::Link
    }
}

/// What stands behind the key of an image input in the key of its mask, which travels as a part of its own
/// (the vendor's guide).
pub const MASK_SUFFIX: &str = "-viewcomfymask";

/// The parameters of a workflow in file order, links included (their kind says so).
///
/// An image input is followed by a parameter for its mask, which is no input of the workflow: null until
/// a person gives one.
pub fn parameters(workflow: &Workflow) -> Vec<Parameter> {
    let mut found = Vec::new();
    for (id, node) in workflow.nodes() {
        for (input, value) in node.inputs.iter().flatten() {
            let (kind, choices, range) = facts(&node.class_type, input, value);
            let parameter = Parameter {
                key: ParamKey::new(id, input),
                group: node.name().to_owned(),
                class_type: node.class_type.clone(),
                label: input.clone(),
                kind,
                default: value.clone(),
                choices,
                range,
                help: String::new(),
                advanced: false,
                hidden: false,
                required: false,
            };
            let mask = (parameter.kind == ParamKind::File(FileKind::Image)).then(|| mask_of(&parameter));
            found.push(parameter);
            found.extend(mask);
        }
    }
    found
}

fn mask_of(image: &Parameter) -> Parameter {
    Parameter {
        key: ParamKey::new(image.key.node(), &format!("{}{MASK_SUFFIX}", image.key.input())),
        label: format!("{} mask", image.label),
        kind: ParamKind::File(FileKind::Mask),
        default: Value::Null,
        advanced: true,
        ..image.clone()
    }
}

/// Kind, choices and limits: what ComfyUI says of its own nodes, as far as the value agrees, else what
/// value and names tell.
fn facts(class_type: &str, input: &str, value: &Value) -> (ParamKind, Vec<Choice>, Range) {
    let inferred = || (infer_kind(class_type, input, value), Vec::new(), Range::default());
    let Some(stock) = stock::lookup(class_type, input) else { return inferred() };
    let plain = |kind| (kind, Vec::new(), Range::default());
    match (stock, value) {
        (Stock::Text, Value::String(_)) => plain(ParamKind::Text),
        (Stock::LongText, Value::String(_)) => plain(ParamKind::LongText),
        (Stock::File(kind), Value::String(_)) => plain(ParamKind::File(kind)),
        (Stock::Boolean, Value::Bool(_)) => plain(ParamKind::Boolean),
        (Stock::Float(range), Value::Number(_)) => (ParamKind::Float, Vec::new(), range),
        (Stock::Integer(range), Value::Number(number)) if is_whole(number) => {
            let is_seed = is_seed_name(input);
            (if is_seed { ParamKind::Seed } else { ParamKind::Integer }, Vec::new(), range)
        }
        (Stock::Choice(texts), Value::String(_)) => {
            let choice = |text: &str| Choice { label: text.to_owned(), value: text.into() };
            (ParamKind::Choice, texts.into_iter().map(choice).collect(), Range::default())
        }
        _ => inferred(),
    }
}

/// Whether an input of this name starts the noise: `seed`, `noise_seed`, `rand_seed`.
pub fn is_seed_name(input: &str) -> bool {
    input.contains("seed")
}

/// Whether a number is written as a whole number: `6`, not `6.0` or `6e0`.
pub fn is_whole(number: &Number) -> bool {
    number.to_string().bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// A parameter's kind from its value, its name and its node.
pub fn infer_kind(class_type: &str, input: &str, value: &Value) -> ParamKind {
    match value {
        value if is_link(value) => ParamKind::Link,
        Value::Bool(_) => ParamKind::Boolean,
        Value::Number(number) if is_whole(number) && is_seed_name(input) => ParamKind::Seed,
        Value::Number(number) if is_whole(number) && !is_float_name(input) => ParamKind::Integer,
        Value::Number(_) => ParamKind::Float,
        Value::String(text) => match file_kind(class_type, input) {
            Some(kind) => ParamKind::File(kind),
            None if is_long_text(class_type, input, text) => ParamKind::LongText,
            None => ParamKind::Text,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => ParamKind::Json,
    }
}

/// Inputs that ComfyUI declares as floats although workflows often hold `6` or `1` there.
fn is_float_name(input: &str) -> bool {
    const NAMES: [&str; 8] =
        ["cfg", "denoise", "strength", "guidance", "shift", "fps", "frame_rate", "scale"];
    let name = input.to_ascii_lowercase();
    NAMES.iter().any(|known| name == *known || name.starts_with(&format!("{known}_")))
}

fn is_long_text(class_type: &str, input: &str, text: &str) -> bool {
    let name = input.to_ascii_lowercase();
    class_type.starts_with("CLIPTextEncode")
        || ["text", "prompt", "positive", "negative"].iter().any(|known| name.contains(known))
        || text.contains('\n')
        || text.len() > 100
}

fn file_kind(class_type: &str, input: &str) -> Option<FileKind> {
    match (class_type, input) {
        ("LoadImageMask", "image") => Some(FileKind::Mask),
        (class, "image") if class.starts_with("LoadImage") => Some(FileKind::Image),
        ("LoadVideo", "file") | ("VHS_LoadVideo", "video") => Some(FileKind::Video),
        ("LoadAudio" | "VHS_LoadAudioUpload", "audio") => Some(FileKind::Audio),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_comes_from_value_name_and_node() {
        let table = [
            ("CLIPTextEncode", "text", "\"a cat\"", ParamKind::LongText),
            ("SaveImage", "filename_prefix", "\"ComfyUI\"", ParamKind::Text),
            ("KSampler", "steps", "20", ParamKind::Integer),
            ("KSampler", "cfg", "6", ParamKind::Float),
            ("KSampler", "cfg", "6.5", ParamKind::Float),
            ("KSampler", "seed", "18446744073709551615", ParamKind::Seed),
            ("RandomNoise", "noise_seed", "1", ParamKind::Seed),
            ("A", "seed", "[\"4\", 0]", ParamKind::Link),
            ("A", "enabled", "true", ParamKind::Boolean),
            ("LoadImage", "image", "\"in.png\"", ParamKind::File(FileKind::Image)),
            ("LoadImageMask", "image", "\"in.png\"", ParamKind::File(FileKind::Mask)),
            ("VHS_LoadVideo", "video", "\"in.mp4\"", ParamKind::File(FileKind::Video)),
            ("A", "points", "[[1, 2]]", ParamKind::Json),
        ];
        for (class, input, value, kind) in table {
            let value = serde_json::from_str(value).expect(value);
            assert_eq!(infer_kind(class, input, &value), kind, "{class}.{input} = {value}");
        }
    }

    fn of(class_type: &str, input: &str, value: &str) -> Vec<Parameter> {
        let text = format!(r#"{{"5": {{"class_type": "{class_type}", "inputs": {{"{input}": {value}}}}}}}"#);
        parameters(&Workflow::parse(&text).expect("a workflow"))
    }

    #[test]
    fn stock_nodes_bring_their_facts_unless_the_value_contradicts() {
        let table = [
            ("KSampler", "sampler_name", "\"uni_pc\"", ParamKind::Choice, 42),
            ("KSampler", "sampler_name", "\"res_4s\"", ParamKind::Choice, 42),
            ("KSampler", "sampler_name", "[\"4\", 0]", ParamKind::Link, 0),
            ("KSampler", "steps", "20", ParamKind::Integer, 0),
            ("KSampler", "steps", "20.5", ParamKind::Float, 0),
            ("KSampler", "cfg", "6", ParamKind::Float, 0),
            ("CheckpointLoaderSimple", "ckpt_name", "\"a.safetensors\"", ParamKind::Text, 0),
            ("LTXVConditioning", "frame_rate", "25", ParamKind::Float, 0),
            ("ImageScaleBy", "upscale_method", "3", ParamKind::Integer, 0),
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
