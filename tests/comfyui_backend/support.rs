//! The backend of these tests.

use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::comfyui::{ComfyuiBackend, ComfyuiLimits};

pub(super) use super::fake_server::{NAME as PROMPT, job};

/// As quick as it goes, with time enough for a machine that has other things to do.
pub(super) fn quick() -> ComfyuiLimits {
    let millis = Duration::from_millis;
    let mut limits = ComfyuiLimits::default();
    limits.http.retries = vec![millis(10); 3];
    limits.answer = millis(10_000);
    limits.reconnect = millis(50);
    limits.look = (millis(50), millis(100));
    limits.soon = millis(50);
    limits.settle = millis(600);
    limits.not_allowed = millis(300);
    limits.unreadable = millis(100);
    limits
}

pub(super) fn backend() -> Arc<ComfyuiBackend> {
    Arc::new(ComfyuiBackend::with(quick()))
}
