//! Pictures in strips (Sixel, iTerm2): each is drawn for itself, and overwritten by the text that takes its cells.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Placement, is_left, push_at};
use crate::picture::{Form, Shared, Strip};
use crate::tui::terminal::painter::Painter;
use crate::tui::terminal::passthrough::through_tmux;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StripState {
    Not,
    /// A part of the previous picture.
    Old,
    Whole,
    /// Partly overwritten.
    Torn,
}

/// What of an earlier picture's strips is as in the one that takes its place.
pub(super) fn what_stays(strips: &[Strip], before: &Shared, there: &[StripState]) -> Vec<StripState> {
    let old: &[Strip] = match &before.form {
        Form::Strips(old) => old,
        Form::Blocks(_) | Form::Kitty(_) => &[],
    };
    let state = |(at, strip): (usize, &Strip)| match (old.get(at), there.get(at)) {
        (Some(old), Some(StripState::Whole)) if old == strip => StripState::Whole,
        (Some(_), Some(StripState::Not | StripState::Torn)) => StripState::Not,
        (Some(_), Some(StripState::Whole | StripState::Old)) => StripState::Old,
        (None, _) | (_, None) => StripState::Not,
    };
    strips.iter().enumerate().map(state).collect()
}

pub(super) fn strip_area(area: Rect, strip: &Strip) -> Rect {
    Rect { y: area.y + strip.row, height: strip.rows, ..area }.intersection(area)
}

/// What the cells of a strip are in the next frame.
pub(super) fn set_strip(area: Rect, there: &mut StripState, buffer: &mut Buffer, painter: &Painter) {
    let covered = area.positions().any(|at| !is_left(&buffer[at]));
    *there = match *there {
        StripState::Whole | StripState::Old | StripState::Torn if covered => StripState::Torn,
        StripState::Torn => StripState::Not,
        other => other,
    };
    for at in area.positions() {
        // Where something else stands by now, or nothing of the picture yet, blanks take its place first.
        if is_left(&buffer[at]) && (*there == StripState::Not || !painter.leaves(at)) {
            buffer[at].reset();
        }
    }
}

/// How strips get to the terminal that shows them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Passage {
    Direct,
    /// Through tmux, whose pane lies there. Sixel it shows itself.
    Tmux(Option<Position>),
}

pub(super) fn next_strips(
    strips: &[Strip],
    there: &mut [StripState],
    placement: &Placement,
    passage: Passage,
    room: usize,
    bytes: &mut Vec<u8>,
    filled: &mut Vec<Rect>,
) {
    for (strip, there) in strips.iter().zip(there) {
        if matches!(there, StripState::Whole | StripState::Torn) {
            continue;
        }
        if !bytes.is_empty() && bytes.len() + strip.bytes.len() > room {
            return;
        }
        let at = Position::new(placement.at.x, placement.at.y + strip.row);
        match passage {
            Passage::Tmux(pane) if strip.bytes.starts_with(b"\x1b]") => {
                let Some(pane) = pane else { return };
                let mut wrapped = Vec::new();
                push_at(Position::new(pane.x + at.x, pane.y + at.y), &strip.bytes, &mut wrapped);
                // tmux takes the cursor to its own place again.
                bytes.extend(through_tmux(&wrapped));
            }
            Passage::Tmux(_) | Passage::Direct => push_at(at, &strip.bytes, bytes),
        }
        filled.push(strip_area(placement.area(), strip));
        *there = StripState::Whole;
    }
}
