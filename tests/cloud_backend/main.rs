//! The cloud backend against a service whose Socket.IO another hand wrote, and against the demo's own.

mod broken;
mod demo;
mod lost;
mod service;
mod support;
mod told;

use std::time::Duration;

/// Longer than anything here takes; a test that comes to it has failed.
const LONG: Duration = Duration::from_secs(20);
