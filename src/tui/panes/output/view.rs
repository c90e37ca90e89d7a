//! Draws an output: a caption line, and below it the picture or text.

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::domain::run::{Output, Preview, RunError};
use crate::domain::{Run, Status};
use crate::picture::{Cells, PictureMode};
use crate::tui::command::Keymap;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::panes::output::{Rendered, RenderedBody};
use crate::tui::terminal::Placement;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{put, put_right, without_right};
use crate::tui::wrap::wrap;

/// The text of the title line.
pub fn note(model: &Model) -> String {
    let Some(run) = shown(model) else { return String::new() };
    let shown = match run.outputs.len() {
        0 if preview(model).is_some() => format!("run {}   preview", run.id),
        0 => format!("run {}", run.id),
        count => format!("run {}   {} of {count}", run.id, model.output.at + 1),
    };
    match model.runs.list.selected().filter(|row| row.id != run.id) {
        Some(works) => format!("{} {} {}   {shown}", works.status.sign(), works.id, works.status.word()),
        None => shown,
    }
}

/// The run whose outputs are seen: the selected one; as long as that one works and has nothing to show, the one that
/// made something last.
pub fn shown(model: &Model) -> Option<&Run> {
    let selected = model.selected_run();
    let has_nothing = |run: &Run| run.outputs.is_empty() && !run.status.is_end() && preview(model).is_none();
    let is_read = model.runs.list.selected().is_none_or(|row| row.status.is_end());
    match selected {
        Some(run) if !has_nothing(run) => Some(run),
        // Which of the two it is shows when it has been read.
        None if is_read => None,
        _ => model.output.last.as_deref().or(selected),
    }
}

/// Cells available for a picture; `None` when the pane is hidden.
pub fn room(model: &Model) -> Option<Cells> {
    let area = picture_area(model)?;
    Some(Cells { width: area.width, height: area.height })
}

/// The picture on screen, and its place.
pub fn placement(model: &Model) -> Option<Placement> {
    let Some(Ok(Rendered { body: RenderedBody::Picture { frames, .. }, .. })) = &model.output.rendered else {
        return None;
    };
    let (picture, _) = frames.get(model.output.frame).or_else(|| frames.first())?;
    let area = picture_area(model)?;
    let cells = picture.cells;
    if cells.width > area.width || cells.height > area.height {
        // The screen was made smaller; a picture that fits has been ordered.
        return None;
    }
    let at = Position::new(area.x + (area.width - cells.width) / 2, area.y);
    Some(Placement::new(picture.clone(), at))
}

/// Lines of the shown text.
pub fn line_count(model: &Model) -> usize {
    match &model.output.rendered {
        Some(Ok(Rendered { body: RenderedBody::Text(lines, _), .. })) => lines.len(),
        _ => 0,
    }
}

fn picture_area(model: &Model) -> Option<Rect> {
    let body = layout::regions(model)?.body(Pane::Output)?;
    beneath_caption(body)
}

fn beneath_caption(body: Rect) -> Option<Rect> {
    let area = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
    (area.height > 0 && area.width > 0).then_some(area)
}

/// The newest intermediate picture of the selected run, while it is at work and has no output.
pub fn preview(model: &Model) -> Option<&Preview> {
    let run = model.selected_run()?;
    run.preview.as_ref().filter(|_| run.outputs.is_empty() && run.status.is_in_flight())
}

pub fn draw(model: &Model, keys: &Keymap, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let output = shown(model).and_then(|run| run.outputs.get(model.output.at));
    match (output, preview(model)) {
        (Some(output), _) => caption(model, output, theme, area, buffer),
        (None, Some(_)) => {
            put(buffer, area, area.x, area.y, "the work so far", theme.quiet);
        }
        (None, None) => return paragraphs(&nothing(model, keys, theme), area, buffer),
    }
    let Some(beneath) = beneath_caption(area) else { return };
    if let Some(placement) = placement(model) {
        // These cells belong to the picture, which the picture layer draws.
        for at in placement.area().intersection(buffer.area).positions() {
            buffer[at].set_diff_option(CellDiffOption::Skip);
        }
        return;
    }
    match &model.output.rendered {
        Some(Ok(Rendered { body: RenderedBody::Text(lines, more), .. })) => {
            lines_of_text(model, lines, *more, theme, beneath, buffer);
        }
        Some(Ok(Rendered { body: RenderedBody::Off, .. })) => {
            words(&off(model, keys), theme, beneath, buffer)
        }
        Some(Ok(Rendered { body: RenderedBody::Nothing(why), .. })) | Some(Err(why)) => {
            words(why, theme, beneath, buffer);
        }
        Some(Ok(_)) => {}
        None => words(&waiting(model, keys), theme, beneath, buffer),
    }
}

/// Name on the left; size in pixels and bytes on the right.
fn caption(model: &Model, output: &Output, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut facts = Vec::new();
    if let Some(Ok(rendered)) = &model.output.rendered {
        facts.extend(rendered.facts.iter().cloned());
        facts.push(text::bytes(rendered.bytes));
        if let RenderedBody::Picture { moves: true, frames } = &rendered.body {
            facts.push(match frames.len() {
                0 | 1 => "moves".to_owned(),
                count => format!("frame {} of {count}", model.output.frame + 1),
            });
        }
    } else {
        facts.push(text::bytes(output.size));
    }
    let facts = facts.join("  ");
    let line = Rect { height: 1, ..area };
    put_right(buffer, line, area.y, &facts, theme.quiet);
    let name = without_right(line, facts.width() as u16 + 2);
    put(buffer, name, area.x, area.y, &output.name, theme.text);
}

/// Why there is no output, and what to do about it: one paragraph each.
fn nothing(model: &Model, keys: &Keymap, theme: &Theme) -> Vec<(String, Style)> {
    let Some(run) = model.selected_run() else {
        let text = match model.runs.list.selected {
            None => {
                let run = match model.open.profile {
                    Some(_) => format!(" Press {} to run.", keys.hint("run")),
                    None => String::new(),
                };
                return vec![(format!("What a run makes is seen here.{run}"), theme.quiet)];
            }
            Some(_) => "Reading the run…",
        };
        return vec![(text.to_owned(), theme.quiet)];
    };
    if let Some(error) = &run.error {
        return failure(run, error, keys, theme);
    }
    let text = match run.status {
        Status::Done => "This run made no output.".to_owned(),
        Status::Failed | Status::Cancelled | Status::Lost => {
            format!("This run is {}; it made nothing.", run.status.word())
        }
        Status::Queued | Status::Uploading | Status::Waiting | Status::Running | Status::Downloading => {
            format!("Nothing yet: {}.", run.status.word())
        }
    };
    vec![(text, theme.quiet)]
}

fn failure(run: &Run, error: &RunError, keys: &Keymap, theme: &Theme) -> Vec<(String, Style)> {
    let sign = run.status.sign();
    let mut texts = vec![(format!("{sign} {}", error.what), theme.status(run.status))];
    if !error.remedy.is_empty() {
        texts.push((error.remedy.clone(), theme.text));
    }
    let details = keys.hint("go-details");
    let leads = error.param.is_some() || error.node.is_some();
    texts.push(match leads {
        true => (
            format!("{details} shows details; {} there goes to the parameter.", keys.hint("to-parameter")),
            theme.quiet,
        ),
        false => (format!("{details} shows details."), theme.quiet),
    });
    texts
}

/// Why a picture is not drawn, and what to do.
fn off(model: &Model, keys: &Keymap) -> String {
    let key = keys.hint("picture-kind");
    if model.linear {
        let (view, copy) = (keys.hint("view"), keys.hint("copy-path"));
        format!("Not drawn here. {view} opens it, {copy} copies its path")
    } else if model.output.mode == PictureMode::Off {
        format!("Pictures are off. {key} turns them on")
    } else {
        format!(
            "There are no colours here, so half-blocks would show nothing (is NO_COLOR set?). {key} chooses another way"
        )
    }
}

/// What the pane is waiting for.
fn waiting(model: &Model, keys: &Keymap) -> String {
    if model.linear {
        return off(model, keys);
    }
    if model.output.mode == PictureMode::Auto && model.output.means.best.is_none() {
        return format!("Asking the terminal how it shows pictures… {} chooses", keys.hint("picture-kind"));
    }
    "Decoding…".to_owned()
}

/// Draws wrapped texts with a blank line between them.
fn paragraphs(texts: &[(String, Style)], area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let blank = |at: usize| (at > 0).then_some(("", Style::new()));
    let lines = texts.iter().enumerate().flat_map(|(at, (text, style))| {
        blank(at).into_iter().chain(wrap(text, width).into_iter().map(|line| (line, *style)))
    });
    for ((line, style), y) in lines.zip(area.top()..area.bottom()) {
        put(buffer, area, area.x, y, line, style);
    }
}

fn words(text: &str, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    for (line, y) in wrap(text, usize::from(area.width)).into_iter().zip(area.top()..area.bottom()) {
        put(buffer, area, area.x, y, line, theme.quiet);
    }
}

fn lines_of_text(
    model: &Model,
    lines: &[String],
    more: bool,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let end = more.then_some("… the file continues");
    let shown = lines.iter().map(|line| (line.as_str(), theme.text)).chain(end.map(|end| (end, theme.quiet)));
    for ((line, style), y) in shown.skip(model.output.scroll).zip(area.top()..area.bottom()) {
        put(buffer, area, area.x, y, line, style);
    }
}
