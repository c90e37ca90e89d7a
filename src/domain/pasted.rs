//! Classifies a text that was pasted, dragged or typed where a file is expected: a path as shells, file managers and
//! terminals write it, a file on the server, or a URL.

use super::media;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pasted {
    /// A local path without quotes and escapes. It may not exist.
    Path(String),
    /// A file on the server, as ComfyUI writes it: `clipspace/x.png [input]`.
    OnServer(String),
    /// A URL, which the node has to download itself.
    Url(String),
    /// A name, or any other text.
    Text(String),
}

pub fn read(text: &str) -> Pasted {
    let text = text.trim();
    if let Some(path) = file_url(text) {
        return Pasted::Path(path);
    }
    if is_url(text) {
        return Pasted::Url(text.to_owned());
    }
    if media::server_folder(text).is_some() {
        return Pasted::OnServer(text.to_owned());
    }
    let bare = unquoted(text).unwrap_or_else(|| unescaped(text));
    // A file manager may put quotes around a file URL.
    if let Some(path) = file_url(&bare) {
        return Pasted::Path(path);
    }
    let is_windows = bare.as_bytes().get(1..3).is_some_and(|b| b[0] == b':' && matches!(b[1], b'\\' | b'/'));
    let is_path = bare.contains('/') || bare.starts_with('~') || is_windows || bare.starts_with("\\\\");
    match is_path && !bare.contains('\n') {
        true => Pasted::Path(bare),
        false if bare != text && media::kind_of_name(&bare).is_some() => Pasted::Path(bare),
        false => Pasted::Text(text.to_owned()),
    }
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_scheme =
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-');
    is_scheme && !rest.is_empty() && !text.contains(char::is_whitespace)
}

/// The path in `file:///home/me/a%20b.png`.
fn file_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("file://").or_else(|| text.strip_prefix("FILE://"))?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    rest.starts_with('/').then(|| percent_decoded(rest))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// The text between quotes; `None` unless the whole text is quoted. Shells write a
/// quote within quotes as `'it'\''s'`.
fn unquoted(text: &str) -> Option<String> {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.is_empty());
    if let Some(inner) = inner('\'') {
        let inner = inner.replace(r"'\''", "\u{0}");
        return (!inner.contains('\'')).then(|| inner.replace('\u{0}', "'"));
    }
    let inner = inner('"')?;
    (!inner.replace("\\\"", "").contains('"')).then(|| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// Removes a shell's backslashes; those before letters and digits belong to a Windows path.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_escape = c == '\\' && rest.peek().is_some_and(|next| !next.is_alphanumeric() && *next != '\\');
        match is_escape {
            true => out.extend(rest.next()),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_as_shells_and_file_managers_write_them() {
        let path = |text: &str| Pasted::Path(text.to_owned());
        let text = |text: &str| Pasted::Text(text.to_owned());
        let table = [
            ("/home/me/a.png", path("/home/me/a.png")),
            ("'/home/me/a b.png' ", path("/home/me/a b.png")),
            (r"'/home/me/it'\''s.png'", path("/home/me/it's.png")),
            ("\"/home/me/a b.png\"\n", path("/home/me/a b.png")),
            (r"/home/me/a\ b\ \(1\).png", path("/home/me/a b (1).png")),
            ("file:///home/me/a%20b%C3%A9.png", path("/home/me/a bé.png")),
            ("file://localhost/home/a.png", path("/home/a.png")),
            ("'file:///home/me/a%20b.png'", path("/home/me/a b.png")),
            ("file:///100%/a.png", path("/100%/a.png")),
            ("~/in/a.png", path("~/in/a.png")),
            ("./a.png", path("./a.png")),
            ("in/a.png", path("in/a.png")),
            ("'a b.png'", path("a b.png")),
            (r"a\ b.png", path("a b.png")),
            (r"C:\Users\me\a b.png", path(r"C:\Users\me\a b.png")),
            (r"\\server\share\a.png", path(r"\\server\share\a.png")),
            ("clipspace/x.png [input]", Pasted::OnServer("clipspace/x.png [input]".to_owned())),
            ("x.png [output]", Pasted::OnServer("x.png [output]".to_owned())),
            ("https://x.org/a%20b.png", Pasted::Url("https://x.org/a%20b.png".to_owned())),
            ("s3://bucket/a.png", Pasted::Url("s3://bucket/a.png".to_owned())),
            ("a.png", text("a.png")),
            ("it's", text("it's")),
            ("'quoted'", text("'quoted'")),
            ("", text("")),
            ("a cat, 1:1", text("a cat, 1:1")),
        ];
        for (pasted, expected) in table {
            assert_eq!(read(pasted), expected, "{pasted}");
        }
    }
}
