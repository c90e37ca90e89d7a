//! Updates the output pane: which output is shown, and when it is decoded.

use super::view;
use crate::domain::{OutputId, Run, RunId};
use crate::picture::{PictureMode, PictureProtocol};
use crate::tui::effect::{Effect, Effects, Question, ScreenEffect};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::Motion;
use crate::tui::notice::Tone;
use crate::tui::pane::Pane;
use crate::tui::panes::output::{RenderOrder, Rendered, RenderedBody};

/// Milliseconds until the file of a newly selected output is read.
pub const REST_MS: u32 = 150;
/// Milliseconds for which an animation repeats; the last round is completed.
const PLAY_MS: i64 = 5_000;

/// Least milliseconds between two previews.
const PREVIEW_MS: i64 = 2_000;

pub fn play(model: &mut Model) {
    model.output.playing = !model.output.playing;
    model.output.frame = 0;
}

/// Switches to the next way of drawing pictures.
pub fn change_mode(model: &mut Model) {
    model.output.mode = model.output.mode.next();
    let text = match model.output.mode {
        PictureMode::Auto => "Pictures: chosen for this terminal".to_owned(),
        PictureMode::Off => "Pictures: off".to_owned(),
        PictureMode::Always(protocol) => format!("Pictures: {}, whatever the terminal says", protocol.name()),
    };
    model.notify(Tone::Plain, text);
}

/// Goes to another output of the run, wrapping around.
pub fn step(model: &mut Model, by: isize) {
    let count = view::shown(model).map_or(0, |run| run.outputs.len());
    match count {
        0 => model.notify(Tone::Plain, "This run has no output"),
        1 => model.notify(Tone::Plain, "This run has one output"),
        _ => {
            let at = model.output.at.min(count - 1);
            model.output.at = (at as isize + by).rem_euclid(count as isize) as usize;
            model.output.playing = false;
        }
    }
}

/// Goes to an output of a run.
pub fn go_to(model: &mut Model, id: OutputId) {
    model.output.run = Some(id.run);
    model.output.at = usize::try_from(id.place).unwrap_or_default();
    model.output.playing = false;
    model.go_to(Pane::Output);
}

pub fn moved(model: &mut Model, motion: Motion) {
    let page = layout::page(model, Pane::Output);
    let last = view::line_count(model).saturating_sub(1);
    model.output.scroll = motion.from(model.output.scroll, page, last);
}

pub fn rendered(
    model: &mut Model,
    order: &RenderOrder,
    rendered: Result<Rendered, String>,
    effects: &mut Effects,
) {
    // Another order was sent meanwhile.
    if model.output.asked.as_ref() != Some(order) {
        return;
    }
    model.output.pending = false;
    if order.play {
        match &rendered {
            Ok(Rendered { body: RenderedBody::Picture { frames, .. }, .. }) if frames.len() > 1 => {
                model.output.frame = 0;
                model.output.played_from = model.now;
                effects.push(Effect::Screen(ScreenEffect::FrameIn(frames[0].1)));
            }
            Ok(_) => stop(model, "It has one frame only"),
            Err(why) => {
                let why = why.clone();
                stop(model, &why);
                return;
            }
        }
    }
    model.output.rendered = Some(rendered);
}

fn stop(model: &mut Model, why: &str) {
    model.output.playing = false;
    model.notify(Tone::Plain, why);
}

pub fn next_frame(model: &mut Model, effects: &mut Effects) {
    let output = &mut model.output;
    let Some(Ok(Rendered { body: RenderedBody::Picture { frames, .. }, .. })) = &output.rendered else {
        return;
    };
    if !output.playing || frames.len() < 2 {
        return;
    }
    let over = output.frame + 1 >= frames.len();
    if over && model.now - output.played_from >= PLAY_MS {
        output.playing = false;
        output.frame = 0;
        return;
    }
    output.frame = if over { 0 } else { output.frame + 1 };
    effects.push(Effect::Screen(ScreenEffect::FrameIn(frames[output.frame].1)));
}

/// The current protocol; the outer `None` while the terminal is being asked.
pub fn protocol(model: &Model) -> Option<Option<PictureProtocol>> {
    let protocol = match model.output.mode {
        PictureMode::Off => None,
        PictureMode::Always(protocol) => Some(protocol),
        PictureMode::Auto => Some(model.output.means.best?),
    };
    Some(protocol.filter(|protocol| *protocol != PictureProtocol::Blocks || !model.output.means.colourless))
}

/// Keeps the position among the selected run's outputs, and orders what should be shown.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    keep_last(model, effects);
    let shown = view::shown(model).map(|run| (run.id, run.outputs.len()));
    // One that is still being read is known by its number alone.
    let (run, outputs) =
        shown.map_or((model.runs.list.selected, None), |(id, count)| (Some(id), Some(count)));
    if model.output.run != run {
        model.output.run = run;
        model.output.at = 0;
        model.output.playing = false;
    }
    if let Some(outputs) = outputs {
        model.output.at = model.output.at.min(outputs.saturating_sub(1));
    }
    let output = view::shown(model).and_then(|run| run.outputs.get(model.output.at));
    let output = output.map(|output| (output.path.clone(), 0));
    let preview = || view::preview(model).map(|preview| (preview.path.clone(), preview.number));
    let Some((path, preview)) = output.or_else(preview) else {
        // What is shown belongs to another run.
        if model.selected_run().is_some()
            || model.runs.list.selected.is_none()
            || model.output.asked.is_some()
        {
            forget(model);
        }
        return;
    };
    // A hidden pane orders nothing.
    let (Some(room), Some(protocol)) = (view::room(model), protocol(model)) else { return };
    let cell = model.output.means.cell;
    let order = RenderOrder { path, preview, room, cell, protocol, play: model.output.playing };
    let Some(asked) = &model.output.asked else { return ask(model, order, effects) };
    if *asked == order {
        return;
    }
    if preview > 0 && (RenderOrder { preview, ..asked.clone() }) == order {
        // One at a time, and no faster than a slow connection allows; the last one stays until the next arrives.
        if !model.output.pending && model.now - model.output.previewed_at >= PREVIEW_MS {
            ask(model, order, effects);
        }
        return;
    }
    let same_but_for_playing = RenderOrder { play: order.play, ..asked.clone() } == order;
    if same_but_for_playing {
        // The old one stays until the new one arrives.
        model.output.frame = 0;
    } else {
        forget(model);
    }
    ask(model, order, effects);
}

/// Keeps the run that made something last, and asks for it where it has not been seen: a picture stays in sight while
/// runs wait and work.
fn keep_last(model: &mut Model, effects: &mut Effects) {
    if let Some(run) = model.selected_run() {
        let seen = (run.id, run.outputs.len());
        if seen.1 > 0 {
            if model.output.last.as_ref().map(|last| (last.id, last.outputs.len())) != Some(seen) {
                model.output.last = Some(Box::new(run.clone()));
            }
            return;
        }
        if run.status.is_end() {
            return;
        }
    }
    let made = model.runs.list.rows.iter().filter(|row| row.outputs > 0);
    let Some(newest) = made.max_by_key(|row| (row.ended_at, row.id)).map(|row| row.id) else { return };
    let is_known = model.output.last.as_ref().is_some_and(|last| last.id == newest);
    if !is_known && model.output.last_asked != Some(newest) && model.selected_run().is_some() {
        model.output.last_asked = Some(newest);
        effects.push(Effect::Ask(Question::Made(newest)));
    }
}

/// The run that made something last is here.
pub fn made(model: &mut Model, id: RunId, run: Option<Box<Run>>) {
    if let Some(run) = run.filter(|run| model.output.last_asked == Some(id) && !run.outputs.is_empty()) {
        model.output.last = Some(run);
    }
}

fn ask(model: &mut Model, order: RenderOrder, effects: &mut Effects) {
    if order.preview > 0 {
        model.output.previewed_at = model.now;
    }
    model.output.pending = true;
    model.output.asked = Some(order.clone());
    // Another size, or playing: the selection has rested already.
    let rest = if model.output.rendered.is_some() { 0 } else { REST_MS };
    effects.push(Effect::Screen(ScreenEffect::Render(order, rest)));
}

/// Another pane orders pictures from now on: what was ordered and is not here is ordered again when this one is seen.
pub fn stop_waiting(model: &mut Model) {
    if model.output.pending {
        forget(model);
    }
}

fn forget(model: &mut Model) {
    model.output.asked = None;
    model.output.pending = false;
    model.output.rendered = None;
    model.output.scroll = 0;
    model.output.frame = 0;
}
