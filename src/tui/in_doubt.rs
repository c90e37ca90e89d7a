//! A run that waits until its server has said again what its nodes take.

use crate::domain::Draft;
use crate::domain::batch::Plan;
use crate::domain::draft::Submission;

/// What waits, as it was when it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    Run(Box<Submission>),
    Batch { plan: Box<Plan>, draft: Box<Draft> },
}
