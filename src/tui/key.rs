//! A key press as people write it (`ctrl+r`, `shift+tab`, `?`) and as a footer shows it (`^R`).

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One key with its modifiers, in one normal form however the terminal reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key itself; a letter carries its own case and never the shift modifier.
    pub code: KeyCode,
    /// Ctrl, Alt, and Shift where the key is not a character.
    pub mods: KeyModifiers,
}

const NAMED: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

impl Key {
    /// Parses a key as written in `config.toml`: modifiers `ctrl`, `alt`, `shift`, then the key, joined by `+`.
    ///
    /// # Errors
    /// Says which part is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut mods = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((modifier, tail)) = rest.split_once('+').filter(|(_, tail)| !tail.is_empty()) {
            mods |= match modifier.to_ascii_lowercase().as_str() {
                "ctrl" => KeyModifiers::CONTROL,
                "alt" => KeyModifiers::ALT,
                "shift" => KeyModifiers::SHIFT,
                _ => return Err(format!("`{modifier}` in `{text}` is not ctrl, alt or shift")),
            };
            rest = tail;
        }
        let lower = rest.to_ascii_lowercase();
        let named = NAMED.iter().find(|(name, _)| *name == lower).map(|(_, code)| *code);
        let mut chars = rest.chars();
        let code = match (named, chars.next(), chars.next()) {
            (Some(code), ..) => code,
            (None, Some(c), None) => KeyCode::Char(c),
            (None, Some('f' | 'F'), Some(_)) => match lower[1..].parse::<u8>() {
                Ok(number @ 1..=12) => KeyCode::F(number),
                _ => return Err(format!("`{rest}` in `{text}` is not a key")),
            },
            _ => return Err(format!("`{rest}` in `{text}` is not a key")),
        };
        Ok(Self::normal(code, mods))
    }

    /// The key of an event; `None` when a modifier is held for which we have no keys (Super, Hyper, Meta): that is
    /// meant for somebody else, and Super+C must not be taken for C.
    pub fn of(event: &KeyEvent) -> Option<Self> {
        let foreign = KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
        (!event.modifiers.intersects(foreign)).then(|| Self::normal(event.code, event.modifiers))
    }

    fn normal(code: KeyCode, mods: KeyModifiers) -> Self {
        let mut mods = mods & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = match code {
            KeyCode::BackTab => {
                mods |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            // With Ctrl the case of a letter is lost in most terminals.
            KeyCode::Char(c) if mods.contains(KeyModifiers::CONTROL) => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Char(c) if mods.contains(KeyModifiers::SHIFT) => KeyCode::Char(c.to_ascii_uppercase()),
            code => code,
        };
        if matches!(code, KeyCode::Char(c) if c != ' ') {
            mods -= KeyModifiers::SHIFT;
        }
        Self { code, mods }
    }

    /// Whether the key types a character, so that it cannot be a command while text is edited.
    pub fn types(&self) -> bool {
        matches!(self.code, KeyCode::Char(_)) && self.mods.difference(KeyModifiers::SHIFT).is_empty()
    }
}

/// The short form on the screen and in the documentation: `^R`, `shift+Tab`, `alt+x`, `Enter`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mods.contains(KeyModifiers::CONTROL) {
            f.write_str("^")?;
        }
        if self.mods.contains(KeyModifiers::ALT) {
            f.write_str("alt+")?;
        }
        if self.mods.contains(KeyModifiers::SHIFT) {
            f.write_str("shift+")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.mods.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", c.to_ascii_uppercase())
            }
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            KeyCode::Enter => f.write_str("Enter"),
            KeyCode::Esc => f.write_str("Esc"),
            KeyCode::Tab => f.write_str("Tab"),
            KeyCode::Backspace => f.write_str("Bksp"),
            KeyCode::Delete => f.write_str("Del"),
            KeyCode::Insert => f.write_str("Ins"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::Home => f.write_str("Home"),
            KeyCode::End => f.write_str("End"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            _ => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_and_show() {
        for (text, shown) in [
            ("ctrl+r", "^R"),
            ("Ctrl+R", "^R"),
            ("shift+tab", "shift+Tab"),
            ("?", "?"),
            ("G", "G"),
            ("+", "+"),
            ("ctrl++", "^+"),
            ("f5", "F5"),
            ("alt+enter", "alt+Enter"),
            ("space", "Space"),
            ("ctrl+up", "^↑"),
        ] {
            let key = Key::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(key.to_string(), shown);
        }
        for text in ["", "ctl+r", "f13", "hello", "ctrl+"] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn however_a_terminal_reports_a_key_it_is_the_same() {
        let event = |code, mods| Key::of(&KeyEvent::new(code, mods)).unwrap();
        assert_eq!(event(KeyCode::Char('G'), KeyModifiers::SHIFT), Key::parse("G").unwrap());
        assert_eq!(event(KeyCode::Char('g'), KeyModifiers::SHIFT), Key::parse("G").unwrap());
        assert_eq!(event(KeyCode::BackTab, KeyModifiers::NONE), Key::parse("shift+tab").unwrap());
        assert_eq!(event(KeyCode::Char('R'), KeyModifiers::CONTROL), Key::parse("ctrl+r").unwrap());
        assert_eq!(event(KeyCode::Char('?'), KeyModifiers::SHIFT), Key::parse("?").unwrap());
    }

    #[test]
    fn keys_with_foreign_modifiers_are_not_ours() {
        for foreign in [KeyModifiers::SUPER, KeyModifiers::HYPER, KeyModifiers::META] {
            for mods in [foreign, foreign | KeyModifiers::CONTROL] {
                assert_eq!(Key::of(&KeyEvent::new(KeyCode::Char('c'), mods)), None, "{mods:?}");
            }
        }
    }
}
