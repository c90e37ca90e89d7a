//! Updates the server pane: what is asked of the server, and what it answered.

use std::sync::Arc;

use super::rows::{self, Row};
use super::{ServerPane, ServerState};
use crate::config::Profile;
use crate::domain::server::Tend;
use crate::tui::effect::{Effect, Effects, ServerRequest};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::{Motion, Wheel, in_sight};
use crate::tui::notice::Tone;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;

/// Milliseconds after which the server is asked again while the pane is open and something happens.
const PAUSE_MS: i64 = 5_000;

pub fn toggle(model: &mut Model) {
    if model.focus == Pane::Server {
        return leave(model);
    }
    model.server.came_from = Some(model.focus);
    // What was seen earlier is asked for again at once.
    model.server.asked_at = None;
    model.go_to(Pane::Server);
}

pub fn leave(model: &mut Model) {
    let back = model.server.came_from.take().filter(|pane| !pane.is_full_screen());
    model.go_to(back.unwrap_or_default());
}

/// The profile whose server tells of itself.
fn profile(model: &Model) -> Option<Arc<Profile>> {
    model.open.profile.clone().filter(|profile| profile.protocol.caps().system)
}

pub fn look(model: &mut Model, effects: &mut Effects) {
    let Some(profile) = profile(model).filter(|_| !model.server.waiting) else { return };
    model.server.waiting = true;
    model.server.asked_at = Some(model.now);
    effects.push(Effect::Server(ServerRequest::Look(profile)));
}

/// The server's state arrived.
pub fn seen(model: &mut Model, url: String, answer: Result<ServerState, String>) {
    let is_its = profile(model).is_some_and(|profile| profile.called_url() == url);
    let pane = &mut model.server;
    pane.waiting = false;
    if !is_its {
        return;
    }
    match answer {
        Ok(state) => (pane.seen, pane.error) = (Some(state), None),
        Err(why) => pane.error = Some(why),
    }
}

pub fn open_folder(model: &mut Model, effects: &mut Effects) {
    let Some((_, Row::Folder { name, is_open })) = rows::selected(model) else { return };
    model.server.folder = (!is_open).then(|| (name.clone(), None));
    if let Some(profile) = profile(model).filter(|_| !is_open) {
        effects.push(Effect::Server(ServerRequest::Models(profile, name)));
    }
}

/// The models of a folder arrived.
pub fn models(model: &mut Model, folder: &str, answer: Result<Vec<String>, String>) {
    let is_open = model.server.folder.as_ref().is_some_and(|(open, _)| open == folder);
    match answer {
        Ok(models) if is_open => model.server.folder = Some((folder.to_owned(), Some(models))),
        Ok(_) => {}
        Err(why) => {
            model.server.folder = None;
            model.report(Tone::Bad, why);
        }
    }
}

fn confirm(model: &mut Model, question: &str, consequence: &str, yes: &'static str, what: Tend) {
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: question.to_owned(),
        consequence: consequence.to_owned(),
        yes,
        then: Confirmed::Tend(what),
    }));
}

pub fn ask_clear(model: &mut Model) {
    let text = "Other people's are among them, if others use this server.";
    confirm(model, "Remove all waiting prompts from the queue?", text, "remove them", Tend::ClearQueue);
}

pub fn ask_free(model: &mut Model) {
    let text = "The next run loads its models again, and does all of its work anew.";
    confirm(model, "Unload the models and forget cached results?", text, "free memory", Tend::FreeMemory);
}

/// A prompt of ours is a run, which is cancelled; another is removed from the queue.
pub fn ask_remove(model: &mut Model) {
    match rows::selected(model) {
        Some((_, Row::Prompt { run: Some(run), .. })) => {
            model.overlay = Some(Overlay::Confirm(Confirm {
                question: format!("Cancel run {run}?"),
                consequence: String::new(),
                yes: "cancel it",
                then: Confirmed::Cancel(run),
            }));
        }
        Some((_, Row::Prompt { id, is_running: false, .. })) => {
            let text = "It is none of the runs here: someone else may wait for it.";
            confirm(model, "Remove this prompt from the queue?", text, "remove it", Tend::Remove(id));
        }
        _ => {}
    }
}

/// After a yes.
pub fn tend(model: &mut Model, what: Tend, effects: &mut Effects) {
    if let Some(profile) = profile(model) {
        effects.push(Effect::Server(ServerRequest::Tend(profile, what)));
    }
}

/// It is done, or failed.
pub fn tended(model: &mut Model, what: &Tend, answer: Result<(), String>, effects: &mut Effects) {
    match answer {
        Ok(()) => {
            let text = match what {
                Tend::ClearQueue => "Nothing waits in the queue any more",
                Tend::FreeMemory => "The models are unloaded",
                Tend::Remove(_) => "It is removed from the queue",
            };
            model.notify(Tone::Good, text);
            look(model, effects);
        }
        Err(why) => model.report(Tone::Bad, why),
    }
}

pub fn moved(model: &mut Model, motion: Motion) {
    let count = rows::rows(model).iter().filter(|row| row.is_selectable()).count();
    let page = layout::page(model, Pane::Server);
    model.server.selected = motion.from(model.server.selected, page, count.saturating_sub(1));
}

pub fn wheel(model: &mut Model, wheel: Wheel) {
    wheel.motions().for_each(|motion| moved(model, motion));
}

/// Keeps the selected row in sight, and asks the server while its pane is open.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if model.focus != Pane::Server {
        return;
    }
    let url = profile(model).map(|profile| profile.called_url().to_owned()).unwrap_or_default();
    if url != model.server.url {
        let came_from = model.server.came_from;
        model.server = ServerPane { url, came_from, ..ServerPane::default() };
    }
    if model.server.asked_at.is_none_or(|at| model.now - at >= PAUSE_MS) {
        look(model, effects);
    }
    let rows = rows::rows(model);
    let count = rows.iter().filter(|row| row.is_selectable()).count();
    model.server.selected = model.server.selected.min(count.saturating_sub(1));
    let page = layout::page(model, Pane::Server);
    let line = rows::selected(model).map_or(0, |(line, _)| line);
    // The facts above the first row that can be selected are shown with it.
    let top = if model.server.selected == 0 { 0 } else { line };
    model.server.scroll = in_sight(model.server.scroll, top..line + 1, rows.len(), page);
}
