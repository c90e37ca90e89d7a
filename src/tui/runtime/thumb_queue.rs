//! Queue of thumbnails to be shown: some rows of cells with each frame, so that on a slow link no key waits for a
//! screen full of them.

use std::collections::VecDeque;

use crate::picture::Form;
use crate::tui::panes::gallery::{Thumb, ThumbOrder};

/// Approximate bytes of thumbnails in one frame.
const FRAME_BYTES: usize = 8_000;

/// Thumbnails that are not shown completely yet.
#[derive(Debug, Default)]
pub(super) struct ThumbQueue {
    waiting: VecDeque<(ThumbOrder, Thumb)>,
}

impl ThumbQueue {
    /// Adds a thumbnail, none of whose rows is shown yet.
    pub(super) fn push(&mut self, order: ThumbOrder, thumb: Thumb) {
        let thumb = match thumb {
            Thumb::Picture(picture, _) if matches!(picture.form, Form::Blocks(_)) => {
                Thumb::Picture(picture, 0)
            }
            // The picture layer sends it in parts.
            of_pixels @ Thumb::Picture(..) => of_pixels,
            nothing @ Thumb::Nothing(_) => nothing,
        };
        self.waiting.push_back((order, thumb));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The thumbnails, with their visible rows, for the next frame: at least one row, and as many more as
    /// fit into `room` bytes.
    pub(super) fn next(&mut self, room: usize) -> Vec<(ThumbOrder, Thumb)> {
        let mut room = room.min(FRAME_BYTES);
        let mut shown = Vec::new();
        while room > 0
            && let Some((order, thumb)) = self.waiting.pop_front()
        {
            let Thumb::Picture(picture, begun) = thumb else {
                shown.push((order, thumb));
                continue;
            };
            let height = picture.cells.height;
            if begun >= height {
                shown.push((order, Thumb::Picture(picture, begun)));
                continue;
            }
            let row = (picture.wire_bytes() / usize::from(height.max(1))).max(1);
            let rows = u16::try_from(room / row).unwrap_or(u16::MAX).max(1);
            let seen = begun.saturating_add(rows).min(height);
            room = room.saturating_sub(row * usize::from(seen - begun));
            shown.push((order.clone(), Thumb::Picture(picture.clone(), seen)));
            if seen < height {
                self.waiting.push_front((order, Thumb::Picture(picture, seen)));
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::picture::{Block, Cells, Picture};
    use crate::tui::panes::gallery::ThumbForm;

    fn order(name: &str) -> ThumbOrder {
        let form = ThumbForm::blocks(Cells { width: 4, height: 3 });
        ThumbOrder { sha256: name.to_owned(), path: name.into(), size: 1, form }
    }

    fn thumb() -> Thumb {
        let cells = Cells { width: 4, height: 3 };
        let halves = (0..cells.count()).map(|n| Block::half([n as u8; 3], [255; 3])).collect();
        Thumb::Picture(Arc::new(Picture { cells, form: Form::Blocks(halves) }), cells.height)
    }

    /// Names and rows seen of what a frame shows.
    fn frame(queue: &mut ThumbQueue, room: usize) -> Vec<(String, u16)> {
        let rows = |thumb| match thumb {
            Thumb::Picture(_, rows) => rows,
            Thumb::Nothing(_) => 0,
        };
        queue.next(room).into_iter().map(|(order, thumb)| (order.sha256, rows(thumb))).collect()
    }

    #[test]
    fn rows_come_one_after_the_other_over_a_slow_link_and_at_once_over_a_fast_one() {
        let shown = |all: &[(&str, u16)]| -> Vec<(String, u16)> {
            all.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect()
        };
        let mut queue = ThumbQueue::default();
        queue.push(order("a"), thumb());
        queue.push(order("b"), Thumb::Nothing("broken".to_owned()));
        assert_eq!(frame(&mut queue, 1), shown(&[("a", 1)]));
        assert_eq!(frame(&mut queue, 1), shown(&[("a", 2)]));
        assert!(!queue.is_empty());
        assert_eq!(frame(&mut queue, usize::MAX), shown(&[("a", 3), ("b", 0)]));
        assert!(queue.is_empty() && frame(&mut queue, usize::MAX).is_empty());
        queue.push(order("c"), thumb());
        assert!(frame(&mut queue, 0).is_empty(), "nothing goes while nothing may");
        assert!(!queue.is_empty());
    }
}
