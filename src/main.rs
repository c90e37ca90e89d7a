//! The `comfydeck` program: parses the command line and exits with the command's code.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;
use comfydeck::cli::{Cli, Failure};

fn main() -> ExitCode {
    // A shell that asks what could stand here gets its answer and no more.
    CompleteEnv::with_factory(Cli::command).complete();
    Cli::parse().run().map_or_else(Failure::report, ExitCode::from)
}
