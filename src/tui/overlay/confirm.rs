//! Questions with yes and no.

use crate::domain::batch::{BatchId, Plan};
use crate::domain::server::Tend;
use crate::domain::{OutputId, ParamKey, RunId, Setting};
use crate::library::import::Imported;
use crate::tui::effect::{BatchOrder, NewRun};
use crate::tui::open::Earlier;

/// A question with yes and no.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    /// The question, one sentence.
    pub question: String,
    /// The consequence, if it is not obvious.
    pub consequence: String,
    /// Label of the confirming key.
    pub yes: &'static str,
    /// What happens on yes.
    pub then: Confirmed,
}

/// What a yes does.
#[derive(Clone, Debug, PartialEq)]
pub enum Confirmed {
    /// Do a command that spends money and was chosen in the palette, by its name.
    Command(&'static str),
    Cancel(RunId),
    /// Submit a run again.
    Repeat(RunId),
    /// Stop waiting for a run.
    LetGo(RunId),
    DeletePreset(String),
    /// Load a preset over edits.
    LoadPreset(String),
    /// Open a workflow over edits.
    OpenWorkflow(std::path::PathBuf),
    /// Save over a preset that exists.
    OverwritePreset(String),
    ResetAll,
    /// Load a run's parameters over edits.
    LoadRun(RunId),
    /// Open a graph as a workflow over edits.
    OpenGraph(Box<Imported>),
    /// Remove an output's file.
    DeleteOutput(OutputId),
    /// Upload a file for a parameter that holds its path as a text.
    Upload(ParamKey, std::path::PathBuf),
    /// Take what a command made of a text.
    TakePiped(ParamKey, String),
    /// Ask whether to queue several runs that send placeholders.
    ExploreUnfilled(Box<Plan>),
    /// Ask whether to queue several runs though the server does not take some values; with the nearest that it takes, if
    /// all have one.
    ExploreDoubtful(Box<Plan>, Option<Box<Plan>>),
    /// Queue several runs.
    RunBatch(Box<BatchOrder>),
    /// Cancel what of a batch has not ended.
    CancelBatch(BatchId),
    /// Queue the failed runs of a batch again.
    RetryBatch(BatchId),
    /// Cancel all that waits.
    CancelQueue,
    /// Queue these runs again.
    RetryRuns(Vec<RunId>),
    /// Queue a run that differs in nothing from one that is done.
    RunSame {
        order: Box<NewRun>,
        /// Whether another seed could make it another run.
        has_seed: bool,
    },
    /// The same with another seed.
    RunWithNewSeed(Box<NewRun>),
    /// Run again when a file of the run is saved.
    Watch,
    /// Run with what is left of a preset that is not understood whole.
    RunUnsure,
    /// Run although placeholders would be sent.
    RunUnfilled,
    /// Run although the server does not take some values; with the nearest that it takes, if all have one.
    RunDoubtful(Option<Vec<(ParamKey, Setting)>>),
    /// Run with the nearest values that the server takes.
    RunNearest(Vec<(ParamKey, Setting)>),
    /// Change something at the server.
    Tend(Tend),
    /// Put edits back that were made on another content.
    KeepEarlier(Box<Earlier>),
    /// Read files again that changed on disk; the order was not queued.
    Reload(Option<Box<NewRun>>),
    /// Run with what is shown, though its files have changed.
    RunAsShown(Box<NewRun>),
}

impl Confirmed {
    /// A third way beside yes and no: its key, what it is called, and what happens.
    pub fn third(&self) -> Option<(char, &'static str, Self)> {
        match self {
            Self::RunSame { order, has_seed: true } => {
                Some(('s', "new seed", Self::RunWithNewSeed(order.clone())))
            }
            Self::RunDoubtful(Some(nearest)) => {
                Some(('t', "take the nearest", Self::RunNearest(nearest.clone())))
            }
            Self::ExploreDoubtful(_, Some(nearest)) => {
                Some(('t', "take the nearest", Self::ExploreDoubtful(nearest.clone(), None)))
            }
            Self::Reload(Some(order)) => Some(('r', "run what is shown", Self::RunAsShown(order.clone()))),
            Self::Command(_)
            | Self::Upload(..)
            | Self::Cancel(_)
            | Self::Repeat(_)
            | Self::LetGo(_)
            | Self::DeletePreset(_)
            | Self::LoadPreset(_)
            | Self::OpenWorkflow(_)
            | Self::OverwritePreset(_)
            | Self::ResetAll
            | Self::LoadRun(_)
            | Self::OpenGraph(_)
            | Self::DeleteOutput(_)
            | Self::RunSame { has_seed: false, .. }
            | Self::RunWithNewSeed(_)
            | Self::RunUnsure
            | Self::Watch
            | Self::RunUnfilled
            | Self::ExploreUnfilled(_)
            | Self::ExploreDoubtful(_, None)
            | Self::TakePiped(..)
            | Self::RunDoubtful(None)
            | Self::RunNearest(_)
            | Self::Tend(_)
            | Self::RunBatch(_)
            | Self::CancelBatch(_)
            | Self::RetryBatch(_)
            | Self::CancelQueue
            | Self::RetryRuns(_)
            | Self::KeepEarlier(_)
            | Self::Reload(None)
            | Self::RunAsShown(_) => None,
        }
    }

    /// What the no key is called.
    pub fn no(&self) -> &'static str {
        if matches!(self, Self::KeepEarlier(_)) { "start clean" } else { "leave it" }
    }
}
