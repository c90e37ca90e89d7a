//! Finds the prompt and the negative: the texts that reach the inputs samplers and guiders call so.

use serde_json::Value;

use super::{Found, Role};
use crate::domain::node_facts;
use crate::domain::schema::Takes;
use crate::domain::wiring::{Sampler, Wiring};
use crate::domain::workflow::is_link;
use crate::domain::{inputs, media};

/// Inputs whose links carry neither text nor conditioning.
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

/// Substrings of inputs whose links carry a text or a conditioning.
const CARRIERS: [&str; 24] = [
    "clip_l", "clip_g", "t5xxl", "llama", "embeds", "guider", "cond", "text", "prompt", "string", "str",
    "caption", "tags", "lyrics", "any", "value", "input", "source", "prefix", "suffix", "pipe", "on_true",
    "on_false", "wildcard",
];

/// Substrings of inputs that contain words for a model.
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

/// Substrings of inputs that only say how words are used.
const ABOUT: [&str; 25] = [
    "delim", "separat", "system", "mode", "type", "norm", "interp", "weight", "name", "font", "color",
    "language", "voice", "path", "file", "find", "replace", "regex", "pattern", "format", "title", "style",
    "select", "template", "preset",
];

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

pub(super) fn find(wiring: &Wiring<'_>, samplers: &[Sampler], found: &mut Found<'_>) {
    // The prompt first: a text that reaches both sides is the prompt.
    for side in [Side::Positive, Side::Negative] {
        let mut walk = Walk { wiring, side, seen: vec![false; wiring.len()] };
        for sampler in samplers {
            walk.node(sampler.node, sampler.is_later, true, found);
        }
        // Guiders, and samplers that were not recognised: any node that takes both sides.
        for at in (0..wiring.len()).filter(|at| names_sides(wiring, *at)) {
            walk.node(at, false, true, found);
        }
    }
    if !found.has(Role::Prompt) {
        without_sampler(wiring, found);
    }
}

fn names_sides(wiring: &Wiring<'_>, at: usize) -> bool {
    let is_guider = wiring.class(at).to_ascii_lowercase().contains("guider");
    let sides = wiring.inputs(at).filter(|(_, value)| is_link(value) || value.is_string());
    is_guider || sides.map(|(name, _)| side(name)).any(|side| side.is_some())
}

/// One walk through the wiring, for one side.
struct Walk<'g> {
    wiring: &'g Wiring<'g>,
    side: Side,
    seen: Vec<bool>,
}

impl Walk<'_> {
    /// Visits a node and everything that leads into it. On a sampler only inputs named after the side count.
    fn node(&mut self, start: usize, is_later: bool, is_sampler: bool, found: &mut Found<'_>) {
        let mut open = vec![(start, is_sampler)];
        while let Some((at, is_sampler)) = open.pop() {
            if std::mem::replace(&mut self.seen[at], true) {
                continue;
            }
            let next = self.inputs(at, is_sampler, is_later, found);
            // The first input is visited first.
            open.extend(next.into_iter().rev().map(|next| (next, false)));
        }
    }

    /// Assigns the side's role to a node's texts, and returns the nodes to visit next.
    fn inputs(&self, at: usize, is_sampler: bool, is_later: bool, found: &mut Found<'_>) -> Vec<usize> {
        let Self { wiring, side: wanted, .. } = self;
        let (mut next, mut texts, mut others) = (Vec::new(), 0, Vec::new());
        let names_sides = wiring.inputs(at).any(|(name, value)| {
            side(name) == Some(*wanted) && (is_link(value) || is_text(wiring, at, name, value))
        });
        for (name, value) in wiring.inputs(at) {
            let is_wanted = match side(name) {
                Some(side) => side == *wanted,
                None if names_sides => false,
                None => !is_sampler || is_conditioning(name),
            };
            if let Some(from) = wiring.linked(value) {
                let goes_on = is_wanted && (side(name).is_some() || carries(name));
                match goes_on {
                    true => next.push(from),
                    false if !names_sides && side(name).is_none() && !OTHER.contains(&name) => {
                        others.push(from)
                    }
                    false => {}
                }
            } else if is_wanted && !(is_sampler && side(name).is_none()) && is_text(wiring, at, name, value) {
                found.put(at, name, wanted.role(), is_later);
                texts += 1;
            } else if name == "guidance" && value.is_number() {
                found.put(at, name, Role::Guidance, is_later);
            }
        }
        if next.is_empty() && texts == 0 && !is_sampler {
            // No known name: the only link is followed, the only text taken.
            if let [only] = others.as_slice() {
                next.push(*only);
            } else if others.is_empty()
                && let Some(name) = only_text(wiring, at)
            {
                found.put(at, name, wanted.role(), is_later);
            }
        }
        next
    }
}

/// Which side an input's name says.
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

/// Input names of nodes that join texts.
fn is_letter(name: &str) -> bool {
    matches!(name, "a" | "b" | "c" | "d")
}

/// Inputs of a sampler that carry words without a side's name.
fn is_conditioning(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["cond", "text", "prompt", "pipe", "embeds", "guider"].iter().any(|part| name.contains(part))
}

fn is_about(name: &str) -> bool {
    ABOUT.iter().any(|part| name.contains(part))
}

/// Whether an input of a node on the way contains words for a model.
fn is_text(wiring: &Wiring<'_>, at: usize, input: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let name = input.to_ascii_lowercase();
    let class = wiring.class(at);
    if is_about(&name)
        || media::kind_of_name(text).is_some()
        || inputs::is_switch_word(text)
        || inputs::is_editor_only(class, input, value)
    {
        return false;
    }
    // The wildcard's result in an earlier run, kept by the node.
    if name.starts_with("populated") && wiring.input(at, "wildcard_text").is_some() {
        return false;
    }
    match node_facts::lookup(class, input) {
        Some(Takes::Text { multiline: true }) => true,
        Some(Takes::Text { multiline: false }) | None => {
            is_letter(&name) || WORDS.iter().any(|part| name.contains(part))
        }
        Some(_) => false,
    }
}

/// The only text of a node whose inputs have unknown names, such as words of another language.
fn only_text<'w>(wiring: &Wiring<'w>, at: usize) -> Option<&'w str> {
    let class = wiring.class(at);
    let mut texts = wiring.inputs(at).filter(|(name, value)| {
        let is_words = |text: &str| media::kind_of_name(text).is_none() && !text.ends_with(".safetensors");
        let is_free = !node_facts::is_known(class, name) && !is_about(&name.to_ascii_lowercase());
        is_free && value.as_str().is_some_and(is_words) && !inputs::is_editor_only(class, name, value)
    });
    texts.next().map(|(name, _)| name).filter(|_| texts.next().is_none())
}

/// Without a sampler, as for speech or paid services: the texts called prompt or text.
fn without_sampler(wiring: &Wiring<'_>, found: &mut Found<'_>) {
    const PLAIN: [&str; 8] =
        ["prompt", "text", "tts_text", "input_text", "target_text", "speech", "lyrics", "user_prompt"];
    let mut candidates = Vec::new();
    for at in 0..wiring.len() {
        let class = wiring.class(at).to_ascii_lowercase();
        if class.contains("save") {
            continue;
        }
        for (name, value) in wiring.inputs(at).filter(|(name, value)| is_text(wiring, at, name, value)) {
            match side(name) {
                Some(Side::Negative) => found.put(at, name, Role::Negative, false),
                _ if value.as_str().is_some_and(inputs::is_data) => {}
                _ => candidates.push((at, name)),
            }
        }
        // A linked text is found at its source.
        for (_, value) in wiring.inputs(at).filter(|(name, _)| PLAIN.contains(name)) {
            if let Some(from) = wiring.linked(value)
                && let Some(text) = only_text(wiring, from)
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
