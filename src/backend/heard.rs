//! What a stream of events tells, gathered per chunk: a thousand log lines are one event to the store.

use bytes::Bytes;

use crate::domain::run::Progress;
use crate::wire::log::Lines;
use crate::wire::sse::{Decoder, Names, Signal};

/// Bytes of `error` texts that are kept.
const MAX_ERRORS: usize = 16 * 1024;

const NAMES: Names = Names { streamed: "prompt_result", text: &["log_message", "error"] };

/// Listens to a stream of events.
#[derive(Debug)]
pub(super) struct Listener {
    decoder: Decoder,
    lines: Lines,
    /// Texts of `error` events: how the run failed, should no result come.
    pub errors: String,
}

/// What was heard since the last time.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Anything at all.
    pub any: bool,
    /// Log text, scrubbed, whole lines.
    pub log: String,
    /// The newest progress line.
    pub progress: Option<Progress>,
    /// The result has begun.
    pub began: bool,
    /// Pieces of the result.
    pub data: Vec<Bytes>,
    /// The result is over.
    pub over: bool,
}

impl Listener {
    pub(super) fn new() -> Self {
        Self { decoder: Decoder::new(NAMES), lines: Lines::default(), errors: String::new() }
    }

    /// Takes a chunk in. Pieces of the result share its memory.
    pub(super) fn hear(&mut self, chunk: &Bytes) -> Heard {
        let mut heard = Heard::default();
        let Self { decoder, lines, errors } = self;
        decoder.feed(chunk, &mut |signal| take(signal, Some(chunk), lines, errors, &mut heard));
        heard
    }

    /// The stream is over.
    pub(super) fn finish(&mut self) -> Heard {
        let mut heard = Heard::default();
        let Self { decoder, lines, errors } = self;
        decoder.finish(&mut |signal| take(signal, None, lines, errors, &mut heard));
        heard
    }
}

fn take(
    signal: Signal<'_>,
    chunk: Option<&Bytes>,
    lines: &mut Lines,
    errors: &mut String,
    heard: &mut Heard,
) {
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
                "log_message" | "" | "message" => {}
                "error" => {
                    if errors.len() < MAX_ERRORS {
                        errors.push_str(&text.chars().take(MAX_ERRORS).collect::<String>());
                        errors.push('\n');
                    }
                }
                other => text = format!("{other}: {text}").into(),
            }
            heard.progress = lines.push(&text, &mut heard.log).or(heard.progress.take());
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
        (heard, listener.errors)
    }

    #[test]
    fn a_chunk_of_log_is_one_text() {
        let (heard, errors) = hear(
            "event: log_message\ndata: a\n\nevent: log_message\ndata: \r 50%|█ | 1/2 [00:01<00:01]\n\nevent: ping\ndata: b\n\ndata: c\n\nevent: error\ndata: boom\n\n",
        );
        assert_eq!(heard.log, "a\n 50%|█ | 1/2 [00:01<00:01]\r\nping: b\nc\nboom\n");
        assert_eq!(heard.progress.map(|p| p.value), Some(1));
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
        assert_eq!(heard.log, "");
    }

    #[test]
    fn a_huge_line_is_cut_visibly() {
        let (heard, _) = hear(&format!("event: x\ndata: {}\n\n", "ab\n".repeat(3).trim_end()));
        assert_eq!(heard.log, "x: ab\n");
        let (heard, _) = hear(&format!("event: log_message\ndata: {}\n\n", "y".repeat(2 << 20)));
        assert!(heard.log.len() < 64 * 1024 && heard.log.contains('…'));
    }
}
