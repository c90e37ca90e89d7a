//! Keys and the mouse in an overlay. The result is a value, on which the pane that opened the overlay acts.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tui_textarea::TextArea;

use super::differences::{self, Differences};
use super::expansions::Expansions;
use super::explore::{self, Explore, FileQuestion};
use super::lay::Lay;
use super::{Asking, Choosing, Confirm, Confirmed, Import, Overlay, Picker, PickerItem, Prompt};
use super::{help, import, messages, view};
use crate::domain::batch::Plan;
use crate::domain::{ParamKey, RunId};
use crate::tui::command::{Command, Keymap};
use crate::tui::completions::Completions;
use crate::tui::key::Key;
use crate::tui::model::Model;
use crate::tui::motion::Wheel;
use crate::tui::theme::Theme;
use crate::tui::typing::{self, TextEdit, line_editor};

/// The result of a key in an overlay.
#[derive(Debug)]
pub enum Answer {
    /// Handled within the overlay.
    Nothing,
    /// A command was chosen, by its key or in the palette.
    Do(&'static Command),
    /// The text of a prompt changed.
    Typed(Asking, String),
    /// A prompt was confirmed with Enter.
    Entered(Asking, String),
    /// A prompt was cancelled; carries the text to restore, for filters that apply while typing.
    Left(Asking, String),
    Chosen(Choosing, PickerItem),
    /// These values of the list, as JSON, in this order.
    Marked(ParamKey, Vec<String>),
    /// What was typed over a list that the history narrows.
    Narrowed(ParamKey, String),
    /// The run of an item is wanted, not its value alone.
    RunOf(RunId),
    /// A saved search is to be removed.
    Forget(String),
    /// A preset's name is to be changed.
    Rename(String),
    Delete(PickerItem),
    Yes(Confirmed),
    No(Confirmed),
    /// The values of a graph are to be loaded.
    Load(Box<Import>),
    /// Opens a graph as a workflow.
    Open(Box<Import>),
    /// What Explore says has changed: these files have to be read for it.
    Explored(Vec<FileQuestion>),
    /// These runs are wanted.
    Explore(Box<Plan>, Box<Explore>),
    /// Some values of this preset are wanted over what is there.
    ReadLayer(String),
    /// What is marked is to be laid over what is there.
    Lay(Box<Lay>),
    /// Other examples of what a text can become are wanted.
    Expand(Box<Expansions>),
    /// A text is to be expanded, or sent as written: the other of the two.
    ToggleExpand(Box<Expansions>),
    /// A notice to show.
    Say(String),
}

/// A key that is no command everywhere.
pub fn pressed(model: &mut Model, event: KeyEvent, keys: &Keymap) -> Answer {
    let Some(overlay) = model.overlay.take() else { return Answer::Nothing };
    let is_escape = event.code == KeyCode::Esc
        || (event.code == KeyCode::Char('c') && event.modifiers == KeyModifiers::CONTROL);
    match overlay {
        Overlay::Prompt(prompt) if is_escape => Answer::Left(prompt.purpose, prompt.before),
        Overlay::Confirm(confirm) if is_escape => Answer::No(confirm.then),
        _ if is_escape => Answer::Nothing,
        Overlay::Messages { scroll } => in_messages(model, scroll, event),
        Overlay::Help { filter, scroll } => in_help(model, filter, scroll, event, keys),
        Overlay::Picker(picker) => in_picker(model, picker, event, keys),
        Overlay::Prompt(prompt) => in_prompt(model, prompt, event, keys),
        Overlay::Confirm(confirm) => in_confirm(model, confirm, event),
        Overlay::Import(shown) => in_import(model, shown, event),
        Overlay::Differences(shown) => in_differences(model, shown, event),
        Overlay::Explore(shown) => explore::pressed(model, shown, event, keys),
        Overlay::Lay(shown) => in_lay(model, shown, event),
        Overlay::Expansions(shown) => in_expansions(model, shown, event),
    }
}

/// A command for texts, where the overlay has one.
pub fn edit(model: &mut Model, edit: TextEdit) -> Answer {
    let Some(text) = model.overlay.as_mut().and_then(Overlay::text_mut) else { return Answer::Nothing };
    if edit.apply(text) { text_changed(model) } else { Answer::Nothing }
}

pub fn pasted(model: &mut Model, text: &str) -> Answer {
    let line: String = text.trim().chars().take(4_096).map(|c| if c == '\n' { ' ' } else { c }).collect();
    let Some(text) = model.overlay.as_mut().and_then(Overlay::text_mut) else { return Answer::Nothing };
    text.insert_str(line);
    text_changed(model)
}

/// The mouse wheel acts as arrow keys in an overlay.
pub fn turned(model: &mut Model, wheel: Wheel, keys: &Keymap) -> Answer {
    let steps = match model.overlay {
        Some(
            Overlay::Help { .. }
            | Overlay::Messages { .. }
            | Overlay::Import(_)
            | Overlay::Differences(_)
            | Overlay::Expansions(_),
        ) => 3,
        Some(Overlay::Picker(_) | Overlay::Lay(_)) => 1,
        Some(Overlay::Prompt(_) | Overlay::Confirm(_) | Overlay::Explore(_)) | None => 0,
    };
    let arrow = match wheel {
        Wheel::Up => KeyCode::Up,
        Wheel::Down => KeyCode::Down,
    };
    for _ in 0..steps {
        pressed(model, KeyEvent::from(arrow), keys);
    }
    Answer::Nothing
}

/// A click in a field places the caret there. In a list it selects an item; on the selected item it chooses it.
pub fn clicked(model: &mut Model, at: Position, keys: &Keymap) -> Answer {
    if place_caret(model, at, keys) {
        return Answer::Nothing;
    }
    let Some(Overlay::Picker(picker)) = &model.overlay else { return Answer::Nothing };
    let Some(index) = view::picker_item_at(model, picker, at) else { return Answer::Nothing };
    if picker.selected == Some(index) {
        return pressed(model, KeyEvent::from(KeyCode::Enter), keys);
    }
    if let Some(Overlay::Picker(picker)) = &mut model.overlay {
        picker.selected = Some(index);
    }
    Answer::Nothing
}

/// Places the caret of the overlay's field at a click in it; returns whether it was one. Where the field is follows from
/// where the caret is drawn.
fn place_caret(model: &mut Model, at: Position, keys: &Keymap) -> bool {
    let Some(mut overlay) = model.overlay.take() else { return false };
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.width, model.size.height));
    let caret = view::draw(model, &overlay, keys, &Theme::colourless(), &mut buffer);
    let mut is_in_field = false;
    if let (Some(caret), Some(text)) = (caret, overlay.text_mut()) {
        let left = usize::from(text.scroll_offset().1);
        let before = text.screen_cursor().col.saturating_sub(left);
        let first = usize::from(caret.x).saturating_sub(before);
        is_in_field = at.y == caret.y && usize::from(at.x) >= first;
        if is_in_field {
            typing::go_to(text, 0, usize::from(at.x) - first + left);
        }
    }
    model.overlay = Some(overlay);
    is_in_field
}

fn text_changed(model: &mut Model) -> Answer {
    match &mut model.overlay {
        Some(Overlay::Help { scroll, .. }) => *scroll = 0,
        Some(Overlay::Picker(picker)) => {
            picker.select_first();
            if let Choosing::Recall(key) = &picker.purpose {
                return Answer::Narrowed(key.clone(), picker.typed());
            }
        }
        Some(Overlay::Prompt(prompt)) => {
            prompt.error = None;
            return Answer::Typed(prompt.purpose.clone(), prompt.text());
        }
        Some(Overlay::Explore(shown)) => return Answer::Explored(shown.refresh(&model.draft)),
        Some(
            Overlay::Confirm(_)
            | Overlay::Messages { .. }
            | Overlay::Import(_)
            | Overlay::Differences(_)
            | Overlay::Lay(_)
            | Overlay::Expansions(_),
        )
        | None => {}
    }
    Answer::Nothing
}

/// A key in a text: the command that it is, else whether the text changed.
pub(super) fn in_text(
    text: &mut TextArea<'static>,
    event: KeyEvent,
    keys: &Keymap,
) -> Result<bool, &'static Command> {
    match Key::of(&event).and_then(|key| keys.while_typing(key)) {
        Some(command) => Err(command),
        None => Ok(typing::typed(text, event, false)),
    }
}

/// A key that only the overlay's text can take.
fn typed(model: &mut Model, mut overlay: Overlay, event: KeyEvent, keys: &Keymap) -> Answer {
    let taken = overlay.text_mut().map(|text| in_text(text, event, keys));
    model.overlay = Some(overlay);
    match taken {
        Some(Err(command)) => Answer::Do(command),
        Some(Ok(true)) => text_changed(model),
        Some(Ok(false)) | None => Answer::Nothing,
    }
}

fn in_messages(model: &mut Model, scroll: usize, event: KeyEvent) -> Answer {
    let page = usize::from(model.size.height).saturating_sub(6).max(1);
    let lines = messages::line_count(model);
    let next = match event.code {
        KeyCode::Up | KeyCode::Char('k') => scroll.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => scroll + 1,
        KeyCode::PageUp => scroll.saturating_sub(page),
        KeyCode::PageDown => scroll + page,
        KeyCode::Enter | KeyCode::Char('!' | 'q') => return Answer::Nothing,
        _ => scroll,
    };
    model.overlay = Some(Overlay::Messages { scroll: next.min(lines.saturating_sub(page)) });
    Answer::Nothing
}

fn in_help(
    model: &mut Model,
    filter: TextArea<'static>,
    scroll: usize,
    event: KeyEvent,
    keys: &Keymap,
) -> Answer {
    let page = usize::from(model.size.height).saturating_sub(8).max(1);
    let scroll = match event.code {
        KeyCode::Enter => return Answer::Nothing,
        KeyCode::Char('?') if filter.is_empty() => return Answer::Nothing,
        KeyCode::Up => scroll.saturating_sub(1),
        KeyCode::Down => scroll + 1,
        KeyCode::PageUp => scroll.saturating_sub(page),
        KeyCode::PageDown => scroll + page,
        _ => return typed(model, Overlay::Help { filter, scroll }, event, keys),
    };
    let scroll = scroll.min(help::end(model, &filter, keys));
    model.overlay = Some(Overlay::Help { filter, scroll });
    Answer::Nothing
}

fn in_picker(model: &mut Model, mut picker: Picker, event: KeyEvent, keys: &Keymap) -> Answer {
    // A list of thousands is not searched for a letter that is typed.
    let chosen = |picker: &Picker| picker.selected.and_then(|at| picker.matches().into_iter().nth(at));
    let ctrl = event.modifiers == KeyModifiers::CONTROL;
    match event.code {
        KeyCode::Enter => {
            if let Choosing::Several(key) = &picker.purpose {
                return Answer::Marked(key.clone(), picker.marked);
            }
            if let Some(item) = chosen(&picker) {
                return Answer::Chosen(picker.purpose, item);
            }
        }
        KeyCode::Char(' ') if matches!(picker.purpose, Choosing::Several(_)) => picker.mark(),
        KeyCode::Up | KeyCode::BackTab => picker.go_by(-1),
        KeyCode::Down | KeyCode::Tab => picker.go_by(1),
        KeyCode::Char('k') if ctrl => picker.go_by(-1),
        KeyCode::Char('j') if ctrl => picker.go_by(1),
        KeyCode::Char('o') if ctrl && matches!(picker.purpose, Choosing::Recall(_)) => {
            if let Some(run) = chosen(&picker).and_then(|item| item.run) {
                return Answer::RunOf(run);
            }
        }
        KeyCode::Char('o') if ctrl && picker.purpose == Choosing::Preset => {
            if let Some(item) = chosen(&picker) {
                return Answer::ReadLayer(item.id);
            }
        }
        KeyCode::PageUp => picker.go_by(-10),
        KeyCode::PageDown => picker.go_by(10),
        KeyCode::Delete if picker.purpose == Choosing::Search => {
            if let Some(item) = chosen(&picker) {
                return Answer::Forget(item.id);
            }
        }
        KeyCode::Delete | KeyCode::F(2) if picker.purpose == Choosing::Preset => match chosen(&picker) {
            Some(item) if item.is_built_in => {
                model.overlay = Some(Overlay::Picker(picker));
                let why = "is built in: load it and save it under a name of your own";
                return Answer::Say(format!("{} {why}", item.id));
            }
            Some(item) if event.code == KeyCode::Delete => return Answer::Delete(item),
            Some(item) => return Answer::Rename(item.id),
            None => {}
        },
        _ => return typed(model, Overlay::Picker(picker), event, keys),
    }
    model.overlay = Some(Overlay::Picker(picker));
    Answer::Nothing
}

fn in_prompt(model: &mut Model, mut prompt: Prompt, event: KeyEvent, keys: &Keymap) -> Answer {
    // What is wrong with a search stays until its text changes.
    if prompt.purpose != Asking::RunSearch {
        prompt.error = None;
    }
    if let Some(changed) = complete(&mut prompt, event) {
        model.overlay = Some(Overlay::Prompt(prompt));
        return if changed { text_changed(model) } else { Answer::Nothing };
    }
    if event.code != KeyCode::Enter {
        return typed(model, Overlay::Prompt(prompt), event, keys);
    }
    let text = prompt.text().trim().to_owned();
    match prompt.purpose.refuses(&text) {
        Some(why) => {
            prompt.error = Some(why.to_owned());
            model.overlay = Some(Overlay::Prompt(prompt));
            Answer::Nothing
        }
        None => Answer::Entered(prompt.purpose, text),
    }
}

/// A key that is about the paths beneath the text: whether the text changed; `None` when it is another key.
fn complete(prompt: &mut Prompt, event: KeyEvent) -> Option<bool> {
    if !event.modifiers.is_empty() {
        return None;
    }
    let taken = match event.code {
        KeyCode::Enter | KeyCode::Tab if prompt.completions.chosen.is_some() => {
            prompt.completions.choice().cloned()
        }
        KeyCode::Tab => prompt.completions.common(&prompt.text()),
        KeyCode::Up | KeyCode::Down if !prompt.completions.paths.is_empty() => {
            prompt.completions.step(event.code == KeyCode::Up);
            return Some(false);
        }
        _ => return None,
    };
    let Some(path) = taken else { return Some(false) };
    prompt.text = line_editor(&path);
    // They belong to the old text; new ones have been requested.
    prompt.completions = Completions::default();
    Some(true)
}

fn in_confirm(model: &mut Model, confirm: Confirm, event: KeyEvent) -> Answer {
    match event.code {
        KeyCode::Char('y' | 'Y') => Answer::Yes(confirm.then),
        KeyCode::Char('n' | 'N') => Answer::No(confirm.then),
        code => match confirm.then.third() {
            Some((key, _, then)) if code == KeyCode::Char(key) => Answer::Yes(then),
            // Enter is pressed too easily to mean yes here.
            _ => {
                model.overlay = Some(Overlay::Confirm(confirm));
                Answer::Nothing
            }
        },
    }
}

fn in_differences(model: &mut Model, mut shown: Box<Differences>, event: KeyEvent) -> Answer {
    let page = usize::from(model.size.height).saturating_sub(4).max(1);
    let next = match event.code {
        KeyCode::Enter | KeyCode::Char('d' | 'q') => return Answer::Nothing,
        KeyCode::Up | KeyCode::Char('k') => shown.scroll.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => shown.scroll + 1,
        KeyCode::PageUp => shown.scroll.saturating_sub(page),
        KeyCode::PageDown => shown.scroll + page,
        _ => shown.scroll,
    };
    shown.scroll = next.min(differences::end(model, &shown));
    model.overlay = Some(Overlay::Differences(shown));
    Answer::Nothing
}

fn in_import(model: &mut Model, mut shown: Box<Import>, event: KeyEvent) -> Answer {
    let page = import::room(model).max(1);
    let last = import::line_count(model, &shown).saturating_sub(page);
    let mut said = Answer::Nothing;
    match event.code {
        KeyCode::Enter if shown.fit.differ.is_empty() => {
            let text = "All its values are set already, so there is nothing to load";
            said = Answer::Say(text.to_owned());
        }
        KeyCode::Enter => return Answer::Load(shown),
        KeyCode::Char('o') => return Answer::Open(shown),
        KeyCode::Up | KeyCode::Char('k') => shown.scroll = shown.scroll.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => shown.scroll += 1,
        KeyCode::PageUp => shown.scroll = shown.scroll.saturating_sub(page),
        KeyCode::PageDown => shown.scroll += page,
        _ => {}
    }
    shown.scroll = shown.scroll.min(last);
    model.overlay = Some(Overlay::Import(shown));
    said
}

fn in_lay(model: &mut Model, mut shown: Box<Lay>, event: KeyEvent) -> Answer {
    let mut answer = Answer::Nothing;
    match event.code {
        KeyCode::Enter if !shown.taken().is_empty() => return Answer::Lay(shown),
        KeyCode::Enter => {
            answer = Answer::Say("Nothing is marked: space marks a value, a all of them".to_owned());
        }
        code => shown.key(code, Lay::room(model)),
    }
    model.overlay = Some(Overlay::Lay(shown));
    answer
}

fn in_expansions(model: &mut Model, mut shown: Box<Expansions>, event: KeyEvent) -> Answer {
    match event.code {
        KeyCode::Enter | KeyCode::Char('q' | 'v') => return Answer::Nothing,
        KeyCode::Char('r') => return Answer::Expand(shown),
        KeyCode::Char('e') => return Answer::ToggleExpand(shown),
        code => shown.key(model, code),
    }
    model.overlay = Some(Overlay::Expansions(shown));
    Answer::Nothing
}
