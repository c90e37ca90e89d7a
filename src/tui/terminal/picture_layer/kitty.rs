//! A picture in Kitty's graphics protocol: sent in chunks, placed, deleted by number.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::{Placement, is_left, placeholder, push_at};
use crate::picture::encode::{KITTY_CHUNK, base64_chunk};
use crate::tui::terminal::passthrough::through_tmux;

#[derive(Debug)]
pub(super) struct Kitty {
    pub(super) id: u8,
    /// Base64 bytes sent so far.
    pub(super) sent: usize,
    pub(super) complete: bool,
    pub(super) placed: bool,
    /// Number of the earlier picture that is shown until this one is complete.
    pub(super) before: Option<u8>,
}

impl Kitty {
    #[expect(clippy::too_many_arguments, reason = "one step, with all that it takes and gives")]
    pub(super) fn parts(
        &mut self,
        png: &[u8],
        placement: &Placement,
        covered: bool,
        room: usize,
        tmux: bool,
        bytes: &mut Vec<u8>,
        filled: &mut Vec<Rect>,
    ) {
        let total = png.len().div_ceil(3) * 4;
        while !self.complete && (bytes.is_empty() || bytes.len() < room) {
            let most = room.saturating_sub(bytes.len()).clamp(64, KITTY_CHUNK);
            let chunk = base64_chunk(png, self.sent, most);
            let head = if self.sent == 0 { format!("a=t,f=100,i={},", self.id) } else { String::new() };
            self.sent += chunk.len();
            self.complete = self.sent >= total || chunk.is_empty();
            let more = u8::from(!self.complete);
            push_kitty(&format!("{head}q=2,m={more};{chunk}"), tmux, bytes);
        }
        if !self.complete || self.placed || covered && !tmux {
            return;
        }
        let (columns, rows) = (placement.picture.cells.width, placement.picture.cells.height);
        if tmux {
            // Placed by the characters of the next frame.
            push_kitty(&format!("a=p,U=1,i={},c={columns},r={rows},q=2", self.id), tmux, bytes);
        } else {
            let mut put = Vec::new();
            push_kitty(&format!("a=p,i={},p=1,c={columns},r={rows},C=1,q=2", self.id), tmux, &mut put);
            push_at(placement.at, &put, bytes);
            filled.push(placement.area());
            self.delete_before(tmux, bytes);
            self.placed = true;
        }
    }

    /// Removes the picture from the screen; the terminal keeps its data.
    pub(super) fn lift(&mut self, tmux: bool, out: &mut Vec<u8>) {
        self.delete_before(tmux, out);
        if self.placed && !tmux {
            push_kitty(&format!("a=d,d=i,i={},q=2", self.id), tmux, out);
        }
        self.placed = false;
    }

    pub(super) fn delete_before(&mut self, tmux: bool, out: &mut Vec<u8>) {
        if let Some(before) = self.before.take() {
            push_kitty(&format!("a=d,d=I,i={before},q=2"), tmux, out);
        }
    }

    /// Makes way for another picture; returns the number of the one that stays visible until that is complete.
    pub(super) fn give_way(mut self, tmux: bool, out: &mut Vec<u8>) -> Option<u8> {
        if self.placed {
            self.delete_before(tmux, out);
            return Some(self.id);
        }
        let before = self.before.take();
        self.delete(tmux, out);
        before
    }

    pub(super) fn delete(&self, tmux: bool, out: &mut Vec<u8>) {
        if self.sent > 0 && !self.complete {
            // Ends an unfinished transfer: the terminal drops the incomplete file; q=2 suppresses its error message.
            push_kitty("q=2,m=0;", tmux, out);
        }
        if self.sent > 0 {
            push_kitty(&format!("a=d,d=I,i={},q=2", self.id), tmux, out);
        }
        if let Some(before) = self.before {
            push_kitty(&format!("a=d,d=I,i={before},q=2"), tmux, out);
        }
    }

    /// Inside tmux: writes the placeholder characters of the picture's cells into the buffer.
    pub(super) fn set_placeholders(&mut self, area: Rect, buffer: &mut Buffer, first: &mut Vec<u8>) {
        if self.complete {
            self.placed = true;
            self.delete_before(true, first);
        }
        let seen = if self.complete { Some(self.id) } else { self.before };
        for y in area.top()..area.bottom() {
            // A cell without marks continues the one to its left.
            let mut continues = false;
            for x in area.left()..area.right() {
                let cell = &mut buffer[(x, y)];
                if !is_left(cell) {
                    continues = false;
                    continue;
                }
                cell.reset();
                if let Some(id) = seen {
                    cell.set_symbol(&placeholder::symbol(y - area.y, x - area.x, continues));
                    cell.set_fg(Color::Indexed(id));
                    continues = true;
                }
            }
        }
    }
}

/// A sequence of Kitty's graphics protocol, wrapped for tmux.
pub(in crate::tui::terminal) fn push_kitty(text: &str, tmux: bool, out: &mut Vec<u8>) {
    let bytes = format!("\x1b_G{text}\x1b\\").into_bytes();
    out.extend(if tmux { through_tmux(&bytes) } else { bytes });
}
