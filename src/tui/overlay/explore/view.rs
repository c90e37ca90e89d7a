//! Explore as it is seen: a line a parameter, how they go together, and what the runs will be and cost.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::Explore;
use crate::domain::batch::Combine;
use crate::domain::spend::Forecast;
use crate::report::batch as report;
use crate::tui::model::Model;
use crate::tui::overlay::parts::line;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{centred, frame, inside, put, put_right, without_right};
use crate::tui::wrap::wrap;

/// Parameters that are offered beneath the line that adds one.
const OFFERS: usize = 5;

/// Columns for the count of a row's values.
const COUNT: u16 = 8;

/// What `plan` will take and cost where runs go now.
fn forecast(model: &Model, runs: usize) -> Forecast {
    let profile = model.open.profile.as_deref();
    let usual = model.open.workflow_hash().and_then(|hash| model.usual.get(hash)).copied();
    let at_once = profile.map_or(1, |profile| profile.concurrency);
    Forecast::new(runs, usual, at_once, profile.and_then(|profile| profile.cost_per_second))
}

pub fn draw(model: &Model, explore: &Explore, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let adding = explore.adding_line();
    let offers = if explore.selected == adding { OFFERS } else { 0 };
    let doubts = if explore.rows.iter().any(|row| row.doubt.is_some()) { 2 } else { 0 };
    let height = explore.rows.len() + offers + doubts + 8;
    let area = centred(buffer.area, 84, height as u16);
    frame(buffer, area, "Explore", theme.quiet, theme.accent);
    let inner = inside(area);
    let names = explore.rows.iter().map(|row| row.shown().width()).max().unwrap_or(0).clamp(8, 24) as u16;
    let mut cursor = None;
    let mut y = inner.y;
    for (at, row) in explore.rows.iter().enumerate() {
        if y >= inner.bottom() {
            break;
        }
        let here = Rect { y, height: 1, ..inner };
        let selected = explore.selected == at;
        mark(buffer, here, selected, theme);
        let style = if selected { theme.selected } else { theme.text };
        put(buffer, Rect { width: names + 2, ..here }, here.x + 2, y, &row.shown(), style);
        let count = match &row.values {
            Ok(count) if row.doubt.is_some() => format!("{count} ✗"),
            Ok(count) => count.to_string(),
            Err(_) => "✗".to_owned(),
        };
        let is_good = row.values.is_ok() && row.doubt.is_none();
        put_right(buffer, here, y, &count, if is_good { theme.quiet } else { theme.bad });
        let field =
            Rect { x: here.x + names + 4, width: here.width.saturating_sub(names + 4 + COUNT), ..here };
        if selected {
            cursor = Some(line(buffer, field, "", &row.text, theme));
        } else {
            put(buffer, field, field.x + 1, y, &row.typed(), theme.text);
        }
        y += 1;
    }
    let here = Rect { y, height: 1, ..inner };
    mark(buffer, here, explore.selected == adding, theme);
    put(buffer, here, here.x + 2, y, "+", theme.accent);
    let field = Rect { x: here.x + 4, width: here.width.saturating_sub(4), ..here };
    if explore.selected == adding {
        cursor = Some(line(buffer, field, "", &explore.adding, theme));
        for (at, parameter) in explore.matches(&model.draft).into_iter().take(OFFERS).enumerate() {
            y += 1;
            let style = if at == 0 { theme.text } else { theme.quiet };
            let name = format!("{} · {}", model.draft.name(parameter), parameter.group);
            put(buffer, inner, inner.x + 5, y, &name, style);
        }
    } else {
        put(buffer, field, field.x + 1, y, "another parameter", theme.quiet);
    }
    y += 1;
    if explore.rows.len() > 1 {
        let here = Rect { y, height: 1, ..inner };
        let selected = explore.selected > adding;
        mark(buffer, here, selected, theme);
        let told = match explore.combine {
            Combine::Grid => "grid: each value with each of the others",
            Combine::Zip => "zipped: the first values together, then the second ones",
        };
        put(buffer, here, here.x + 2, y, told, if selected { theme.selected } else { theme.quiet });
    }
    outcome(
        model,
        explore,
        theme,
        Rect { y: y + 2, height: inner.bottom().saturating_sub(y + 2), ..inner },
        buffer,
    );
    let hint = match explore.selected {
        at if at == adding => " Enter adds it · ↑ back · Esc closes ",
        at if at > adding => " Space: grid or zipped · Enter goes on · Esc closes ",
        _ => " 6..10:0.5  ±20%  @lines.txt  [\"a\", \"b\"]  * · Enter goes on · Esc closes ",
    };
    put_right(buffer, without_right(area, 2), area.bottom() - 1, hint, theme.quiet);
    cursor
}

fn mark(buffer: &mut Buffer, line: Rect, selected: bool, theme: &Theme) {
    if selected {
        put(buffer, line, line.x, line.y, "▌", theme.accent);
    }
}

/// How many runs, how long, what they cost; or what is wrong with the selected row.
fn outcome(model: &Model, explore: &Explore, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let row = explore.rows.get(explore.selected).and_then(|row| row.values.as_ref().err());
    let first = explore.rows.iter().find_map(|row| row.values.as_ref().err());
    let wrong = row.or(first).map(String::as_str);
    let told = match (&explore.plan, wrong) {
        (Ok(plan), _) => {
            let head = format!("{}: {}", report::runs(plan.len()), report::axes(&plan.outline()));
            put(buffer, area, area.x, area.y, &head, theme.selected);
            told(model, plan.len())
        }
        (Err(_), Some(why)) => why.to_owned(),
        (Err(why), None) => why.clone(),
    };
    let mut y = area.y + u16::from(explore.plan.is_ok());
    let doubts = explore.rows.iter().enumerate().filter_map(|(at, row)| Some((at, row, row.doubt.as_ref()?)));
    let doubt = doubts.min_by_key(|(at, ..)| *at != explore.selected);
    let doubt = doubt.map(|(_, row, doubt)| format!("✗ {}: {doubt}", row.shown()));
    let texts = [(doubt.unwrap_or_default(), false), (told, explore.plan.is_ok())];
    for (text, is_good) in texts {
        for line in wrap(&text, usize::from(area.width)) {
            if y < area.bottom() && !text.is_empty() {
                put(buffer, area, area.x, y, line, if is_good { theme.text } else { theme.bad });
                y += 1;
            }
        }
    }
}

/// What so many runs will take and cost, and what of that is not known.
pub fn told(model: &Model, runs: usize) -> String {
    let mut told = report::forecast(&forecast(model, runs));
    match model.open.profile.as_deref() {
        Some(profile) if profile.cost_per_second.is_none() => {
            told += "; the profile does not say what a second costs";
        }
        Some(profile) if profile.concurrency > 1 => told += &format!(" ({} at once)", profile.concurrency),
        _ => {}
    }
    told
}
