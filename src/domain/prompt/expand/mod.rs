//! Expands prompt templates: choices, wildcards and variables become text, chosen by a seed that
//! is stored with the run.
//!
//! `{red|green}` is one of the two, `{3::red|green}` red three times as often, `{2$$red|green|blue}` two of three,
//! `{1-2$$ and $$red|green}` one or two joined by " and "; `__colours/*__` a line from a file; `${c=!{red|green}}`
//! sets a variable once (without `!` it is chosen anew at each `${c}`), `${c:red}` has a default. `\\{` is a literal
//! brace. Comments (`# …` on a line of its own, `// …`, `/* … */`) are removed.

use std::collections::HashMap;
use std::ops::Range;

use super::lex::Kind;
use super::tree::{Alternative, Choice, Prompt};

/// Deepest nesting of wildcards and variables.
const MOST_DEPTH: usize = 32;

/// Longest expanded prompt, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// Provides the lines of wildcards by their name in the prompt, which may contain stars.
pub trait Wildcards {
    /// `None` when there is no such wildcard.
    ///
    /// # Errors
    /// Why the wildcard files cannot be read.
    fn lines(&self, name: &str) -> Result<Option<Vec<String>>, String>;

    /// The most similar name, for a message.
    fn nearest(&self, name: &str) -> Option<String>;
}

/// No wildcards at all, for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWildcards;

impl Wildcards for NoWildcards {
    fn lines(&self, _name: &str) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }

    fn nearest(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Why a template cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    #[error("there is no wildcard `__{name}__`{} To send it as it is, write \\__{name}__, or turn expansion off for this text", .near.as_ref().map_or_else(|| ".".to_owned(), |near| format!(". Did you mean `__{near}__`?")))]
    UnknownWildcard { name: String, near: Option<String> },
    #[error("the wildcards cannot be read: {0}")]
    Unreadable(String),
    #[error("the wildcard `__{0}__` has no lines")]
    EmptyWildcard(String),
    #[error(
        "the variable `${{{0}}}` is used but never set. Set it before, as in ${{{0}=red}}, or write \\${{{0}}} for the text itself"
    )]
    UnknownVariable(String),
    #[error("wildcards or variables are nested more than {MOST_DEPTH} deep; one may contain itself")]
    TooDeep,
    #[error("the text would become longer than a megabyte")]
    TooLong,
}

/// Whether expanding a text could change it.
pub fn is_template(text: &str) -> bool {
    let plain = without_comments(text);
    if plain != text {
        return true;
    }
    let prompt = Prompt::new(text);
    (0..prompt.tokens().len()).any(|token| match prompt.tokens()[token].kind {
        Kind::OpenBrace => prompt.choice(token).is_some(),
        Kind::OpenVariable => prompt.partner(token).is_some(),
        Kind::Wildcard => true,
        Kind::Escape => unescaped(&prompt, token).is_some(),
        Kind::Tag => is_template(inside_tag(prompt.text_of(token))),
        _ => false,
    })
}

/// `lora:name:0.8` of `<lora:name:0.8>`.
fn inside_tag(tag: &str) -> &str {
    tag.strip_prefix('<').and_then(|tag| tag.strip_suffix('>')).unwrap_or_default()
}

/// Expands a template. The same seed gives the same text as long as the wildcards do not change.
///
/// # Errors
/// When a wildcard or variable is missing, or the text would become too long or too deeply nested.
pub fn expand(template: &str, seed: u64, wildcards: &dyn Wildcards) -> Result<String, ExpandError> {
    let mut expanding =
        Expanding { wildcards, chance: Chance(seed), variables: HashMap::new(), out: String::new() };
    expanding.text(&without_comments(template), 0)?;
    Ok(expanding.out)
}

struct Expanding<'w> {
    wildcards: &'w dyn Wildcards,
    chance: Chance,
    /// Variables' templates, expanded anew at each use.
    variables: HashMap<String, String>,
    out: String,
}

impl Expanding<'_> {
    fn text(&mut self, text: &str, depth: usize) -> Result<(), ExpandError> {
        if depth > MOST_DEPTH {
            return Err(ExpandError::TooDeep);
        }
        let prompt = Prompt::new(text);
        self.tokens(&prompt, 0..prompt.tokens().len(), depth)
    }

    fn tokens(&mut self, prompt: &Prompt<'_>, tokens: Range<usize>, depth: usize) -> Result<(), ExpandError> {
        if depth > MOST_DEPTH {
            return Err(ExpandError::TooDeep);
        }
        let mut token = tokens.start;
        while token < tokens.end {
            let text = prompt.text_of(token);
            let close = prompt.partner(token);
            match (prompt.tokens()[token].kind, close) {
                (Kind::OpenBrace, Some(close)) if let Some(choice) = prompt.choice(token) => {
                    self.choice(prompt, &choice, depth)?;
                    token = close;
                }
                (Kind::OpenVariable, Some(close)) => {
                    let inside = prompt.tokens()[token].range.end..prompt.tokens()[close].range.start;
                    self.variable(&prompt.text()[inside], depth)?;
                    token = close;
                }
                (Kind::Wildcard, _) => {
                    let lines = self.lines(text)?;
                    let line = self.pick(&lines);
                    self.text(&line, depth + 1)?;
                }
                (Kind::Tag, _) => {
                    self.out.push('<');
                    self.text(inside_tag(text), depth + 1)?;
                    self.out.push('>');
                }
                (Kind::Escape, _) => self.out.push_str(unescaped(prompt, token).unwrap_or(text)),
                _ => self.out.push_str(text),
            }
            if self.out.len() > MOST_BYTES {
                return Err(ExpandError::TooLong);
            }
            token += 1;
        }
        Ok(())
    }

    fn choice(&mut self, prompt: &Prompt<'_>, choice: &Choice<'_>, depth: usize) -> Result<(), ExpandError> {
        let Some(count) = choice.count else {
            let shares: Vec<f64> = choice.alternatives.iter().map(|alternative| alternative.share).collect();
            let chosen = self.chance.pick(&shares);
            return self.tokens(prompt, choice.alternatives[chosen].tokens.clone(), depth + 1);
        };
        // A choice of one wildcard chooses among its lines.
        let lines = match choice.alternatives.as_slice() {
            [Alternative { tokens, .. }] if self.is_wildcard(prompt, tokens) => {
                let name = prompt.text_of(tokens.start);
                Some(self.lines(name)?)
            }
            _ => None,
        };
        let mut left: Vec<(f64, usize)> = match &lines {
            Some(lines) => lines.iter().enumerate().map(|(at, line)| (shared(line).0, at)).collect(),
            None => choice.alternatives.iter().enumerate().map(|(at, one)| (one.share, at)).collect(),
        };
        let wanted = self.chance.within(count.least, count.most).min(left.len());
        for taken in 0..wanted {
            if taken > 0 {
                self.out.push_str(count.separator);
            }
            let shares: Vec<f64> = left.iter().map(|(share, _)| *share).collect();
            let (_, at) = left.remove(self.chance.pick(&shares));
            let start = self.out.len();
            match &lines {
                Some(lines) => self.text(shared(&lines[at]).1, depth + 1)?,
                None => self.tokens(prompt, choice.alternatives[at].tokens.clone(), depth + 1)?,
            }
            // Spaces around a bar do not belong to the alternatives.
            let text = self.out.split_off(start);
            self.out.push_str(text.trim());
        }
        Ok(())
    }

    fn is_wildcard(&self, prompt: &Prompt<'_>, tokens: &Range<usize>) -> bool {
        tokens.len() == 1 && prompt.tokens()[tokens.start].kind == Kind::Wildcard
    }

    /// `x=red`, `x=!{red|green}`, `x:red` or `x`.
    fn variable(&mut self, text: &str, depth: usize) -> Result<(), ExpandError> {
        let end = text.find(['=', ':']).unwrap_or(text.len());
        let name = text[..end].trim();
        let value = text.get(end + 1..);
        match (text[end..].chars().next(), value) {
            (Some('='), Some(value)) => {
                let value = match value.strip_prefix('!') {
                    Some(once) => {
                        let start = self.out.len();
                        self.text(once, depth + 1)?;
                        escaped(&self.out.split_off(start))
                    }
                    None => value.to_owned(),
                };
                self.variables.insert(name.to_owned(), value);
                Ok(())
            }
            (_, default) => match self.variables.get(name).cloned().or_else(|| default.map(str::to_owned)) {
                Some(value) => self.text(&value, depth + 1),
                None => Err(ExpandError::UnknownVariable(name.to_owned())),
            },
        }
    }

    /// The lines of a wildcard as written.
    fn lines(&self, written: &str) -> Result<Vec<String>, ExpandError> {
        let name = written.strip_prefix("__").and_then(|name| name.strip_suffix("__")).unwrap_or(written);
        let lines = self.wildcards.lines(name).map_err(ExpandError::Unreadable)?.ok_or_else(|| {
            ExpandError::UnknownWildcard { name: name.to_owned(), near: self.wildcards.nearest(name) }
        })?;
        if lines.is_empty() { Err(ExpandError::EmptyWildcard(name.to_owned())) } else { Ok(lines) }
    }

    /// Picks a line by the weights of all.
    fn pick(&mut self, lines: &[String]) -> String {
        let shares: Vec<f64> = lines.iter().map(|line| shared(line).0).collect();
        shared(&lines[self.chance.pick(&shares)]).1.to_owned()
    }
}

/// Splits `2::red` into weight and text.
fn shared(line: &str) -> (f64, &str) {
    let apart =
        line.split_once("::").and_then(|(share, text)| Some((share.trim().parse::<f64>().ok()?, text)));
    apart.filter(|(share, _)| share.is_finite() && *share >= 0.0).unwrap_or((1.0, line))
}

/// The character an escape stands for; `None` for escapes that ComfyUI handles.
fn unescaped<'t>(prompt: &Prompt<'t>, token: usize) -> Option<&'t str> {
    let text = prompt.text_of(token);
    let behind = &prompt.text()[prompt.tokens()[token].range.end..];
    match &text[1..] {
        "{" | "}" | "|" | "$" | "#" => Some(&text[1..]),
        "_" if behind.starts_with('_') || behind.starts_with("\\_") => Some(&text[1..]),
        _ => None,
    }
}

/// Escapes a text so that it expands to itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if matches!(c, '{' | '}' | '|' | '$' | '#') || (c == '_' && rest.peek() == Some(&'_')) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let begins_line = kept.is_empty() || kept.ends_with('\n');
        let end_of_line = rest.find('\n').unwrap_or(rest.len());
        if begins_line && rest[..end_of_line].trim_start().starts_with('#') {
            // Including its line end.
            rest = rest.get(end_of_line + 1..).unwrap_or_default();
        } else if rest.starts_with("/*")
            && let Some(end) = rest.find("*/")
        {
            rest = &rest[end + 2..];
        } else if rest.starts_with("//") && begins_comment(&kept, &rest[2..]) {
            rest = &rest[end_of_line..];
        } else {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    kept
}

/// Whether `//` between these texts begins a comment, and is not in the middle of an address, a path or base64.
fn begins_comment(before: &str, after: &str) -> bool {
    let is_glued = |c: char| c.is_alphanumeric() || matches!(c, ':' | '\\' | '/' | '+' | '=' | '-' | '_');
    let is_escaped = before.ends_with([':', '\\']);
    !is_escaped && (after.starts_with([' ', '\t']) || !before.ends_with(is_glued))
}

/// A random generator with the same results on every machine: SplitMix64.
#[derive(Clone, Copy, Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn within(&mut self, least: usize, most: usize) -> usize {
        let range = most.saturating_sub(least) as f64 + 1.0;
        least + (self.share() * range) as usize
    }

    /// The index of a random weight; when all are 0, each is equally likely.
    fn pick(&mut self, shares: &[f64]) -> usize {
        let sum: f64 = shares.iter().sum();
        let mut left = self.share() * if sum > 0.0 { sum } else { shares.len() as f64 };
        for (at, share) in shares.iter().enumerate() {
            left -= if sum > 0.0 { *share } else { 1.0 };
            if left < 0.0 {
                return at;
            }
        }
        shares.iter().rposition(|share| *share > 0.0).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
