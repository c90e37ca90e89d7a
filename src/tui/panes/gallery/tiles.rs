//! Thumbnails and marks of tiles, and how a tile is drawn, for the gallery and for the sheet of a batch.

use std::collections::HashSet;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::{Thumb, ThumbForm, ThumbOrder, Tile};
use crate::domain::OutputCard;
use crate::domain::run::Output;
use crate::picture::{Cells, Form, Picture, PictureProtocol};
use crate::tui::effect::{Effect, Effects, ScreenEffect};
use crate::tui::grid::GAP;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::panes::output::update as output;
use crate::tui::terminal::{Placement, put_block};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::put;
use crate::tui::wrap::wrap;

/// Most bytes of thumbnails in memory, besides those in sight.
const KEPT: usize = 24 << 20;

/// Columns that a caption has, unless its tile is narrower.
const CAPTION: u16 = 18;

/// Marks an output, or takes its mark away.
pub fn mark_card(model: &mut Model, card: OutputCard) {
    let marked = &mut model.gallery.marked;
    if let Some(at) = marked.iter().position(|other| other.id == card.id) {
        marked.remove(at);
        return;
    }
    if marked.len() == 2 {
        marked.remove(0);
    }
    marked.push(card);
    if marked.len() == 1 {
        model.notify(Tone::Plain, "Marked. Mark another one, or go to it; then C compares the two");
    }
}

/// What thumbnails are made of, each content once.
pub fn thumb_orders<'a>(tiles: impl Iterator<Item = &'a Tile>) -> Vec<ThumbOrder> {
    let mut seen = HashSet::new();
    let outputs = tiles.filter(|tile| tile.can_be_seen()).map(|tile| &tile.card.output);
    let outputs = outputs.filter(|output| seen.insert(&output.sha256));
    let order = |output: &Output| ThumbOrder {
        sha256: output.sha256.clone(),
        path: output.path.clone(),
        size: output.size,
        form: ThumbForm::default(),
    };
    outputs.map(order).collect()
}

/// The form of thumbnails of a size: the terminal's own pixels where it has them.
fn form(model: &Model, room: Cells) -> ThumbForm {
    match output::protocol(model).flatten() {
        None | Some(PictureProtocol::Blocks) => ThumbForm::blocks(room),
        Some(protocol) => ThumbForm { room, cell: model.output.means.cell, protocol },
    }
}

/// Orders the thumbnails that are not here yet, the first first. Sends a new order when one is missing in the last one,
/// or is no longer needed.
pub fn want_thumbs(model: &mut Model, room: Cells, near: Vec<ThumbOrder>, effects: &mut Effects) {
    let (form, has_thumbs) = (form(model, room), model.output.shows_pictures());
    let pane = &mut model.gallery;
    if pane.form != form {
        pane.form = form;
        pane.thumbs.clear();
        pane.asked.clear();
    }
    let weight: usize = pane.thumbs.values().map(Thumb::weight).sum();
    if weight > KEPT {
        let near: HashSet<&str> = near.iter().map(|order| order.sha256.as_str()).collect();
        pane.thumbs.retain(|sha256, _| near.contains(sha256.as_str()));
    }
    let missing = near.into_iter().filter(|order| !pane.thumbs.contains_key(&order.sha256));
    let missing: Vec<ThumbOrder> = missing.map(|order| ThumbOrder { form, ..order }).collect();
    let is_asked =
        missing.len() == pane.asked.len() && missing.iter().all(|order| pane.asked.contains(&order.sha256));
    if is_asked || !has_thumbs {
        return;
    }
    pane.asked = missing.iter().map(|order| order.sha256.clone()).collect();
    effects.push(Effect::Screen(ScreenEffect::MakeThumbs(missing)));
}

/// The picture of a tile in the terminal's own pixels, and where.
pub fn placement(model: &Model, tile: &Tile, place: Rect) -> Option<Placement> {
    let Some(Thumb::Picture(picture, _)) = model.gallery.thumbs.get(&tile.card.output.sha256) else {
        return None;
    };
    let is_of_pixels = !matches!(picture.form, Form::Blocks(_));
    let room = Rect { height: place.height.saturating_sub(1), ..place };
    let at = seat(picture.cells, room).filter(|_| is_of_pixels)?;
    Some(Placement::new(picture.clone(), at))
}

/// Where a picture stands in a room: in the middle, at the bottom, by its caption. `None` if the room is smaller, since a
/// picture may still be of an earlier size.
fn seat(cells: Cells, room: Rect) -> Option<Position> {
    let fits = cells.width <= room.width && cells.height <= room.height && cells.width > 0;
    fits.then(|| Position::new(room.x + (room.width - cells.width) / 2, room.bottom() - cells.height))
}

/// The part of a tile's place from the left of its picture on, for what stands beside and below that. Before the picture is
/// there, it is taken to have the shape of the others.
pub fn from_picture(model: &Model, tile: Option<&Tile>, place: Rect) -> Rect {
    let thumb = tile.and_then(|tile| model.gallery.thumbs.get(&tile.card.output.sha256));
    let room = Rect { height: place.height.saturating_sub(1), ..place };
    let cells = match thumb {
        Some(Thumb::Picture(picture, _)) => picture.cells,
        Some(Thumb::Nothing(_)) => return place,
        None => model.gallery.shape.within(Cells { width: room.width, height: room.height }),
    };
    // A narrow picture does not leave its caption too little room.
    let left =
        seat(cells, room).map_or(place.x, |at| at.x).min(place.right().saturating_sub(CAPTION)).max(place.x);
    Rect { x: left, width: place.right() - left, ..place }
}

/// Draws what is seen of an output in its tile, without the caption.
pub fn draw_picture(model: &Model, tile: &Tile, theme: &Theme, place: Rect, buffer: &mut Buffer) {
    let picture = Rect { height: place.height.saturating_sub(1), ..place };
    if let Some(placement) = placement(model, tile, place) {
        // These cells belong to the picture layer.
        for at in placement.area().intersection(buffer.area).positions() {
            buffer[at].set_diff_option(CellDiffOption::Skip);
        }
        return;
    }
    match model.gallery.thumbs.get(&tile.card.output.sha256) {
        Some(Thumb::Picture(thumb, rows)) => put_blocks(thumb, *rows, picture, buffer),
        Some(Thumb::Nothing(_)) if tile.gone => placeholder(tile, "", theme, picture, buffer),
        Some(Thumb::Nothing(why)) => placeholder(tile, why, theme, picture, buffer),
        None if tile.can_be_seen() && model.output.shows_pictures() => {
            put_centred(buffer, picture, picture.y + picture.height / 2, "…", theme.quiet);
        }
        None => placeholder(tile, "", theme, picture, buffer),
    }
}

/// The bar beside the selected tile.
pub fn draw_bar(place: Rect, theme: &Theme, buffer: &mut Buffer) {
    for y in place.top()..place.bottom() {
        let gap = Rect { x: place.x.saturating_sub(GAP), width: 1, ..place };
        put(buffer, gap, gap.x, y, "▌", theme.accent);
    }
}

/// The text in place of a picture: type, size, and why.
fn placeholder(tile: &Tile, why: &str, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let kind = tile.kind();
    let sign = match kind.split('/').next().unwrap_or_default() {
        "image" => "▣",
        "video" => "▶",
        "audio" => "♪",
        "text" => "¶",
        _ => "▤",
    };
    let mut lines = vec![(format!("{sign} {kind}"), theme.text)];
    lines.push((text::bytes(tile.card.output.size), theme.quiet));
    lines.extend(wrap(why, usize::from(area.width)).into_iter().map(|line| (line.to_owned(), theme.quiet)));
    lines.truncate(usize::from(area.height));
    let top = area.y + (area.height - lines.len() as u16) / 2;
    for ((line, style), y) in lines.iter().zip(top..area.bottom()) {
        put_centred(buffer, area, y, line, *style);
    }
}

pub fn put_centred(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: ratatui::style::Style) {
    let width = u16::try_from(text.width()).unwrap_or(u16::MAX).min(area.width);
    put(buffer, area, area.x + (area.width - width) / 2, y, text, style);
}

fn put_blocks(picture: &Picture, rows: u16, area: Rect, buffer: &mut Buffer) {
    let Form::Blocks(blocks) = &picture.form else { return };
    let cells = picture.cells;
    let Some(Position { x: left, y: top }) = seat(cells, area) else { return };
    let seen = usize::from(cells.width) * usize::from(rows);
    for (at, block) in blocks.iter().enumerate().take(seen) {
        let (x, y) = (at % usize::from(cells.width), at / usize::from(cells.width));
        let Some(cell) = buffer.cell_mut((left + x as u16, top + y as u16)) else { continue };
        put_block(cell, *block);
    }
}
