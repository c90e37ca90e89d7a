//! Arguments `KEY=VALUE`, `KEY=@FILE`, `KEY=-` and `KEY=PATH` that set parameters.

use std::io::Read;
use std::path::Path;

use super::Failure;
use crate::config::dirs::expand;

/// Most bytes of a value read from a file or standard input.
const MOST_BYTES: u64 = 16 << 20;

/// A pair as typed. Keys may contain `=`, so where it splits depends on the workflow's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair(String);

impl Pair {
    /// # Errors
    /// When there is no key before a `=`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.find('=') {
            None | Some(0) => Err("expected KEY=VALUE".to_owned()),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }

    /// Splits into key and value, at the `=` that gives a known key.
    ///
    /// # Errors
    /// When several splits give a known key.
    pub fn split(&self, is_known: impl Fn(&str) -> bool) -> Result<(&str, &str), Failure> {
        let splits = self.0.match_indices('=').map(|(at, _)| (&self.0[..at], &self.0[at + 1..]));
        let mut known = splits.filter(|(key, _)| is_known(key));
        match (known.next(), known.next()) {
            (None, _) => Ok(self.0.split_once('=').unwrap_or_default()),
            (Some(only), None) => Ok(only),
            (Some((a, _)), Some((b, _))) => Err(Failure::usage(format!(
                "`{}` can be read in two ways: there are `{a}` and `{b}`. Set it in a preset",
                self.0
            ))),
        }
    }
}

/// Reads values: `@FILE` is a file's content, `-` or `@-` standard input, `@@…` a text that begins with `@`.
#[derive(Debug, Default)]
pub struct Texts {
    /// The key that has read standard input.
    stdin_taken: Option<String>,
}

impl Texts {
    /// The text for `--set key=value`. The last line end of a file is removed.
    ///
    /// # Errors
    /// When the file or standard input cannot be read, or standard input was read before.
    pub fn read(&mut self, key: &str, value: &str, working: &Path) -> Result<String, Failure> {
        let fault = |why: String| Failure::usage(format!("--set {key}: {why}"));
        match value.strip_prefix('@') {
            _ if value == "-" || value == "@-" => {
                if let Some(taken) = self.stdin_taken.replace(key.to_owned()) {
                    return Err(fault(format!("standard input was read for {taken} already")));
                }
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
                read.map_err(|e| fault(format!("standard input cannot be read: {e}")))?;
                text(bytes).map_err(|why| fault(format!("standard input {why}")))
            }
            None => Ok(value.to_owned()),
            Some(literal) if literal.starts_with('@') => Ok(literal.to_owned()),
            Some(path) => {
                let path = expand(path, working);
                let shown = path.display();
                let literal = format!("A text that begins with @ is written with two: {key}=@{value}");
                let mut bytes = Vec::new();
                let read = std::fs::File::open(&path)
                    .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
                read.map_err(|e| fault(format!("{shown} cannot be read: {e}. {literal}")))?;
                text(bytes).map_err(|why| fault(format!("{shown} {why}")))
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err("is longer than 16 MB, which is too long for a value");
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(line.unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_an_equals_sign_is_the_one_that_is_known() {
        let pair = |text| Pair::parse(text).expect("a pair");
        let known = |key: &str| ["a=b-inputs-x", "prompt"].contains(&key);
        assert_eq!(pair("a=b-inputs-x=1=2").split(known).expect("split"), ("a=b-inputs-x", "1=2"));
        assert_eq!(pair("prompt=x=y").split(known).expect("split"), ("prompt", "x=y"));
        assert_eq!(pair("nobody=x=y").split(known).expect("split"), ("nobody", "x=y"));
        assert!(pair("a=b=1").split(|key| key == "a" || key == "a=b").is_err());
        assert!(Pair::parse("=x").is_err() && Pair::parse("x").is_err());
    }

    #[test]
    fn one_line_end_closes_a_file_and_the_rest_is_its_text() {
        for (bytes, read) in [
            ("a\n", Ok("a")),
            ("a\r\n", Ok("a")),
            ("a\n\n", Ok("a\n")),
            ("\u{feff}a\r\nb", Ok("a\r\nb")),
            ("", Ok("")),
        ] {
            assert_eq!(text(bytes.as_bytes().to_vec()).as_deref(), read, "{bytes:?}");
        }
        assert_eq!(text(vec![0xff]), Err("is not UTF-8 text"));
    }
}
