//! The cloud backend against a service whose Socket.IO another hand wrote, and against the demo's own.

#[path = "../support/backend_run.rs"]
mod backend_run;
mod broken;
mod demo;
mod events;
mod lost;
mod service;
mod support;

use backend_run::LONG;
