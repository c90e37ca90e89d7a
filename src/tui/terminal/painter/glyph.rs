//! The content of one terminal cell, made from a cell of ratatui's buffer.

use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::ascii;
use super::style::{CellStyle, ColorDepth};

/// The character or characters of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nothing but the background.
    Blank,
    Char(char),
    /// Several characters that form one sign: a letter with accents, an emoji of several parts.
    Cluster(Box<str>),
    /// The right half of the wide sign to the left.
    Tail,
    /// Unknown, or drawn by something else, such as a picture (ratatui's `CellDiffOption::Skip`).
    Foreign,
}

/// A cell's sign, width and style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) sign: Sign,
    pub(super) style: CellStyle,
    /// Width in columns: 1 or 2; 0 for [`Sign::Tail`].
    pub(super) width: u16,
}

impl Glyph {
    pub(super) const BLANK: Glyph = Glyph { sign: Sign::Blank, style: CellStyle::PLAIN, width: 1 };
    pub(super) const FOREIGN: Glyph = Glyph { sign: Sign::Foreign, style: CellStyle::PLAIN, width: 1 };
    const TAIL: Glyph = Glyph { sign: Sign::Tail, style: CellStyle::PLAIN, width: 0 };

    /// Converts a cell. Control characters in the buffer become blanks, so none ever reaches the terminal.
    fn of(cell: &Cell, depth: ColorDepth, ascii: bool) -> Glyph {
        if cell.diff_option == CellDiffOption::Skip {
            return Glyph::FOREIGN;
        }
        let style = CellStyle { fg: depth.fit(cell.fg), bg: depth.fit(cell.bg), modifier: cell.modifier };
        let mut chars = cell.symbol().chars();
        let (sign, width) = match (chars.next(), chars.next()) {
            (None | Some(' '), None) => (Sign::Blank, 1),
            // The most common case, without a lookup of the width.
            (Some(c @ '!'..='~'), None) => (Sign::Char(c), 1),
            (Some(c), None) => match c.width() {
                Some(width @ 1..) => (Sign::Char(c), width),
                Some(0) | None => (Sign::Blank, 1),
            },
            _ => {
                let width = cell.symbol().width();
                if width == 0 || cell.symbol().contains(char::is_control) {
                    (Sign::Blank, 1)
                } else {
                    (Sign::Cluster(cell.symbol().into()), width)
                }
            }
        };
        let (sign, width) = if ascii { in_ascii(sign, width) } else { (sign, width) };
        let style = if sign == Sign::Blank { style.on_blank() } else { style };
        // Terminals don't give a sign more than two columns.
        Glyph { sign, style, width: width.min(2) as u16 }
    }

    /// Whether all terminals move the cursor by the same number of columns for this sign. They disagree on emoji, newer
    /// ones above all, and on signs composed of several characters.
    pub(super) fn width_is_sure(&self) -> bool {
        match self.sign {
            Sign::Cluster(_) => false,
            Sign::Char(c) => self.width == 1 || is_east_asian_wide(c),
            Sign::Blank | Sign::Tail | Sign::Foreign => true,
        }
    }

    /// Appends the sign's text.
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        match &self.sign {
            Sign::Blank => out.push(b' '),
            Sign::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Sign::Cluster(text) => out.extend_from_slice(text.as_bytes()),
            Sign::Tail | Sign::Foreign => {}
        }
    }
}

/// The same in ASCII, as wide as it was.
fn in_ascii(sign: Sign, width: usize) -> (Sign, usize) {
    match sign {
        Sign::Char(c) if width == 1 => match ascii::of(c) {
            ' ' => (Sign::Blank, 1),
            c => (Sign::Char(c), 1),
        },
        Sign::Char(_) | Sign::Cluster(_) => match width {
            ..=1 => (Sign::Char('?'), 1),
            _ => (Sign::Cluster("??".into()), 2),
        },
        Sign::Blank | Sign::Tail | Sign::Foreign => (sign, width),
    }
}

fn is_east_asian_wide(c: char) -> bool {
    matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{20000}'..='\u{3fffd}')
}

/// The buffer as glyphs, row by row. A wide sign that doesn't fit into its row becomes a blank.
pub(super) fn glyphs(buffer: &Buffer, depth: ColorDepth, ascii: bool) -> Vec<Glyph> {
    let width = usize::from(buffer.area.width);
    let mut glyphs = Vec::with_capacity(buffer.content.len());
    if width == 0 {
        return glyphs;
    }
    for row in buffer.content.chunks_exact(width) {
        let mut x = 0;
        while x < width {
            let mut glyph = Glyph::of(&row[x], depth, ascii);
            let columns = usize::from(glyph.width);
            if x + columns > width {
                glyph = Glyph { sign: Sign::Blank, style: glyph.style.on_blank(), width: 1 };
            }
            x += 1;
            let tail = glyph.width == 2;
            glyphs.push(glyph);
            if tail {
                glyphs.push(Glyph::TAIL);
                x += 1;
            }
        }
    }
    glyphs
}
