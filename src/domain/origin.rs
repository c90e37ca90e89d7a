//! Who set a value.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ParamKey, RunId, SeedPolicy};

/// Who set a value. It stands beside the value in the draft, on the screen and in the history, and decides what may
/// change it: what a person said for a run, nothing does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Origin {
    /// Nobody: the workflow's own value, which is not sent.
    Workflow,
    /// A preset: the name of the one that says so, of several that lie upon each other.
    Preset { name: String },
    /// A person, for this run.
    Person { how: Said },
    /// The program.
    Program { how: Rule },
}

/// How a person said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// In a field, a list or an editor.
    Typed,
    /// By a key that goes one step further.
    Stepped,
    /// By `--set` or `--file`.
    Option,
    /// By loading the values of this run.
    Run(RunId),
    /// By running this run again.
    Repeat(RunId),
    /// By importing the values of a file.
    Import,
    /// In an earlier session, on the same preset and workflow.
    Earlier,
}

/// Why the program set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// What becomes of this seed at each run.
    Policy(SeedPolicy),
    /// The policy leads no further: the seed is at the end of its range, and stays.
    AtEnd(SeedPolicy),
    /// Nothing was set, so a seed was changed: the same run again would bring the same picture.
    NewSeed,
    /// Nothing else was set, and a server takes no request without a value: this one goes along as it stands.
    AsItStands,
}

impl Origin {
    /// Whether a person said it for this run.
    pub fn is_said(&self) -> bool {
        matches!(self, Self::Person { .. })
    }
}

/// Of some values, those that the program set, and why.
pub fn by_program<'a>(
    params: &'a IndexMap<ParamKey, Value>,
    origins: &'a IndexMap<ParamKey, Origin>,
) -> impl Iterator<Item = (&'a ParamKey, &'a Value, Rule)> {
    origins.iter().filter_map(|(key, origin)| match origin {
        Origin::Program { how } => Some((key, params.get(key)?, *how)),
        Origin::Workflow | Origin::Preset { .. } | Origin::Person { .. } => None,
    })
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workflow => f.write_str("workflow"),
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
            Self::Run(run) => write!(f, "from run {run}"),
            Self::Repeat(run) => write!(f, "again from run {run}"),
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
        }
    }
}
