//! What the servers have in common that do what their test says, and the runs that are sent to them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use comfydeck::backend::{Job, Server};
use comfydeck::domain::ParamKey;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::LONG;

/// The name under which the runs are sent.
pub(crate) const NAME: &str = "5a6c1c06-3c4a-4f52-9d0f-6d8a9fd3a111";

pub(crate) const WORKFLOW: &str = r#"{"3": {"class_type": "KSampler", "_meta": {"title": "Sampler"}, "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]}},
    "4": {"class_type": "Loader", "inputs": {}}, "6": {"class_type": "LoadImage", "inputs": {"image": "old.png"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}}}"#;

pub(crate) fn job(url: &str) -> Job {
    Job {
        run: 1,
        server: Server { url: url.to_owned(), ..Server::default() },
        prompt_id: Some(NAME.to_owned()),
        params: [(ParamKey::new("3", "seed"), json!(u64::MAX))].into(),
        workflow: Some(WORKFLOW.to_owned()),
        logs: true,
        ..Job::default()
    }
}

/// A server, with what it knows and is to do.
#[derive(Default)]
pub(crate) struct FakeServer<K> {
    known: Arc<Mutex<K>>,
    changed: Arc<Notify>,
    pub(crate) url: String,
}

impl<K> Clone for FakeServer<K> {
    fn clone(&self) -> Self {
        let (known, changed) = (Arc::clone(&self.known), Arc::clone(&self.changed));
        Self { known, changed, url: self.url.clone() }
    }
}

impl<K: Default> FakeServer<K> {
    /// Serves what `router` answers, below a path.
    pub(crate) async fn serve(prefix: &str, router: impl FnOnce(Self) -> Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}{prefix}", listener.local_addr().expect("an address"));
        let fake = Self { url, known: Arc::default(), changed: Arc::default() };
        let router = router(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, K> {
        self.known.lock().expect("whole")
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut K)) {
        change(&mut self.known());
        self.changed.notify_waiters();
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&K) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if is_so(&self.known()) {
                    return;
                }
                changed.await;
            }
        };
        assert!(tokio::time::timeout(LONG, wait).await.is_ok(), "{what} never came");
    }
}

/// A request: method, path with query, headers.
pub(crate) type Asked = (String, String, HashMap<String, String>);

pub(crate) fn asked(request: &Request) -> Asked {
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    (request.method().to_string(), target, headers.collect())
}

/// Fields, file name and content of an uploaded file.
pub(crate) async fn uploaded(request: Request) -> (HashMap<String, String>, String, Vec<u8>) {
    let mut parts = Multipart::from_request(request, &()).await.expect("multipart");
    let (mut fields, mut file) = (HashMap::new(), None);
    while let Some(part) = parts.next_field().await.expect("a part") {
        let (name, file_name) =
            (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
        let content = part.bytes().await.expect("content").to_vec();
        match file_name {
            Some(file_name) => file = Some((file_name, content)),
            None => drop(fields.insert(name, String::from_utf8(content).expect("text"))),
        }
    }
    let (name, content) = file.expect("a file");
    (fields, name, content)
}

/// An answer that breaks, and the connection with it.
pub(crate) fn cut() -> Response {
    let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
    Body::from_stream(broken).into_response()
}
