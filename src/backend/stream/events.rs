//! Server-sent events of a run, gathered per chunk: a thousand log lines become one event for the store.

use bytes::Bytes;

use crate::wire::sse::{Decoder, Names, Signal};

use crate::backend::log::{LogBuffer, LogChunk};

const NAMES: Names = Names { streamed: "prompt_result", text: &["log_message", "error"] };

/// Decodes a stream of events.
#[derive(Debug)]
pub(in crate::backend) struct EventReader {
    decoder: Decoder,
    log: LogBuffer,
}

/// What one chunk contained.
#[derive(Debug, Default)]
pub(in crate::backend) struct ChunkEvents {
    pub any: bool,
    /// Log lines and progress.
    pub log: LogChunk,
    /// Whether the result has begun.
    pub began: bool,
    /// Pieces of the result.
    pub data: Vec<Bytes>,
    /// Whether the result has ended.
    pub over: bool,
}

impl EventReader {
    pub(in crate::backend) fn new() -> Self {
        Self { decoder: Decoder::new(NAMES), log: LogBuffer::default() }
    }

    /// Texts of `error` events: why the run failed, if no result comes.
    pub(in crate::backend) fn errors(&self) -> &str {
        self.log.errors()
    }

    /// Decodes a chunk. Pieces of the result share its memory.
    pub(in crate::backend) fn read(&mut self, chunk: &Bytes) -> ChunkEvents {
        let mut received = ChunkEvents::default();
        let Self { decoder, log } = self;
        decoder.feed(chunk, &mut |signal| take(signal, Some(chunk), log, &mut received));
        received
    }

    /// Decodes what is left at the end of the stream.
    pub(in crate::backend) fn finish(&mut self) -> ChunkEvents {
        let mut received = ChunkEvents::default();
        let Self { decoder, log } = self;
        decoder.finish(&mut |signal| take(signal, None, log, &mut received));
        received
    }
}

fn take(signal: Signal<'_>, chunk: Option<&Bytes>, log: &mut LogBuffer, received: &mut ChunkEvents) {
    received.any = true;
    match signal {
        // The first result is the end: later events are ignored.
        _ if received.over => {}
        Signal::Begin => received.began = true,
        Signal::Data(data) => received.data.push(shared(chunk, data)),
        Signal::End => received.over = true,
        Signal::Event { name, data, cut } => {
            let mut text = String::from_utf8_lossy(data);
            if cut > 0 {
                text.to_mut().push_str(&format!("… ({cut} bytes more were cut)"));
            }
            match name {
                "log_message" | "" | "message" => log.log(&text, &mut received.log),
                "error" => log.error(&text, &mut received.log),
                other => log.other(other, &text, &mut received.log),
            }
        }
    }
}

/// The data as a slice of the chunk where possible, else a copy.
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

    fn read(stream: &str) -> (ChunkEvents, String) {
        let mut reader = EventReader::new();
        let received = reader.read(&Bytes::copy_from_slice(stream.as_bytes()));
        (received, reader.errors().to_owned())
    }

    #[test]
    fn a_chunk_of_log_is_one_text() {
        let (received, errors) = read(
            "event: log_message\ndata: a\n\nevent: log_message\ndata: \r 50%|█ | 1/2 [00:01<00:01]\n\nevent: ping\ndata: b\n\ndata: c\n\nevent: error\ndata: boom\n\n",
        );
        assert_eq!(received.log.log, "a\n 50%|█ | 1/2 [00:01<00:01]\r\nping: b\nc\nboom\n");
        assert_eq!(received.log.progress.map(|p| p.value), Some(1));
        assert_eq!(errors, "boom\n");
        assert!(received.any && !received.began && !received.over);
    }

    #[test]
    fn a_result_goes_through_without_a_copy_and_is_the_end() {
        let stream = Bytes::from_static(
            b"event: prompt_result\ndata: {\"a\":1}\n\nevent: log_message\ndata: late\n\n",
        );
        let received = EventReader::new().read(&stream);
        assert!(received.began && received.over);
        assert_eq!(received.data.concat(), b"{\"a\":1}");
        assert!(stream.as_ptr_range().contains(&received.data[0].as_ptr()));
        assert_eq!(received.log.log, "");
    }

    #[test]
    fn a_huge_line_is_cut_visibly() {
        let (received, _) = read(&format!("event: x\ndata: {}\n\n", "ab\n".repeat(3).trim_end()));
        assert_eq!(received.log.log, "x: ab\n");
        let (received, _) = read(&format!("event: log_message\ndata: {}\n\n", "y".repeat(2 << 20)));
        assert!(received.log.log.len() < 64 * 1024 && received.log.log.contains('…'));
    }
}
