//! Splits a prompt into tokens.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// White space, including line breaks.
    Space,
    /// A word, including apostrophes, hyphens and full stops within it.
    Word,
    /// A backslash with the character it escapes: `\(`.
    Escape,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `:1.2` before a `)`: the weight of the parentheses' content.
    Weight,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `${`, which begins a variable; it ends at a `}`.
    OpenVariable,
    /// `|`
    Bar,
    /// `:`
    Colon,
    /// `$$`
    Dollars,
    /// A prefix within a choice: `2::`, `2$$`, `1-2$$ and $$`.
    Count,
    /// `<lora:name:0.8>` and the like.
    Tag,
    /// `embedding:name`
    Embedding,
    /// `__name__`
    Wildcard,
    /// Any other character, such as a comma or full stop.
    Mark,
}

impl Kind {
    /// Whether adjacent tokens of this kind form one word.
    pub fn is_word(self) -> bool {
        matches!(self, Self::Word | Self::Escape | Self::Embedding | Self::Wildcard)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    /// Byte range in the text.
    pub range: Range<usize>,
}

/// Characters that a backslash escapes. ComfyUI only does that for parentheses; the others are escaped
/// for the expansion of choices.
const ESCAPED: &str = "(){}[]<>|$#_";

/// Longest tag or wildcard in bytes; anything longer is plain text.
const LONGEST_NAME: usize = 512;

/// Splits a text into tokens that together are the text, byte for byte.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let in_word = tokens.last().is_some_and(|token| token.kind == Kind::Word);
        let (kind, length) = token(&text[at..], c, in_word);
        tokens.push(Token { kind, range: at..at + length });
        at += length;
    }
    tokens
}

/// The kind and length in bytes of the token at the start of `rest`. `in_word`: the previous token is a word.
fn token(rest: &str, c: char, in_word: bool) -> (Kind, usize) {
    let longer = match c {
        '\\' => escape(rest).map(|length| (Kind::Escape, length)),
        '<' => tag(rest).map(|length| (Kind::Tag, length)),
        '_' if !in_word => wildcard(rest).map(|length| (Kind::Wildcard, length)),
        'e' if !in_word => embedding(rest).map(|length| (Kind::Embedding, length)),
        '$' if rest.starts_with("$$") => Some((Kind::Dollars, 2)),
        '$' if rest.starts_with("${") => Some((Kind::OpenVariable, 2)),
        _ => None,
    };
    if let Some(longer) = longer {
        return longer;
    }
    let kind = match c {
        '(' => Kind::Open,
        ')' => Kind::Close,
        '[' => Kind::OpenBracket,
        ']' => Kind::CloseBracket,
        '{' => Kind::OpenBrace,
        '}' => Kind::CloseBrace,
        '|' => Kind::Bar,
        ':' => Kind::Colon,
        c if c.is_whitespace() => {
            let end = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
            return (Kind::Space, end);
        }
        c if is_word(c) => return (Kind::Word, word(rest)),
        _ => Kind::Mark,
    };
    (kind, c.len_utf8())
}

fn escape(rest: &str) -> Option<usize> {
    let c = rest[1..].chars().next()?;
    ESCAPED.contains(c).then_some(1 + c.len_utf8())
}

/// `<word:…>` on one line with balanced parentheses.
fn tag(rest: &str) -> Option<usize> {
    let name = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    if name == 0 || !rest[1 + name..].starts_with(':') {
        return None;
    }
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, c) in rest.char_indices().skip(1).take_while(|(at, _)| *at < LONGEST_NAME) {
        match c {
            '>' => return (depth == 0).then_some(at + 1),
            '<' | '\n' => return None,
            '(' if !escaped => depth += 1,
            ')' if !escaped => depth = depth.checked_sub(1)?,
            _ => {}
        }
        escaped = c == '\\';
    }
    None
}

/// `__name__`, where the name may contain slashes and stars.
fn wildcard(rest: &str) -> Option<usize> {
    let name = rest.strip_prefix("__")?;
    let is_part = |c: char| c.is_alphanumeric() || "_-./*?".contains(c);
    let end = name.char_indices().find(|(_, c)| !is_part(*c)).map_or(name.len(), |(at, _)| at);
    let end = name[..end].find("__").filter(|end| (1..LONGEST_NAME).contains(end))?;
    Some(end + 4)
}

fn embedding(rest: &str) -> Option<usize> {
    const WORD: &str = "embedding:";
    let name = rest.strip_prefix(WORD)?;
    let is_part = |c: char| !c.is_whitespace() && !",():;<>{}[]|\"$".contains(c);
    let end = name.char_indices().find(|(_, c)| !is_part(*c)).map_or(name.len(), |(at, _)| at);
    // A backslash may belong to what follows: `embedding:name\)`.
    let end = name[..end].trim_end_matches('\\').len();
    (end > 0).then_some(WORD.len() + end)
}

/// Length in bytes of the word at the start of a text.
fn word(rest: &str) -> usize {
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let begins_another = match c {
            '\\' => escape(&rest[at..]).is_some(),
            '$' => matches!(next, Some('$' | '{')),
            c if is_joint(c) => !next.is_some_and(char::is_alphanumeric),
            c => !is_word(c),
        };
        if begins_another && at > 0 {
            return at;
        }
    }
    rest.len()
}

/// Characters that join two parts of a word: `don't`, `x-ray`, `v1.5`.
fn is_joint(c: char) -> bool {
    matches!(c, '\'' | '’' | '-' | '.')
}

/// Whether a word may start with this character.
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "_\\@#&+$".contains(c) || (c.is_control() && !c.is_whitespace());
    }
    // General and CJK punctuation; symbols such as emoji count as words.
    let is_mark = matches!(c,
        '¡' | '«' | '·' | '»' | '¿'
        | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}'
        | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{30fb}'
        | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}');
    !is_mark && !c.is_whitespace()
}
