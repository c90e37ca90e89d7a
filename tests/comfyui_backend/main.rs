//! ComfyUI's own protocol, against the demo endpoint, which really speaks it, and against a server that does what its test
//! says: also what no good one does.

mod demo;
mod ends;
mod events;
mod sent;
mod server;
mod support;

use std::time::Duration;

/// Longer than anything here takes; a test that comes to it has failed.
const LONG: Duration = Duration::from_secs(60);
