//! Types, limits and choices of the inputs of ComfyUI's built-in nodes.
//!
//! The table lists facts from ComfyUI's own `/object_info`, one input per line, sorted by bytes: `class TAB input TAB
//! type TAB facts`. `node_facts.py` beside it generates it; its first lines say how.
//!
//! - Nodes: those whose `python_module` is `nodes` or begins with `comfy_extras.`, without those that call paid services
//!   (`api_node`, or a `category` with "api node").
//! - Inputs: the `required` and `optional` ones of type INT, FLOAT, STRING, BOOLEAN and choices (COMBO, or a list in the
//!   type's place). The others are wiring.
//! - `int`, `float`: facts are the options `min max step`, `-` where there is none. `bool` has no facts.
//! - `text`, `long`: a STRING without and with `multiline`.
//! - `image`, `video`, `audio`: a choice with `image_upload`, `video_upload` or `audio_upload`; `mask` is that of
//!   `LoadImageMask`, of which a mask is made.
//! - `text` too: choices that are files of a server (checkpoints, loras, …; by the input's name, or `remote` or
//!   `file_upload`), for nobody here can know them.
//! - `choice`: facts are the choices between bars. A long list that is in the table already is `as` with the class and
//!   input that has it.
//!
//! Searched in place by bisection; nothing is parsed in advance.

use std::sync::Arc;

use serde_json::Number;

use super::media::FileKind;
use super::scalar::Range;
use super::schema::{Choice, Takes};

const TABLE: &str = include_str!("node_facts.tsv");

/// Facts about an input; `None` when the node is not built in or the input is a link.
pub fn lookup(class_type: &str, input: &str) -> Option<Takes> {
    let mut columns = find(class_type, input)?.split('\t');
    let (kind, facts) = (columns.next()?, columns.next().unwrap_or(""));
    Some(match kind {
        "text" => Takes::Text { multiline: false },
        "long" => Takes::Text { multiline: true },
        "int" => Takes::Integer(range(facts)),
        "float" => Takes::Float(range(facts)),
        "bool" => Takes::Boolean(None),
        "image" => file(FileKind::Image),
        "mask" => file(FileKind::Mask),
        "video" => file(FileKind::Video),
        "audio" => file(FileKind::Audio),
        "choice" => Takes::Choice(facts.split('|').map(choice).collect()),
        "as" => return lookup(facts, columns.next()?),
        _ => return None,
    })
}

/// Whether there are facts about an input.
pub fn is_known(class_type: &str, input: &str) -> bool {
    find(class_type, input).is_some()
}

/// Name and type word of every input of every built-in node.
pub fn inputs() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| {
        let mut columns = line.split('\t').skip(1);
        Some((columns.next()?, columns.next()?))
    })
}

/// The rest of an input's line, found by bisection.
fn find(class_type: &str, input: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = TABLE.as_bytes()[..low.midpoint(high)].iter().rposition(|b| *b == b'\n');
        let start = middle.map_or(0, |newline| newline + 1).max(low);
        let line = TABLE[start..].split('\n').next()?;
        let mut columns = line.splitn(3, '\t');
        let found = (columns.next()?, columns.next()?);
        match found.cmp(&(class_type, input)) {
            std::cmp::Ordering::Equal => return columns.next(),
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

fn file(kind: FileKind) -> Takes {
    Takes::File(kind, Arc::default())
}

fn choice(text: &str) -> Choice {
    Choice { label: text.to_owned(), value: text.into() }
}

fn range(facts: &str) -> Range {
    let mut numbers = facts.split(' ').map(|text| serde_json::from_str::<Number>(text).ok());
    let mut next = || numbers.next().flatten();
    Range { min: next(), max: next(), step: next(), round: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_and_understood() {
        let mut seen = 0;
        for line in TABLE.lines() {
            let mut columns = line.split('\t');
            let (class, input) = (columns.next().expect(line), columns.next().expect(line));
            assert!(lookup(class, input).is_some(), "{line}");
            seen += 1;
        }
        assert!(seen > 1_000 && TABLE.len() < 80_000);
    }

    #[test]
    fn facts_are_those_of_comfyui() {
        let number = |text: &str| serde_json::from_str(text).ok();
        assert_eq!(
            lookup("KSampler", "cfg"),
            Some(Takes::Float(Range {
                min: number("0.0"),
                max: number("100.0"),
                step: number("0.1"),
                round: None
            }))
        );
        let seed = lookup("KSampler", "seed");
        assert_eq!(
            seed,
            Some(Takes::Integer(Range {
                min: number("0"),
                max: number("18446744073709551615"),
                ..Range::default()
            }))
        );
        let Some(Takes::Choice(samplers)) = lookup("KSamplerSelect", "sampler_name") else {
            panic!("no choice")
        };
        assert!(["uni_pc", "euler"].iter().all(|name| samplers.iter().any(|choice| choice.label == *name)));
        assert_eq!(lookup("LoadImageMask", "image"), Some(file(FileKind::Mask)));
        assert_eq!(lookup("CheckpointLoaderSimple", "ckpt_name"), Some(Takes::Text { multiline: false }));
        for (class, input) in
            [("KSampler", "model"), ("KSampler", ""), ("", "x"), ("zzz", "x"), ("\u{10ffff}", "x")]
        {
            assert_eq!(lookup(class, input), None, "{class} {input}");
        }
    }
}
