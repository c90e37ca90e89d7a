//! Passes an overlay's answer to the code that opened it.

use super::{
    expansions, explore, import, layers, lineage, notebook, palette, presets, submit, values_of, watch,
};
use crate::tui::command::Ctx;
use crate::tui::effect::{Effect, Effects, Operation, ReadNodes, Take};
use crate::tui::in_doubt::Wanted;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::open::ProfileChoice;
use crate::tui::overlay::keys::Answer;
use crate::tui::overlay::{Asking, Choosing, Confirmed, Overlay, PickerItem};
use crate::tui::panes::log::update as log;
use crate::tui::panes::output::uses as outputs;
use crate::tui::panes::params::piping;
use crate::tui::panes::params::recall;
use crate::tui::panes::params::update as params;
use crate::tui::panes::runs::search;
use crate::tui::panes::runs::update as runs;
use crate::tui::panes::server::update as server;

pub(super) fn hear(model: &mut Model, answer: Answer, ctx: &Ctx, effects: &mut Effects) {
    match answer {
        Answer::Nothing => {}
        Answer::Do(command) => command.perform(model, ctx, effects),
        Answer::Typed(purpose, text) => typed(model, &purpose, text, effects),
        Answer::Entered(purpose, text) => entered(model, purpose, &text, ctx, effects),
        Answer::Left(purpose, before) => left(model, &purpose, before, effects),
        Answer::Chosen(purpose, item) => chosen(model, purpose, item, ctx, effects),
        Answer::Marked(key, marked) => params::marked(model, &key, &marked, effects),
        Answer::Narrowed(key, typed) => effects.extend(recall::ask(model, &key, typed)),
        Answer::RunOf(run) => recall::run_taken(model, run, effects),
        Answer::Forget(name) => search::forget(model, name, effects),
        Answer::Rename(preset) => presets::ask_new_name(model, preset),
        Answer::Delete(preset) => presets::ask_delete(model, &preset),
        Answer::Yes(then) => confirmed(model, then, ctx, effects),
        Answer::No(then) => declined(model, &then),
        Answer::Load(shown) => import::load(model, &shown.imported, &shown.fit, effects),
        Answer::Open(shown) => import::ask_to_open(model, shown.imported, effects),
        Answer::Explored(wanted) => explore::read(wanted, effects),
        Answer::Explore(plan, _) => explore::ask(model, *plan, effects),
        Answer::ReadLayer(preset) => {
            effects.push(Effect::Do(Operation::ReadLayer(preset, model.open.clone())));
        }
        Answer::Lay(shown) => layers::lay(model, *shown, effects),
        Answer::Expand(shown) => expansions::again(model, shown, effects),
        Answer::ToggleExpand(shown) => expansions::toggle(model, shown),
        Answer::Say(text) => model.notify(Tone::Plain, text),
    }
}

/// Filters apply while they are typed.
fn typed(model: &mut Model, purpose: &Asking, text: String, effects: &mut Effects) {
    match purpose {
        Asking::ParamFilter => params::filter(model, text),
        Asking::RunSearch => search::typed(model, &text, effects),
        Asking::WorkflowPath | Asking::ImportPath => effects.push(Effect::Do(Operation::CompletePath(text))),
        Asking::LogSearch => log::typed(model, text, effects),
        Asking::PresetName
        | Asking::DifferenceName
        | Asking::Alias(_)
        | Asking::RenamePreset(_)
        | Asking::SearchName
        | Asking::SeedOfRun
        | Asking::PromptOfRun
        | Asking::Tags(_)
        | Asking::BatchTags(..)
        | Asking::BatchNote(..)
        | Asking::Note(_) => {}
    }
}

/// Leaving a filter that was applied while it was typed brings back the one before.
fn left(model: &mut Model, purpose: &Asking, before: String, effects: &mut Effects) {
    match purpose {
        Asking::ParamFilter => model.params.filter = before,
        Asking::RunSearch => search::left(model, &before, effects),
        Asking::LogSearch => log::left(model),
        Asking::PresetName
        | Asking::DifferenceName
        | Asking::Alias(_)
        | Asking::RenamePreset(_)
        | Asking::SearchName
        | Asking::SeedOfRun
        | Asking::PromptOfRun
        | Asking::Tags(_)
        | Asking::BatchTags(..)
        | Asking::BatchNote(..)
        | Asking::Note(_)
        | Asking::WorkflowPath
        | Asking::ImportPath => {}
    }
}

fn entered(model: &mut Model, purpose: Asking, text: &str, ctx: &Ctx, effects: &mut Effects) {
    match purpose {
        Asking::ParamFilter => {}
        Asking::RunSearch => search::entered(model, text, effects),
        Asking::SearchName => search::name_entered(model, text, ctx.keys, effects),
        Asking::LogSearch => log::entered(model, text, effects),
        Asking::PresetName => presets::name_entered(model, text, effects),
        Asking::DifferenceName => layers::name_entered(model, text, effects),
        Asking::Alias(key) => layers::alias_entered(model, &key, text),
        Asking::RenamePreset(from) => {
            effects.push(Effect::Do(Operation::RenamePreset { from, to: text.to_owned() }))
        }
        Asking::SeedOfRun => values_of::entered(text, Take::Seeds, effects),
        Asking::PromptOfRun => values_of::entered(text, Take::Prompt, effects),
        Asking::Tags(run) => notebook::tags_entered(model, run, text, effects),
        Asking::Note(run) => notebook::note_entered(model, run, text, effects),
        Asking::BatchTags(batch, before) => notebook::batch_tags_entered(batch, &before, text, effects),
        Asking::BatchNote(batch, before) => notebook::batch_note_entered(batch, before, text, effects),
        Asking::WorkflowPath => presets::path_entered(model, text, effects),
        Asking::ImportPath => {
            effects.push(Effect::Do(Operation::Import(text.into(), model.open.schema_origin())));
        }
    }
}

fn chosen(model: &mut Model, purpose: Choosing, item: PickerItem, ctx: &Ctx, effects: &mut Effects) {
    match purpose {
        Choosing::Command => palette::chosen(model, &item, ctx, effects),
        Choosing::Preset => presets::chosen(model, item, effects),
        Choosing::Workflow if item.is_open => {}
        Choosing::Workflow => presets::open_workflow(model, item.id.into(), effects),
        Choosing::Profile => {
            // From now on presets do not change it.
            model.profile_choice = ProfileChoice::named(item.id.clone());
            effects.push(Effect::Do(Operation::UseProfile(item.id)));
        }
        Choosing::Recall(key) => recall::taken(model, &key, &item, effects),
        Choosing::Kin(_) => lineage::chosen(model, &item),
        Choosing::Search => search::chosen(model, &item.id, effects),
        Choosing::Status => runs::show_status(model, &item.id, effects),
        Choosing::Value(key) => params::chosen(model, &key, &item, effects),
        // What is marked is taken as a whole.
        Choosing::Several(_) => {}
        Choosing::Output(wanted) => outputs::take(model, &item.id, wanted, effects),
        Choosing::Pipe(key) => piping::begin(model, key, &item.id, effects),
        Choosing::CopyAs(run) => effects.extend(runs::copied_as(run, &item.id)),
        Choosing::InputFor(path) => outputs::put(model, &path, &item.id, effects),
    }
}

fn declined(model: &mut Model, then: &Confirmed) {
    match then {
        Confirmed::RunSame { order, .. } | Confirmed::Reload(Some(order)) => submit::not_sent(model, order),
        _ => {}
    }
}

fn confirmed(model: &mut Model, then: Confirmed, ctx: &Ctx, effects: &mut Effects) {
    match then {
        Confirmed::Command(name) => {
            if let Some(command) = ctx.keys.command(name) {
                command.perform(model, ctx, effects);
            }
        }
        Confirmed::Cancel(run) => runs::cancel_now(model, run, effects),
        Confirmed::LetGo(run) => effects.push(Effect::Do(Operation::LetGo(run))),
        Confirmed::Repeat(run) => {
            runs::follow(model);
            effects.push(Effect::Do(Operation::Repeat(run, model.open.profile.clone())));
        }
        Confirmed::DeletePreset(name) => effects.push(Effect::Do(Operation::DeletePreset(name))),
        Confirmed::LoadPreset(name) => presets::open_preset(model, name, effects),
        Confirmed::OpenWorkflow(path) => presets::open_workflow(model, path, effects),
        Confirmed::OverwritePreset(name) => effects.push(presets::save_effect(model, &name, true)),
        Confirmed::ResetAll => params::reset_all_confirmed(model, effects),
        Confirmed::OpenGraph(imported) => import::open(model, *imported, effects),
        Confirmed::DeleteOutput(id) => effects.push(Effect::Do(Operation::DeleteOutput(id))),
        Confirmed::Upload(key, path) => params::upload(model, &key, path, effects),
        Confirmed::LoadRun(run) => effects.push(runs::read_settings(model, run)),
        Confirmed::RunSame { order, .. } => submit::again(model, *order, effects),
        Confirmed::RunWithNewSeed(order) => submit::with_new_seed(model, &order, ctx, effects),
        Confirmed::Watch => watch::begin(model, effects),
        Confirmed::RunUnsure => submit::unsure(model, effects),
        Confirmed::RunUnfilled => submit::unfilled(model, effects),
        Confirmed::TakePiped(key, text) => piping::taken(model, &key, text, effects),
        Confirmed::ExploreUnfilled(plan) => explore::ask_if_doubtful(model, *plan, effects),
        Confirmed::ExploreDoubtful(plan, _) => explore::ask_to_run(model, *plan),
        Confirmed::Tend(what) => server::tend(model, what, effects),
        Confirmed::RunDoubtful(_) => submit::doubtful(model, effects),
        Confirmed::RunNearest(nearest) => submit::with_nearest(model, nearest, effects),
        Confirmed::RunBatch(order) => effects.push(Effect::Do(Operation::SubmitBatch(order))),
        Confirmed::CancelBatch(batch) => effects.push(Effect::Do(Operation::CancelBatch(batch))),
        Confirmed::RetryBatch(batch) => {
            effects.push(Effect::Do(Operation::RetryBatch(batch, model.open.profile.clone())));
        }
        Confirmed::CancelQueue => effects.push(Effect::Do(Operation::CancelQueue)),
        Confirmed::RetryRuns(failed) => {
            runs::follow(model);
            effects.push(Effect::Do(Operation::RetryRuns(failed, model.open.profile.clone())));
        }
        Confirmed::KeepEarlier(earlier) => presets::keep_earlier(model, *earlier, effects),
        Confirmed::Reload(order) => {
            if let Some(order) = order {
                submit::not_sent(model, &order);
            }
            presets::reload(model, effects);
        }
        Confirmed::RunAsShown(order) => submit::as_shown(model, *order, effects),
    }
}

/// The items of a list that was asked for, if it is still open.
pub(super) fn items(model: &mut Model, purpose: &Choosing, mut items: Vec<PickerItem>) {
    for item in &mut items {
        item.is_open |= match purpose {
            Choosing::Preset => model.open.is_preset(&item.id),
            Choosing::Profile => model.open.profile.as_ref().is_some_and(|profile| profile.name == item.id),
            Choosing::Command
            | Choosing::Status
            | Choosing::Search
            | Choosing::Kin(_)
            | Choosing::Value(_)
            | Choosing::Several(_)
            | Choosing::Recall(_)
            | Choosing::Workflow
            | Choosing::Output(_)
            | Choosing::InputFor(_)
            | Choosing::CopyAs(_)
            | Choosing::Pipe(_) => false,
        };
    }
    if let Some(Overlay::Picker(picker)) = &mut model.overlay
        && picker.purpose == *purpose
    {
        picker.selected = Some(items.iter().position(|item| item.is_open).unwrap_or(0));
        picker.items = items;
        picker.loading = false;
    }
}

/// Paths were found for a text.
pub(super) fn completions(model: &mut Model, text: &str, paths: &[String]) {
    if let Some(Overlay::Prompt(prompt)) = &mut model.overlay
        && prompt.purpose.is_path()
        && prompt.text() == text
    {
        prompt.completions.put(text, paths.to_vec());
    }
}

/// The server has answered, or could not be asked: what waits goes on, unless something else was begun meanwhile.
pub(super) fn of_server(model: &mut Model, how: ReadNodes, effects: &mut Effects) {
    if how != ReadNodes::BeforeRun {
        return;
    }
    let Some(wanted) = model.in_doubt.take() else { return };
    model.notice = None;
    if model.overlay.is_some() {
        return model.notify(Tone::Plain, "Not sent: something else was opened while the server was asked");
    }
    match wanted {
        Wanted::Run(submission) => submit::fresh(model, &submission, effects),
        Wanted::Batch { plan, draft } => {
            let is_same = model.params.editing.is_none() && draft.edits().eq(model.draft.edits());
            match is_same {
                true => explore::fresh(model, *plan),
                false => {
                    model.notify(Tone::Plain, "Not sent: values were changed while the server was asked");
                }
            }
        }
    }
}
