//! The rows of the parameters pane: which parameters are seen, in which order, how high each is.
//!
//! The view draws these rows and `update` moves among them, so both agree on what is where.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::model::{Model, setting_text};
use crate::domain::{ParamKey, ParamKind, Parameter};

/// Lines that a long text takes at the most while it is not edited.
pub const LONG_TEXT_LINES: usize = 5;
/// Columns before the value: the bar, the mark, the label and what parts them.
pub const INDENT: usize = 4;

/// One row of the pane.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A heading; the first parameters of some workflows have none.
    Heading(String),
    /// A parameter, by its place in the draft.
    Param {
        /// Place in `Draft::params`.
        index: usize,
        /// It is in the pinned group.
        pinned: bool,
        height: usize,
    },
}

impl Row {
    pub fn height(&self) -> usize {
        match self {
            Self::Heading(_) => 1,
            Self::Param { height, .. } => *height,
        }
    }
}

/// The rows of the pane at a width, from top to bottom.
pub fn rows(model: &Model, width: u16) -> Vec<Row> {
    let params = model.draft.params();
    let seen: Vec<usize> = match model.params.filter.is_empty() {
        true => (0..params.len()).filter(|i| is_shown(model, &params[*i])).collect(),
        false => matching(model, &model.params.filter),
    };
    let row = |index: usize, pinned: bool| Row::Param {
        index,
        pinned,
        height: height(model, &params[index], width),
    };
    let mut rows = Vec::new();
    if !model.params.filter.is_empty() {
        // Best match first: no headings, they would repeat.
        rows.extend(seen.into_iter().map(|index| row(index, true)));
        return rows;
    }
    let pinned: Vec<usize> =
        model.params.pinned.iter().filter_map(|key| params.iter().position(|p| p.key == *key)).collect();
    if !pinned.is_empty() {
        rows.push(Row::Heading("★ Pinned".to_owned()));
        rows.extend(pinned.iter().map(|index| row(*index, true)));
    }
    // Advanced parameters come after the rest, each part in the workflow's order.
    let (advanced, basic): (Vec<usize>, Vec<usize>) =
        seen.into_iter().filter(|i| !pinned.contains(i)).partition(|i| params[*i].advanced);
    for (part, suffix) in [(basic, ""), (advanced, " · advanced")] {
        let mut last = None;
        for index in part {
            let group = (params[index].group.as_str(), params[index].key.node());
            if last != Some(group) {
                rows.push(Row::Heading(format!("{}{suffix}", heading(params, &params[index]))));
                last = Some(group);
            }
            rows.push(row(index, false));
        }
    }
    rows
}

/// The keys of the rows that can be selected, in order.
pub fn keys(model: &Model, rows: &[Row]) -> Vec<ParamKey> {
    let params = model.draft.params();
    rows.iter()
        .filter_map(|row| match row {
            Row::Param { index, .. } => Some(params[*index].key.clone()),
            Row::Heading(_) => None,
        })
        .collect()
}

/// Columns of the label.
pub fn label_width(model: &Model, width: u16) -> usize {
    let longest =
        model.draft.params().iter().filter(|p| is_shown(model, p)).map(|p| model.draft.name(p).width());
    longest.max().unwrap_or(0).clamp(6, 22).min(usize::from(width) / 3)
}

/// Columns of the value.
pub fn value_width(model: &Model, width: u16) -> usize {
    usize::from(width).saturating_sub(INDENT + label_width(model, width)).max(1)
}

fn is_shown(model: &Model, param: &Parameter) -> bool {
    model.params.show_all || (!param.hidden && param.kind != ParamKind::Link)
}

/// The node's name, with its id where several nodes have the same name.
fn heading(params: &[Parameter], param: &Parameter) -> String {
    let same_name = |other: &&Parameter| other.group == param.group && other.key.node() != param.key.node();
    match params.iter().find(same_name) {
        Some(_) => format!("{}  {}", param.group, param.key.node()),
        None => param.group.clone(),
    }
}

fn matching(model: &Model, filter: &str) -> Vec<usize> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(filter, CaseMatching::Smart, Normalization::Smart);
    let mut scratch = Vec::new();
    let params = model.draft.params();
    let mut found: Vec<(u32, usize)> = (0..params.len())
        .filter(|i| model.params.show_all || params[*i].kind != ParamKind::Link)
        .filter_map(|i| {
            let param = &params[i];
            let name = model.draft.name(param);
            let text = format!("{name} {} {}", param.group, param.key);
            let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut scratch), &mut matcher);
            // A match in the name is worth more than one in the node.
            let named = score(name).map(|score| score * 2);
            named.max(score(&text)).map(|score| (score, i))
        })
        .collect();
    found.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
    found.into_iter().map(|(_, index)| index).collect()
}

fn height(model: &Model, param: &Parameter, width: u16) -> usize {
    let columns = value_width(model, width);
    if let Some(editing) = model.params.editing.as_ref().filter(|editing| editing.key == param.key) {
        let room = super::layout::regions(model).and_then(|r| r.body(super::model::Pane::Parameters));
        let room = room.map_or(10, |area| usize::from(area.height));
        let least = if editing.multiline { 3 } else { 1 };
        let most = Ord::max(room * 2 / 3, least);
        let lines = editing.text.lines().iter().flat_map(|line| wrapped(line, columns)).take(most).count();
        return lines.max(least) + editing.lines_below();
    }
    if param.kind != ParamKind::LongText {
        return 1;
    }
    let text = model.draft.setting(&param.key).map(|setting| setting_text(&setting)).unwrap_or_default();
    text.split('\n').flat_map(|line| wrapped(line, columns)).take(LONG_TEXT_LINES).count()
}

/// A text without line breaks, wrapped at words; a word longer than a line is cut.
pub fn wrap(line: &str, width: usize) -> Vec<&str> {
    wrapped(line, width).collect()
}

/// The same, one line after another, so that of a long text only what is needed is looked at.
pub fn wrapped(line: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some((end, next)) = line_end(text, width.max(2)) else { return Some(text) };
        rest = Some(&text[next..]);
        Some(&text[..end])
    })
}

/// Where the first line of a text ends and the next one begins; `None` when one line holds it all. What is seen as one
/// character stays whole, even if it is wider than a line.
fn line_end(text: &str, width: usize) -> Option<(usize, usize)> {
    let (mut used, mut last_space) = (0, None);
    for (at, grapheme) in text.grapheme_indices(true) {
        let columns = grapheme.width();
        if used + columns > width && at > 0 {
            // The space at which a line breaks is not shown.
            return Some(match last_space {
                _ if grapheme == " " => (at, at + 1),
                Some(space) => (space, space + 1),
                None => (at, at),
            });
        }
        if grapheme == " " {
            last_space = Some(at);
        }
        used += columns;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_at_words() {
        for (text, width, expected) in [
            ("", 5, vec![""]),
            ("one two three", 7, vec!["one two", "three"]),
            ("one two three", 8, vec!["one two", "three"]),
            ("abcdefgh", 3, vec!["abc", "def", "gh"]),
            ("猫と犬と鳥", 4, vec!["猫と", "犬と", "鳥"]),
            ("a bcdefgh", 4, vec!["a", "bcde", "fgh"]),
            ("👩‍👩‍👧👩‍👩‍👧", 3, vec!["👩‍👩‍👧", "👩‍👩‍👧"]),
            ("e\u{301}e\u{301}e\u{301}", 2, vec!["e\u{301}e\u{301}", "e\u{301}"]),
        ] {
            assert_eq!(wrap(text, width), expected, "{text}");
        }
    }

    #[test]
    fn of_a_long_text_only_the_lines_that_are_needed_are_looked_at() {
        let text = "word ".repeat(1_000_000);
        let lines: Vec<&str> = wrapped(&text, 9).take(2).collect();
        assert_eq!(lines, ["word word", "word word"]);
        let end = lines[1].as_ptr() as usize + lines[1].len() - text.as_ptr() as usize;
        assert_eq!(end, 19);
    }
}
