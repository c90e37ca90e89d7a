//! Which texts are the prompt and which the negative: those that reach what samplers and guiders call so.

use serde_json::Value;

use super::graph::{Graph, Sampler};
use super::{Found, Role};
use crate::domain::node_facts::{self, Fact};
use crate::domain::workflow::is_link;
use crate::domain::{inputs, media};

/// Inputs whose links carry no text and no conditioning.
const OTHER: [&str; 24] = [
    "model",
    "clip",
    "vae",
    "image",
    "images",
    "pixels",
    "mask",
    "masks",
    "samples",
    "latent",
    "latent_image",
    "control_net",
    "style_model",
    "clip_vision",
    "clip_vision_output",
    "sigmas",
    "noise",
    "sampler",
    "audio",
    "video",
    "t5",
    "upscale_model",
    "reference",
    "seed",
];

/// Inputs whose links carry a text or a conditioning, by a part of their name.
const CARRIERS: [&str; 24] = [
    "clip_l", "clip_g", "t5xxl", "llama", "embeds", "guider", "cond", "text", "prompt", "string", "str",
    "caption", "tags", "lyrics", "any", "value", "input", "source", "prefix", "suffix", "pipe", "on_true",
    "on_false", "wildcard",
];

/// Inputs that hold words for a model, by a part of their name.
const WORDS: [&str; 17] = [
    "speech",
    "text",
    "prompt",
    "string",
    "positive",
    "negative",
    "caption",
    "tags",
    "lyrics",
    "wildcard",
    "t5xxl",
    "clip_l",
    "clip_g",
    "value",
    "description",
    "instruct",
    "subject",
];

/// Inputs that only say how words are used, by a part of their name.
const ABOUT: [&str; 25] = [
    "delim", "separat", "system", "mode", "type", "norm", "interp", "weight", "name", "font", "color",
    "language", "voice", "path", "file", "find", "replace", "regex", "pattern", "format", "title", "style",
    "select", "template", "preset",
];

/// Which of the two is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Positive,
    Negative,
}

impl Side {
    fn role(self) -> Role {
        match self {
            Self::Positive => Role::Prompt,
            Self::Negative => Role::Negative,
        }
    }
}

pub(super) fn find(graph: &Graph<'_>, samplers: &[Sampler], found: &mut Found<'_>) {
    // The prompt first: a text that reaches both is the prompt.
    for side in [Side::Positive, Side::Negative] {
        let mut walk = Walk { graph, side, seen: vec![false; graph.len()] };
        for sampler in samplers {
            walk.node(sampler.node, sampler.is_later, true, found);
        }
        // Guiders, and samplers that look like nothing known: whoever takes both sides is worth asking.
        for at in (0..graph.len()).filter(|at| names_sides(graph, *at)) {
            walk.node(at, false, true, found);
        }
    }
    if !found.has(Role::Prompt) {
        without_sampler(graph, found);
    }
}

fn names_sides(graph: &Graph<'_>, at: usize) -> bool {
    let is_guider = graph.class(at).to_ascii_lowercase().contains("guider");
    let sides = graph.inputs(at).filter(|(_, value)| is_link(value) || value.is_string());
    is_guider || sides.map(|(name, _)| side(name)).any(|side| side.is_some())
}

/// One way through the wiring, for one side.
struct Walk<'g> {
    graph: &'g Graph<'g>,
    side: Side,
    seen: Vec<bool>,
}

impl Walk<'_> {
    /// Looks at a node and at all that leads into it. Of a sampler only what bears the side's name counts.
    fn node(&mut self, start: usize, is_later: bool, is_sampler: bool, found: &mut Found<'_>) {
        let mut open = vec![(start, is_sampler)];
        while let Some((at, is_sampler)) = open.pop() {
            if std::mem::replace(&mut self.seen[at], true) {
                continue;
            }
            let next = self.inputs(at, is_sampler, is_later, found);
            // The first input is looked at first.
            open.extend(next.into_iter().rev().map(|next| (next, false)));
        }
    }

    /// Tells the texts of a node, and returns the nodes to go on with.
    fn inputs(&self, at: usize, is_sampler: bool, is_later: bool, found: &mut Found<'_>) -> Vec<usize> {
        let Self { graph, side: wanted, .. } = self;
        let (mut next, mut texts, mut others) = (Vec::new(), 0, Vec::new());
        let names_sides = graph.inputs(at).any(|(name, value)| {
            side(name) == Some(*wanted) && (is_link(value) || is_text(graph, at, name, value))
        });
        for (name, value) in graph.inputs(at) {
            let is_wanted = match side(name) {
                Some(side) => side == *wanted,
                None if names_sides => false,
                None => !is_sampler || is_conditioning(name),
            };
            if let Some(from) = graph.linked(value) {
                let goes_on = is_wanted && (side(name).is_some() || carries(name));
                match goes_on {
                    true => next.push(from),
                    false if !names_sides && side(name).is_none() && !OTHER.contains(&name) => {
                        others.push(from)
                    }
                    false => {}
                }
            } else if is_wanted && !(is_sampler && side(name).is_none()) && is_text(graph, at, name, value) {
                found.put(at, name, wanted.role(), is_later);
                texts += 1;
            } else if name == "guidance" && value.is_number() {
                found.put(at, name, Role::Guidance, is_later);
            }
        }
        if next.is_empty() && texts == 0 && !is_sampler {
            // Nothing bears a name that is known: the only way on is the way, the only text the text.
            if let [only] = others.as_slice() {
                next.push(*only);
            } else if others.is_empty()
                && let Some(name) = only_text(graph, at)
            {
                found.put(at, name, wanted.role(), is_later);
            }
        }
        next
    }
}

/// Which side an input names.
fn side(name: &str) -> Option<Side> {
    let name = name.to_ascii_lowercase();
    let is = |word: &str, short: &str| {
        name.contains(word) || name == short || name.starts_with(&format!("{short}_"))
    };
    match (is("negative", "neg"), is("positive", "pos")) {
        (true, _) => Some(Side::Negative),
        (false, true) => Some(Side::Positive),
        _ if name == "empty_conditioning" => Some(Side::Negative),
        _ => None,
    }
}

fn carries(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !OTHER.contains(&name.as_str())
        && !is_about(&name)
        && (is_letter(&name) || CARRIERS.iter().any(|part| name.contains(part)))
}

/// What nodes that join texts call these.
fn is_letter(name: &str) -> bool {
    matches!(name, "a" | "b" | "c" | "d")
}

/// What of a sampler's inputs carries words although it bears no side's name.
fn is_conditioning(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["cond", "text", "prompt", "pipe", "embeds", "guider"].iter().any(|part| name.contains(part))
}

fn is_about(name: &str) -> bool {
    ABOUT.iter().any(|part| name.contains(part))
}

/// Whether an input of a node on the way holds words for a model.
fn is_text(graph: &Graph<'_>, at: usize, input: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let name = input.to_ascii_lowercase();
    let class = graph.class(at);
    if is_about(&name) || media::kind_of_name(text).is_some() || inputs::is_editor_only(class, input, value) {
        return false;
    }
    // What the other one was filled with in an earlier run.
    if name.starts_with("populated") && graph.input(at, "wildcard_text").is_some() {
        return false;
    }
    match node_facts::lookup(class, input) {
        Some(Fact::LongText) => true,
        Some(Fact::Text) | None => is_letter(&name) || WORDS.iter().any(|part| name.contains(part)),
        Some(_) => false,
    }
}

/// The one text of a node whose inputs bear names that nobody here knows, such as words of another language.
fn only_text<'w>(graph: &Graph<'w>, at: usize) -> Option<&'w str> {
    let class = graph.class(at);
    let mut texts = graph.inputs(at).filter(|(name, value)| {
        let is_words = |text: &str| media::kind_of_name(text).is_none() && !text.ends_with(".safetensors");
        let is_free = node_facts::lookup(class, name).is_none() && !is_about(&name.to_ascii_lowercase());
        is_free && value.as_str().is_some_and(is_words) && !inputs::is_editor_only(class, name, value)
    });
    texts.next().map(|(name, _)| name).filter(|_| texts.next().is_none())
}

/// Without a sampler, as with nodes that speak or that call a service: the texts that are called prompt or text.
fn without_sampler(graph: &Graph<'_>, found: &mut Found<'_>) {
    const PLAIN: [&str; 8] =
        ["prompt", "text", "tts_text", "input_text", "target_text", "speech", "lyrics", "user_prompt"];
    let mut candidates = Vec::new();
    for at in 0..graph.len() {
        let class = graph.class(at).to_ascii_lowercase();
        if class.contains("save") {
            continue;
        }
        for (name, value) in graph.inputs(at).filter(|(name, value)| is_text(graph, at, name, value)) {
            match side(name) {
                Some(Side::Negative) => found.put(at, name, Role::Negative, false),
                _ if value.as_str().is_some_and(inputs::is_data) => {}
                _ => candidates.push((at, name)),
            }
        }
        // A text that comes from elsewhere is found there.
        for (_, value) in graph.inputs(at).filter(|(name, _)| PLAIN.contains(name)) {
            if let Some(from) = graph.linked(value)
                && let Some(text) = only_text(graph, from)
            {
                candidates.push((from, text));
            }
        }
    }
    let plain: Vec<_> = candidates.iter().filter(|(_, name)| PLAIN.contains(name)).copied().collect();
    for (at, name) in if plain.is_empty() { candidates } else { plain } {
        found.put(at, name, Role::Prompt, false);
    }
}
