//! A run's files: known by their content, sent only when the server does not have them.

use std::path::PathBuf;

use comfydeck::backend::{BackendError, Job};
use comfydeck::domain::run::InputFile;
use comfydeck::domain::{MASK_SUFFIX, Status};
use serde_json::json;

use super::backend_run::submit;
use super::server::Fake;
use super::support::{backend, job};

fn with_file(mut job: Job, part: &str, path: PathBuf) -> Job {
    let file = InputFile {
        part: part.to_owned(),
        name: path.file_name().expect("a name").to_string_lossy().into_owned(),
        content_type: "image/png".to_owned(),
        size: std::fs::metadata(&path).expect("a file").len(),
        path: path.clone(),
        sha256: String::new(),
    };
    job.files.push((file, path));
    job
}

#[tokio::test]
async fn a_file_goes_once_and_is_referred_to_by_its_id() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("in.png");
    std::fs::write(&path, b"pixels").expect("written");
    let hash = format!("blake3:{}", blake3::hash(b"pixels"));
    let fake = Fake::start().await;
    for _ in 0..2 {
        let run = submit(&backend(), with_file(job(&fake.url), "6-inputs-image", path.clone()));
        fake.until("a stream", |known| known.opened == known.jobs.len() && known.opened > 0).await;
        let id = fake.known().jobs.last().expect("a job").0.clone();
        fake.finish(&id);
        run.end().await.is(Status::Done);
        fake.known().opened = 0;
        fake.known().jobs.clear();
    }
    let known = fake.known();
    let [(fields, name, content)] = known.uploads.as_slice() else { panic!("{:?}", known.uploads) };
    assert_eq!((name.as_str(), content.as_slice()), ("in.png", b"pixels".as_slice()));
    assert_eq!((fields["expected_hash"].as_str(), fields["file_path"].as_str()), (hash.as_str(), "in.png"));
    let value = |number: usize| &known.sent[number].0["workflow"]["6"]["inputs"]["image"];
    let reference =
        |id: &str| json!({"__type": "core/ASSET", "info": {"id": id, "hash": hash, "file_path": "in.png"}});
    assert_eq!(*value(0), reference("asset of in.png"));
    assert_eq!(*value(1), reference(&format!("asset of {hash}")));
}

#[tokio::test]
async fn a_mask_is_joined_with_its_image() {
    let dir = tempfile::tempdir().expect("a folder");
    let (image, mask) = (dir.path().join("cat.png"), dir.path().join("mask.png"));
    image::RgbImage::from_pixel(2, 1, image::Rgb([1, 2, 3])).save(&image).expect("written");
    image::GrayImage::from_raw(2, 1, vec![0, 255]).expect("a mask").save(&mask).expect("written");
    let fake = Fake::start().await;
    let both = with_file(job(&fake.url), "6-inputs-image", image);
    let run = submit(&backend(), with_file(both, &format!("6-inputs-image{MASK_SUFFIX}"), mask.clone()));
    let id = fake.begin().await;
    fake.finish(&id);
    run.end().await.is(Status::Done);
    let (_, name, content) = fake.known().uploads[0].clone();
    assert_eq!(name, "cat-masked.png");
    let painted = image::load_from_memory(&content).expect("a picture").to_rgba8();
    assert_eq!((painted.get_pixel(0, 0).0, painted.get_pixel(1, 0).0), ([1, 2, 3, 255], [1, 2, 3, 0]));

    // Without its image it cannot be joined.
    let alone = with_file(job(&fake.url), &format!("6-inputs-image{MASK_SUFFIX}"), mask);
    let ended = submit(&backend(), alone).end().await;
    assert!(matches!(ended.end, Err(BackendError::Refused(_))), "{ended:?}");
    assert!(ended.error().what.contains("mask.png") && ended.error().param.is_some(), "{:?}", ended.error());
}

#[tokio::test]
async fn a_file_that_is_refused_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("in.png");
    std::fs::write(&path, b"pixels").expect("written");
    let fake = Fake::start().await;
    let body = json!({"error": {"code": "payload_too_large", "message": "Upload exceeds 5 bytes.", "details": null}});
    fake.known().odd.insert("POST /api/v2/assets".to_owned(), (413, body));
    let ended = submit(&backend(), with_file(job(&fake.url), "6-inputs-image", path)).end().await;
    let error = ended.refused();
    assert!(error.what.contains("in.png") && error.what.contains("too large"), "{error:?}");
    assert!(fake.known().sent.is_empty());
}
