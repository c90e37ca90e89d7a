//! Decodes the terminal's bytes into keys, pastes, mouse events and answers.
//!
//! No IO and no clock: bytes and the time come in. Any split of the bytes gives the same events. Unknown sequences
//! are dropped whole, so that no rest of one is ever typed into a text. An unfinished sequence is only waited for
//! briefly: [`Decoder::timeout`] says when to call [`Decoder::flush`].

mod keys;
mod report;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

pub use report::{Report, Rgb, TRUE_COLOR};

/// A lone ESC is the Esc key if nothing follows within this time; terminals send a sequence in one piece.
const ESC_LIMIT: Duration = Duration::from_millis(40);
/// An unfinished sequence is dropped after this time.
const SEQUENCE_LIMIT: Duration = Duration::from_millis(500);
/// A paste without an end mark is taken as complete this long after its last byte.
const PASTE_LIMIT: Duration = Duration::from_secs(2);
/// Longest sequence that is kept, in bytes; longer ones are dropped up to their end.
const LONGEST_SEQUENCE: usize = 1024;
/// Longest paste in bytes; the rest is dropped, and [`Input::PasteCut`] precedes it.
pub const LONGEST_PASTE: usize = 4 << 20;

const PASTE_END: &[u8] = b"\x1b[201~";

/// Something the terminal sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A key, paste, mouse or focus event. Without key releases; a paste has no control characters but `\n` and `\t`.
    Event(Event),
    /// The paste before this one was longer than [`LONGEST_PASTE`] and was cut.
    PasteCut,
    /// The terminal answered a query.
    Report(Report),
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// Bytes of the unfinished sequence, character or paste.
    pending: Vec<u8>,
    /// Whether the sequence exceeds [`LONGEST_SEQUENCE`].
    overlong: bool,
    last_byte: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Ground,
    /// In a character of several bytes; `alt` if an ESC came before it.
    Utf8 {
        alt: bool,
    },
    Escape,
    /// After `ESC O`, perhaps with digits.
    Ss3,
    /// After `ESC [`; `pending` has what follows.
    Csi,
    /// After `ESC [ [`: function keys of the Linux console.
    LinuxKey,
    /// After `ESC [ M`: three bytes of the oldest mouse protocol.
    OldMouse,
    /// A string that ends with BEL or ST; `pending` begins with its introducer (`]`, `P`, `X`, `^`, `_`).
    Text {
        escape: bool,
    },
    /// Between `ESC [ 200 ~` and `ESC [ 201 ~`.
    Paste,
}

impl Decoder {
    /// Decodes bytes read at `now` and appends their events to `out`.
    pub fn feed(&mut self, mut bytes: &[u8], now: Instant, out: &mut Vec<Input>) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.state == State::Paste {
                bytes = self.paste(bytes, out);
            } else {
                self.byte(*first, out);
                bytes = rest;
            }
        }
        self.last_byte = Some(now);
    }

    /// How long after `now` to call [`Decoder::flush`]; `None` if nothing is unfinished.
    pub fn timeout(&self, now: Instant) -> Option<Duration> {
        let limit = match self.state {
            State::Ground => return None,
            State::Escape => ESC_LIMIT,
            // ESC and one more byte may as well be a key with Alt.
            State::Ss3 | State::Csi if self.pending.is_empty() => ESC_LIMIT,
            State::Text { escape: false } if self.pending.len() == 1 => ESC_LIMIT,
            State::Paste => PASTE_LIMIT,
            _ => SEQUENCE_LIMIT,
        };
        let since = self.last_byte.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        Some(limit.saturating_sub(since))
    }

    /// Decides about an unfinished sequence, character or paste if its time has passed.
    pub fn flush(&mut self, now: Instant, out: &mut Vec<Input>) {
        if self.timeout(now).is_none_or(|wait| !wait.is_zero()) {
            return;
        }
        match self.state {
            State::Escape => key(KeyCode::Esc, KeyModifiers::NONE, out),
            State::Ss3 if self.pending.is_empty() => alt_char('O', out),
            State::Csi if self.pending.is_empty() => alt_char('[', out),
            State::Text { escape: false } if self.pending.len() == 1 => {
                alt_char(char::from(self.pending[0]), out);
            }
            State::Paste => self.end_paste(out),
            _ => {}
        }
        self.ground();
    }

    fn ground(&mut self) {
        self.state = State::Ground;
        self.pending.clear();
        self.overlong = false;
    }

    fn start(&mut self, state: State) {
        self.ground();
        self.state = state;
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<Input>) {
        match self.state {
            State::Ground => self.ground_byte(byte, false, out),
            State::Utf8 { alt } => self.utf8_byte(byte, alt, out),
            State::Escape => self.escape_byte(byte, out),
            State::Ss3 => self.ss3_byte(byte, out),
            State::Csi => self.csi_byte(byte, out),
            State::LinuxKey => {
                if let b'A'..=b'E' = byte {
                    key(KeyCode::F(byte - b'A' + 1), KeyModifiers::NONE, out);
                }
                self.ground();
            }
            State::OldMouse => {
                self.pending.push(byte);
                if let [button, x, y] = self.pending[..] {
                    out.extend(keys::old_mouse(button, x, y).map(Input::Event));
                    self.ground();
                }
            }
            State::Text { escape } => self.text_byte(byte, escape, out),
            // `feed` handles the bytes of a paste before it gets here.
            State::Paste => {}
        }
    }

    fn ground_byte(&mut self, byte: u8, alt: bool, out: &mut Vec<Input>) {
        self.ground();
        match byte {
            0x1b => self.start(State::Escape),
            0x80.. => {
                self.state = State::Utf8 { alt };
                self.utf8_byte(byte, alt, out);
            }
            _ => {
                let mut event = keys::of_ascii(byte);
                if alt {
                    event.modifiers |= KeyModifiers::ALT;
                }
                out.push(Input::Event(Event::Key(event)));
            }
        }
    }

    /// Bytes that aren't UTF-8 are dropped.
    fn utf8_byte(&mut self, byte: u8, alt: bool, out: &mut Vec<Input>) {
        self.pending.push(byte);
        match std::str::from_utf8(&self.pending) {
            Ok(text) => {
                for c in text.chars().filter(|c| !c.is_control()) {
                    let mut event = keys::of_char(c);
                    if alt {
                        event.modifiers |= KeyModifiers::ALT;
                    }
                    out.push(Input::Event(Event::Key(event)));
                }
                self.ground();
            }
            // An incomplete character.
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                let first = self.pending.len() == 1;
                self.ground();
                // The byte that broke the character may begin the next one.
                if !first {
                    self.byte(byte, out);
                }
            }
        }
    }

    fn escape_byte(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            b'[' => self.start(State::Csi),
            b'O' => self.start(State::Ss3),
            b']' | b'P' | b'X' | b'^' | b'_' => {
                self.start(State::Text { escape: false });
                self.pending.push(byte);
            }
            // Esc twice, or Esc and then a sequence: never Alt+Esc.
            0x1b => {
                key(KeyCode::Esc, KeyModifiers::NONE, out);
                self.start(State::Escape);
            }
            _ => self.ground_byte(byte, true, out),
        }
    }

    fn ss3_byte(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            b'0'..=b'9' | b';' if self.pending.len() < LONGEST_SEQUENCE => self.pending.push(byte),
            b' '..=b'~' => {
                out.extend(keys::of_ss3(&self.pending, byte).map(|k| Input::Event(Event::Key(k))));
                self.ground();
            }
            _ => self.ground_byte(byte, false, out),
        }
    }

    fn csi_byte(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            b'[' if self.pending.is_empty() => self.start(State::LinuxKey),
            b'M' if self.pending.is_empty() => self.start(State::OldMouse),
            // rxvt's keys with Shift end with it; elsewhere it comes before the last byte.
            b'$' if self.pending.iter().all(u8::is_ascii_digit) && !self.pending.is_empty() => {
                self.end_csi(byte, out);
            }
            b' '..=b'?' => {
                if self.pending.len() < LONGEST_SEQUENCE {
                    self.pending.push(byte);
                } else {
                    self.overlong = true;
                }
            }
            b'@'..=b'~' => self.end_csi(byte, out),
            // Not allowed in a sequence, so it was cut off and something else begins.
            _ => self.ground_byte(byte, false, out),
        }
    }

    fn end_csi(&mut self, last: u8, out: &mut Vec<Input>) {
        let pending = std::mem::take(&mut self.pending);
        let overlong = self.overlong;
        self.ground();
        if overlong {
            return;
        }
        if last == b'~' && pending == b"200" {
            self.start(State::Paste);
        } else if let Some(report) = report::of_csi(&pending, last) {
            out.push(Input::Report(report));
        } else {
            out.extend(keys::of_csi(&pending, last).map(Input::Event));
        }
    }

    fn text_byte(&mut self, byte: u8, escape: bool, out: &mut Vec<Input>) {
        match byte {
            b'\\' if escape => self.end_text(out),
            0x07 => self.end_text(out),
            // An ESC that is not part of ST begins something else.
            _ if escape => {
                self.start(State::Escape);
                self.byte(byte, out);
            }
            0x1b => self.state = State::Text { escape: true },
            // Answers have no control characters: this is somebody typing.
            0..0x20 => self.ground_byte(byte, false, out),
            _ if self.pending.len() < LONGEST_SEQUENCE => self.pending.push(byte),
            _ => self.overlong = true,
        }
    }

    fn end_text(&mut self, out: &mut Vec<Input>) {
        let pending = std::mem::take(&mut self.pending);
        if !self.overlong
            && let Some((introducer, text)) = pending.split_first()
        {
            out.extend(report::of_text(*introducer, text).map(Input::Report));
        }
        self.ground();
    }

    /// Takes bytes of a paste; returns those after its end.
    fn paste<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<Input>) -> &'a [u8] {
        // The end mark may be split: look for it from where it could have begun in what we have.
        let before = self.pending.len();
        let from = before.saturating_sub(PASTE_END.len() - 1);
        // Not more than fits, but always enough to see the end mark.
        let room = (LONGEST_PASTE + 2 * PASTE_END.len()).saturating_sub(before).min(bytes.len());
        self.pending.extend_from_slice(&bytes[..room]);
        if let Some(end) = memchr::memmem::find(&self.pending[from..], PASTE_END) {
            let end = from + end;
            let after = end + PASTE_END.len() - before;
            self.pending.truncate(end);
            self.end_paste(out);
            self.ground();
            return &bytes[after..];
        }
        if self.pending.len() > LONGEST_PASTE + PASTE_END.len() {
            // Drop from the middle: the start is what is kept, the last bytes may begin the end mark.
            let keep = self.pending.len() - (PASTE_END.len() - 1);
            self.pending.drain(LONGEST_PASTE..keep);
            self.overlong = true;
        }
        &bytes[room..]
    }

    fn end_paste(&mut self, out: &mut Vec<Input>) {
        let cut = self.overlong || self.pending.len() > LONGEST_PASTE;
        self.pending.truncate(LONGEST_PASTE);
        let text = String::from_utf8_lossy(&self.pending);
        let text = text.trim_end_matches(|c| cut && c == char::REPLACEMENT_CHARACTER);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        out.push(Input::Event(Event::Paste(
            text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect(),
        )));
        if cut {
            out.push(Input::PasteCut);
        }
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers, out: &mut Vec<Input>) {
    out.push(Input::Event(Event::Key(KeyEvent::new(code, modifiers))));
}

fn alt_char(c: char, out: &mut Vec<Input>) {
    let event = keys::of_char(c);
    key(event.code, event.modifiers | KeyModifiers::ALT, out);
}
