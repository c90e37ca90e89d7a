//! Draws the gallery: a grid of thumbnails with captions, and details of the selected output below.

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;
use unicode_width::UnicodeWidthStr;

use super::grid::{Grid, INFO};
use crate::domain::brief;
use crate::picture::{Form, Picture};
use crate::tui::briefs::words;
use crate::tui::command::Keymap;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::{Thumb, Tile};
use crate::tui::panes::output::RenderedBody;
use crate::tui::terminal::Placement;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{put, put_right, without_right};
use crate::tui::wrap::wrap;

/// Columns reserved for the name.
const NAME: usize = 30;

/// The text of the title line: filters, and the number of outputs.
pub fn note(model: &Model) -> String {
    let mut notes = Vec::new();
    if model.gallery.starred {
        notes.push("only ★".to_owned());
    }
    let runs = crate::tui::panes::runs::view::filters(model);
    if !runs.is_empty() {
        notes.push(runs);
    }
    if let [_, ..] = model.gallery.marked.as_slice() {
        notes.push(format!("{} marked", model.gallery.marked.len()));
    }
    let count = model.gallery.list.rows.len();
    if let (Some(at), true) = (model.gallery.list.selected_index(), count > 0) {
        let more = if model.gallery.list.more { "+" } else { "" };
        notes.push(format!("{} of {count}{more}", at + 1));
    }
    notes.join("   ")
}

pub fn draw(model: &Model, keys: &Keymap, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let gallery = &model.gallery;
    if gallery.list.rows.is_empty() {
        let is_filtered = gallery.starred || !model.runs.filter.is_empty();
        let nothing = format!("Nothing yet. Press {} to run.", keys.hint("run"));
        let text = match gallery.list.shown {
            None if gallery.list.failed => "The history cannot be read.",
            None => "Reading the history…",
            Some(_) if gallery.starred => "Nothing here has a star. Esc clears the filter",
            Some(_) if is_filtered => "No matching run has outputs. Esc clears the filter",
            Some(_) => &nothing,
        };
        put(buffer, area, area.x + 2, area.y, text, theme.quiet);
        return;
    }
    let Some(grid) = Grid::of(model) else { return };
    let first = gallery.scroll * grid.columns;
    for (at, tile) in gallery.list.rows.iter().skip(first).take(grid.page()).enumerate() {
        draw_tile(model, tile, theme, grid.place(at), buffer);
    }
    if let Some(tile) = gallery.list.selected() {
        let info = Rect { y: area.bottom().saturating_sub(INFO), height: INFO, ..area };
        about(model, tile, theme, info, buffer);
    }
}

fn draw_tile(model: &Model, tile: &Tile, theme: &Theme, place: Rect, buffer: &mut Buffer) {
    let is_selected = model.gallery.list.selected == Some(tile.card.id);
    if is_selected {
        for y in place.top()..place.bottom() {
            let gap = Rect { x: place.x.saturating_sub(2), width: 1, ..place };
            put(buffer, gap, gap.x, y, "▌", theme.accent);
        }
    }
    let picture = Rect { height: place.height - 1, ..place };
    if let Some(placement) = placement(model).filter(|_| is_selected) {
        for at in placement.area().intersection(buffer.area).positions() {
            buffer[at].set_diff_option(CellDiffOption::Skip);
        }
    } else {
        thumb(model, tile, theme, picture, buffer);
    }
    caption(model, tile, is_selected, theme, Rect { y: place.bottom() - 1, height: 1, ..place }, buffer);
}

/// The selected picture in the terminal's own pixels, and where: at the bottom left of its tile, by its caption.
pub fn placement(model: &Model) -> Option<Placement> {
    let rendered = model.gallery.pixels.as_ref().filter(|_| model.focus == Pane::Gallery)?;
    let RenderedBody::Picture { frames, .. } = &rendered.body else { return None };
    let (picture, _) = frames.first()?;
    let grid = Grid::of(model)?;
    let at = model.gallery.list.selected_index()?.checked_sub(model.gallery.scroll * grid.columns)?;
    let place = (at < grid.page()).then(|| grid.place(at))?;
    let cells = picture.cells;
    let fits = cells.width <= place.width && cells.height < place.height;
    let top = (place.y + place.height).saturating_sub(1 + cells.height);
    fits.then(|| Placement { picture: picture.clone(), at: Position::new(place.x, top) })
}

fn thumb(model: &Model, tile: &Tile, theme: &Theme, picture: Rect, buffer: &mut Buffer) {
    match model.gallery.thumbs.get(&tile.card.output.sha256) {
        Some(Thumb::Picture(thumb, rows)) => half_blocks(thumb, *rows, picture, buffer),
        Some(Thumb::Nothing(_)) if tile.gone => placeholder(tile, "", theme, picture, buffer),
        Some(Thumb::Nothing(why)) => placeholder(tile, why, theme, picture, buffer),
        None if tile.can_be_seen() && model.output.shows_pictures() => {
            put_centred(buffer, picture, picture.y + picture.height / 2, "…", theme.quiet);
        }
        None => placeholder(tile, "", theme, picture, buffer),
    }
}

/// The run's number, marks, the seed, and what differs from the run before.
fn caption(model: &Model, tile: &Tile, is_selected: bool, theme: &Theme, line: Rect, buffer: &mut Buffer) {
    let card = &tile.card;
    let style = if is_selected { theme.selected } else { theme.quiet };
    let mark = model.gallery.marked.iter().position(|other| other.id == card.id);
    let mut x = line.x;
    if mark.is_some() {
        x = put(buffer, line, x, line.y, "◆ ", theme.accent);
    }
    if card.starred {
        x = put(buffer, line, x, line.y, "★ ", theme.accent);
    }
    x = put(buffer, line, x, line.y, &format!("{} ", card.id.run), theme.text.patch(style));
    if tile.gone {
        put(buffer, line, x, line.y, "file is gone", theme.bad);
    } else {
        put(buffer, line, x, line.y, &telling(model, tile), style);
    }
}

/// The text in place of a picture: type, size, and why.
pub fn placeholder(tile: &Tile, why: &str, theme: &Theme, area: Rect, buffer: &mut Buffer) {
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

/// Draws a thumbnail at the bottom left of its area, next to its caption.
pub fn half_blocks(picture: &Picture, rows: u16, area: Rect, buffer: &mut Buffer) {
    let Form::Blocks(halves) = &picture.form else { return };
    let cells = picture.cells;
    // The thumbnail may still be of an earlier size.
    let fits = cells.width <= area.width && cells.height <= area.height && cells.width > 0;
    let area = area.intersection(buffer.area);
    if !fits || area.is_empty() {
        return;
    }
    let (left, top) = (area.x, area.bottom() - cells.height);
    let seen = usize::from(cells.width) * usize::from(rows);
    for (at, [upper, lower]) in halves.iter().enumerate().take(seen) {
        let (x, y) = (at % usize::from(cells.width), at / usize::from(cells.width));
        let Some(cell) = buffer.cell_mut((left + x as u16, top + y as u16)) else { continue };
        let colour = |[r, g, b]: [u8; 3]| Color::Rgb(r, g, b);
        cell.set_bg(colour(*lower));
        if upper != lower {
            cell.set_char('▀').set_fg(colour(*upper));
        }
    }
}

/// Two lines about the selected output: the file, and how it was made.
fn about(model: &Model, tile: &Tile, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let card = &tile.card;
    // The least important fact comes first, and is dropped when the name needs the space.
    let mut facts = vec![tile.kind().to_owned()];
    facts.extend(card.preset.clone());
    facts.push(text::bytes(card.output.size));
    facts.extend(card.seed.as_ref().map(|seed| format!("seed {seed}")));
    facts.push(text::age(model.now - card.at));
    let name = card.output.name.width().min(NAME) + 10;
    while facts.len() > 1 && facts.join("  ").width() + name > usize::from(area.width) {
        facts.remove(0);
    }
    let right = put_right(buffer, area, area.y, &facts.join("  "), theme.quiet);
    let line = without_right(area, area.right().saturating_sub(right) + 2);
    let x = put(buffer, line, line.x, line.y, &format!("{}  ", card.id.run), theme.selected);
    put(buffer, line, x, line.y, &card.output.name, theme.text);
    put(buffer, area, area.x, area.y + 1, &card.prompt, theme.quiet);
}

/// What tells an output from its neighbours; one of several of a run also has its place.
fn telling(model: &Model, tile: &Tile) -> String {
    let card = &tile.card;
    let mut told = model.briefs.of(card.id.run).map(|brief| words::told(model, brief)).unwrap_or_default();
    let seed = card.seed.as_ref().map(|seed| format!("seed {}", brief::ends(seed)));
    told.extend(seed.filter(|seed| !told.contains(seed)));
    if told.is_empty() {
        return stem(&card.output.name).to_owned();
    }
    told.join(", ")
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
