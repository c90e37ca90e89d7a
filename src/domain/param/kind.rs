//! Finds the kind of an input: from what the server says of its node, else from the facts about built-in nodes, as
//! long as the value agrees; else from its value and name.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Number, Value};

use super::{Choice, FileKind, ParamKind, Range, ToldBy};
use crate::domain::inputs::{LONG, SWITCHES, is_data, is_placeholder, is_seed_name};
use crate::domain::node_facts;
use crate::domain::role::Role;
use crate::domain::scalar::is_whole;
use crate::domain::schema::{Schema, Takes};
use crate::domain::workflow::is_link;
use crate::domain::{lora, media, value};

/// What is known of an input.
pub(super) struct Facts {
    pub kind: ParamKind,
    pub choices: Arc<[Choice]>,
    pub range: Range,
    pub told_by: ToldBy,
}

impl Facts {
    fn plain(kind: ParamKind) -> Self {
        Self { kind, choices: Arc::default(), range: Range::default(), told_by: ToldBy::Nobody }
    }

    fn choice<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let choice = |text: &str| Choice { label: text.to_owned(), value: text.into() };
        Self { choices: texts.into_iter().map(choice).collect(), ..Self::plain(ParamKind::Choice) }
    }
}

/// Refines a kind by the input's role, which says more than its name.
pub(super) fn refine(kind: &mut ParamKind, role: Role, value: &Value) {
    match (role, &kind, value) {
        (Role::Prompt | Role::Negative, ParamKind::Text, Value::String(_)) => *kind = ParamKind::LongText,
        (Role::Seed, ParamKind::Integer | ParamKind::Float, Value::Number(number)) if is_whole(number) => {
            *kind = ParamKind::Seed;
        }
        _ => {}
    }
}

/// The facts about an input, of which the server says that it takes `told`.
pub(super) fn of(class_type: &str, input: &str, value: &Value, told: Option<&Takes>) -> Facts {
    let of_server = || Some(Facts { told_by: ToldBy::Server, ..agreeing(class_type, told?, input, value)? });
    let built_in = || {
        let takes = node_facts::lookup(class_type, input)?;
        Some(Facts { told_by: ToldBy::BuiltIn, ..agreeing(class_type, &takes, input, value)? })
    };
    of_server().or_else(built_in).unwrap_or_else(|| inferred(class_type, input, value))
}

/// The names of the LoRAs for the entries of a list, of which no server says what they take.
pub(super) fn loras(facts: &mut Facts, schema: &Schema) {
    if let (ParamKind::Lora, Some(loras)) = (&facts.kind, schema.loras()) {
        (facts.choices, facts.told_by) = (Arc::clone(loras), ToldBy::Server);
    }
}

/// The facts for an input, unless its value contradicts them.
fn agreeing(class_type: &str, takes: &Takes, input: &str, value: &Value) -> Option<Facts> {
    let is_empty_place = value.as_str().is_some_and(is_placeholder);
    let ranged = |kind, range: &Range| Facts { range: range.clone(), ..Facts::plain(kind) };
    let listed = |kind, choices: &Arc<[Choice]>| Facts { choices: Arc::clone(choices), ..Facts::plain(kind) };
    let facts = match (takes, value) {
        (Takes::Text { multiline: false }, Value::String(_)) => Facts::plain(ParamKind::Text),
        (Takes::Text { multiline: true }, Value::String(_)) => Facts::plain(ParamKind::LongText),
        (Takes::File(FileKind::Image, choices), Value::String(_)) if class_type == "LoadImageMask" => {
            listed(ParamKind::File(FileKind::Mask), choices)
        }
        (Takes::File(kind, choices), Value::String(_)) => listed(ParamKind::File(*kind), choices),
        (Takes::Boolean(words), value) if value.is_boolean() || is_empty_place => {
            Facts { choices: words_of(words.as_ref()), ..Facts::plain(ParamKind::Boolean) }
        }
        (Takes::Float(range), value) if value.is_number() || is_empty_place => {
            ranged(ParamKind::Float, range)
        }
        (Takes::Integer(range), value) if value.as_number().is_some_and(is_whole) || is_empty_place => {
            ranged(if is_seed_name(input) { ParamKind::Seed } else { ParamKind::Integer }, range)
        }
        // A server takes the whole part of 20.0.
        (Takes::Integer(range), Value::Number(_)) => ranged(ParamKind::Float, range),
        (Takes::Choice(choices), value) if value.is_string() || choices.iter().any(|c| c.is_like(value)) => {
            listed(ParamKind::Choice, choices)
        }
        (Takes::Several(choices), value) if value::list(value).is_some() || value.is_string() => {
            listed(ParamKind::Several, choices)
        }
        (Takes::Branches(branches), Value::String(_)) => {
            let choice = |key: &String| Choice { label: key.clone(), value: key.as_str().into() };
            let choices = branches.iter().map(|branch| choice(&branch.key)).collect();
            Facts { choices, ..Facts::plain(ParamKind::Choice) }
        }
        (
            Takes::Text { .. }
            | Takes::File(..)
            | Takes::Boolean(_)
            | Takes::Float(_)
            | Takes::Integer(_)
            | Takes::Choice(_)
            | Takes::Several(_)
            | Takes::Branches(_)
            | Takes::Growing(_)
            | Takes::Link,
            _,
        ) => return None,
    };
    Some(facts)
}

/// What true and false are called.
fn words_of(words: Option<&[String; 2]>) -> Arc<[Choice]> {
    let choice = |(word, value): (&String, bool)| Choice { label: word.clone(), value: value.into() };
    words.into_iter().flat_map(|words| words.iter().zip([true, false])).map(choice).collect()
}

/// A guess from value and name, for an input of an unknown node.
fn inferred(class_type: &str, input: &str, value: &Value) -> Facts {
    match value {
        value if is_link(value) => Facts::plain(ParamKind::Link),
        Value::Bool(_) => Facts::plain(ParamKind::Boolean),
        Value::Number(number) if is_whole(number) && is_seed_name(input) => Facts::plain(ParamKind::Seed),
        // A number written without fraction may still be a float: ComfyUI exports 1.0 as 1.
        Value::Number(_) => {
            let step = usual_step(input);
            Facts { range: Range { step, ..Range::default() }, ..Facts::plain(ParamKind::Float) }
        }
        Value::String(text) => inferred_text(class_type, input, text),
        Value::Object(_) if lora::Entry::read(value).is_some() => Facts::plain(ParamKind::Lora),
        Value::Null | Value::Array(_) | Value::Object(_) => Facts::plain(ParamKind::Json),
    }
}

fn inferred_text(class_type: &str, input: &str, text: &str) -> Facts {
    if let Some(kind) = file_kind(class_type, input, text) {
        return Facts::plain(ParamKind::File(kind));
    }
    if is_placeholder(text) {
        return Facts::plain(usual_kind(input).unwrap_or(ParamKind::Text));
    }
    if let Some(pair) = switch(text) {
        return Facts::choice(pair.iter().map(String::as_str));
    }
    if let Some(choices) = known_names(input, text) {
        return Facts { choices, ..Facts::plain(ParamKind::Choice) };
    }
    let is_long = class_type.starts_with("CLIPTextEncode") || text.contains('\n') || is_wordy(text);
    Facts::plain(if is_long { ParamKind::LongText } else { ParamKind::Text })
}

/// Whether a line looks like prose, unlike a path, base64 or JSON.
fn is_wordy(text: &str) -> bool {
    text.len() > LONG && !is_data(text) && text.split(' ').all(|word| word.len() < LONG)
}

/// The on/off pair that a text belongs to, on first, in the same letter case.
fn switch(text: &str) -> Option<[String; 2]> {
    let pair = SWITCHES.iter().find(|pair| pair.iter().any(|word| word.eq_ignore_ascii_case(text)))?;
    let shaped = |word: &&str| match text.as_bytes() {
        [first, second, ..] if first.is_ascii_uppercase() && second.is_ascii_uppercase() => {
            word.to_uppercase()
        }
        [first, ..] if first.is_ascii_uppercase() => format!("{}{}", word[..1].to_uppercase(), &word[1..]),
        _ => (*word).to_owned(),
    };
    Some([shaped(&pair[0]), shaped(&pair[1])])
}

pub(super) fn is_switch(choices: &[Choice]) -> bool {
    let is = |choice: &Choice, word: &str| {
        choice.value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    match choices {
        [one, other] => {
            SWITCHES.iter().any(|[on, off]| is(one, on) && is(other, off) || is(one, off) && is(other, on))
        }
        _ => false,
    }
}

/// Whether a text is the "on" of its pair.
pub(super) fn is_on(text: &str) -> bool {
    SWITCHES.iter().any(|[on, _]| on.eq_ignore_ascii_case(text))
}

/// All samplers, schedulers or scaling methods known from built-in nodes, when the text is one of them.
fn known_names(input: &str, text: &str) -> Option<Arc<[Choice]>> {
    const LISTS: [(&[&str], (&str, &str)); 3] = [
        (&["sampler"], ("KSampler", "sampler_name")),
        (&["scheduler"], ("KSampler", "scheduler")),
        (&["upscale", "resize", "interpolation", "rescale"], ("ImageScale", "upscale_method")),
    ];
    let name = input.to_ascii_lowercase();
    LISTS.iter().find_map(|(words, (class, of))| {
        if !words.iter().any(|word| name.contains(word)) {
            return None;
        }
        let Some(Takes::Choice(choices)) = node_facts::lookup(class, of) else { return None };
        choices.iter().any(|choice| choice.label == text).then_some(choices)
    })
}

/// The most frequent kind of inputs of this name among built-in nodes. Numbers may have a fraction.
fn usual_kind(input: &str) -> Option<ParamKind> {
    static KINDS: OnceLock<HashMap<&'static str, ParamKind>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let mut counts: HashMap<&str, [usize; 4]> = HashMap::new();
        for (name, kind) in node_facts::inputs() {
            let place = match kind {
                "int" | "float" => 0,
                "bool" => 1,
                "long" => 2,
                _ => 3,
            };
            counts.entry(name).or_default()[place] += 1;
        }
        let kinds = [ParamKind::Float, ParamKind::Boolean, ParamKind::LongText, ParamKind::Text];
        let most = |counts: &[usize; 4]| {
            let at = (0..4).rev().max_by_key(|at| counts[*at]).unwrap_or(3);
            kinds[at].clone()
        };
        counts.iter().map(|(name, counts)| (*name, most(counts))).collect()
    });
    if is_seed_name(input) {
        return Some(ParamKind::Seed);
    }
    kinds.get(input).cloned()
}

/// Step of ± for inputs that are fractions on all nodes, although workflows often have `6` or `1` there.
fn usual_step(input: &str) -> Option<Number> {
    const TENTHS: [&str; 4] = ["cfg", "guidance", "shift", "scale"];
    const TWENTIETHS: [&str; 14] = [
        "denoise",
        "strength",
        "weight",
        "start_percent",
        "end_percent",
        "start_at",
        "end_at",
        "opacity",
        "alpha",
        "influence",
        "factor",
        "ratio",
        "threshold",
        "intensity",
    ];
    let name = input.to_ascii_lowercase();
    let is = |known: &str| {
        let rest = name.strip_prefix(known).or_else(|| name.strip_suffix(known));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_') || rest.ends_with('_'))
    };
    let step = match () {
        () if TENTHS.iter().any(|known| is(known)) => "0.1",
        () if TWENTIETHS.iter().any(|known| is(known)) => "0.05",
        () => return None,
    };
    step.parse().ok()
}

/// File type of an input on a node that loads one.
fn file_kind(class_type: &str, input: &str, text: &str) -> Option<FileKind> {
    let class = class_type.to_ascii_lowercase();
    let name = input.to_ascii_lowercase();
    // These take a URL or a path on the server.
    let is_elsewhere = text.contains("://")
        || ["path", "url", "folder", "directory", "output"]
            .iter()
            .any(|word| class.ends_with(word) || name.contains(word));
    let loads =
        ["load", "upload", "input"].iter().any(|word| class.contains(word)) && !class.contains("loader");
    if is_elsewhere || class.contains("save") {
        return None;
    }
    if class == "loadimagemask" && name == "image" {
        return Some(FileKind::Mask);
    }
    let named = match name.as_str() {
        "image" | "image_file" | "picture" => Some(FileKind::Image),
        "video" | "video_file" => Some(FileKind::Video),
        "audio" | "audio_file" | "sound" => Some(FileKind::Audio),
        "mask" => Some(FileKind::Mask),
        _ => None,
    };
    let by_value = media::kind_of_name(text);
    match (named, by_value) {
        (Some(FileKind::Mask), Some(FileKind::Image)) if loads => Some(FileKind::Mask),
        (Some(_), Some(by_value)) => Some(by_value),
        (Some(named), None) if loads && (text.is_empty() || is_placeholder(text)) => Some(named),
        (None, Some(by_value)) if loads => Some(by_value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(class: &str, input: &str, value: &str) -> ParamKind {
        of(class, input, &serde_json::from_str(value).expect(value), None).kind
    }

    #[test]
    fn the_kind_comes_from_value_name_and_node() {
        let long = format!("\"{}\"", "a cat on a roof, ".repeat(9));
        let base64 = format!("\"{}\"", "QUJD".repeat(80));
        let json = format!("\"[{}1]\"", "1, ".repeat(80));
        let table = [
            ("CLIPTextEncode", "text", "\"a cat\"", ParamKind::LongText),
            ("SaveImage", "filename_prefix", "\"ComfyUI\"", ParamKind::Text),
            ("KSampler", "steps", "20", ParamKind::Integer),
            ("KSampler", "steps", "\"{{STEPS}}\"", ParamKind::Integer),
            ("KSampler", "cfg", "\"{{ cfg }}\"", ParamKind::Float),
            ("KSampler", "cfg", "6", ParamKind::Float),
            ("KSampler", "seed", "18446744073709551615", ParamKind::Seed),
            ("RandomNoise", "noise_seed", "1", ParamKind::Seed),
            ("A", "seed", "-1", ParamKind::Seed),
            ("A", "seed", "[\"4\", 0]", ParamKind::Link),
            ("A", "enabled", "true", ParamKind::Boolean),
            ("A", "weight", "1", ParamKind::Float),
            ("A", "count", "3", ParamKind::Float),
            ("A", "steps", "\"{{STEPS}}\"", ParamKind::Float),
            ("A", "whatever", "\"{{X}}\"", ParamKind::Text),
            ("A", "mode", "\"enable\"", ParamKind::Choice),
            ("A", "vae_decode", "\"True\"", ParamKind::Choice),
            ("A", "sampler_name", "\"euler\"", ParamKind::Choice),
            ("A", "sampler_name", "\"my own\"", ParamKind::Text),
            ("A", "base_scheduler", "\"karras\"", ParamKind::Choice),
            ("A", "upscale_method", "\"lanczos\"", ParamKind::Choice),
            ("A", "text", "\"a name\"", ParamKind::Text),
            ("A", "prompt_style", "\"fancy\"", ParamKind::Text),
            ("A", "x", &long, ParamKind::LongText),
            ("A", "x", &base64, ParamKind::Text),
            ("A", "x", &json, ParamKind::Text),
            ("A", "points", "[[1, 2]]", ParamKind::Json),
            ("A", "lora_1", r#"{"on": true, "lora": "a", "strength": 1}"#, ParamKind::Lora),
        ];
        for (class, input, value, expected) in table {
            assert_eq!(kind(class, input, value), expected, "{class}.{input} = {value}");
        }
    }

    #[test]
    fn media_of_all_packs_take_files() {
        let file = |kind| ParamKind::File(kind);
        let table = [
            ("LoadImage", "image", "\"in.png\"", file(FileKind::Image)),
            ("LoadImage", "image", "\"clipspace/x.png [input]\"", file(FileKind::Image)),
            ("LoadImageMask", "image", "\"in.png\"", file(FileKind::Mask)),
            ("VHS_LoadVideo", "video", "\"in.mp4\"", file(FileKind::Video)),
            ("VHS_LoadAudioUpload", "audio", "\"in.wav\"", file(FileKind::Audio)),
            ("LoadImageWithAlpha", "image", "\"in.webp\"", file(FileKind::Image)),
            ("Image Load", "image", "\"in.jpg\"", file(FileKind::Image)),
            ("LoadReferenceVoice", "voice_file", "\"voice.flac\"", file(FileKind::Audio)),
            ("Loader of masks", "mask", "\"\"", ParamKind::Text),
            ("LoadMaskUpload", "mask", "\"{{MASK}}\"", file(FileKind::Mask)),
            ("VHS_LoadVideoPath", "video", "\"input/in.mp4\"", ParamKind::Text),
            ("LoadImageFromUrl", "image", "\"https://x.org/a.png\"", ParamKind::Text),
            ("SaveImageAs", "image", "\"out.png\"", ParamKind::Text),
            ("CheckpointLoader|x", "ckpt", "\"a.safetensors\"", ParamKind::Text),
        ];
        for (class, input, value, expected) in table {
            assert_eq!(kind(class, input, value), expected, "{class}.{input} = {value}");
        }
    }

    #[test]
    fn switches_keep_how_they_are_written() {
        for (text, pair) in
            [("disable", ["enable", "disable"]), ("False", ["True", "False"]), ("YES", ["YES", "NO"])]
        {
            let choices = of("A", "x", &text.into(), None).choices;
            assert!(is_switch(&choices), "{text}");
            assert_eq!(choices.iter().map(|choice| choice.label.as_str()).collect::<Vec<_>>(), pair);
        }
        for input in ["add_noise", "return_with_leftover_noise"] {
            assert!(is_switch(&of("KSamplerAdvanced", input, &"enable".into(), None).choices), "{input}");
        }
        assert!(!is_switch(&of("A", "x", &"truer".into(), None).choices));
    }
}
