//! A picture in Kitty's graphics protocol: sent in chunks, placed, deleted by number.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::{Placement, is_left, placeholder, push_at};
use crate::picture::encode::{KITTY_CHUNK, base64_chunk};
use crate::tui::terminal::passthrough::through_tmux;

#[derive(Debug)]
pub(super) struct Kitty {
    pub(super) id: u32,
    /// The layer that it is placed on.
    pub(super) z: u32,
    /// Base64 bytes sent so far.
    pub(super) sent: usize,
    pub(super) complete: bool,
    pub(super) placed: bool,
    /// It is laid over a picture that stands in its place.
    pub(super) is_over: bool,
    /// Number of the earlier picture that is shown until this one is complete.
    pub(super) before: Option<u32>,
}

/// What stands between a picture and the eye.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whether {
    /// An overlay covers a part of it.
    pub(super) covered: bool,
    pub(super) tmux: bool,
}

impl Kitty {
    /// Nothing of it is sent yet; `before` is shown until it is there.
    pub(super) fn new(id: u32, z: u32, before: Option<u32>) -> Self {
        Self { id, z, sent: 0, complete: false, placed: false, is_over: false, before }
    }

    /// A part of it is sent: nothing else of the protocol may come before the rest.
    pub(super) fn is_under_way(&self) -> bool {
        self.sent > 0 && !self.complete
    }

    /// Less than half of it is sent.
    pub(super) fn has_sent_little(&self, png: &[u8]) -> bool {
        self.sent < encoded(png) / 2
    }

    /// Ends the transfer and forgets what was sent.
    pub(super) fn begin_again(&mut self, tmux: bool, out: &mut Vec<u8>) {
        Self { before: None, ..*self }.delete(tmux, out);
        self.sent = 0;
    }

    pub(super) fn parts(
        &mut self,
        png: &[u8],
        placement: &Placement,
        Whether { covered, tmux }: Whether,
        room: usize,
        bytes: &mut Vec<u8>,
        filled: &mut Vec<Rect>,
    ) {
        let total = encoded(png);
        while !self.complete && (bytes.is_empty() || bytes.len() < room) {
            let most = room.saturating_sub(bytes.len()).clamp(64, KITTY_CHUNK);
            let chunk = base64_chunk(png, self.sent, most);
            let head = if self.sent == 0 { format!("a=t,f=100,i={},", self.id) } else { String::new() };
            self.sent += chunk.len();
            self.complete = self.sent >= total || chunk.is_empty();
            let more = u8::from(!self.complete);
            push_kitty(&format!("{head}q=2,m={more};{chunk}"), tmux, bytes);
        }
        let is_unseen = placement.behind || covered;
        if !self.complete || self.placed || is_unseen && !tmux {
            return;
        }
        let (columns, rows) = (placement.picture.cells.width, placement.picture.cells.height);
        if tmux {
            // Placed by the characters of the next frame.
            push_kitty(&format!("a=p,U=1,i={},c={columns},r={rows},q=2", self.id), tmux, bytes);
        } else {
            let mut put = Vec::new();
            let layer = if self.z > 0 { format!("z={},", self.z) } else { String::new() };
            let put_it = format!("a=p,i={},p=1,c={columns},r={rows},{layer}C=1,q=2", self.id);
            push_kitty(&put_it, tmux, &mut put);
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
        (self.placed, self.is_over) = (false, false);
    }

    pub(super) fn delete_before(&mut self, tmux: bool, out: &mut Vec<u8>) {
        if let Some(before) = self.before.take() {
            push_kitty(&format!("a=d,d=I,i={before},q=2"), tmux, out);
        }
    }

    /// Makes way for another picture; returns the number of the one that stays visible until that is complete.
    pub(super) fn give_way(mut self, tmux: bool, out: &mut Vec<u8>) -> Option<u32> {
        if self.placed {
            self.delete_before(tmux, out);
            return Some(self.id);
        }
        let before = self.before.take();
        self.delete(tmux, out);
        before
    }

    pub(super) fn delete(&self, tmux: bool, out: &mut Vec<u8>) {
        if self.is_under_way() {
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
                    cell.set_fg(Color::Indexed(u8::try_from(id).unwrap_or(u8::MAX)));
                    continues = true;
                }
            }
        }
    }
}

/// Bytes of a file in base64.
fn encoded(png: &[u8]) -> usize {
    png.len().div_ceil(3) * 4
}

/// A sequence of Kitty's graphics protocol, wrapped for tmux.
pub(in crate::tui::terminal) fn push_kitty(text: &str, tmux: bool, out: &mut Vec<u8>) {
    let bytes = format!("\x1b_G{text}\x1b\\").into_bytes();
    out.extend(if tmux { through_tmux(&bytes) } else { bytes });
}
