//! Keys in Explore.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Explore, offered};
use crate::domain::batch::Combine;
use crate::tui::command::Keymap;
use crate::tui::model::Model;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::keys::{Answer, in_text};

/// A key that is no command everywhere.
pub fn pressed(model: &mut Model, mut explore: Box<Explore>, event: KeyEvent, keys: &Keymap) -> Answer {
    let draft = &model.draft;
    let is_plain = event.modifiers == KeyModifiers::NONE;
    let (is_row, is_adding) =
        (explore.selected < explore.rows.len(), explore.selected == explore.adding_line());
    let mut answer = Answer::Nothing;
    match event.code {
        KeyCode::Up | KeyCode::BackTab => explore.selected = explore.selected.saturating_sub(1),
        KeyCode::Down | KeyCode::Tab => explore.selected = (explore.selected + 1).min(explore.last_line()),
        KeyCode::Enter if is_adding && !explore.adding.is_empty() => match explore.matches(draft).first() {
            Some(parameter) => {
                let text = offered(draft, parameter);
                explore.put(draft, &parameter.key, &text);
                answer = Answer::Explored(explore.refresh(draft));
            }
            None => answer = Answer::Say("No parameter has such a name".to_owned()),
        },
        KeyCode::Enter => match &explore.plan {
            Ok(plan) => return Answer::Explore(Box::new(plan.clone()), explore),
            Err(why) => {
                let row = explore.rows.iter().position(|row| row.values.is_err());
                let why = match row.and_then(|at| explore.rows[at].values.as_ref().err()) {
                    Some(why) => why.clone(),
                    None => why.clone(),
                };
                explore.selected = row.unwrap_or(explore.selected);
                answer = Answer::Say(why);
            }
        },
        KeyCode::Left | KeyCode::Right | KeyCode::Char(' ') if !is_row && !is_adding => {
            explore.combine = match explore.combine {
                Combine::Grid => Combine::Zip,
                Combine::Zip => Combine::Grid,
            };
            answer = Answer::Explored(explore.refresh(draft));
        }
        KeyCode::Delete | KeyCode::Backspace
            if is_plain && is_row && explore.rows[explore.selected].text.is_empty() =>
        {
            explore.rows.remove(explore.selected);
            explore.selected = explore.selected.min(explore.last_line());
            answer = Answer::Explored(explore.refresh(draft));
        }
        _ => match explore.text_mut().map(|text| in_text(text, event, keys)) {
            Some(Err(command)) => answer = Answer::Do(command),
            Some(Ok(true)) if is_row => answer = Answer::Explored(explore.refresh(draft)),
            Some(Ok(_)) | None => {}
        },
    }
    model.overlay = Some(Overlay::Explore(explore));
    answer
}
