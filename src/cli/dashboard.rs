//! `comfydeck` without a subcommand: the dashboard.

use super::open::Open;
use super::{Exit, Failure, out};
use crate::config::{Config, Dirs};
use crate::report::human;
use crate::tui::{self, TuiError};

/// Shows the dashboard until it is closed; returns whether it is left for the demo, whose endpoint `start_demo` starts.
///
/// # Errors
/// When there is no terminal, or config or history cannot be used.
pub fn main(args: Open, dirs: Dirs, start_demo: fn() -> Result<(), String>) -> Result<bool, Failure> {
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    let Open { preset, workflow, place } = args;
    let (profile, url) = (place.profile, place.url);
    show(tui::Options { dirs, config, profile, url, workflow, preset, demo: false, start_demo })
}

/// Shows the dashboard with these options.
///
/// # Errors
/// When there is no terminal, or the history cannot be used.
pub fn show(options: tui::Options) -> Result<bool, Failure> {
    let command = if options.demo { "comfydeck demo" } else { "comfydeck" };
    match tui::run(options) {
        Ok(left) => {
            if let Some(told) = human::still_open(left.open, command) {
                out::print(&told)?;
            }
            Ok(left.for_demo)
        }
        Err(why @ TuiError::Terminal(_)) => Err(Failure::usage(why)),
        Err(why) => Err(Failure::new(Exit::Failed, why)),
    }
}
