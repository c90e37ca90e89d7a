//! Draws the gallery: a grid of thumbnails with captions, and details of the selected output below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::{grid, tiles};
use crate::domain::brief;
use crate::tui::briefs::words;
use crate::tui::command::Keymap;
use crate::tui::grid::INFO;
use crate::tui::model::Model;
use crate::tui::panes::gallery::Tile;
use crate::tui::panes::runs::noted::noted;
use crate::tui::terminal::Placement;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{put, put_right, without_right};

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
        let nothing = match model.open.profile.is_some() && model.open.workflow.is_some() {
            true => format!("Nothing yet. Press {} to run.", keys.hint("run")),
            false => {
                format!("Nothing yet: outputs of all runs are seen here. {} goes back.", keys.hint("back"))
            }
        };
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
    for (_, tile, place) in in_sight(model) {
        draw_tile(model, tile, theme, place, buffer);
    }
    if let Some(tile) = gallery.list.selected() {
        let info = Rect { y: area.bottom().saturating_sub(INFO), height: INFO, ..area };
        about(model, tile, theme, info, buffer);
    }
}

fn draw_tile(model: &Model, tile: &Tile, theme: &Theme, place: Rect, buffer: &mut Buffer) {
    let is_selected = model.gallery.list.selected == Some(tile.card.id);
    let from_picture = tiles::from_picture(model, Some(tile), place);
    if is_selected {
        tiles::draw_bar(from_picture, theme, buffer);
    }
    tiles::draw_picture(model, tile, theme, place, buffer);
    let line = Rect { y: place.bottom() - 1, height: 1, ..from_picture };
    caption(model, tile, is_selected, theme, line, buffer);
}

/// The tiles in sight and their places, with their index.
fn in_sight(model: &Model) -> impl Iterator<Item = (usize, &Tile, Rect)> {
    let gallery = &model.gallery;
    grid::of(model).into_iter().flat_map(move |grid| {
        let first = gallery.scroll * grid.columns;
        let tiles = gallery.list.rows.iter().enumerate().skip(first).take(grid.page());
        tiles.map(move |(at, tile)| (at, tile, grid.place(at - first)))
    })
}

/// The pictures in the terminal's own pixels: the selected one first, then as they stand.
pub fn placements(model: &Model) -> Vec<Placement> {
    let selected = model.gallery.list.selected_index();
    let mut placed: Vec<(usize, Placement)> = in_sight(model)
        .filter_map(|(at, tile, place)| Some((at, tiles::placement(model, tile, place)?)))
        .collect();
    placed.sort_by_key(|(at, _)| Some(*at) != selected);
    placed.into_iter().map(|(_, placement)| placement).collect()
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
    if card.rejected {
        x = put(buffer, line, x, line.y, "✗ ", theme.bad);
    }
    x = put(buffer, line, x, line.y, &format!("{} ", card.id.run), theme.text.patch(style));
    if tile.gone {
        put(buffer, line, x, line.y, "file is gone", theme.bad);
    } else {
        put(buffer, line, x, line.y, &telling(model, tile), style);
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
    let line = Rect { y: area.y + 1, height: 1, ..area };
    let x = noted(theme, &card.notes, line, buffer);
    put(buffer, line, x, line.y, &card.prompt, theme.quiet);
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
