//! The `comfydeck` program.

use std::process::ExitCode;

use clap::Parser;
use comfydeck::cli::{Cli, Failure};

fn main() -> ExitCode {
    Cli::parse().run().map_or_else(Failure::report, ExitCode::from)
}
