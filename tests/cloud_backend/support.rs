//! The backend of these tests, and their runs.

use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::cloud::{CloudBackend, CloudLimits, Pace};
use comfydeck::backend::{Job, Server};
use comfydeck::domain::ParamKey;
use serde_json::json;

use super::backend_run::credentials;

/// As quick as it goes, with time enough for a machine that has other things to do.
pub(super) fn quick() -> CloudLimits {
    let millis = Duration::from_millis;
    let pace = Pace { first: millis(10), longest: millis(30) };
    let mut limits = CloudLimits::default();
    limits.http.retries = vec![millis(10); 3];
    limits.reconnect = millis(20);
    limits.settle = millis(1_000);
    limits.missing = millis(1_500);
    limits.failing = millis(1_000);
    limits.unreadable = millis(50);
    (limits.polled, limits.scheduled, limits.urgent) = (pace, pace, pace);
    limits.together = millis(5);
    limits.trouble = millis(30);
    limits.linger = millis(50);
    limits
}

pub(super) fn backend() -> Arc<CloudBackend> {
    Arc::new(CloudBackend::with(quick()))
}

pub(super) fn server(api: &str) -> Server {
    Server {
        url: "https://deployment.example/x?a=b&c".to_owned(),
        api_url: Some(api.to_owned()),
        credentials: credentials([("client_id", "id-of-ours"), ("client_secret", "hush-hush")]),
        ..Server::default()
    }
}

pub(super) fn job(server: Server, prompt_id: &str) -> Job {
    let values = [("6", "text", json!("a cat & é")), ("3", "seed", json!(u64::MAX))];
    Job {
        run: 1,
        server,
        prompt_id: Some(prompt_id.to_owned()),
        params: values.into_iter().map(|(node, input, value)| (ParamKey::new(node, input), value)).collect(),
        logs: true,
        ..Job::default()
    }
}
