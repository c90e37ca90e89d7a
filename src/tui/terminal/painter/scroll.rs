//! Finds rows that moved up or down together, as in a log with a new line: the terminal scrolls them for a few bytes,
//! instead of having them drawn again.

use super::glyph::{Glyph, Sign};

/// Longest move searched for, in rows: longer ones are rare, and the search takes time.
const FARTHEST: usize = 8;
/// Least number of cells a scroll has to save: about as many as the bytes it costs.
const LEAST_GAIN: usize = 24;

/// Rows `top..bottom` move by `rows`, up or down; blank rows appear at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scroll {
    pub(super) top: usize,
    pub(super) bottom: usize,
    pub(super) rows: usize,
    pub(super) up: bool,
}

impl Scroll {
    /// The scroll that saves most, if any saves [`LEAST_GAIN`].
    pub(super) fn find(shown: &[Glyph], next: &[Glyph], width: usize) -> Option<Scroll> {
        let (shown, next) = (rows(shown, width), rows(next, width));
        let changed: Vec<usize> = shown.iter().zip(&next).map(|(old, new)| differing(old, new)).collect();
        if changed.iter().sum::<usize>() < LEAST_GAIN {
            return None;
        }
        let mut best: Option<(usize, Scroll)> = None;
        for distance in 1..=FARTHEST.min(shown.len() / 2) {
            for up in [true, false] {
                for scroll in moved(&shown, &next, distance, up) {
                    let gain = scroll.gain(&shown, &next, &changed);
                    if gain >= LEAST_GAIN && best.is_none_or(|(most, _)| gain > most) {
                        best = Some((gain, scroll));
                    }
                }
            }
        }
        best.map(|(_, scroll)| scroll)
    }

    /// Cells that the scroll saves, minus those that have to be drawn because of it.
    fn gain(self, shown: &[&[Glyph]], next: &[&[Glyph]], changed: &[usize]) -> usize {
        let Scroll { top, bottom, rows, up } = self;
        let band = || shown[top..bottom].iter().chain(&next[top..bottom]);
        if band().any(|row| row.iter().any(|glyph| glyph.sign == Sign::Foreign)) {
            // Whether a picture scrolls along differs between terminals.
            return 0;
        }
        let exposed = if up { bottom - rows..bottom } else { top..top + rows };
        let drawn: usize = next[exposed]
            .iter()
            .map(|row| row.iter().filter(|glyph| glyph.sign != Sign::Blank).count())
            .sum();
        changed[top..bottom].iter().sum::<usize>().saturating_sub(drawn)
    }

    /// Scrolls the remembered rows as the terminal does.
    pub(super) fn apply(self, shown: &mut [Glyph], width: usize) {
        let band = &mut shown[self.top * width..self.bottom * width];
        let cells = self.rows * width;
        if self.up {
            band.rotate_left(cells);
            let kept = band.len() - cells;
            band[kept..].fill(Glyph::BLANK);
        } else {
            band.rotate_right(cells);
            band[..cells].fill(Glyph::BLANK);
        }
    }
}

fn rows(glyphs: &[Glyph], width: usize) -> Vec<&[Glyph]> {
    if width == 0 { Vec::new() } else { glyphs.chunks_exact(width).collect() }
}

/// Number of cells to draw, without blanks, which are erased many at once.
fn differing(old: &[Glyph], new: &[Glyph]) -> usize {
    old.iter().zip(new).filter(|(old, new)| old != new && new.sign != Sign::Blank).count()
}

/// The longest runs of rows that moved by `distance` rows.
fn moved(shown: &[&[Glyph]], next: &[&[Glyph]], distance: usize, up: bool) -> Vec<Scroll> {
    let mut found = Vec::new();
    let pairs = shown.len() - distance;
    let mut start = 0;
    while start < pairs {
        let same = |n: usize| {
            let (upper, lower) = (n, n + distance);
            if up { next[upper] == shown[lower] } else { next[lower] == shown[upper] }
        };
        let run = (start..pairs).take_while(|n| same(*n)).count();
        if run > 0 {
            found.push(Scroll { top: start, bottom: start + run + distance, rows: distance, up });
        }
        start += run + 1;
    }
    found
}
