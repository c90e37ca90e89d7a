//! Runs and events as text for people, and as JSON lines for programs. Pure functions.

use std::collections::HashMap;

use crate::domain::ParamKey;

/// What parameters are called, by what they are for.
pub type Names = HashMap<ParamKey, &'static str>;

pub mod batch;
pub mod brief;
pub mod copy_as;
pub mod difference;
pub mod human;
pub mod json;
pub mod lineage;
pub mod sheet;
pub mod table;
pub mod text;
