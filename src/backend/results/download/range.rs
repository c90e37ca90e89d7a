//! Which part of a file an HTTP response contains (RFC 9110, 13.1.5 and 14).

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED};

/// A parsed `Content-Range` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes from `first` on, of a file that is `total` long, where that is known.
    From { first: u64, total: Option<u64> },
    /// The requested part does not exist; the file has `total` bytes.
    Beyond { total: u64 },
}

/// Parses a response's `Content-Range`; `None` when it is not valid.
pub(super) fn part(headers: &HeaderMap) -> Option<Part> {
    let mut values = headers.get_all(CONTENT_RANGE).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (unit, rest) = value.to_str().ok()?.trim().split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    let total = match total {
        "*" => None,
        digits => Some(number(digits)?),
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    if range == "*" {
        return Some(Part::Beyond { total: total? });
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let is_sound = first <= last && total.is_none_or(|total| last < total);
    is_sound.then_some(Part::From { first, total })
}

/// Parses digits only: Rust's `parse` would accept a sign.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A file's ETag or modification time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Version {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let get = |name| headers.get(name).filter(|value| !value.is_empty()).cloned();
        Self { etag: get(ETAG), modified: get(LAST_MODIFIED) }
    }

    /// The value for `If-Range`, which may not be a weak tag.
    pub(super) fn condition(&self) -> Option<&HeaderValue> {
        let strong = self.etag.as_ref().filter(|tag| tag.as_bytes().starts_with(b"\""));
        strong.or(self.modified.as_ref())
    }

    /// Whether both have a version, and these differ.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let differ = |a: &Option<HeaderValue>, b: &Option<HeaderValue>| a.is_some() && b.is_some() && a != b;
        differ(&self.etag, &other.etag) || differ(&self.modified, &other.modified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_range_is_read() {
        let from = |first, total| Some(Part::From { first, total });
        let table = [
            ("bytes 5-9/10", from(5, Some(10))),
            ("Bytes 0-0/*", from(0, None)),
            ("bytes */10", Some(Part::Beyond { total: 10 })),
            ("bytes */*", None),
            ("bytes 5-10/10", None),
            ("bytes 9-5/10", None),
            ("bytes +5-9/10", None),
            ("bytes -9/10", None),
            ("items 5-9/10", None),
            ("bytes=5-9/10", None),
            ("bytes 5-99999999999999999999/*", None),
            ("", None),
        ];
        for (text, expected) in table {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_static(text))]);
            assert_eq!(part(&headers), expected, "{text}");
        }
        let mut two = HeaderMap::new();
        two.append(CONTENT_RANGE, HeaderValue::from_static("bytes 5-9/10"));
        two.append(CONTENT_RANGE, HeaderValue::from_static("bytes 0-9/10"));
        assert_eq!(part(&two), None);
    }

    #[test]
    fn a_version_is_asked_for_by_what_holds() {
        let version = |etag: &'static str, modified: &'static str| {
            let values = [(ETAG, etag), (LAST_MODIFIED, modified)];
            Version::of(
                &values.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect(),
            )
        };
        let monday = "Mon, 05 Jan 2026 10:00:00 GMT";
        let table = [
            ("\"a\"", "", Some("\"a\"")),
            ("W/\"a\"", "", None),
            ("W/\"a\"", monday, Some(monday)),
            ("", "", None),
        ];
        for (etag, modified, expected) in table {
            let condition =
                version(etag, modified).condition().and_then(|value| value.to_str().ok().map(str::to_owned));
            assert_eq!(condition.as_deref(), expected, "{etag} {modified}");
        }
        assert!(version("\"a\"", "").differs(&version("\"b\"", "")));
        assert!(!version("\"a\"", "").differs(&version("", monday)));
    }
}
