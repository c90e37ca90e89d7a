//! Finds seed, steps, size and the other settings of samplers, on the samplers themselves or on nodes linked to them.

use std::collections::HashSet;

use serde_json::Value;

use super::{Found, Role};
use crate::domain::inputs::{is_placeholder, is_seed_name};
use crate::domain::wiring::{Sampler, Wiring, is_latent};
use crate::domain::workflow::is_link;

/// Substrings of sampler inputs whose links lead to more of its settings.
const SETTINGS: [&str; 8] =
    ["guider", "sigmas", "noise", "sampler", "scheduler", "settings", "pipe", "options"];

/// Substrings of inputs whose links lead to the model.
const MODELS: [&str; 5] = ["model", "guider", "pipe", "unet", "sigmas"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Number,
    Text,
}

pub(super) fn find(wiring: &Wiring<'_>, samplers: &[Sampler], found: &mut Found<'_>) {
    let mut seen = Seen { settings: vec![false; wiring.len()], sizes: vec![false; wiring.len()] };
    for sampler in samplers {
        seen.settings[sampler.node] = false;
        seen.sizes[sampler.node] = false;
        settings(wiring, sampler, &mut seen.settings, found);
        sizes(wiring, sampler, &mut seen.sizes, found);
    }
    models(wiring, samplers, found);
    loras_and_rates(wiring, found);
    if samplers.is_empty() {
        of_services(wiring, found);
    }
}

/// Nodes already visited, for each question.
struct Seen {
    settings: Vec<bool>,
    sizes: Vec<bool>,
}

/// The settings of a sampler: its own inputs and those of linked nodes that hold settings.
fn settings(wiring: &Wiring<'_>, sampler: &Sampler, seen: &mut [bool], found: &mut Found<'_>) {
    let mut open = vec![sampler.node];
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        let is_silent = wiring.is_silent(at);
        for (name, value) in wiring.inputs(at) {
            if let Some((role, holds)) = setting(name)
                && !(role == Role::Seed && is_silent)
            {
                put(wiring, at, name, role, holds, sampler.is_later, found);
            }
            let leads_on = SETTINGS.iter().any(|part| name.contains(part)) && !is_seed_name(name);
            if let Some(from) = wiring.linked(value).filter(|_| leads_on) {
                open.push(from);
            }
        }
    }
}

fn setting(name: &str) -> Option<(Role, Holds)> {
    Some(match name {
        "seed" | "noise_seed" | "rand_seed" | "seed_num" => (Role::Seed, Holds::Number),
        "steps" | "num_steps" | "num_inference_steps" | "sampling_steps" => (Role::Steps, Holds::Number),
        "cfg" | "cfg_scale" | "guidance_scale" => (Role::Cfg, Holds::Number),
        "guidance" => (Role::Guidance, Holds::Number),
        "sampler_name" | "sampler" => (Role::Sampler, Holds::Text),
        "scheduler" | "scheduler_name" => (Role::Scheduler, Holds::Text),
        "denoise" | "denoise_strength" => (Role::Denoise, Holds::Number),
        _ => return None,
    })
}

fn size(name: &str) -> Option<Role> {
    Some(match name {
        "width" | "empty_latent_width" => Role::Width,
        "height" | "empty_latent_height" => Role::Height,
        "length" | "num_frames" | "frames" | "video_frames" | "frame_count" | "video_length" | "seconds"
        | "duration" => Role::Length,
        "batch_size" | "batch" => Role::Batch,
        _ => return None,
    })
}

/// Size and length: from the nearest node that sets them, on the path of the first picture.
fn sizes(wiring: &Wiring<'_>, sampler: &Sampler, seen: &mut [bool], found: &mut Found<'_>) {
    let mut open = vec![sampler.node];
    let mut is_first = true;
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        let mut has_size = false;
        for (name, _) in wiring.inputs(at) {
            if let Some(role) = size(name) {
                put(wiring, at, name, role, Holds::Number, sampler.is_later, found);
                has_size |= matches!(role, Role::Width | Role::Height);
            }
        }
        let is_start = std::mem::take(&mut is_first);
        if has_size && !is_start {
            continue;
        }
        for (name, from) in wiring.links(at) {
            let leads_on =
                is_latent(name) || name.contains("pipe") || !is_start && matches!(name, "image" | "images");
            if leads_on || !is_start && name.is_empty() {
                open.push(from);
            }
        }
    }
}

/// The names of the models that samplers use.
fn models(wiring: &Wiring<'_>, samplers: &[Sampler], found: &mut Found<'_>) {
    const NAMES: [&str; 8] = [
        "ckpt_name",
        "unet_name",
        "model_name",
        "gguf_name",
        "ckpt",
        "model",
        "base_ckpt_name",
        "diffusion_model",
    ];
    let mut seen = vec![false; wiring.len()];
    for sampler in samplers {
        let mut open = vec![sampler.node];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            for (name, value) in wiring.inputs(at) {
                if value.is_string() && NAMES.contains(&name) {
                    found.put(at, name, Role::Model, sampler.is_later);
                }
                let leads_on = MODELS.iter().any(|part| name.contains(part)) && !name.contains("upscale");
                open.extend(wiring.linked(value).filter(|_| leads_on));
            }
        }
    }
}

/// LoRAs and frame rates are found by name: nothing else has these names.
fn loras_and_rates(wiring: &Wiring<'_>, found: &mut Found<'_>) {
    for at in 0..wiring.len() {
        let is_lora = wiring.class(at).to_ascii_lowercase().contains("lora");
        for (name, value) in wiring.inputs(at).filter(|(_, value)| !is_link(value)) {
            let role = match name {
                "fps" | "frame_rate" | "fps_out" if value.is_number() => Role::Fps,
                "strength_model" | "lora_strength" | "lora_weight" if value.is_number() => Role::LoraStrength,
                "strength" if is_lora && value.is_number() => Role::LoraStrength,
                _ if value.is_string() && is_lora_name(name, is_lora) => Role::Lora,
                _ => continue,
            };
            found.put(at, name, role, false);
        }
    }
}

fn is_lora_name(name: &str, is_lora: bool) -> bool {
    let Some(rest) = name.strip_prefix("lora") else { return false };
    let is_numbered = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    rest == "_name"
        || is_lora && is_numbered(rest.strip_prefix("_name").unwrap_or(rest).trim_end_matches("_name"))
}

/// Nodes that do all the work themselves: the inputs beside their prompt.
fn of_services(wiring: &Wiring<'_>, found: &mut Found<'_>) {
    let prompts = found.roles.iter().filter(|(_, assigned)| assigned.role == Role::Prompt);
    let workers: HashSet<String> = prompts.map(|(key, _)| key.node().to_owned()).collect();
    for at in 0..wiring.len() {
        let is_worker = workers.contains(wiring.id(at));
        let takes_prompt = || wiring.links(at).any(|(name, _)| matches!(name, "prompt" | "text"));
        if !is_worker && !takes_prompt() {
            continue;
        }
        for (name, _) in wiring.inputs(at) {
            if let Some((role, holds)) =
                setting(name).or_else(|| size(name).map(|role| (role, Holds::Number)))
            {
                put(wiring, at, name, role, holds, false, found);
            }
        }
    }
}

/// Assigns a role to an input, or to the input its link leads to.
fn put(
    wiring: &Wiring<'_>,
    at: usize,
    name: &str,
    role: Role,
    holds: Holds,
    is_later: bool,
    found: &mut Found<'_>,
) {
    let is_held = |value: &Value| match holds {
        Holds::Number => value.is_number() || value.as_str().is_some_and(is_placeholder),
        Holds::Text => value.is_string(),
    };
    let is_like = |name: &str| setting(name).map(|(role, _)| role).or_else(|| size(name)) == Some(role);
    if let Some((at, name)) = wiring.followed(at, name, is_like, is_held) {
        found.put(at, name, role, is_later);
    }
}
