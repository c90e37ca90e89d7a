//! Updates the gallery: filters, marks, selection and thumbnails.

use super::grid::Grid;
use super::tiles::{mark_card, thumb_orders, want_thumbs};
use crate::domain::OutputId;
use crate::picture::PictureProtocol;
use crate::tui::at_hand;
use crate::tui::effect::{Effect, Effects, Question, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::motion::{Motion, Wheel, in_sight};
use crate::tui::notice::{Notice, Subject, Tone};
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::{Thumb, ThumbOrder, Tile};
use crate::tui::panes::output::update as output;
use crate::tui::panes::output::{RenderOrder, Rendered};
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
    model.gallery.pixels_asked = None;
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
    if let Some(card) = at_hand::marked_card(model) {
        mark_card(model, card);
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
    let Some(grid) = Grid::of(model) else { return };
    let most = usize::from(grid.area.width / 12).max(1);
    model.gallery.columns = Some(grid.columns.saturating_add_signed(by).clamp(1, most));
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
    let Some(grid) = Grid::of(model) else { return };
    let last = model.gallery.list.rows.len().saturating_sub(1);
    let at = model.gallery.list.selected_index().unwrap_or(0);
    let (row, page) = (grid.columns, grid.page());
    model.gallery.list.failed = false;
    let next = match motion {
        Motion::Left => at.saturating_sub(1),
        Motion::Right => at + 1,
        // There is no row to go to.
        Motion::Up if at < row => at,
        Motion::Up => at - row,
        Motion::Down if at / row == last / row => at,
        Motion::Down => at + row,
        Motion::PageUp if at < page => at % row,
        Motion::PageUp => at - page,
        Motion::PageDown => at + page,
        Motion::Top => 0,
        Motion::Bottom => last,
    };
    choose(model, next.min(last));
}

pub fn choose(model: &mut Model, at: usize) {
    model.gallery.list.select(at);
}

/// Scrolls by rows, moving the selection if necessary.
pub fn wheel(model: &mut Model, wheel: Wheel) {
    let Some(grid) = Grid::of(model) else { return };
    let rows = model.gallery.list.rows.len().div_ceil(grid.columns);
    let end = rows.saturating_sub(grid.rows);
    let scroll = &mut model.gallery.scroll;
    *scroll = match wheel {
        Wheel::Up => scroll.saturating_sub(1),
        Wheel::Down => (*scroll + 1).min(end),
    };
    let first = *scroll * grid.columns;
    if let Some(at) = model.gallery.list.selected_index() {
        let row = (at / grid.columns).clamp(first / grid.columns, first / grid.columns + grid.rows - 1);
        let next = row * grid.columns + at % grid.columns;
        choose(model, next.min(model.gallery.list.rows.len().saturating_sub(1)));
    }
}

/// Index of the tile at a cell.
pub fn index_at(model: &Model, x: u16, y: u16) -> Option<usize> {
    let grid = Grid::of(model)?;
    let at = model.gallery.scroll * grid.columns + grid.at(x, y)?;
    (at < model.gallery.list.rows.len()).then_some(at)
}

pub fn thumb(model: &mut Model, order: ThumbOrder, thumb: Thumb) {
    if order.room == model.gallery.room {
        model.gallery.asked.retain(|sha256| *sha256 != order.sha256);
        model.gallery.thumbs.insert(order.sha256, thumb);
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
    let Some(grid) = Grid::of(model) else { return };
    let pane = &mut model.gallery;
    let row = pane.list.selected_index().unwrap_or(0) / grid.columns;
    let rows = pane.list.rows.len().div_ceil(grid.columns);
    pane.scroll = in_sight(pane.scroll, row..row + 1, rows, grid.rows);
    let older = pane.list.older(&wanted, grid.page());
    effects.extend(older.map(|query| Effect::Ask(Question::Outputs(query))));
    let pane = &model.gallery;
    let first = pane.scroll * grid.columns;
    let end = first + grid.page();
    let before = first.saturating_sub(grid.page());
    let count = pane.list.rows.len();
    let near = [first..end, end..end + grid.page(), before..first];
    let near = near.into_iter().flat_map(|range| range.start.min(count)..range.end.min(count));
    let orders = thumb_orders(near.map(|at| &pane.list.rows[at]), grid.picture);
    want_thumbs(model, grid.picture, orders, effects);
    want_pixels(model, &grid, effects);
}

/// Orders the selected picture in the terminal's own pixels, where it has them: half-blocks are for finding it.
fn want_pixels(model: &mut Model, grid: &Grid, effects: &mut Effects) {
    let protocol = output::protocol(model).flatten().filter(|protocol| *protocol != PictureProtocol::Blocks);
    let selected = model.gallery.list.selected().filter(|tile| tile.can_be_seen() && !tile.gone);
    let order = protocol.zip(selected).map(|(protocol, tile)| RenderOrder {
        path: tile.card.output.path.clone(),
        preview: 0,
        room: grid.picture,
        cell: model.output.means.cell,
        protocol: Some(protocol),
        play: false,
    });
    if model.gallery.pixels_asked != order {
        model.gallery.pixels = None;
        model.gallery.pixels_asked.clone_from(&order);
        effects.extend(order.map(|order| Effect::Screen(ScreenEffect::Render(order, output::REST_MS))));
    }
}

/// The selected picture is here, if it is the selected one still.
pub fn rendered(model: &mut Model, order: &RenderOrder, rendered: &Result<Rendered, String>) {
    if model.gallery.pixels_asked.as_ref() == Some(order) {
        model.gallery.pixels = rendered.as_ref().ok().cloned();
    }
}
