//! From a message to a new state and effects: no clock, file, network or randomness of its own.
//!
//! Updates of one pane are in its folder under `panes/`. Here is what concerns several: who handles a key, the
//! commands that belong to no pane, and who gets an overlay's answer.

pub mod alerts;
mod answers;
pub mod differences;
pub mod doubts;
pub mod expansions;
pub mod explore;
pub mod import;
mod keys;
pub mod layers;
pub mod lineage;
mod mouse;
pub mod nodes;
pub mod notebook;
pub mod palette;
pub mod presets;
pub mod run_key;
pub mod screen;
pub mod submit;
pub mod typing;
pub mod values_of;
pub mod watch;

#[cfg(test)]
mod tests;

use crossterm::event::{Event, KeyEventKind};

use super::command::Ctx;
use super::effect::{Effect, Effects, Operation, Question, ScreenEffect};
use super::model::{Model, Size};
use super::msg::Msg;
use super::notice::Tone;
use super::panes;
use super::panes::compare::update as compare;
use super::panes::details::update as details;
use super::panes::gallery::update as gallery;
use super::panes::log::update as log;
use super::panes::output::update as output;
use super::panes::params::choices;
use super::panes::params::editing;
use super::panes::params::piping;
use super::panes::params::recall;
use super::panes::params::update as params;
use super::panes::runs::ends as run_ends;
use super::panes::runs::search as runs_search;
use super::panes::runs::update as runs;
use super::panes::server::update as server;
use super::panes::sheet::update as sheet;

/// What to ask for when the screen opens, after [`Msg::Opened`] and [`Msg::Profile`] or in their place.
pub fn start(model: &mut Model) -> Vec<Effect> {
    let mut effects = Effects::new();
    runs::reload(model, &mut effects);
    effects
}

/// Handles a message, and returns the effects.
pub fn update(model: &mut Model, msg: Msg, ctx: &Ctx) -> Vec<Effect> {
    model.now = ctx.now;
    let mut effects = Effects::new();
    match msg {
        Msg::Input(event) => input(model, event, ctx, &mut effects),
        // A run at work changes the store all the time, what it makes seldom.
        Msg::Tick => {
            run_key::tick(model, &mut effects);
            gallery::reload(model, &mut effects);
        }
        Msg::NoticeDue => model.end_notice(),
        Msg::StoreChanged => {
            runs::reload(model, &mut effects);
            details::reload(model, &mut effects);
            log::reload(model, &mut effects);
            sheet::reload(model, &mut effects);
            if !model.is_working() {
                gallery::reload(model, &mut effects);
            }
        }
        Msg::Runs { query, rows, more, total, open } => {
            let (was_idle, was_loaded) = (!model.is_working(), model.runs.list.is_loaded());
            model.runs.total = total;
            runs::loaded(model, query, rows, more, open, &mut effects);
            // Also for runs queued elsewhere: some screen must notice when their runner dies.
            if was_idle && model.is_working() {
                effects.push(Effect::Do(Operation::LookAfterRuns));
            }
            let is_idle = !model.is_working();
            if !was_loaded {
                effects.push(Effect::Ask(Question::Today));
            }
            if !was_idle && is_idle {
                gallery::reload(model, &mut effects);
            }
            if is_idle && (!was_idle || !was_loaded) {
                ask_warmth(model, &mut effects);
            }
        }
        Msg::DiskFull(why) => runs::disk_full(model, why),
        Msg::RunsNotRead(why) => runs::not_read(model, why, &mut effects),
        Msg::Run(id, run) => details::loaded(model, id, run, &mut effects),
        Msg::Differences(compared, runs, graph) => differences::arrived(model, &compared, &runs, graph),
        Msg::Lineage(id, lineage) => lineage::arrived(model, id, *lineage),
        Msg::Briefs { asked, told } => model.briefs.put(asked, told),
        Msg::Made(id, run) => output::made(model, id, run),
        Msg::TypicalMs { workflow_hash, ms } => {
            model.typical_ms.insert(workflow_hash, ms);
        }
        Msg::Today(today) => model.today = today,
        Msg::Log { run, total, first, lines } => log::loaded(model, run, total, first, lines, &mut effects),
        Msg::LogFound { run, text, line } => log::found(model, run, &text, line, &mut effects),
        Msg::LogMatches { run, text, matches } => log::counted(model, run, &text, matches),
        Msg::Means(means) => model.output.means = means,
        Msg::Rendered(order, rendered) => output::rendered(model, &order, rendered, &mut effects),
        Msg::NextFrame => output::next_frame(model, &mut effects),
        Msg::Outputs { query, tiles, more } => gallery::loaded(model, query, tiles, more, &mut effects),
        Msg::OutputsNotRead(why) => gallery::not_read(model, why, &mut effects),
        Msg::Thumb(order, thumb) => gallery::thumb(model, order, thumb),
        Msg::Pair(ids, runs) => compare::read(model, ids, *runs),
        Msg::Compared(order, pictures) => compare::seen(model, &order, pictures),
        Msg::OutputDeleted(id) => gallery::deleted(model, id, &mut effects),
        Msg::SearchWords(words) => runs_search::words(model, words),
        Msg::Noted(undo) => notebook::noted(model, undo),
        Msg::Recalled { key, typed, found } => {
            choices::last_used_first(model, &key, &typed, &found);
            editing::past::arrived(model, &key, &typed, &found);
            recall::arrived(model, &key, &typed, &found);
        }
        Msg::Taken(take, run) => values_of::arrived(model, take, run, &mut effects),
        Msg::Ended(ended) => {
            alerts::ended(model, &ended, &mut effects);
            effects.extend(run_ends::replayed(&ended));
            run_ends::ended(model, ended, ctx.keys);
        }
        Msg::Usual { workflow_hash, usual } => {
            model.usual.insert(workflow_hash, usual);
        }
        Msg::Batches(batches) => runs::batches(model, batches),
        Msg::Sheet(page) => sheet::loaded(model, *page, &mut effects),
        Msg::SheetNotRead(why) => sheet::not_read(model, why, &mut effects),
        Msg::Values(question, answer) => explore::was_read(model, question, answer, &mut effects),
        Msg::BatchQueued { batch, runs, waits } => {
            explore::queued(model, batch, runs, waits, &mut effects);
            runs::reload(model, &mut effects);
        }
        Msg::Submitted { run, note, waits } => {
            runs::submitted(model, run, &note, waits);
            runs::reload(model, &mut effects);
            effects.extend(presets::ask_typical(model));
        }
        Msg::AskReplay { run, place, doubts } => runs::ask_replay(model, run, &place, &doubts),
        Msg::Piped { number, outcome } => piping::arrived(model, number, outcome),
        Msg::Copy(text) => effects.push(Effect::Screen(ScreenEffect::Copy(text))),
        Msg::NotSubmitted(why) => model.report(Tone::Bad, why),
        Msg::Same { run, status, order } => submit::same(model, run, status, order),
        Msg::ChangedOnDisk { changed, files, order } => {
            submit::changed_on_disk(model, &changed, files, order);
        }
        Msg::Reloaded(opened) => presets::reloaded(model, *opened, &mut effects),
        Msg::KeyKinds(known) => model.key_kinds = known,
        Msg::Opened(opened) => presets::opened(model, *opened, &mut effects),
        Msg::NotOpened(why) => {
            model.opening = false;
            watch::not_read(model);
            model.report(Tone::Bad, why);
        }
        Msg::Settings { run, settings, told } => {
            presets::load_settings(model, run, settings, told);
            params::check_files(model, &mut effects);
            if let Some(offers) = model.explore_next.take() {
                explore::open(model, offers, ctx, &mut effects);
            }
        }
        Msg::FilesSaved(saved) => watch::saved(model, &saved),
        Msg::Imported(imported) => import::imported(model, *imported, &mut effects),
        Msg::Expansions { key, text, found } => expansions::arrived(model, &key, &text, found),
        Msg::Layer(layer, problems) => layers::arrived(model, *layer, problems),
        Msg::Items(purpose, items) => answers::items(model, &purpose, items),
        Msg::Saved { preset, layer, path, files } => presets::saved(model, *preset, *layer, &path, files),
        Msg::PresetRenamed { from, preset } => presets::renamed(model, &from, *preset),
        Msg::PresetDeleted(name) => presets::deleted(model, &name),
        Msg::NameTaken(name) => presets::confirm_overwrite(model, name),
        Msg::Profile(profile) => {
            model.open.profile = Some(profile);
            ask_warmth(model, &mut effects);
            effects.extend(nodes::ask_if_unknown(model));
        }
        Msg::Warmth { url, until } => model.warm = until.map(|(until, clock)| (url, until, clock)),
        Msg::Nodes { workflow, how } => {
            nodes::arrived(model, workflow, how);
            answers::of_server(model, how, &mut effects);
        }
        Msg::ServerSeen { url, answer } => server::seen(model, url, answer),
        Msg::ServerModels { folder, answer } => server::models(model, &folder, answer),
        Msg::Tended { what, answer } => server::tended(model, &what, answer, &mut effects),
        Msg::NodesNotRead { why, how } => {
            nodes::not_read(model, &why, how);
            answers::of_server(model, how, &mut effects);
        }
        Msg::Completions { text, paths } => {
            answers::completions(model, &text, &paths);
            editing::completions(model, &text, paths);
        }
        Msg::File(key, state) => {
            model.params.files.insert(key, state);
        }
        Msg::FileFound(key, path) => editing::file_found(model, key, path),
        Msg::Edited { key, text } => editing::edited_outside(model, &key, text, &mut effects),
        Msg::Notice(tone, text) => model.report(tone, text),
    }
    let mut random = fastrand::Rng::with_seed(ctx.random);
    model.draft.draw(|| random.u64(..));
    if watch::settle(model, &mut effects) {
        model.draft.draw(|| random.u64(..));
    }
    panes::settle(model, &mut effects);
    effects
}

/// Asks how long the deployment that runs go to stays warm.
fn ask_warmth(model: &Model, effects: &mut Effects) {
    let url = model.open.profile.as_ref().map(|profile| profile.url.clone());
    effects.extend(url.map(|url| Effect::Ask(Question::Warmth(url))));
}

fn input(model: &mut Model, event: Event, ctx: &Ctx, effects: &mut Effects) {
    if matches!(event, Event::Key(_) | Event::Paste(_) | Event::Mouse(_)) {
        model.alerts.last_key = model.now;
    }
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => keys::pressed(model, key, ctx, effects),
        Event::Paste(text) => keys::pasted(model, &text, ctx, effects),
        Event::Mouse(event) => mouse::event(model, event, ctx, effects),
        Event::Resize(width, height) => model.size = Size { width, height },
        // The person may have edited the files meanwhile.
        Event::FocusGained => {
            model.alerts.focus = Some(true);
            effects.push(Effect::Do(Operation::CheckOpenFiles(model.open.clone())));
        }
        Event::FocusLost => model.alerts.focus = Some(false),
        Event::Key(_) => {}
    }
}
