//! `comfydeck completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit, Failure, out};

/// Which shell.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to write a completion script for
    pub shell: Shell,
}

/// Writes the script to stdout.
///
/// # Errors
/// When stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "comfydeck", &mut script);
    out::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
