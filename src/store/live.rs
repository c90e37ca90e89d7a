//! Transient state of a run at work (progress, download): a column of its row that is overwritten.

use serde::{Deserialize, Serialize};

use crate::domain::run::{ConnectionSince, Preview, Progress, Transfer};

/// The newest transient event of each kind, in the column `live`.
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
    /// An unreadable value counts as empty: it is only shown, and the next event replaces it.
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}
