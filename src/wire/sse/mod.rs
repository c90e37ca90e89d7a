//! Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), in bounded memory.
//!
//! Lines end in LF, CRLF or CR; `:` begins a comment; several `data:` lines are joined by LF; one space after
//! the colon is dropped; a byte-order mark is skipped. Unlike the standard:
//!
//! - [`Decoder::finish`] dispatches a last event that lacks its blank line.
//! - The data of one event, the *streamed* one, is passed on as it arrives and never held: its line may be hundreds
//!   of megabytes long. Every other event is held until its blank line, up to [`MAX_EVENT`] bytes of it.
//! - Servers write log text unescaped into a `data:` line. A progress bar's CR then ends the line, and the rest looks
//!   like an unknown field, which the standard drops. In *text* events such a line is kept as text, joined by the
//!   line end before it (CR or LF). If two line ends in a row ended the event inside of its text, the rest becomes
//!   another event of the same name.

/// Longest event that is held, in bytes of data; the rest is dropped and counted.
pub const MAX_EVENT: usize = 1024 * 1024;
/// Longest event name that is held, in bytes.
const MAX_NAME: usize = 256;
/// Length of the longest known field name, `event` or `retry`.
const MAX_FIELD: usize = 5;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Names of events that get special treatment.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// The event whose data is passed on as it arrives.
    pub streamed: &'static str,
    /// Events in which a line with an unknown field is text.
    pub text: &'static [&'static str],
}

/// Events and parts of events, in the order of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Signal<'a> {
    Event {
        /// The event's name; empty means the standard's default, `message`.
        name: &'a str,
        /// The event's data; should be UTF-8.
        data: &'a [u8],
        /// Bytes of data that were dropped after [`MAX_EVENT`].
        cut: u64,
    },
    /// The streamed event's data begins.
    Begin,
    /// A piece of the streamed event's data.
    Data(&'a [u8]),
    End,
}

/// Decodes a stream of events; see the module's documentation.
#[derive(Debug)]
pub struct Decoder {
    names: Names,
    state: State,
    /// Bytes of the byte-order mark read so far; `None` once past it.
    bom: Option<usize>,
    /// Whether the last byte was a CR: a LF now belongs to the same line end.
    after_cr: bool,
    head: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    cut: u64,
    has_data: bool,
    streaming: bool,
    /// Line end to put before the next line of data: CR, LF or none.
    joint: &'static [u8],
    /// Name of the last event, if it was a text event.
    last_text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a field's name, at the beginning of a line.
    Head,
    /// Behind the colon, where one space is dropped.
    Colon(Field),
    /// In a field's value.
    Value(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Ignored,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    pub fn new(names: Names) -> Self {
        Self {
            names,
            state: State::Head,
            bom: Some(0),
            after_cr: false,
            head: Vec::with_capacity(MAX_FIELD + 1),
            name: Vec::new(),
            data: Vec::new(),
            cut: 0,
            has_data: false,
            streaming: false,
            joint: b"\n",
            last_text: None,
        }
    }

    /// Decodes bytes and passes their events to `sink`.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Signal<'_>)) {
        if self.bom.is_some() {
            bytes = self.skip_bom(bytes, sink);
        }
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = &bytes[1..];
                self.joint = b"\n";
                continue;
            }
            bytes = match self.state {
                State::Head => self.in_head(bytes, sink),
                State::Colon(field) => {
                    self.state = State::Value(field);
                    if first == b' ' { &bytes[1..] } else { bytes }
                }
                State::Value(field) => self.in_value(field, bytes, sink),
            };
        }
    }

    /// Ends the stream: dispatches a last event that lacks its blank line.
    pub fn finish(&mut self, sink: &mut impl FnMut(Signal<'_>)) {
        if let Some(seen) = self.bom.take() {
            self.feed(&BOM[..seen], sink);
        }
        if self.state != State::Head || !self.head.is_empty() {
            self.end_line(sink);
        }
        self.dispatch(sink);
    }

    fn skip_bom<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(Signal<'_>)) -> &'a [u8] {
        let seen = self.bom.take().unwrap_or(0);
        let wanted = &BOM[seen..];
        let same = bytes.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        if same == wanted.len() {
            return &bytes[same..];
        }
        if same == bytes.len() {
            self.bom = Some(seen + same);
            return &[];
        }
        self.feed(&BOM[..seen], sink);
        bytes
    }

    fn in_head<'a>(&mut self, bytes: &'a [u8], sink: &mut impl FnMut(Signal<'_>)) -> &'a [u8] {
        let (first, rest) = (bytes[0], &bytes[1..]);
        match first {
            b'\n' | b'\r' => {
                self.end_line(sink);
                self.ended_by(first);
                rest
            }
            b':' if matches!(self.head.as_slice(), b"" | b"data" | b"event" | b"id" | b"retry") => {
                let field = match self.head.as_slice() {
                    b"data" => Field::Data,
                    b"event" => Field::Event,
                    _ => Field::Ignored,
                };
                self.head.clear();
                self.begin_value(field, sink);
                self.state = State::Colon(field);
                rest
            }
            _ if first == b':' || self.head.len() == MAX_FIELD => {
                self.begin_stray(sink);
                bytes
            }
            _ => {
                self.head.push(first);
                rest
            }
        }
    }

    fn in_value<'a>(&mut self, field: Field, bytes: &'a [u8], sink: &mut impl FnMut(Signal<'_>)) -> &'a [u8] {
        let end = memchr::memchr2(b'\n', b'\r', bytes);
        let (value, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        match field {
            Field::Data => self.push_data(value, sink),
            Field::Event => {
                let room = MAX_NAME - self.name.len();
                self.name.extend_from_slice(&value[..value.len().min(room)]);
            }
            Field::Ignored => {}
        }
        match rest.split_first() {
            None => rest,
            Some((&end, rest)) => {
                self.end_line(sink);
                self.ended_by(end);
                rest
            }
        }
    }

    fn ended_by(&mut self, end: u8) {
        self.after_cr = end == b'\r';
        self.joint = if self.after_cr { b"\r" } else { b"\n" };
    }

    /// Ends a line; the caller notes which line end it was.
    fn end_line(&mut self, sink: &mut impl FnMut(Signal<'_>)) {
        match std::mem::replace(&mut self.state, State::Head) {
            State::Head if self.head.is_empty() => self.dispatch(sink),
            State::Head => {
                match self.head.as_slice() {
                    b"data" => self.begin_value(Field::Data, sink),
                    b"event" => self.begin_value(Field::Event, sink),
                    b"id" | b"retry" => {}
                    _ => self.begin_stray(sink),
                }
                self.head.clear();
                self.state = State::Head;
                self.named(sink);
            }
            State::Colon(Field::Event) | State::Value(Field::Event) => self.named(sink),
            State::Colon(_) | State::Value(_) => {}
        }
    }

    /// Takes the event's name. If it is the streamed one, data that came before the name is passed on.
    fn named(&mut self, sink: &mut impl FnMut(Signal<'_>)) {
        if self.has_data && !self.streaming && self.name == self.names.streamed.as_bytes() {
            self.streaming = true;
            sink(Signal::Begin);
            sink(Signal::Data(&self.data));
            self.data.clear();
        }
    }

    fn begin_value(&mut self, field: Field, sink: &mut impl FnMut(Signal<'_>)) {
        match field {
            // Too late: the event's data has begun to be passed on under another name.
            Field::Event => self.name.clear(),
            Field::Data => {
                // The standard joins lines by LF, whatever line ends they had.
                self.begin_data(b"\n", sink);
            }
            Field::Ignored => {}
        }
    }

    fn begin_data(&mut self, joint: &'static [u8], sink: &mut impl FnMut(Signal<'_>)) {
        if self.has_data {
            self.push_data(joint, sink);
        } else {
            self.has_data = true;
            if self.name == self.names.streamed.as_bytes() {
                self.streaming = true;
                sink(Signal::Begin);
            }
        }
    }

    /// Begins a line with an unknown field: text after a line end, or a line to skip.
    fn begin_stray(&mut self, sink: &mut impl FnMut(Signal<'_>)) {
        let is_text = |name: &[u8]| self.names.text.iter().any(|text| text.as_bytes() == name);
        let goes_on = self.name.is_empty() && !self.has_data;
        if let (true, Some(last)) = (goes_on, &self.last_text) {
            self.name = last.clone().into_bytes();
        }
        if is_text(&self.name) && !self.streaming {
            self.begin_data(self.joint, sink);
            let head = std::mem::take(&mut self.head);
            self.push_data(&head, sink);
            self.state = State::Value(Field::Data);
        } else {
            self.state = State::Value(Field::Ignored);
        }
        self.head.clear();
    }

    fn push_data(&mut self, bytes: &[u8], sink: &mut impl FnMut(Signal<'_>)) {
        if bytes.is_empty() {
        } else if self.streaming {
            sink(Signal::Data(bytes));
        } else {
            let room = MAX_EVENT - self.data.len();
            let (kept, cut) = bytes.split_at(bytes.len().min(room));
            self.data.extend_from_slice(kept);
            self.cut += cut.len() as u64;
        }
    }

    fn dispatch(&mut self, sink: &mut impl FnMut(Signal<'_>)) {
        if self.streaming {
            sink(Signal::End);
            self.last_text = None;
        } else if self.has_data {
            let name = String::from_utf8_lossy(&self.name);
            sink(Signal::Event { name: &name, data: &self.data, cut: self.cut });
            match self.names.text.iter().find(|text| **text == name) {
                Some(text) if self.last_text.as_deref() != Some(text) => {
                    self.last_text = Some((*text).to_owned())
                }
                Some(_) => {}
                None => self.last_text = None,
            }
        }
        self.name.clear();
        self.data.clear();
        // One huge event must not keep its memory for the rest of a long run.
        self.data.shrink_to(64 * 1024);
        (self.cut, self.has_data, self.streaming) = (0, false, false);
    }
}

#[cfg(test)]
mod tests;
