//! What keys and messages do: whole lists of effects, and what the person sees of them.

mod batches;
mod gallery;
mod log;
mod loras;
mod nodes;
mod notebook;
mod notices;
mod output;
mod outputs;
mod overlay;
mod palette;
mod params;
mod runs;
mod server;
mod watch;

use std::path::PathBuf;

use crate::domain::draft::Submission;
use crate::domain::param::FileKind;
use crate::domain::run::RunSummary;
use crate::domain::{Origin, Rule, Said, SeedPolicy, Setting, Status};
use crate::tui::effect::{Effect, NewRun, Operation, Question, SavePreset, ScreenEffect};
use crate::tui::msg::Msg;
use crate::tui::open::ProfileChoice;
use crate::tui::overlay::{Choosing, Overlay, PickerItem};
use crate::tui::pane::Pane;
use crate::tui::panes::log::Matches;
use crate::tui::panes::params::FileState;
use crate::tui::query::{RunsFilter, RunsQuery};
use crate::tui::stage::{Stage, key, run, runs_msg, value};

fn wide() -> Stage {
    Stage::new(120, 40)
}

fn summaries(runs: &[(i64, &[Status])]) -> Vec<RunSummary> {
    runs.iter().map(|(id, lived)| RunSummary::from(&run(*id, "a cat", lived))).collect()
}
