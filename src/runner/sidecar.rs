//! Writes a file beside each output that describes how it was made: `a.png.json` for `a.png`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::backend::results::names::numbered;
use crate::backend::results::outputs::name_it;
use crate::config::disk;
use crate::domain::inputs::is_seed_name;
use crate::domain::run::{Output, UnixMs};
use crate::domain::{Run, RunEvent, RunId};
use crate::report::json::request_facts;

/// Most numbered file names (`a.png.2.json`) that are checked.
const MOST_NUMBERS: u32 = 1_000;

/// The sidecar files of one run's outputs.
#[derive(Debug, Default)]
pub(super) struct Sidecars {
    written: Vec<Sidecar>,
    has_warned: bool,
}

#[derive(Debug)]
struct Sidecar {
    output: Output,
    saved_at: UnixMs,
    /// Its path; `None` while it could not be written.
    path: Option<PathBuf>,
}

impl Sidecars {
    /// The sidecars of a run taken over from an earlier runner: existing ones will be updated at the
    /// end, half-written ones are removed.
    pub(super) fn resume(run: &Run) -> Self {
        let folders: BTreeSet<_> = run.outputs.iter().filter_map(|output| output.path.parent()).collect();
        for entry in
            folders.into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten()
        {
            if entry.file_name().to_str().is_some_and(|name| is_temp_name(name, run.id)) {
                // Harmless if it cannot be removed.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        let written = run.outputs.iter().filter_map(|output| match find(output) {
            // It describes the same content, but of another run.
            Some((_, description)) if description["run"] != run.id => None,
            Some((path, description)) => {
                let saved_at = description["saved_at"].as_i64().unwrap_or(run.queued_at);
                Some(Sidecar { output: output.clone(), saved_at, path: Some(path) })
            }
            None => {
                let saved_at = run.phases.last().map_or(run.queued_at, |(_, at)| *at);
                Some(Sidecar { output: output.clone(), saved_at, path: None })
            }
        });
        Self { written: written.collect(), has_warned: false }
    }

    /// Takes in events of a run, which `run` already has applied: writes sidecars for new outputs, and all of them
    /// again at the end. Returns the first failure as a message.
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
                    "the description of {} could not be written beside it: {error}",
                    sidecar.output.path.display()
                ));
            }
        }
        failed.filter(|_| !std::mem::replace(&mut self.has_warned, true))
    }
}

impl Sidecar {
    fn write(&mut self, run: &Run) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&content(run, &self.output, self.saved_at))?;
        let temp = self.output.path.with_file_name(temp_name(run.id, &self.output.sha256));
        let written = write_whole(&temp, &format!("{text}\n")).and_then(|()| match &self.path {
            Some(path) => std::fs::rename(&temp, path).map(|()| path.clone()),
            None => named(&temp, &self.output.path),
        });
        match written {
            Ok(path) => {
                self.path = Some(path);
                Ok(())
            }
            Err(error) => {
                // The first error is reported; this one does not matter.
                let _ = std::fs::remove_file(&temp);
                Err(error)
            }
        }
    }
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    disk::if_possible(file.sync_all())
}

/// Renames a sidecar into place beside its output, without replacing another file.
fn named(temp: &Path, output: &Path) -> io::Result<PathBuf> {
    let name = format!("{}.json", output.file_name().unwrap_or_default().to_string_lossy());
    name_it(output.parent().unwrap_or(Path::new("")), temp, &name).map_err(io::Error::other)
}

/// Name of the unfinished file: run number and content hash.
fn temp_name(run: RunId, sha256: &str) -> String {
    format!(".comfydeck-{run}-{}.sidecar", sha256.get(..16).unwrap_or(sha256))
}

fn is_temp_name(name: &str, run: RunId) -> bool {
    name.starts_with(&format!(".comfydeck-{run}-")) && name.ends_with(".sidecar")
}

/// The sidecar beside an output that describes its content, with its parsed JSON.
fn find(output: &Output) -> Option<(PathBuf, Value)> {
    let name = output.path.file_name().unwrap_or_default().to_string_lossy();
    let paths = (1..=MOST_NUMBERS).map(|n| output.path.with_file_name(numbered(&format!("{name}.json"), n)));
    paths.take_while(|path| path.exists()).find_map(|path| {
        let is_small =
            std::fs::symlink_metadata(&path).is_ok_and(|there| there.is_file() && there.len() < 1 << 20);
        let text = if is_small { std::fs::read(&path).ok()? } else { return None };
        let description: Value = serde_json::from_slice(&text).ok()?;
        let is_ours = description["made_by"].as_str().is_some_and(|by| by.starts_with("comfydeck "));
        (is_ours && description["output"]["sha256"] == output.sha256.as_str()).then_some((path, description))
    })
}

/// The description of an output. Contains nothing that may be secret: the address without its
/// query, files without their folders.
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
    fn a_failed_write_is_reported_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let events = [saved(&path), saved(&path)];
        drop(folder);
        let mut run = Run::queued(7, RunRequest::default(), 1_000);
        events.iter().for_each(|event| run.apply(event, 2_000));
        let mut sidecars = Sidecars::default();
        let warning = sidecars.take_in(&run, &events[..1], 2_000).expect("a warning");
        assert!(
            warning.starts_with("the description of ") && warning.contains("could not be written beside it"),
            "{warning}"
        );
        assert_eq!(sidecars.take_in(&run, &events[1..], 2_000), None);
    }
}
