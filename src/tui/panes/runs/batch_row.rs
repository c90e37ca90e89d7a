//! A batch as one row of the runs, and what is told of a run by its place in one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::noted::noted;
use crate::domain::batch::{Batch, Outline};
use crate::domain::{RunSummary, Status};
use crate::report::batch as report;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{bar, put, put_right, without_right};

/// Columns of the bar.
const BAR: usize = 10;

/// `▌▸ batch 7  ━━━╌╌╌ 12/16  cfg (4) × seed (4)  1:40 left  0.42`.
pub(super) fn draw(
    model: &Model,
    (batch, outline): (&Batch, &Outline),
    run: &RunSummary,
    theme: &Theme,
    line: Rect,
    buffer: &mut Buffer,
) {
    let y = line.y;
    let selected = model.runs.list.selected == Some(run.id);
    if selected {
        let style = if model.focus == Pane::Runs { theme.accent } else { theme.quiet };
        put(buffer, line, line.x, y, "▌", style);
    }
    let style = if selected { theme.selected } else { theme.text };
    let x = put(buffer, line, line.x + 1, y, &format!("▸ batch {}  ", batch.id), style);
    let line = right(model, batch, run, theme, line, buffer);
    let ended = batch.count(Status::is_end);
    let (done, open) = bar(ended as f64 / batch.runs().max(1) as f64, BAR);
    let x = put(buffer, line, x, y, &done, theme.accent);
    let x = put(buffer, line, x, y, &open, theme.quiet);
    let x = put(buffer, line, x, y, &format!(" {ended}/{}  ", batch.runs()), theme.text);
    let failed = batch.count(|status| matches!(status, Status::Failed | Status::Lost));
    let x = match failed {
        0 => x,
        failed => put(buffer, line, x, y, &format!("✗ {failed}  "), theme.bad),
    };
    let x = match batch.held {
        Some((hold, _)) => put(buffer, line, x, y, &format!("{}  ", hold.why()), theme.patience),
        None => x,
    };
    let x = put(buffer, line, x, y, &report::axes(outline), theme.text);
    let rest = Rect { x: x + 2, width: line.right().saturating_sub(x + 2), ..line };
    let x = noted(theme, &run.notes, rest, buffer).saturating_sub(2).max(x);
    put(buffer, line, x + 2, y, &run.prompt, theme.quiet);
}

/// Time left, or what it took, and what it has cost. Returns what is left of the line.
fn right(
    model: &Model,
    batch: &Batch,
    run: &RunSummary,
    theme: &Theme,
    line: Rect,
    buffer: &mut Buffer,
) -> Rect {
    let usual = model.usual.get(&run.workflow_hash).copied();
    let at_once = model.open.profile.as_deref().map_or(1, |profile| profile.concurrency);
    let mut told = match report::time_left(batch, usual, at_once, model.now) {
        Some(ms) => format!("{} left", text::duration(ms)),
        None if batch.is_open() => String::new(),
        None => text::duration(batch.worked_ms),
    };
    let cost = batch.cost(model.now);
    if cost > 0.0 {
        told = format!("{told}  {}", report::money(cost));
    }
    put_right(buffer, line, line.y, &told, theme.quiet);
    without_right(line, u16::try_from(told.width()).unwrap_or(0) + 1)
}

/// The values of a run that is folded out, in place of what all of its batch have in common.
pub(super) fn values(model: &Model, run: &RunSummary) -> Option<String> {
    let at = run.batch?;
    let (_, outline) = model.runs.batches.get(&at.batch)?;
    Some(report::values(outline, at.place))
}
