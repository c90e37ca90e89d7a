//! Paths that a text may become, beneath the field that it is typed into.

use std::ops::Range;

/// Completions that are shown at once.
const SHOWN: usize = 6;

/// What a text may become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    pub paths: Vec<String>,
    /// The one that Enter and Tab take, once an arrow chose one.
    pub chosen: Option<usize>,
}

impl Completions {
    /// Takes the paths that were found for a text. What is there already completes nothing.
    pub fn put(&mut self, text: &str, paths: Vec<String>) {
        *self = Self { paths, chosen: None };
        self.paths.retain(|path| path != text);
    }

    /// Those that are shown, with the chosen one among them.
    pub fn shown(&self) -> Range<usize> {
        let end = self.chosen.map_or(0, |at| at + 1).max(SHOWN).min(self.paths.len());
        end.saturating_sub(SHOWN)..end
    }

    /// Those that are not shown.
    pub fn more(&self) -> usize {
        self.paths.len() - self.shown().len()
    }

    /// Lines that they take.
    pub fn lines(&self) -> usize {
        self.shown().len() + usize::from(self.more() > 0)
    }

    pub fn choice(&self) -> Option<&String> {
        self.paths.get(self.chosen?)
    }

    /// An arrow; up from the first one leads back to what was typed.
    pub fn step(&mut self, up: bool) {
        let Some(last) = self.paths.len().checked_sub(1) else { return };
        self.chosen = match self.chosen {
            None if up => None,
            None => Some(0),
            Some(at) if up => at.checked_sub(1),
            Some(at) => Some((at + 1).min(last)),
        };
    }

    /// Tab: as much as all have in common, or the first one when that is nothing more.
    pub fn common(&self, text: &str) -> Option<String> {
        let first = self.paths.first()?;
        let common = self.paths.iter().fold(first.as_str(), |common, path| {
            let same = common.char_indices().zip(path.chars()).find(|((_, a), b)| a != b);
            let shorter = common.len().min(path.len());
            &common[..same.map_or(shorter, |((at, _), _)| at)]
        });
        Some(if common.len() > text.len() { common.to_owned() } else { first.clone() })
    }
}
