//! Updates the comparison of two outputs.

use super::places::Places;
use super::view;
use super::{ComparePane, Spot};
use crate::domain::compare::requests;
use crate::domain::{OutputCard, OutputId, Run, RunId, RunSummary};
use crate::picture::{self, Cells, PictureMode, PictureProtocol};
use crate::report::difference::spent;
use crate::tui::at_hand;
use crate::tui::effect::{Effect, Effects, Question, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::motion::Motion;
use crate::tui::pane::Pane;
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::gallery::{marked_pair, update as gallery};
use crate::tui::panes::sheet::update as sheet;

/// Distance of one key press, in thousandths of the picture.
const STEP: u16 = 50;

/// The two to be compared, the older one first: those that are marked, the marked one and the one at hand, else that and
/// what the run before it made. Where a mark is on the one at hand, that counts as none.
pub fn wanted(model: &Model) -> Option<[OutputId; 2]> {
    if matches!(model.focus, Pane::Gallery | Pane::Sheet)
        && let Some(pair) = pair(model)
    {
        return Some([pair[0].id, pair[1].id]);
    }
    let here = || at_hand::output(model);
    let mut ids = match model.gallery.marked.as_slice() {
        [first, second] => [first.id, second.id],
        [only] => [only.id, here()?],
        _ => [OutputId { run: at_hand::earlier(model)?, place: 0 }, here()?],
    };
    ids.sort();
    (ids[0] != ids[1]).then_some(ids)
}

pub fn open(model: &mut Model, effects: &mut Effects) {
    let of_sheet = model.focus == Pane::Sheet;
    let Some(wanted) = wanted(model) else { return };
    let pair = pair(model).filter(|pair| [pair[0].id, pair[1].id] == wanted);
    let came_from = Some(model.focus);
    model.compare = ComparePane { pair, wanted: Some(wanted), came_from, of_sheet, ..ComparePane::default() };
    model.go_to(Pane::Compare);
    effects.push(Effect::Ask(Question::Pair(wanted.map(|id| id.run))));
}

/// Goes back to where the two were marked.
pub fn leave(model: &mut Model, effects: &mut Effects) {
    match model.sheet.batch.filter(|_| model.compare.of_sheet) {
        Some(batch) => sheet::open(model, batch, effects),
        None => gallery::enter(model, effects),
    }
}

/// The two marked outputs, or the marked one and the selected one.
pub fn pair(model: &Model) -> Option<[OutputCard; 2]> {
    let selected = match model.focus {
        Pane::Sheet => model.sheet.selected().and_then(|run| run.output.as_ref()),
        _ => model.gallery.list.selected(),
    };
    marked_pair(&model.gallery.marked, selected.map(|tile| &tile.card))
}

pub fn read(model: &mut Model, ids: [RunId; 2], runs: [Option<Run>; 2]) {
    let noted: Vec<RunSummary> =
        model.runs.list.rows.iter().filter(|row| ids.contains(&row.id)).cloned().collect();
    let pane = &mut model.compare;
    // Other outputs may be compared by now.
    let Some(wanted) = pane.wanted.filter(|wanted| wanted.map(|id| id.run) == ids) else { return };
    let [Some(first), Some(second)] = runs else {
        pane.unread = true;
        return;
    };
    if pane.pair.is_none() {
        let card = |run: &Run, id: OutputId| {
            let card = at_hand::card_of(run, id.place)?;
            let Some(row) = noted.iter().find(|row| row.id == id.run) else { return Some(card) };
            let (starred, notes) = (row.starred, row.notes.clone());
            Some(OutputCard { starred, rejected: notes.rejected, notes, ..card })
        };
        let cards = (card(&first, wanted[0]), card(&second, wanted[1]));
        pane.pair = match cards {
            (Some(first), Some(second)) => Some([first, second]),
            _ => None,
        };
    }
    // Both outputs may be of one run.
    pane.spent = if first.id == second.id { Vec::new() } else { spent(&first, &second) };
    pane.difference = Some(requests(&first.request, &second.request));
}

pub fn seen(model: &mut Model, order: &CompareOrder, pictures: Result<Vec<picture::Shared>, String>) {
    if model.compare.asked.as_ref() == Some(order) {
        model.compare.seen = Some(pictures);
    }
}

/// Shows one output alone; pressed again, the other one.
pub fn flip(model: &mut Model) {
    let shown = &mut model.compare.only;
    *shown = Some(shown.map_or(0, |shown| 1 - shown.min(1)));
}

pub fn beside(model: &mut Model) {
    model.compare.only = None;
}

/// Switches between 1:1 and the whole pictures.
pub fn one_to_one(model: &mut Model) {
    let closer = &mut model.compare.closer;
    *closer = if closer.is_some() { None } else { Some(Spot::default()) };
}

/// Moves the pictures in the 1:1 view, else scrolls the differences.
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

/// Orders the pictures as they should be shown now.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if model.focus != Pane::Compare {
        // The files may have changed when the comparison is opened again.
        (model.compare.asked, model.compare.seen) = (None, None);
        return;
    }
    let lines = view::line_count(model);
    let Some(places) = Places::of(model, lines) else { return };
    let last = lines.saturating_sub(usize::from(places.differences.height));
    model.compare.scroll = model.compare.scroll.min(last);
    // The height of the differences is unknown until then, and moves the pictures.
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
        // After moving, the old picture stays until the new one arrives; in another layout it would be wrong.
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
