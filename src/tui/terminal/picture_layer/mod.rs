//! Draws one picture on the screen, part by part, and removes it completely.
//!
//! A view marks a picture's cells as `Skip` in its buffer and names the picture that belongs there. Before each frame
//! the picture layer decides about those cells: where the picture is drawn they are left alone; elsewhere they become
//! blank, so that the painter overwrites what was there. After the frame's text it adds parts of the picture, as many
//! bytes as the link takes in a short time. Parts are independent, so that frames can come in between, and the rest
//! is dropped if another picture is wanted.
//!
//! How a picture is removed: half-blocks are text, which the painter overwrites. Strips (Sixel, iTerm2) are overwritten
//! by the text of their cells. Kitty's pictures are deleted by number. What an overlay covers is drawn again when the
//! overlay is gone; of a picture in strips, only the covered strips.
//!
//! Inside tmux, Kitty's pictures are placed by characters (U+10EEEE, "Unicode placeholders"), which tmux
//! moves like any text.
//!
//! No IO here.

mod kitty;
pub(super) mod placeholder;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;

use self::kitty::Kitty;
pub(super) use self::kitty::push_kitty;
use super::painter::Painter;
use super::passthrough::through_tmux;
use crate::picture::{Form, Shared, Strip};

/// A picture and the position of its first cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    pub picture: Shared,
    pub at: Position,
}

impl Placement {
    /// The cells the picture covers.
    pub fn area(&self) -> Rect {
        Rect::new(self.at.x, self.at.y, self.picture.cells.width, self.picture.cells.height)
    }
}

/// Approximate bytes of one half-block on the wire: two colours and the character.
const BLOCK_BYTES: usize = 36;

/// One picture and how much of it the terminal shows. See the module's documentation.
#[derive(Debug)]
pub(super) struct PictureLayer {
    tmux: bool,
    /// Where tmux's pane lies on the screen of the terminal around it, as far as that is known.
    pane: Option<Position>,
    /// The first of the two image numbers in Kitty's protocol, which successive pictures take in turn.
    first_id: u8,
    second: bool,
    shown: Option<Shown>,
    /// Strips were drawn since the screen was cleared.
    has_drawn_strips: bool,
    /// Bytes that remove what was shown by another way, for the next frame.
    left: Vec<u8>,
}

#[derive(Debug)]
struct Shown {
    placement: Placement,
    /// Whether an overlay covers a part of it.
    covered: bool,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    /// Number of visible cells of the picture, and the content of the others.
    Blocks {
        revealed: usize,
        under: Option<Shared>,
    },
    Kitty(Kitty),
    /// State of each strip on the screen.
    Strips(Vec<StripState>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StripState {
    Not,
    /// A part of the previous picture.
    Old,
    Whole,
    /// Partly overwritten.
    Torn,
}

impl PictureLayer {
    /// `seed` chooses the image numbers, so that another program in the same window (tmux) is likely to have others.
    pub(super) fn new(tmux: bool, seed: u32) -> Self {
        // In placeholders the number is a colour. One byte is an indexed colour, which survives where 24 bits don't.
        Self {
            tmux,
            pane: None,
            first_id: 16 + (seed % 119) as u8 * 2,
            second: false,
            shown: None,
            has_drawn_strips: false,
            left: Vec::new(),
        }
    }

    /// Sets whether pictures pass through tmux.
    pub(super) fn set_tmux(&mut self, tmux: bool) {
        if tmux != self.tmux {
            self.left = self.leaving();
            self.shown = None;
            self.tmux = tmux;
        }
    }

    /// Sets where tmux's pane lies on the screen of the terminal around it. iTerm2's images pass through tmux to a place on
    /// that screen; without it none is drawn.
    pub(super) fn set_pane(&mut self, pane: Option<Position>) {
        self.pane = pane;
    }

    /// Whether strips were drawn since the screen was cleared: some terminals keep them below what overwrites them.
    pub(super) fn has_drawn_strips(&self) -> bool {
        self.has_drawn_strips
    }

    /// Whether a picture lies on the screen of the terminal around tmux, where tmux knows nothing of it.
    pub(super) fn is_beneath_tmux(&self) -> bool {
        self.tmux && self.shown.as_ref().is_some_and(Shown::has_iterm2)
    }

    /// Whether the next frame may show a picture by characters.
    pub(super) fn has_placeholders(&self) -> bool {
        self.tmux && self.shown.as_ref().is_some_and(|shown| matches!(shown.progress, Progress::Kitty(_)))
    }

    /// Before a frame: what the picture's cells are in it, and the bytes that go first. `room` is how many bytes of a
    /// picture may go out with the frame; with none, nothing more of it is shown.
    pub(super) fn prepare(
        &mut self,
        wanted: Option<&Placement>,
        buffer: &mut Buffer,
        painter: &Painter,
        room: usize,
    ) -> Vec<u8> {
        let mut first = std::mem::take(&mut self.left);
        if painter.starts_afresh(buffer.area.as_size()) {
            // Terminals differ in whether clearing the screen removes pictures: remove them and send them again.
            self.take_away(&mut first);
            self.has_drawn_strips = false;
        }
        match wanted.filter(|placement| buffer.area.intersection(placement.area()) == placement.area()) {
            Some(placement) => self.want(placement, &mut first),
            None => self.take_away(&mut first),
        }
        let area = self.shown.as_ref().map_or(Rect::ZERO, |shown| shown.placement.area());
        for (n, cell) in buffer.content.iter_mut().enumerate() {
            if is_left(cell) && !area.contains(place(n, buffer.area.width)) {
                cell.reset();
            }
        }
        if let Some(shown) = &mut self.shown {
            shown.prepare(buffer, painter, room, self.tmux, &mut first);
        }
        first
    }

    /// Whether parts of the picture are still to be sent.
    pub(super) fn unfinished(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| match &shown.progress {
            Progress::Blocks { revealed, .. } => *revealed < shown.placement.picture.cells.count(),
            Progress::Kitty(kitty) => !kitty.complete || !kitty.placed && (self.tmux || !shown.covered),
            Progress::Strips(there) => {
                let is_nowhere = self.tmux && self.pane.is_none() && shown.has_iterm2();
                let is_due = |there: &StripState| matches!(there, StripState::Not | StripState::Old);
                !shown.covered && !is_nowhere && there.iter().any(is_due)
            }
        })
    }

    /// After a frame: the next parts, `room` bytes of them, at least one; and the cells that they fill. If there are
    /// any, the cursor is no longer where it was.
    pub(super) fn parts(&mut self, room: usize) -> (Vec<u8>, Vec<Rect>) {
        let (mut bytes, mut filled) = (Vec::new(), Vec::new());
        let tmux = self.tmux;
        if let Some(Shown { placement, covered, progress }) = &mut self.shown {
            match (&placement.picture.form, progress) {
                (Form::Kitty(png), Progress::Kitty(kitty)) => {
                    kitty.parts(png, placement, *covered, room, tmux, &mut bytes, &mut filled);
                }
                (Form::Strips(strips), Progress::Strips(there)) if !*covered => {
                    let passage = if tmux { Passage::Tmux(self.pane) } else { Passage::Direct };
                    next_strips(strips, there, placement, passage, room, &mut bytes, &mut filled);
                    self.has_drawn_strips |= !filled.is_empty();
                }
                _ => {}
            }
        }
        (bytes, filled)
    }

    /// The bytes that remove everything, for when the terminal is given back.
    pub(super) fn leaving(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(Shown { progress: Progress::Kitty(kitty), .. }) = &self.shown {
            kitty.delete(self.tmux, &mut bytes);
        }
        bytes
    }

    fn take_away(&mut self, out: &mut Vec<u8>) {
        out.extend(self.leaving());
        self.shown = None;
    }

    fn want(&mut self, placement: &Placement, out: &mut Vec<u8>) {
        let Some(mut old) = self.shown.take() else { return self.begin(placement, None) };
        let (was, is) = (&old.placement.picture, &placement.picture);
        if Arc::ptr_eq(was, is) || was == is {
            if old.placement.at != placement.at {
                old.placement.at = placement.at;
                match &mut old.progress {
                    Progress::Blocks { revealed, under } => (*revealed, *under) = (0, None),
                    Progress::Kitty(kitty) => kitty.lift(self.tmux, out),
                    Progress::Strips(there) => there.fill(StripState::Not),
                }
            }
            self.shown = Some(old);
        } else if old.placement.area() == placement.area() {
            // As in an animation: the old frame stays until the next one is drawn.
            self.begin(placement, Some((old, out)));
        } else {
            if let Progress::Kitty(kitty) = &old.progress {
                kitty.delete(self.tmux, out);
            }
            self.begin(placement, None);
        }
    }

    fn begin(&mut self, placement: &Placement, old: Option<(Shown, &mut Vec<u8>)>) {
        let progress = match (&placement.picture.form, old) {
            (Form::Blocks(_), Some((Shown { placement, progress: Progress::Blocks { .. }, .. }, _))) => {
                Progress::Blocks { revealed: 0, under: Some(placement.picture) }
            }
            (Form::Blocks(_), _) => Progress::Blocks { revealed: 0, under: None },
            (Form::Kitty(_), Some((Shown { progress: Progress::Kitty(kitty), .. }, out))) => {
                let before = kitty.give_way(self.tmux, out);
                Progress::Kitty(self.kitty(before))
            }
            (Form::Kitty(_), _) => Progress::Kitty(self.kitty(None)),
            (Form::Strips(strips), Some((Shown { progress: Progress::Strips(_), .. }, _))) => {
                Progress::Strips(vec![StripState::Old; strips.len()])
            }
            (Form::Strips(strips), Some((Shown { progress: Progress::Kitty(kitty), .. }, out))) => {
                kitty.delete(self.tmux, out);
                Progress::Strips(vec![StripState::Not; strips.len()])
            }
            (Form::Strips(strips), _) => Progress::Strips(vec![StripState::Not; strips.len()]),
        };
        self.shown = Some(Shown { placement: placement.clone(), covered: false, progress });
    }

    fn kitty(&mut self, before: Option<u8>) -> Kitty {
        self.second = before.map_or(!self.second, |before| before == self.first_id);
        let id = self.first_id + u8::from(self.second);
        Kitty { id, sent: 0, complete: false, placed: false, before }
    }
}

impl Shown {
    /// Whether it is drawn by iTerm2's inline images.
    fn has_iterm2(&self) -> bool {
        matches!(&self.placement.picture.form, Form::Strips(strips) if strips.iter().any(|strip| strip.bytes.starts_with(b"\x1b]")))
    }

    fn prepare(
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
            (Form::Blocks(halves), Progress::Blocks { revealed, under }) => {
                if room > 0 {
                    *revealed = (*revealed + (room / BLOCK_BYTES).max(1)).min(halves.len());
                }
                let under = under.as_ref().and_then(|picture| match &picture.form {
                    Form::Blocks(halves) => Some(halves),
                    _ => None,
                });
                for (n, at) in area.positions().enumerate() {
                    let seen = if n < *revealed { Some(halves) } else { under };
                    let cell = &mut buffer[at];
                    if !is_left(cell) {
                        continue;
                    }
                    cell.reset();
                    if let Some([upper, lower]) = seen.and_then(|halves| halves.get(n)) {
                        half_block(cell, *upper, *lower);
                    }
                }
            }
            (_, Progress::Kitty(kitty)) if tmux => kitty.set_placeholders(area, buffer, first),
            (_, Progress::Kitty(kitty)) => {
                if self.covered {
                    kitty.lift(tmux, first);
                }
                if !kitty.placed && kitty.before.is_none() {
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

/// Whether the view left the cell to the picture.
fn is_left(cell: &Cell) -> bool {
    cell.diff_option == CellDiffOption::Skip
}

fn place(n: usize, width: u16) -> Position {
    let width = usize::from(width.max(1));
    Position::new((n % width) as u16, (n / width) as u16)
}

fn half_block(cell: &mut Cell, upper: [u8; 3], lower: [u8; 3]) {
    let colour = |[r, g, b]: [u8; 3]| Color::Rgb(r, g, b);
    cell.set_bg(colour(lower));
    if upper != lower {
        cell.set_char('▀').set_fg(colour(upper));
    }
}

fn strip_area(area: Rect, strip: &Strip) -> Rect {
    Rect { y: area.y + strip.row, height: strip.rows, ..area }.intersection(area)
}

/// What the cells of a strip are in the next frame.
fn set_strip(area: Rect, there: &mut StripState, buffer: &mut Buffer, painter: &Painter) {
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
enum Passage {
    Direct,
    /// Through tmux, whose pane lies there. Sixel it shows itself.
    Tmux(Option<Position>),
}

fn next_strips(
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

/// Bytes that draw something at a cell. Attributes are kept; the cursor moves. (It is not saved and restored: some
/// terminals have only one slot for that, which leaving the alternate screen needs.)
fn push_at(at: Position, drawing: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\x1b[{};{}H", at.y + 1, at.x + 1).as_bytes());
    out.extend_from_slice(drawing);
}
