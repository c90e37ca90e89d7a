//! Roles: what an input is for (prompt, seed, size). Found by the wiring, not by names of nodes: a text is the prompt
//! when it reaches what a sampler calls positive.

mod settings;
mod texts;

use std::collections::HashMap;

use super::ParamKey;
use super::wiring::Wiring;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Prompt,
    Negative,
    Image,
    Video,
    Audio,
    Mask,
    Seed,
    Width,
    Height,
    /// Length of a video or sound, in frames or, where the node counts these, in seconds.
    Length,
    Batch,
    Steps,
    Cfg,
    /// The guidance of guidance-distilled models.
    Guidance,
    Sampler,
    Scheduler,
    Denoise,
    Model,
    Lora,
    LoraStrength,
    Fps,
}

impl Role {
    pub const ALL: [Self; 21] = [
        Self::Prompt,
        Self::Negative,
        Self::Image,
        Self::Video,
        Self::Audio,
        Self::Mask,
        Self::Seed,
        Self::Width,
        Self::Height,
        Self::Length,
        Self::Batch,
        Self::Steps,
        Self::Cfg,
        Self::Guidance,
        Self::Sampler,
        Self::Scheduler,
        Self::Denoise,
        Self::Model,
        Self::Lora,
        Self::LoraStrength,
        Self::Fps,
    ];

    /// The role's word: its label, and its alias on every workflow.
    pub fn word(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Negative => "negative",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Mask => "mask",
            Self::Seed => "seed",
            Self::Width => "width",
            Self::Height => "height",
            Self::Length => "length",
            Self::Batch => "batch",
            Self::Steps => "steps",
            Self::Cfg => "cfg",
            Self::Guidance => "guidance",
            Self::Sampler => "sampler",
            Self::Scheduler => "scheduler",
            Self::Denoise => "denoise",
            Self::Model => "model",
            Self::Lora => "lora",
            Self::LoraStrength => "lora_strength",
            Self::Fps => "fps",
        }
    }

    /// Parses [`Role::word`], and other common words for a role.
    pub fn from_word(word: &str) -> Option<Self> {
        let same = match word {
            "positive" => "prompt",
            "negative_prompt" => "negative",
            "frames" => "length",
            "checkpoint" => "model",
            word => word,
        };
        Self::ALL.into_iter().find(|role| role.word() == same)
    }

    /// Whether people change it in most runs.
    pub fn is_on_top(self) -> bool {
        !matches!(self, Self::Model | Self::Lora | Self::LoraStrength | Self::Fps)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    pub role: Role,
    /// Whether it belongs to a sampler that continues another one's work.
    pub is_later: bool,
}

/// The roles of a workflow's inputs, as far as the wiring shows them.
///
/// Takes time proportional to the workflow for any wiring; cycles end.
pub(super) fn of(wiring: &Wiring<'_>) -> HashMap<ParamKey, Assigned> {
    let samplers = wiring.samplers();
    let mut found = Found { wiring, roles: HashMap::new() };
    texts::find(wiring, &samplers, &mut found);
    settings::find(wiring, &samplers, &mut found);
    found.roles
}

/// Roles found so far; the first one of each input stays.
struct Found<'g> {
    wiring: &'g Wiring<'g>,
    roles: HashMap<ParamKey, Assigned>,
}

impl Found<'_> {
    fn put(&mut self, node: usize, input: &str, role: Role, is_later: bool) {
        let key = ParamKey::new(self.wiring.id(node), input);
        let assigned = self.roles.entry(key).or_insert(Assigned { role, is_later });
        // An input used by a first sampler counts as such, whoever else uses it.
        if assigned.role == role {
            assigned.is_later &= is_later;
        }
    }

    fn has(&self, role: Role) -> bool {
        self.roles.values().any(|assigned| assigned.role == role)
    }
}
