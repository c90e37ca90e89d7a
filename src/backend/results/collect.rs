//! Decodes a result's bytes and writes its files. Runs on a thread of its own, since disks block.

use std::path::PathBuf;

use crate::domain::RunEvent;
use crate::domain::run::OutputFailure;
use crate::wire::result::{Decoder, OutputInfo, PromptResult, ResultPart};

use super::outputs::{OutputError, OutputFile, OutputFolder, bounded};

/// What was read from a result.
#[derive(Debug, Default)]
pub(in crate::backend) struct Collected {
    /// The result without its files.
    pub result: PromptResult,
    /// Whether the result is complete.
    pub whole: bool,
    /// Why it is not valid JSON.
    pub broken: Option<&'static str>,
    pub saved: usize,
    /// Outputs that could not be saved.
    pub failed: usize,
    /// Outputs that are links and have to be downloaded.
    pub links: Vec<OutputInfo>,
}

/// Writes a result's outputs while it is received.
#[derive(Debug)]
pub(in crate::backend) struct Collector {
    decoder: Decoder,
    files: Files,
}

impl Collector {
    pub(in crate::backend) fn new(folder: OutputFolder) -> Self {
        let files =
            Files { folder, current: Current::default(), rest: None, collected: Collected::default() };
        Self { decoder: Decoder::default(), files }
    }

    /// Decodes bytes of the result.
    pub(in crate::backend) fn feed(&mut self, bytes: &[u8], events: &mut Vec<RunEvent>) {
        let Self { decoder, files } = self;
        decoder.feed(bytes, &mut |part| files.take(part, events));
    }

    /// Whether the result is complete.
    pub(in crate::backend) fn is_whole(&self) -> bool {
        self.decoder.is_whole()
    }

    /// Ends the result, complete or not.
    pub(in crate::backend) fn finish(mut self, events: &mut Vec<RunEvent>) -> Collected {
        let Self { decoder, files } = &mut self;
        decoder.finish(&mut |part| files.take(part, events));
        files.keep_rest(events);
        let mut collected = std::mem::take(&mut files.collected);
        collected.whole = decoder.is_whole();
        collected.result = self.decoder.into_result();
        collected
    }
}

#[derive(Debug)]
struct Files {
    folder: OutputFolder,
    current: Current,
    /// The file for bytes that follow invalid JSON.
    rest: Option<OutputFile>,
    collected: Collected,
}

/// The output being received.
#[derive(Debug, Default)]
struct Current {
    file: Option<OutputFile>,
    /// Why its data is damaged; `file` then holds the raw text, if any.
    bad: Option<String>,
    /// Why it cannot be written.
    error: Option<String>,
}

impl Current {
    fn write(&mut self, folder: &OutputFolder, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        if let Err(error) = self.try_write(folder, bytes) {
            // What was written before stays in the file.
            self.error = Some(error.to_string());
        }
    }

    fn try_write(&mut self, folder: &OutputFolder, bytes: &[u8]) -> Result<(), OutputError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(folder.begin()?),
        };
        file.write(bytes)
    }
}

impl Files {
    fn take(&mut self, part: ResultPart<'_>, events: &mut Vec<RunEvent>) {
        match part {
            ResultPart::OutputBegins => self.current = Current::default(),
            ResultPart::Data(bytes) => self.current.write(&self.folder, bytes),
            ResultPart::BadData(why) => self.turn_bad(why),
            ResultPart::OutputEnds(info) => self.end(info, events),
            ResultPart::OutputCut(info) => self.cut(&info, events),
            ResultPart::Broken(why) => {
                self.collected.broken = Some(why);
                self.current = Current::default();
                self.rest = self.folder.begin().ok();
            }
            ResultPart::Raw(text) if self.collected.broken.is_some() => {
                // Keeping the raw text is optional: when it fails, the error itself is still reported.
                if self.rest.as_mut().is_some_and(|rest| rest.write(text).is_err()) {
                    self.rest = None;
                }
            }
            ResultPart::Raw(text) => self.current.write(&self.folder, text),
        }
    }

    fn turn_bad(&mut self, why: &str) {
        self.current.bad = Some(why.to_owned());
        if let Some(file) = &mut self.current.file {
            match file.to_base64() {
                Ok(text) => *file = text,
                Err(error) => self.current.error = Some(error.to_string()),
            }
        }
    }

    fn end(&mut self, info: OutputInfo, events: &mut Vec<RunEvent>) {
        let Current { file, bad, error } = std::mem::take(&mut self.current);
        match (file, bad, error) {
            (file, None, Some(error)) => {
                let kept = keep_piece(file, &format!("{}.part", shown(&info)));
                self.fail(&info, error, kept, events);
            }
            (file, Some(why), error) => {
                // When the raw text could not be written, the decoded part is still there.
                let ending = if error.is_some() { "part" } else { "base64" };
                let kept = keep_piece(file, &format!("{}.{ending}", shown(&info)));
                let why = format!("{why}: the server sent a damaged file. Run again");
                self.fail(&info, why, kept, events);
            }
            (Some(file), None, None) => self.keep(file, &info, events),
            (None, None, None) if info.filepath.is_some() => self.collected.links.push(info),
            (None, None, None) if info.size == Some(0) => match self.folder.begin() {
                Ok(file) => self.keep(file, &info, events),
                Err(error) => self.fail(&info, error.to_string(), None, events),
            },
            (None, None, None) => {
                let why = "the server sent neither its data nor its address".to_owned();
                self.fail(&info, why, None, events);
            }
        }
    }

    fn keep(&mut self, file: OutputFile, info: &OutputInfo, events: &mut Vec<RunEvent>) {
        if let Some(size) = info.size.filter(|size| *size != 0 && *size != file.size()) {
            let text = format!("{}: {size} bytes were announced, {} came", shown(info), file.size());
            events.push(RunEvent::Warning { text });
        }
        match file.keep(&info.filename, &info.content_type) {
            Ok(kept) => {
                self.collected.saved += 1;
                events.extend(kept.events());
            }
            Err(error) => self.fail(info, error.to_string(), None, events),
        }
    }

    /// Keeps the part of an output at which the result was cut off.
    fn cut(&mut self, info: &OutputInfo, events: &mut Vec<RunEvent>) {
        let Current { file, error, .. } = std::mem::take(&mut self.current);
        let kept = keep_piece(file, &format!("{}.part", shown(info)));
        let why = error.unwrap_or_else(|| "the result ends in the middle of it".to_owned());
        self.fail(info, why, kept, events);
    }

    fn keep_rest(&mut self, events: &mut Vec<RunEvent>) {
        let Some(why) = self.collected.broken else { return };
        let rest = self.rest.take().filter(|rest| rest.size() > 0);
        let kept = keep_piece(rest, "result-rest.txt");
        let info = OutputInfo { filename: "rest of the result".to_owned(), ..OutputInfo::default() };
        self.fail(&info, why.to_owned(), kept, events);
    }

    fn fail(&mut self, info: &OutputInfo, why: String, kept: Option<PathBuf>, events: &mut Vec<RunEvent>) {
        self.collected.failed += 1;
        events.push(RunEvent::OutputFailed(OutputFailure { name: shown(info), why, kept }));
    }
}

/// Keeps the received part of a broken output, if that is possible.
fn keep_piece(file: Option<OutputFile>, name: &str) -> Option<PathBuf> {
    let file = file.filter(|file| file.size() > 0)?;
    file.keep(name, "").ok().map(|kept| kept.output.path)
}

/// The server's name for an output, scrubbed for display.
pub(in crate::backend) fn shown(info: &OutputInfo) -> String {
    let name = bounded(&info.filename);
    if name.trim().is_empty() { "output".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Feeds a result in small pieces; gives the events and what came of it.
    fn collect(dir: &std::path::Path, text: &str) -> (Vec<RunEvent>, Collected) {
        let mut collector = Collector::new(OutputFolder::new(dir, 1));
        let mut events = Vec::new();
        for piece in text.as_bytes().chunks(7) {
            collector.feed(piece, &mut events);
        }
        let collected = collector.finish(&mut events);
        (events, collected)
    }

    fn failure(event: &RunEvent) -> &OutputFailure {
        match event {
            RunEvent::OutputFailed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bad_output_fails_alone_and_its_text_is_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = r#"{"outputs":[{"filename":"a.png","data":"aGVsbG8gd29ybGQh!!"},{"filename":"b.png","data":"Yg=="}]}"#;
        let (events, collected) = collect(dir.path(), text);
        let bad = failure(&events[0]);
        assert_eq!(bad.name, "a.png");
        let kept = fs::read_to_string(bad.kept.as_ref().expect("kept")).expect("read");
        assert_eq!(kept, "aGVsbG8gd29ybGQh!!");
        assert!(matches!(&events[1], RunEvent::OutputSaved(output) if output.size == 1));
        assert_eq!((collected.saved, collected.failed, collected.whole), (1, 1, true));
    }

    #[test]
    fn broken_json_keeps_finished_outputs_and_the_rest() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = r#"{"outputs":[{"filename":"a","data":"YQ=="},{"filename":"b" oops, more"#;
        let (events, collected) = collect(dir.path(), text);
        assert!(matches!(&events[0], RunEvent::OutputSaved(_)));
        assert_eq!(failure(&events[1]).name, "b");
        let rest = failure(&events[2]).kept.as_ref().expect("kept");
        assert_eq!(fs::read_to_string(rest).expect("read"), "oops, more");
        assert_eq!((collected.saved, collected.failed, collected.whole), (1, 2, false));
    }

    #[test]
    fn an_output_that_is_announced_as_empty_is_an_empty_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let text =
            r#"{"outputs":[{"filename":"log.txt","size":0,"data":""},{"filename":"b.png","data":""}]}"#;
        let (events, collected) = collect(dir.path(), text);
        assert!(
            matches!(&events[0], RunEvent::OutputSaved(output) if output.size == 0 && output.path.is_file())
        );
        assert_eq!(failure(&events[1]).name, "b.png");
        assert_eq!((collected.saved, collected.failed), (1, 1));
    }

    #[test]
    fn a_result_cut_in_its_base64_keeps_what_came() {
        let dir = tempfile::tempdir().expect("a folder");
        let (events, collected) =
            collect(dir.path(), r#"{"outputs":[{"filename":"a.mp4","data":"aGVsbG8gd29"#);
        let kept = failure(&events[0]).kept.as_ref().expect("kept");
        assert_eq!(fs::read(kept).expect("read"), b"hello wo");
        assert_eq!((collected.saved, collected.failed, collected.whole), (0, 1, false));
    }

    #[test]
    fn missing_outputs_are_reported() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = r#"{"outputs":[{"filename":"a","size":9,"data":"YQ=="},{"filename":"b"},{"filepath":"https://x"}]}"#;
        let (events, collected) = collect(dir.path(), text);
        assert!(
            matches!(&events[0], RunEvent::Warning { text } if text == "a: 9 bytes were announced, 1 came")
        );
        assert_eq!(failure(&events[2]).name, "b");
        assert_eq!(collected.links.len(), 1);
    }
}
