//! Running the parameters as they stand.

use std::path::PathBuf;

use super::doubts;
use crate::domain::draft::Submission;
use crate::domain::{ParamKey, Parameter, Rule, RunId, Said, Setting, Shape, Status};
use crate::report::human;
use crate::tui::command::{Ctx, Reason};
use crate::tui::effect::{Effect, Effects, NewRun, Operation};
use crate::tui::in_doubt::Wanted;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::open::OpenFile;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::panes::params::FileState;
use crate::tui::panes::params::editing;
use crate::tui::panes::params::update as params;
use crate::tui::panes::runs::update as runs;

/// Whether there is something to run, and somewhere to run it.
///
/// # Errors
/// What is missing.
pub(super) fn can_run(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    if model.open.profile.is_none() {
        return Err("No profile, so there is nowhere to run. Press P, or quit and run `comfydeck init`");
    }
    if model.draft.params().is_empty() {
        return Err("No workflow is open. Press O to open a workflow_api.json");
    }
    Ok(())
}

/// Takes in what is being typed, and says what stands in the way of a run; `false` when something does.
pub(super) fn is_ready(model: &mut Model, effects: &mut Effects) -> bool {
    if model.params.editing.is_some() && !editing::commit(model, effects) {
        return false;
    }
    if let Some(why) = model.open.workflow.as_ref().and_then(|workflow| workflow.unrunnable()) {
        model.notify(Tone::Bad, format!("Nothing was sent: {why}"));
        return false;
    }
    let bad_file = model.draft.params().iter().find_map(|p| match model.params.files.get(&p.key) {
        Some(FileState::Bad(why)) => Some((p.key.clone(), why.clone())),
        _ => None,
    });
    if let Some((key, why)) = bad_file {
        params::select(model, &key);
        // It may be there by now: the next press finds out.
        params::changed(model, &key, effects);
        model.notify(Tone::Bad, format!("Nothing was sent: {why}"));
        return false;
    }
    true
}

/// Queues a run with the parameters as they stand and gives the keys back at once.
pub(super) fn run_now(model: &mut Model, effects: &mut Effects) {
    run_as(model, Agreed::Nothing, false, effects);
}

/// Queues a run since a file of it was saved. Returns whether it did.
pub(super) fn by_watch(model: &mut Model, effects: &mut Effects) -> bool {
    let before = effects.len();
    run_as(model, Agreed::Nothing, true, effects);
    effects[before..].iter().any(|effect| matches!(effect, Effect::Do(Operation::Submit(_))))
}

/// What a person has said yes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Agreed {
    Nothing,
    /// Placeholders are sent as written.
    Unfilled,
    /// The same, and the server was just asked what its nodes take.
    Fresh,
    /// Values that the server does not take are sent, too.
    Doubtful,
}

fn run_as(model: &mut Model, agreed: Agreed, watched: bool, effects: &mut Effects) {
    if !is_ready(model, effects) {
        return;
    }
    if let Some(first) = model.unsure.first() {
        let more = match model.unsure.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        model.overlay = Some(Overlay::Confirm(Confirm {
            question: format!("Send the rest of the preset? {first}{more}"),
            consequence: "Parts of the preset could not be understood. Messages (!) list them.".to_owned(),
            yes: "send it",
            then: Confirmed::RunUnsure,
        }));
        return;
    }
    let caps = model.open.profile.as_ref().map(|profile| profile.protocol.caps());
    let submission = match model.draft.submission(caps.is_none_or(|caps| caps.needs_a_value)) {
        Ok(submission) => submission,
        Err(why) => return model.notify(Tone::Bad, format!("Nothing was sent: {why}")),
    };
    let goes_along = model.send_workflow || caps.is_some_and(|caps| caps.shape == Shape::Graph);
    if agreed < Agreed::Unfilled && ask_to_fill(model, &submission, goes_along) {
        return;
    }
    if agreed < Agreed::Doubtful {
        let doubts = doubts::of_run(model, &submission, goes_along);
        if !doubts.is_empty() {
            let wanted = Wanted::Run(Box::new(submission));
            let is_asked = agreed == Agreed::Fresh || watched;
            if is_asked || doubts::ask_server(model, wanted, effects).is_err() {
                let nearest = doubts::nearest(&doubts);
                doubts::ask_person(model, doubts, Confirmed::RunDoubtful(nearest));
            }
            return;
        }
    }
    model.draft.sent(&submission);
    let mut note = note_of_seeds(model, &submission);
    if model.runs.is_first() {
        note += &format!(". Outputs go to {}", model.outputs().display());
    }
    runs::follow(model);
    effects.push(Effect::Do(Operation::Submit(NewRun {
        open: model.open.clone(),
        prompt: model.draft.prompt(),
        preset: Some(model.draft.preset().name.clone()).filter(|name| !name.is_empty()),
        send_workflow: model.send_workflow,
        submission,
        note,
        ask_if_same: !model.same_unasked,
        ask_if_changed: true,
        watched,
    })));
}

/// Asks before placeholders are sent. Returns whether there are any.
fn ask_to_fill(model: &mut Model, submission: &Submission, goes_along: bool) -> bool {
    let unfilled = model.draft.unfilled(submission, goes_along);
    let keys: Vec<ParamKey> = unfilled.into_iter().map(|parameter| parameter.key.clone()).collect();
    ask_about(model, &keys, Confirmed::RunUnfilled)
}

/// Asks before placeholders of these parameters are sent. Returns whether there are any.
pub(super) fn ask_about(model: &mut Model, unfilled: &[ParamKey], then: Confirmed) -> bool {
    /// Most names in a question.
    const MOST: usize = 3;
    let Some(first) = unfilled.first().cloned() else { return false };
    let unfilled: Vec<&Parameter> = unfilled.iter().filter_map(|key| model.draft.param(key)).collect();
    let mut names: Vec<&str> =
        unfilled.iter().take(MOST).map(|parameter| model.draft.name(parameter)).collect();
    let more = format!("{} more", unfilled.len().saturating_sub(MOST));
    if unfilled.len() > MOST {
        names.push(&more);
    }
    let question = format!("Send what is still to be filled in ({})?", names.join(", "));
    params::select(model, &first);
    model.overlay = Some(Overlay::Confirm(Confirm {
        question,
        consequence: "The server gets the text in braces, not a value.".to_owned(),
        yes: "send as written",
        then,
    }));
    true
}

/// The server was asked again what its nodes take. What was typed meanwhile would be another run than the one that was asked for.
pub(super) fn fresh(model: &mut Model, wanted: &Submission, effects: &mut Effects) {
    let caps = model.open.profile.as_ref().map(|profile| profile.protocol.caps());
    let now = model.draft.submission(caps.is_none_or(|caps| caps.needs_a_value));
    if model.params.editing.is_some() || now.as_ref() != Ok(wanted) {
        return model.notify(Tone::Plain, "Not sent: values were changed while the server was asked");
    }
    run_as(model, Agreed::Fresh, false, effects);
}

/// After confirming to send values that the server does not take.
pub(super) fn doubtful(model: &mut Model, effects: &mut Effects) {
    run_as(model, Agreed::Doubtful, false, effects);
}

/// The nearest values that the server takes are sent instead.
pub(super) fn with_nearest(model: &mut Model, nearest: Vec<(ParamKey, Setting)>, effects: &mut Effects) {
    model.draft.say(nearest, Said::Typed);
    run_now(model, effects);
}

/// After confirming to send placeholders.
pub(super) fn unfilled(model: &mut Model, effects: &mut Effects) {
    run_as(model, Agreed::Unfilled, false, effects);
}

/// After confirming to send the rest of a preset; not asked again while it is open.
pub(super) fn unsure(model: &mut Model, effects: &mut Effects) {
    model.unsure.clear();
    run_now(model, effects);
}

/// A run was not queued, for nothing differs from one that is done or about to be.
pub(super) fn same(model: &mut Model, run: RunId, status: Status, order: Box<NewRun>) {
    if order.watched {
        not_by_watch(model, &order);
        let told = format!("Saved; nothing differs from run {run}, so it is not run again");
        return model.report(Tone::Plain, told);
    }
    if model.overlay.is_some() || model.params.editing.is_some() {
        not_sent(model, &order);
        return model.notify(Tone::Plain, format!("Not queued: nothing differs from run {run}"));
    }
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Nothing differs from run {run} ({}). Run it again?", status.word()),
        consequence: "The result will most likely be the same, and costs once more.".to_owned(),
        yes: "run again",
        then: Confirmed::RunSame { order, has_seed: model.draft.has_deciding_seed() },
    }));
}

/// A run of a watch was not queued.
fn not_by_watch(model: &mut Model, order: &NewRun) {
    not_sent(model, order);
    if let Some(watching) = &mut model.watching {
        watching.not_sent();
    }
}

/// A no to running the same again.
pub(super) fn not_sent(model: &mut Model, order: &NewRun) {
    model.draft.not_sent(&order.submission);
    model.notice = None;
}

/// The open files changed on disk; if there is an order, it was not queued.
pub(super) fn changed_on_disk(
    model: &mut Model,
    changed: &[PathBuf],
    files: Vec<OpenFile>,
    order: Option<Box<NewRun>>,
) {
    // A watch reads them again by itself.
    match &order {
        Some(order) if order.watched => {
            return not_by_watch(model, order);
        }
        None if model.watching.is_some() => return,
        Some(_) | None => {}
    }
    // After a no, the same change is not asked about again.
    model.open.files = files.into();
    let names: Vec<_> = changed.iter().map(|path| path.display().to_string()).collect();
    let changed = format!("{} changed on disk", names.join(" and "));
    if model.overlay.is_some() || model.params.editing.is_some() {
        if let Some(order) = &order {
            not_sent(model, order);
        }
        return model.report(Tone::Bad, format!("{changed} since it was opened"));
    }
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("{changed}. Read it again?"),
        consequence: match order {
            Some(_) => "Nothing was sent. Reading it again keeps your changes.",
            None => "Your changes stay.",
        }
        .to_owned(),
        yes: "read it again",
        then: Confirmed::Reload(order),
    }));
}

/// A run of what is shown, though its files have changed.
pub(super) fn as_shown(model: &mut Model, order: NewRun, effects: &mut Effects) {
    runs::follow(model);
    effects.push(Effect::Do(Operation::Submit(NewRun { ask_if_changed: false, ..order })));
}

/// A yes to running the same again.
pub(super) fn again(model: &mut Model, order: NewRun, effects: &mut Effects) {
    runs::follow(model);
    effects.push(Effect::Do(Operation::Submit(NewRun { ask_if_same: false, ..order })));
}

/// The same with another seed, where there is one that decides.
pub(super) fn with_new_seed(model: &mut Model, order: &NewRun, ctx: &Ctx, effects: &mut Effects) {
    not_sent(model, order);
    if model.draft.new_seed(ctx.random) {
        run_now(model, effects);
    } else {
        model.notify(Tone::Plain, "This workflow has no seed that decides: change a value, then run");
    }
}

/// The text about seeds after `Run 24 queued`.
fn note_of_seeds(model: &Model, submission: &Submission) -> String {
    let name =
        |key| model.draft.param(key).map_or_else(|| format!("{key}"), |p| format!("{} {}", p.group, p.label));
    let mut seeds = submission.by_program().filter(|(_, _, rule)| *rule != Rule::Brought);
    match seeds.next() {
        Some((key, value, Rule::NewSeed)) => {
            format!(". Nothing was changed, so {} is now {value}", name(key))
        }
        Some((key, value, Rule::Policy(_))) => format!(" with {} {value}", name(key)),
        Some((key, value, rule @ (Rule::AtEnd(_) | Rule::AsItStands))) => {
            format!(": {}", human::by_program(&name(key), value, rule))
        }
        // What a choice brought stands in the list.
        Some((_, _, Rule::Brought)) | None => String::new(),
    }
}
