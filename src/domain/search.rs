//! What people type to find runs: `seed:42 status:failed tag:final after:yesterday "red hat" -blurry`.
//!
//! All of it must be true of a run; of values with commas one is enough, and `-` before a word or a key means "not".

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Zoned};

use super::batch::BatchId;
use super::diagnostic::{did_you_mean, nearest};
use super::run::UnixMs;
use super::{RunId, Status, notebook};

/// A search, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub words: Vec<Word>,
    pub terms: Vec<Term>,
}

/// A word or a phrase to be found in prompt, preset, workflow, values, error, tags or note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// It may go on: it is still being typed.
    pub is_beginning: bool,
    /// It must not be there.
    pub without: bool,
}

/// A fact that must, or must not, be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub fact: Fact,
    pub without: bool,
}

/// A fact about a run. Of several values one is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Seeds that were sent, in digits: they may exceed any integer type.
    Seed(Vec<String>),
    Status(Vec<Status>),
    Preset(Vec<String>),
    /// Parts of the name of the workflow's file.
    Workflow(Vec<String>),
    Profile(Vec<String>),
    Batch(Vec<BatchId>),
    Run(Vec<RunId>),
    Tag(Vec<String>),
    /// Queued then or later.
    After(When),
    /// Queued earlier.
    Before(When),
    /// Queued on that day.
    On(When),
    Is(Vec<Is>),
}

/// What people noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    Starred,
    Rejected,
    Tagged,
    Noted,
}

impl Is {
    pub const ALL: [Self; 4] = [Self::Starred, Self::Rejected, Self::Tagged, Self::Noted];

    pub fn word(self) -> &'static str {
        match self {
            Self::Starred => "starred",
            Self::Rejected => "rejected",
            Self::Tagged => "tagged",
            Self::Noted => "noted",
        }
    }
}

/// A time as people say it; which one it is depends on the clock and the time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many milliseconds ago.
    Ago(i64),
    /// So many days before today.
    DaysBack(i64),
    /// The last day of this name, or today.
    Weekday(Weekday),
    Day(Date),
}

impl When {
    /// The beginning of it, in the time zone of `now`.
    pub fn start(self, now: &Zoned) -> UnixMs {
        self.day(now).map_or_else(
            || now.timestamp().as_millisecond().saturating_sub(self.ago()),
            |day| begins(day, now),
        )
    }

    /// The end of the day that it falls on.
    pub fn end_of_day(self, now: &Zoned) -> UnixMs {
        let day = self.day(now).unwrap_or_else(|| {
            now.checked_sub(self.ago().milliseconds()).map_or_else(|_| now.date(), |then| then.date())
        });
        day.tomorrow().map_or(UnixMs::MAX, |next| begins(next, now))
    }

    fn ago(self) -> i64 {
        match self {
            Self::Ago(ms) => ms,
            Self::DaysBack(_) | Self::Weekday(_) | Self::Day(_) => 0,
        }
    }

    fn day(self, now: &Zoned) -> Option<Date> {
        let today = now.date();
        match self {
            Self::Ago(_) => None,
            Self::DaysBack(days) => Some(today.checked_sub(days.days()).unwrap_or(today)),
            Self::Weekday(day) => {
                let back = i64::from(day.until(today.weekday()));
                Some(today.checked_sub(back.days()).unwrap_or(today))
            }
            Self::Day(day) => Some(day),
        }
    }
}

fn begins(day: Date, now: &Zoned) -> UnixMs {
    day.to_zoned(now.time_zone().clone()).map_or(UnixMs::MAX, |start| start.timestamp().as_millisecond())
}

/// Why a search cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchError(String);

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SearchError {}

/// A key of the search, with a value as an example.
pub struct Key {
    pub name: &'static str,
    pub example: &'static str,
    read: fn(&str) -> Result<Fact, String>,
}

/// Every key.
pub const KEYS: &[Key] = &[
    Key { name: "seed", example: "42", read: |text| list(text, seed).map(Fact::Seed) },
    Key { name: "status", example: "failed,lost", read: |text| list(text, status).map(Fact::Status) },
    Key { name: "preset", example: "cat", read: |text| list(text, name).map(Fact::Preset) },
    Key { name: "workflow", example: "wan", read: |text| list(text, name).map(Fact::Workflow) },
    Key { name: "profile", example: "prod", read: |text| list(text, name).map(Fact::Profile) },
    Key { name: "batch", example: "7", read: |text| list(text, number).map(Fact::Batch) },
    Key { name: "run", example: "12", read: |text| list(text, number).map(Fact::Run) },
    Key { name: "tag", example: "final", read: |text| list(text, notebook::tag).map(Fact::Tag) },
    Key { name: "after", example: "yesterday", read: |text| when(text).map(Fact::After) },
    Key { name: "before", example: "2026-11-01", read: |text| when(text).map(Fact::Before) },
    Key { name: "on", example: "monday", read: |text| when(text).map(Fact::On) },
    Key { name: "is", example: "starred", read: |text| list(text, is).map(Fact::Is) },
];

fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').filter(|part| !part.is_empty()).map(read).collect()
}

fn seed(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    is_number.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is not a seed: digits, as in seed:42"))
}

fn number(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number: &i64| *number > 0);
    number.ok_or_else(|| format!("`{text}` is not a number, as in run:12"))
}

#[expect(clippy::unnecessary_wraps, reason = "as the other readers")]
fn name(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn status(text: &str) -> Result<Status, String> {
    let words = || Status::ALL.iter().map(|status| status.word());
    Status::from_word(text).ok_or_else(|| one_of("status", text, words().collect()))
}

fn is(text: &str) -> Result<Is, String> {
    let found = Is::ALL.into_iter().find(|is| is.word() == text);
    found.ok_or_else(|| one_of("is", text, Is::ALL.map(Is::word).to_vec()))
}

fn one_of(key: &str, text: &str, words: Vec<&'static str>) -> String {
    match nearest(text, words.iter().copied()) {
        Some(near) => format!("there is no {key}:{text}. Did you mean {key}:{near}?"),
        None => format!("there is no {key}:{text}: it is one of {}", words.join(", ")),
    }
}

const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

fn when(text: &str) -> Result<When, String> {
    let lower = text.to_lowercase();
    match lower.as_str() {
        "today" => return Ok(When::DaysBack(0)),
        "yesterday" => return Ok(When::DaysBack(1)),
        _ => {}
    }
    if let Some((_, day)) = DAYS.iter().find(|(name, _)| lower.len() >= 3 && name.starts_with(&lower)) {
        return Ok(When::Weekday(*day));
    }
    if let Some(ms) = ago(&lower) {
        return Ok(When::Ago(ms));
    }
    let day = match lower.len() {
        4 if lower.bytes().all(|b| b.is_ascii_digit()) => format!("{lower}-01-01"),
        7 => format!("{lower}-01"),
        _ => lower,
    };
    let example = "today, yesterday, monday, 3d, 12h or 2026-11-01";
    Date::from_str(&day).map(When::Day).map_err(|_| format!("`{text}` is not a time: {example}"))
}

/// Reads a duration such as `90m`, `12h`, `30d` or `8w`, in milliseconds.
pub fn ago(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        'w' => 7 * 24 * 60,
        _ => return None,
    };
    let number: i64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(minutes * 60_000).filter(|ms| *ms >= 0)
}

/// A part of what was typed.
struct Token<'a> {
    without: bool,
    key: Option<&'a str>,
    value: String,
    quoted: bool,
    /// Nothing stands behind it.
    is_last: bool,
}

/// Splits at blanks outside of quotation marks. A quotation that is still being typed ends with the text.
fn tokens(typed: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = typed.trim_start();
    while !rest.is_empty() {
        let body = rest.strip_prefix('-').filter(|body| !body.starts_with(char::is_whitespace));
        let without = body.is_some_and(|body| !body.is_empty());
        let body = if without { body.unwrap_or(rest) } else { rest };
        let key = body.split_once(':').map(|(key, _)| key).filter(|key| is_key(key));
        let value = key.map_or(body, |key| &body[key.len() + 1..]);
        let (text, quoted, end) = match value.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"');
                let text = &quoted[..end.unwrap_or(quoted.len())];
                (text, true, &quoted[end.map_or(quoted.len(), |end| end + 1)..])
            }
            None => {
                let end = value.find(char::is_whitespace).unwrap_or(value.len());
                (&value[..end], false, &value[end..])
            }
        };
        let is_last = end.is_empty();
        tokens.push(Token { without, key, value: text.to_owned(), quoted, is_last });
        rest = end.trim_start();
    }
    tokens
}

/// Whether what stands before a colon is meant as a key, and is no part of a text such as `(hat:1.2)`.
fn is_key(text: &str) -> bool {
    text.len() >= 2 && text.chars().all(|c| c.is_ascii_alphabetic())
}

impl Search {
    /// A search for words only, none of them a key.
    pub fn words(text: &str) -> Self {
        let is_open = !text.ends_with(char::is_whitespace);
        let mut words: Vec<Word> = text
            .split_whitespace()
            .map(|text| Word { text: text.to_owned(), is_beginning: false, without: false })
            .collect();
        if let Some(last) = words.last_mut() {
            last.is_beginning = is_open;
        }
        Self { words, terms: Vec::new() }
    }

    /// Reads what was typed. `saved` finds the text of a saved search, which `@name` stands for.
    ///
    /// # Errors
    /// Names what cannot be read, with the nearest key or value.
    pub fn parse<'a>(
        typed: &str,
        saved: impl Fn(&str) -> Option<&'a str> + Copy,
    ) -> Result<Self, SearchError> {
        let mut search = Self::default();
        search.read(typed, saved, true)?;
        Ok(search)
    }

    fn read<'a>(
        &mut self,
        typed: &str,
        saved: impl Fn(&str) -> Option<&'a str> + Copy,
        takes_saved: bool,
    ) -> Result<(), SearchError> {
        for Token { without, key, value, quoted, is_last } in tokens(typed) {
            match key {
                None if value.starts_with('@') && !quoted && value.len() > 1 => {
                    // A saved search holds no other: none can hold itself.
                    let text = saved(&value[1..]).filter(|_| takes_saved && !without);
                    let text = text.ok_or_else(|| {
                        SearchError(format!("no search is saved as {value}. \"{value}\" finds the word"))
                    })?;
                    self.read(text, saved, false)?;
                }
                None => {
                    if value.chars().any(char::is_alphanumeric) {
                        let is_beginning = is_last && !quoted && !without;
                        self.words.push(Word { text: value, is_beginning, without });
                    }
                }
                Some(key) => self.terms.push(term(key, &value, without)?),
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.terms.is_empty()
    }

    /// The same, of runs with this fact only.
    pub fn and(mut self, fact: Fact) -> Self {
        self.terms.push(Term { fact, without: false });
        self
    }

    /// Whether it says itself what of rejected runs is meant, or names runs.
    pub fn minds_rejected(&self) -> bool {
        self.terms.iter().any(|term| match &term.fact {
            Fact::Is(what) => what.contains(&Is::Rejected),
            Fact::Run(_) => !term.without,
            _ => false,
        })
    }
}

fn term(key: &str, value: &str, without: bool) -> Result<Term, SearchError> {
    let lower = key.to_lowercase();
    let Some(known) = KEYS.iter().find(|known| known.name == lower) else {
        let near = did_you_mean(&lower, KEYS.iter().map(|known| known.name));
        let keys: Vec<&str> = KEYS.iter().map(|known| known.name).collect();
        return Err(SearchError(if near.is_empty() {
            format!(
                "there is no key `{key}:`: the keys are {}. In quotation marks it is text",
                keys.join(", ")
            )
        } else {
            format!("there is no key `{key}:`{near}")
        }));
    };
    if value.chars().all(|c| c == ',') {
        return Err(SearchError(format!(
            "{}: needs a value, as in {}:{}",
            known.name, known.name, known.example
        )));
    }
    let fact = (known.read)(value).map_err(SearchError)?;
    Ok(Term { fact, without })
}

/// What is typed at the end of a search, to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typing<'a> {
    /// A word that may become a key.
    Key(&'a str),
    /// A value of a key, behind its last comma.
    Value(&'static str, &'a str),
    /// The name of a saved search.
    Saved(&'a str),
}

/// What may be completed at the end of a text, and the length in bytes of what stands before it.
pub fn typing(typed: &str) -> Option<(Typing<'_>, usize)> {
    let quotes = typed.matches('"').count();
    let blank = typed.char_indices().rev().find(|(_, c)| c.is_whitespace());
    let start = blank.map_or(0, |(at, c)| at + c.len_utf8());
    if quotes % 2 == 1 || start == typed.len() {
        return None;
    }
    let word = &typed[start..];
    let (sign, word) = word.strip_prefix('-').map_or((0, word), |word| (1, word));
    let start = start + sign;
    if let Some(name) = word.strip_prefix('@') {
        return Some((Typing::Saved(name), start + 1));
    }
    match word.split_once(':') {
        None => Some((Typing::Key(word), start)),
        Some((key, value)) => {
            let known = KEYS.iter().find(|known| known.name == key)?;
            let last = value.rfind(',').map_or(0, |at| at + 1);
            Some((Typing::Value(known.name, &value[last..]), start + key.len() + 1 + last))
        }
    }
}

/// Values of a key that are the same in every history.
pub fn usual_values(key: &str) -> Vec<&'static str> {
    match key {
        "status" => Status::ALL.iter().map(|status| status.word()).collect(),
        "is" => Is::ALL.map(Is::word).to_vec(),
        "after" | "before" | "on" => {
            ["today", "yesterday"].into_iter().chain(DAYS.iter().map(|(name, _)| *name)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typed: &str) -> Result<Search, String> {
        let saved = |name: &str| match name {
            "bad" => Some("status:failed,lost -blurry"),
            "itself" => Some("@itself"),
            _ => None,
        };
        Search::parse(typed, saved).map_err(|error| error.to_string())
    }

    fn word(text: &str) -> Word {
        Word { text: text.to_owned(), is_beginning: false, without: false }
    }

    fn term(fact: Fact) -> Term {
        Term { fact, without: false }
    }

    #[test]
    fn words_phrases_and_keys_are_told_apart() {
        let search =
            parse("seed:42 status:failed,lost preset:cat tag:Final after:yesterday \"red hat\" -blurry x")
                .expect("a search");
        assert_eq!(
            search.terms,
            [
                term(Fact::Seed(vec!["42".to_owned()])),
                term(Fact::Status(vec![Status::Failed, Status::Lost])),
                term(Fact::Preset(vec!["cat".to_owned()])),
                term(Fact::Tag(vec!["final".to_owned()])),
                term(Fact::After(When::DaysBack(1))),
            ]
        );
        let without = Word { without: true, ..word("blurry") };
        assert_eq!(search.words, [word("red hat"), without, Word { is_beginning: true, ..word("x") }]);
    }

    #[test]
    fn what_is_no_key_is_a_text() {
        for (typed, words) in [
            ("cat ", &["cat"][..]),
            ("- -- \" ", &[]),
            ("(hat:1.2) 16:9 a:b", &["(hat:1.2)", "16:9", "a:b"]),
            ("\"seed:42\" \"open end", &["seed:42", "open end"]),
            ("\"@bad\" @", &["@bad"]),
            ("6-inputs-text", &["6-inputs-text"]),
        ] {
            let search = parse(typed).expect(typed);
            let found: Vec<&str> = search.words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!((found.as_slice(), search.terms.len()), (words, 0), "{typed}");
        }
    }

    #[test]
    fn an_error_names_the_nearest() {
        for (typed, told) in [
            ("sede:42", "there is no key `sede:`. Did you mean `seed`?"),
            ("status:faild", "there is no status:faild. Did you mean status:failed?"),
            ("is:stared", "there is no is:stared. Did you mean is:starred?"),
            ("zzzz:1", "there is no key `zzzz:`: the keys are seed, status, preset"),
            ("seed:", "seed: needs a value, as in seed:42"),
            ("seed:4x", "`4x` is not a seed"),
            ("run:0", "`0` is not a number"),
            ("after:tomorow", "`tomorow` is not a time"),
            ("tag:a:b", "`a:b` is not a tag"),
            ("@none", "no search is saved as @none"),
            ("@itself", "no search is saved as @itself"),
        ] {
            let error = parse(typed).expect_err(typed);
            assert!(error.starts_with(told), "{typed}: {error}");
        }
    }

    #[test]
    fn a_saved_search_stands_for_its_text() {
        let search = parse("-cat @bad dog").expect("a search");
        assert_eq!(search.terms, [term(Fact::Status(vec![Status::Failed, Status::Lost]))]);
        let words: Vec<(&str, bool)> =
            search.words.iter().map(|word| (word.text.as_str(), word.without)).collect();
        assert_eq!(words, [("cat", true), ("blurry", true), ("dog", false)]);
    }

    #[test]
    fn times_are_those_of_the_time_zone() {
        // A Friday.
        let now: Zoned = "2026-11-27T15:00:00+01:00[+01:00]".parse().expect("a time");
        let start = |typed: &str| {
            let started = when(typed).expect(typed).start(&now);
            let started = jiff::Timestamp::from_millisecond(started).expect("a time");
            started.to_zoned(now.time_zone().clone()).strftime("%F %R").to_string()
        };
        for (typed, started) in [
            ("today", "2026-11-27 00:00"),
            ("yesterday", "2026-11-26 00:00"),
            ("friday", "2026-11-27 00:00"),
            ("Monday", "2026-11-23 00:00"),
            ("sat", "2026-11-21 00:00"),
            ("2026-11-01", "2026-11-01 00:00"),
            ("2026-10", "2026-10-01 00:00"),
            ("2026", "2026-01-01 00:00"),
            ("3d", "2026-11-24 15:00"),
            ("90m", "2026-11-27 13:30"),
        ] {
            assert_eq!(start(typed), started, "{typed}");
        }
        let day = when("yesterday").expect("a day");
        assert_eq!(day.end_of_day(&now) - day.start(&now), 24 * 3_600_000);
        for wrong in ["", "13x", "2026-13-01", "99999999999999999d", "mo", "é"] {
            assert!(when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_typed_at_the_end_can_be_completed() {
        for (typed, expected) in [
            ("cat st", Some((Typing::Key("st"), 4))),
            ("status:fai", Some((Typing::Value("status", "fai"), 7))),
            ("-status:done,fai", Some((Typing::Value("status", "fai"), 13))),
            ("tag:", Some((Typing::Value("tag", ""), 4))),
            ("a @ba", Some((Typing::Saved("ba"), 3))),
            ("cat ", None),
            ("\"red st", None),
            ("nokey:x", None),
            ("", None),
        ] {
            assert_eq!(typing(typed), expected, "{typed}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(typed in ".{0,60}") {
            let _ = parse(&typed);
            let _ = typing(&typed);
        }
    }
}
