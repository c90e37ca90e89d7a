use serde_json::json;

use super::*;
use crate::domain::ParamKey;
use crate::domain::run::PreviewKind;
use crate::wire::result::OutputInfo;

#[test]
fn a_job_of_the_proxy_is_read() {
    let job = json!({
        "id": "a65d", "status": "succeeded", "created_at": "2026-11-23T08:58:46.345031+00:00", "started_at": null,
        "queue_position": null, "progress": null, "error": null, "outputs_reused": true,
        "outputs": [{"node_id": "2", "name": "a.png", "type": "image", "content_type": "image/png", "size_bytes": 0,
            "id": "e.x", "hash": null, "url": "http://h/api/v2/assets/e.x/content", "job_id": "a65d"}],
        "urls": {"self": "/api/v2/jobs/a65d", "events": "/api/v2/jobs/a65d/events", "cancel": "/c"},
    });
    let job = JobRecord::read(&job.to_string()).expect("a job");
    assert_eq!((job.id.as_str(), job.state, job.is_reused), ("a65d", JobState::Succeeded, true));
    assert_eq!(job.outputs[0].filename, "a.png");
    assert_eq!(job.outputs[0].size, None, "0 means that it is not known");
    assert_eq!(job.events.as_deref(), Some("/api/v2/jobs/a65d/events"));
    assert!(job.error.is_none() && job.seconds.is_none() && job.log.is_none());
}

#[test]
fn a_job_of_a_deployment_says_how_long_it_took_and_what_it_printed() {
    let job = json!({
        "id": "a", "status": "failed", "queue_position": 2, "outputs": [],
        "progress": {"value": 0.5, "nodes_done": 3, "nodes_total": 6, "current_node": "12", "step": 21, "steps": 50},
        "error": {"code": "node_execution_error", "message": "Allocation on device\n", "node_id": "12",
            "class_type": "KSampler", "traceback": "  File \"x.py\"\n"},
        "logs": {"text": "loading\u{1b}[2J\n", "truncated": false, "captured_at": ""},
        "metrics": {"queue_ms": 9000, "execution_ms": 42_500},
    });
    let job = JobRecord::read(&job.to_string()).expect("a job");
    let error = job.error.expect("why");
    assert_eq!((error.what.as_str(), error.node.as_deref()), ("KSampler: Allocation on device", Some("12")));
    assert!(error.details.contains("x.py"), "{error:?}");
    assert_eq!((job.seconds, job.place), (Some(42.5), Some(2)));
    assert!(job.log.is_some());
    let progress = job.progress.expect("progress");
    assert_eq!((progress.node.as_deref(), progress.step), (Some("12"), Some((21.0, 50.0))));
}

#[test]
fn what_is_no_job_is_none() {
    for odd in ["", "[]", "{}", r#"{"id": "a"}"#, r#"{"id": "", "status": "queued"}"#, "<html>"] {
        assert_eq!(JobRecord::read(odd), None, "{odd}");
    }
    let odd = JobRecord::read(r#"{"id": "a", "status": "brand_new", "outputs": 7, "progress": []}"#);
    assert!(odd.is_some_and(|job| job.state == JobState::Other && !job.state.is_end()));
    let jobs = read_jobs(r#"{"jobs": [{"id": "a", "status": "queued"}, 7], "truncated": false}"#);
    assert_eq!(jobs.map(|jobs| jobs.len()), Some(1));
}

#[test]
fn events_are_read_whatever_is_in_them() {
    let table = [
        ("status", r#"{"status":"running"}"#, JobEvent::Status { state: JobState::Running, place: None }),
        (
            "status",
            r#"{"status":"queued","queue_position":3}"#,
            JobEvent::Status { state: JobState::Queued, place: Some(3) },
        ),
        (
            "preview",
            r#"{"node_id":"1","content_type":"image/png","data_base64":"AQID"}"#,
            JobEvent::Preview { kind: PreviewKind::Png, bytes: vec![1, 2, 3] },
        ),
        ("preview", r#"{"node_id":"1","data_base64":"%%"}"#, JobEvent::Other),
        (
            "output",
            r#"{"name":"a.png"}"#,
            JobEvent::Output(OutputInfo { filename: "a.png".to_owned(), ..OutputInfo::default() }),
        ),
        ("log", r#"{"level":"info","message":"hi"}"#, JobEvent::Log("hi".to_owned())),
        ("brand_new", "{}", JobEvent::Other),
        ("progress", "not JSON", JobEvent::Other),
    ];
    for (name, data, expected) in table {
        assert_eq!(JobEvent::read(name, data), expected, "{name} {data}");
    }
    let progress = r#"{"value":0.025,"nodes_done":0,"nodes_total":1,"current_node":"1","step":1,"steps":40}"#;
    let JobEvent::Progress(progress) = JobEvent::read("progress", progress) else { panic!("progress") };
    assert_eq!(progress.step, Some((1.0, 40.0)));
}

#[test]
fn a_refusal_says_what_to_do() {
    let table = [
        ("insufficient_credits", "not enough credits", "Add credits"),
        ("queue_full", "queue is full", "concurrency"),
        ("deployment_stopped", "stopped", "Start it"),
        ("workflow_format_ui", "editor", "comfydeck convert"),
        ("unauthorized", "API key", "api_key"),
    ];
    for (code, what, remedy) in table {
        let body = json!({"error": {"code": code, "message": "m", "details": null}}).to_string();
        let refusal = Refusal::read(&body).expect("a refusal");
        assert!(refusal.error.what.contains(what), "{refusal:?}");
        assert!(refusal.error.remedy.contains(remedy) && refusal.error.details == "m", "{refusal:?}");
    }
    let other =
        Refusal::read(r#"{"error": {"code": "x", "message": "no \u001b[2Jway"}}"#).expect("a refusal");
    assert_eq!(other.error.what, "no way");
    for odd in ["", "{}", r#"{"error": "x"}"#, r#"{"error": {"message": "x"}}"#, "<html>"] {
        assert_eq!(Refusal::read(odd), None, "{odd}");
    }
}

#[test]
fn an_invalid_workflow_leads_to_node_and_input_in_both_shapes() {
    let of_comfyui = json!({"3": {"class_type": "KSampler", "errors": [{"type": "value_smaller_than_min",
        "message": "Value 0 smaller than min of 1", "details": "steps", "extra_info": {"input_name": "steps"}}]}});
    let short = json!({"3": [{"field": "model", "reason": "missing_input"}]});
    for (nodes, input) in [(of_comfyui, "steps"), (short, "model")] {
        let body = json!({"error": {"code": "invalid_workflow", "message": "no", "details": {"node_errors": nodes}}});
        let refusal = Refusal::read(&body.to_string()).expect("a refusal");
        assert_eq!(refusal.error.param, Some(ParamKey::new("3", input)), "{refusal:?}");
    }
}

#[test]
fn a_graph_is_told_apart_from_the_editors() {
    let api = r#"{"workflow": {"1": {"inputs": {"seed": 18446744073709551615}}}, "format": "api"}"#;
    assert_eq!(read_graph(api).as_deref(), Some(r#"{"1": {"inputs": {"seed": 18446744073709551615}}}"#));
    assert_eq!(read_graph(r#"{"workflow": {"nodes": []}, "format": "save"}"#), None);
}
