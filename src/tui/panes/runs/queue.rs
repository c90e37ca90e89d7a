//! What waits: its order, what is held, all of it cancelled, and what failed run again.

use super::update::selected_batch;
use crate::domain::{RunId, RunSummary, Status};
use crate::report::batch as report;
use crate::tui::command::Reason;
use crate::tui::effect::{Effect, Effects, Operation};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::panes::sheet::update as sheet;

/// Whether the selected row is a run that waits.
///
/// # Errors
/// Why it is none.
pub fn waits(model: &Model) -> Result<(), Reason> {
    if selected_batch(model).is_some() {
        return Err("This row is a batch. → shows its runs");
    }
    let run = model.runs.list.selected().ok_or("No run is selected")?;
    if run.status == Status::Queued { Ok(()) } else { Err("This run does not wait any more") }
}

/// Whether anything waits.
///
/// # Errors
/// Nothing does.
pub fn any_waits(model: &Model) -> Result<(), Reason> {
    if model.runs.open.queued + model.runs.open.held > 0 { Ok(()) } else { Err("Nothing waits") }
}

pub fn first(model: &mut Model, effects: &mut Effects) {
    effects.extend(selected(model).map(|run| Effect::Do(Operation::RunFirst(run))));
}

pub fn moved(model: &mut Model, earlier: bool, effects: &mut Effects) {
    effects.extend(selected(model).map(|run| Effect::Do(Operation::MoveInQueue(run, earlier))));
}

fn selected(model: &Model) -> Option<RunId> {
    model.runs.list.selected().map(|run| run.id)
}

/// Holds what of the selected batch waits, or the selected run, or lets it go on.
pub fn hold(model: &mut Model, effects: &mut Effects) {
    let Some(run) = model.runs.list.selected() else { return };
    let Some(batch) = run.batch else {
        let change = Operation::HoldRun(run.id, run.held.is_none());
        effects.push(Effect::Do(change));
        return;
    };
    let state = model.runs.batches.get(&batch.batch).map(|(state, _)| state.clone());
    if let Some(state) = state {
        sheet::hold_batch(model, &state, effects);
    }
}

/// Holds all that waits; with everything held, lets it go on.
pub fn hold_all(model: &mut Model, effects: &mut Effects) {
    effects.push(Effect::Do(Operation::HoldQueue(model.runs.open.queued > 0)));
}

pub fn ask_cancel_all(model: &mut Model) {
    let waiting = model.runs.open.queued + model.runs.open.held;
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Cancel all that waits: {}?", report::runs(waiting)),
        consequence: "They have not been sent, so they cost nothing. Those in flight go on.".to_owned(),
        yes: "cancel them",
        then: Confirmed::CancelQueue,
    }));
}

/// The failed runs of the list, the oldest first.
fn failed(model: &Model) -> Vec<RunId> {
    let rows = model.runs.list.rows.iter().rev();
    let can_retry = |run: &&RunSummary| run.status == Status::Failed && run.batch.is_none();
    rows.filter(can_retry).map(|run| run.id).collect()
}

/// Most numbers that are named.
const NAMED: usize = 8;

/// Asks whether to run the failed runs of the list again. Those of a batch have its own key.
pub fn ask_retry(model: &mut Model) {
    let failed = failed(model);
    if failed.is_empty() {
        return model.notify(
            Tone::Plain,
            "No run in this list has failed, or they belong to a batch: its sheet retries them",
        );
    }
    let named: Vec<String> = failed.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if failed.len() > NAMED { ", …" } else { "" };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Run the failed runs of this list again: {}?", report::runs(failed.len())),
        consequence: format!(
            "Each exactly as it was: {}{more}. A search narrows the list.",
            named.join(", ")
        ),
        yes: "run them",
        then: Confirmed::RetryRuns(failed),
    }));
}
