//! The real program, from its arguments to its exit code, against a server that really speaks the protocol.

mod again;
mod batch;
mod cloud;
mod convert;
mod demo;
#[path = "../terminal/emulator.rs"]
#[allow(dead_code)] // shared with the tests of the session, which use all of it
mod emulator;
mod exits;
mod expand;
mod import;
mod json;
mod notebook;
mod options;
mod preview;
mod processes;
mod secrets;
mod server;
mod setup;
mod support;
mod values;
mod workflows;
