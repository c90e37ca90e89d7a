//! Shared by the tests of this module.

use crate::domain::ParamKey;

use super::{Job, Server};
use crate::backend::results::outputs::OutputFolder;

/// A small job for an address.
pub(super) fn job(url: &str) -> Job {
    let value = |text: &str| serde_json::from_str(text).expect("JSON");
    Job {
        run: 1,
        server: Server { url: url.to_owned(), ..Server::default() },
        params: [
            (ParamKey::new("6", "text"), value("\"a cat & é\"")),
            (ParamKey::new("3", "seed"), value("18446744073709551615")),
        ]
        .into(),
        logs: true,
        outputs: OutputFolder::new("out", 1),
        ..Job::default()
    }
}
