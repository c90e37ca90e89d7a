//! What the person is told at the bottom of the screen.

/// A sentence for the person, at the bottom of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How it is meant.
    pub tone: Tone,
    pub text: String,
    /// It answers no key: it stays until Esc, or until another takes its place.
    pub stays: bool,
}

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It went as asked.
    Good,
    Plain,
    Bad,
}

/// `1 change`, `2 changes`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}
