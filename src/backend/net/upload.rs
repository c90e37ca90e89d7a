//! A run's request as a body: a form without files, multipart with them; files come from disk as they are sent.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use bytes::{Buf as _, Bytes};
use futures_util::stream;
use tokio::sync::watch;

use crate::backend::{Job, Outgoing};

/// Bytes of a file that are read in one block.
const BLOCK: usize = 256 * 1024;

/// What a form without files is.
const FORM: &str = "application/x-www-form-urlencoded";

/// The body of a run's request. It can be sent once.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Upload {
    pub content_type: String,
    /// Length of the body in bytes.
    pub total: u64,
    /// A header of the protocol's own: its name and its value.
    pub header: Option<(&'static str, String)>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Bytes(Bytes),
    File { path: PathBuf, size: u64 },
}

/// A file that goes up by itself.
#[derive(Clone, Debug)]
pub(in crate::backend) struct FilePart<'a> {
    pub name: &'a str,
    pub content_type: &'a str,
    pub content: Content,
}

/// What is in a file.
#[derive(Clone, Debug)]
pub(in crate::backend) enum Content {
    Bytes(Bytes),
    Path(PathBuf),
}

impl Part {
    fn of_file(path: &std::path::Path) -> Result<Self, String> {
        let meta = std::fs::metadata(path)
            .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?;
        Ok(Self::File { path: path.to_owned(), size: meta.len() })
    }
}

impl Upload {
    /// The body for a job: a form, or multipart where files go along. `first` are the protocol's own fields, before
    /// `params`, which travel as JSON text, and `workflow_api` where there is one.
    ///
    /// # Errors
    /// A sentence that names the file that cannot be read.
    pub(in crate::backend) fn form(job: &Job, first: &[(&str, &str)]) -> Result<Self, String> {
        if !job.files.is_empty() {
            return Self::multipart(job, first);
        }
        let params = params(job)?;
        let fields = fields(job, first, &params);
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Ok(Self::of(FORM.to_owned(), vec![Part::Bytes(text.into())]))
    }

    /// As [`Upload::form`], multipart in any case.
    pub(in crate::backend) fn multipart(job: &Job, first: &[(&str, &str)]) -> Result<Self, String> {
        let params = params(job)?;
        let boundary = boundary();
        let mut parts = Vec::new();
        for (name, value) in fields(job, first, &params) {
            parts.push(Part::Bytes(head(&boundary, name, None)));
            parts.push(Part::Bytes(Bytes::copy_from_slice(value.as_bytes())));
        }
        for (file, path) in &job.files {
            parts.push(Part::Bytes(head(&boundary, &file.part, Some((&file.name, &file.content_type)))));
            parts.push(Part::of_file(path)?);
        }
        Ok(Self::closed(&boundary, parts))
    }

    pub(in crate::backend) fn json(text: String) -> Self {
        Self::of("application/json".to_owned(), vec![Part::Bytes(text.into())])
    }

    /// One file by itself, in a part of this name, and fields beside it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(in crate::backend) fn file(
        part: &str,
        content: FilePart<'_>,
        fields: &[(&str, &str)],
    ) -> Result<Self, String> {
        let boundary = boundary();
        let mut parts = Vec::new();
        for (name, value) in fields {
            parts.push(Part::Bytes(head(&boundary, name, None)));
            parts.push(Part::Bytes(Bytes::copy_from_slice(value.as_bytes())));
        }
        let FilePart { name, content_type, content } = content;
        parts.push(Part::Bytes(head(&boundary, part, Some((name, content_type)))));
        parts.push(match content {
            Content::Bytes(bytes) => Part::Bytes(bytes),
            Content::Path(path) => Part::of_file(&path)?,
        });
        Ok(Self::closed(&boundary, parts))
    }

    /// Parts with what ends them.
    fn closed(boundary: &str, mut parts: Vec<Part>) -> Self {
        parts.push(Part::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        // The line end before a boundary belongs to it; before the first one some servers take it amiss.
        if let Some(Part::Bytes(first)) = parts.first_mut() {
            first.advance(2);
        }
        Self::of(format!("multipart/form-data; boundary={boundary}"), parts)
    }

    /// The request for a job, for people: as [`Upload::form`], or multipart in any case, sends it to `url`.
    ///
    /// # Errors
    /// When the values are no JSON.
    pub(in crate::backend) fn shown(
        job: &Job,
        url: &str,
        first: &[(&str, &str)],
        is_multipart: bool,
    ) -> Result<Outgoing, String> {
        let params = params(job)?;
        let fields = fields(job, first, &params);
        let is_multipart = is_multipart || !job.files.is_empty();
        let credentials = job.server.credentials.iter();
        let headers =
            credentials.map(|credential| (credential.header.clone(), credential.value().to_string()));
        Ok(Outgoing {
            url: crate::domain::run::shown_url(url).to_owned(),
            headers: headers.collect(),
            content_type: if is_multipart { "multipart/form-data" } else { FORM }.to_owned(),
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            files: job.files.iter().map(|(file, _)| file.clone()).collect(),
        })
    }

    fn of(content_type: String, parts: Vec<Part>) -> Self {
        let size = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::File { size, .. } => *size,
        };
        Self { content_type, total: parts.iter().map(size).sum(), header: None, parts }
    }

    /// Sends a header of the protocol's own along.
    pub(in crate::backend) fn with_header(self, name: &'static str, value: &str) -> Self {
        Self { header: Some((name, value.to_owned())), ..self }
    }

    /// The body as a stream; `sent` receives the number of bytes read from it.
    pub(in crate::backend) fn body(&self, sent: &watch::Sender<u64>) -> reqwest::Body {
        sent.send_replace(0);
        let state =
            Sending { parts: self.parts.clone().into_iter(), file: None, done: 0, sent: sent.clone() };
        reqwest::Body::wrap_stream(stream::try_unfold(state, async |mut state| {
            let Some(chunk) = state.next().await? else { return Ok(None) };
            state.done += chunk.len() as u64;
            state.sent.send_replace(state.done);
            Ok::<_, std::io::Error>(Some((chunk, state)))
        }))
    }
}

/// The state of a body that is being sent.
struct Sending {
    parts: std::vec::IntoIter<Part>,
    /// The file that is being read, and how much of it is left.
    file: Option<(File, PathBuf, u64)>,
    done: u64,
    sent: watch::Sender<u64>,
}

impl Sending {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            if let Some((file, path, left)) = self.file.take().filter(|(.., left)| *left > 0) {
                let (file, bytes) = read(file, left).await?;
                if bytes.is_empty() {
                    let why = format!("{} became shorter while it was sent", path.display());
                    return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, why));
                }
                self.file = Some((file, path, left - bytes.len() as u64));
                return Ok(Some(bytes));
            }
            match self.parts.next() {
                None => return Ok(None),
                Some(Part::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Part::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(Part::File { path, size }) => self.file = Some((File::open(&path)?, path, size)),
            }
        }
    }
}

/// Reads a block on a thread that may wait for a disk.
async fn read(mut file: File, left: u64) -> std::io::Result<(File, Bytes)> {
    let read = tokio::task::spawn_blocking(move || {
        let mut block = vec![0; BLOCK.min(usize::try_from(left).unwrap_or(BLOCK))];
        let length = file.read(&mut block)?;
        block.truncate(length);
        Ok((file, block.into()))
    });
    read.await.map_err(std::io::Error::other)?
}

/// 128 random bits: no content holds it, and what is not known cannot be put into a file on purpose.
fn boundary() -> String {
    format!("comfydeck-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

fn params(job: &Job) -> Result<String, String> {
    serde_json::to_string(&job.params).map_err(|error| error.to_string())
}

fn fields<'a>(
    job: &'a Job,
    first: &'a [(&'a str, &'a str)],
    params: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let workflow = job.workflow.as_deref().map(|workflow| ("workflow_api", workflow));
    first.iter().copied().chain([("params", params)]).chain(workflow)
}

/// The headers of a multipart part.
fn head(boundary: &str, name: &str, file: Option<(&str, &str)>) -> Bytes {
    let mut head = format!("\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(name));
    if let Some((file_name, content_type)) = file {
        let is_plain = !content_type.is_empty() && content_type.bytes().all(|b| (b' '..=b'~').contains(&b));
        let content_type = if is_plain { content_type } else { "application/octet-stream" };
        head += &format!("; filename=\"{}\"\r\nContent-Type: {content_type}", quoted(file_name));
    }
    head += "\r\n\r\n";
    head.into()
}

/// Escapes `"`, CR and LF in a part's name, as browsers do.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::job;
    use crate::domain::run::InputFile;

    /// The body as text, its boundary named `B`.
    fn text(upload: &Upload) -> String {
        let read = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.to_vec(),
            Part::File { path, .. } => std::fs::read(path).expect("read"),
        };
        let bytes: Vec<u8> = upload.parts.iter().flat_map(read).collect();
        assert_eq!(bytes.len() as u64, upload.total);
        let text = String::from_utf8(bytes).expect("text");
        match upload.content_type.split_once("boundary=") {
            Some((_, boundary)) => text.replace(boundary, "B"),
            None => text,
        }
    }

    #[test]
    fn without_files_it_is_a_form() {
        let upload = Upload::form(&job("http://x"), &[("logs", "true")]).expect("a body");
        assert_eq!(upload.content_type, "application/x-www-form-urlencoded");
        assert_eq!(
            text(&upload),
            "logs=true&params=%7B%226-inputs-text%22%3A%22a+cat+%26+%C3%A9%22%2C%223-inputs-seed%22%3A18446744073709551615%7D"
        );
    }

    #[test]
    fn with_files_it_is_multipart() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("in.png");
        std::fs::write(&path, "pixels").expect("written");
        let mut job = job("http://x");
        job.workflow = Some("{}".to_owned());
        let file = InputFile {
            part: "52-inputs-image".to_owned(),
            path: path.clone(),
            name: "a \"b\"\r\nX: y.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 6,
            sha256: String::new(),
        };
        job.files = vec![
            (InputFile { content_type: "bad\r\n".to_owned(), ..file.clone() }, path.clone()),
            (file, path),
        ];
        let upload = Upload::form(&job, &[("logs", "false")]).expect("a body");
        assert!(upload.content_type.starts_with("multipart/form-data; boundary=comfydeck-"));
        let name = "name=\"52-inputs-image\"; filename=\"a %22b%22%0D%0AX: y.png\"";
        let params = r#"{"6-inputs-text":"a cat & é","3-inputs-seed":18446744073709551615}"#;
        let expected = format!(
            "--B\r\nContent-Disposition: form-data; name=\"logs\"\r\n\r\nfalse\
             \r\n--B\r\nContent-Disposition: form-data; name=\"params\"\r\n\r\n{params}\
             \r\n--B\r\nContent-Disposition: form-data; name=\"workflow_api\"\r\n\r\n{{}}\
             \r\n--B\r\nContent-Disposition: form-data; {name}\r\nContent-Type: application/octet-stream\r\n\r\npixels\
             \r\n--B\r\nContent-Disposition: form-data; {name}\r\nContent-Type: image/png\r\n\r\npixels\r\n--B--\r\n"
        );
        assert_eq!(text(&upload), expected);
    }

    #[test]
    fn a_protocol_that_wants_multipart_gets_it_without_files_too() {
        let upload = Upload::multipart(&job("http://x"), &[("sid", "s")]).expect("a body");
        assert_eq!(
            text(&upload),
            "--B\r\nContent-Disposition: form-data; name=\"sid\"\r\n\r\ns\
             \r\n--B\r\nContent-Disposition: form-data; name=\"params\"\r\n\r\n\
             {\"6-inputs-text\":\"a cat & é\",\"3-inputs-seed\":18446744073709551615}\r\n--B--\r\n"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let mut job = job("http://x");
        job.files = vec![(
            InputFile {
                part: "1-inputs-image".to_owned(),
                path: "/nowhere/a.png".into(),
                name: "a.png".to_owned(),
                content_type: String::new(),
                size: 0,
                sha256: String::new(),
            },
            "/nowhere/a.png".into(),
        )];
        assert!(Upload::form(&job, &[]).expect_err("no file").contains("/nowhere/a.png"));
    }
}
