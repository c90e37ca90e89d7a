//! Explore: opened over the draft, confirmed, queued.

use std::sync::Arc;

use super::doubts;
use super::submit;
use crate::domain::batch::doubts::{Doubted, with_nearest};
use crate::domain::batch::{self, BatchId, Plan, Variations};
use crate::domain::{ParamKey, Setting, Shape, inputs};
use crate::report::batch as report;
use crate::tui::command::{Command, Ctx, Scope, Spends, at};
use crate::tui::effect::{BatchOrder, Effect, Effects, Operation};
use crate::tui::in_doubt::Wanted;
use crate::tui::model::Model;
use crate::tui::notice::{Notice, Tone};
use crate::tui::overlay::explore::{Explore, FileAnswer, FileQuestion, Offer, told};
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::panes::sheet::update as sheet;

pub const COMMANDS: &[Command] = &[Command {
    places: &[at(Scope::Panes, 56)],
    keys: &["E"],
    short: "explore",
    long: "Explore: run several variations, with other seeds or values. Spends money; asked first",
    spends: Spends::AfterAsking,
    when: submit::can_run,
    ..Command::new("explore", |model, ctx, effects| open(model, Vec::new(), ctx, effects))
}];

/// Opens it over the draft, with what is offered; with nothing, with some seeds.
pub fn open(model: &mut Model, offers: Vec<Offer>, ctx: &Ctx, effects: &mut Effects) {
    if !submit::is_ready(model, effects) {
        return;
    }
    if let Some(first) = model.unsure.first() {
        let why = format!("{first}. Run once, which asks whether to send what is left, then explore");
        return model.notify(Tone::Bad, why);
    }
    let mut explore = Explore::new(&model.draft, offers, ctx.random);
    let wanted = explore.refresh(&model.draft);
    model.overlay = Some(Overlay::Explore(Box::new(explore)));
    read(wanted, effects);
    effects.extend(super::presets::ask_typical(model));
}

/// Has files read that values come from.
pub(super) fn read(wanted: Vec<FileQuestion>, effects: &mut Effects) {
    effects.extend(wanted.into_iter().map(|question| Effect::Do(Operation::ReadValues(question))));
}

/// A file of values was read.
pub(super) fn was_read(model: &mut Model, question: FileQuestion, answer: FileAnswer, effects: &mut Effects) {
    if let Some(Overlay::Explore(explore)) = &mut model.overlay {
        explore.read(question, answer);
        let wanted = explore.refresh(&model.draft);
        read(wanted, effects);
    }
}

/// Asks before these runs are queued; first whether placeholders are meant.
pub(super) fn ask(model: &mut Model, plan: Plan, effects: &mut Effects) {
    let unfilled = unfilled(model, &plan);
    if !submit::ask_about(model, &unfilled, Confirmed::ExploreUnfilled(Box::new(plan.clone()))) {
        ask_if_doubtful(model, plan, effects);
    }
}

/// Asks the same, but first whether to send what the server does not take.
pub(super) fn ask_if_doubtful(model: &mut Model, plan: Plan, effects: &mut Effects) {
    let doubts = doubts(model, &plan);
    if doubts.is_empty() {
        return ask_to_run(model, plan);
    }
    let wanted = Wanted::Batch { plan: Box::new(plan), draft: Box::new(model.draft.clone()) };
    if let Err(Wanted::Batch { plan, .. }) = doubts::ask_server(model, wanted, effects) {
        doubtful(model, *plan, doubts);
    }
}

/// The server was asked again what its nodes take.
pub(super) fn fresh(model: &mut Model, plan: Plan) {
    let doubts = doubts(model, &plan);
    if doubts.is_empty() { ask_to_run(model, plan) } else { doubtful(model, plan, doubts) }
}

/// Asks whether to send what the server does not take.
fn doubtful(model: &mut Model, plan: Plan, doubts: Vec<Doubted>) {
    let nearest = with_nearest(&plan, &doubts).map(Box::new);
    let doubts = doubts.into_iter().map(|found| (found.key, found.doubt)).collect();
    doubts::ask_person(model, doubts, Confirmed::ExploreDoubtful(Box::new(plan), nearest));
}

/// What of the runs of a plan the server does not take.
fn doubts(model: &Model, plan: &Plan) -> Vec<Doubted> {
    let caps = model.open.profile.as_ref().map(|profile| profile.protocol.caps());
    let goes_along = model.send_workflow || caps.is_some_and(|caps| caps.shape == Shape::Graph);
    batch::doubts::doubts(&model.draft, plan, caps.is_none_or(|caps| caps.needs_a_value), goes_along)
}

/// Parameters whose placeholder some run of the plan would send.
fn unfilled(model: &Model, plan: &Plan) -> Vec<ParamKey> {
    let caps = model.open.profile.as_ref().map(|profile| profile.protocol.caps());
    let goes_along = model.send_workflow || caps.is_some_and(|caps| caps.shape == Shape::Graph);
    let has_placeholder = |setting: &Setting| match setting {
        Setting::Value(value) => value.as_str().is_some_and(inputs::has_placeholder),
        Setting::File(_) => false,
    };
    let varied = plan.axes().iter().filter(|axis| axis.settings.iter().any(has_placeholder));
    let mut keys: Vec<ParamKey> = varied.map(|axis| axis.key.clone()).collect();
    let needs_a_value = caps.is_none_or(|caps| caps.needs_a_value);
    // What is not varied is the same in all of them.
    let first = Variations::new(&model.draft, plan.clone(), needs_a_value, 0).at(0);
    let first = first.map(|first| first.submission).unwrap_or_default();
    let is_varied = |key: &ParamKey| plan.axes().iter().any(|axis| axis.keys().any(|varied| varied == key));
    let others = model.draft.unfilled(&first, goes_along).into_iter().map(|found| found.key.clone());
    keys.extend(others.filter(|key| !is_varied(key)));
    keys
}

/// The run key where Explore is open, or its question: how many runs and what they cost stands there, so it is a yes to
/// them. Of what nobody has changed it only asks: the key may have been meant for the draft alone. Returns whether it was
/// for them.
pub(super) fn run_shown(model: &mut Model, effects: &mut Effects) -> bool {
    let order = match &model.overlay {
        Some(Overlay::Confirm(Confirm { then: Confirmed::RunBatch(order), .. })) => order.clone(),
        Some(Overlay::Explore(explore)) => {
            let Some(plan) = explore.plan.as_ref().ok().cloned() else {
                model.notify(Tone::Plain, "Nothing was sent: the values to explore cannot be read yet");
                return true;
            };
            if explore.is_as_offered() {
                ask(model, plan, effects);
                return true;
            }
            let unfilled = unfilled(model, &plan);
            if submit::ask_about(model, &unfilled, Confirmed::ExploreUnfilled(Box::new(plan.clone()))) {
                return true;
            }
            if !doubts(model, &plan).is_empty() {
                model.overlay = None;
                ask_if_doubtful(model, plan, effects);
                return true;
            }
            Box::new(order(model, plan))
        }
        _ => return false,
    };
    model.overlay = None;
    effects.push(Effect::Do(Operation::SubmitBatch(order)));
    true
}

fn order(model: &Model, plan: Plan) -> BatchOrder {
    BatchOrder {
        open: model.open.clone(),
        draft: Arc::new(model.draft.clone()),
        preset: Some(model.draft.preset().name.clone()).filter(|name| !name.is_empty()),
        send_workflow: model.send_workflow,
        plan,
    }
}

/// Asks before these runs are queued.
pub(super) fn ask_to_run(model: &mut Model, plan: Plan) {
    let question = format!("Run {}: {}?", report::runs(plan.len()), report::axes(&plan.outline()));
    let order = order(model, plan);
    let told = told(model, order.plan.len());
    let consequence = match told.starts_with("about") {
        true => format!("It takes {told}."),
        false => format!("Its {told}."),
    };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question,
        consequence,
        yes: "run them",
        then: Confirmed::RunBatch(Box::new(order)),
    }));
}

/// A batch is in the history; `waits` says why nobody looks after it yet.
pub(super) fn queued(
    model: &mut Model,
    batch: BatchId,
    runs: usize,
    waits: Option<String>,
    effects: &mut Effects,
) {
    let notice = match waits {
        None => {
            Notice::answer(Tone::Good, format!("Batch {batch} queued: {}", report::runs(runs)), model.now)
        }
        Some(why) => Notice::news(Tone::Bad, format!("Batch {batch} is queued and waits: {why}"), model.now),
    };
    model.tell(notice);
    if model.overlay.is_none() && model.params.editing.is_none() {
        sheet::open(model, batch, effects);
    }
}
