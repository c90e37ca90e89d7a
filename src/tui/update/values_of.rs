//! Values of earlier runs, one at a time: the seed of the last one, the seed or the prompt of any.

use serde_json::Value;

use crate::domain::inputs::is_seed_name;
use crate::domain::{ParamKey, ParamKind, Role, Run, RunId, Said, SeedPolicy, Setting};
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::effect::{Effect, Effects, Question, Take};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Asking, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::params::update as params;

const HERE: Scope = Scope::Pane(Pane::Parameters);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(HERE, 40)],
        keys: &["f"],
        short: "lock seed",
        long: "Keep the seed that the last run really had; again rolls a new one at each run",
        when: has_seed,
        ..Command::new("lock-seed", |model, _, effects| lock(model, effects))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["alt+f"],
        short: "same seed as run",
        long: "Use the same seed as a run, by its number",
        when: has_seed,
        with_run: Some(|_, run, effects| effects.push(Effect::Ask(Question::Take(Take::Seeds(run))))),
        ..Command::new("same-seed", |model, _, _| ask(model, Asking::SeedOfRun))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["alt+t"],
        short: "prompt of run",
        long: "Use the prompt of a run, by its number",
        when: |model| {
            model.is_settled()?;
            prompt(model).map(drop).ok_or("This workflow has no prompt")
        },
        with_run: Some(|_, run, effects| effects.push(Effect::Ask(Question::Take(Take::Prompt(run))))),
        ..Command::new("same-prompt", |model, _, _| ask(model, Asking::PromptOfRun))
    },
];

fn seeds(model: &Model) -> Vec<ParamKey> {
    let seeds =
        model.draft.params().iter().filter(|param| param.kind == ParamKind::Seed && param.is_editable());
    seeds.map(|param| param.key.clone()).collect()
}

fn prompt(model: &Model) -> Option<ParamKey> {
    let mut params = model.draft.params().iter();
    params
        .find(|param| param.role == Some(Role::Prompt) && param.is_editable())
        .map(|param| param.key.clone())
}

fn has_seed(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    if seeds(model).is_empty() { Err("This workflow has no seed") } else { Ok(()) }
}

/// Locks what the last run had; what is locked rolls again.
fn lock(model: &mut Model, effects: &mut Effects) {
    let seeds = seeds(model);
    let is_locked = |key: &ParamKey| {
        model.draft.policy(key) == SeedPolicy::Fixed && model.draft.edits().any(|(edited, _)| edited == key)
    };
    if seeds.iter().all(is_locked) {
        // The locked number would be sent once more.
        model.draft.reset(&seeds);
        for key in &seeds {
            if model.draft.policy(key) == SeedPolicy::Fixed {
                model.draft.set_policy(key, SeedPolicy::Randomize);
            }
        }
        return model.notify(Tone::Good, "The seed rolls again: another one at each run");
    }
    let Some(hash) = model.open.workflow_hash() else { return };
    let preset = Some(model.draft.preset().name.clone()).filter(|name| !name.is_empty());
    let take = Take::LastSeeds { workflow_hash: hash.to_owned(), preset };
    effects.push(Effect::Ask(Question::Take(take)));
}

fn ask(model: &mut Model, purpose: Asking) {
    let text = model.runs.list.selected.map(|run| run.to_string()).unwrap_or_default();
    model.overlay = Some(Overlay::prompt(purpose, &text));
}

/// A number was typed; what is none was refused before.
pub(super) fn entered(text: &str, take: impl Fn(RunId) -> Take, effects: &mut Effects) {
    if let Ok(run) = text.parse() {
        effects.push(Effect::Ask(Question::Take(take(run))));
    }
}

/// The run is here, and what is wanted of it becomes part of the draft.
pub(super) fn arrived(model: &mut Model, take: Take, run: Option<Box<Run>>, effects: &mut Effects) {
    let Some(run) = run else {
        let told = match take {
            Take::LastSeeds { .. } => "There is no run of this yet, so no seed to lock".to_owned(),
            Take::Seeds(run) | Take::Prompt(run) => format!("Run {run} is not in the history"),
        };
        return model.notify(Tone::Bad, told);
    };
    match take {
        Take::LastSeeds { .. } => {
            if let Some(told) = take_seeds(model, &run, effects) {
                for key in seeds(model) {
                    model.draft.set_policy(&key, SeedPolicy::Fixed);
                }
                model.notify(
                    Tone::Good,
                    format!("Locked the seed of run {}: {told}. The same key rolls again", run.id),
                );
            }
        }
        Take::Seeds(_) => {
            if let Some(told) = take_seeds(model, &run, effects) {
                model.notify(Tone::Good, format!("Seed of run {}: {told}", run.id));
            }
        }
        Take::Prompt(_) => take_prompt(model, &run, effects),
    }
}

/// Takes the seeds of a run by their keys, else its first one for the first. Returns what they are.
fn take_seeds(model: &mut Model, run: &Run, effects: &mut Effects) -> Option<String> {
    let sent = |key: &ParamKey| run.request.params.get(key).filter(|sent| sent.is_number()).cloned();
    let mine = seeds(model);
    let mut taken: Vec<(ParamKey, Value)> =
        mine.iter().filter_map(|key| Some((key.clone(), sent(key)?))).collect();
    if taken.is_empty() {
        let first =
            run.request.params.iter().find(|(key, sent)| is_seed_name(key.input()) && sent.is_number());
        taken.extend(mine.first().cloned().zip(first.map(|(_, sent)| sent.clone())));
    }
    let Some((key, _)) = taken.first().cloned() else {
        model.notify(Tone::Bad, format!("Run {} sent no seed: the server chose one", run.id));
        return None;
    };
    let told: Vec<String> = taken.iter().map(|(_, seed)| seed.to_string()).collect();
    let settings = taken.into_iter().map(|(key, seed)| (key, Setting::Value(seed)));
    model.draft.say(settings, Said::Run(run.id));
    params::changed(model, &key, effects);
    Some(told.join(", "))
}

/// Takes the prompt as it was typed, with its choices.
fn take_prompt(model: &mut Model, run: &Run, effects: &mut Effects) {
    let Some(key) = prompt(model) else { return };
    let template = run.request.templates.as_ref().and_then(|templates| templates.texts.get(&key)).cloned();
    let sent = run.request.params.get(&key).and_then(Value::as_str).map(str::to_owned);
    let is_template = template.is_some();
    let text = template.or(sent).unwrap_or_else(|| run.request.prompt.clone());
    if text.is_empty() {
        return model.notify(Tone::Bad, format!("Run {} sent no prompt", run.id));
    }
    model.draft.take_text(&key, text, is_template, Said::Run(run.id));
    params::changed(model, &key, effects);
    model.notify(Tone::Good, format!("The prompt of run {}", run.id));
}
