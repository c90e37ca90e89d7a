//! Running the parameters as they stand.

use crate::domain::Rule;
use crate::domain::draft::Submission;
use crate::report::human;
use crate::tui::command::{Command, Ctx, Scope, Spends, at};
use crate::tui::effect::{Effect, Effects, NewRun, Operation};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::panes::params::FileState;
use crate::tui::panes::params::editing;
use crate::tui::panes::params::update as params;

/// A run key that comes again within this time, with no other key between, is one that is held down.
const HELD_MS: i64 = 700;

pub const RUN: Command = Command {
    places: &[at(Scope::Everywhere, 100)],
    keys: &["ctrl+r", "f5"],
    short: "run",
    long: "Run the parameters as they stand. Spends money",
    spends: Spends::AtOnce,
    when: |model| {
        model.is_settled()?;
        if model.open.profile.is_none() {
            return Err("No profile: where to run is not known. Press P, or quit and type `comfydeck init`");
        }
        if model.draft.params().is_empty() {
            return Err("No workflow is open. Press O to open a workflow_api.json");
        }
        Ok(())
    },
    ..Command::new("run", run)
};

/// Queues a run with the parameters as they stand and gives the keys back at once.
fn run(model: &mut Model, ctx: &Ctx, effects: &mut Effects) {
    let before = model.run_pressed_at.replace(ctx.now);
    if before.is_some_and(|before| ctx.now - before < HELD_MS) {
        return model.notify(Tone::Plain, "Queued once. Let go, then press again for another run");
    }
    if model.params.editing.is_some() && !editing::commit(model, effects) {
        return;
    }
    if let Some(why) = model.open.workflow.as_ref().and_then(|workflow| workflow.unrunnable()) {
        return model.notify(Tone::Bad, format!("Nothing was sent: {why}"));
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
        return;
    }
    let submission = match model.draft.submission() {
        Ok(submission) => submission,
        Err(why) => return model.notify(Tone::Bad, format!("Nothing was sent: {why}")),
    };
    model.draft.sent(&submission);
    let note = note_of_seeds(model, &submission);
    // Who presses run wants to see it run.
    model.runs.chosen = false;
    effects.push(Effect::Do(Operation::Submit(NewRun {
        open: model.open.clone(),
        prompt: model.draft.prompt(),
        preset: Some(model.draft.preset().name.clone()).filter(|name| !name.is_empty()),
        send_workflow: model.send_workflow,
        submission,
        note,
    })));
}

/// What is told of seeds behind `Run 24 queued`.
fn note_of_seeds(model: &Model, submission: &Submission) -> String {
    let name =
        |key| model.draft.param(key).map_or_else(|| format!("{key}"), |p| format!("{} {}", p.group, p.label));
    match submission.by_program().next() {
        Some((key, value, Rule::NewSeed)) => {
            format!(". Nothing was changed, so {} is now {value}", name(key))
        }
        Some((key, value, Rule::Policy(_))) => format!(" with {} {value}", name(key)),
        Some((key, value, rule @ (Rule::AtEnd(_) | Rule::AsItStands))) => {
            format!(": {}", human::by_program(&name(key), value, rule))
        }
        None => String::new(),
    }
}
