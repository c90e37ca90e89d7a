//! Updates the list of runs: selection, search, cancelling and fetching.

use std::sync::Arc;

use super::ends;
use crate::domain::batch::{Batch, Outline};
use crate::domain::run::{Counts, RunSummary};
use crate::domain::{RunId, Status};
use crate::report::copy_as::CopyAs;
use crate::tui::at_hand;
use crate::tui::effect::{Effect, Effects, Operation, Question};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::{Motion, Wheel, in_sight};
use crate::tui::notice::{Notice, Subject, Tone, counted};
use crate::tui::overlay::{Choosing, Confirm, Confirmed, Overlay, PickerItem};
use crate::tui::pane::Pane;
use crate::tui::panes::sheet::update as sheet;
use crate::tui::query::RunsQuery;

/// Milliseconds after which cancelling a run asks for confirmation.
const LONG_MS: i64 = 10_000;

/// Reads the newest runs again.
pub fn reload(model: &mut Model, effects: &mut Effects) {
    let query = model.runs.list.reload(model.runs.filter.clone());
    effects.extend(query.map(|query| Effect::Ask(Question::Runs(query))));
}

pub fn search_changed(model: &mut Model, effects: &mut Effects) {
    model.runs.scroll = 0;
    reload(model, effects);
}

pub fn loaded(
    model: &mut Model,
    query: RunsQuery,
    rows: Vec<RunSummary>,
    more: bool,
    open: Counts,
    effects: &mut Effects,
) {
    model.is_in_order(Subject::History);
    model.runs.open = open;
    ends::watch(model, effects);
    ask_usual(model, effects);
    let was_loaded = model.runs.list.is_loaded();
    if model.runs.list.loaded(query, rows, more, &model.runs.filter) {
        reload(model, effects);
    }
    // On a small screen nothing else tells it before the first run.
    let is_seen = layout::regions(model).and_then(|regions| regions.body(Pane::Runs)).is_some();
    if !was_loaded && model.runs.is_first() && !is_seen && model.notice.is_none() {
        let outputs = format!("Outputs of runs go to {}", model.outputs().display());
        model.notify(Tone::Plain, outputs);
    }
}

/// Asks how long the workflows of what is under way take, each once.
fn ask_usual(model: &mut Model, effects: &mut Effects) {
    for (_, workflow) in model.runs.open.loads.keys() {
        if !model.usual.contains_key(workflow) && model.runs.usual_asked.insert(workflow.clone()) {
            effects.push(Effect::Ask(Question::Typical(workflow.clone())));
        }
    }
}

/// Keeps what is shown when reading failed. It is read again at the next change of the store,
/// or when the selection moves.
pub fn not_read(model: &mut Model, why: String, effects: &mut Effects) {
    model.tell(Notice::news(Tone::Bad, why, model.now).about(Subject::History));
    if model.runs.list.not_read() {
        reload(model, effects);
    }
}

/// Shown until a later read of the history finds room.
pub fn disk_full(model: &mut Model, why: String) {
    model.tell(Notice::news(Tone::Bad, why, model.now).about(Subject::History));
}

/// A run was queued; `waits` says why no runner works on it yet.
pub fn submitted(model: &mut Model, run: RunId, note: &str, waits: Option<String>) {
    let notice = match waits {
        None => Notice::answer(Tone::Good, format!("Run {run} queued{note}"), model.now),
        Some(why) => Notice::news(Tone::Bad, format!("Run {run} is queued and waits: {why}"), model.now),
    };
    model.tell(notice.about(Subject::Run(run)));
    model.runs.watched.insert(run);
    if follows(model) && model.runs.list.selected().is_none_or(|selected| selected.status.is_end()) {
        model.runs.list.go_to(run);
    }
}

/// Batches among the rows, as they are now.
pub fn batches(model: &mut Model, batches: Vec<(Batch, Arc<Outline>)>) {
    model.runs.batches.extend(batches.into_iter().map(|(batch, outline)| (batch.id, (batch, outline))));
}

/// The batch whose row is selected.
pub fn selected_batch(model: &Model) -> Option<&Batch> {
    let run = model.runs.list.selected()?;
    model.runs.batch_of_row(run).map(|(batch, _)| batch)
}

/// Enter on a run shows its details, on a batch its sheet.
pub fn open_row(model: &mut Model, effects: &mut Effects) {
    match selected_batch(model).map(|batch| batch.id) {
        Some(batch) => sheet::open(model, batch, effects),
        None => open_details(model),
    }
}

/// Folds the runs of a batch out beneath its row, or in again.
pub fn fold(model: &mut Model, effects: &mut Effects) {
    let Some(batch) = model.runs.list.selected().and_then(|run| run.batch).map(|at| at.batch) else { return };
    let unfolded = &mut model.runs.filter.unfolded;
    if !unfolded.remove(&batch) {
        unfolded.insert(batch);
    }
    model.runs.chosen = true;
    reload(model, effects);
}

/// Whoever queues a run wants to see it run, unless they are at work on another one in the list.
pub fn follow(model: &mut Model) {
    if !is_at_hand(model) {
        model.runs.chosen = false;
    }
}

/// Whether the selection goes with what runs.
fn follows(model: &Model) -> bool {
    !model.runs.chosen && !is_at_hand(model)
}

/// Keys act on the selected run: it must stay the one that the person sees there.
fn is_at_hand(model: &Model) -> bool {
    match model.focus {
        Pane::Runs | Pane::Details | Pane::Gallery | Pane::Compare | Pane::Sheet => true,
        Pane::Parameters | Pane::Log | Pane::Output | Pane::Server => false,
    }
}

pub fn open_details(model: &mut Model) {
    model.came_from = Some(model.focus);
    model.go_to(Pane::Details);
}

pub fn moved(model: &mut Model, motion: Motion) {
    let last = model.runs.list.rows.len().saturating_sub(1);
    let at = model.runs.list.selected_index().unwrap_or(0);
    model.runs.list.failed = false;
    choose(model, motion.from(at, layout::page(model, Pane::Runs), last));
}

/// Selects a row for the person.
pub fn choose(model: &mut Model, index: usize) {
    if model.runs.list.select(index) {
        model.runs.chosen = true;
    }
}

/// Lets a status be chosen that is shown alone.
pub fn filter_status(model: &mut Model) {
    let now = model.runs.filter.status;
    let item = |status: Option<Status>| PickerItem {
        id: status.map_or_else(String::new, |status| status.word().to_owned()),
        label: status.map_or("all", Status::word).to_owned(),
        is_open: status == now,
        ..PickerItem::default()
    };
    let statuses = std::iter::once(None).chain(Status::ALL.into_iter().map(Some));
    model.overlay = Some(Overlay::picker(Choosing::Status, statuses.map(item).collect()));
}

/// A status was chosen; an empty word stands for all.
pub fn show_status(model: &mut Model, word: &str, effects: &mut Effects) {
    model.runs.filter.status = Status::from_word(word);
    search_changed(model, effects);
}

pub fn cancel(model: &mut Model, effects: &mut Effects) {
    if model.focus == Pane::Runs
        && let Some(batch) = selected_batch(model).cloned()
    {
        return sheet::confirm_cancel(model, &batch);
    }
    let Some(run) = at_hand::run(model) else { return };
    let (id, status, worked) = (run.id, run.status, run.elapsed_ms(model.now));
    let can_stop = run.protocol.caps().cancel;
    if run.cancel_asked && can_stop && status.is_in_flight() {
        model.overlay = Some(Overlay::Confirm(Confirm {
            question: format!("Stop waiting for run {id}?"),
            consequence:
                "The server was asked to stop it and has not confirmed that: it may go on and cost money. Its outputs can be fetched later."
                    .to_owned(),
            yes: "wait no longer",
            then: Confirmed::LetGo(id),
        }));
        return;
    }
    if status == Status::Queued || worked < LONG_MS {
        return cancel_now(model, id, effects);
    }
    let consequence = if can_stop {
        "The server is asked to stop it. What it has cost so far is billed."
    } else {
        "The connection is closed; the server may still go on, and its result is not fetched."
    };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Cancel run {id}? It has been at work for {}.", crate::tui::text::duration(worked)),
        consequence: consequence.to_owned(),
        yes: "cancel the run",
        then: Confirmed::Cancel(id),
    }));
}

pub fn load(model: &mut Model, effects: &mut Effects) {
    if let Some(run) = at_hand::run(model) {
        load_run(model, run.id, effects);
    }
}

/// Loads the values of a run; over changes it asks first.
pub fn load_run(model: &mut Model, id: RunId, effects: &mut Effects) {
    if model.draft.changes() > 0 {
        let changes = counted(model.draft.changes(), "change");
        let known = model.runs.list.rows.iter().find(|run| run.id == id).cloned();
        let run = known.or_else(|| at_hand::run(model).filter(|run| run.id == id));
        let preset = run.as_ref().and_then(|run| run.preset.as_deref()).unwrap_or_default();
        let consequence = match preset {
            preset if preset == model.draft.preset().name => "Undo brings them back.".to_owned(),
            "" => "It was run without a preset, so this one is closed. Undo brings it back.".to_owned(),
            other => format!("Its preset {other} is opened with them. Undo brings back what is open now."),
        };
        model.overlay = Some(Overlay::Confirm(Confirm {
            question: format!("Load the parameters of run {id} over {changes}?"),
            consequence,
            yes: "load",
            then: Confirmed::LoadRun(id),
        }));
    } else {
        effects.push(read_settings(model, id));
    }
}

/// Requests the values of a run, with its preset under them.
pub fn read_settings(model: &Model, run: RunId) -> Effect {
    Effect::Do(Operation::ReadSettings(run, model.open.clone()))
}

pub fn repeat(model: &mut Model, effects: &mut Effects) {
    if let Some(run) = at_hand::run(model) {
        effects.push(Effect::Do(Operation::AskReplay(run.id, model.open.profile.clone())));
    }
}

/// Asks whether to send a run again, and says first what cannot be the same.
pub fn ask_replay(model: &mut Model, run: RunId, place: &str, doubts: &[String]) {
    if model.overlay.is_some() || model.params.editing.is_some() {
        return model.notify(Tone::Plain, format!("Run {run} is not sent again: something else is open"));
    }
    let same = format!(
        "Same values, same files, same seed. What comes out is held against what run {run} made; the server may answer from its cache."
    );
    let consequence = match doubts {
        [] => same,
        doubts => format!("Not the same: {}.", doubts.join("; ")),
    };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Run {run} again exactly as it was, on {place}?"),
        consequence,
        yes: "run again",
        then: Confirmed::Repeat(run),
    }));
}

/// Asks what a run is to be copied as.
pub fn copy_as(model: &mut Model) {
    let Some(run) = at_hand::run(model).map(|run| run.id) else { return };
    let item = |form: CopyAs| PickerItem {
        id: form.word().to_owned(),
        label: form.word().to_owned(),
        detail: form.about().to_owned(),
        ..PickerItem::default()
    };
    let items = CopyAs::ALL.into_iter().map(item).collect();
    model.overlay = Some(Overlay::picker(Choosing::CopyAs(run), items));
}

/// A form was chosen.
pub fn copied_as(run: RunId, word: &str) -> Option<Effect> {
    CopyAs::from_word(word).map(|form| Effect::Do(Operation::CopyAs(run, form)))
}

/// Cancels without asking, or after confirmation.
pub fn cancel_now(model: &mut Model, id: RunId, effects: &mut Effects) {
    let notice = Notice::answer(Tone::Plain, format!("Cancelling run {id}"), model.now);
    model.tell(notice.about(Subject::Run(id)));
    effects.push(Effect::Do(Operation::Cancel(id)));
}

/// Free of charge, so without confirmation.
pub fn fetch(model: &mut Model, effects: &mut Effects) {
    let Some(run) = model.runs.list.selected() else { return };
    let id = run.id;
    follow(model);
    model.notify(Tone::Plain, format!("Fetching the outputs of run {id}"));
    effects.push(Effect::Do(Operation::Fetch(id)));
}

/// Keeps a run selected and visible, and requests older runs before the end of the list is reached.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if follows(model) {
        go_with_what_runs(model);
    }
    let height = layout::page(model, Pane::Runs);
    let pane = &mut model.runs;
    pane.list.settle(&pane.filter);
    let at = pane.list.selected_index().unwrap_or(0);
    pane.scroll = in_sight(pane.scroll, at..at + 1, pane.list.rows.len(), height);
    let older = pane.list.older(&pane.filter, height);
    effects.extend(older.map(|query| Effect::Ask(Question::Runs(query))));
}

/// Selects the run at work until the person selects one.
fn go_with_what_runs(model: &mut Model) {
    let still_open = model.runs.list.selected().is_some_and(|run| run.status.is_in_flight());
    if still_open {
        return;
    }
    let first_in_flight = model.runs.list.rows.iter().rev().find(|row| row.status.is_in_flight());
    if let Some(run) = first_in_flight {
        model.runs.list.selected = Some(run.id);
    }
}

/// Scrolls; the selection stays as long as it is visible.
pub fn wheel(model: &mut Model, wheel: Wheel) {
    let height = layout::page(model, Pane::Runs);
    let scroll = wheel.scroll(model.runs.scroll, model.runs.list.rows.len(), height);
    model.runs.scroll = scroll;
    if let Some(at) = model.runs.list.selected_index()
        && at.clamp(scroll, scroll + height - 1) != at
    {
        choose(model, at.clamp(scroll, scroll + height - 1));
    }
}

/// Clears search and status filter; `false` when there is neither.
pub fn back(model: &mut Model, effects: &mut Effects) -> bool {
    if model.runs.filter.is_empty() {
        return false;
    }
    model.runs.filter.clear();
    search_changed(model, effects);
    true
}
