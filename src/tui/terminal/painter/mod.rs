//! Turns frames into as few bytes as possible.
//!
//! Views render into a [`Buffer`]; the painter remembers the terminal's cells, cursor and attributes, and writes only
//! the difference, or nothing if there is none. No IO here: bytes come out, the session writes them.

mod ascii;
mod glyph;
mod motion;
mod scroll;
mod style;
#[cfg(test)]
mod tests;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Color;

pub use style::{ColorDepth, rgb_of as rgb_of_index};

use glyph::{Glyph, Sign, glyphs};
use motion::{Place, motion};
use scroll::Scroll;
use style::{CellStyle, sgr};

/// Frames of at least this many bytes are wrapped in synchronized-update marks, if the terminal supports them.
/// Shorter ones arrive in one piece anyway.
const SYNC_FROM: usize = 512;

/// Encodes frames for a terminal. The first frame clears the screen, whose content is unknown at first.
#[derive(Debug)]
pub struct Painter {
    depth: ColorDepth,
    /// Whether erased cells get the current background colour (terminfo's `bce`).
    bce: bool,
    sync: bool,
    /// Whether the terminal shows nothing but ASCII.
    ascii: bool,
    /// Whether rows that move together are moved by the terminal.
    scrolls: bool,
    size: Size,
    shown: Vec<Glyph>,
    /// Whether the screen's content is unknown: the next frame starts by clearing it.
    afresh: bool,
    at: Place,
    style: CellStyle,
    cursor_visible: bool,
    out: Vec<u8>,
}

impl Painter {
    /// `bce`: whether erased cells get the terminal's current background colour.
    pub fn new(depth: ColorDepth, bce: bool) -> Painter {
        Painter {
            depth,
            bce,
            sync: false,
            ascii: false,
            scrolls: true,
            size: Size::default(),
            shown: Vec::new(),
            afresh: true,
            at: Place::UNKNOWN,
            style: CellStyle::PLAIN,
            cursor_visible: true,
            out: Vec::new(),
        }
    }

    /// Sets whether the terminal supports synchronized updates (mode 2026).
    pub fn set_sync(&mut self, sync: bool) {
        self.sync = sync;
    }

    /// Sets whether the terminal shows nothing but ASCII.
    pub fn set_ascii(&mut self, ascii: bool) {
        self.ascii = ascii;
    }

    /// Sets whether rows that move together are moved by the terminal. Not where it may move a picture with them: xterm
    /// brings back those that were overwritten.
    pub fn set_scrolls(&mut self, scrolls: bool) {
        self.scrolls = scrolls;
    }

    /// Sets the colours that the terminal has. What looks different with them is drawn again.
    pub fn set_depth(&mut self, depth: ColorDepth) {
        self.depth = depth;
    }

    /// How many colours the terminal has.
    pub fn depth(&self) -> ColorDepth {
        self.depth
    }

    /// Forgets the screen's content, so that the next frame is drawn whole.
    pub fn invalidate(&mut self) {
        self.afresh = true;
    }

    /// Whether a frame of this size will clear the screen and be drawn whole.
    pub fn starts_afresh(&self, size: Size) -> bool {
        self.afresh || size != self.size
    }

    /// Whether the cell was drawn by something else, such as a picture.
    pub fn leaves(&self, at: Position) -> bool {
        let n = usize::from(at.y) * usize::from(self.size.width) + usize::from(at.x);
        at.x < self.size.width && self.shown.get(n).is_some_and(|glyph| glyph.sign == Sign::Foreign)
    }

    /// Marks cells as drawn by something else; they are not written to while the buffer marks them as `Skip`.
    pub fn give(&mut self, area: Rect) {
        let screen = Rect::new(0, 0, self.size.width, self.size.height);
        for at in area.intersection(screen).positions() {
            let n = usize::from(at.y) * usize::from(self.size.width) + usize::from(at.x);
            if let Some(glyph) = self.shown.get_mut(n) {
                *glyph = Glyph::FOREIGN;
            }
        }
    }

    /// The bytes that restore the cursor after something else moved it.
    pub fn bring_back(&mut self, cursor: Option<Position>) -> &[u8] {
        self.out.clear();
        self.at = Place::UNKNOWN;
        self.place_cursor(cursor.filter(|at| at.x < self.size.width && at.y < self.size.height));
        &self.out
    }

    /// The bytes that make the terminal show `next`, with the cursor at `cursor` or hidden. Empty if it already does. A
    /// buffer of another size than the last is drawn whole.
    ///
    /// The buffer's top left cell is the terminal's, whatever the buffer's `area` says. A `cursor` outside
    /// of it is hidden.
    pub fn paint(&mut self, next: &Buffer, cursor: Option<Position>) -> &[u8] {
        self.out.clear();
        let size = next.area.as_size();
        let cursor = cursor.filter(|at| at.x < size.width && at.y < size.height);
        let forced: Vec<usize> = (0..next.content.len())
            .filter(|n| next.content[*n].diff_option == CellDiffOption::AlwaysUpdate)
            .collect();
        let next = glyphs(next, self.depth, self.ascii);
        if self.afresh || size != self.size {
            self.clear(size);
        }
        for n in forced {
            self.shown[n] = Glyph::FOREIGN;
        }
        let before = self.out.len();
        if self.scrolls
            && let Some(scroll) = Scroll::find(&self.shown, &next, size.width.into())
        {
            self.scroll(scroll);
        }
        self.rows(&next);
        if before < self.out.len() && self.cursor_visible && self.out.len() > SYNC_FROM {
            // A frame this long would show the cursor moving, so it is hidden meanwhile.
            self.out.splice(0..0, *b"\x1b[?25l");
            self.cursor_visible = false;
        }
        self.shown = next;
        self.place_cursor(cursor);
        if self.sync && self.out.len() > SYNC_FROM {
            self.out.splice(0..0, *b"\x1b[?2026h");
            self.out.extend_from_slice(b"\x1b[?2026l");
        }
        &self.out
    }

    /// Clears a screen whose content is unknown.
    fn clear(&mut self, size: Size) {
        // Attributes and cursor are unknown as well; erasing uses the current background colour.
        self.out.extend_from_slice(b"\x1b[m\x1b[H\x1b[2J\x1b[?25l");
        self.afresh = false;
        self.size = size;
        self.shown = vec![Glyph::BLANK; usize::from(size.width) * usize::from(size.height)];
        self.at = Place::at(0, 0);
        self.style = CellStyle::PLAIN;
        self.cursor_visible = false;
    }

    fn scroll(&mut self, scroll: Scroll) {
        // New rows get the current background colour.
        if self.style.bg != Color::Reset {
            self.set_style(CellStyle::PLAIN);
        }
        // A scroll region of these rows, then a line feed in its last row or a reverse one in its first: every terminal
        // supports these, but not all support the sequences for scrolling (SU, SD).
        let (first, last) = (scroll.top as u16 + 1, scroll.bottom as u16);
        self.out.extend_from_slice(format!("\x1b[{first};{last}r").as_bytes());
        if scroll.up {
            self.out.extend_from_slice(format!("\x1b[{last}H").as_bytes());
        } else if first > 1 {
            self.out.extend_from_slice(format!("\x1b[{first}H").as_bytes());
        }
        for _ in 0..scroll.rows {
            self.out.extend_from_slice(if scroll.up { b"\n" } else { b"\x1bM" });
        }
        self.out.extend_from_slice(b"\x1b[r");
        // Setting the region moves the cursor to the top left cell.
        self.at = Place::at(0, 0);
        scroll.apply(&mut self.shown, self.size.width.into());
    }

    fn place_cursor(&mut self, cursor: Option<Position>) {
        let Some(Position { x, y }) = cursor else {
            if self.cursor_visible {
                self.out.extend_from_slice(b"\x1b[?25l");
                self.cursor_visible = false;
            }
            return;
        };
        self.go(x, y);
        if !self.cursor_visible {
            self.out.extend_from_slice(b"\x1b[?25h");
            self.cursor_visible = true;
        }
    }

    /// Draws the rows that differ, downwards; a few of them upwards, where that is shorter: it depends on where the cursor
    /// and the attributes are, as when a selection moves up.
    fn rows(&mut self, next: &[Glyph]) {
        const FEW: usize = 3;
        let width = usize::from(self.size.width).max(1);
        let rows = self.shown.chunks(width).zip(next.chunks(width)).zip(0..self.size.height);
        let rows: Vec<u16> = rows.filter(|((shown, next), _)| shown != next).map(|(_, y)| y).collect();
        let begun = (self.out.len(), self.at, self.style);
        rows.iter().for_each(|y| self.row(next, *y));
        if !(2..=FEW).contains(&rows.len()) {
            return;
        }
        let downwards = (self.out.split_off(begun.0), self.at, self.style);
        (self.at, self.style) = (begun.1, begun.2);
        rows.iter().rev().for_each(|y| self.row(next, *y));
        if self.out.len() - begun.0 >= downwards.0.len() {
            self.out.truncate(begun.0);
            self.out.extend_from_slice(&downwards.0);
            (self.at, self.style) = (downwards.1, downwards.2);
        }
    }

    fn row(&mut self, next: &[Glyph], y: u16) {
        let width = usize::from(self.size.width);
        let start = usize::from(y) * width;
        let (shown, next) = (&self.shown[start..start + width], &next[start..start + width]);
        if shown == next {
            return;
        }
        let mut row = Row { next, changed: changes(shown, next) };
        let mut x = 0;
        while let Some(n) = row.next_change(x) {
            x = self.draw(&mut row, n, y);
        }
    }

    /// Draws what begins at column `x` of row `y`; returns the column after it.
    fn draw(&mut self, row: &mut Row<'_>, x: usize, y: u16) -> usize {
        let glyph = &row.next[x];
        match glyph.sign {
            // A tail is drawn with its left half, which has changed as well; a foreign cell is not drawn here.
            Sign::Tail | Sign::Foreign => return x + 1,
            Sign::Blank if glyph.style.erasable(self.bce) => {
                if let Some(after) = self.erase(row, x, y) {
                    return after;
                }
            }
            _ => {}
        }
        let wanted = if glyph.sign == Sign::Blank { self.style.for_blank(glyph.style) } else { glyph.style };
        // What is printed again on the way may have the look of what comes, and then needs no jump.
        let is_shorter = self.way(row, x, y, wanted).len() < self.way(row, x, y, self.style).len();
        if is_shorter {
            self.set_style(wanted);
        }
        self.go_in(row, x, y);
        self.set_style(wanted);
        if !glyph.width_is_sure() {
            self.print_unsure(row, x, y);
        } else {
            glyph.print(&mut self.out);
            let after = x + usize::from(glyph.width);
            // Behind the last column the cursor waits to wrap, so that only its row is certain.
            self.at.x = (after < row.next.len()).then_some(after as u16);
        }
        x + usize::from(glyph.width)
    }

    /// Prints a sign whose width terminals disagree on, in a way that at worst that sign looks wrong, not the
    /// rest of the row.
    fn print_unsure(&mut self, row: &mut Row<'_>, x: usize, y: u16) {
        let glyph = &row.next[x];
        if glyph.width == 2 {
            // On a terminal that takes it for narrow, the old content to its right would stay.
            self.out.extend_from_slice(b"  ");
            self.at.x = (x + 2 < row.next.len()).then_some(x as u16 + 2);
            self.go(x as u16, y);
        } else if let Some(changed) = row.changed.get_mut(x + 1) {
            // On a terminal that takes it for wide, it overwrites its neighbour, which is drawn again.
            *changed = true;
        }
        glyph.print(&mut self.out);
        self.at.x = None;
    }

    /// Erases the run of equal blanks that begins at `x`, if that is shorter than printing them; returns the
    /// column after the run.
    fn erase(&mut self, row: &Row<'_>, x: usize, y: u16) -> Option<usize> {
        let style = row.next[x].style;
        let run = row.next[x..].iter().take_while(|g| g.sign == Sign::Blank && g.style == style).count();
        let end = x + run;
        let last_changed = (x..end).rev().find(|n| row.changed[*n])?;
        let printed = last_changed + 1 - x;
        let sequence = if end == row.next.len() {
            b"\x1b[K".to_vec()
        } else {
            let mut sequence = b"\x1b[".to_vec();
            push_number(&mut sequence, printed as u32);
            sequence.push(b'X');
            sequence
        };
        // Erasing does not move the cursor, so continuing in this row costs a jump over the run.
        let jump = match row.next_change(end) {
            Some(next) => sequence.len().min(next - x),
            None => 0,
        };
        if sequence.len() + jump >= printed {
            return None;
        }
        self.go_in(row, x, y);
        self.set_style(self.style.for_blank(style));
        self.out.extend_from_slice(&sequence);
        Some(if end == row.next.len() { end } else { last_changed + 1 })
    }

    fn set_style(&mut self, style: CellStyle) {
        self.out.extend_from_slice(&sgr(self.style, style));
        self.style = style;
    }

    fn go(&mut self, x: u16, y: u16) {
        self.out.extend_from_slice(&motion(self.at, x, y, &|_, _| None));
        self.at = Place::at(x, y);
    }

    /// Moves the cursor to a cell of the current row, by reprinting the cells left of it where that is shorter.
    fn go_in(&mut self, row: &Row<'_>, x: usize, y: u16) {
        let bytes = self.way(row, x, y, self.style);
        self.out.extend_from_slice(&bytes);
        self.at = Place::at(x as u16, y);
    }

    /// The bytes for that, where the terminal has this style set.
    fn way(&self, row: &Row<'_>, x: usize, y: u16, style: CellStyle) -> Vec<u8> {
        let again = |from: u16, to: u16| {
            let mut text = Vec::new();
            for glyph in &row.next[usize::from(from)..usize::from(to)] {
                let same = match glyph.sign {
                    Sign::Blank => style.blank_shows(glyph.style),
                    Sign::Char(_) => glyph.style == style && glyph.width == 1,
                    Sign::Cluster(_) | Sign::Tail | Sign::Foreign => false,
                };
                if !same {
                    return None;
                }
                glyph.print(&mut text);
            }
            Some(text)
        };
        motion(self.at, x as u16, y, &again)
    }
}

/// A row being drawn: the wanted cells, and which of them still have to be drawn.
struct Row<'a> {
    next: &'a [Glyph],
    changed: Vec<bool>,
}

impl Row<'_> {
    fn next_change(&self, from: usize) -> Option<usize> {
        (from..self.next.len()).find(|n| self.changed[*n])
    }
}

/// Which cells of a row differ; if one half of a wide sign does, both do.
fn changes(shown: &[Glyph], next: &[Glyph]) -> Vec<bool> {
    let mut changed: Vec<bool> =
        shown.iter().zip(next).map(|(old, new)| old != new && new.sign != Sign::Foreign).collect();
    for n in 1..next.len() {
        if next[n].sign == Sign::Tail && (changed[n] || changed[n - 1]) {
            changed[n - 1] = true;
            changed[n] = true;
        }
    }
    changed
}

fn push_number(out: &mut Vec<u8>, n: u32) {
    if n >= 10 {
        push_number(out, n / 10);
    }
    out.push(b'0' + (n % 10) as u8);
}
