//! A file beside each output that tells what made it: `a.png.json` for `a.png`.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::backend::results::names::numbered;
use crate::config::files;
use crate::domain::inputs::is_seed_name;
use crate::domain::run::{Output, UnixMs};
use crate::domain::{Run, RunEvent};
use crate::report::json::request_facts;

/// Files of one name that are passed over.
const MOST_NUMBERS: u32 = 10_000;

/// The files of one run's outputs.
#[derive(Debug, Default)]
pub(super) struct Sidecars {
    written: Vec<Sidecar>,
    told: bool,
}

#[derive(Debug)]
struct Sidecar {
    output: Output,
    saved_at: UnixMs,
    /// Where it is; `None` while it could not be written.
    path: Option<PathBuf>,
}

impl Sidecars {
    /// Takes in what has happened to a run, which is `run` after it: writes the files of new outputs, and all of
    /// them once more when the run has ended. The first failure is something to tell.
    pub(super) fn take_in(&mut self, run: &Run, events: &[RunEvent], now: UnixMs) -> Option<String> {
        let known = self.written.len();
        self.written.extend(events.iter().filter_map(|event| match event {
            RunEvent::OutputSaved(output) => {
                Some(Sidecar { output: output.clone(), saved_at: now, path: None })
            }
            _ => None,
        }));
        let first = if run.status.is_end() { 0 } else { known };
        let mut failed = None;
        for sidecar in &mut self.written[first..] {
            if let Err(error) = sidecar.write(run) {
                failed.get_or_insert(format!(
                    "what made {} could not be written beside it: {error}",
                    sidecar.output.path.display()
                ));
            }
        }
        failed.filter(|_| !std::mem::replace(&mut self.told, true))
    }
}

impl Sidecar {
    fn write(&mut self, run: &Run) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&content(run, &self.output, self.saved_at))?;
        let is_new = self.path.is_none();
        let path = match &self.path {
            Some(path) => path.clone(),
            None => claim(&self.output.path)?,
        };
        let written = files::replace(&path, format!("{text}\n").as_bytes(), 0o666);
        if written.is_err() && is_new {
            // What was claimed is empty, and the first error is the one to tell.
            let _ = std::fs::remove_file(&path);
        } else {
            self.path = Some(path);
        }
        written
    }
}

/// Takes a name beside an output by an empty file: never another's.
fn claim(output: &Path) -> io::Result<PathBuf> {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..=MOST_NUMBERS {
        let path = output.with_file_name(numbered(&format!("{name}.json"), number));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// What made an output. Nothing that could be a secret: of the address, not its query; of files, not where they lay.
fn content(run: &Run, output: &Output, saved_at: UnixMs) -> Value {
    let request = &run.request;
    let files = request.files.iter().map(|file| {
        json!({"part": file.part, "name": file.name, "content_type": file.content_type, "size": file.size, "sha256": file.sha256})
    });
    let seeds = request.params.iter().filter(|(key, _)| is_seed_name(key.input()));
    let seeds: Map<String, Value> = seeds.map(|(key, value)| (key.to_string(), value.clone())).collect();
    let mut record = Map::from_iter([
        ("made_by".to_owned(), concat!("comfydeck ", env!("CARGO_PKG_VERSION")).into()),
        (
            "output".to_owned(),
            json!({
                "name": output.name,
                "content_type": output.content_type,
                "size": output.size,
                "sha256": output.sha256,
            }),
        ),
    ]);
    record.extend(request_facts(run));
    record.extend([
        ("files".to_owned(), files.collect()),
        ("seeds".to_owned(), seeds.into()),
        ("saved_at".to_owned(), saved_at.into()),
    ]);
    record.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::End;
    use crate::domain::{ParamKey, RunRequest, Status};

    fn saved(path: &Path) -> RunEvent {
        std::fs::write(path, "x").expect("written");
        RunEvent::OutputSaved(Output {
            path: path.to_owned(),
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: "00".to_owned(),
        })
    }

    fn read(path: PathBuf) -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).expect("there")).expect("JSON")
    }

    #[test]
    fn each_output_has_one_and_it_is_whole_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let seed = serde_json::from_str("18446744073709551615").expect("a number");
        let request = RunRequest {
            url: "https://x.example/run?token=hush".to_owned(),
            params: [(ParamKey::new("3", "seed"), seed)].into(),
            ..RunRequest::default()
        };
        let mut run = Run::queued(7, request, 1_000);
        std::fs::write(path("a.png.json"), "another's").expect("written");
        let mut sidecars = Sidecars::default();
        let first = [RunEvent::Phase { status: Status::Running }, saved(&path("a.png"))];
        first.iter().for_each(|event| run.apply(event, 2_000));
        assert_eq!(sidecars.take_in(&run, &first, 2_000), None);
        let early = read(path("a.png-2.json"));
        assert_eq!(early["seeds"]["3-inputs-seed"].to_string(), "18446744073709551615");
        assert_eq!((&early["status"], &early["ended_at"]), (&json!("running"), &Value::Null));
        assert!(!early.to_string().contains("hush"), "{early}");
        let end = End { status: Status::Done, error: None, server_seconds: None };
        let last = [saved(&path("b.png")), RunEvent::Ended(end)];
        last.iter().for_each(|event| run.apply(event, 3_000));
        assert_eq!(sidecars.take_in(&run, &last, 3_000), None);
        let (a, b) = (read(path("a.png-2.json")), read(path("b.png.json")));
        assert_eq!(
            (&a["saved_at"], &a["ended_at"], &a["status"]),
            (&json!(2_000), &json!(3_000), &json!("done"))
        );
        assert_eq!(b["saved_at"], 3_000);
        assert_eq!(std::fs::read_to_string(path("a.png.json")).expect("there"), "another's");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 5);
    }

    #[test]
    fn that_one_cannot_be_written_is_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let events = [saved(&path), saved(&path)];
        drop(folder);
        let mut run = Run::queued(7, RunRequest::default(), 1_000);
        events.iter().for_each(|event| run.apply(event, 2_000));
        let mut sidecars = Sidecars::default();
        let told = sidecars.take_in(&run, &events[..1], 2_000).expect("told");
        assert!(told.starts_with("what made ") && told.contains("could not be written beside it"), "{told}");
        assert_eq!(sidecars.take_in(&run, &events[1..], 2_000), None);
    }
}
