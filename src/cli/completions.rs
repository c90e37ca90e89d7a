//! `comfydeck completions SHELL`: writes a completion script.

use clap_complete::Shell;
use clap_complete::env::Shells;

use super::{Exit, Failure, out};

/// The variable with which a shell's completion script calls this program.
const ASKED_BY: &str = "COMPLETE";

const NAME: &str = "comfydeck";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to write a completion script for
    pub shell: Shell,
}

/// Writes the script to stdout. It calls this program, so that presets, profiles, runs and keys are up to date.
///
/// # Errors
/// When stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let shells = Shells::builtins();
    let name = args.shell.to_string();
    let shell = shells
        .completer(&name)
        .ok_or_else(|| Failure::usage(format!("there is no completion script for {name}")))?;
    let mut script = Vec::new();
    shell.write_registration(ASKED_BY, NAME, NAME, NAME, &mut script)?;
    out::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
