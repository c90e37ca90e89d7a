//! Changes weights in the text of a field, as edits that can be undone.

use tui_textarea::{CursorMove, TextArea};

use crate::domain::prompt::Weighing;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::panes::params::Editing;

/// Byte offset of a line and character.
fn offset(lines: &[String], (row, column): (usize, usize)) -> usize {
    let before: usize = lines.iter().take(row).map(|line| line.len() + 1).sum();
    let line = lines.get(row).map_or("", String::as_str);
    before + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

/// Line and character of a byte offset; `None` when beyond what the widget can count.
fn place(text: &str, offset: usize) -> Option<CursorMove> {
    let before = &text[..offset];
    let row = before.matches('\n').count().try_into().ok()?;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count().try_into().ok()?;
    Some(CursorMove::Jump(row, column))
}

pub fn change_weight(model: &mut Model, tenths: i32) {
    let Some(editing) = &mut model.params.editing else { return };
    let text = editing.value();
    let cursor = editing.text.cursor();
    let (from, to) = editing.text.selection_range().unwrap_or(((cursor.0, cursor.1), (cursor.0, cursor.1)));
    let selection = offset(editing.text.lines(), from)..offset(editing.text.lines(), to);
    let kept = editing.weighing.take().filter(|weighing| weighing.is_at(&text, &selection));
    let weighing = editing.weighing.insert(kept.unwrap_or_else(|| Weighing::new(&text, selection)));
    let (changed, selection) = match weighing.add(tenths) {
        Ok((changed, selection)) => (changed.to_owned(), selection),
        Err(why) => return model.notify(Tone::Plain, why.to_string()),
    };
    editing.is_typed = true;
    if replace(editing, &text, &changed).is_none() {
        return model.notify(Tone::Plain, "This line is too long to change weights in it");
    }
    if let (Some(start), Some(end)) = (place(&changed, selection.start), place(&changed, selection.end)) {
        editing.text.cancel_selection();
        editing.text.move_cursor(start);
        editing.text.start_selection();
        editing.text.move_cursor(end);
    }
}

/// Replaces a text through the widget, so that it can be undone. Only touches what differs, since the widget keeps a
/// copy of that. `None` when beyond what the widget can count.
fn replace(editing: &mut Editing, old: &str, new: &str) -> Option<()> {
    let same = |(a, b): &(char, char)| a == b;
    let ahead: usize = old.chars().zip(new.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (old_rest, new_rest) = (&old[ahead..], &new[ahead..]);
    let ends = old_rest.chars().rev().zip(new_rest.chars().rev());
    let behind: usize = ends.take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let inserted = &new_rest[..new_rest.len() - behind];
    let (start, end) = (place(old, ahead)?, place(old, old.len() - behind)?);
    editing.text.cancel_selection();
    editing.text.move_cursor(start);
    if old_rest.len() > behind {
        editing.text.start_selection();
        editing.text.move_cursor(end);
        editing.text.delete_char();
        if !inserted.is_empty() {
            editing.halfway.push(line_at_cursor(&editing.text));
        }
    }
    editing.text.insert_str(inserted);
    Some(())
}

/// Whether the text is between the two steps in which the widget makes a replacement.
pub(super) fn is_halfway(editing: &Editing) -> bool {
    editing.halfway.contains(&line_at_cursor(&editing.text))
}

fn line_at_cursor(text: &TextArea<'_>) -> (usize, String) {
    let row = text.cursor().0;
    (row, text.lines().get(row).cloned().unwrap_or_default())
}
