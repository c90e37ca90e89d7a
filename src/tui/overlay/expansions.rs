//! What a text with choices and wildcards can become, before it is run.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::parts::more_below;
use crate::domain::{ParamKey, prompt};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{centred, frame, inside, put};
use crate::tui::wrap::wrap;

/// Texts that are made at once.
pub const COUNT: usize = 12;

/// A text, and some of what it can become.
#[derive(Debug)]
pub struct Expansions {
    pub key: ParamKey,
    /// As it was written.
    pub text: String,
    /// `None` until they are made; else why they cannot be.
    pub found: Option<Result<Vec<String>, String>>,
    /// Lines scrolled off at the top.
    pub scroll: usize,
}

impl Expansions {
    /// A key that scrolls.
    pub fn key(&mut self, model: &Model, code: KeyCode) {
        let area = place(model);
        let page = usize::from(inside(area).height).max(1);
        let end = lines(model, self, usize::from(inside(area).width)).len().saturating_sub(page);
        self.scroll = match code {
            KeyCode::Up | KeyCode::Char('k') => self.scroll.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll + 1,
            KeyCode::PageUp => self.scroll.saturating_sub(page),
            KeyCode::PageDown => self.scroll + page,
            _ => self.scroll,
        }
        .min(end);
    }
}

fn place(model: &Model) -> Rect {
    let screen = Rect::new(0, 0, model.size.width, model.size.height);
    centred(screen, 100, model.size.height.saturating_sub(4))
}

/// How a line is shown.
#[derive(Clone, Copy)]
enum Look {
    Text,
    Quiet,
    Bad,
}

fn lines(model: &Model, shown: &Expansions, width: usize) -> Vec<(Look, String)> {
    let mut lines = Vec::new();
    let mut say = |look, text: &str, indent: &str| {
        for line in wrap(text, width.saturating_sub(indent.len()).max(8)) {
            lines.push((look, format!("{indent}{line}")));
        }
    };
    if !prompt::is_template(&shown.text) {
        say(Look::Quiet, "No choices, wildcards or variables: it is sent as it stands.", "");
        return lines;
    }
    if !model.draft.expands(&shown.key) {
        say(Look::Quiet, "It is sent as it is written, for a node that chooses by itself:", "");
        say(Look::Text, &shown.text, "  ");
        return lines;
    }
    match &shown.found {
        None => say(Look::Quiet, "Reading the wildcards…", ""),
        Some(Err(why)) => say(Look::Bad, why, ""),
        Some(Ok(texts)) => {
            let told = match texts.len() {
                1 => "It always becomes".to_owned(),
                count => format!("Each run draws again. {count} of what it can become:"),
            };
            say(Look::Quiet, &told, "");
            for text in texts {
                say(Look::Text, text, "  ");
            }
        }
    }
    lines
}

pub fn draw(model: &Model, shown: &Expansions, theme: &Theme, buffer: &mut Buffer) {
    let most = place(model);
    let lines = lines(model, shown, usize::from(inside(most).width));
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(most.height);
    let area = centred(buffer.area, 100, height);
    let name = model.draft.param(&shown.key).map_or("", |param| model.draft.name(param));
    frame(buffer, area, &format!("What {name} becomes"), theme.quiet, theme.accent);
    let inner = inside(area);
    for ((look, line), y) in lines.iter().skip(shown.scroll).zip(inner.top()..inner.bottom()) {
        let style = match look {
            Look::Text => theme.text,
            Look::Quiet => theme.quiet,
            Look::Bad => theme.bad,
        };
        put(buffer, inner, inner.x, y, line, style);
    }
    let below = lines.len().saturating_sub(shown.scroll + usize::from(inner.height));
    more_below(buffer, area, below, theme);
}
