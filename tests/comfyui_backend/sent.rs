//! What reaches the server.

use std::collections::HashMap;

use comfydeck::backend::BackendError;
use comfydeck::config::{Credential, Secret};
use comfydeck::domain::run::{Form, InputFile};
use comfydeck::domain::{MASK_SUFFIX, ParamKey, RunEvent, Status};
use serde_json::json;

use super::backend_run::submit;
use super::server::{Fake, OnPrompt};
use super::support::{PROMPT, backend, job};

fn done(fake: &Fake) {
    let image = json!({"9": {"images": [{"filename": "x 100%.png", "subfolder": "a", "type": "output"}]}});
    fake.known()
        .files
        .insert("filename=x+100%25.png&subfolder=a&type=output".to_owned(), b"picture".to_vec());
    fake.finish("success", &json!([["execution_success", {}]]), &image);
    fake.say("executing", json!({"node": null, "prompt_id": PROMPT}));
}

#[tokio::test]
async fn the_graph_goes_with_its_values_under_a_name_of_ours() {
    let fake = Fake::start().await;
    let run = submit(&backend(), job(&fake.url));
    let sent = fake.begin().await;
    assert_eq!((&sent["prompt_id"], &sent["client_id"]), (&json!(PROMPT), &json!(PROMPT)));
    assert_eq!(sent["prompt"]["3"]["inputs"]["seed"].to_string(), "18446744073709551615");
    assert_eq!(sent["prompt"]["3"]["inputs"]["model"], json!(["4", 0]));
    done(&fake);
    let ended = run.end().await.is(Status::Done);
    assert_eq!(ended.files(), [("x 100%.png".to_owned(), b"picture".to_vec())]);
    let known = fake.known();
    assert_eq!(known.prompts.len(), 1, "sent once");
    assert!(known.hellos.iter().all(|hello| hello.contains("supports_preview_metadata")));
    let has_origin = known.requests.iter().any(|(.., headers)| headers.contains_key("origin"));
    assert!(!has_origin, "a server on loopback refuses what names an origin");
}

#[tokio::test]
async fn faults_of_nodes_lead_to_their_parameters() {
    let fake = Fake::start().await;
    let faults = json!({"error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": ""},
        "node_errors": {"3": {"class_type": "KSampler", "errors": [{"type": "value_bigger_than_max",
            "message": "Value 1000 bigger than max of 100", "details": "cfg", "extra_info": {"input_name": "cfg"}}]}}});
    fake.known().on_prompt = OnPrompt::Answer(400, faults.to_string());
    let ended = submit(&backend(), job(&fake.url)).end().await;
    assert!(matches!(ended.end, Err(BackendError::Refused(_))), "{ended:?}");
    let error = ended.error();
    assert!(
        error.refused && error.what.contains("KSampler: cfg: Value 1000 bigger than max of 100"),
        "{error:?}"
    );
    assert_eq!(error.param, Some(ParamKey::new("3", "cfg")));

    // A part that is not valid is left out, and the rest runs.
    let reply = json!({"prompt_id": PROMPT, "number": 2, "node_errors": faults["node_errors"]});
    fake.known().on_prompt = OnPrompt::Answer(200, reply.to_string());
    let run = submit(&backend(), job(&fake.url));
    fake.until("the second", |known| known.prompts.len() == 2).await;
    fake.known().running = vec![PROMPT.to_owned()];
    done(&fake);
    let ended = run.end().await.is(Status::Done);
    assert!(ended.warnings().iter().any(|text| text.contains("cfg")), "{:?}", ended.warnings());
}

#[tokio::test]
async fn a_reply_that_is_lost_is_looked_up_and_nothing_is_sent_twice() {
    let fake = Fake::start().await;
    fake.known().on_prompt = OnPrompt::TakeAndCut;
    let run = submit(&backend(), job(&fake.url));
    fake.begin().await;
    done(&fake);
    run.end().await.is(Status::Done);

    for (number, on_prompt) in
        [OnPrompt::Cut, OnPrompt::Answer(500, "500 Internal Server Error".to_owned())].into_iter().enumerate()
    {
        let fake = Fake::start().await;
        fake.known().on_prompt = on_prompt;
        let ended = submit(&backend(), job(&fake.url)).end().await;
        assert!(matches!(ended.end, Err(BackendError::Lost(_))), "{number} {ended:?}");
        let error = ended.error();
        assert!(error.what.contains("whether it began is not known"), "{number} {error:?}");
        assert!(error.remedy.contains("fetch"), "{number} {error:?}");
        assert_eq!(fake.known().prompts.len(), 1, "{number}");
    }
}

#[tokio::test]
async fn files_go_first_and_inputs_take_the_servers_names() {
    let fake = Fake::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("in");
    std::fs::write(&image, b"an image").expect("written");
    let mask = folder.path().join("mask");
    let white = image::GrayImage::from_raw(1, 1, vec![255]).expect("a picture");
    white.save_with_format(&mask, image::ImageFormat::Png).expect("written");
    let file = |part: &str, name: &str| InputFile {
        part: part.to_owned(),
        path: image.clone(),
        name: name.to_owned(),
        content_type: "image/png".to_owned(),
        size: 8,
        sha256: String::new(),
    };
    let mut job = job(&fake.url);
    job.files = vec![
        (file(&format!("6-inputs-image{MASK_SUFFIX}"), "mask.png"), mask),
        (file("6-inputs-image", "naïve \"x\".png"), image.clone()),
    ];
    let run = submit(&backend(), job);
    let sent = fake.begin().await;
    assert_eq!(sent["prompt"]["6"]["inputs"], json!({"image": "naïve %22x%22 (1)-masked (1).png"}));
    done(&fake);
    run.end().await.is(Status::Done);
    let known = fake.known();
    let routes: Vec<_> = known.uploads.iter().map(|(route, ..)| route.as_str()).collect();
    assert_eq!(routes, ["/api/upload/image", "/api/upload/mask"]);
    assert_eq!(known.uploads[0].3, b"an image");
    let original: serde_json::Value =
        serde_json::from_str(&known.uploads[1].1["original_ref"]).expect("JSON");
    assert_eq!(original["filename"], "naïve %22x%22 (1).png");
    let alpha =
        image::load_from_memory(&known.uploads[1].3).expect("a picture").to_rgba8().get_pixel(0, 0).0[3];
    assert_eq!(alpha, 0, "white is painted anew");
}

#[tokio::test]
async fn credentials_go_with_every_request_and_to_nobody_else() {
    let (fake, elsewhere) = (Fake::below("/proxy/comfy").await, Fake::start().await);
    let password = Credential {
        name: "password".to_owned(),
        header: "authorization".to_owned(),
        form: Form::Basic,
        secret: Secret::new("ann:hush-hush"),
    };
    let own = Credential {
        name: "headers.x-gate".to_owned(),
        header: "x-gate".to_owned(),
        form: Form::Plain,
        secret: Secret::new("gate-4711"),
    };
    let mut job = job(&fake.url);
    job.server.credentials = [password, own].into_iter().collect();
    let run = submit(&backend(), job);
    fake.begin().await;
    fake.known().view_elsewhere = Some(format!("{}/api/view?filename=there", elsewhere.url));
    elsewhere.known().files.insert("filename=there".to_owned(), b"picture".to_vec());
    done(&fake);
    run.end().await.is(Status::Done);
    let known = fake.known();
    assert!(known.requests.iter().any(|(_, target, _)| target.starts_with("/proxy/comfy/ws?")));
    for (_, target, headers) in &known.requests {
        let given = |name: &str| headers.get(name).map(String::as_str);
        assert_eq!(given("authorization"), Some("Basic YW5uOmh1c2gtaHVzaA=="), "{target}");
        assert_eq!(given("x-gate"), Some("gate-4711"), "{target}");
    }
    let there: Vec<HashMap<String, String>> =
        elsewhere.known().requests.iter().map(|(.., headers)| headers.clone()).collect();
    assert!(!there.is_empty(), "it was fetched from there");
    for headers in there {
        assert!(!format!("{headers:?}").contains("gate-4711") && !headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn the_place_in_the_queue_is_reported() {
    let fake = Fake::start().await;
    fake.known().waiting = vec!["other".to_owned(), "another".to_owned()];
    let mut run = submit(&backend(), job(&fake.url));
    let place = |before| move |event: &RunEvent| *event == RunEvent::Queue { before };
    run.until_event("third", place(2)).await;
    fake.known().waiting.remove(0);
    fake.say("status", json!({"status": {"exec_info": {"queue_remaining": 2}}}));
    run.until_event("second", place(1)).await;
    fake.known().waiting.remove(0);
    fake.begin().await;
    run.until_phase(Status::Running).await;
    done(&fake);
    run.end().await.is(Status::Done);
}
