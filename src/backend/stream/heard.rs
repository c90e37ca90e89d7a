//! What a stream of events tells, gathered per chunk: a thousand log lines are one event to the store.

use bytes::Bytes;

use crate::wire::sse::{Decoder, Names, Signal};

use crate::backend::ear::{Ear, Said};

const NAMES: Names = Names { streamed: "prompt_result", text: &["log_message", "error"] };

/// Listens to a stream of events.
#[derive(Debug)]
pub(in crate::backend) struct Listener {
    decoder: Decoder,
    ear: Ear,
}

/// What was heard since the last time.
#[derive(Debug, Default)]
pub(in crate::backend) struct Heard {
    pub any: bool,
    /// What its log says.
    pub said: Said,
    /// The result has begun.
    pub began: bool,
    /// Pieces of the result.
    pub data: Vec<Bytes>,
    /// The result is over.
    pub over: bool,
}

impl Listener {
    pub(in crate::backend) fn new() -> Self {
        Self { decoder: Decoder::new(NAMES), ear: Ear::default() }
    }

    /// Texts of `error` events: how the run failed, should no result come.
    pub(in crate::backend) fn errors(&self) -> &str {
        self.ear.errors()
    }

    /// Takes a chunk in. Pieces of the result share its memory.
    pub(in crate::backend) fn hear(&mut self, chunk: &Bytes) -> Heard {
        let mut heard = Heard::default();
        let Self { decoder, ear } = self;
        decoder.feed(chunk, &mut |signal| take(signal, Some(chunk), ear, &mut heard));
        heard
    }

    /// The stream is over.
    pub(in crate::backend) fn finish(&mut self) -> Heard {
        let mut heard = Heard::default();
        let Self { decoder, ear } = self;
        decoder.finish(&mut |signal| take(signal, None, ear, &mut heard));
        heard
    }
}

fn take(signal: Signal<'_>, chunk: Option<&Bytes>, ear: &mut Ear, heard: &mut Heard) {
    heard.any = true;
    match signal {
        // One result is the end: what a server sends behind it is not listened to.
        _ if heard.over => {}
        Signal::Begin => heard.began = true,
        Signal::Data(data) => heard.data.push(shared(chunk, data)),
        Signal::End => heard.over = true,
        Signal::Event { name, data, cut } => {
            let mut text = String::from_utf8_lossy(data);
            if cut > 0 {
                text.to_mut().push_str(&format!("… ({cut} bytes more were cut)"));
            }
            match name {
                "log_message" | "" | "message" => ear.log(&text, &mut heard.said),
                "error" => ear.error(&text, &mut heard.said),
                other => ear.other(other, &text, &mut heard.said),
            }
        }
    }
}

/// The piece without a copy when it is a part of the chunk, as it nearly always is.
fn shared(chunk: Option<&Bytes>, data: &[u8]) -> Bytes {
    let within = |chunk: &&Bytes| {
        let (outer, inner) = (chunk.as_ptr_range(), data.as_ptr_range());
        outer.start <= inner.start && inner.end <= outer.end
    };
    match chunk.filter(within) {
        Some(chunk) => chunk.slice_ref(data),
        None => Bytes::copy_from_slice(data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(stream: &str) -> (Heard, String) {
        let mut listener = Listener::new();
        let heard = listener.hear(&Bytes::copy_from_slice(stream.as_bytes()));
        (heard, listener.errors().to_owned())
    }

    #[test]
    fn a_chunk_of_log_is_one_text() {
        let (heard, errors) = hear(
            "event: log_message\ndata: a\n\nevent: log_message\ndata: \r 50%|█ | 1/2 [00:01<00:01]\n\nevent: ping\ndata: b\n\ndata: c\n\nevent: error\ndata: boom\n\n",
        );
        assert_eq!(heard.said.log, "a\n 50%|█ | 1/2 [00:01<00:01]\r\nping: b\nc\nboom\n");
        assert_eq!(heard.said.progress.map(|p| p.value), Some(1));
        assert_eq!(errors, "boom\n");
        assert!(heard.any && !heard.began && !heard.over);
    }

    #[test]
    fn a_result_goes_through_without_a_copy_and_is_the_end() {
        let stream = Bytes::from_static(
            b"event: prompt_result\ndata: {\"a\":1}\n\nevent: log_message\ndata: late\n\n",
        );
        let heard = Listener::new().hear(&stream);
        assert!(heard.began && heard.over);
        assert_eq!(heard.data.concat(), b"{\"a\":1}");
        assert!(stream.as_ptr_range().contains(&heard.data[0].as_ptr()));
        assert_eq!(heard.said.log, "");
    }

    #[test]
    fn a_huge_line_is_cut_visibly() {
        let (heard, _) = hear(&format!("event: x\ndata: {}\n\n", "ab\n".repeat(3).trim_end()));
        assert_eq!(heard.said.log, "x: ab\n");
        let (heard, _) = hear(&format!("event: log_message\ndata: {}\n\n", "y".repeat(2 << 20)));
        assert!(heard.said.log.len() < 64 * 1024 && heard.said.log.contains('…'));
    }
}
