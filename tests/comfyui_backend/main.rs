//! ComfyUI's own protocol, against the demo endpoint, which really speaks it, and against a server that does what its test
//! says: also what no good one does.

#[path = "../support/backend_run.rs"]
mod backend_run;
mod demo;
mod ends;
mod events;
#[path = "../support/fake_server.rs"]
mod fake_server;
mod sent;
mod server;
mod support;

use backend_run::LONG;
