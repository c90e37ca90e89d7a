//! Messages and selection of the sheet.

use super::grid::SheetGrid;
use super::{SheetPage, SheetQuery, SheetRun};
use crate::domain::batch::{Batch, BatchId, Hold};
use crate::domain::spend::cost;
use crate::domain::{About, ParamKey, ParamKind, Remark, Role, RunSummary, Status};
use crate::report::batch as report;
use crate::tui::effect::{Effect, Effects, KeepRun, Operation, Question};
use crate::tui::model::Model;
use crate::tui::motion::{Motion, Wheel};
use crate::tui::notice::{Notice, Subject, Tone};
use crate::tui::overlay::explore::Offer;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::tiles::{thumb_orders, want_thumbs};
use crate::tui::panes::output::update as output;
use crate::tui::panes::params::update as params;

/// Goes to the sheet of the selected batch, else of the last that was seen; or back from it.
pub fn toggle(model: &mut Model, effects: &mut Effects) {
    if model.focus == Pane::Sheet {
        return leave(model);
    }
    let selected = model.runs.list.selected().and_then(|run| run.batch).map(|at| at.batch);
    match selected.or(model.sheet.batch).or_else(|| model.runs.batches.keys().max().copied()) {
        Some(batch) => open(model, batch, effects),
        None => model.notify(Tone::Plain, "There is no batch yet. Press E to explore"),
    }
}

/// Shows a batch; the sheet leads back to where the person is now.
pub fn open(model: &mut Model, batch: BatchId, effects: &mut Effects) {
    let came_from = if model.focus.is_full_screen() { model.sheet.came_from } else { model.focus };
    if model.sheet.batch != Some(batch) {
        model.sheet = super::SheetPane { batch: Some(batch), zoom: model.sheet.zoom, ..Default::default() };
        model.gallery.marked.clear();
        model.gallery.is_shape_known = false;
    }
    model.sheet.came_from = came_from;
    model.go_to(Pane::Sheet);
    reload(model, effects);
}

pub fn leave(model: &mut Model) {
    let back = model.sheet.came_from;
    model.go_to(back);
}

/// The runs that are wanted now: those that are seen, and a page before and after.
fn wanted(model: &Model) -> Option<SheetQuery> {
    let (batch, grid) = (model.sheet.batch?, SheetGrid::of(model)?.tiles);
    let first = (model.sheet.scroll * grid.columns).saturating_sub(grid.page());
    Some(SheetQuery { batch, first, count: 3 * grid.page() })
}

/// Reads the runs again, if somebody looks at them.
pub fn reload(model: &mut Model, effects: &mut Effects) {
    if model.focus != Pane::Sheet {
        return;
    }
    let Some(query) = wanted(model) else { return };
    if model.sheet.fetch.want() {
        model.sheet.asked = query;
        model.sheet.failed = false;
        effects.push(Effect::Ask(Question::Sheet(query)));
    }
}

pub fn loaded(model: &mut Model, page: SheetPage, effects: &mut Effects) {
    model.is_in_order(Subject::History);
    let is_old = model.sheet.fetch.arrived();
    if model.sheet.batch == Some(page.query.batch) {
        let sheet = &mut model.sheet;
        (sheet.first, sheet.runs) = (page.query.first, page.runs);
        (sheet.state, sheet.outline) = (Some(page.state), page.outline);
        // How long they take is known once one has ended.
        let has_ended =
            sheet.state.as_ref().is_some_and(|state| state.count(|status| status == Status::Done) > 0);
        let hash = sheet.runs.first().map(|run| run.run.workflow_hash.clone());
        let unknown = hash.filter(|hash| has_ended && !model.usual.contains_key(hash));
        effects.extend(unknown.map(|hash| Effect::Ask(Question::Typical(hash))));
    }
    if is_old {
        reload(model, effects);
    }
}

/// What is shown stays.
pub fn not_read(model: &mut Model, why: String, effects: &mut Effects) {
    model.tell(Notice::news(Tone::Bad, why, model.now).about(Subject::History));
    model.sheet.failed = true;
    if model.sheet.fetch.arrived() {
        reload(model, effects);
    }
}

/// Goes to the run, with its output shown.
pub fn look(model: &mut Model) {
    let Some(SheetRun { run, output: tile, .. }) = model.sheet.selected() else { return };
    let (run, card) = (run.id, tile.as_ref().map(|tile| tile.card.id));
    model.runs.list.go_to(run);
    model.runs.chosen = true;
    match card {
        Some(card) => output::go_to(model, card),
        None => model.go_to(Pane::Details),
    }
    model.came_from = Some(Pane::Sheet);
}

/// What a batch's runs that still wait would have cost.
fn waiting_cost(model: &Model, run: &RunSummary) -> Option<f64> {
    let waiting = model.sheet.state.as_ref()?.count(|status| status == Status::Queued);
    let usual = model.usual.get(&run.workflow_hash)?;
    let ms = usual.run_ms.saturating_mul(i64::try_from(waiting).unwrap_or(i64::MAX));
    Some(cost(ms, run.cost_per_second?)).filter(|_| waiting > 0)
}

/// What the key that keeps this run will save, for its hint.
pub fn savings(model: &Model) -> Option<String> {
    waiting_cost(model, &model.sheet.selected()?.run).map(report::money)
}

/// The run's values become the draft, and what of the batch still waits is cancelled.
pub fn keep_this(model: &mut Model, effects: &mut Effects) {
    let (Some(batch), Some(run)) = (model.sheet.batch, model.sheet.selected()) else { return };
    let keep =
        KeepRun { run: run.run.id, batch, open: model.open.clone(), saves: waiting_cost(model, &run.run) };
    effects.push(Effect::Do(Operation::KeepRun(keep)));
    if let Some(tile) = run.output.as_ref().filter(|tile| !tile.card.starred) {
        effects.push(Effect::Do(Operation::Note(vec![Remark::Star(About::Output(tile.card.id), true)])));
    }
    if let Some(key) = next_change(model) {
        params::select(model, &key);
    }
    model.go_to(Pane::Parameters);
}

/// What a person changes next when they keep one of these runs: what was varied last, and of seeds alone the prompt.
fn next_change(model: &Model) -> Option<ParamKey> {
    let is_seed = |key: &ParamKey| model.draft.param(key).is_some_and(|param| param.kind == ParamKind::Seed);
    let varied = model.sheet.outline.axes.iter().map(|axis| &axis.key).rfind(|key| !is_seed(key));
    let prompt = || model.draft.params().iter().find(|param| param.role == Some(Role::Prompt));
    varied.cloned().or_else(|| prompt().map(|prompt| prompt.key.clone()))
}

/// Explores again from a run: its values become the draft, and its numbers are varied within half the way to their
/// neighbours.
pub fn around(model: &mut Model, effects: &mut Effects) {
    let Some(run) = model.sheet.selected() else { return };
    let run = run.run.id;
    let offers = closer(model);
    effects.push(Effect::Do(Operation::ReadSettings(run, model.open.clone())));
    model.explore_next = Some(offers);
    model.go_to(Pane::Parameters);
}

/// The axes of the batch, closer around the selected run. A batch of seeds alone goes on with its cfg.
fn closer(model: &Model) -> Vec<Offer> {
    let outline = &model.sheet.outline;
    let at = outline.places(model.sheet.selected);
    let mut offers: Vec<Offer> = Vec::new();
    for (axis, at) in outline.axes.iter().zip(at) {
        let is_number = model
            .draft
            .param(&axis.key)
            .is_some_and(|p| matches!(p.kind, ParamKind::Integer | ParamKind::Float));
        let numbers: Vec<f64> = axis.values.iter().filter_map(|value| value.parse().ok()).collect();
        if !is_number || numbers.len() != axis.values.len() {
            continue;
        }
        let here = numbers[at];
        let distance = |other: &f64| (other - here).abs();
        let nearest = numbers.iter().map(distance).filter(|distance| *distance > 0.0).min_by(f64::total_cmp);
        if let Some(nearest) = nearest {
            offers.push((axis.key.clone(), format!("±{}:5", short(nearest / 2.0))));
        }
    }
    if offers.is_empty() {
        let cfg = model.draft.params().iter().find(|p| p.role == Some(Role::Cfg) && p.is_editable());
        offers.extend(cfg.map(|parameter| (parameter.key.clone(), "±20%".to_owned())));
    }
    offers
}

fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Holds what waits, or lets it go on.
pub fn hold(model: &mut Model, effects: &mut Effects) {
    if let Some(state) = model.sheet.state.clone() {
        hold_batch(model, &state, effects);
    }
}

pub fn hold_batch(model: &mut Model, state: &Batch, effects: &mut Effects) {
    let operation = match state.held {
        Some((hold @ (Hold::BatchCost | Hold::Queueing), _)) => {
            let why = format!("Batch {} is {}", state.id, hold.why());
            let remedy = hold.remedy(state.id).map(|remedy| format!(". {remedy}")).unwrap_or_default();
            return model.notify(Tone::Plain, why + &remedy);
        }
        // The config may allow more by now, and the day be another; else it is held again, and says so.
        Some((Hold::Asked | Hold::DayCost | Hold::Secrets, _)) => Operation::ResumeBatch(state.id),
        None if state.count(|status| status == Status::Queued) > 0 => Operation::HoldBatch(state.id),
        None => return model.notify(Tone::Plain, "Nothing of this batch waits"),
    };
    effects.push(Effect::Do(operation));
}

pub fn ask_cancel(model: &mut Model) {
    if let Some(state) = model.sheet.state.clone() {
        confirm_cancel(model, &state);
    }
}

/// Asks whether to cancel what of a batch has not ended.
pub fn confirm_cancel(model: &mut Model, batch: &Batch) {
    let waiting = batch.count(|status| status == Status::Queued);
    let working = batch.count(Status::is_in_flight);
    if waiting + working == 0 {
        return model.notify(Tone::Plain, "Every run of this batch has ended");
    }
    let consequence = match working {
        0 => "They have not been sent, so they cost nothing.".to_owned(),
        working => format!(
            "{working} in flight are stopped where the server can; what they cost until then is paid."
        ),
    };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Cancel the rest of batch {}: {}?", batch.id, report::runs(waiting + working)),
        consequence,
        yes: "cancel them",
        then: Confirmed::CancelBatch(batch.id),
    }));
}

pub fn ask_retry(model: &mut Model) {
    let Some(state) = &model.sheet.state else { return };
    let failed = state.count(|status| status == Status::Failed);
    if failed == 0 {
        return model.notify(Tone::Plain, "No run of this batch has failed");
    }
    let told = crate::tui::overlay::explore::told(model, failed);
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Run the failed runs again: {}?", report::runs(failed)),
        consequence: format!("Each exactly as it was; {told}."),
        yes: "run them",
        then: Confirmed::RetryBatch(state.id),
    }));
}

pub fn first(model: &mut Model, effects: &mut Effects) {
    let Some(run) = model.sheet.selected() else { return };
    if run.run.status == Status::Queued {
        effects.push(Effect::Do(Operation::RunFirst(run.run.id)));
    } else {
        model.notify(Tone::Plain, "This run does not wait any more");
    }
}

/// Larger tiles, or smaller ones.
pub fn zoom(model: &mut Model, by: i16) {
    let Some(before) = SheetGrid::of(model) else { return };
    if !before.along_axes {
        model.sheet.columns = Some(before.tiles.resized(isize::from(-by)));
        return;
    }
    model.sheet.zoom += by;
    if SheetGrid::of(model) == Some(before) {
        model.sheet.zoom -= by;
    }
}

pub fn moved(model: &mut Model, motion: Motion) {
    if let Some(SheetGrid { tiles, .. }) = SheetGrid::of(model) {
        choose(model, tiles.moved(model.sheet.selected, motion, model.sheet.count()));
    }
}

pub fn choose(model: &mut Model, place: usize) {
    model.sheet.selected = place;
}

pub fn wheel(model: &mut Model, wheel: Wheel) {
    if let Some(SheetGrid { tiles, .. }) = SheetGrid::of(model) {
        let sheet = &mut model.sheet;
        let count = sheet.count();
        (sheet.scroll, sheet.selected) = tiles.wheeled(sheet.scroll, wheel, sheet.selected, count);
    }
}

/// The place in the batch of the run at a cell.
pub fn index_at(model: &Model, x: u16, y: u16) -> Option<usize> {
    let SheetGrid { tiles, .. } = SheetGrid::of(model)?;
    let at = model.sheet.scroll * tiles.columns + tiles.at(x, y)?;
    (at < model.sheet.count()).then_some(at)
}

/// Keeps a run selected and in sight, and asks for what is seen.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if model.focus != Pane::Sheet {
        return;
    }
    let Some(SheetGrid { tiles, .. }) = SheetGrid::of(model) else { return };
    let sheet = &mut model.sheet;
    let count = sheet.count();
    sheet.selected = sheet.selected.min(count.saturating_sub(1));
    sheet.scroll = tiles.in_sight(sheet.scroll, sheet.selected, count);
    let is_other = wanted(model).is_some_and(|query| query != model.sheet.asked);
    if is_other && model.sheet.fetch == crate::tui::fetch::Fetch::Idle && !model.sheet.failed {
        reload(model, effects);
    }
    let first = model.sheet.scroll * tiles.columns;
    let near = (first..first + tiles.page()).filter_map(|place| model.sheet.at(place)?.output.as_ref());
    want_thumbs(model, tiles.picture, thumb_orders(near), effects);
}
