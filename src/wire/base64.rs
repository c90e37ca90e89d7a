//! A streaming base64 decoder: input split anywhere, line breaks and missing padding allowed.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Accepts missing padding, and unused bits that are not zero in the last character.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Bytes of text decoded at once: few enough to stay in the processor's cache, a multiple of 4.
const BLOCK: usize = 64 * 1024;
/// Input shorter than this many bytes is collected first: the overhead of a call would exceed its work.
const DIRECT: usize = 4 * 1024;

/// What the decoder hands out.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Bytes of the decoded file.
    Bytes(&'a [u8]),
    /// The text is not base64 from here on.
    Bad,
    /// Text after [`Decoded::Bad`], as it came.
    Raw(&'a [u8]),
}

/// Decodes one base64 text.
#[derive(Debug)]
pub struct Decoder {
    /// Input not decoded yet: fewer than four characters left over, or short pieces being collected.
    waiting: Vec<u8>,
    out: Vec<u8>,
    padded: bool,
    bad: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { waiting: Vec::new(), out: vec![0; BLOCK / 4 * 3], padded: false, bad: false }
    }
}

impl Decoder {
    /// Starts over, for another base64 text.
    pub fn reset(&mut self) {
        self.waiting.clear();
        (self.padded, self.bad) = (false, false);
    }

    pub fn feed(&mut self, mut text: &[u8], sink: &mut impl FnMut(Decoded<'_>)) {
        while !text.is_empty() && !self.bad {
            if self.waiting.is_empty() && text.len() >= DIRECT {
                let (block, rest) = text.split_at((text.len() / 4 * 4).min(BLOCK));
                text = rest;
                self.block(block, sink);
                continue;
            }
            // A large piece is decoded in place, once the four characters left open are complete;
            // small ones are collected.
            let wanted = if text.len() >= DIRECT { self.waiting.len().next_multiple_of(4) } else { BLOCK };
            let (now, rest) = text.split_at(text.len().min(wanted - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            text = rest;
            if self.waiting.len() == wanted {
                let mut block = std::mem::take(&mut self.waiting);
                self.block(&block, sink);
                if self.waiting.is_empty() {
                    block.clear();
                    self.waiting = block;
                }
            }
        }
        if !text.is_empty() {
            sink(Decoded::Raw(text));
        }
    }

    /// Ends the text: decodes what is left over.
    pub fn finish(&mut self, sink: &mut impl FnMut(Decoded<'_>)) {
        let last = std::mem::take(&mut self.waiting);
        if !self.bad && !last.is_empty() {
            self.block(&last, sink);
        }
        let last = std::mem::take(&mut self.waiting);
        if !self.bad && !last.is_empty() {
            self.quanta(&last, &last, sink);
        }
    }

    /// Decodes a block. White space may leave up to three characters over for the next one.
    fn block(&mut self, block: &[u8], sink: &mut impl FnMut(Decoded<'_>)) {
        // White space is rare, so it is only looked for after decoding failed.
        if self.decode(block, sink) {
            return;
        }
        let mut text: Vec<u8> = block.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        if text.len() == block.len() {
            return self.fail(block, sink);
        }
        let rest = text.split_off(text.len() / 4 * 4);
        if text.is_empty() || self.decode(&text, sink) {
            self.waiting = rest;
        } else {
            self.fail(block, sink);
        }
    }

    fn quanta(&mut self, text: &[u8], raw: &[u8], sink: &mut impl FnMut(Decoded<'_>)) {
        if !self.decode(text, sink) {
            self.fail(raw, sink);
        }
    }

    fn decode(&mut self, text: &[u8], sink: &mut impl FnMut(Decoded<'_>)) -> bool {
        if self.padded {
            // Nothing but white space may follow the padding.
            return text.is_empty();
        }
        let Ok(length) = ENGINE.decode_slice(text, &mut self.out) else { return false };
        self.padded = text.ends_with(b"=");
        sink(Decoded::Bytes(&self.out[..length]));
        true
    }

    fn fail(&mut self, raw: &[u8], sink: &mut impl FnMut(Decoded<'_>)) {
        self.bad = true;
        sink(Decoded::Bad);
        sink(Decoded::Raw(raw));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the pieces decode to, and what was left raw.
    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut bytes, mut raw) = (Vec::new(), None::<Vec<u8>>);
        let mut sink = |piece: Decoded<'_>| match piece {
            Decoded::Bytes(more) => bytes.extend_from_slice(more),
            Decoded::Bad => raw = Some(Vec::new()),
            Decoded::Raw(more) => raw.as_mut().expect("bad comes first").extend_from_slice(more),
        };
        let mut decoder = Decoder::default();
        for piece in pieces {
            decoder.feed(piece, &mut sink);
        }
        decoder.finish(&mut sink);
        (bytes, raw)
    }

    #[test]
    fn is_tolerant_of_what_does_no_harm() {
        let table: [(&str, &[u8], Option<&str>); 14] = [
            ("", b"", None),
            ("aGVsbG8=", b"hello", None),
            ("aGVsbG8", b"hello", None),
            ("aGVs\nbG8=\n", b"hello", None),
            (" a G V s b G 8 = ", b"hello", None),
            ("aGVsbG8=\n\n", b"hello", None),
            ("AB==", b"\0", None),
            ("////", b"\xff\xff\xff", None),
            ("  ", b"", None),
            ("a", b"", Some("a")),
            ("aGVs!bG8", b"", Some("aGVs!bG8")),
            ("aGVs bG8=x", b"hello", Some("x")),
            ("<html>", b"", Some("<html>")),
            ("QQ==QQ==", b"", Some("QQ==QQ==")),
        ];
        for (text, bytes, raw) in table {
            let (got, left) = decode([text.as_bytes()]);
            assert_eq!((got.as_slice(), left.as_deref()), (bytes, raw.map(str::as_bytes)), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_survive_any_split_and_line_breaks(
            bytes in prop::collection::vec(any::<u8>(), 0..20_000),
            cuts in prop::collection::vec(0_usize..30_000, 0..8),
            line in 1_usize..9_000,
        ) {
            use base64::prelude::*;
            let text = BASE64_STANDARD.encode(&bytes);
            let broken: Vec<u8> = text.as_bytes().chunks(line).collect::<Vec<_>>().join(&b'\n');
            for text in [text.as_bytes(), broken.as_slice()] {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.min(&text.len())).collect();
                cuts.extend([0, text.len()]);
                cuts.sort_unstable();
                let (got, raw) = decode(cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]));
                prop_assert_eq!(&raw, &None);
                prop_assert_eq!(&got, &bytes);
            }
        }
    }
}
