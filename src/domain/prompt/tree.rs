//! Builds a tree from the tokens: parentheses, brackets and choices.
//!
//! Building and reading the tree share its invariants, so they stay in one file.

use std::ops::Range;

use super::lex::{Kind, Token, lex};

/// Factor of parentheses without a weight.
const BARE: f64 = 1.1;

/// Open brackets searched for the partner of a closing one.
const MOST_OPEN: usize = 64;

/// A prompt as a tree: its tokens in order, and each one's place.
#[derive(Clone, Debug)]
pub struct Prompt<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    places: Vec<TokenPlace>,
}

/// A token's place in the tree.
#[derive(Clone, Copy, Debug, Default)]
struct TokenPlace {
    /// Index of the matching bracket.
    partner: Option<usize>,
    /// Index of the opening bracket around it.
    inside: Option<usize>,
    /// Whether parentheses count here: not after an unclosed one or an unmatched closing one.
    weighs: bool,
    /// Weight of text here.
    weight: f64,
}

/// `{a|b}`: one or more of the alternatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<'t> {
    /// How many are chosen; one by default.
    pub count: Option<Count<'t>>,
    pub alternatives: Vec<Alternative>,
}

/// `1-2$$ and $$`: how many are chosen, and the separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<'t> {
    pub least: usize,
    pub most: usize,
    pub separator: &'t str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Relative probability; 1 by default.
    pub share: f64,
    pub tokens: Range<usize>,
}

impl<'t> Prompt<'t> {
    pub fn new(text: &'t str) -> Self {
        let tokens = lex(text);
        let (partners, weighs) = parentheses(&tokens);
        let mut prompt = Self { text, tokens: Vec::with_capacity(tokens.len()), places: Vec::new() };
        prompt.put_weights(tokens, &partners, &weighs);
        prompt.put_brackets();
        prompt.put_places();
        prompt.put_counts();
        prompt
    }

    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The tokens in order; together they are the text.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Index of the matching bracket.
    pub fn partner(&self, token: usize) -> Option<usize> {
        self.places[token].partner
    }

    /// Index of the opening bracket of the innermost group around a token.
    pub fn inside(&self, token: usize) -> Option<usize> {
        self.places[token].inside
    }

    /// The weight of text at a token, as ComfyUI reads it.
    pub fn weight(&self, token: usize) -> f64 {
        self.places[token].weight
    }

    /// Whether parentheses around a token would count.
    pub fn weighs(&self, token: usize) -> bool {
        self.places[token].weighs
    }

    /// Byte range of a group with its brackets, by its opening bracket.
    pub fn group(&self, open: usize) -> Range<usize> {
        let close = self.partner(open).unwrap_or(open);
        self.tokens[open].range.start..self.tokens[close].range.end
    }

    /// Index of the weight token of a parenthesised group, by its opening parenthesis.
    pub fn weight_of(&self, open: usize) -> Option<usize> {
        let before = self.partner(open)?.checked_sub(1)?;
        (self.tokens[before].kind == Kind::Weight).then_some(before)
    }

    /// Opening brackets of the groups of these kinds, in order.
    pub fn groups<'a>(&'a self, kinds: &'a [Kind]) -> impl DoubleEndedIterator<Item = usize> + 'a {
        let is_group = |token: &usize| {
            kinds.contains(&self.tokens[*token].kind)
                && self.places[*token].partner.is_some_and(|p| p > *token)
        };
        (0..self.tokens.len()).filter(is_group)
    }

    pub fn text_of(&self, token: usize) -> &'t str {
        &self.text[self.tokens[token].range.clone()]
    }

    /// The choice that begins at an opening brace; `None` for plain braces.
    pub fn choice(&self, open: usize) -> Option<Choice<'t>> {
        let close = self.partner(open).filter(|_| self.tokens[open].kind == Kind::OpenBrace)?;
        let is_own = |token: &usize| self.inside(*token) == Some(open);
        let bars = (open + 1..close).filter(is_own).filter(|token| self.tokens[*token].kind == Kind::Bar);
        let ends: Vec<usize> = bars.chain([close]).collect();
        let mut start = open + 1;
        let count = self.counted(open + 1).map(|(count, behind)| {
            start = behind;
            count
        });
        if ends.len() == 1 && count.is_none() {
            return None;
        }
        let mut alternatives = Vec::new();
        for end in ends {
            let (share, from) = self.shared(start, end);
            alternatives.push(Alternative { share, tokens: from..end });
            start = end + 1;
        }
        Some(Choice { count, alternatives })
    }

    /// The count at the beginning of a choice, and the token after it.
    fn counted(&self, start: usize) -> Option<(Count<'t>, usize)> {
        let at = start + usize::from(self.kind_at(start) == Some(Kind::Space));
        let (least, most) = how_many(self.text_of(at)).filter(|_| self.kind_at(at) == Some(Kind::Count))?;
        let dollars = |from: usize| {
            let counts =
                (from..self.tokens.len()).take_while(|token| self.tokens[*token].kind == Kind::Count);
            counts.into_iter().find(|token| self.text_of(*token) == "$$")
        };
        let first = dollars(at + 1)?;
        let (separator, last) = match dollars(first + 1) {
            Some(second) => {
                (&self.text[self.tokens[first].range.end..self.tokens[second].range.start], second)
            }
            None => (", ", first),
        };
        Some((Count { least: least.min(most), most: most.max(least), separator }, last + 1))
    }

    /// The weight of an alternative, and where its text begins.
    fn shared(&self, start: usize, end: usize) -> (f64, usize) {
        let at = start + usize::from(self.kind_at(start) == Some(Kind::Space));
        if at + 2 < end + 1 && self.kind_at(at) == Some(Kind::Count) {
            let share = self.text_of(at).parse::<f64>().ok().filter(|share| *share >= 0.0);
            return (share.unwrap_or(1.0), at + 3);
        }
        (1.0, start)
    }

    /// What ComfyUI reads: pieces of text with weights, without the parentheses and numbers that set them.
    pub fn reading(&self) -> impl Iterator<Item = (Range<usize>, f64)> + '_ {
        self.tokens.iter().zip(&self.places).filter_map(|(token, place)| {
            let is_read = match token.kind {
                Kind::Open | Kind::Close => place.partner.is_none(),
                Kind::Weight => false,
                _ => true,
            };
            is_read.then(|| (token.range.clone(), place.weight))
        })
    }

    /// Sets the tokens, replacing those that form a weight by one.
    fn put_weights(&mut self, tokens: Vec<Token>, partners: &[Option<usize>], weighs: &[bool]) {
        let mut open: Vec<usize> = Vec::new();
        let mut colon = None;
        for (index, token) in tokens.into_iter().enumerate() {
            let is_paired = partners[index].is_some();
            let mut place = TokenPlace { weighs: weighs[index], ..TokenPlace::default() };
            match token.kind {
                Kind::Open if is_paired => open.push(self.tokens.len()),
                Kind::Close if is_paired => {
                    if let Some(opening) = open.pop() {
                        self.put_weight(opening, token.range.start, colon);
                        place.partner = Some(opening);
                        self.places[opening].partner = Some(self.tokens.len());
                    }
                }
                _ => {
                    let found = self.text[token.range.clone()].rfind(':');
                    colon = found.map(|at| token.range.start + at).or(colon);
                }
            }
            self.tokens.push(token);
            self.places.push(place);
        }
    }

    /// Adds the weight before a closing parenthesis; it starts at the last colon.
    fn put_weight(&mut self, opening: usize, end: usize, colon: Option<usize>) {
        // ComfyUI ignores a weight without text before it.
        let first = self.tokens[opening].range.end + 1;
        let Some(colon) = colon.filter(|colon| *colon >= first) else { return };
        if number(&self.text[colon + 1..end]).is_none() {
            return;
        }
        while self.tokens.last().is_some_and(|token| token.range.start >= colon) {
            self.tokens.pop();
            self.places.pop();
        }
        if let Some(last) = self.tokens.last_mut().filter(|token| token.range.end > colon) {
            // `(embedding:1.2)` is a word with a weight.
            *last = Token { kind: Kind::Word, range: last.range.start..colon };
        }
        self.tokens.push(Token { kind: Kind::Weight, range: colon..end });
        self.places.push(TokenPlace { weighs: true, ..TokenPlace::default() });
    }

    /// Pairs brackets and braces within their parentheses.
    fn put_brackets(&mut self) {
        let mut open: Vec<usize> = Vec::new();
        for index in 0..self.tokens.len() {
            let kind = self.tokens[index].kind;
            let opening: &[Kind] = match kind {
                Kind::Open if self.places[index].partner.is_none() => continue,
                Kind::Open | Kind::OpenBracket | Kind::OpenBrace | Kind::OpenVariable => {
                    open.push(index);
                    continue;
                }
                Kind::Close => {
                    if let Some(opening) = self.places[index].partner {
                        let at = open.iter().rposition(|open| *open == opening);
                        open.truncate(at.unwrap_or(0));
                    }
                    continue;
                }
                Kind::CloseBracket => &[Kind::OpenBracket],
                Kind::CloseBrace => &[Kind::OpenBrace, Kind::OpenVariable],
                _ => continue,
            };
            let within = open.iter().rev().take(MOST_OPEN);
            let within = within.take_while(|open| self.tokens[**open].kind != Kind::Open);
            let found = within.enumerate().find(|(_, open)| opening.contains(&self.tokens[**open].kind));
            if let Some((passed, opening)) = found.map(|(passed, opening)| (passed, *opening)) {
                open.truncate(open.len() - passed - 1);
                self.places[index].partner = Some(opening);
                self.places[opening].partner = Some(index);
            }
        }
    }

    /// Computes each token's surrounding bracket and weight.
    fn put_places(&mut self) {
        let mut open: Vec<(usize, f64)> = Vec::new();
        for index in 0..self.tokens.len() {
            let partner = self.places[index].partner;
            if partner.is_some_and(|partner| partner < index) {
                open.pop();
            }
            let (inside, weight) = open.last().map_or((None, 1.0), |(open, weight)| (Some(*open), *weight));
            (self.places[index].inside, self.places[index].weight) = (inside, weight);
            if partner.is_some_and(|partner| partner > index) {
                let within = match self.tokens[index].kind {
                    Kind::Open => self.own_weight(index).unwrap_or(weight * BARE),
                    _ => weight,
                };
                open.push((index, within));
            }
        }
    }

    /// The weight written in a pair of parentheses.
    fn own_weight(&self, open: usize) -> Option<f64> {
        let token = &self.tokens[self.weight_of(open)?];
        number(&self.text[token.range.start + 1..token.range.end])
    }

    /// Marks the prefixes of alternatives and choices.
    fn put_counts(&mut self) {
        let choices: Vec<usize> = self.groups(&[Kind::OpenBrace]).collect();
        for open in choices {
            let behind = self.put_how_many(open);
            self.put_share(behind);
        }
        let is_in_choice = |bar: &usize| {
            let inside = self.places[*bar].inside.map(|open| self.tokens[open].kind);
            self.tokens[*bar].kind == Kind::Bar && inside == Some(Kind::OpenBrace)
        };
        let bars: Vec<usize> = (0..self.tokens.len()).filter(is_in_choice).collect();
        for bar in bars {
            self.put_share(bar + 1);
        }
    }

    /// `2::` at the beginning of an alternative.
    fn put_share(&mut self, at: usize) {
        let at = at + usize::from(self.kind_at(at) == Some(Kind::Space));
        let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
        let is_share = self.kind_at(at) == Some(Kind::Word)
            && is_number(self.text_of(at))
            && self.kind_at(at + 1) == Some(Kind::Colon)
            && self.kind_at(at + 2) == Some(Kind::Colon);
        if is_share {
            self.tokens[at..at + 3].iter_mut().for_each(|token| token.kind = Kind::Count);
        }
    }

    /// `2$$` or `1-2$$ and $$` at the beginning of a choice. Returns the token after it.
    fn put_how_many(&mut self, open: usize) -> usize {
        let at = open + 1 + usize::from(self.kind_at(open + 1) == Some(Kind::Space));
        let is_counted = self.kind_at(at) == Some(Kind::Word)
            && how_many(self.text_of(at)).is_some()
            && self.kind_at(at + 1) == Some(Kind::Dollars);
        if !is_counted {
            return open + 1;
        }
        let close = self.places[open].partner.unwrap_or(open);
        let own = |index: &usize| self.places[*index].inside == Some(open);
        let first = (at + 2..close)
            .filter(own)
            .find(|index| matches!(self.tokens[*index].kind, Kind::Bar | Kind::Dollars));
        let end = first.filter(|index| self.tokens[*index].kind == Kind::Dollars).unwrap_or(at + 1);
        self.tokens[at..=end].iter_mut().for_each(|token| token.kind = Kind::Count);
        end + 1
    }

    fn kind_at(&self, index: usize) -> Option<Kind> {
        self.tokens.get(index).map(|token| token.kind)
    }
}

/// `2` or `1-2`: how many are chosen.
fn how_many(text: &str) -> Option<(usize, usize)> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some((number(least)?, number(most)?))
}

/// Pairs parentheses as ComfyUI does, which counts levels from left to right and splits at level zero. Returns each
/// token's partner, and whether parentheses count there.
fn parentheses(tokens: &[Token]) -> (Vec<Option<usize>>, Vec<bool>) {
    let mut partners = vec![None; tokens.len()];
    let mut weighs = vec![true; tokens.len()];
    let mut level = 0_i64;
    // The outermost open parenthesis, those open within it, and the pairs that count once it is closed.
    let (mut outermost, mut open, mut pairs) = (None, Vec::new(), Vec::new());
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => {
                if level == 0 {
                    outermost = Some(index);
                }
                if outermost.is_some() {
                    open.push(index);
                }
                level += 1;
            }
            Kind::Close => {
                level -= 1;
                pairs.extend(open.pop().map(|open| (open, index)));
                if level == 0 {
                    outermost = None;
                }
                if outermost.is_none() {
                    for (open, close) in pairs.drain(..) {
                        (partners[open], partners[close]) = (Some(close), Some(open));
                    }
                }
            }
            _ => {}
        }
        if outermost.is_none() {
            let is_loose = matches!(token.kind, Kind::Open | Kind::Close) && partners[index].is_none();
            weighs[index] = level == 0 && !is_loose;
        }
    }
    if let Some(outermost) = outermost {
        weighs[outermost..].fill(false);
    }
    (partners, weighs)
}

/// Parses a number as Python's `float` does.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.contains('_') {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_between = |at: usize| at > 0 && digit(at - 1) && digit(at + 1);
    let well = text.match_indices('_').all(|(at, _)| is_between(at));
    well.then(|| text.replace('_', "").parse().ok()).flatten()
}
