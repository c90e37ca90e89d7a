//! Downloads of outputs, as from an object store: whole or in ranges, for everyone who has the link.

use std::io;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;

use super::fault::CloudFault;
use super::run::{Content, ServiceOutput};
use super::{is_due, query};
use crate::demo::Endpoint;
use crate::demo::fault::{PATTERN, pattern};
use crate::demo::work::content_type;

/// Responds to a request for `{prompt_id}/{index}/{name}`.
pub(super) fn answer(endpoint: &Endpoint, path: &str, request: &Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let mut parts = path.splitn(3, '/');
    let (prompt_id, index) = (parts.next().unwrap_or_default(), parts.next().and_then(|i| i.parse().ok()));
    let run = endpoint.cloud.runs.get(prompt_id);
    let found = run.and_then(|run| run.output(index?).map(|output| (run, output)));
    let Some((run, output)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let ticket = query(request.uri()).into_iter().find(|(name, _)| name == "ticket");
    let ticket: u32 = ticket.and_then(|(_, value)| value.parse().ok()).unwrap_or_default();
    let expires = endpoint.options.cloud.iter().find_map(|fault| match fault {
        CloudFault::LinkExpired { times, status } => Some((*times, *status)),
        _ => None,
    });
    if let Some((times, _)) = expires
        && run.is_good(ticket)
        && is_due(&endpoint.cloud.expired_links, times)
    {
        run.expire_links();
    }
    if !run.is_good(ticket) {
        let status = expires.and_then(|(_, status)| StatusCode::from_u16(status).ok());
        return status.unwrap_or(StatusCode::FORBIDDEN).into_response();
    }
    send(endpoint, &output, prompt_id, request)
}

fn send(endpoint: &Endpoint, output: &ServiceOutput, prompt_id: &str, request: &Request) -> Response {
    let size = output.content.size();
    let reads = endpoint.cloud.storage_reads.fetch_add(1, Ordering::Relaxed);
    let version = if endpoint.has(&CloudFault::StorageChanges) { reads } else { 0 };
    let etag = format!("\"{prompt_id}-{size}-{version}\"");
    let wanted = if endpoint.has(&CloudFault::StorageWhole) {
        Wanted::Whole
    } else {
        wanted(request.headers(), &etag, size)
    };
    let whole = format!("bytes */{size}");
    let (status, from, to, part) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0, size, None),
        Wanted::Part { from, to } => {
            (StatusCode::PARTIAL_CONTENT, from, to, Some(format!("bytes {from}-{}/{size}", to - 1)))
        }
        Wanted::Nothing => {
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, whole)]).into_response();
        }
    };
    let headers = [
        (CONTENT_TYPE, content_type(&output.name).to_owned()),
        (CONTENT_LENGTH, (to - from).to_string()),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (ETAG, etag),
    ];
    let headers = AppendHeaders(headers.into_iter().chain(part.map(|part| (CONTENT_RANGE, part))));
    let body = if request.method() == Method::HEAD {
        Body::empty()
    } else {
        body(&output.content, from, to, breaks_after(endpoint, to - from))
    };
    (status, headers, body).into_response()
}

/// After how many of `length` bytes the connection breaks, if it does.
fn breaks_after(endpoint: &Endpoint, length: u64) -> Option<u64> {
    let cut = endpoint.options.cloud.iter().find_map(|fault| match fault {
        CloudFault::StorageCut { after, times } if *after < length => Some((*after, *times)),
        _ => None,
    });
    let (after, times) = cut?;
    is_due(&endpoint.cloud.storage_cuts, times).then_some(after)
}

/// The part of an output that a request asks for.
#[derive(Debug, PartialEq)]
enum Wanted {
    Whole,
    /// At least one byte, `to` excluded.
    Part {
        from: u64,
        to: u64,
    },
    /// A range after the end of the output.
    Nothing,
}

/// Reads `Range` and `If-Range`. Anything but a single range of bytes asks for the whole (RFC 9110).
fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let range = text(RANGE).and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let (Some((first, last)), true) = (range, text(IF_RANGE).is_none_or(|tag| tag == etag)) else {
        return Wanted::Whole;
    };
    let (from, to) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        (Err(_), Ok(suffix)) if first.is_empty() => (size.saturating_sub(suffix), size),
        _ => return Wanted::Whole,
    };
    if from < to { Wanted::Part { from, to } } else { Wanted::Nothing }
}

/// A body with the bytes `from..to`, or as many of them as arrive before the break.
fn body(content: &Content, from: u64, to: u64, breaks_after: Option<u64>) -> Body {
    let end = breaks_after.map_or(to, |after| from + after);
    let (content, block) = match content {
        Content::Bytes(bytes) => (bytes.clone(), false),
        Content::Pattern(_) => (Bytes::from(pattern()), true),
    };
    let pieces = stream::unfold(from, move |at| {
        let content = content.clone();
        async move {
            if at < end {
                let offset = if block { at % PATTERN as u64 } else { at };
                let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
                let room = usize::try_from(end - at).unwrap_or(usize::MAX);
                let piece = content.slice(offset..offset + room.min(PATTERN).min(content.len() - offset));
                let next = at + piece.len() as u64;
                return Some((Ok(piece), next));
            }
            if at >= to || breaks_after.is_none() {
                return None;
            }
            // Lets the bytes sent so far leave before the connection breaks.
            tokio::task::yield_now().await;
            let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "the demo breaks the connection");
            Some((Err(broken), to))
        }
    });
    Body::from_stream(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let part = |from, to| Wanted::Part { from, to };
        for (range, expected) in [
            ("bytes=0-", part(0, 10)),
            ("bytes=4-", part(4, 10)),
            ("bytes=4-6", part(4, 7)),
            ("bytes=4-600", part(4, 10)),
            ("bytes=9-18446744073709551615", part(9, 10)),
            ("bytes=-3", part(7, 10)),
            ("bytes=-30", part(0, 10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=6-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=1-2,4-5", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ] {
            let headers = |if_range: Option<&str>| {
                let pairs = [(RANGE, Some(range)), (IF_RANGE, if_range)];
                let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?.parse().ok()?)));
                pairs.collect::<HeaderMap>()
            };
            assert_eq!(wanted(&headers(None), "\"a\"", 10), expected, "{range}");
            assert_eq!(wanted(&headers(Some("\"a\"")), "\"a\"", 10), expected, "{range}");
            assert_eq!(wanted(&headers(Some("\"b\"")), "\"a\"", 10), Wanted::Whole, "{range}");
        }
    }
}
