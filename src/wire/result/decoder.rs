//! The decoder of a PromptResult: a state machine over the bytes, with one function per state.
//!
//! One state machine, and read as one: hence the length of this file.

use serde_json::Value;

use super::{MAX_PROMPT, OutputInfo, PromptResult, ResultPart, is_graph};
use crate::wire::base64;

/// Longest field besides file data that is kept, in bytes of JSON.
pub(super) const MAX_FIELD: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the result's `{`.
    Start,
    /// Before a key or the object's end.
    Key,
    KeyText,
    Colon,
    Value,
    /// In a string that is collected or skipped.
    Text,
    /// In nested brackets, or a string inside of them.
    Nested {
        depth: usize,
        text: bool,
    },
    /// In a number, `true`, `false` or `null`.
    Scalar,
    /// In a file's base64.
    Data,
    /// In the list of outputs, before an element, a comma or the list's end.
    Element,
    /// Behind a value, before a comma or the object's end.
    After,
    Over,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// In the result's object.
    Top,
    /// In the list of outputs.
    List,
    Output,
}

/// Decodes a PromptResult from pieces of any size.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    place: Level,
    /// Bytes of an unfinished escape in a string, from its backslash.
    escape: Vec<u8>,
    key: String,
    /// JSON of the key or small value that is being read.
    pub(super) small: Vec<u8>,
    keep: bool,
    too_long: bool,
    base64: base64::Decoder,
    info: OutputInfo,
    is_bad: bool,
    result: PromptResult,
    other_size: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            state: State::Start,
            place: Level::Top,
            escape: Vec::new(),
            key: String::new(),
            small: Vec::new(),
            keep: false,
            too_long: false,
            base64: base64::Decoder::default(),
            info: OutputInfo::default(),
            is_bad: false,
            result: PromptResult::default(),
            other_size: 0,
        }
    }
}

impl Decoder {
    /// Whether the result's closing brace has been read.
    pub fn is_whole(&self) -> bool {
        self.state == State::Over
    }

    /// Ends the input: an unfinished output becomes a [`ResultPart::OutputCut`].
    pub fn finish(&mut self, sink: &mut impl FnMut(ResultPart<'_>)) {
        if self.state == State::Data {
            self.base64.finish(&mut Self::pass(&mut self.is_bad, sink));
        }
        self.cut_output(sink);
    }

    /// The fields read besides the outputs.
    pub fn into_result(self) -> PromptResult {
        self.result
    }

    /// Decodes bytes and passes their parts to `sink`.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(ResultPart<'_>)) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Data => self.in_data(bytes, sink),
                State::Text | State::KeyText => self.in_text(bytes),
                State::Nested { depth, text } => self.in_nested(bytes, depth, text),
                State::Scalar => self.in_scalar(bytes, sink),
                State::Over => return,
                State::Broken => return sink(ResultPart::Raw(bytes)),
                _ if bytes[0].is_ascii_whitespace() => &bytes[1..],
                _ => self.between(bytes, sink),
            };
        }
    }

    /// Reads one structural byte, which is not white space.
    fn between<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(ResultPart<'_>)) -> &'a [u8] {
        let next = match (self.state, bytes[0]) {
            (State::Start, b'{') => State::Key,
            (State::Key, b'"') => {
                self.begin_small(true);
                self.push_small(b"\"");
                State::KeyText
            }
            (State::Key | State::After, b'}') => self.end_object(sink),
            (State::Colon, b':') => State::Value,
            (State::Value, _) => return self.begin_value(bytes, sink),
            (State::Element, b',') => State::Element,
            (State::Element, b']') => {
                self.place = Level::Top;
                State::After
            }
            (State::Element, b'{') => {
                self.place = Level::Output;
                self.begin_output(sink);
                State::Key
            }
            (State::Element, b'n' | b'"' | b'[' | b't' | b'f' | b'-' | b'0'..=b'9') => {
                return self.begin_odd_output(bytes, sink);
            }
            (State::After, b',') => State::Key,
            (State::Start, _) => return self.fail("the result is not a JSON object", bytes, sink),
            _ => return self.fail("the result is not valid JSON", bytes, sink),
        };
        self.state = next;
        &bytes[1..]
    }

    fn end_object(&mut self, sink: &mut impl FnMut(ResultPart<'_>)) -> State {
        if self.place == Level::Top {
            return State::Over;
        }
        self.place = Level::List;
        sink(ResultPart::OutputEnds(std::mem::take(&mut self.info)));
        State::Element
    }

    fn begin_output(&mut self, sink: &mut impl FnMut(ResultPart<'_>)) {
        self.info = OutputInfo::default();
        self.is_bad = false;
        self.result.outputs += 1;
        sink(ResultPart::OutputBegins);
    }

    /// An element of the list that is not an object: `null` is skipped, anything else is an output with bad data.
    fn begin_odd_output<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(ResultPart<'_>)) -> &'a [u8] {
        if bytes[0] != b'n' {
            self.begin_output(sink);
            sink(ResultPart::BadData("it is not an object"));
            sink(ResultPart::OutputEnds(OutputInfo::default()));
        }
        self.begin_small(false);
        self.begin_any(bytes)
    }

    fn begin_value<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(ResultPart<'_>)) -> &'a [u8] {
        let mut keep = true;
        match (self.place, self.key.as_str(), bytes[0]) {
            (Level::Top, "outputs", b'[') => {
                self.place = Level::List;
                self.state = State::Element;
                return &bytes[1..];
            }
            (Level::Top, "outputs", _) => keep = false,
            (Level::Output, "data", b'"') if !self.info.has_data && !self.is_bad => {
                self.base64.reset();
                self.state = State::Data;
                return &bytes[1..];
            }
            (Level::Output, "data", b'n') => keep = false,
            (Level::Output, "data", first) => {
                keep = false;
                let why = if first == b'"' { "it has data twice" } else { "its data is not text" };
                if !std::mem::replace(&mut self.is_bad, true) {
                    sink(ResultPart::BadData(why));
                }
            }
            _ => {}
        }
        self.begin_small(keep);
        self.begin_any(bytes)
    }

    fn begin_any<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.state = match bytes[0] {
            b'"' => State::Text,
            b'{' | b'[' => State::Nested { depth: 1, text: false },
            _ => {
                self.state = State::Scalar;
                return bytes;
            }
        };
        self.push_small(&bytes[..1]);
        &bytes[1..]
    }

    fn in_data<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(ResultPart<'_>)) -> &'a [u8] {
        if !self.escape.is_empty() {
            return self.in_data_escape(bytes, sink);
        }
        let end = memchr::memchr2(b'"', b'\\', bytes);
        let (text, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.push_data(text, sink);
        match rest.split_first() {
            None => {}
            Some((b'\\', rest)) => {
                self.escape.push(b'\\');
                return rest;
            }
            Some((_, rest)) => {
                let mut pass = Self::pass(&mut self.is_bad, sink);
                self.base64.finish(&mut pass);
                self.state = State::After;
                return rest;
            }
        }
        rest
    }

    fn push_data(&mut self, text: &[u8], sink: &mut impl FnMut(ResultPart<'_>)) {
        if !text.is_empty() {
            self.info.has_data = true;
            self.base64.feed(text, &mut Self::pass(&mut self.is_bad, sink));
        }
    }

    fn pass(is_bad: &mut bool, sink: &mut impl FnMut(ResultPart<'_>)) -> impl FnMut(base64::Decoded<'_>) {
        move |piece| match piece {
            base64::Decoded::Bytes(bytes) => sink(ResultPart::Data(bytes)),
            base64::Decoded::Raw(text) => sink(ResultPart::Raw(text)),
            base64::Decoded::Bad => {
                *is_bad = true;
                sink(ResultPart::BadData("its data is not base64"));
            }
        }
    }

    /// An escape in base64: `\/` and `\n` are common; others are unescaped and thus make it invalid.
    fn in_data_escape<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(ResultPart<'_>)) -> &'a [u8] {
        self.escape.push(bytes[0]);
        let wanted = if self.escape[1] == b'u' { 6 } else { 2 };
        if self.escape.len() == wanted {
            let mut quoted = std::mem::take(&mut self.escape);
            quoted.insert(0, b'"');
            quoted.push(b'"');
            // An invalid escape is left as it is; its backslash makes the base64 invalid.
            match serde_json::from_slice::<String>(&quoted) {
                Ok(text) => self.push_data(text.as_bytes(), sink),
                Err(_) => self.push_data(&quoted[1..quoted.len() - 1], sink),
            }
        }
        &bytes[1..]
    }

    fn in_text<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if !self.escape.is_empty() {
            self.escape.clear();
            self.push_small(&bytes[..1]);
            return &bytes[1..];
        }
        let Some(end) = memchr::memchr2(b'"', b'\\', bytes) else {
            self.push_small(bytes);
            return &[];
        };
        let (text, rest) = bytes.split_at(end + 1);
        self.push_small(text);
        if text[end] == b'\\' {
            self.escape.push(b'\\');
            return rest;
        }
        if self.state == State::KeyText {
            self.key = serde_json::from_slice(&self.small).unwrap_or_default();
            self.state = State::Colon;
            return rest;
        }
        self.end_value(rest)
    }

    fn in_nested<'a>(&mut self, bytes: &'a [u8], mut depth: usize, mut text: bool) -> &'a [u8] {
        if !self.escape.is_empty() {
            self.escape.clear();
            self.push_small(&bytes[..1]);
            return &bytes[1..];
        }
        for (at, byte) in bytes.iter().enumerate() {
            match (text, byte) {
                (true, b'\\') => {
                    self.escape.push(b'\\');
                    self.push_small(&bytes[..=at]);
                    self.state = State::Nested { depth, text };
                    return &bytes[at + 1..];
                }
                (_, b'"') => text = !text,
                (false, b'{' | b'[') => depth += 1,
                (false, b'}' | b']') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.push_small(&bytes[..=at]);
                return self.end_value(&bytes[at + 1..]);
            }
        }
        self.push_small(bytes);
        self.state = State::Nested { depth, text };
        &[]
    }

    fn in_scalar<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(ResultPart<'_>)) -> &'a [u8] {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        let end = bytes.iter().position(|b| !is_part(b));
        let (text, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.push_small(text);
        if end.is_none() {
            return rest;
        }
        let is_skipped_word = !self.keep && !self.small.is_empty();
        // Python writes `NaN` and `Infinity`, which are not JSON.
        let is_python = matches!(self.small.as_slice(), b"NaN" | b"Infinity" | b"-Infinity");
        if is_python {
            self.small = b"null".to_vec();
        }
        if !is_skipped_word && serde_json::from_slice::<Value>(&self.small).is_err() {
            return self.fail("the result is not valid JSON", rest, sink);
        }
        self.end_value(rest)
    }

    fn begin_small(&mut self, keep: bool) {
        self.small.clear();
        self.escape.clear();
        (self.keep, self.too_long) = (keep, false);
    }

    fn push_small(&mut self, bytes: &[u8]) {
        let most = match (self.keep, self.place, self.key.as_str()) {
            (false, ..) => 16,
            (true, Level::Top, "prompt") => MAX_PROMPT,
            (true, ..) => MAX_FIELD,
        };
        let room = most.saturating_sub(self.small.len());
        self.too_long |= bytes.len() > room;
        self.small.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Ends a collected value and stores it in its field.
    fn end_value<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        self.state = if self.place == Level::List { State::Element } else { State::After };
        if !self.keep {
            return rest;
        }
        if self.place == Level::Top && self.key == "prompt" {
            let text = String::from_utf8(std::mem::take(&mut self.small)).ok();
            self.result.prompt = text.filter(|text| !self.too_long && is_graph(text));
            return rest;
        }
        let value = if self.too_long {
            Value::String(String::from_utf8_lossy(&self.small).into_owned())
        } else {
            match serde_json::from_slice(&self.small) {
                Ok(value) => value,
                // A text with invalid UTF-8 or a bad escape must not lose the files after it.
                Err(_) => Value::String(String::from_utf8_lossy(&self.small).trim_matches('"').to_owned()),
            }
        };
        self.small = Vec::new();
        if self.place == Level::Output {
            self.info.set(&self.key, value);
        } else if let Some((key, value)) = self.result.set(&self.key, value) {
            self.other_size += key.len() + value.to_string().len();
            if self.other_size <= MAX_FIELD {
                self.result.other.insert(key, value);
            }
        }
        rest
    }

    fn cut_output(&mut self, sink: &mut impl FnMut(ResultPart<'_>)) {
        if self.place == Level::Output {
            self.place = Level::Top;
            sink(ResultPart::OutputCut(std::mem::take(&mut self.info)));
        }
    }

    fn fail<'a>(
        &mut self,
        why: &'static str,
        rest: &[u8],
        sink: &mut impl FnMut(ResultPart<'_>),
    ) -> &'a [u8] {
        self.state = State::Broken;
        self.cut_output(sink);
        sink(ResultPart::Broken(why));
        sink(ResultPart::Raw(rest));
        &[]
    }
}
