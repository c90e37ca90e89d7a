//! Moving in lists and pages.

use std::ops::Range;

/// Lines that one notch of the wheel scrolls.
const NOTCH: usize = 3;

/// Where a key or the wheel moves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Left,
    Right,
}

impl Motion {
    /// Where it leads from a place, in a list or page whose last place is `last`.
    pub fn from(self, at: usize, page: usize, last: usize) -> usize {
        let next = match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at + 1,
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at + page,
            Self::Top => 0,
            Self::Bottom => last,
            Self::Left | Self::Right => at,
        };
        next.min(last)
    }
}

/// A turn of the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wheel {
    Up,
    Down,
}

impl Wheel {
    /// The scroll after one notch, of so many lines in a place of a height.
    pub fn scroll(self, scroll: usize, lines: usize, height: usize) -> usize {
        let next = match self {
            Self::Up => scroll.saturating_sub(NOTCH),
            Self::Down => scroll + NOTCH,
        };
        next.min(lines.saturating_sub(height))
    }

    /// The same as moves of a line.
    pub fn motions(self) -> impl Iterator<Item = Motion> {
        let motion = match self {
            Self::Up => Motion::Up,
            Self::Down => Motion::Down,
        };
        std::iter::repeat_n(motion, NOTCH)
    }
}

/// The scroll, of so many lines in a place of a height, with some of them in sight; as near to the one before as can
/// be. Where they are higher than the place, their first is seen.
pub fn in_sight(scroll: usize, wanted: Range<usize>, lines: usize, height: usize) -> usize {
    scroll.max(wanted.end.saturating_sub(height)).min(wanted.start).min(lines.saturating_sub(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_motion_stays_within_the_list() {
        for (motion, at, expected) in [
            (Motion::Up, 0, 0),
            (Motion::Up, 5, 4),
            (Motion::Down, 9, 9),
            (Motion::PageUp, 5, 1),
            (Motion::PageDown, 5, 9),
            (Motion::PageDown, 7, 9),
            (Motion::Top, 7, 0),
            (Motion::Bottom, 0, 9),
            (Motion::Left, 3, 3),
        ] {
            assert_eq!(motion.from(at, 4, 9), expected, "{motion:?} from {at}");
        }
        assert_eq!(Motion::Down.from(0, 4, 0), 0);
    }

    #[test]
    fn scrolling_follows_no_further_than_it_must() {
        for (scroll, wanted, expected) in
            [(0, 3..4, 0), (0, 5..6, 1), (4, 2..3, 2), (9, 9..10, 5), (3, 0..8, 0), (0, 0..1, 0)]
        {
            assert_eq!(in_sight(scroll, wanted.clone(), 10, 5), expected, "{wanted:?} at {scroll}");
        }
        assert_eq!(in_sight(7, 0..1, 3, 5), 0);
    }
}
