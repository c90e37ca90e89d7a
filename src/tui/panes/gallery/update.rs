//! Updates the gallery: filters, marks, selection and thumbnails.

use super::grid;
use super::tiles::{mark_card, thumb_orders, want_thumbs};
use crate::domain::OutputId;
use crate::tui::at_hand;
use crate::tui::effect::{Effect, Effects, Question};
use crate::tui::grid::Shape;
use crate::tui::model::Model;
use crate::tui::motion::{Motion, Wheel};
use crate::tui::notice::{Notice, Subject, Tone};
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::{Thumb, ThumbOrder, Tile};
use crate::tui::panes::output::update as output;
use crate::tui::panes::runs::update as runs;
use crate::tui::query::{OutputsFilter, OutputsQuery};
use crate::tui::text;

/// Opens or closes the gallery.
pub fn toggle(model: &mut Model, effects: &mut Effects) {
    if model.focus == Pane::Gallery {
        return leave(model);
    }
    go_to(model, effects);
}

/// Opens the gallery; it returns to the current pane.
pub fn go_to(model: &mut Model, effects: &mut Effects) {
    if !model.focus.is_full_screen() {
        model.gallery.came_from = model.focus;
    }
    enter(model, effects);
}

pub fn enter(model: &mut Model, effects: &mut Effects) {
    output::stop_waiting(model);
    model.gallery.is_shape_known = false;
    model.go_to(Pane::Gallery);
    reload(model, effects);
}

fn leave(model: &mut Model) {
    let back = model.gallery.came_from;
    model.go_to(back);
}

/// Removes a filter; without one, closes the gallery.
pub fn back(model: &mut Model, effects: &mut Effects) {
    if !model.gallery.starred && model.runs.filter.is_empty() {
        return leave(model);
    }
    model.gallery.starred = false;
    model.runs.filter.clear();
    runs::search_changed(model, effects);
}

fn filter(model: &Model) -> OutputsFilter {
    OutputsFilter { runs: model.runs.filter.clone(), starred: model.gallery.starred }
}

/// Reads the newest outputs again if the gallery is visible.
pub fn reload(model: &mut Model, effects: &mut Effects) {
    if model.focus == Pane::Gallery {
        let wanted = filter(model);
        let query = model.gallery.list.reload(wanted);
        effects.extend(query.map(|query| Effect::Ask(Question::Outputs(query))));
    }
}

pub fn loaded(model: &mut Model, query: OutputsQuery, tiles: Vec<Tile>, more: bool, effects: &mut Effects) {
    model.is_in_order(Subject::History);
    let wanted = filter(model);
    if model.gallery.list.loaded(query, tiles, more, &wanted) {
        reload(model, effects);
    }
}

/// Keeps what is shown when reading failed.
pub fn not_read(model: &mut Model, why: String, effects: &mut Effects) {
    model.tell(Notice::news(Tone::Bad, why, model.now).about(Subject::History));
    if model.gallery.list.not_read() {
        reload(model, effects);
    }
}

pub fn only_starred(model: &mut Model, effects: &mut Effects) {
    model.gallery.starred = !model.gallery.starred;
    model.gallery.scroll = 0;
    reload(model, effects);
}

/// Marks the output at hand for comparison; a third mark replaces the first.
pub fn mark(model: &mut Model) {
    match at_hand::marked_card(model) {
        Some(card) => mark_card(model, card),
        None => mark_run(model),
    }
}

/// Marks a run that made nothing, to be held against another one.
fn mark_run(model: &mut Model) {
    let Some(run) = model.runs.list.selected().map(|run| run.id) else { return };
    let marked = &mut model.runs.marked;
    match marked.iter().position(|other| *other == run) {
        Some(at) => drop(marked.remove(at)),
        None => {
            if marked.len() == 2 {
                marked.remove(0);
            }
            marked.push(run);
            model.notify(Tone::Plain, "Marked. Go to another run; then d shows what differs");
        }
    }
}

/// Opens the run, with this output selected.
pub fn open(model: &mut Model) {
    let Some(id) = model.gallery.list.selected else { return };
    model.runs.list.go_to(id.run);
    model.runs.chosen = true;
    output::go_to(model, id);
    model.came_from = Some(Pane::Gallery);
}

/// More tiles beside each other, or fewer.
pub fn resize(model: &mut Model, by: isize) {
    model.gallery.columns = grid::of(model).map(|grid| grid.resized(by));
}

pub fn ask_delete(model: &mut Model) {
    let Some(tile) = model.gallery.list.selected() else { return };
    let output = &tile.card.output;
    let consequence = if tile.gone {
        "Its file is already gone; it leaves the gallery.".to_owned()
    } else {
        let bytes = text::bytes(output.size);
        format!("{} ({bytes}) is deleted. This cannot be undone.", output.path.display())
    };
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Delete {} of run {}?", output.name, tile.card.id.run),
        consequence,
        yes: "delete",
        then: Confirmed::DeleteOutput(tile.card.id),
    }));
}

pub fn deleted(model: &mut Model, id: OutputId, effects: &mut Effects) {
    model.gallery.marked.retain(|card| card.id != id);
    reload(model, effects);
}

pub fn moved(model: &mut Model, motion: Motion) {
    let Some(grid) = grid::of(model) else { return };
    let at = model.gallery.list.selected_index().unwrap_or(0);
    model.gallery.list.failed = false;
    choose(model, grid.moved(at, motion, model.gallery.list.rows.len()));
}

pub fn choose(model: &mut Model, at: usize) {
    model.gallery.list.select(at);
}

/// Scrolls by rows, moving the selection if necessary.
pub fn wheel(model: &mut Model, wheel: Wheel) {
    let (Some(grid), Some(at)) = (grid::of(model), model.gallery.list.selected_index()) else { return };
    let (scroll, at) = grid.wheeled(model.gallery.scroll, wheel, at, model.gallery.list.rows.len());
    model.gallery.scroll = scroll;
    choose(model, at);
}

/// Index of the tile at a cell.
pub fn index_at(model: &Model, x: u16, y: u16) -> Option<usize> {
    let grid = grid::of(model)?;
    let at = model.gallery.scroll * grid.columns + grid.at(x, y)?;
    (at < model.gallery.list.rows.len()).then_some(at)
}

pub fn thumb(model: &mut Model, order: ThumbOrder, thumb: Thumb) {
    if order.form == model.gallery.form {
        take_shape(model, &order, &thumb);
        model.gallery.asked.retain(|sha256| *sha256 != order.sha256);
        model.gallery.thumbs.insert(order.sha256, thumb);
    }
}

/// The tiles take the shape of the first picture that comes.
fn take_shape(model: &mut Model, order: &ThumbOrder, thumb: &Thumb) {
    let Thumb::Picture(picture, _) = thumb else { return };
    if !std::mem::replace(&mut model.gallery.is_shape_known, true) {
        let (cells, cell) = (picture.cells, order.form.cell);
        let side = |cells: u16, pixels: u16| u32::from(cells) * u32::from(pixels);
        let (width, height) = (side(cells.width, cell.width), side(cells.height, cell.height));
        model.gallery.shape = Shape::of(width, height, cell);
    }
}

/// Keeps a tile selected and visible, requests older outputs before the end is reached, and orders thumbnails.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if model.focus != Pane::Gallery {
        return;
    }
    let wanted = filter(model);
    let list = &mut model.gallery.list;
    if !list.shows(&wanted) && list.is_idle() && !list.failed {
        model.gallery.scroll = 0;
        reload(model, effects);
    }
    model.gallery.list.settle(&wanted);
    let Some(grid) = grid::of(model) else { return };
    let pane = &mut model.gallery;
    let at = pane.list.selected_index().unwrap_or(0);
    pane.scroll = grid.in_sight(pane.scroll, at, pane.list.rows.len());
    let older = pane.list.older(&wanted, grid.page());
    effects.extend(older.map(|query| Effect::Ask(Question::Outputs(query))));
    let pane = &model.gallery;
    let first = pane.scroll * grid.columns;
    let end = first + grid.page();
    let before = first.saturating_sub(grid.page());
    let count = pane.list.rows.len();
    let near = [first..end, end..end + grid.page(), before..first];
    let near = near.into_iter().flat_map(|range| range.start.min(count)..range.end.min(count));
    want_thumbs(model, grid.picture, thumb_orders(near.map(|at| &pane.list.rows[at])), effects);
}
