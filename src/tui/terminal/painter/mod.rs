//! Turns frames into bytes, as few as it can.
//!
//! Views render into a [`Buffer`]; the painter remembers what the terminal shows, where its cursor is and which
//! attributes are set, and writes only what makes the difference. If nothing differs, it writes nothing.
//! No IO here: bytes come out, the session writes them.

mod glyph;
mod motion;
mod scroll;
mod style;
#[cfg(test)]
mod tests;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Color;

pub use style::ColorDepth;

use glyph::{Glyph, Sign, glyphs};
use motion::{Place, motion};
use scroll::Scroll;
use style::{CellStyle, sgr};

/// Frames longer than this are wrapped in synchronized-update marks, if the terminal knows them. A shorter one
/// arrives in one piece anyway.
const SYNC_FROM: usize = 512;

/// Writes frames to a terminal. It starts with nothing known: the first frame clears the screen.
#[derive(Debug)]
pub struct Painter {
    depth: ColorDepth,
    /// Erased cells get the background colour that is set (terminfo's `bce`).
    bce: bool,
    sync: bool,
    size: Size,
    shown: Vec<Glyph>,
    /// Nothing on the screen is known: the next frame starts by clearing it.
    afresh: bool,
    at: Place,
    style: CellStyle,
    cursor_visible: bool,
    out: Vec<u8>,
}

impl Painter {
    /// `bce`: whether the terminal gives erased cells the background colour that is set.
    pub fn new(depth: ColorDepth, bce: bool) -> Painter {
        Painter {
            depth,
            bce,
            sync: false,
            size: Size::default(),
            shown: Vec::new(),
            afresh: true,
            at: Place::UNKNOWN,
            style: CellStyle::PLAIN,
            cursor_visible: true,
            out: Vec::new(),
        }
    }

    /// The terminal knows synchronized updates (mode 2026).
    pub fn set_sync(&mut self, sync: bool) {
        self.sync = sync;
    }

    /// The screen may show anything now: the next frame is drawn whole.
    pub fn invalidate(&mut self) {
        self.afresh = true;
    }

    /// Whether a frame of this size will be drawn whole, on a screen that was cleared.
    pub fn starts_afresh(&self, size: Size) -> bool {
        self.afresh || size != self.size
    }

    /// Whether the cell holds something that somebody else drew.
    pub fn leaves(&self, at: Position) -> bool {
        let n = usize::from(at.y) * usize::from(self.size.width) + usize::from(at.x);
        at.x < self.size.width && self.shown.get(n).is_some_and(|glyph| glyph.sign == Sign::Foreign)
    }

    /// Somebody else drew something into these cells: until they are left to it no longer, nothing is written there.
    pub fn give(&mut self, area: Rect) {
        let screen = Rect::new(0, 0, self.size.width, self.size.height);
        for at in area.intersection(screen).positions() {
            let n = usize::from(at.y) * usize::from(self.size.width) + usize::from(at.x);
            if let Some(glyph) = self.shown.get_mut(n) {
                *glyph = Glyph::FOREIGN;
            }
        }
    }

    /// Somebody else moved the cursor: the bytes that bring it back.
    pub fn bring_back(&mut self, cursor: Option<Position>) -> &[u8] {
        self.out.clear();
        self.at = Place::UNKNOWN;
        self.place_cursor(cursor.filter(|at| at.x < self.size.width && at.y < self.size.height));
        &self.out
    }

    /// The bytes that make the terminal show `next`, with the cursor at `cursor` or hidden. Empty if it already
    /// does. A buffer of another size than the last is drawn whole.
    ///
    /// The buffer's top left cell is the terminal's, whatever the buffer's `area` says. A `cursor` outside of it
    /// is hidden.
    pub fn paint(&mut self, next: &Buffer, cursor: Option<Position>) -> &[u8] {
        self.out.clear();
        let size = next.area.as_size();
        let cursor = cursor.filter(|at| at.x < size.width && at.y < size.height);
        let forced: Vec<usize> = (0..next.content.len())
            .filter(|n| next.content[*n].diff_option == CellDiffOption::AlwaysUpdate)
            .collect();
        let next = glyphs(next, self.depth);
        if self.afresh || size != self.size {
            self.clear(size);
        }
        for n in forced {
            self.shown[n] = Glyph::FOREIGN;
        }
        let before = self.out.len();
        if let Some(scroll) = Scroll::find(&self.shown, &next, size.width.into()) {
            self.scroll(scroll);
        }
        for y in 0..size.height {
            self.row(&next, y);
        }
        if before < self.out.len() && self.cursor_visible && self.out.len() > SYNC_FROM {
            // Long enough to see the cursor run about. It is shown again below.
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

    /// Brings a screen of which nothing is known into a known state.
    fn clear(&mut self, size: Size) {
        // The attributes and the cursor may be anything as well; erasing takes the background colour that is set.
        self.out.extend_from_slice(b"\x1b[m\x1b[H\x1b[2J\x1b[?25l");
        self.afresh = false;
        self.size = size;
        self.shown = vec![Glyph::BLANK; usize::from(size.width) * usize::from(size.height)];
        self.at = Place::at(0, 0);
        self.style = CellStyle::PLAIN;
        self.cursor_visible = false;
    }

    fn scroll(&mut self, scroll: Scroll) {
        // Rows that come in get the background colour that is set.
        if self.style.bg != Color::Reset {
            self.set_style(CellStyle::PLAIN);
        }
        // In a region of these rows only: a line feed in its last row, or a reverse one in its first. Every
        // terminal knows these; the sequences made for scrolling, not all.
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
            // Drawn with its left half, which has changed as well; or not ours.
            Sign::Tail | Sign::Foreign => return x + 1,
            Sign::Blank if glyph.style.erasable(self.bce) => {
                if let Some(after) = self.erase(row, x, y) {
                    return after;
                }
            }
            _ => {}
        }
        self.go_in(row, x, y);
        let wanted = if glyph.sign == Sign::Blank { self.style.for_blank(glyph.style) } else { glyph.style };
        self.set_style(wanted);
        if !glyph.width_is_sure() {
            self.print_unsure(row, x, y);
        } else {
            glyph.print(&mut self.out);
            let after = x + usize::from(glyph.width);
            // In the last column terminals wait for the next character to wrap: only the row is sure then.
            self.at.x = (after < row.next.len()).then_some(after as u16);
        }
        x + usize::from(glyph.width)
    }

    /// Prints a sign that takes more or fewer columns on some terminals than we think. On those it shall cost that
    /// sign only, not the rest of the row.
    fn print_unsure(&mut self, row: &mut Row<'_>, x: usize, y: u16) {
        let glyph = &row.next[x];
        if glyph.width == 2 {
            // If the terminal takes it for a narrow one, what stood to its right would stay.
            self.out.extend_from_slice(b"  ");
            self.at.x = (x + 2 < row.next.len()).then_some(x as u16 + 2);
            self.go(x as u16, y);
        } else if let Some(changed) = row.changed.get_mut(x + 1) {
            // If the terminal takes it for a wide one, it covers its neighbour.
            *changed = true;
        }
        glyph.print(&mut self.out);
        self.at.x = None;
    }

    /// Erases the run of like blanks that begins at `x`, if that is shorter than printing them; returns the column
    /// after it.
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
        // The cursor stays where it is: to go on in this row it has to jump over the run.
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

    /// Goes to a cell of the row being drawn, by printing cells to the left of it again where that is shorter.
    fn go_in(&mut self, row: &Row<'_>, x: usize, y: u16) {
        let style = self.style;
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
        let bytes = motion(self.at, x as u16, y, &again);
        self.out.extend_from_slice(&bytes);
        self.at = Place::at(x as u16, y);
    }
}

/// A row being drawn: what it is to show, and which of its cells the terminal doesn't show yet.
struct Row<'a> {
    next: &'a [Glyph],
    changed: Vec<bool>,
}

impl Row<'_> {
    fn next_change(&self, from: usize) -> Option<usize> {
        (from..self.next.len()).find(|n| self.changed[*n])
    }
}

/// Which cells of a row differ. Both halves of a wide sign do if one does.
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
