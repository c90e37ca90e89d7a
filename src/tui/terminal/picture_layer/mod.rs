//! Draws pictures on the screen, part by part, the most important first, and removes them completely.
//!
//! A view marks the pictures' cells as `Skip` in its buffer and names the pictures that belong there. Before each frame
//! the picture layer decides about those cells: where a picture is drawn they are left alone; elsewhere they become
//! blank, so that the painter overwrites what was there. After the frame's text it adds parts of the pictures, as many
//! bytes as the link takes in a short time. Parts are independent, so that frames can come in between, and the rest
//! is dropped if another picture is wanted.
//!
//! How a picture is removed: half-blocks are text, which the painter overwrites. Strips (Sixel, iTerm2) are overwritten
//! by the text of their cells. Kitty's pictures are deleted by number. What an overlay covers is drawn again when the
//! overlay is gone; of a picture in strips, only the covered strips.
//!
//! A picture that stands *behind* another one is sent ahead where the terminal keeps it (Kitty), so that flipping between
//! the two is a few bytes.
//!
//! Inside tmux, Kitty's pictures are placed by characters (U+10EEEE, "Unicode placeholders"), which tmux
//! moves like any text.
//!
//! No IO here.

mod kitty;
pub(super) mod placeholder;
mod shown;
mod strips;
#[cfg(test)]
mod tests;

use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use ratatui::layout::{Position, Rect};

pub(super) use self::kitty::push_kitty;
use self::kitty::{Kitty, Whether};
pub use self::shown::put_block;
use self::shown::{Progress, Shown};
use self::strips::{Passage, StripState, next_strips, what_stays};
use super::painter::Painter;
use crate::picture::{Form, Shared};

/// A picture and the position of its first cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    pub picture: Shared,
    pub at: Position,
    /// It is not seen now, but may be next, in the place of one that is.
    pub behind: bool,
}

impl Placement {
    pub fn new(picture: Shared, at: Position) -> Self {
        Self { picture, at, behind: false }
    }

    /// The cells the picture covers.
    pub fn area(&self) -> Rect {
        Rect::new(self.at.x, self.at.y, self.picture.cells.width, self.picture.cells.height)
    }
}

/// Pictures and how much of them the terminal shows. See the module's documentation.
#[derive(Debug)]
pub(super) struct PictureLayer {
    tmux: bool,
    /// Where tmux's pane lies on the screen of the terminal around it, as far as that is known.
    pane: Option<Position>,
    /// Chooses the image numbers of Kitty's protocol.
    seed: u32,
    /// The most important first.
    shown: Vec<Shown>,
    /// Strips were drawn since the screen was cleared.
    has_drawn_strips: bool,
    /// Bytes that remove what was shown by another way, for the next frame.
    left: Vec<u8>,
}

impl PictureLayer {
    /// `seed` chooses the image numbers, so that another program in the same window (tmux) is likely to have others.
    pub(super) fn new(tmux: bool, seed: u32) -> Self {
        Self { tmux, pane: None, seed, shown: Vec::new(), has_drawn_strips: false, left: Vec::new() }
    }

    /// Sets whether pictures pass through tmux.
    pub(super) fn set_tmux(&mut self, tmux: bool) {
        if tmux != self.tmux {
            self.left = self.leaving();
            self.shown.clear();
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
        self.tmux && self.shown.iter().any(Shown::has_iterm2)
    }

    /// Whether the next frame may show a picture by characters.
    pub(super) fn has_placeholders(&self) -> bool {
        self.tmux && self.shown.iter().any(|shown| matches!(shown.progress, Progress::Kitty(_)))
    }

    /// Before a frame: what the pictures' cells are in it, and the bytes that go first. `room` is how many bytes of
    /// pictures may go out with the frame; with none, nothing more of them is shown.
    pub(super) fn prepare(
        &mut self,
        wanted: &[Placement],
        buffer: &mut Buffer,
        painter: &Painter,
        room: usize,
    ) -> Vec<u8> {
        let mut first = std::mem::take(&mut self.left);
        if painter.starts_afresh(buffer.area.as_size()) {
            // Terminals differ in whether clearing the screen removes pictures: remove them and send them again.
            first.extend(self.leaving());
            self.shown.clear();
            self.has_drawn_strips = false;
        }
        let screen = buffer.area;
        let fits = |placement: &&Placement| screen.intersection(placement.area()) == placement.area();
        self.want(wanted.iter().filter(fits).filter(|placement| is_of_use(placement)).collect(), &mut first);
        let seen: Vec<Rect> = self.shown.iter().filter(|shown| shown.is_seen()).map(Shown::area).collect();
        for (n, cell) in buffer.content.iter_mut().enumerate() {
            if is_left(cell) && !seen.iter().any(|area| area.contains(place(n, screen.width))) {
                cell.reset();
            }
        }
        let tmux = self.tmux;
        for shown in self.shown.iter_mut().filter(|shown| !shown.is_seen()) {
            let is_covered = shown.area().positions().any(|at| !is_left(&buffer[at]));
            if let Progress::Kitty(kitty) = &mut shown.progress
                && is_covered
            {
                kitty.lift(tmux, &mut first);
            }
        }
        for shown in self.shown.iter_mut().filter(|shown| shown.is_seen()) {
            shown.prepare(buffer, painter, room, tmux, &mut first);
        }
        self.without_interruption(first)
    }

    /// Nothing may come into the middle of a transfer: where something has to, it begins again.
    fn without_interruption(&mut self, first: Vec<u8>) -> Vec<u8> {
        let flying = self.shown.iter_mut().find_map(|shown| match &mut shown.progress {
            Progress::Kitty(kitty) if kitty.is_under_way() => Some(kitty),
            Progress::Kitty(_) | Progress::Blocks { .. } | Progress::Strips(_) => None,
        });
        match flying.filter(|_| !first.is_empty()) {
            None => first,
            Some(kitty) => {
                let mut bytes = Vec::new();
                kitty.begin_again(self.tmux, &mut bytes);
                bytes.extend(first);
                bytes
            }
        }
    }

    /// Whether parts of the pictures are still to be sent.
    pub(super) fn unfinished(&self) -> bool {
        self.shown.iter().any(|shown| shown.is_unfinished(self.tmux, self.pane))
    }

    /// After a frame: the next parts, `room` bytes of them, at least one; and the cells that they fill. If there are
    /// any, the cursor is no longer where it was.
    pub(super) fn parts(&mut self, room: usize) -> (Vec<u8>, Vec<Rect>) {
        let (mut bytes, mut filled) = (Vec::new(), Vec::new());
        let passage = if self.tmux { Passage::Tmux(self.pane) } else { Passage::Direct };
        for at in self.in_order(&mut bytes) {
            let shown = &mut self.shown[at];
            if !shown.is_unfinished(self.tmux, self.pane) {
                continue;
            }
            if bytes.len() >= room && !bytes.is_empty() {
                break;
            }
            match (&shown.placement.picture.form, &mut shown.progress) {
                (Form::Kitty(png), Progress::Kitty(kitty)) => {
                    let whether = Whether { covered: shown.covered, tmux: self.tmux };
                    kitty.parts(png, &shown.placement, whether, room, &mut bytes, &mut filled);
                    if kitty.is_under_way() {
                        break;
                    }
                }
                (Form::Strips(strips), Progress::Strips(there)) if !shown.covered => {
                    next_strips(strips, there, &shown.placement, passage, room, &mut bytes, &mut filled);
                    self.has_drawn_strips |= !filled.is_empty();
                }
                _ => {}
            }
        }
        (bytes, filled)
    }

    /// The order in which pictures are sent. One that is under way comes first, since nothing else may come in between;
    /// when most of it is still missing and others are more important, it begins again later.
    fn in_order(&mut self, bytes: &mut Vec<u8>) -> Vec<usize> {
        let (tmux, pane) = (self.tmux, self.pane);
        let first = self.shown.iter().position(|shown| shown.is_unfinished(tmux, pane));
        let flying = self.shown.iter().position(|shown| match &shown.progress {
            Progress::Kitty(kitty) => kitty.is_under_way(),
            Progress::Blocks { .. } | Progress::Strips(_) => false,
        });
        let mut order: Vec<usize> = (0..self.shown.len()).collect();
        if let (Some(flying), Some(first)) = (flying, first)
            && first < flying
        {
            let Shown { placement, progress, .. } = &mut self.shown[flying];
            match (&placement.picture.form, progress) {
                (Form::Kitty(png), Progress::Kitty(kitty)) if kitty.has_sent_little(png) => {
                    kitty.begin_again(tmux, bytes);
                }
                _ => {
                    order.remove(flying);
                    order.insert(0, flying);
                }
            }
        }
        order
    }

    /// The bytes that remove everything, for when the terminal is given back.
    pub(super) fn leaving(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // One that is under way has to be ended before another one is deleted.
        let (flying, others): (Vec<&Kitty>, Vec<&Kitty>) =
            self.shown.iter().filter_map(Shown::kitty).partition(|kitty| kitty.is_under_way());
        flying.into_iter().chain(others).for_each(|kitty| kitty.delete(self.tmux, &mut bytes));
        bytes
    }

    /// Makes these the pictures that are shown. What is there already stays; one that stands where another one stood takes
    /// its place without a gap, as in an animation.
    fn want(&mut self, wanted: Vec<&Placement>, out: &mut Vec<u8>) {
        let mut old = std::mem::take(&mut self.shown);
        let mut next: Vec<Option<Shown>> = wanted.iter().map(|_| None).collect();
        let is_there: [fn(&Shown, &Placement) -> bool; 2] = [
            |shown, wanted| shown.has(wanted) && shown.placement.at == wanted.at,
            |shown, wanted| shown.has(wanted),
        ];
        for is_it in is_there {
            for (wanted, next) in wanted.iter().zip(&mut next).filter(|(_, next)| next.is_none()) {
                *next = old.iter().position(|shown| is_it(shown, wanted)).map(|at| old.remove(at));
            }
        }
        // A transfer that is not wanted any more is ended before anything else is said.
        old.sort_by_key(|shown| !shown.kitty().is_some_and(Kitty::is_under_way));
        let gone: Vec<Option<Shown>> = wanted
            .iter()
            .zip(&next)
            .map(|(wanted, next)| match next {
                Some(_) => None,
                None => old.iter().position(|shown| shown.gives_way_to(wanted)).map(|at| old.remove(at)),
            })
            .collect();
        old.iter().filter_map(Shown::kitty).for_each(|kitty| kitty.delete(self.tmux, out));
        let top = next.iter().flatten().filter_map(Shown::kitty).map(|kitty| kitty.z).max().unwrap_or(0);
        // What is laid over another one needs a layer of its own.
        let over = if wanted.iter().any(|wanted| wanted.behind) { top + 1 } else { 0 };
        let numbers = |shown: &Shown| shown.kitty().map(|kitty| [Some(kitty.id), kitty.before]);
        let known = next.iter().chain(&gone).flatten().filter_map(numbers).flatten().flatten();
        let mut taken: Vec<u32> = known.collect();
        let fronts: Vec<Rect> =
            wanted.iter().filter(|wanted| !wanted.behind).map(|wanted| wanted.area()).collect();
        for ((wanted, next), gone) in wanted.into_iter().zip(next).zip(gone) {
            let shown = match next {
                Some(mut shown) => {
                    shown.stay(wanted, top, &fronts, self.tmux, out);
                    Some(shown)
                }
                None => self.begin(wanted, gone, if wanted.behind { 0 } else { over }, &mut taken, out),
            };
            self.shown.extend(shown);
        }
    }

    /// A picture of which nothing is shown yet; `old` stands in its place until then. `z` is its layer, `taken` are the image
    /// numbers of the others. `None` when all are taken.
    fn begin(
        &self,
        placement: &Placement,
        old: Option<Shown>,
        z: u32,
        taken: &mut Vec<u32>,
        out: &mut Vec<u8>,
    ) -> Option<Shown> {
        let old = old.map(|old| (old.placement, old.progress));
        let progress = match (&placement.picture.form, old) {
            (Form::Blocks(_), Some((before, Progress::Blocks { .. }))) => {
                Progress::Blocks { revealed: 0, under: Some(before.picture) }
            }
            (Form::Kitty(_), Some((_, Progress::Kitty(kitty)))) => {
                let before = kitty.give_way(self.tmux, out);
                Progress::Kitty(Kitty::new(self.free_id(taken)?, z, before))
            }
            (form, old) => {
                if let Some((_, Progress::Kitty(kitty))) = &old {
                    kitty.delete(self.tmux, out);
                }
                match (form, old) {
                    (Form::Blocks(_), _) => Progress::Blocks { revealed: 0, under: None },
                    (Form::Kitty(_), _) => Progress::Kitty(Kitty::new(self.free_id(taken)?, z, None)),
                    (Form::Strips(strips), Some((before, Progress::Strips(there)))) => {
                        Progress::Strips(what_stays(strips, &before.picture, &there))
                    }
                    (Form::Strips(strips), _) => Progress::Strips(vec![StripState::Not; strips.len()]),
                }
            }
        };
        Some(Shown { placement: placement.clone(), covered: false, progress })
    }

    /// An image number that no picture has, which is taken by that.
    fn free_id(&self, taken: &mut Vec<u32>) -> Option<u32> {
        // In placeholders the number is a colour. One byte is an indexed colour, which survives where 24 bits don't.
        let (first, count) = match self.tmux {
            true => (16 + self.seed % 2 * 118, 118),
            false => (1_000 + self.seed % 4_000 * 1_000, 1_000),
        };
        let id = (first..first + count).find(|id| !taken.contains(id))?;
        taken.push(id);
        Some(id)
    }
}

/// Whether a terminal keeps what stands behind: only Kitty's pictures are there without being seen.
fn is_of_use(placement: &Placement) -> bool {
    !placement.behind || matches!(placement.picture.form, Form::Kitty(_))
}

/// Whether the view left the cell to the picture.
fn is_left(cell: &Cell) -> bool {
    cell.diff_option == CellDiffOption::Skip
}

fn place(n: usize, width: u16) -> Position {
    let width = usize::from(width.max(1));
    Position::new((n % width) as u16, (n / width) as u16)
}

/// Bytes that draw something at a cell. Attributes are kept; the cursor moves. (It is not saved and restored: some
/// terminals have only one slot for that, which leaving the alternate screen needs.)
fn push_at(at: Position, drawing: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\x1b[{};{}H", at.y + 1, at.x + 1).as_bytes());
    out.extend_from_slice(drawing);
}
