//! A picture inline in the scrollback, for `comfydeck preview`.

use super::painter::ColorDepth;
use super::picture_layer::{placeholder, push_kitty};
use crate::picture::encode::{KITTY_CHUNK, base64_chunk};
use crate::picture::{Form, Picture};

/// The bytes that show a picture below the cursor's line and leave the cursor beneath it. `id` identifies the picture
/// in Kitty's protocol: any 24-bit number that no other picture has.
pub fn picture(picture: &Picture, depth: ColorDepth, tmux: bool, id: u32) -> Vec<u8> {
    let id = id & 0xff_ffff;
    let rows = usize::from(picture.cells.height);
    let mut out = Vec::new();
    match &picture.form {
        Form::Blocks(blocks) => {
            for row in blocks.chunks(usize::from(picture.cells.width.max(1))) {
                let mut set: Option<[[u8; 3]; 2]> = None;
                for block in row {
                    // A blank shows no front.
                    let is_blank = block.front == block.back;
                    let front = set.filter(|_| is_blank).map_or(block.front, |[front, _]| front);
                    let colours = [front, block.back];
                    out.extend_from_slice(&depth.pair(set, colours));
                    set = Some(colours);
                    out.extend_from_slice(block.sign().encode_utf8(&mut [0; 4]).as_bytes());
                }
                out.extend_from_slice(b"\x1b[m\r\n");
            }
        }
        Form::Kitty(png) => {
            send(png, tmux, id, &mut out);
            let size = format!("c={},r={}", picture.cells.width, picture.cells.height);
            if tmux {
                push_kitty(&format!("a=p,U=1,i={id},{size},q=2"), tmux, &mut out);
                let [_, r, g, b] = id.to_be_bytes();
                for row in 0..picture.cells.height {
                    out.extend_from_slice(format!("\x1b[38;2;{r};{g};{b}m").as_bytes());
                    for column in 0..picture.cells.width {
                        out.extend_from_slice(placeholder::symbol(row, column, column > 0).as_bytes());
                    }
                    out.extend_from_slice(b"\x1b[m\r\n");
                }
            } else {
                make_room(rows, &mut out);
                push_kitty(&format!("a=p,i={id},p=1,{size},C=1,q=2"), tmux, &mut out);
                out.extend_from_slice(format!("\x1b[{rows}B\r").as_bytes());
            }
        }
        Form::Strips(strips) => {
            make_room(rows, &mut out);
            for strip in strips {
                out.extend_from_slice(b"\x1b7");
                if strip.row > 0 {
                    out.extend_from_slice(format!("\x1b[{}B", strip.row).as_bytes());
                }
                out.extend_from_slice(&strip.bytes);
                out.extend_from_slice(b"\x1b8");
            }
            out.extend_from_slice(format!("\x1b[{rows}B\r").as_bytes());
        }
    }
    out
}

/// Scrolls until the picture fits below the cursor, and moves the cursor to its first row.
fn make_room(rows: usize, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b'\n', rows));
    out.extend_from_slice(format!("\r\x1b[{rows}A").as_bytes());
}

fn send(png: &[u8], tmux: bool, id: u32, out: &mut Vec<u8>) {
    let total = png.len().div_ceil(3) * 4;
    let mut sent = 0;
    while sent < total {
        let chunk = base64_chunk(png, sent, KITTY_CHUNK);
        let head = if sent == 0 { format!("a=t,f=100,i={id},") } else { String::new() };
        sent += chunk.len().max(4);
        let more = u8::from(sent < total);
        push_kitty(&format!("{head}q=2,m={more};{chunk}"), tmux, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Block, Cells};

    #[test]
    fn of_two_colours_only_the_one_that_changes_is_set() {
        let blocks = vec![
            Block::half([1, 2, 3], [4, 5, 6]),
            Block::half([7, 8, 9], [4, 5, 6]),
            Block::half([4, 5, 6], [4, 5, 6]),
            Block::half([7, 8, 9], [4, 5, 6]),
        ];
        let cells = Cells { width: 4, height: 1 };
        let shown = picture(&Picture { cells, form: Form::Blocks(blocks) }, ColorDepth::TrueColor, false, 1);
        let text = String::from_utf8(shown).expect("text");
        let (first, rest) = text.split_once('▀').expect("a cell");
        assert!(first.contains("38;2;1;2;3") && first.contains("48;2;4;5;6"), "{first:?}");
        assert_eq!(rest, "\x1b[38;2;7;8;9m▀ ▀\x1b[m\r\n");
    }
}
