//! The cloud backend against a service whose Socket.IO another hand wrote, and against the demo's own.

mod broken;
mod demo;
mod events;
mod lost;
mod service;
mod support;

use std::time::Duration;

/// Longer than anything here takes; a test that comes to it has failed.
const LONG: Duration = Duration::from_secs(20);
