//! What another preset sets otherwise, to choose from and lay over what is on the screen.

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::parts::more_below;
use crate::domain::draft::Layer;
use crate::domain::{ParamKey, Setting};
use crate::report::text::cut;
use crate::tui::model::Model;
use crate::tui::panes::params::setting_text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{centred, frame, inside, put, put_right, without_right};

/// Most columns of a value that is to be replaced.
const BEFORE: usize = 20;

/// The settings of a preset that differ from the draft's, each taken or not.
#[derive(Debug)]
pub struct Lay {
    /// What the preset sets for the open workflow.
    pub layer: Layer,
    /// In the workflow's order, and whether each is taken.
    pub rows: Vec<(ParamKey, bool)>,
    pub selected: usize,
}

impl Lay {
    /// What differs; all of it is taken at first.
    pub fn new(model: &Model, layer: Layer) -> Self {
        let rows = model.draft.differing(&layer).into_iter().map(|key| (key, true)).collect();
        Self { layer, rows, selected: 0 }
    }

    /// Keys of what is taken.
    pub fn taken(&self) -> Vec<ParamKey> {
        self.rows.iter().filter(|(_, taken)| *taken).map(|(key, _)| key.clone()).collect()
    }

    /// Lines of the list.
    pub fn room(model: &Model) -> usize {
        usize::from(model.size.height).saturating_sub(8).max(1)
    }

    /// A key that moves or marks; `page` is how many lines are seen.
    pub fn key(&mut self, code: KeyCode, page: usize) {
        let last = self.rows.len().saturating_sub(1);
        match code {
            KeyCode::Char(' ') => {
                if let Some((_, taken)) = self.rows.get_mut(self.selected) {
                    *taken = !*taken;
                }
                self.selected = (self.selected + 1).min(last);
            }
            KeyCode::Char('a') => {
                let all = self.rows.iter().all(|(_, taken)| *taken);
                self.rows.iter_mut().for_each(|(_, taken)| *taken = !all);
            }
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.selected = (self.selected + 1).min(last),
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(page),
            KeyCode::PageDown => self.selected = (self.selected + page).min(last),
            _ => {}
        }
    }
}

/// `6 → 7.5`, with the policy of a seed where that differs.
fn change(model: &Model, layer: &Layer, key: &ParamKey, width: usize) -> String {
    let draft = &model.draft;
    let line = |setting: &Setting| setting_text(setting).replace('\n', "⏎");
    let there = layer.settings.get(key).filter(|there| Some(*there) != draft.setting(key).as_ref());
    let value = there.map(|there| {
        let now = draft.setting(key).as_ref().map(line).unwrap_or_default();
        format!("{} → {}", cut(&now, BEFORE), line(there))
    });
    let policy = layer.seeds.get(key).filter(|policy| **policy != draft.policy(key));
    let policy = policy.map(|policy| format!("{} → {}", draft.policy(key).word(), policy.word()));
    let expand = draft.laid_expand(layer, key).map(|expands| match expands {
        true => "choices expanded".to_owned(),
        false => "choices sent as written".to_owned(),
    });
    let told: Vec<String> = expand.into_iter().chain(value).chain(policy).collect();
    cut(&told.join(", "), width)
}

pub fn draw(model: &Model, shown: &Lay, theme: &Theme, buffer: &mut Buffer) {
    let room = Lay::room(model).min(shown.rows.len().max(1));
    let area = centred(buffer.area, 100, room as u16 + 4);
    frame(buffer, area, &format!("Lay over: preset {}", shown.layer.name), theme.quiet, theme.accent);
    let inner = inside(area);
    let count = format!(" {} of {} marked ", shown.taken().len(), shown.rows.len());
    put_right(buffer, without_right(area, 2), area.y, &count, theme.quiet);
    if shown.rows.is_empty() {
        let told = "It sets nothing otherwise than what is on the screen";
        put(buffer, inner, inner.x, inner.y, told, theme.quiet);
        return;
    }
    let name = |key: &ParamKey| model.draft.param(key).map_or("", |param| model.draft.name(param));
    let widest = shown.rows.iter().map(|(key, _)| name(key).width()).max().unwrap_or(0).min(24) as u16;
    let room = usize::from(inner.height.saturating_sub(1)).max(1);
    let first = (shown.selected + 1).saturating_sub(room);
    for ((at, (key, taken)), y) in shown.rows.iter().enumerate().skip(first).take(room).zip(inner.y..) {
        let is_selected = at == shown.selected;
        if is_selected {
            put(buffer, inner, inner.x, y, "▌", theme.accent);
        }
        let (sign, style) = if *taken { ("●", theme.accent) } else { ("○", theme.quiet) };
        put(buffer, inner, inner.x + 2, y, sign, style);
        let style = match (is_selected, taken) {
            (true, _) => theme.selected,
            (false, true) => theme.text,
            (false, false) => theme.quiet,
        };
        let label = Rect { width: widest, x: inner.x + 4, ..inner };
        put(buffer, label, label.x, y, name(key), style);
        let x = label.x + widest + 2;
        let width = usize::from(inner.right().saturating_sub(x));
        let style = if *taken { theme.text } else { theme.quiet };
        put(buffer, inner, x, y, &change(model, &shown.layer, key, width), style);
    }
    more_below(buffer, area, shown.rows.len().saturating_sub(first + room), theme);
}
