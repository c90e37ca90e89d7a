//! Comfy API v2, against the demo endpoint, which really speaks it, and against a server that does what its test says: also
//! what no good one does.

#[path = "../support/backend_run.rs"]
mod backend_run;
mod demo;
mod ends;
#[path = "../support/fake_server.rs"]
mod fake_server;
mod files;
mod lost;
mod sent;
mod server;
mod support;

use backend_run::LONG;
