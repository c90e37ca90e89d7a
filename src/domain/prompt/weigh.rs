//! Changes weights by key: more or less of what the cursor is in.

use std::ops::Range;

use super::lex::{Kind, Token};
use super::tree::Prompt;

/// Largest weight, positive or negative, that a key sets.
const MOST: f64 = 10.0;

/// Why a weight was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("There is no word here to weigh")]
    NoWord,
    #[error(
        "A parenthesis is not closed, so weights would have no effect. Close it, or write \\( for a literal one"
    )]
    Unclosed,
    #[error("This weight is at its limit")]
    Limit,
    #[error("This weight is not a valid number")]
    NoNumber,
}

/// A text and selection whose weight goes up and down: as many steps up as down restore the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighing {
    text: String,
    selection: Range<usize>,
    /// Sum of the changes in tenths.
    tenths: i32,
    weighed: (String, Range<usize>),
}

impl Weighing {
    /// `selection` is a byte range on character boundaries. An empty one is a cursor: it means the LoRA tag
    /// around it, else the parentheses around it, else the word at it. A selection that cuts through a
    /// group means the whole group.
    pub fn new(text: &str, selection: Range<usize>) -> Self {
        let weighed = (text.to_owned(), selection.clone());
        Self { text: text.to_owned(), selection, tenths: 0, weighed }
    }

    /// Whether text and selection are those of the last change.
    pub fn is_at(&self, text: &str, selection: &Range<usize>) -> bool {
        self.weighed.0 == text && self.weighed.1 == *selection
    }

    /// Changes the weight by tenths. Returns the new text and selection; parentheses whose weight would equal the
    /// one around them are removed.
    ///
    /// # Errors
    /// When there is nothing to weigh here, or the limit is reached. Nothing has changed then.
    pub fn add(&mut self, tenths: i32) -> Result<(&str, Range<usize>), Refusal> {
        let sum = self.tenths.saturating_add(tenths);
        self.weighed = match sum {
            0 => (self.text.clone(), self.selection.clone()),
            sum => weighed(&self.text, self.selection.clone(), sum)?,
        };
        self.tenths = sum;
        Ok((&self.weighed.0, self.weighed.1.clone()))
    }
}

/// What the key changes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A tag, and the byte range of its number; empty when it has none yet.
    Tag { tag: Range<usize>, number: Range<usize> },
    /// The content of parentheses, by the opening one.
    Group(usize),
    /// Text without a weight of its own: its byte range, and one of its tokens.
    Words(Range<usize>, usize),
}

fn weighed(text: &str, selection: Range<usize>, tenths: i32) -> Result<(String, Range<usize>), Refusal> {
    let prompt = Prompt::new(text);
    match target(&prompt, selection)? {
        Target::Tag { tag, number } => {
            let now = text[number.clone()].trim_start_matches(':').trim();
            let next = Number::read(if now.is_empty() { "1" } else { now })?.plus(tenths)?;
            let next = if number.is_empty() { format!(":{next}") } else { next };
            let written = format!("{}{next}{}", &text[..number.start], &text[number.end..]);
            Ok((written, tag.start..tag.end + next.len() - number.len()))
        }
        Target::Group(open) => group(&prompt, open, tenths),
        Target::Words(words, token) => {
            let around = prompt.weight(token);
            let next = Number::of(around)?.plus(tenths)?;
            let changed = format!("({}:{next})", &text[words.clone()]);
            let inside = 1..1 + words.len();
            put(&prompt, words, &changed, inside, true)
        }
    }
}

/// Changes the weight of parentheses.
fn group(prompt: &Prompt<'_>, open: usize, tenths: i32) -> Result<(String, Range<usize>), Refusal> {
    let text = prompt.text();
    let whole = prompt.group(open);
    let weight = prompt.weight_of(open).map(|token| prompt.tokens()[token].range.clone());
    let words = whole.start + 1..weight.as_ref().map_or(whole.end - 1, |weight| weight.start);
    let around = prompt.weight(open);
    let (number, before, after) = match &weight {
        Some(weight) => {
            let written = &text[weight.start + 1..weight.end];
            let number = written.trim();
            let spaces = written.len() - written.trim_start().len();
            (Number::read(number)?, &written[..spaces], &written[spaces + number.len()..])
        }
        None => (Number::of(around * 1.1)?, "", ""),
    };
    let next = number.plus(tenths)?;
    let words = &text[words];
    if words.trim().is_empty() {
        return Err(Refusal::NoWord);
    }
    if next.parse().is_ok_and(|next: f64| (next - around).abs() < 1e-9) {
        // Without the parentheses the text might change its meaning: `(a (b:2:1.1))` would become `(a b:2)`.
        if let Ok(bare) = put(prompt, whole.clone(), words, 0..words.len(), false) {
            return Ok(bare);
        }
    }
    let changed = format!("({words}:{before}{next}{after})");
    put(prompt, whole, &changed, 1..1 + words.len(), true)
}

/// Replaces a range of the text, provided that ComfyUI still reads everything around it as before. `inside` is the
/// new selection within the replacement; `in_parentheses` requires that its parentheses count.
fn put(
    prompt: &Prompt<'_>,
    place: Range<usize>,
    changed: &str,
    inside: Range<usize>,
    in_parentheses: bool,
) -> Result<(String, Range<usize>), Refusal> {
    let text = prompt.text();
    let written = format!("{}{changed}{}", &text[..place.start], &text[place.end..]);
    let after = Prompt::new(&written);
    let behind = place.start + changed.len();
    let reads_alike = ahead(prompt, place.start).eq(ahead(&after, place.start))
        && rest(prompt, place.end).eq(rest(&after, behind));
    let counts =
        !in_parentheses || after.groups(&[Kind::Open]).any(|open| after.group(open) == (place.start..behind));
    if !(reads_alike && counts) {
        return Err(Refusal::Unclosed);
    }
    let selection = place.start + inside.start..place.start + inside.end;
    Ok((written, selection))
}

/// What is read before a position, byte by byte.
fn ahead<'p>(prompt: &'p Prompt<'_>, end: usize) -> impl Iterator<Item = (usize, u64)> + 'p {
    let pieces = prompt.reading().take_while(move |(range, _)| range.start < end);
    pieces.flat_map(move |(range, weight)| {
        (range.start..range.end.min(end)).map(move |at| (at, weight.to_bits()))
    })
}

/// What is read after a position, byte by byte, counted from there.
fn rest<'p>(prompt: &'p Prompt<'_>, start: usize) -> impl Iterator<Item = (usize, u64)> + 'p {
    let pieces = prompt.reading().filter(move |(range, _)| range.end > start);
    pieces.flat_map(move |(range, weight)| {
        (range.start.max(start)..range.end).map(move |at| (at - start, weight.to_bits()))
    })
}

fn target(prompt: &Prompt<'_>, selection: Range<usize>) -> Result<Target, Refusal> {
    if selection.is_empty() { at_cursor(prompt, selection.start) } else { selected(prompt, selection) }
}

fn is_word(token: &Token) -> bool {
    token.kind.is_word()
}

fn at_cursor(prompt: &Prompt<'_>, at: usize) -> Result<Target, Refusal> {
    let tokens = prompt.tokens();
    let touches = |token: &Token| token.range.start <= at && at <= token.range.end;
    let touched = |is: fn(&Token) -> bool| tokens.iter().position(|token| touches(token) && is(token));
    let word = touched(is_word);
    let tag = touched(|token| token.kind == Kind::Tag);
    if let Some(tag) =
        tag.filter(|tag| word.is_none() || tokens[*tag].range.start < at && at < tokens[*tag].range.end)
    {
        return Ok(tag_number(prompt, tag, Some(at)));
    }
    let is_in = |open: &usize| prompt.group(*open).start < at && at < prompt.group(*open).end;
    if let Some(open) = prompt.groups(&[Kind::Open]).rfind(is_in) {
        return Ok(Target::Group(open));
    }
    let Some(word) = word else {
        let touches = |open: &usize| prompt.group(*open).start == at || prompt.group(*open).end == at;
        let beside = prompt.groups(&[Kind::Open]).find(touches).ok_or(Refusal::NoWord)?;
        return Ok(Target::Group(beside));
    };
    let first = tokens[..word].iter().rposition(|token| !is_word(token)).map_or(0, |before| before + 1);
    let last = tokens[word..].iter().position(|token| !is_word(token)).map_or(tokens.len(), |n| word + n) - 1;
    words(prompt, tokens[first].range.start..tokens[last].range.end, word)
}

fn words(prompt: &Prompt<'_>, range: Range<usize>, token: usize) -> Result<Target, Refusal> {
    if prompt.weighs(token) { Ok(Target::Words(range, token)) } else { Err(Refusal::Unclosed) }
}

fn selected(prompt: &Prompt<'_>, selection: Range<usize>) -> Result<Target, Refusal> {
    let tokens = prompt.tokens();
    let chosen = &prompt.text()[selection.clone()];
    let start = selection.start + chosen.len() - chosen.trim_start().len();
    let mut range = start..start + chosen.trim().len();
    if range.is_empty() {
        return Err(Refusal::NoWord);
    }
    loop {
        let is_chosen = |token: &Token| token.range.start < range.end && range.start < token.range.end;
        let first = tokens.iter().position(is_chosen).ok_or(Refusal::NoWord)?;
        let last = tokens.iter().rposition(is_chosen).ok_or(Refusal::NoWord)?;
        let around = common(prompt, first, last);
        let (first, last) = (child(prompt, first, around), child(prompt, last, around));
        let (whole_first, whole_last) = (extent(prompt, first), extent(prompt, last));
        let can_be_cut = |token: usize| matches!(tokens[token].kind, Kind::Word | Kind::Space | Kind::Mark);
        let start = if can_be_cut(first) { range.start } else { whole_first.start };
        let end = if can_be_cut(last) { range.end } else { whole_last.end };
        let mut own = (first..=last).filter(|token| prompt.inside(*token) == around);
        if let Some(open) = around
            && own.any(|token| matches!(tokens[token].kind, Kind::Bar | Kind::Count | Kind::Weight))
        {
            // Half of a choice, or a weight with its text: the whole group is meant.
            if tokens[open].kind == Kind::Open {
                return Ok(Target::Group(open));
            }
            range = prompt.group(open);
            continue;
        }
        if tokens[first].kind == Kind::Tag && whole_first == (start..end) {
            return Ok(tag_number(prompt, first, None));
        }
        if tokens[first].kind == Kind::Open && whole_first == (start..end) && prompt.partner(first).is_some()
        {
            return Ok(Target::Group(first));
        }
        if let Some(open) = around.filter(|open| tokens[*open].kind == Kind::Open) {
            let group = prompt.group(open);
            let inside =
                group.start + 1..prompt.weight_of(open).map_or(group.end - 1, |w| tokens[w].range.start);
            let text = prompt.text();
            if text[inside.start..start].trim().is_empty() && text[end..inside.end].trim().is_empty() {
                return Ok(Target::Group(open));
            }
        }
        return match (first..=last).find(|token| !prompt.weighs(*token)) {
            Some(_) => Err(Refusal::Unclosed),
            None => words(prompt, start..end, first),
        };
    }
}

/// The innermost group around two tokens, either of which may be its bracket.
fn common(prompt: &Prompt<'_>, first: usize, last: usize) -> Option<usize> {
    let mut around = prompt.inside(first);
    while let Some(open) = around {
        if prompt.partner(open).is_some_and(|close| last < close) {
            break;
        }
        around = prompt.inside(open);
    }
    around
}

/// The token itself, or the opening bracket of the group around it, that is a direct child of `around`.
fn child(prompt: &Prompt<'_>, token: usize, around: Option<usize>) -> usize {
    let mut token = prompt.partner(token).map_or(token, |partner| partner.min(token));
    while let Some(open) = prompt.inside(token).filter(|open| Some(*open) != around) {
        token = open;
    }
    token
}

/// Byte range of a token, or of the group it opens.
fn extent(prompt: &Prompt<'_>, token: usize) -> Range<usize> {
    match prompt.partner(token) {
        Some(_) => prompt.group(token),
        None => prompt.tokens()[token].range.clone(),
    }
}

/// The number of a tag: the one at the cursor, else the first.
fn tag_number(prompt: &Prompt<'_>, tag: usize, cursor: Option<usize>) -> Target {
    let tag = prompt.tokens()[tag].range.clone();
    let text = &prompt.text()[tag.start..tag.end - 1];
    // `<lora:name:0.8:0.6>`: any number after the name.
    let mut at = tag.start;
    let mut numbers = Vec::new();
    for (index, part) in text.split(':').enumerate() {
        if index >= 2 && part.trim().parse::<f64>().is_ok() {
            let start = at + part.len() - part.trim_start().len();
            numbers.push(start..start + part.trim().len());
        }
        at += part.len() + 1;
    }
    let at_cursor = |number: &&Range<usize>| cursor.is_some_and(|at| number.start <= at && at <= number.end);
    let number = numbers.iter().find(at_cursor).or(numbers.first()).cloned();
    let number = number.unwrap_or_else(|| {
        // Directly after the name.
        let name_end = text.match_indices(':').nth(1).map_or(tag.end - 1, |(at, _)| tag.start + at);
        name_end..name_end
    });
    Target::Tag { tag, number }
}

/// A weight that keeps its number of decimals.
#[derive(Clone, Copy, Debug)]
struct Number {
    value: f64,
    places: usize,
}

impl Number {
    fn read(text: &str) -> Result<Self, Refusal> {
        let value: f64 = text.parse().map_err(|_| Refusal::NoNumber)?;
        let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b));
        let places = text.split_once('.').map_or(0, |(_, places)| places.len());
        if !value.is_finite() || !is_plain || places > 9 {
            return Self::of(value);
        }
        Ok(Self { value, places: places.max(1) })
    }

    fn of(value: f64) -> Result<Self, Refusal> {
        if !value.is_finite() || value.abs() > 1e9 {
            return Err(Refusal::NoNumber);
        }
        let hundredths = format!("{value:.2}");
        Ok(Self { value, places: if hundredths.ends_with('0') { 1 } else { 2 } })
    }

    fn plus(self, tenths: i32) -> Result<String, Refusal> {
        let next = self.value + f64::from(tenths) / 10.0;
        if next.abs() > MOST + 1e-9 && next.abs() > self.value.abs() {
            return Err(Refusal::Limit);
        }
        let text = format!("{next:.*}", self.places);
        let is_zero = text.bytes().all(|b| b"-0.".contains(&b));
        Ok(if is_zero { text.trim_start_matches('-').to_owned() } else { text })
    }
}
