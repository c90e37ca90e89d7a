//! Origins: who set a value.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ParamKey, RunId, SeedPolicy};

/// Who set a value. Shown beside the value in the draft, on screen and in the history. Decides what may change it:
/// nothing overrides what a person set for this run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody: the workflow's own value, which is not sent.
    Workflow,
    /// The form of the workflow, `view_comfy.json`.
    Form,
    /// The preset that sets the value; with `extends` it may be a parent preset.
    Preset { name: String },
    /// A person, for this run.
    Person { how: Said },
    /// The program.
    Program { how: Rule },
}

/// How a person set a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// In a field, a list or an editor.
    Typed,
    /// With a key that changes the value by a step.
    Stepped,
    /// With `--set` or `--file`.
    Option,
    /// As one of the values that a batch goes through.
    Batch,
    /// By loading this run's values.
    Run(RunId),
    /// By running this run again.
    Repeat(RunId),
    /// By laying this preset's value over what was there.
    Preset(String),
    /// By importing values from a file.
    Import,
    /// In an earlier session on the same preset and workflow.
    Earlier,
}

/// Why the program set a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The policy of this seed.
    Policy(SeedPolicy),
    /// The seed is at the end of its range, so the policy cannot change it.
    AtEnd(SeedPolicy),
    /// Nothing was set, so the main seed was changed: the same request would give the same picture.
    NewSeed,
    /// Nothing else was set, and servers reject a request without values: this value is sent unchanged.
    AsItStands,
    /// A choice that was set brings this input: what ComfyUI's editor begins with.
    Brought,
}

impl Origin {
    /// Whether a person set it for this run.
    pub fn is_said(&self) -> bool {
        matches!(self, Self::Person { .. })
    }
}

/// The values that the program set, with the rule for each.
pub fn by_program<'a>(
    params: &'a IndexMap<ParamKey, Value>,
    origins: &'a IndexMap<ParamKey, Origin>,
) -> impl Iterator<Item = (&'a ParamKey, &'a Value, Rule)> {
    origins.iter().filter_map(|(key, origin)| match origin {
        Origin::Program { how } => Some((key, params.get(key)?, *how)),
        Origin::Workflow | Origin::Form | Origin::Preset { .. } | Origin::Person { .. } => None,
    })
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workflow => f.write_str("workflow"),
            Self::Form => f.write_str("form"),
            Self::Preset { name } if name.is_empty() => f.write_str("preset"),
            Self::Preset { name } => write!(f, "preset {name}"),
            Self::Person { how } => how.fmt(f),
            Self::Program { how } => how.fmt(f),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed => f.write_str("typed"),
            Self::Stepped => f.write_str("stepped"),
            Self::Option => f.write_str("command line"),
            Self::Batch => f.write_str("by the batch"),
            Self::Run(run) => write!(f, "from run {run}"),
            Self::Repeat(run) => write!(f, "again from run {run}"),
            Self::Preset(name) => write!(f, "laid over: {name}"),
            Self::Import => f.write_str("imported"),
            Self::Earlier => f.write_str("typed earlier"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(policy) => f.write_str(policy.word()),
            Self::AtEnd(policy) => write!(f, "{}: at its end", policy.word()),
            Self::NewSeed => f.write_str("new, nothing else is set"),
            Self::AsItStands => f.write_str("as it stands, nothing else is set"),
            Self::Brought => f.write_str("comes with the choice"),
        }
    }
}
