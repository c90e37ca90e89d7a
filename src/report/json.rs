//! The output of `--json`: one object a line, documented in `docs/cli.md`.
//!
//! Fields may be added, never removed. Times are unix milliseconds, durations milliseconds, sizes bytes. A value that
//! is not known is `null`; its field is never left out.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Names;
use super::lineage::change;
use crate::domain::draft::Submission;
use crate::domain::lineage::{How, Lineage};
use crate::domain::run::{InputFile, NodeState, Outgoing, Output, RunError, ServerResult, Transfer, UnixMs};
use crate::domain::server::ServerRun;
use crate::domain::{Brief, Noted, Notes, ParamKey, Rule, Run, RunEvent, RunId, RunSummary};
use crate::wire::ansi;

/// `queued`: the run is stored, and its values and seeds are final.
pub fn queued(run: &Run) -> Value {
    json!({
        "event": "queued",
        "run": run.id,
        "at": run.queued_at,
        "profile": named(&run.request.profile),
        "url": run.request.shown_url(),
        "preset": run.request.preset,
        "workflow": run.request.workflow_name,
        "params": run.request.params,
        "origins": run.request.origins,
        "templates": run.request.templates,
        "seeds": run.request.by_program().filter_map(seed).collect::<Vec<_>>(),
        "output_dir": run.request.output_dir.to_string_lossy(),
    })
}

/// `dry_run`: what a run would send, and where its outputs would go.
pub fn outgoing(outgoing: &Outgoing, output_dir: &Path, submission: &Submission) -> Value {
    let pairs = |pairs: &[(String, String)]| -> Map<String, Value> {
        pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
    };
    json!({
        "event": "dry_run",
        "url": outgoing.url,
        "headers": pairs(&outgoing.headers),
        "content_type": outgoing.content_type,
        "fields": pairs(&outgoing.fields),
        "files": outgoing.files.iter().map(input).collect::<Vec<_>>(),
        "origins": submission.origins,
        "templates": submission.templates,
        "seeds": submission.by_program().filter_map(seed).collect::<Vec<_>>(),
        "output_dir": output_dir.to_string_lossy(),
    })
}

/// An event of a run; `None` for those reported in another way (its log, and its end by [`finished`]) and for
/// what the user did.
pub fn event(run: RunId, at: UnixMs, event: &RunEvent) -> Option<Value> {
    Some(match event {
        RunEvent::Phase { status } => {
            json!({"event": "phase", "run": run, "at": at, "phase": status.word()})
        }
        RunEvent::Upload(transfer) => transferred(run, "upload", *transfer),
        RunEvent::Download(transfer) => transferred(run, "download", *transfer),
        RunEvent::Progress(progress) => json!({
            "event": "progress",
            "run": run,
            "of": "steps",
            "done": progress.value,
            "total": progress.max,
            "seconds_left": progress.seconds_left,
            "label": progress.label,
        }),
        RunEvent::Queue { before } => json!({"event": "queue", "run": run, "before": before}),
        RunEvent::Nodes { states } => {
            let state = |(node, state): &(String, NodeState)| match state {
                NodeState::AtWork => json!({"node": node, "state": "at work"}),
                NodeState::Done { ms } => json!({"node": node, "state": "done", "ms": ms}),
                NodeState::Cached => json!({"node": node, "state": "cached"}),
            };
            json!({"event": "nodes", "run": run, "at": at, "nodes": states.iter().map(state).collect::<Vec<_>>()})
        }
        RunEvent::Connection { state } => {
            json!({"event": "connection", "run": run, "at": at, "state": state.word()})
        }
        RunEvent::OutputSaved(saved) => {
            let mut line = json!({"event": "output", "run": run, "at": at});
            if let Some(line) = line.as_object_mut() {
                line.extend(output(saved));
            }
            line
        }
        RunEvent::OutputFailed(failure) => json!({
            "event": "warning",
            "run": run,
            "at": at,
            "text": format!("{} could not be saved: {}", failure.name, failure.why),
            "output": failure.name,
            "kept": failure.kept.as_ref().map(|path| path.to_string_lossy()),
        }),
        RunEvent::Warning { text } => {
            json!({"event": "warning", "run": run, "at": at, "text": text, "output": null, "kept": null})
        }
        RunEvent::Remote { .. }
        | RunEvent::Log { .. }
        | RunEvent::Preview(_)
        | RunEvent::Result(_)
        | RunEvent::CancelAsked
        | RunEvent::LetGo
        | RunEvent::Ended(_) => return None,
    })
}

/// A seed that the program set; `None` for what else it set.
fn seed((key, value, rule): (&ParamKey, &Value, Rule)) -> Option<Value> {
    match rule {
        Rule::Policy(_) => Some(json!({"key": key, "value": value, "forced": false})),
        Rule::NewSeed => Some(json!({"key": key, "value": value, "forced": true})),
        Rule::AtEnd(_) | Rule::AsItStands | Rule::Brought => None,
    }
}

fn input(file: &InputFile) -> Value {
    json!({
        "part": file.part,
        "path": file.path.to_string_lossy(),
        "content_type": file.content_type,
        "size": file.size,
        "sha256": file.sha256,
    })
}

/// `log`: a line of the server's log, without its colours.
pub fn log(run: RunId, line: &str) -> Value {
    json!({"event": "log", "run": run, "text": ansi::scrub_block(line)})
}

/// `finished`: always a run's last line.
pub fn finished(run: &Run) -> Value {
    json!({
        "event": "finished",
        "run": run.id,
        "at": run.ended_at,
        "status": run.status.word(),
        "outputs": run.outputs.len(),
        "failed_outputs": run.failed_outputs.len(),
        "duration_ms": run.ended_at.map(|at| run.elapsed_ms(at)),
        "server_seconds": run.server_seconds,
        "error": run.error.as_ref().map(error),
    })
}

/// A run in the list of `comfydeck fetch --list --json`.
pub fn server_run(run: &ServerRun, ours: Option<RunId>) -> Value {
    json!({
        "prompt_id": run.name,
        "status": run.status,
        "created": run.created,
        "outputs": run.outputs,
        "run": ours,
    })
}

/// What people noted of a run.
fn notes(starred: bool, notes: &Notes) -> Map<String, Value> {
    fields([
        ("starred", starred.into()),
        ("tags", json!(notes.tags)),
        ("note", named(&notes.text).into()),
        ("rejected", notes.rejected.into()),
    ])
}

/// The runs that a run came from, from the root down, and those that came of it.
fn kin(lineage: &Lineage) -> Map<String, Value> {
    let own = lineage.own.as_ref().map(|(how, brief)| (Some(*how), brief.as_ref()));
    let edges = lineage.ancestors.iter().skip(1).map(|kin| (kin.how, kin.change.as_ref())).chain(own);
    let line = |run: RunId, how: Option<How>, brief: Option<&Brief>| json!({"run": run, "how": how.map(How::word), "change": brief.map(change)});
    let ancestors: Vec<Value> =
        lineage.ancestors.iter().zip(edges).map(|(kin, (how, brief))| line(kin.id, how, brief)).collect();
    let children: Vec<Value> =
        lineage.children.iter().map(|kin| line(kin.id, kin.how, kin.change.as_ref())).collect();
    fields([("ancestors", ancestors.into()), ("children", children.into())])
}

/// A run in the list of `comfydeck runs --json`.
pub fn summary(run: &RunSummary) -> Value {
    let mut line = json!({
        "run": run.id,
        "status": run.status.word(),
        "profile": named(&run.profile),
        "preset": run.preset,
        "workflow": run.workflow_name,
        "prompt": run.prompt,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "outputs": run.outputs,
        "error": named(&run.error),
    });
    if let Some(line) = line.as_object_mut() {
        line.extend(notes(run.starred, &run.notes));
    }
    line
}

/// All that is known of a run, for `comfydeck show RUN --json`. `prompt` is the graph that the server says it ran.
pub fn run(run: &Run, noted: &Noted, lineage: &Lineage, names: &Names, prompt: Option<&str>) -> Value {
    let request = &run.request;
    let phases: Vec<Value> =
        run.phases.iter().map(|(status, at)| json!({"phase": status.word(), "at": at})).collect();
    let files: Vec<Value> = request.files.iter().map(input).collect();
    let outputs: Vec<Value> = run.outputs.iter().map(|saved| output(saved).into()).collect();
    let failed: Vec<Value> = run
        .failed_outputs
        .iter()
        .map(|failure| {
            let kept = failure.kept.as_ref().map(|path| path.to_string_lossy());
            json!({"name": failure.name, "why": failure.why, "kept": kept})
        })
        .collect();
    // By name, as --set takes them; for several that are set together, the first.
    let mut aliases = Map::new();
    for (key, name) in request.params.keys().filter_map(|key| Some((key, *names.get(key)?))) {
        aliases.entry(name).or_insert_with(|| key.as_str().into());
    }
    let mut record = request_facts(run);
    record.extend(notes(noted.starred, &noted.notes));
    record.extend(kin(lineage));
    record.extend(fields([
        ("aliases", aliases.into()),
        ("files", files.into()),
        ("output_dir", request.output_dir.to_string_lossy().into()),
        ("phases", phases.into()),
        ("cancel_asked", run.cancel_asked.into()),
        ("outputs", outputs.into()),
        ("failed_outputs", failed.into()),
        ("warnings", json!(run.warnings)),
        ("server_seconds", run.server_seconds.into()),
        ("result", run.result.as_ref().map(|result| server_result(result, prompt)).into()),
        ("error", run.error.as_ref().map(error).into()),
    ]));
    record.into()
}

/// The request and its state, the same in `comfydeck show --json` and in the file beside an output. Without anything
/// that could be a secret: the address lacks its query.
pub fn request_facts(run: &Run) -> Map<String, Value> {
    let request = &run.request;
    fields([
        ("run", run.id.into()),
        ("status", run.status.word().into()),
        ("prompt_id", run.prompt_id.as_deref().into()),
        ("profile", named(&request.profile).into()),
        ("url", request.shown_url().into()),
        ("preset", request.preset.as_deref().into()),
        ("workflow", request.workflow_name.as_str().into()),
        ("workflow_sha256", request.workflow_hash.as_str().into()),
        ("workflow_sent", request.send_workflow.into()),
        ("prompt", request.prompt.as_str().into()),
        ("params", json!(request.params)),
        ("origins", json!(request.origins)),
        ("templates", json!(request.templates)),
        ("queued_at", run.queued_at.into()),
        ("started_at", run.started_at().into()),
        ("ended_at", run.ended_at.into()),
    ])
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What the server said: its own words.
fn server_result(result: &ServerResult, prompt: Option<&str>) -> Value {
    // Its numbers keep their digits.
    let prompt: Option<Value> = prompt.and_then(|prompt| serde_json::from_str(prompt).ok());
    json!({
        "status": result.status,
        "completed": result.completed,
        "prompt": prompt,
        "prompt_sha256": result.prompt_sha256,
    })
}

fn output(saved: &Output) -> Map<String, Value> {
    fields([
        ("path", saved.path.to_string_lossy().into()),
        ("name", saved.name.as_str().into()),
        ("content_type", saved.content_type.as_str().into()),
        ("size", saved.size.into()),
        ("sha256", saved.sha256.as_str().into()),
    ])
}

fn transferred(run: RunId, of: &str, transfer: Transfer) -> Value {
    json!({
        "event": "progress",
        "run": run,
        "of": of,
        "done": transfer.done,
        "total": transfer.total,
        "seconds_left": null,
        "label": "",
    })
}

fn error(error: &RunError) -> Value {
    json!({
        "what": error.what,
        "remedy": error.remedy,
        "details": error.details,
        "node": error.node,
        "param": error.param,
        "refused": error.refused,
    })
}

/// `None` for an empty name.
fn named(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{End, Output, OutputFailure, Progress};
    use crate::domain::{ParamKey, RunRequest, Status};

    fn a_run() -> Run {
        let key = ParamKey::parse("3-inputs-seed").expect("a key");
        let seed = serde_json::from_str("18446744073709551615").expect("a number");
        let request = RunRequest {
            url: "https://x.example".to_owned(),
            workflow_name: "w.json".to_owned(),
            params: [(key, seed)].into_iter().collect(),
            output_dir: "/o".into(),
            ..RunRequest::default()
        };
        Run::queued(7, request, 1_000)
    }

    #[test]
    fn events_have_the_documented_shape() {
        let output = Output {
            path: "/o/a.png".into(),
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 12,
            sha256: "ab".to_owned(),
        };
        let failure = OutputFailure { name: "b.png".to_owned(), why: "it is cut off".to_owned(), kept: None };
        let progress = Progress { value: 9, max: 20, seconds_left: Some(6), label: String::new() };
        let table = [
            (
                RunEvent::Phase { status: Status::Waiting },
                r#"{"event":"phase","run":7,"at":5,"phase":"waiting"}"#,
            ),
            (
                RunEvent::Progress(progress),
                r#"{"event":"progress","run":7,"of":"steps","done":9,"total":20,"seconds_left":6,"label":""}"#,
            ),
            (
                RunEvent::Upload(Transfer { done: 3, total: None }),
                r#"{"event":"progress","run":7,"of":"upload","done":3,"total":null,"seconds_left":null,"label":""}"#,
            ),
            (
                RunEvent::OutputSaved(output),
                r#"{"event":"output","run":7,"at":5,"path":"/o/a.png","name":"a.png","content_type":"image/png","size":12,"sha256":"ab"}"#,
            ),
            (
                RunEvent::OutputFailed(failure),
                r#"{"event":"warning","run":7,"at":5,"text":"b.png could not be saved: it is cut off","output":"b.png","kept":null}"#,
            ),
            (
                RunEvent::Warning { text: "slow".to_owned() },
                r#"{"event":"warning","run":7,"at":5,"text":"slow","output":null,"kept":null}"#,
            ),
        ];
        for (happened, line) in table {
            assert_eq!(event(7, 5, &happened).map(|v| v.to_string()).as_deref(), Some(line));
        }
        assert_eq!(event(7, 5, &RunEvent::CancelAsked), None);
    }

    #[test]
    fn a_log_line_loses_its_colours_and_nothing_else() {
        let line = log(7, "\u{1b}[31mred\u{1b}[0m\tüber \"x\"");
        assert_eq!(line.to_string(), "{\"event\":\"log\",\"run\":7,\"text\":\"red\\tüber \\\"x\\\"\"}");
    }

    #[test]
    fn numbers_come_out_to_the_digit() {
        let text = queued(&a_run()).to_string();
        assert!(text.contains(r#""params":{"3-inputs-seed":18446744073709551615}"#), "{text}");
        assert!(text.contains(r#""profile":null"#), "{text}");
    }

    #[test]
    fn the_end_says_why_and_how_long() {
        let mut run = a_run();
        run.apply(&RunEvent::Phase { status: Status::Uploading }, 1_500);
        let why = RunError { what: "refused".to_owned(), refused: true, ..RunError::default() };
        let end = End { status: Status::Failed, error: Some(why), server_seconds: None };
        run.apply(&RunEvent::Ended(end), 2_500);
        assert_eq!(
            finished(&run).to_string(),
            r#"{"event":"finished","run":7,"at":2500,"status":"failed","outputs":0,"failed_outputs":0,"duration_ms":1000,"server_seconds":null,"error":{"what":"refused","remedy":"","details":"","node":null,"param":null,"refused":true}}"#
        );
    }
}
