//! The part of a run that moves while it is watched: a column of its row, overwritten.

use serde::{Deserialize, Serialize};

use crate::domain::run::{ConnectionSince, Preview, Progress, Transfer};

/// What only the latest of counts, in the column `live`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Live {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload: Option<Transfer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<Progress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) queue: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) download: Option<Transfer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preview: Option<Preview>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<ConnectionSince>,
}

impl Live {
    /// Numbers that are only shown while they move: what cannot be read of them is not worth an error.
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}
