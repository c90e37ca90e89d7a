//! The command line, with one file per subcommand.
//!
//! A subcommand is a module with a clap `Args` struct and `main(args, …) -> Result<Exit, Failure>`. It writes results
//! through [`out`], so that a closed pipe ends it quietly, and only results go to stdout.

pub mod batch;
pub mod batch_args;
pub mod cancel;
pub mod complete;
pub mod completions;
pub mod console;
pub mod convert;
pub mod dashboard;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod exit;
pub mod fetch;
pub mod flatten;
pub mod follow;
pub mod hidden;
pub mod history;
pub mod import;
pub mod init;
pub mod logs;
pub mod man;
pub mod names;
pub mod notebook;
pub mod open;
pub mod open_file;
pub mod out;
pub mod pairs;
pub mod presets;
pub mod preview;
pub mod profiles;
pub mod queue;
pub mod replay;
pub mod run;
pub mod run_arg;
pub mod run_batch;
pub mod run_output;
pub mod run_watch;
pub mod runs;
pub mod schema;
pub mod server;
pub mod share;
pub mod show;
pub mod stats;
mod window;
pub mod words;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};

use crate::config::Dirs;
use crate::runner;

/// The terminal dashboard for people who run ComfyUI workflows, on ViewComfy or on a ComfyUI of their own.
#[derive(Debug, Parser)]
#[command(name = "comfydeck", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Without a subcommand the dashboard opens.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What the dashboard opens; by default what was open last.
    #[command(flatten)]
    pub dashboard: open::Open,
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// An exit code and a message for stderr.
    pub fn run(self) -> Result<Exit, Failure> {
        match self.command {
            Some(command) => command.run(),
            None => {
                let for_demo = dashboard::main(self.dashboard, dirs()?, demo::start)?;
                if for_demo { demo::main(demo::Args::default()) } else { Ok(Exit::Success) }
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Queue a run and follow it to its end
    Run(Box<run::Args>),
    /// List runs, newest first
    Runs(runs::Args),
    /// Show everything that is known about a run
    Show(show::Args),
    /// Show what differs between two runs
    Diff(diff::Args),
    /// Send exactly what a run sent, and compare what comes of it
    Replay(replay::Args),
    /// Write a run into one file, for another machine or service
    Share(share::Args),
    /// Take in a run that somebody shared; nothing is sent
    Open(open_file::Args),
    /// Draw pictures in the terminal; in a pipe, print their paths
    Preview(preview::Args),
    /// Print the log of a run
    Logs(logs::Args),
    /// Cancel a run
    Cancel(cancel::Args),
    /// Show a batch, hold it, go on with it, cancel its rest, or retry what failed
    Batch(batch::Args),
    /// Show what waits, reorder it, hold it, cancel it, or retry what failed
    Queue(queue::Args),
    /// Show what runs took and cost, by day, preset, workflow, profile or batch, and what is on disk
    Stats(stats::Args),
    /// Download a run's outputs again, by its prompt id; also of a run that was lost, or sent from elsewhere
    Fetch(fetch::Args),
    /// Write a workflow's parameters as flat JSON, as the vendor's workflow_parameters_maker.py does
    Flatten(flatten::Args),
    /// Open the dashboard on a built-in demo endpoint, or run that endpoint alone
    Demo(demo::Args),
    /// Write a workflow that ComfyUI saved in API format
    Convert(convert::Args),
    /// Show the parameters that made a picture or a video, from its metadata, or save them as a preset
    Import(import::Args),
    /// List, show, create, rename or delete presets
    Presets(presets::Args),
    /// List the profiles of config.toml
    Profiles(profiles::Args),
    /// Set up a profile, by questions or by options
    Init(init::Args),
    /// Check config, credentials, endpoint, history and terminal, without running anything
    Doctor(doctor::Args),
    /// Show a server: version, memory, queue and models; clear its queue or its memory
    Server(server::Args),
    /// Write a completion script for a shell
    Completions(completions::Args),
    /// Write the JSON schema of config.toml or of presets, for editors
    Schema(schema::Args),
    /// Write a man page, or all of them
    Man(man::Args),
    /// The background runner, which comfydeck starts itself
    #[command(hide = true)]
    Runner,
    /// Tells `on_finish` of the runs whose numbers are on stdin, which comfydeck starts itself
    #[command(hide = true)]
    Finished,
}

impl Command {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// An exit code and a message for stderr.
    pub fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Run(args) => run::main(*args),
            Self::Runs(args) => runs::main(args),
            Self::Show(args) => show::main(args),
            Self::Diff(args) => diff::main(args),
            Self::Replay(args) => replay::main(args),
            Self::Share(args) => share::main(args),
            Self::Open(args) => open_file::main(args),
            Self::Preview(args) => preview::main(&args),
            Self::Logs(args) => logs::main(args),
            Self::Cancel(args) => cancel::main(args),
            Self::Batch(args) => batch::main(args),
            Self::Queue(args) => queue::main(args),
            Self::Stats(args) => stats::main(&args),
            Self::Fetch(args) => fetch::main(args),
            Self::Flatten(args) => flatten::main(args),
            Self::Convert(args) => convert::main(args),
            Self::Import(args) => import::main(args),
            Self::Demo(args) => demo::main(args),
            Self::Presets(args) => presets::main(args),
            Self::Profiles(args) => profiles::main(&args),
            Self::Schema(args) => schema::main(&args),
            Self::Init(args) => init::main(args),
            Self::Doctor(args) => doctor::main(args),
            Self::Server(args) => server::main(args),
            Self::Completions(args) => completions::main(args),
            Self::Man(args) => man::main(&args),
            Self::Finished => {
                let runs = std::io::stdin().lines().map_while(Result::ok);
                runner::tell_finished(&dirs()?, runs.filter_map(|run| run.parse().ok()))?;
                Ok(Exit::Success)
            }
            Self::Runner => match runner::serve(&dirs()?) {
                Ok(()) => Ok(Exit::Success),
                Err(error) => Err(Failure::new(Exit::Failed, error)),
            },
        }
    }
}

/// The folders by the environment.
///
/// # Errors
/// When the environment names none.
pub fn dirs() -> Result<Dirs, Failure> {
    Dirs::from_env().map_err(Failure::usage)
}
