//! Two outputs held against each other.

use super::places::Places;
use super::view;
use super::{ComparePane, Spot};
use crate::domain::compare::requests;
use crate::domain::{Run, RunId};
use crate::picture::{self, Cells, PictureMode, PictureProtocol};
use crate::tui::effect::{Effect, Effects, Question, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::motion::Motion;
use crate::tui::pane::Pane;
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::gallery::pair;

/// Thousandths of the picture that one key moves it by.
const STEP: u16 = 50;

pub fn open(model: &mut Model, effects: &mut Effects) {
    let Some(pair) = pair(&model.gallery) else { return };
    let runs = [pair[0].id.run, pair[1].id.run];
    model.compare = ComparePane { pair: Some(pair), ..ComparePane::default() };
    model.go_to(Pane::Compare);
    effects.push(Effect::Ask(Question::Pair(runs)));
}

pub fn read(model: &mut Model, ids: [RunId; 2], runs: [Option<Run>; 2]) {
    let pane = &mut model.compare;
    // Two others may be compared by now.
    if pane.pair.as_ref().map(|pair| [pair[0].id.run, pair[1].id.run]) != Some(ids) {
        return;
    }
    match runs {
        [Some(first), Some(second)] => pane.difference = Some(requests(&first.request, &second.request)),
        _ => pane.unread = true,
    }
}

pub fn seen(model: &mut Model, order: &CompareOrder, pictures: Result<Vec<picture::Shared>, String>) {
    if model.compare.asked.as_ref() == Some(order) {
        model.compare.seen = Some(pictures);
    }
}

/// Shows one in the place of both; again: the other one.
pub fn flip(model: &mut Model) {
    let shown = &mut model.compare.only;
    *shown = Some(shown.map_or(0, |shown| 1 - shown.min(1)));
}

pub fn beside(model: &mut Model) {
    model.compare.only = None;
}

/// Shows each pixel, or all of the pictures again.
pub fn one_to_one(model: &mut Model) {
    let closer = &mut model.compare.closer;
    *closer = if closer.is_some() { None } else { Some(Spot::default()) };
}

/// Moves the pictures when only a part of them is seen, else what differs.
pub fn moved(model: &mut Model, motion: Motion) {
    if let Some(Spot { x, y }) = &mut model.compare.closer {
        let (at, less) = match motion {
            Motion::Left => (x, true),
            Motion::Right => (x, false),
            Motion::Up => (y, true),
            Motion::Down => (y, false),
            Motion::PageUp | Motion::PageDown | Motion::Top | Motion::Bottom => return,
        };
        *at = if less { at.saturating_sub(STEP) } else { (*at + STEP).min(1_000) };
        return;
    }
    let lines = view::line_count(model);
    let page = Places::of(model, lines).map_or(1, |places| usize::from(places.differences.height));
    model.compare.scroll = motion.from(model.compare.scroll, page, lines.saturating_sub(page));
}

/// Asks for the pictures as they are to be seen now.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if model.focus != Pane::Compare {
        // The files may be others when they are looked at again.
        (model.compare.asked, model.compare.seen) = (None, None);
        return;
    }
    let lines = view::line_count(model);
    let Some(places) = Places::of(model, lines) else { return };
    let last = lines.saturating_sub(usize::from(places.differences.height));
    model.compare.scroll = model.compare.scroll.min(last);
    // How many lines the differences take is not known before, and moves the pictures.
    if model.compare.difference.is_none() && !model.compare.unread {
        return;
    }
    let protocol = match model.output.mode {
        PictureMode::Always(protocol) => Some(protocol),
        PictureMode::Auto => model.output.means.best,
        PictureMode::Off => None,
    };
    let (Some(protocol), Some(pair)) =
        (protocol.filter(|protocol| can_show(model, *protocol)), &model.compare.pair)
    else {
        return;
    };
    let order = CompareOrder {
        paths: [pair[0].output.path.clone(), pair[1].output.path.clone()],
        room: Cells { width: places.pictures.width, height: places.pictures.height },
        cell: model.output.means.cell,
        protocol,
        beside: model.compare.only.is_none(),
        closer: model.compare.closer,
    };
    if model.compare.asked.as_ref() != Some(&order) {
        let way = |order: &CompareOrder| (order.room, order.beside, order.protocol);
        // Moving leaves the picture there until the next one comes; another arrangement does not.
        if model.compare.asked.as_ref().map(way) != Some(way(&order)) {
            model.compare.seen = None;
        }
        model.compare.asked = Some(order.clone());
        effects.push(Effect::Screen(ScreenEffect::ComparePictures(order)));
    }
}

fn can_show(model: &Model, protocol: PictureProtocol) -> bool {
    protocol != PictureProtocol::Blocks || model.output.shows_pictures()
}
