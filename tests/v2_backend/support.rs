//! The backend of these tests, and their runs.

use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::v2::{V2Backend, V2Limits};
use comfydeck::backend::{Job, Server};
use comfydeck::domain::ParamKey;
use serde_json::json;

/// The key under which the runs are sent.
pub(super) const KEY: &str = "5a6c1c06-3c4a-4f52-9d0f-6d8a9fd3a111";

pub(super) const WORKFLOW: &str = r#"{"3": {"class_type": "KSampler", "_meta": {"title": "Sampler"}, "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]}},
    "4": {"class_type": "Loader", "inputs": {}}, "6": {"class_type": "LoadImage", "inputs": {"image": "old.png"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}}}"#;

/// As quick as it goes, with time enough for a machine that has other things to do.
pub(super) fn quick() -> V2Limits {
    let millis = Duration::from_millis;
    let mut limits = V2Limits::default();
    limits.http.retries = vec![millis(10); 3];
    limits.answer = millis(10_000);
    limits.reconnect = millis(50);
    limits.look = (millis(50), millis(100));
    limits.soon = millis(50);
    limits.settle = millis(600);
    limits.not_allowed = millis(300);
    limits.unreadable = millis(100);
    limits.busy = millis(5_000);
    limits.busy_pause = (millis(20), millis(100));
    limits
}

pub(super) fn backend() -> Arc<V2Backend> {
    Arc::new(V2Backend::with(quick()))
}

pub(super) fn job(url: &str) -> Job {
    Job {
        run: 1,
        server: Server { url: url.to_owned(), ..Server::default() },
        prompt_id: Some(KEY.to_owned()),
        params: [(ParamKey::new("3", "seed"), json!(u64::MAX))].into(),
        workflow: Some(WORKFLOW.to_owned()),
        logs: true,
        ..Job::default()
    }
}
