//! Files that are sent, and files that are fetched.

use std::io::Cursor;

use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use image::ImageFormat;
use serde_json::{Value, json};

use super::Comfyui;
use crate::demo::Endpoint;
use crate::demo::answer::json_answer;
use crate::domain::media;

/// Keeps a file that is sent; a mask goes into a copy of its image.
pub(super) async fn store(endpoint: &Endpoint, request: Request, is_mask: bool) -> Response {
    let Ok(mut parts) = Multipart::from_request(request, &()).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (mut file, mut folder, mut original) = (None, String::new(), Value::Null);
    while let Ok(Some(part)) = parts.next_field().await {
        let (field, name) = (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
        let Ok(content) = part.bytes().await else { return StatusCode::BAD_REQUEST.into_response() };
        let text = String::from_utf8_lossy(&content);
        match (field.as_str(), name) {
            ("image", Some(name)) => file = Some((name, content)),
            ("subfolder", _) => folder = text.into_owned(),
            ("original_ref", _) => original = serde_json::from_str(&text).unwrap_or_default(),
            _ => {}
        }
    }
    let Some((name, mut content)) = file.filter(|(name, _)| !name.is_empty() && !name.contains("..")) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let server = &endpoint.comfyui;
    if is_mask {
        let text = |name: &str| original[name].as_str().unwrap_or_default().to_owned();
        let image = server.file("input", &text("subfolder"), &text("filename"));
        match image.and_then(|image| masked(&image, &content)) {
            Some(masked) => content = masked,
            None => return StatusCode::BAD_REQUEST.into_response(),
        }
    }
    let stored = keep(server, &folder, &name, content);
    json_answer(StatusCode::OK, &json!({"name": stored, "subfolder": folder, "type": "input"}))
}

/// Keeps an input file. The same content keeps its name, another one of the name gets a number.
pub(in crate::demo) fn keep(server: &Comfyui, folder: &str, name: &str, content: Bytes) -> String {
    let (stem, ending) = name.rsplit_once('.').map_or((name, String::new()), |(s, e)| (s, format!(".{e}")));
    let names = std::iter::once(name.to_owned()).chain((1..).map(|n| format!("{stem} ({n}){ending}")));
    let mut names =
        names.filter(|name| server.file("input", folder, name).is_none_or(|there| there == content));
    let stored = names.next().unwrap_or_default();
    server.keep("input", folder, &stored, content);
    stored
}

/// An image with the transparency of a mask.
fn masked(image: &[u8], mask: &[u8]) -> Option<Bytes> {
    let mut image = image::load_from_memory(image).ok()?.to_rgba8();
    let mask = image::load_from_memory(mask).ok()?.to_rgba8();
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        pixel.0[3] = mask.get_pixel_checked(x, y).map_or(255, |mask| mask.0[3]);
    }
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).ok()?;
    Some(png.into_inner().into())
}

/// Gives a file, or a part of it.
pub(super) fn view(endpoint: &Endpoint, request: &Request) -> Response {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let asked = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let Some(name) = asked("filename") else { return StatusCode::NOT_FOUND.into_response() };
    let (kind, folder) = (asked("type").unwrap_or("output"), asked("subfolder").unwrap_or_default());
    let Some(content) = endpoint.comfyui.file(kind, folder, name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    given(name, &content, request)
}

/// A file's content, or the part of it that is asked for.
pub(in crate::demo) fn given(name: &str, content: &Bytes, request: &Request) -> Response {
    let head = [
        (CONTENT_TYPE, media::content_type(name, content).to_owned()),
        (CONTENT_DISPOSITION, format!("filename=\"{name}\"")),
        (ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match from.filter(|from| *from < content.len()) {
        Some(from) => {
            let total = content.len();
            let part = (CONTENT_RANGE, format!("bytes {from}-{}/{total}", total - 1));
            (StatusCode::PARTIAL_CONTENT, head, [part], content.slice(from..)).into_response()
        }
        None => (head, content.clone()).into_response(),
    }
}
