//! Which certificates a server may have.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which certificates are taken besides those of an authority that the system trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// A PEM file of authorities, or of a server's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Any certificate of anybody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

impl Trust {
    /// Whether only the system's authorities count.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
