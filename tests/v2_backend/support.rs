//! The backend of these tests.

use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::v2::{V2Backend, V2Limits};

pub(super) use super::fake_server::{NAME as KEY, job};

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
