//! One picture on the screen: how much of it is there, and what a frame does with its cells.

use std::sync::Arc;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;

use super::super::painter::Painter;
use super::kitty::Kitty;
use super::strips::{StripState, set_strip, strip_area};
use super::{Placement, is_left};
use crate::picture::encode::BlockPen;
use crate::picture::{Block, Colours, Form, Shared};

#[derive(Debug)]
pub(super) struct Shown {
    pub(super) placement: Placement,
    /// Whether an overlay covers a part of it.
    pub(super) covered: bool,
    pub(super) progress: Progress,
}

#[derive(Debug)]
pub(super) enum Progress {
    /// Number of visible cells of the picture, and the content of the others.
    Blocks {
        revealed: usize,
        under: Option<Shared>,
    },
    Kitty(Kitty),
    /// State of each strip on the screen.
    Strips(Vec<StripState>),
}

impl Shown {
    pub(super) fn area(&self) -> Rect {
        self.placement.area()
    }

    /// Whether a picture that is begun stands where this one stood.
    pub(super) fn gives_way_to(&self, wanted: &Placement) -> bool {
        self.is_seen() && !wanted.behind && self.area() == wanted.area()
    }

    /// It is in front.
    pub(super) fn is_seen(&self) -> bool {
        !self.placement.behind
    }

    /// Whether it is the same picture, wherever that is.
    pub(super) fn has(&self, wanted: &Placement) -> bool {
        Arc::ptr_eq(&self.placement.picture, &wanted.picture) || self.placement.picture == wanted.picture
    }

    pub(super) fn kitty(&self) -> Option<&Kitty> {
        match &self.progress {
            Progress::Kitty(kitty) => Some(kitty),
            Progress::Blocks { .. } | Progress::Strips(_) => None,
        }
    }

    pub(super) fn is_unfinished(&self, tmux: bool, pane: Option<Position>) -> bool {
        match &self.progress {
            Progress::Blocks { revealed, .. } => *revealed < self.placement.picture.cells.count(),
            Progress::Kitty(kitty) => {
                !kitty.complete || self.is_seen() && !kitty.placed && (tmux || !self.covered)
            }
            Progress::Strips(there) => {
                let is_nowhere = tmux && pane.is_none() && self.has_iterm2();
                let is_due = |there: &StripState| matches!(there, StripState::Not | StripState::Old);
                !self.covered && !is_nowhere && there.iter().any(is_due)
            }
        }
    }

    /// It is wanted again, perhaps elsewhere, in front or behind. `top` is the highest layer that a picture has.
    pub(super) fn stay(
        &mut self,
        wanted: &Placement,
        top: u32,
        fronts: &[Rect],
        tmux: bool,
        out: &mut Vec<u8>,
    ) {
        let is_moved = self.placement.at != wanted.at;
        match &mut self.progress {
            Progress::Blocks { revealed, under } if is_moved => (*revealed, *under) = (0, None),
            Progress::Strips(there) if is_moved => there.fill(StripState::Not),
            Progress::Kitty(kitty) if is_moved => kitty.lift(tmux, out),
            Progress::Kitty(kitty) => match (self.placement.behind, wanted.behind) {
                // It is laid over what is in its place now, which costs less than to take that away first.
                (true, false) => (kitty.z, kitty.placed, kitty.is_over) = (top + 1, false, true),
                // What comes in front of it covers it, if that is as large.
                (false, true) if !fronts.contains(&wanted.area()) => kitty.lift(tmux, out),
                (false, true | false) | (true, true) => {}
            },
            Progress::Blocks { .. } | Progress::Strips(_) => {}
        }
        self.placement = wanted.clone();
    }

    /// Whether it is drawn by iTerm2's inline images.
    pub(super) fn has_iterm2(&self) -> bool {
        matches!(&self.placement.picture.form, Form::Strips(strips) if strips.iter().any(|strip| strip.bytes.starts_with(b"\x1b]")))
    }

    pub(super) fn prepare(
        &mut self,
        buffer: &mut Buffer,
        painter: &Painter,
        room: usize,
        tmux: bool,
        first: &mut Vec<u8>,
    ) {
        let area = self.placement.area();
        self.covered = area.positions().any(|at| !is_left(&buffer[at]));
        match (&self.placement.picture.form, &mut self.progress) {
            (Form::Blocks(blocks), Progress::Blocks { revealed, under }) => {
                if room > 0 {
                    *revealed += fitting(&blocks[*revealed..], room, painter.depth().colours());
                }
                let under = under.as_ref().and_then(|picture| match &picture.form {
                    Form::Blocks(blocks) => Some(blocks),
                    _ => None,
                });
                for (n, at) in area.positions().enumerate() {
                    let seen = if n < *revealed { Some(blocks) } else { under };
                    let cell = &mut buffer[at];
                    if !is_left(cell) {
                        continue;
                    }
                    cell.reset();
                    if let Some(block) = seen.and_then(|blocks| blocks.get(n)) {
                        put_block(cell, *block);
                    }
                }
            }
            (_, Progress::Kitty(kitty)) if tmux => kitty.set_placeholders(area, buffer, first),
            (_, Progress::Kitty(kitty)) => {
                if self.covered {
                    kitty.lift(tmux, first);
                }
                if !kitty.placed && kitty.before.is_none() && !kitty.is_over {
                    for at in area.positions() {
                        if is_left(&buffer[at]) {
                            buffer[at].reset();
                        }
                    }
                }
            }
            (Form::Strips(strips), Progress::Strips(there)) => {
                for (strip, there) in strips.iter().zip(there) {
                    set_strip(strip_area(area, strip), there, buffer, painter);
                }
            }
            _ => {}
        }
    }
}

/// Cells that fit into so many bytes, at least one.
fn fitting(blocks: &[Block], room: usize, colours: Colours) -> usize {
    let mut pen = BlockPen::new(colours);
    let mut used = 0;
    let fits = |cell: &&Block| {
        used += pen.bytes(**cell);
        used <= room
    };
    blocks.iter().take_while(fits).count().clamp(blocks.len().min(1), blocks.len())
}

/// Draws one cell of a picture.
pub fn put_block(cell: &mut Cell, block: Block) {
    let colour = |[r, g, b]: [u8; 3]| Color::Rgb(r, g, b);
    cell.set_bg(colour(block.back));
    if block.front != block.back {
        cell.set_char(block.sign()).set_fg(colour(block.front));
    }
}
