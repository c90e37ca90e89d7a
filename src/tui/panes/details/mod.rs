//! The details pane: one run in full.

pub mod commands;
pub mod update;
pub mod view;

use crate::domain::lineage::Lineage;
use crate::domain::{Run, RunId};

#[derive(Debug, Default)]
pub struct DetailsPane {
    /// The selected run with all its data.
    pub run: Option<Run>,
    /// The run requested last.
    pub asked: Option<RunId>,
    /// The kin of the run that was asked about last.
    pub lineage: Option<(RunId, Lineage)>,
    pub lineage_asked: Option<RunId>,
    /// Lines scrolled off at the top.
    pub scroll: usize,
}
