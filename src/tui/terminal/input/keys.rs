//! Decodes escape sequences of keys and the mouse, as the various terminals send them.
//!
//! Sources: xterm's "XTerm Control Sequences" (PC-style function keys, modifyOtherKeys, SGR mouse), kitty's
//! "Comprehensive keyboard handling in terminals", rxvt's and the Linux console's own keys.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MediaKeyCode, MouseButton, MouseEvent,
    MouseEventKind,
};

/// A key that sends one byte below 0x80.
pub(super) fn of_ascii(byte: u8) -> KeyEvent {
    let control = |c: char| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    match byte {
        b'\r' => KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE),
        0x7f => KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE),
        0x1b => KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE),
        0 => control(' '),
        0x01..=0x1a => control(char::from(byte - 1 + b'a')),
        // Ctrl+\ Ctrl+] Ctrl+^ Ctrl+_ (the last is Ctrl+/ on most keyboards)
        0x1c..=0x1f => control(char::from(byte + 0x40)),
        _ => of_char(char::from(byte)),
    }
}

/// A key that sends a character. A capital letter has Shift set, as crossterm does it.
pub(super) fn of_char(c: char) -> KeyEvent {
    let modifiers = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
    KeyEvent::new(KeyCode::Char(c), modifiers)
}

/// `ESC O params last`.
pub(super) fn of_ss3(params: &[u8], last: u8) -> Option<KeyEvent> {
    // Some terminals put the modifiers here: `ESC O 5 A`, or `ESC O 1 ; 5 A`.
    let (modifiers, _) =
        modifiers(Params::parse(params)?.0.last().and_then(|n| n.first().copied().flatten()))?;
    let code = match last {
        b'M' => KeyCode::Enter,
        b'I' => KeyCode::Tab,
        b'X' => KeyCode::Char('='),
        b' ' => KeyCode::Char(' '),
        // The keypad in application mode.
        b'j'..=b'y' => KeyCode::Char(char::from(b"*+,-./0123456789"[usize::from(last - b'j')])),
        b'a'..=b'd' => return Some(KeyEvent::new(arrow(last.to_ascii_uppercase())?, KeyModifiers::CONTROL)),
        _ => arrow(last)?,
    };
    Some(KeyEvent::new(code, modifiers))
}

/// `ESC [ params last`, as a key, as the mouse, or as a change of focus. None if it isn't known, or is the
/// release of a key.
pub(super) fn of_csi(params: &[u8], last: u8) -> Option<Event> {
    if let Some(params) = params.strip_prefix(b"<") {
        return sgr_mouse(params, last).map(Event::Mouse);
    }
    let list = Params::parse(params)?;
    let key = match (last, params.is_empty()) {
        (b'I', true) => return Some(Event::FocusGained),
        (b'O', true) => return Some(Event::FocusLost),
        (b'Z', _) => Some(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)),
        (b'a'..=b'd', true) => Some(KeyEvent::new(arrow(last.to_ascii_uppercase())?, KeyModifiers::SHIFT)),
        (b'u', _) => kitty_key(&list),
        (b'~', _) => tilde_key(&list),
        // rxvt: the same numbers, and the modifiers in the last byte.
        (b'$', _) => with_modifiers(numbered(list.number(0)?)?, KeyModifiers::SHIFT),
        (b'^', _) => with_modifiers(numbered(list.number(0)?)?, KeyModifiers::CONTROL),
        (b'@', false) => {
            with_modifiers(numbered(list.number(0)?)?, KeyModifiers::SHIFT | KeyModifiers::CONTROL)
        }
        // A first number other than 1 makes it another sequence: a cursor position looks like F3.
        _ => {
            let (modifiers, kind) = modifiers_at(&list, 1).filter(|_| list.number(0).unwrap_or(1) == 1)?;
            Some(KeyEvent::new_with_kind(arrow(last)?, modifiers, kind))
        }
    };
    key.filter(|key| key.kind != KeyEventKind::Release).map(Event::Key)
}

fn with_modifiers(code: KeyCode, modifiers: KeyModifiers) -> Option<KeyEvent> {
    Some(KeyEvent::new(code, modifiers))
}

/// Keys identified by the final byte of `ESC [` and `ESC O`.
fn arrow(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'E' => KeyCode::KeypadBegin,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P' => KeyCode::F(1),
        b'Q' => KeyCode::F(2),
        b'R' => KeyCode::F(3),
        b'S' => KeyCode::F(4),
        _ => return None,
    })
}

/// Keys identified by the number in `ESC [ number ~`.
fn numbered(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23..=26 => KeyCode::F(number as u8 - 12),
        28 | 29 => KeyCode::F(number as u8 - 13),
        31..=34 => KeyCode::F(number as u8 - 14),
        _ => return None,
    })
}

fn tilde_key(list: &Params) -> Option<KeyEvent> {
    let (modifiers, kind) = modifiers_at(list, 1)?;
    if list.number(0) == Some(27) {
        // xterm's modifyOtherKeys: ESC [ 27 ; modifiers ; character ~
        return character(list.number(2)?, modifiers, kind);
    }
    Some(KeyEvent::new_with_kind(numbered(list.number(0)?)?, modifiers, kind))
}

/// `ESC [ code : shifted : base ; modifiers : kind u`. With Ctrl or Alt, a key of another script is the one that
/// stands in its place on a keyboard with Latin letters: Ctrl+С of a Cyrillic layout is Ctrl+C.
fn kitty_key(list: &Params) -> Option<KeyEvent> {
    let (modifiers, kind) = modifiers_at(list, 1)?;
    let shifted = list.sub(0, 1).filter(|_| modifiers.contains(KeyModifiers::SHIFT));
    let is_command = modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER);
    let base = list.sub(0, 2).filter(|_| is_command && list.number(0).is_some_and(|code| code > 0x7f));
    character(base.or(shifted).or(list.number(0))?, modifiers, kind)
}

/// A key given as a character, as kitty's number of a key without one, or as the control character it sends.
fn character(code: u32, modifiers: KeyModifiers, kind: KeyEventKind) -> Option<KeyEvent> {
    let shift = modifiers.contains(KeyModifiers::SHIFT);
    let (code, modifiers) = match code {
        9 if shift => (KeyCode::BackTab, modifiers),
        9 => (KeyCode::Tab, modifiers),
        13 => (KeyCode::Enter, modifiers),
        27 => (KeyCode::Esc, modifiers),
        8 | 127 => (KeyCode::Backspace, modifiers),
        57344..=63743 => (kitty_function_key(code)?, modifiers),
        _ => {
            let c = char::from_u32(code).filter(|c| !c.is_control())?;
            // Terminals report the same key as `A` or as `a` with Shift; it becomes the same event.
            let mut upper = c.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(upper), None) if shift => (KeyCode::Char(upper), modifiers),
                _ => (KeyCode::Char(c), modifiers | of_char(c).modifiers),
            }
        }
    };
    Some(KeyEvent::new_with_kind(code, modifiers, kind))
}

fn kitty_function_key(code: u32) -> Option<KeyCode> {
    Some(match code {
        57358 => KeyCode::CapsLock,
        57359 => KeyCode::ScrollLock,
        57360 => KeyCode::NumLock,
        57361 => KeyCode::PrintScreen,
        57362 => KeyCode::Pause,
        57363 => KeyCode::Menu,
        57376..=57398 => KeyCode::F((code - 57376 + 13) as u8),
        57399..=57408 => KeyCode::Char(char::from(b'0' + (code - 57399) as u8)),
        57409..=57413 => KeyCode::Char(char::from(b"./*-+"[(code - 57409) as usize])),
        57414 => KeyCode::Enter,
        57415 => KeyCode::Char('='),
        57416 => KeyCode::Char(','),
        57417 => KeyCode::Left,
        57418 => KeyCode::Right,
        57419 => KeyCode::Up,
        57420 => KeyCode::Down,
        57421 => KeyCode::PageUp,
        57422 => KeyCode::PageDown,
        57423 => KeyCode::Home,
        57424 => KeyCode::End,
        57425 => KeyCode::Insert,
        57426 => KeyCode::Delete,
        57427 => KeyCode::KeypadBegin,
        57428 => KeyCode::Media(MediaKeyCode::Play),
        57429 => KeyCode::Media(MediaKeyCode::Pause),
        57430 => KeyCode::Media(MediaKeyCode::PlayPause),
        // The rest are modifiers on their own and media keys, which have no command.
        _ => return None,
    })
}

/// The modifiers and the kind of key event in parameter `n`: `modifiers : kind`.
fn modifiers_at(list: &Params, n: usize) -> Option<(KeyModifiers, KeyEventKind)> {
    let (modifiers, _) = modifiers(list.number(n))?;
    let kind = match list.sub(n, 1) {
        None | Some(1) => KeyEventKind::Press,
        Some(2) => KeyEventKind::Repeat,
        _ => KeyEventKind::Release,
    };
    Some((modifiers, kind))
}

/// The parameter is one more than the sum of shift 1, alt 2, control 4, super 8, hyper 16, meta 32;
/// lock keys are ignored.
fn modifiers(number: Option<u32>) -> Option<(KeyModifiers, u32)> {
    let bits = number.unwrap_or(1).max(1) - 1;
    if bits > 255 {
        return None;
    }
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
        (16, KeyModifiers::HYPER),
        (32, KeyModifiers::META),
    ] {
        if bits & bit != 0 {
            modifiers |= modifier;
        }
    }
    Some((modifiers, bits))
}

/// `ESC [ < button ; column ; row M`, or `m` for a release.
fn sgr_mouse(params: &[u8], last: u8) -> Option<MouseEvent> {
    let list = Params::parse(params)?;
    let (button, x, y) = (list.number(0)?, list.number(1)?, list.number(2)?);
    let at = |n: u32| u16::try_from(n.max(1) - 1).ok();
    match last {
        b'M' => mouse(button, at(x)?, at(y)?, false),
        b'm' => mouse(button, at(x)?, at(y)?, true),
        _ => None,
    }
}

/// `ESC [ M` and three bytes: from terminals that don't know the newer protocol.
pub(super) fn old_mouse(button: u8, x: u8, y: u8) -> Option<Event> {
    let button = u32::from(button.checked_sub(32)?);
    let release = button & 0b1100_0011 == 3;
    let (x, y) = (x.checked_sub(33)?, y.checked_sub(33)?);
    mouse(if release { button & !3 } else { button }, x.into(), y.into(), release).map(Event::Mouse)
}

fn mouse(button: u32, column: u16, row: u16, release: bool) -> Option<MouseEvent> {
    let which = match button & 3 {
        0 => Some(MouseButton::Left),
        1 => Some(MouseButton::Middle),
        2 => Some(MouseButton::Right),
        _ => None,
    };
    let (moved, wheel) = (button & 32 != 0, button & 64 != 0);
    let kind = match (which, button & 3) {
        _ if button > 127 => return None,
        (_, 0) if wheel => MouseEventKind::ScrollUp,
        (_, 1) if wheel => MouseEventKind::ScrollDown,
        (_, 2) if wheel => MouseEventKind::ScrollLeft,
        _ if wheel => MouseEventKind::ScrollRight,
        (Some(which), _) if release => MouseEventKind::Up(which),
        (Some(which), _) if moved => MouseEventKind::Drag(which),
        (None, _) if moved => MouseEventKind::Moved,
        (Some(which), _) => MouseEventKind::Down(which),
        (None, _) => return None,
    };
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [(4, KeyModifiers::SHIFT), (8, KeyModifiers::ALT), (16, KeyModifiers::CONTROL)] {
        if button & bit != 0 {
            modifiers |= modifier;
        }
    }
    Some(MouseEvent { kind, column, row, modifiers })
}

/// Parameters such as `1;2:3;4`: numbers, each with its sub-numbers. An empty one is `None`.
struct Params(Vec<Vec<Option<u32>>>);

impl Params {
    fn parse(params: &[u8]) -> Option<Params> {
        if params.is_empty() {
            return Some(Params(Vec::new()));
        }
        let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
        let text = std::str::from_utf8(params).ok()?;
        text.split(';').map(|part| part.split(':').map(number).collect()).collect::<Option<_>>().map(Params)
    }

    fn number(&self, n: usize) -> Option<u32> {
        self.sub(n, 0)
    }

    fn sub(&self, n: usize, sub: usize) -> Option<u32> {
        self.0.get(n)?.get(sub).copied().flatten()
    }
}
