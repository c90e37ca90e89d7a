//! Draws the comparison: captions, pictures, and the differences below.

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::places::{Places, halves};
use crate::domain::OutputCard;
use crate::domain::compare::{Change, Differ, What, Words};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::terminal::Placement;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{put, put_right, without_right};
use crate::tui::wrap::wrap;

/// Columns for the name of what differs.
const LABEL: usize = 16;
/// Most characters of a value.
const VALUE: usize = 200;

/// A part of a line in one style.
pub struct DiffSpan {
    pub text: String,
    pub look: DiffStyle,
}

#[derive(Clone, Copy, PartialEq)]
pub enum DiffStyle {
    Plain,
    Quiet,
    Only,
    New,
}

pub type Line = Vec<DiffSpan>;

/// The text of the title line.
pub fn note(model: &Model) -> String {
    let way = match model.compare.only {
        None => "beside each other".to_owned(),
        Some(shown) => format!("in one place, {} of 2", shown + 1),
    };
    let scale = if model.compare.closer.is_some() { "1:1, arrows move" } else { "all of it" };
    format!("{way}   {scale}")
}

/// Both pictures beside each other, or the one on screen and behind it the one that a flip shows.
pub fn placements(model: &Model) -> Vec<Placement> {
    let (Pane::Compare, Some(Ok(pictures))) = (model.focus, &model.compare.seen) else { return Vec::new() };
    let Some(area) = Places::of(model, line_count(model)).map(|places| places.pictures) else {
        return Vec::new();
    };
    let only = model.compare.only;
    let areas = if only.is_some() { [area; 2] } else { halves(area) };
    let placed = pictures.iter().zip(areas).enumerate().filter_map(|(at, (picture, area))| {
        let left = area.width.checked_sub(picture.cells.width)? / 2;
        let fits = picture.cells.height <= area.height;
        let place = Position::new(area.x + left, area.y);
        let behind = only.is_some_and(|only| only.min(1) != at);
        fits.then(|| Placement { behind, ..Placement::new(picture.clone(), place) })
    });
    let (mut placed, behind): (Vec<_>, Vec<_>) = placed.partition(|placement| !placement.behind);
    placed.extend(behind);
    placed
}

/// Lines of the differences at the current width.
pub fn line_count(model: &Model) -> usize {
    lines(model, usize::from(model.size.width.saturating_sub(2))).len()
}

pub fn draw(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(pair) = &model.compare.pair else {
        let text = "Nothing to compare. Mark two outputs in the gallery, then press C there.";
        put(buffer, area, area.x, area.y, text, theme.quiet);
        return;
    };
    let lines = lines(model, usize::from(area.width));
    let Some(places) = Places::of(model, lines.len()) else { return };
    captions(model, pair, places.captions, theme, buffer);
    let placed = placements(model);
    for placement in placed.iter().filter(|placement| !placement.behind) {
        // These cells belong to the picture, which the picture layer draws.
        for at in placement.area().intersection(buffer.area).positions() {
            buffer[at].set_diff_option(CellDiffOption::Skip);
        }
    }
    if placed.is_empty() {
        let text = match &model.compare.seen {
            Some(Err(why)) => why,
            Some(Ok(_)) | None if model.compare.asked.is_some() => "Decoding…",
            _ => "No pictures are drawn here",
        };
        for (line, y) in
            wrap(text, usize::from(area.width)).iter().zip(places.pictures.top()..places.pictures.bottom())
        {
            put(buffer, places.pictures, area.x, y, line, theme.quiet);
        }
    }
    differences(model, &lines, places.differences, theme, buffer);
}

fn captions(model: &Model, pair: &[OutputCard; 2], area: Rect, theme: &Theme, buffer: &mut Buffer) {
    match model.compare.only {
        Some(shown) => caption(model, &pair[shown.min(1)], shown, area, theme, buffer),
        None => {
            for (at, place) in halves(area).into_iter().enumerate() {
                caption(model, &pair[at], at, place, theme, buffer);
            }
        }
    }
}

/// Run and name on the left; size and age on the right.
fn caption(model: &Model, card: &OutputCard, at: usize, area: Rect, theme: &Theme, buffer: &mut Buffer) {
    let facts = format!("{}  {}", text::bytes(card.output.size), text::age(model.now - card.at));
    let right = put_right(buffer, area, area.y, &facts, theme.quiet);
    let line = without_right(area, area.right().saturating_sub(right) + 2);
    let x = put(buffer, line, line.x, line.y, if at == 0 { "A " } else { "B " }, theme.accent);
    let x = if card.starred { put(buffer, line, x, line.y, "★ ", theme.accent) } else { x };
    let x = if card.rejected { put(buffer, line, x, line.y, "✗ ", theme.bad) } else { x };
    let x = put(buffer, line, x, line.y, &format!("{} ", card.id.run), theme.selected);
    let tags = card.notes.hashtags();
    let x = if tags.is_empty() { x } else { put(buffer, line, x, line.y, &format!("{tags} "), theme.accent) };
    put(buffer, line, x, line.y, &card.output.name, theme.text);
}

fn differences(model: &Model, lines: &[Line], area: Rect, theme: &Theme, buffer: &mut Buffer) {
    let first = model.compare.scroll.min(lines.len().saturating_sub(usize::from(area.height)));
    for (line, y) in lines.iter().skip(first).zip(area.top()..area.bottom()) {
        let mut x = area.x;
        for span in line {
            x = put(buffer, area, x, y, &span.text, style(span.look, theme));
        }
    }
    let more = lines.len().saturating_sub(first + usize::from(area.height));
    if more > 0 {
        put_right(buffer, area, area.bottom() - 1, &format!(" {more} more ↓"), theme.quiet);
    }
}

/// Changes also have brackets, for terminals without colours.
/// The colours of a part.
pub fn style(look: DiffStyle, theme: &Theme) -> Style {
    match look {
        DiffStyle::Plain => theme.text,
        DiffStyle::Quiet => theme.quiet,
        DiffStyle::Only => theme.bad.add_modifier(Modifier::CROSSED_OUT),
        DiffStyle::New => theme.good,
    }
}

/// The differences, one or more lines per parameter, then what is equal.
fn lines(model: &Model, width: usize) -> Vec<Line> {
    let Some(pair) = &model.compare.pair else { return Vec::new() };
    let mut lines = Vec::new();
    let quiet = |text: String| vec![DiffSpan { text, look: DiffStyle::Quiet }];
    if pair[0].output.sha256 == pair[1].output.sha256 {
        let text =
            "Both have the same content: the server answered from its cache, or what differs has no effect";
        lines.extend(wrap(text, width).into_iter().map(|line| quiet(line.to_owned())));
    }
    match &model.compare.difference {
        None if model.compare.unread => lines.push(quiet("Their parameters cannot be read".to_owned())),
        None => lines.push(quiet("Reading their parameters…".to_owned())),
        Some(_) if pair[0].id.run == pair[1].id.run => {
            lines.push(quiet("Both are of one run, so their parameters are the same".to_owned()));
        }
        Some(difference) => {
            for (label, text) in &model.compare.spent {
                lines.push(vec![
                    DiffSpan { text: format!("{label:<LABEL$}"), look: DiffStyle::Quiet },
                    DiffSpan { text: text.clone(), look: DiffStyle::Plain },
                ]);
            }
            for differ in &difference.differ {
                differs(model, differ, width, &mut lines);
            }
            lines.push(quiet(match (difference.differ.len(), difference.same) {
                (0, _) => "All parameters are the same".to_owned(),
                (_, 0) => "Nothing else was sent".to_owned(),
                (_, 1) => "1 more is the same".to_owned(),
                (_, same) => format!("{same} more are the same"),
            }));
        }
    }
    lines
}

/// The lines of one thing that differs, in the names of the open workflow.
pub fn differs(model: &Model, differ: &Differ, width: usize, lines: &mut Vec<Line>) {
    let label = match &differ.what {
        What::Param(key) => {
            model.draft.param(key).map_or_else(|| key.to_string(), |param| model.draft.name(param).to_owned())
        }
        What::Workflow => "workflow".to_owned(),
        What::Preset => "preset".to_owned(),
        What::Profile => "profile".to_owned(),
    };
    let room = width.saturating_sub(LABEL).max(8);
    let none = if matches!(differ.what, What::Param(_)) { "(not sent)" } else { "(none)" };
    let spans = match &differ.change {
        Change::Values(before, after) => vec![
            value(before.as_deref(), DiffStyle::Only, none),
            DiffSpan { text: "→".to_owned(), look: DiffStyle::Quiet },
            value(after.as_deref(), DiffStyle::New, none),
        ],
        Change::Words(words) => changed(words),
    };
    let mut label = text::cut(&label, LABEL - 1);
    for mut line in flow(spans, room) {
        let blank = LABEL.saturating_sub(label.width());
        let begin = format!("{}{}", std::mem::take(&mut label), " ".repeat(blank));
        line.insert(0, DiffSpan { text: begin, look: DiffStyle::Quiet });
        lines.push(line);
    }
}

fn value(value: Option<&str>, look: DiffStyle, none: &str) -> DiffSpan {
    match value {
        None => DiffSpan { text: none.to_owned(), look: DiffStyle::Quiet },
        Some("") => DiffSpan { text: "(empty)".to_owned(), look: DiffStyle::Quiet },
        // The arrow says which value is which; nothing is struck through.
        Some(value) => {
            let line: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let look = if look == DiffStyle::Only { DiffStyle::Plain } else { look };
            DiffSpan { text: text::cut(&line, VALUE), look }
        }
    }
}

/// `a flamingo [dancing → sleeping] on top …`
fn changed(words: &[Words]) -> Vec<DiffSpan> {
    let mut spans = Vec::new();
    let mut push = |text: String, look| spans.push(DiffSpan { text, look });
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        match (word, words.peek()) {
            (Words::Only(before), Some(Words::New(after))) => {
                push(format!("[{before}"), DiffStyle::Only);
                push("→".to_owned(), DiffStyle::Quiet);
                push(format!("{after}]"), DiffStyle::New);
                words.next();
            }
            (Words::Only(before), _) => push(format!("[−{before}]"), DiffStyle::Only),
            (Words::New(after), _) => push(format!("[+{after}]"), DiffStyle::New),
            (Words::Same(text), _) => push(text.clone(), DiffStyle::Plain),
            (Words::Left(_), _) => push("…".to_owned(), DiffStyle::Quiet),
        }
    }
    spans
}

/// Joins pieces with blanks and wraps them to a width.
fn flow(spans: Vec<DiffSpan>, width: usize) -> Vec<Line> {
    let mut lines = vec![Line::new()];
    let mut used = 0;
    for span in spans {
        for word in span.text.split(' ') {
            // A word wider than a line is cut.
            for part in wrap(word, width) {
                let columns = part.width();
                let blank = usize::from(used > 0);
                if used + blank + columns > width && used > 0 {
                    lines.push(Line::new());
                    used = 0;
                }
                let blank = if used > 0 { " " } else { "" };
                used += blank.len() + columns;
                let Some(line) = lines.last_mut() else { continue };
                match line.last_mut().filter(|last| last.look == span.look) {
                    Some(last) => last.text.push_str(&format!("{blank}{part}")),
                    None => {
                        if !blank.is_empty() {
                            line.push(DiffSpan { text: blank.to_owned(), look: DiffStyle::Plain });
                        }
                        line.push(DiffSpan { text: part.to_owned(), look: span.look });
                    }
                }
            }
        }
    }
    lines
}
