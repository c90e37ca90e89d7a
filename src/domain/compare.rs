//! The differences between two runs' parameters, as people want to see them: `steps 20 → 30`, and of long texts
//! only the words that changed.

use indexmap::IndexMap;
use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::run::{InputFile, RunRequest};
use super::{ParamKey, value};

/// Texts with more words than this are shown by their changed words only.
const LONG_WORDS: usize = 6;
const AROUND: usize = 3;
/// Words of a text that are compared, since the time grows with their square; the rest of the
/// text counts as one word.
const MOST_WORDS: usize = 1_000;
/// Marks behind a word.
const PUNCTUATION: [char; 3] = [',', ';', '.'];

/// The differences between two requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// In the order of the first request's parameters.
    pub differ: Vec<Differ>,
    /// Number of parameters and files that are equal in both.
    pub same: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Differ {
    pub what: What,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A value, or a file, with this key.
    Param(ParamKey),
    Workflow,
    Preset,
    Profile,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Before and after; `None` where it was not sent.
    Values(Option<String>, Option<String>),
    /// A long text: common and changed words, in order.
    Words(Vec<Words>),
}

/// A piece of a long text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// In both texts; only the ends of a long stretch.
    Same(String),
    /// Only in the first text.
    Only(String),
    /// Only in the second text.
    New(String),
    /// Number of words, equal in both texts, that are not shown.
    Left(usize),
}

pub fn requests(first: &RunRequest, second: &RunRequest) -> Difference {
    let mut difference = Difference::default();
    let texts = |request: &RunRequest| -> IndexMap<ParamKey, String> {
        request.params.iter().map(|(key, set)| (key.clone(), value::text(set))).collect()
    };
    let (one, other) = (texts(first), texts(second));
    for key in united(&one, &other) {
        difference.add(What::Param(key.clone()), one.get(key), other.get(key));
    }
    let (one, other) = (files(first), files(second));
    for key in united(&one, &other) {
        let name = |file: Option<&&InputFile>| file.map(|file| file.name.clone());
        let (before, after) = (one.get(key), other.get(key));
        if before.map(|file| &file.sha256) == after.map(|file| &file.sha256) {
            difference.same += 1;
            continue;
        }
        let (mut before, mut after) = (name(before), name(after));
        // Same name, but other content.
        if before == after {
            before = before.map(|name| format!("{name} (another content)"));
            after = after.map(|name| format!("{name} (another content)"));
        }
        difference
            .differ
            .push(Differ { what: What::Param(key.clone()), change: Change::Values(before, after) });
    }
    if first.workflow_hash != second.workflow_hash {
        let mut names = [first.workflow_name.clone(), second.workflow_name.clone()];
        if names[0] == names[1] {
            names[1].push_str(" (changed)");
        }
        let [before, after] = names.map(Some);
        difference.differ.push(Differ { what: What::Workflow, change: Change::Values(before, after) });
    }
    for (what, before, after) in [
        (What::Preset, first.preset.clone(), second.preset.clone()),
        (What::Profile, named(&first.profile), named(&second.profile)),
    ] {
        if before != after {
            difference.differ.push(Differ { what, change: Change::Values(before, after) });
        }
    }
    difference
}

impl Difference {
    fn add(&mut self, what: What, before: Option<&String>, after: Option<&String>) {
        if before == after {
            self.same += 1;
            return;
        }
        let change = match (before, after) {
            (Some(before), Some(after)) if is_long(before) && is_long(after) => {
                Change::Words(words(before, after))
            }
            _ => Change::Values(before.cloned(), after.cloned()),
        };
        self.differ.push(Differ { what, change });
    }
}

fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn files(request: &RunRequest) -> IndexMap<ParamKey, &InputFile> {
    request.files.iter().filter_map(|file| Some((ParamKey::parse(&file.part)?, file))).collect()
}

/// The keys of both maps, those of `one` first.
fn united<'a, T>(one: &'a IndexMap<ParamKey, T>, other: &'a IndexMap<ParamKey, T>) -> Vec<&'a ParamKey> {
    one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))).collect()
}

fn is_long(text: &str) -> bool {
    text.split_whitespace().nth(LONG_WORDS).is_some()
}

/// The words of a text, commas and the like apart: what is appended to `a cat` leaves the cat as it was. Everything after
/// [`MOST_WORDS`] is one word.
fn split(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split_whitespace().flat_map(punctuated).take(MOST_WORDS).collect();
    if let Some(last) = words.last() {
        // Both point into the same text.
        let end = last.as_ptr() as usize - text.as_ptr() as usize + last.len();
        let rest = text[end..].trim();
        if !rest.is_empty() {
            words.push(rest);
        }
    }
    words
}

/// A word, and the mark behind it.
fn punctuated(word: &str) -> impl Iterator<Item = &str> {
    let end = word.len() - usize::from(word.len() > 1 && word.ends_with(PUNCTUATION));
    let (word, mark) = word.split_at(end);
    std::iter::once(word).chain((!mark.is_empty()).then_some(mark))
}

fn is_mark(word: &str) -> bool {
    word.strip_prefix(PUNCTUATION) == Some("")
}

/// The words as they were written, with one blank in between.
fn joined(words: &[&str]) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() && !is_mark(word) {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// What two texts have in common and what changed.
pub fn words(before: &str, after: &str) -> Vec<Words> {
    let (before, after) = (split(before), split(after));
    let steps = capture_diff_slices(Algorithm::Myers, &before, &after);
    let mut pieces = Vec::new();
    let last = steps.len().saturating_sub(1);
    for (at, step) in steps.iter().enumerate() {
        let (old, new) = (&before[step.old_range()], &after[step.new_range()]);
        if step.tag() == DiffTag::Equal {
            same(old, at == 0, at == last, &mut pieces);
            continue;
        }
        if !old.is_empty() {
            pieces.push(Words::Only(joined(old)));
        }
        if !new.is_empty() {
            pieces.push(Words::New(joined(new)));
        }
    }
    pieces
}

/// Adds unchanged words, but only those next to a change, with the marks behind them.
fn same(words: &[&str], is_first: bool, is_last: bool, pieces: &mut Vec<Words>) {
    let places = || words.iter().enumerate().filter(|(_, word)| !is_mark(word)).map(|(at, _)| at);
    let head = if is_first { 0 } else { places().nth(AROUND).unwrap_or(words.len()) };
    let tail = if is_last { words.len() } else { places().nth_back(AROUND - 1).unwrap_or(0) };
    let left = places().filter(|at| (head..tail).contains(at)).count();
    if left < 2 {
        return pieces.push(Words::Same(joined(words)));
    }
    if head > 0 {
        pieces.push(Words::Same(joined(&words[..head])));
    }
    pieces.push(Words::Left(left));
    if tail < words.len() {
        pieces.push(Words::Same(joined(&words[tail..])));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn request(params: &[(&str, serde_json::Value)]) -> RunRequest {
        RunRequest {
            params: params
                .iter()
                .map(|(key, value)| (ParamKey::parse(key).expect("a key"), value.clone()))
                .collect(),
            ..RunRequest::default()
        }
    }

    fn shown(difference: &Difference) -> Vec<String> {
        difference.differ.iter().map(|differ| format!("{:?}", differ.change)).collect()
    }

    #[test]
    fn differences_are_listed_and_equal_values_counted() {
        let one = request(&[
            ("3-inputs-steps", json!(20)),
            ("3-inputs-cfg", json!(6.0)),
            ("3-inputs-seed", json!(7)),
            ("9-inputs-enabled", json!(true)),
        ]);
        let other = request(&[
            ("3-inputs-steps", json!(30)),
            ("3-inputs-cfg", json!(6.0)),
            ("3-inputs-denoise", json!(0.5)),
            ("9-inputs-enabled", json!(true)),
        ]);
        let difference = requests(&one, &other);
        let values = |before: Option<&str>, after: Option<&str>| {
            Change::Values(before.map(str::to_owned), after.map(str::to_owned))
        };
        let differ =
            |key: &str, change| Differ { what: What::Param(ParamKey::parse(key).expect("a key")), change };
        let expected = vec![
            differ("3-inputs-steps", values(Some("20"), Some("30"))),
            differ("3-inputs-seed", values(Some("7"), None)),
            differ("3-inputs-denoise", values(None, Some("0.5"))),
        ];
        assert_eq!(difference, Difference { differ: expected, same: 2 });
        assert_eq!(requests(&one, &one), Difference { differ: vec![], same: 4 });
    }

    #[test]
    fn of_long_texts_the_changed_words_are_shown() {
        let only = |text: &str| Words::Only(text.to_owned());
        let new = |text: &str| Words::New(text.to_owned());
        let kept = |text: &str| Words::Same(text.to_owned());
        for (before, after, expected) in [
            (
                "a flamingo dancing on top of a server in a pink universe, masterpiece",
                "a flamingo sleeping on top of a server in a pink universe, masterpiece, neon",
                vec![
                    kept("a flamingo"),
                    only("dancing"),
                    new("sleeping"),
                    kept("on top of"),
                    Words::Left(4),
                    kept("pink universe, masterpiece"),
                    new(", neon"),
                ],
            ),
            (
                "a cat, a red dog. one two three four",
                "a cat, sitting, a red dog. one, two three four",
                vec![
                    kept("a cat,"),
                    new("sitting,"),
                    kept("a red dog. one"),
                    new(","),
                    kept("two three four"),
                ],
            ),
            (
                "one two three four five six seven eight",
                "one two three four five six seven",
                vec![Words::Left(4), kept("five six seven"), only("eight")],
            ),
        ] {
            let difference = requests(
                &request(&[("6-inputs-text", json!(before))]),
                &request(&[("6-inputs-text", json!(after))]),
            );
            let Change::Words(words) = &difference.differ[0].change else { panic!("{difference:?}") };
            assert_eq!(*words, expected);
        }
    }

    #[test]
    fn files_workflow_preset_and_profile_are_compared_too() {
        let file = |name: &str, sha256: &str| InputFile {
            part: "52-inputs-image".to_owned(),
            path: "/in.png".into(),
            name: name.to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: sha256.to_owned(),
        };
        let one = RunRequest {
            files: vec![file("in.png", "a")],
            workflow_hash: "1".to_owned(),
            workflow_name: "wan".to_owned(),
            profile: "prod".to_owned(),
            ..RunRequest::default()
        };
        let other = RunRequest {
            files: vec![file("in.png", "b")],
            workflow_hash: "2".to_owned(),
            preset: Some("pink".to_owned()),
            ..one.clone()
        };
        assert_eq!(
            shown(&requests(&one, &other)),
            [
                r#"Values(Some("in.png (another content)"), Some("in.png (another content)"))"#,
                r#"Values(Some("wan"), Some("wan (changed)"))"#,
                r#"Values(None, Some("pink"))"#,
            ]
        );
        let same = RunRequest { files: vec![file("elsewhere.png", "a")], ..one.clone() };
        assert_eq!(requests(&one, &same), Difference { differ: vec![], same: 1 });
    }

    #[test]
    fn a_text_of_any_length_is_compared_in_bounded_time() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut text = || (0..200_000).map(|_| format!("{} ", random.u32(..))).collect::<String>();
        let (one, other) = (text(), text());
        let started = std::time::Instant::now();
        words(&one, &other);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn the_words_of_both_texts_are_in_order(
            one in prop::collection::vec("[abc]", 0..40), other in prop::collection::vec("[abc]", 0..40)
        ) {
            let (mut before, mut after) = (0, 0);
            for piece in words(&one.join(" "), &other.join("\n")) {
                let count = |text: &str| text.split(' ').count();
                match piece {
                    Words::Left(words) => (before, after) = (before + words, after + words),
                    Words::Same(text) => {
                        let words: Vec<&str> = text.split(' ').collect();
                        prop_assert_eq!(&one[before..before + words.len()], &words[..]);
                        prop_assert_eq!(&other[after..after + words.len()], &words[..]);
                        (before, after) = (before + words.len(), after + words.len());
                    }
                    Words::Only(text) => {
                        prop_assert_eq!(one[before..before + count(&text)].join(" "), text.clone());
                        before += count(&text);
                    }
                    Words::New(text) => {
                        prop_assert_eq!(other[after..after + count(&text)].join(" "), text.clone());
                        after += count(&text);
                    }
                }
            }
            prop_assert_eq!((before, after), (one.len(), other.len()));
        }
    }
}
