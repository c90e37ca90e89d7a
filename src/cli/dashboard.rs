//! `comfydeck` without a subcommand: the dashboard.

use super::open::Open;
use super::{Exit, Failure};
use crate::config::{Config, Dirs};
use crate::tui::{self, TuiError};

/// Shows the dashboard until it is closed.
///
/// # Errors
/// When there is no terminal, or config or history cannot be used.
pub fn main(args: Open, dirs: Dirs) -> Result<Exit, Failure> {
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    let Open { preset, workflow, place } = args;
    let (profile, url) = (place.profile, place.url);
    show(tui::Options { dirs, config, profile, url, workflow, preset, demo: false })
}

/// Shows the dashboard with these options.
///
/// # Errors
/// When there is no terminal, or the history cannot be used.
pub fn show(options: tui::Options) -> Result<Exit, Failure> {
    match tui::run(options) {
        Ok(()) => Ok(Exit::Success),
        Err(why @ TuiError::Terminal(_)) => Err(Failure::usage(why)),
        Err(why) => Err(Failure::new(Exit::Failed, why)),
    }
}
