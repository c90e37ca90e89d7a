//! What differs between two runs, in as few words as a row of a list has room for: `steps 24 → 30`, `+lamplight`,
//! `seed 48…15`.

use super::compare::{self, Change, What, Words};
use super::inputs::is_seed_name;
use super::{ParamKey, RunId, RunRequest, lora, scalar, value};

/// Things that differ which are told; the rest is counted.
const MOST: usize = 6;
/// Pieces of one text that are told.
const MOST_PIECES: usize = 4;
/// Characters of a value or a piece that are kept.
const MOST_CHARS: usize = 60;
/// Of each so many words of a text one has to be in both, else it is another text.
const ALIKE: usize = 3;

/// What tells a run from the others of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brief {
    /// The run before it, of the same workflow and preset; `None` for the first one.
    pub before: Option<RunId>,
    /// What differs from that one, most telling first: texts, values, seeds.
    pub told: Vec<Told>,
    /// Things that differ and are not told.
    pub more: usize,
    /// The earlier run that made the same picture.
    pub same_as: Option<RunId>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub what: What,
    pub change: Short,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Short {
    /// From one value to the other; `None` where it was not sent.
    Values(Option<String>, Option<String>),
    /// Another seed: its digits, by their ends where they are many.
    Seed(String),
    /// Another text than before: its beginning.
    Text(String),
    /// A text that changed in places.
    Pieces(Vec<Piece>),
}

/// A place where a text changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    New(String),
    Gone(String),
    /// These words stand where those stood.
    Other(String, String),
}

impl Piece {
    fn is_empty(&self) -> bool {
        match self {
            Self::New(words) | Self::Gone(words) => words.is_empty(),
            Self::Other(gone, new) => gone.is_empty() && new.is_empty(),
        }
    }
}

impl Brief {
    /// What a request differs in from the one before it.
    pub fn of(before: (RunId, &RunRequest), now: &RunRequest) -> Self {
        let (id, earlier) = before;
        let differ = compare::requests(earlier, now).differ;
        // Each run of them that has a preset is of the same: it is what they were found by.
        let told = differ.into_iter().filter(|differ| differ.what != What::Preset);
        let mut told: Vec<Told> = told
            .map(|differ| Told { change: short(&differ.what, differ.change, now), what: differ.what })
            .collect();
        told.sort_by_key(|told| match (&told.change, &told.what) {
            (Short::Text(_) | Short::Pieces(_), _) => 0,
            (Short::Values(..), What::Param(_)) => 1,
            (Short::Values(..), _) => 2,
            (Short::Seed(_), _) => 3,
        });
        let more = told.len().saturating_sub(MOST);
        told.truncate(MOST);
        Self { before: Some(id), told, more, same_as: None }
    }
}

fn short(what: &What, change: Change, request: &RunRequest) -> Short {
    match (what, change) {
        (What::Param(key), Change::Values(_, Some(now))) if is_seed(key, &now) => Short::Seed(ends(&now)),
        (What::Param(_), Change::Values(Some(before), Some(now))) if is_text(&before) && is_text(&now) => {
            pieces(&compare::words(&before, &now), &now)
        }
        (_, Change::Values(before, now)) => {
            Short::Values(before.as_deref().map(plain), now.as_deref().map(plain))
        }
        (What::Param(key), Change::Words(words)) => {
            pieces(&words, &request.params.get(key).map(value::text).unwrap_or_default())
        }
        (_, Change::Words(words)) => pieces(&words, ""),
    }
}

fn is_seed(key: &ParamKey, value: &str) -> bool {
    is_seed_name(key.input()) && !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_text(value: &str) -> bool {
    value.contains(char::is_whitespace)
}

/// Digits by their ends: people tell seeds apart by these.
pub fn ends(digits: &str) -> String {
    /// Digits that are told whole.
    const WHOLE: usize = 7;
    match (digits.len() > WHOLE, digits.get(..2), digits.get(digits.len().saturating_sub(2)..)) {
        (true, Some(first), Some(last)) => format!("{first}…{last}"),
        _ => digits.to_owned(),
    }
}

fn pieces(words: &[Words], now: &str) -> Short {
    let count = |text: &str| text.split_whitespace().count();
    let (mut alike, mut all) = (0, 0);
    for part in words {
        match part {
            Words::Same(text) => (alike, all) = (alike + count(text), all + count(text)),
            Words::Left(left) => (alike, all) = (alike + left, all + left),
            Words::New(text) => all += count(text),
            Words::Only(_) => {}
        }
    }
    if alike * ALIKE < all {
        return Short::Text(start(now));
    }
    let mut told = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(part) = rest.next() {
        match (part, rest.peek()) {
            (Words::Only(gone), Some(Words::New(new))) => {
                told.push(replaced(gone, new));
                rest.next();
            }
            (Words::Only(gone), _) => told.push(Piece::Gone(bare(gone))),
            (Words::New(new), _) => told.push(Piece::New(bare(new))),
            (Words::Same(_) | Words::Left(_), _) => {}
        }
    }
    // Another comma is no other word; nothing but commas is told whole.
    told.retain(|piece| !piece.is_empty());
    if told.is_empty() {
        return Short::Text(start(now));
    }
    told.truncate(MOST_PIECES);
    Short::Pieces(told)
}

/// Words at both ends that are the same but for their commas say nothing.
fn replaced(gone: &str, new: &str) -> Piece {
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (mut gone, mut new) = (split(gone), split(new));
    while gone.last().zip(new.last()).is_some_and(|(a, b)| bare(a) == bare(b)) {
        gone.pop();
        new.pop();
    }
    let first = gone.iter().zip(&new).take_while(|(a, b)| bare(a) == bare(b)).count();
    let (gone, new) = (bare(&gone[first..].join(" ")), bare(&new[first..].join(" ")));
    match (gone.is_empty(), new.is_empty()) {
        (true, _) => Piece::New(new),
        (_, true) => Piece::Gone(gone),
        _ => Piece::Other(gone, new),
    }
}

/// Without the commas at its ends.
fn bare(text: &str) -> String {
    start(text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '.' | ';')))
}

/// A value as people say it: of a LoRA its file and its strength.
fn plain(value: &str) -> String {
    let json = || serde_json::from_str::<serde_json::Value>(value).ok();
    let Some(object) = value.starts_with('{').then(json).flatten() else { return start(value) };
    match lora::Entry::read(&object) {
        Some(entry) if !entry.on => "off".to_owned(),
        Some(entry) => start(&format!("{} {}", entry.name, scalar::short(entry.strength))),
        None => start(value),
    }
}

/// One line, and no more of it than a row could show.
fn start(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(params: &[(&str, Value)]) -> RunRequest {
        let params = params.iter().map(|(key, value)| (ParamKey::parse(key).expect("a key"), value.clone()));
        RunRequest { params: params.collect(), ..RunRequest::default() }
    }

    /// As a row would tell it.
    fn told(before: &[(&str, Value)], now: &[(&str, Value)]) -> String {
        let brief = Brief::of((1, &request(before)), &request(now));
        let told = brief.told.iter().map(|told| match (&told.what, &told.change) {
            (What::Param(key), Short::Values(before, now)) => {
                format!("{} {before:?} {now:?}", key.input())
            }
            (_, change) => format!("{change:?}"),
        });
        told.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn each_kind_of_change_has_its_form_and_the_most_telling_is_first() {
        let seed = "3-inputs-seed";
        let text = "6-inputs-text";
        let a_cat = "A cat sorcerer reading by the window, masterpiece";
        for (before, now, expected) in [
            (vec![(seed, json!(1))], vec![(seed, json!(481_516_234_215_u64))], r#"Seed("48…15")"#),
            (vec![(seed, json!(1))], vec![(seed, json!(1_234_567))], r#"Seed("1234567")"#),
            (
                vec![(seed, json!(1)), ("3-inputs-steps", json!(24))],
                vec![(seed, json!(2)), ("3-inputs-steps", json!(30))],
                r#"steps Some("24") Some("30"), Seed("2")"#,
            ),
            (
                vec![(text, json!(a_cat)), ("3-inputs-cfg", json!(6))],
                vec![(text, json!(format!("{a_cat}, lamplight"))), ("3-inputs-cfg", json!(7))],
                r#"Pieces([New("lamplight")]), cfg Some("6") Some("7")"#,
            ),
            (
                vec![(text, json!(a_cat))],
                vec![(text, json!("A cat sorcerer sleeping by the window, masterpiece"))],
                r#"Pieces([Other("reading", "sleeping")])"#,
            ),
            (
                vec![(text, json!(a_cat))],
                vec![(text, json!("A cat sorcerer reading by the window"))],
                r#"Pieces([Gone("masterpiece")])"#,
            ),
            (
                vec![(text, json!(a_cat))],
                vec![(text, json!("Ten flamingos on a roof in the rain at night"))],
                r#"Text("Ten flamingos on a roof in the rain at night")"#,
            ),
            // Short texts, too.
            (vec![(text, json!("a cat"))], vec![(text, json!("a cat, fog"))], r#"Pieces([New("fog")])"#),
            (vec![("3-inputs-cfg", json!(6))], vec![], r#"cfg Some("6") None"#),
            (vec![(seed, json!(1))], vec![(seed, json!(1))], ""),
        ] {
            assert_eq!(told(&before, &now), expected);
        }
    }

    #[test]
    fn a_row_stays_small_whatever_was_sent() {
        let many: Vec<(String, Value)> = (0..100).map(|at| (format!("{at}-inputs-x"), json!(at))).collect();
        let many: Vec<(&str, Value)> =
            many.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        let brief = Brief::of((1, &request(&[])), &request(&many));
        assert_eq!((brief.told.len(), brief.more), (MOST, 100 - MOST));
        let long = |word: &str| [("6-inputs-text", json!(format!("{word} ").repeat(50_000)))];
        let brief = Brief::of((1, &request(&long("a"))), &request(&long("wide猫")));
        let Short::Text(text) = &brief.told[0].change else { panic!("{brief:?}") };
        assert!(text.chars().count() <= MOST_CHARS + 1, "{text}");
    }
}
