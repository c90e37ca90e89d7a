//! What is fuzzed: everything that reads bytes of a server, a file or a terminal. Each function is a target of the same
//! name; besides not to panic it holds what its code promises.

use std::io::Cursor;
use std::time::{Duration, Instant};

use comfydeck::domain::preset::Preset;
use comfydeck::domain::prompt::{NoWildcards, Prompt, Weighing, expand};
use comfydeck::domain::{Workflow, flatten, form as forms, param, pasted, preset as presets};
use comfydeck::tui::terminal::input as keys;
use comfydeck::wire::{
    ansi as escapes, base64 as base, cloud, comfyui as comfy, errors, metadata as meta, share as sharing,
    socketio as sio, tqdm as bars,
};
use comfydeck::wire::{log as logs, result as results, sse as events};

/// Splits a text where its first byte says, several times.
fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (step, rest) =
        data.split_first().map_or((1, data), |(first, rest)| (usize::from(*first).max(1), rest));
    rest.chunks(step)
}

fn whole(data: &[u8]) -> &[u8] {
    data.get(1..).unwrap_or_default()
}

/// A stream of events means the same in whatever pieces it comes.
pub fn sse(data: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let names = events::Names { streamed: "prompt_result", text: &["log_message", "error"] };
        let mut decoder = events::Decoder::new(names);
        let (mut told, mut streamed) = (Vec::new(), Vec::new());
        let mut sink = |signal: events::Signal<'_>| match signal {
            events::Signal::Data(bytes) => streamed.extend_from_slice(bytes),
            other => told.push(format!("{other:?}")),
        };
        for piece in pieces {
            decoder.feed(piece, &mut sink);
        }
        decoder.finish(&mut sink);
        (told, streamed)
    };
    assert_eq!(read(&mut pieces(data)), read(&mut std::iter::once(whole(data))));
}

/// A result means the same in whatever pieces it comes.
pub fn result(data: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = results::Decoder::default();
        let (mut told, mut bytes) = (Vec::new(), Vec::new());
        let mut sink = |part: results::ResultPart<'_>| match part {
            results::ResultPart::Data(data) | results::ResultPart::Raw(data) => bytes.extend_from_slice(data),
            other => told.push(format!("{other:?}")),
        };
        for piece in pieces {
            decoder.feed(piece, &mut sink);
        }
        decoder.finish(&mut sink);
        (told, bytes, decoder.into_result())
    };
    assert_eq!(read(&mut pieces(data)), read(&mut std::iter::once(whole(data))));
}

pub fn base64(data: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = base::Decoder::default();
        let (mut bytes, mut raw, mut bad) = (Vec::new(), Vec::new(), 0);
        let mut sink = |part: base::Decoded<'_>| match part {
            base::Decoded::Bytes(data) => bytes.extend_from_slice(data),
            base::Decoded::Raw(data) => raw.extend_from_slice(data),
            base::Decoded::Bad => bad += 1,
        };
        for piece in pieces {
            decoder.feed(piece, &mut sink);
        }
        decoder.finish(&mut sink);
        (bytes, raw, bad)
    };
    let (bytes, raw, bad) = read(&mut std::iter::once(whole(data)));
    assert!(bad <= 1 && (bad == 1 || raw.is_empty()));
    assert_eq!(read(&mut pieces(data)), (bytes, raw, bad));
}

/// Frames of Socket.IO, in turn.
pub fn socketio(data: &[u8]) {
    let mut client = sio::Client::default();
    for frame in data.split(|byte| *byte == 0) {
        let received = client.text(&String::from_utf8_lossy(frame));
        if let sio::Signal::Event(event) = received.signal {
            assert!(event.name.len() <= sio::MAX_NAME);
            cloud::Event::read(&event.name, &event.payload);
        }
        client.binary(frame.len());
        assert!(client.silence() > Duration::ZERO);
    }
}

/// What ComfyUI and the cloud API answer.
pub fn answers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(record) = cloud::Record::read(&text) {
        record.state().is_end();
    }
    cloud::Record::list(&text);
    comfy::Message::read(&text);
    comfy::Frame::read(data);
    comfy::HistoryEntry::read(&text, "p");
    comfy::PromptReply::read(&text);
    comfy::read_queue(&text);
    comfy::read_system(&text);
    comfy::read_names(&text);
    comfy::stored_name(&text);
    for told in [errors::from_body(&text), errors::from_text(&text)] {
        assert!(is_plain(&told.what, false), "{:?}", told.what);
    }
}

/// Whether a terminal shows a text as it stands.
fn is_plain(text: &str, breaks: bool) -> bool {
    text.chars().all(|c| !c.is_control() || (breaks && matches!(c, '\n' | '\t')))
}

/// No escape gets through but colours, and what was cleaned stays as it is.
pub fn ansi(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let plain = escapes::scrub_plain(&text);
    assert!(is_plain(&plain, false), "{plain:?}");
    assert_eq!(escapes::scrub_plain(&plain), plain);
    assert!(is_plain(&escapes::scrub_block(&text), true));
    let mut coloured = String::new();
    escapes::scrub_into(&text, &mut coloured);
    let shown: String = escapes::spans(&coloured).map(|(_, text)| text).collect();
    assert!(is_plain(&shown, true), "{shown:?}");
    let mut again = String::new();
    escapes::scrub_into(&coloured, &mut again);
    assert_eq!(again, coloured);
}

/// Messages of a log, with progress bars among them.
pub fn log(data: &[u8]) {
    let (mut lines, mut out) = (logs::Lines::default(), String::new());
    for message in data.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(message);
        lines.push(&text, &mut out);
        if let Some(bar) = bars::parse(&text) {
            bar.progress();
            bar.is_full();
        }
    }
}

/// A workflow read from what was written of it is the same one.
pub fn workflow(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    pasted::read(&text);
    let Ok(read) = Workflow::parse(&text) else { return };
    let again = Workflow::parse(read.compact()).expect("what was written can be read");
    assert_eq!(read.nodes(), again.nodes());
    let params = param::parameters(&read);
    presets::sketch(&params);
    let _ = flatten::flatten(&read);
}

pub fn form(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (workflow, form) = text.split_once('\0').unwrap_or(("", &text));
    let Ok(read) = forms::parse(form) else { return };
    let mut params =
        Workflow::parse(workflow).map(|workflow| param::parameters(&workflow)).unwrap_or_default();
    forms::fitting(&read, &params);
    forms::shape_by_titles(&mut params);
}

/// A preset that is changed without a change still says the same.
pub fn preset(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (read, found) = Preset::parse(&text, "p.toml");
    if let Ok(edited) = presets::edit(&text, &presets::Changes::default())
        && found.is_empty()
    {
        let (again, _) = Preset::parse(&edited, "p.toml");
        assert_eq!(again.params.len(), read.params.len());
    }
}

/// What is read of a shared run is bounded and harmless, and is the same when it is written and read once more.
pub fn share(data: &[u8]) {
    let Ok((read, _)) = sharing::Shared::read(data) else { return };
    for name in read.files.iter().map(|file| &file.name).chain(read.outputs.iter().map(|made| &made.name)) {
        assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control) && name != "..", "{name}");
    }
    let text = read.to_text().expect("written");
    let (again, _) = sharing::Shared::read(text.as_bytes()).expect("read again");
    assert_eq!(again, read);
}

/// PNG, JPEG, WebP, EXIF and MP4.
pub fn metadata(data: &[u8]) {
    if let Ok(read) = meta::read(Cursor::new(data)) {
        drop(read);
    }
    let text = String::from_utf8_lossy(data);
    let (finite, changed) = meta::finite(&text);
    assert!(changed > 0 || finite == text);
}

/// Keys mean the same in whatever pieces they come.
pub fn input(data: &[u8]) {
    let now = Instant::now();
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut decoder, mut out) = (keys::Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.feed(piece, now, &mut out);
        }
        decoder.flush(now + Duration::from_secs(3600), &mut out);
        out
    };
    assert_eq!(read(&mut pieces(data)), read(&mut std::iter::once(whole(data))));
}

/// Prompts: what is expanded is always the same by the same seed, and weights are put on and taken away.
pub fn prompt(data: &[u8]) {
    let text = String::from_utf8_lossy(whole(data)).into_owned();
    let seed = data.first().copied().map_or(0, u64::from);
    let prompt = Prompt::new(&text);
    prompt.reading().count();
    for token in 0..prompt.tokens().len() {
        prompt.weight(token);
        prompt.partner(token);
        prompt.choice(token);
    }
    assert_eq!(expand(&text, seed, &NoWildcards), expand(&text, seed, &NoWildcards));
    let at = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).nth(seed as usize).unwrap_or(0);
    let mut weighing = Weighing::new(&text, at..at);
    if weighing.add(1).is_ok() {
        let (back, _) = weighing.add(-1).expect("what was put on can be taken away");
        assert_eq!(back, text);
    }
}
