//! Where everything is on a screen of a given size. Views draw by it, the mouse is read by it.
//!
//! ```text
//! wide                                    narrow, or zoomed
//! ┌ header ────────────────────────────┐  ┌ header ────────────┐
//! │ Parameters       │ Runs            │  │ tabs               │
//! │                  ├─────────────────│  │ the focused pane   │
//! ├──────────────────│ Output, or      │  │                    │
//! │ Log              │ Details         │  │                    │
//! └ footer ────────────────────────────┘  └ footer ────────────┘
//! ```

use ratatui::layout::Rect;

use crate::tui::model::{Model, SMALLEST};
use crate::tui::pane::Pane;

/// From this width on there are two columns.
pub const WIDE: u16 = 100;
/// Width of the left column in percent, until the person moves the rule.
pub const DEFAULT_SPLIT: u16 = 50;
/// Height of the parameters above the log in percent, until the person moves that rule.
pub const LOG_SPLIT: u16 = 62;
/// Columns between two names in the title line.
const TAB_GAP: u16 = 2;
/// Below this width there is less between them, and less of them.
const NARROW_TABS: u16 = 72;
/// From this height on a column holds two panes.
const TALL: u16 = 20;

/// Lines of a log that has none: its title, and why.
const EMPTY_LOG: u16 = 3;

/// From this height on the right column holds three.
const VERY_TALL: u16 = 56;

/// A pane's name in the title line that shows them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tab {
    pub pane: Pane,
    pub name: &'static str,
    pub place: Rect,
}

/// The regions of the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    pub header: Rect,
    pub footer: Rect,
    /// The panes that are seen, each with its title line.
    pub panes: Vec<(Pane, Rect)>,
    /// The rule between the columns: its column, its first row, its height.
    pub rule: Option<Rect>,
    /// One pane is seen, and the title line names them all.
    pub tabs: bool,
}

impl Regions {
    /// A pane's place; `None` when it is not seen.
    pub fn pane(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(seen, _)| *seen == pane).map(|(_, area)| *area)
    }

    /// Where the panes' names are in the title line, when that line shows them all: number, blank, name.
    pub fn tabs(&self) -> Vec<Tab> {
        let Some((_, area)) = self.panes.first().filter(|_| self.tabs) else { return Vec::new() };
        // What the pane says of itself has to stand beside them.
        let is_narrow = area.width < NARROW_TABS;
        let gap = if is_narrow { 1 } else { TAB_GAP };
        let mut x = area.x;
        let tab = |pane: Pane| {
            let name = if is_narrow { pane.short_title() } else { pane.title() };
            let place = Rect { x, width: 2 + name.len() as u16, height: 1, ..*area };
            x = place.right() + gap;
            Tab { pane, name, place }
        };
        Pane::TABS.into_iter().map(tab).collect()
    }

    /// A pane's place beneath its title line.
    pub fn body(&self, pane: Pane) -> Option<Rect> {
        self.pane(pane).map(|area| Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area })
    }
}

/// The regions for a model; `None` when the screen is too small to be of use.
pub fn regions(model: &Model) -> Option<Regions> {
    let size = model.size;
    if size.width < SMALLEST.width || size.height < SMALLEST.height {
        return None;
    }
    let line = |y| Rect { x: 0, y, width: size.width, height: 1 };
    let body = Rect { x: 0, y: 1, width: size.width, height: size.height - 2 };
    let mut regions = Regions { header: line(0), footer: line(size.height - 1), ..Regions::default() };
    if model.focus.is_full_screen() {
        regions.panes.push((model.focus, Rect { x: 1, width: body.width - 2, ..body }));
        return Some(regions);
    }
    if model.zoomed || size.width < WIDE || size.height < TALL {
        regions.tabs = true;
        let inner = Rect { x: 1, width: body.width - 2, ..body };
        regions.panes.push((model.focus, inner));
        return Some(regions);
    }
    let percent = u32::from(if model.split == 0 { DEFAULT_SPLIT } else { model.split });
    let left_width = (u32::from(size.width) * percent / 100) as u16;
    let rule = left_width.clamp(40, size.width - 40);
    let left = Rect { x: 1, width: rule - 2, ..body };
    let right = Rect { x: rule + 2, width: size.width - rule - 3, ..body };
    let (parameters, log) = match model.log.total == 0 && model.focus != Pane::Log {
        // A log of nothing needs no room, and what will be sent does.
        true => above(left, EMPTY_LOG),
        false => stacked(left, u32::from(if model.log_split == 0 { LOG_SPLIT } else { model.log_split })),
    };
    let (runs, beneath) = stacked(right, if size.height < VERY_TALL { 45 } else { 30 });
    let (runs, beneath) = match rows_of_runs(model) {
        rows if rows < runs.height => above(right, right.height - rows),
        _ => (runs, beneath),
    };
    regions.rule = Some(Rect { x: rule, width: 1, ..body });
    regions.panes = vec![(Pane::Parameters, parameters), (Pane::Runs, runs)];
    if size.height >= VERY_TALL {
        let (output, details) = stacked(beneath, 60);
        regions.panes.extend([(Pane::Output, output), (Pane::Details, details)]);
    } else {
        regions.panes.push((if model.details_beneath { Pane::Details } else { Pane::Output }, beneath));
    }
    regions.panes.push((Pane::Log, log));
    Some(regions)
}

/// Rows that the list of runs needs with its title. What it leaves is the picture's. They grow by steps, since another size
/// of the picture is sent anew.
fn rows_of_runs(model: &Model) -> u16 {
    const STEP: usize = 6;
    let rows = model.runs.list.rows.len().max(1).div_ceil(STEP) * STEP + 2;
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// Lines that a pane shows beneath its title; those it would show, when it is not seen.
pub fn page(model: &Model, pane: Pane) -> usize {
    let seen = regions(model).and_then(|regions| regions.body(pane));
    seen.map_or(usize::from(model.size.height).saturating_sub(3), |area| usize::from(area.height)).max(1)
}

/// The column without its last lines, and these.
fn above(column: Rect, lines: u16) -> (Rect, Rect) {
    let top = column.height.saturating_sub(lines);
    (Rect { height: top, ..column }, Rect { y: column.y + top, height: column.height - top, ..column })
}

fn stacked(column: Rect, percent: u32) -> (Rect, Rect) {
    let top = (u32::from(column.height) * percent / 100) as u16;
    let upper = Rect { height: top, ..column };
    let lower = Rect { y: column.y + top, height: column.height - top, ..column };
    (upper, lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::Size;

    fn at(width: u16, height: u16) -> Option<Regions> {
        regions(&Model { size: Size { width, height }, ..Model::default() })
    }

    #[test]
    fn every_size_has_its_shape() {
        assert_eq!(at(59, 40), None);
        assert_eq!(at(120, 14), None);
        assert_eq!(at(80, 24).map(|r| r.panes.len()), Some(1));
        assert_eq!(at(120, 40).map(|r| r.panes.len()), Some(4));
        assert_eq!(at(200, 60).map(|r| r.panes.len()), Some(5));
    }

    #[test]
    fn panes_lie_within_the_screen_and_apart() {
        for (width, height) in [(60, 15), (100, 20), (120, 40), (200, 60), (1000, 300)] {
            for split in [0, 1, 50, 99] {
                let model = Model { size: Size { width, height }, split, ..Model::default() };
                let regions = regions(&model).expect("large enough");
                let screen = Rect { x: 0, y: 0, width, height };
                for (i, (_, area)) in regions.panes.iter().enumerate() {
                    assert_eq!(area.intersection(screen), *area);
                    for (_, other) in &regions.panes[i + 1..] {
                        assert!(!area.intersects(*other), "{area} {other}");
                    }
                }
            }
        }
    }
}
