//! Where a movement leads.

use super::action::Action;

/// Where a movement leads from a place, in a list or page whose last place is `last`.
pub fn scrolled(at: usize, action: Action, page: usize, last: usize) -> usize {
    let next = match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => at + 1,
        Action::PageUp => at.saturating_sub(page),
        Action::PageDown => at + page,
        Action::Top => 0,
        Action::Bottom => last,
        _ => at,
    };
    next.min(last)
}

/// `1 change`, `2 changes`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}
