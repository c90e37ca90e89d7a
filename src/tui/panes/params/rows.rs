//! The rows of the parameters pane: which parameters are seen, in which order, how high each is.
//!
//! The view draws these rows and `update` moves among them, so both agree on what is where.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use unicode_width::UnicodeWidthStr;

use super::setting_text;
use crate::domain::{ParamKey, ParamKind, Parameter};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::wrap::wrapped;

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
        let room = layout::regions(model).and_then(|r| r.body(Pane::Parameters));
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
