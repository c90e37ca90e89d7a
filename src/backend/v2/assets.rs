//! A run's files, as the server knows them: by the hash of their content. One that it has is not sent again.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::Value;
use tokio::sync::watch;

use crate::backend::mask;
use crate::backend::net::upload::{Content, FilePart, Upload};
use crate::backend::{BackendError, Job};
use crate::domain::run::{InputFile, RunError, Transfer};
use crate::domain::{MASK_SUFFIX, ParamKey};
use crate::wire::v2::asset;

use super::run::V2Run;

/// A file to be sent: the input that it is for, and its content.
struct Sending {
    key: ParamKey,
    file: InputFile,
    content: Content,
    /// Size of the content in bytes.
    size: u64,
    hash: String,
}

/// A file of a job, with its mask.
struct Chosen {
    key: ParamKey,
    file: InputFile,
    path: PathBuf,
    mask: Option<PathBuf>,
}

/// The files of a job in order, each with its mask.
fn chosen(job: &Job) -> Result<Vec<Chosen>, RunError> {
    let is_mask = |file: &InputFile| file.part.ends_with(MASK_SUFFIX);
    let mut chosen: Vec<Chosen> = Vec::new();
    for (file, path) in job.files.iter().filter(|(file, _)| !is_mask(file)) {
        let Some(key) = ParamKey::parse(&file.part) else { continue };
        let of = format!("{}{MASK_SUFFIX}", file.part);
        let mask = job.files.iter().find(|(file, _)| file.part == of).map(|(_, path)| path.clone());
        chosen.push(Chosen { key, file: file.clone(), path: path.clone(), mask });
    }
    for (file, _) in job.files.iter().filter(|(file, _)| is_mask(file)) {
        let part = file.part.trim_end_matches(MASK_SUFFIX);
        if !chosen.iter().any(|Chosen { key, .. }| key.as_str() == part) {
            return Err(RunError {
                what: format!("the mask {} belongs to no image that is sent", file.name),
                remedy: "Choose the image as a file, too: mask and image are joined here.".to_owned(),
                param: ParamKey::parse(part),
                ..RunError::default()
            });
        }
    }
    Ok(chosen)
}

impl V2Run {
    /// Makes the server know the run's files. Returns the values of their inputs.
    pub(super) async fn send_files(&mut self) -> Result<IndexMap<ParamKey, Value>, BackendError> {
        let chosen = chosen(&self.job).map_err(BackendError::refused)?;
        let mut files = Vec::with_capacity(chosen.len());
        for chosen in chosen {
            let (name, key) = (chosen.file.name.clone(), chosen.key.clone());
            let read = tokio::task::spawn_blocking(move || sending(chosen)).await;
            let read = read.unwrap_or_else(|why| Err(why.to_string()));
            files.push(read.map_err(|why| cannot_be_sent(&name, &key, unreadable(why)))?);
        }
        let total: u64 = files.iter().map(|file| file.size).sum();
        let mut done = 0;
        let mut values = IndexMap::new();
        for Sending { key, file, content, size, hash } in files {
            let known = self.api.known_asset(&hash, &file.name).await;
            let id = match known.map_err(|unread| cannot_be_sent(&file.name, &key, unread.error))? {
                Some(id) => {
                    self.note(&format!("{} is on the server already", file.name));
                    id
                }
                None => {
                    let part = FilePart { name: &file.name, content_type: &file.content_type, content };
                    let fields = [
                        ("content_type", file.content_type.as_str()),
                        ("file_path", &file.name),
                        ("expected_hash", &hash),
                    ];
                    let upload = Upload::file("file", part, &fields)
                        .map_err(|why| cannot_be_sent(&file.name, &key, unreadable(why)))?;
                    let stored = self.store(&upload, (done, total, size)).await?;
                    stored.map_err(|error| cannot_be_sent(&file.name, &key, error))?
                }
            };
            done += size;
            self.out.upload(Transfer { done, total: Some(total) }, false).await?;
            values.insert(key, asset(&id, &hash, &file.name));
        }
        Ok(values)
    }

    /// Uploads a file, reporting the progress of all uploads.
    async fn store(
        &mut self,
        upload: &Upload,
        (done, total, size): (u64, u64, u64),
    ) -> Result<Result<String, RunError>, BackendError> {
        let (sent, mut progress) = watch::channel(0);
        let api = self.api.clone();
        let store = api.store(upload, &sent);
        tokio::pin!(store);
        loop {
            tokio::select! {
                stored = &mut store => return Ok(stored.map_err(|error| api.veiled(error))),
                Ok(()) = progress.changed() => {
                    let part = (*progress.borrow_and_update()).min(size);
                    self.out.upload(Transfer { done: done + part, total: Some(total) }, false).await?;
                }
            }
        }
    }
}

fn cannot_be_sent(name: &str, key: &ParamKey, error: RunError) -> BackendError {
    BackendError::refused(RunError {
        what: format!("the file {name} could not be sent: {}", error.what),
        param: Some(key.clone()),
        ..error
    })
}

fn unreadable(what: String) -> RunError {
    RunError { what, remedy: "Choose the file again.".to_owned(), ..RunError::default() }
}

/// Reads a file, with its mask in it.
fn sending(Chosen { key, file, path, mask }: Chosen) -> Result<Sending, String> {
    let Some(mask) = mask else {
        let mut hasher = blake3::Hasher::new();
        let mut content = std::fs::File::open(&path).map_err(|why| why.to_string())?;
        let size = std::io::copy(&mut content, &mut hasher).map_err(|why| why.to_string())?;
        let hash = format!("blake3:{}", hasher.finalize());
        return Ok(Sending { key, file, content: Content::Path(path), size, hash });
    };
    let content = mask::masked(&path, &mask)?;
    let (size, hash) = (content.len() as u64, format!("blake3:{}", blake3::hash(&content)));
    let file = InputFile { name: mask::name(&file.name), content_type: "image/png".to_owned(), ..file };
    Ok(Sending { key, file, content: Content::Bytes(content.into()), size, hash })
}
