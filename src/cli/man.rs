//! `comfydeck man [COMMAND…]`: writes man pages.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Exit, Failure, out};
use crate::config::files;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command that the page is about, such as `run` or `presets new`; comfydeck itself without one
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Write all pages into this folder, such as ~/.local/share/man/man1
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}

/// Writes one page to stdout (`comfydeck man run | man -l -`), or all pages into a folder.
///
/// # Errors
/// When there is no such command, or a page cannot be written.
pub fn main(args: &Args) -> Result<Exit, Failure> {
    let mut all = Cli::command();
    all.build();
    if let Some(folder) = &args.dir {
        std::fs::create_dir_all(folder).map_err(|why| unwritten(folder, &why))?;
        write_all(&all, folder)?;
        return Ok(Exit::Success);
    }
    let mut page = &all;
    for name in &args.command {
        let found = page.find_subcommand(name);
        page = found.ok_or_else(|| {
            let whole = args.command.join(" ");
            Failure::usage(format!("there is no command `{whole}`; `comfydeck help` lists them"))
        })?;
    }
    out::print(&String::from_utf8_lossy(&text(page)?))?;
    Ok(Exit::Success)
}

fn text(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

fn write_all(command: &Command, folder: &Path) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    files::replace(&path, &text(command)?, 0o644).map_err(|why| unwritten(&path, &why))?;
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.filter(|command| command.get_name() != "help").try_for_each(|command| write_all(command, folder))
}

fn unwritten(path: &Path, why: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{} cannot be written: {why}", path.display()))
}
