//! Cells of a picture that is drawn with block characters.

use ratatui::symbols::pixel::{QUADRANTS, SEXTANTS};

/// The block characters that pictures are drawn with: the setting `blocks`, named as chafa's `--symbols` are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BlockSet {
    /// `▀`: two pixels a cell, in every font.
    #[default]
    Half,
    /// `▚` and its kind: four pixels a cell in two colours.
    Quad,
    /// `🬗` and its kind (Unicode 13): six pixels a cell in two colours, in few fonts.
    Sextant,
}

impl BlockSet {
    pub const ALL: [Self; 3] = [Self::Half, Self::Quad, Self::Sextant];

    /// The word in `config.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Half => "half",
            Self::Quad => "quad",
            Self::Sextant => "sextant",
        }
    }

    /// Parses [`BlockSet::name`].
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.name() == name)
    }

    /// Pixels of a cell, in columns and rows.
    pub fn grid(self) -> (u16, u16) {
        match self {
            Self::Half => (1, 2),
            Self::Quad => (2, 2),
            Self::Sextant => (2, 3),
        }
    }
}

/// A cell: a character in two colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Colour of the character's strokes, and of what they leave.
    pub front: [u8; 3],
    pub back: [u8; 3],
    shape: Shape,
}

/// A character of [`SEXTANTS`], or behind these one of [`QUADRANTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape(u8);

impl Shape {
    const QUADRANT: u8 = SEXTANTS.len() as u8;
    const UPPER_HALF: Self = Self(Self::QUADRANT + 0b0011);

    fn sign(self) -> char {
        let quadrant = || QUADRANTS.get(usize::from(self.0.checked_sub(Self::QUADRANT)?));
        SEXTANTS.get(usize::from(self.0)).or_else(quadrant).copied().unwrap_or(' ')
    }
}

impl Block {
    /// Two pixels, one above the other.
    pub const fn half(upper: [u8; 3], lower: [u8; 3]) -> Self {
        Self { front: upper, back: lower, shape: Shape::UPPER_HALF }
    }

    /// Pixels of a set's grid, row by row from the lowest bit of `mask`: those that are set in one colour, the others in
    /// another.
    pub(super) fn of_mask(set: BlockSet, mask: u8, front: [u8; 3], back: [u8; 3]) -> Self {
        let shape = match set {
            BlockSet::Half => Shape::UPPER_HALF,
            BlockSet::Quad => Shape(Shape::QUADRANT + mask % Shape::QUADRANT),
            BlockSet::Sextant => Shape(mask % Shape::QUADRANT),
        };
        Self { front, back, shape }
    }

    /// The character; a blank where both colours are one.
    pub fn sign(self) -> char {
        if self.front == self.back { ' ' } else { self.shape.sign() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for set in BlockSet::ALL {
            assert_eq!(BlockSet::of_name(set.name()), Some(set));
        }
        assert_eq!(BlockSet::of_name("braille"), None);
    }

    #[test]
    fn a_mask_is_the_character_whose_parts_are_drawn() {
        let sign = |set, mask| Block::of_mask(set, mask, [1; 3], [2; 3]).sign();
        for (set, mask, wanted) in [
            (BlockSet::Quad, 0b0001, '▘'),
            (BlockSet::Quad, 0b1010, '▐'),
            (BlockSet::Quad, 0b0110, '▞'),
            (BlockSet::Sextant, 0b00_00_01, '🬀'),
            (BlockSet::Sextant, 0b01_01_01, '▌'),
            (BlockSet::Sextant, 0b10_00_00, '🬞'),
            (BlockSet::Sextant, 0b11_11_01, '🬺'),
        ] {
            assert_eq!(sign(set, mask), wanted, "{mask:b}");
        }
        assert_eq!(Block::half([1; 3], [2; 3]).sign(), '▀');
        assert_eq!(Block::half([1; 3], [1; 3]).sign(), ' ');
    }
}
