//! From a message to a new state and what is to be done: no clock, file, network or randomness of its own.
//!
//! What belongs to one pane stands in its folder under `panes/`.

mod import;
mod mouse;
mod overlay;

#[cfg(test)]
mod tests;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind};

use super::action::{Action, enabled};
use super::effect::{Effect, Effects, Order};
use super::key::Key;
use super::layout;
use super::panes::output::uses as outputs;
use super::panes::params::editing;
use super::panes::{
    self, compare::update as compare, details::update as details, gallery::update as gallery,
    log::update as log, output::update as output, params::update as params, runs::update as runs,
};
use crate::domain::draft::{SeedPolicy, Submission};
use crate::tui::ctx::Ctx;
use crate::tui::model::{Model, Size};
use crate::tui::msg::{Msg, Opened};
use crate::tui::notice::Tone;
use crate::tui::overlay::OutputUse;
use crate::tui::pane::Pane;

/// What to ask for when the screen opens, after [`Msg::Opened`] and [`Msg::Target`] or in their place.
pub fn start(model: &mut Model) -> Vec<Effect> {
    let mut effects = Effects::new();
    runs::reload(model, &mut effects);
    effects
}

/// Takes a message in.
pub fn update(model: &mut Model, msg: Msg, ctx: &Ctx) -> Vec<Effect> {
    model.now = ctx.now;
    let mut effects = Effects::new();
    match msg {
        Msg::Input(event) => input(model, event, ctx, &mut effects),
        // A run at work changes the store all the time, what it makes seldom.
        Msg::Tick => gallery::reload(model, &mut effects),
        Msg::StoreChanged => {
            runs::reload(model, &mut effects);
            details::reload(model, &mut effects);
            log::reload(model, &mut effects);
            if !model.is_working() {
                gallery::reload(model, &mut effects);
            }
        }
        Msg::Runs { query, rows, more, open } => {
            let was_idle = !model.is_working();
            runs::loaded(model, query, rows, more, open, &mut effects);
            // Whoever queued them: somebody must hear when their runner dies.
            if was_idle && model.is_working() {
                effects.push(Effect::LookAfterRuns);
            }
            if !was_idle && !model.is_working() {
                gallery::reload(model, &mut effects);
            }
        }
        Msg::RunsNotRead(why) => runs::not_read(model, why, &mut effects),
        Msg::Run(id, run) => details::loaded(model, id, run, &mut effects),
        Msg::TypicalMs { workflow_hash, ms } => {
            model.typical_ms.insert(workflow_hash, ms);
        }
        Msg::Log { run, total, first, lines } => log::loaded(model, run, total, first, lines, &mut effects),
        Msg::LogFound { run, line } => log::found(model, run, line, &mut effects),
        Msg::Means(means) => model.output.means = means,
        Msg::Looked(order, looked) => output::looked(model, &order, looked, &mut effects),
        Msg::NextFrame => output::next_frame(model, &mut effects),
        Msg::Outputs { query, tiles, more } => gallery::loaded(model, query, tiles, more, &mut effects),
        Msg::OutputsNotRead(why) => gallery::not_read(model, why, &mut effects),
        Msg::Thumb(order, thumb) => gallery::thumb(model, order, thumb),
        Msg::Pair(ids, runs) => compare::read(model, ids, *runs),
        Msg::Compared(order, pictures) => compare::seen(model, &order, pictures),
        Msg::OutputDeleted(id) => gallery::deleted(model, id, &mut effects),
        Msg::Submitted { run } => {
            runs::submitted(model, run);
            runs::reload(model, &mut effects);
            effects.push(Effect::LoadTypical(model.source.workflow_hash.clone()));
        }
        Msg::NotSubmitted(why) => model.report(Tone::Bad, why),
        Msg::Opened(opened) => open(model, *opened, &mut effects),
        Msg::NotOpened(why) => {
            model.opening = false;
            model.report(Tone::Bad, why);
        }
        Msg::Settings { settings, told } => {
            model.draft.set_all(settings);
            params::check_files(model, &mut effects);
            model.notify(Tone::Good, told);
            effects.push(Effect::Remember);
        }
        Msg::Imported(imported) => import::imported(model, *imported, &mut effects),
        Msg::Items(purpose, items) => overlay::items(model, &purpose, items),
        Msg::Saved { layer, path } => saved(model, layer, &path, &mut effects),
        Msg::PresetRenamed(name) => {
            model.source.preset_writable &= !name.is_empty();
            model.draft.rename_preset(name);
            effects.push(Effect::Remember);
        }
        Msg::NameTaken(name) => overlay::confirm_overwrite(model, name),
        Msg::Target(target) => {
            model.target = Some(target);
            effects.push(Effect::Remember);
        }
        Msg::Completions { text, paths } => {
            overlay::completions(model, &text, &paths);
            editing::completions(model, &text, paths);
        }
        Msg::File(key, state) => {
            model.params.files.insert(key, state);
        }
        Msg::Edited { key, text } => editing::edited_outside(model, &key, text, &mut effects),
        Msg::Notice(tone, text) => model.report(tone, text),
    }
    panes::settle(model, &mut effects);
    effects
}

fn input(model: &mut Model, event: Event, ctx: &Ctx, effects: &mut Effects) {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => pressed(model, key, ctx, effects),
        Event::Paste(text) => pasted(model, &text, effects),
        Event::Mouse(event) => mouse::event(model, event, ctx, effects),
        Event::Resize(width, height) => model.size = Size { width, height },
        Event::Key(_) | Event::FocusGained | Event::FocusLost => {}
    }
}

fn pressed(model: &mut Model, event: KeyEvent, ctx: &Ctx, effects: &mut Effects) {
    let Some(key) = Key::of(&event) else { return };
    if event.code == KeyCode::Esc || !model.notice.as_ref().is_some_and(|notice| notice.stays) {
        model.notice = None;
    }
    if layout::regions(model).is_none() {
        return pressed_unseen(model, ctx.keys.in_pane(model.focus, key), effects);
    }
    if ctx.keys.everywhere(key) != Some(Action::Run) {
        model.run_pressed_at = None;
    }
    if model.overlay.is_some() {
        match ctx.keys.everywhere(key) {
            Some(action) => perform(model, action, ctx, effects),
            None => overlay::pressed(model, event, ctx, effects),
        }
    } else if model.params.editing.is_some() {
        match ctx.keys.while_editing(key) {
            Some(action) => perform(model, action, ctx, effects),
            None => editing::pressed(model, event, effects),
        }
    } else if let Some(action) = ctx.keys.in_pane(model.focus, key) {
        perform(model, action, ctx, effects);
    }
}

/// On a screen that is too small to show anything, nothing is done that cannot be seen.
fn pressed_unseen(model: &mut Model, action: Option<Action>, effects: &mut Effects) {
    match action {
        Some(Action::Quit) => effects.extend([Effect::Remember, Effect::Quit]),
        Some(Action::Suspend) => effects.push(Effect::Suspend),
        Some(Action::Redraw) => effects.push(Effect::Redraw),
        _ => model.notify(Tone::Plain, "Make the window larger first"),
    }
}

/// Pasted text goes into a text that is being edited and nowhere else: it never runs anything.
fn pasted(model: &mut Model, text: &str, effects: &mut Effects) {
    if model.overlay.is_some() {
        overlay::pasted(model, text, effects);
    } else if model.params.editing.is_some() {
        editing::pasted(model, text, effects);
    } else {
        model.notify(
            Tone::Plain,
            "Pasted text goes into a field: press Enter on a parameter first, then paste",
        );
    }
}

/// Does what a key, the palette or the mouse asks for.
pub(super) fn perform(model: &mut Model, action: Action, ctx: &Ctx, effects: &mut Effects) {
    if let Err(why) = enabled(action, model) {
        model.notify(Tone::Plain, why);
        return;
    }
    match action {
        Action::Run => run(model, ctx, effects),
        Action::Quit => effects.extend([Effect::Remember, Effect::Quit]),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Messages
        | Action::Help
        | Action::Palette
        | Action::Presets
        | Action::Profiles
        | Action::SaveAs
        | Action::OpenWorkflow
        | Action::Import => overlay::open(model, action, ctx, effects),
        Action::NextPane => focus_by(model, 1),
        Action::PreviousPane => focus_by(model, Pane::ALL.len() - 1),
        Action::GoParameters => model.go_to(Pane::Parameters),
        Action::GoRuns => model.go_to(Pane::Runs),
        Action::GoDetails => model.go_to(Pane::Details),
        Action::OpenDetails => {
            model.came_from = Some(model.focus);
            model.go_to(Pane::Details);
        }
        Action::GoLog => model.go_to(Pane::Log),
        Action::GoOutput => model.go_to(Pane::Output),
        Action::NextOutput | Action::PreviousOutput | Action::Play | Action::PictureKind => {
            output::perform(model, action);
        }
        Action::Gallery => gallery::toggle(model, effects),
        Action::OpenOutput
        | Action::Star
        | Action::OnlyStarred
        | Action::Mark
        | Action::CopyOutput
        | Action::DeleteOutput => gallery::perform(model, action, effects),
        Action::Compare => compare::open(model, effects),
        Action::Flip | Action::Beside | Action::OneToOne => compare::perform(model, action),
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::GrowLeft => grow(model, -5, effects),
        Action::GrowRight => grow(model, 5, effects),
        Action::Save => save(model, effects),
        Action::ToggleWorkflow => toggle_workflow(model),
        Action::Undo | Action::Redo => params::undo(model, action, effects),
        Action::Find => overlay::open(model, action, ctx, effects),
        Action::Back => back(model, effects),
        Action::Cancel => runs::cancel(model, effects),
        Action::LoadRun => runs::load(model, effects),
        Action::Repeat => runs::repeat(model),
        Action::Fetch => runs::fetch(model, effects),
        Action::FilterStatus => runs::filter_status(model, effects),
        Action::CopyPath => outputs::ask(model, OutputUse::Path, effects),
        Action::CopyScp => outputs::ask(model, OutputUse::Scp, effects),
        Action::View => outputs::ask(model, OutputUse::View, effects),
        Action::UseOutput => outputs::ask(model, OutputUse::Input, effects),
        Action::ImportOutput => outputs::ask(model, OutputUse::Parameters, effects),
        Action::ToParameter => details::to_parameter(model),
        Action::DoneEditing
        | Action::DropEdit
        | Action::WeightUp
        | Action::WeightDown
        | Action::TextUndo
        | Action::TextRedo
        | Action::SelectAll
        | Action::DeleteWord
        | Action::DeleteNextWord
        | Action::DeleteToStart
        | Action::DeleteToEnd
        | Action::CutText
        | Action::PasteBack => editing::perform(model, action, effects),
        Action::Follow | Action::Wrap | Action::NextMatch | Action::PreviousMatch => {
            log::perform(model, action, effects);
        }
        Action::Edit
        | Action::EditOutside
        | Action::Reset
        | Action::ResetAll
        | Action::Pin
        | Action::NewSeed
        | Action::SeedPolicy
        | Action::ShowAll => params::perform(model, action, ctx, effects),
        Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::Top
        | Action::Bottom
        | Action::Less
        | Action::More => panes::moved(model, action, effects),
    }
}

fn focus_by(model: &mut Model, steps: usize) {
    let at = Pane::ALL.iter().position(|pane| *pane == model.focus).unwrap_or(0);
    model.go_to(Pane::ALL[(at + steps) % Pane::ALL.len()]);
}

fn grow(model: &mut Model, percent: i16, effects: &mut Effects) {
    let now = if model.split == 0 { layout::DEFAULT_SPLIT } else { model.split };
    model.split = now.saturating_add_signed(percent).clamp(25, 75);
    effects.push(Effect::Remember);
}

/// Takes the nearest thing back: a filter, a search, the zoom.
fn back(model: &mut Model, effects: &mut Effects) {
    match model.focus {
        Pane::Parameters if !model.params.filter.is_empty() => model.params.filter.clear(),
        Pane::Runs if !model.runs.search.is_empty() || model.runs.status.is_some() => {
            model.runs.search.clear();
            model.runs.status = None;
            runs::search_changed(model, effects);
        }
        Pane::Log if !model.log.search.is_empty() => {
            model.log.search.clear();
            model.log.found = None;
        }
        Pane::Gallery => gallery::back(model, effects),
        Pane::Compare => gallery::enter(model, effects),
        Pane::Details | Pane::Output if model.came_from.is_some() => {
            let back = model.came_from.take();
            model.details_beneath = false;
            model.go_to(back.unwrap_or_default());
        }
        _ if model.zoomed => model.zoomed = false,
        _ => model.go_to(Pane::Parameters),
    }
}

/// A run key that comes again within this time, with no other key between, is one that is held down.
const HELD_MS: i64 = 700;

/// Queues a run with the parameters as they stand and gives the keys back at once.
fn run(model: &mut Model, ctx: &Ctx, effects: &mut Effects) {
    let before = model.run_pressed_at.replace(ctx.now);
    if before.is_some_and(|before| ctx.now - before < HELD_MS) {
        return model.notify(Tone::Plain, "Queued once. Let go, then press again for another run");
    }
    if model.params.editing.is_some() && !editing::commit(model, effects) {
        return;
    }
    let bad_file = model.draft.params().iter().find_map(|p| match model.params.files.get(&p.key) {
        Some(super::panes::params::FileState::Bad(why)) => Some((p.key.clone(), why.clone())),
        _ => None,
    });
    if let Some((key, why)) = bad_file {
        params::select(model, &key);
        // It may be there by now: the next press finds out.
        params::changed(model, &key, effects);
        model.notify(Tone::Bad, format!("Nothing was sent: {why}"));
        return;
    }
    let mut random = fastrand::Rng::with_seed(ctx.random);
    let submission = match model.draft.submission(|| random.u64(..)) {
        Ok(submission) => submission,
        Err(why) => return model.notify(Tone::Bad, format!("Nothing was sent: {why}")),
    };
    model.draft.adopt_seeds(&submission);
    model.notify(Tone::Good, told_of_seeds(model, &submission));
    // Who presses run wants to see it run.
    model.runs.chosen = false;
    effects.push(Effect::Submit(Order {
        prompt: model.draft.prompt(),
        preset: Some(model.draft.preset().name.clone()).filter(|name| !name.is_empty()),
        send_workflow: model.source.send_workflow,
        workflow_hash: model.source.workflow_hash.clone(),
        profile: model.target.as_ref().map(|target| target.profile.clone()).unwrap_or_default(),
        submission,
    }));
    effects.push(Effect::Remember);
}

fn told_of_seeds(model: &Model, submission: &Submission) -> String {
    let name =
        |key| model.draft.param(key).map_or_else(|| format!("{key}"), |p| format!("{} {}", p.group, p.label));
    match submission.seeds.first() {
        Some(change) if change.forced => {
            format!("Queued. Nothing was changed, so {} is now {}", name(&change.key), change.value)
        }
        Some(change) => format!("Queued with {} {}", name(&change.key), change.value),
        None => "Queued".to_owned(),
    }
}

fn save(model: &mut Model, effects: &mut Effects) {
    let name = model.draft.preset().name.clone();
    if name.is_empty() || !model.source.preset_writable {
        overlay::ask_preset_name(model);
    } else if model.draft.is_edited() {
        effects.push(save_effect(model, &name, true));
    } else {
        model.notify(Tone::Plain, format!("Preset {name} has no changes to save"));
    }
}

/// What saving under a name means for the draft as it stands.
pub(super) fn save_effect(model: &Model, name: &str, overwrite: bool) -> Effect {
    Effect::SavePreset(super::effect::SavePreset {
        from: model.draft.preset().name.clone(),
        name: name.to_owned(),
        overwrite,
        settings: model.draft.edits().iter().map(|(key, setting)| (key.clone(), setting.clone())).collect(),
        seeds: model
            .draft
            .policy_edits()
            .iter()
            .map(|(key, policy)| (key.clone(), *policy))
            .collect::<Vec<(_, SeedPolicy)>>(),
    })
}

fn saved(
    model: &mut Model,
    layer: crate::domain::draft::Layer,
    path: &std::path::Path,
    effects: &mut Effects,
) {
    model.notify(Tone::Good, format!("Saved {} in {}", layer.name, path.display()));
    model.source.preset_writable = true;
    model.draft.rebase(layer);
    effects.push(Effect::Remember);
}

fn toggle_workflow(model: &mut Model) {
    model.source.send_workflow = !model.source.send_workflow;
    let told = if model.source.send_workflow {
        "This workflow now goes along with each run, instead of the deployment's own"
    } else {
        "Runs use the deployment's own workflow again"
    };
    model.notify(Tone::Plain, told);
}

fn open(model: &mut Model, opened: Opened, effects: &mut Effects) {
    model.source = opened.source;
    model.draft = crate::domain::Draft::new(opened.params, opened.preset);
    model.opening = false;
    let gone = model.draft.restore(opened.edits, opened.seeds);
    model.params.editing = None;
    model.params.files.clear();
    model.params.filter.clear();
    // Unless somebody chose: what a preset gives a name of its own is what people change.
    let named = || model.draft.preset().aliases.values().cloned().collect();
    model.params.pinned = opened.pinned.map_or_else(named, |pinned| pinned.into_iter().collect());
    params::select_first(model);
    params::check_files(model, effects);
    if let Some((key, text)) = opened.field {
        editing::reopen(model, &key, &text, effects);
    }
    let mut problems = opened.problems;
    problems.extend(
        gone.iter().map(|key| format!("{key} was changed before; this workflow does not have it any more")),
    );
    tell_problems(model, problems);
    effects.push(Effect::LoadTypical(model.source.workflow_hash.clone()));
    effects.push(Effect::Remember);
}

/// All of them can be read in the messages; the line at the bottom has room for one.
fn tell_problems(model: &mut Model, problems: Vec<String>) {
    let count = problems.len();
    for problem in problems {
        model.report(Tone::Bad, problem);
    }
    if let (Some(notice), true) = (&mut model.notice, count > 1) {
        notice.text = format!("{count} problems; ! shows them. {}", notice.text);
    }
}
