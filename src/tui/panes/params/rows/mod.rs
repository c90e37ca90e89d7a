//! The rows of the parameters pane: which parameters are visible, in which order and height.
//!
//! The view draws these rows and `update` moves among them, so both agree on positions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use unicode_width::UnicodeWidthStr;

use crate::domain::about::about;
use crate::domain::inputs::is_data;
use crate::domain::param::{Rank, ToldBy};
use crate::domain::{Origin, ParamKey, ParamKind, Parameter, Said};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::wrap::{wrap, wrapped};

/// Most lines of a long text while it is not edited.
pub const LONG_TEXT_LINES: usize = 5;
/// Columns before the value: bar, mark, label and gaps.
pub const INDENT: usize = 4;

#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A heading; empty for a blank line. The first parameters have none.
    Heading(String),
    Param {
        /// Index into the draft's parameters.
        index: usize,
        /// Whether it is in the pinned group.
        pinned: bool,
        /// How many parameters it shows: prompts with the same text share a row, unless everything is shown.
        of: usize,
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

/// The rows of the pane at a width, and its columns. Computed once per frame, in time proportional
/// to the number of parameters.
#[derive(Debug, Default, PartialEq)]
pub struct Rows {
    pub rows: Vec<Row>,
    /// Columns for the label.
    pub label_width: usize,
    /// Columns at the right for who set the value, with the gap before them; 0 where that is not shown.
    pub origin_width: usize,
}

pub fn rows(model: &Model, width: u16) -> Rows {
    let params = model.draft.params();
    let together = together(model);
    let others: HashSet<usize> = together.iter().flat_map(|places| &places[1..]).copied().collect();
    let first: HashMap<usize, usize> = together.iter().map(|places| (places[0], places.len())).collect();
    let is_seen = |i: &usize| is_shown(model, &params[*i]) && !others.contains(i);
    let seen: Vec<usize> = (0..params.len()).filter(is_seen).collect();
    let label_width = label_width(model, &seen, width);
    let origin_width = origin_width(model, &seen, width);
    let columns = Rows { rows: Vec::new(), label_width, origin_width }.columns(width);
    let row = |index: usize, pinned: bool| Row::Param {
        index,
        pinned,
        of: first.get(&index).copied().unwrap_or(1),
        height: height(model, &params[index], columns),
    };
    if !model.params.filter.is_empty() {
        // Sorted by score, so headings would repeat and are left out.
        let rows = matching(model, &seen).into_iter().map(|index| row(index, true)).collect();
        return Rows { rows, label_width, origin_width };
    }
    let mut rows = Vec::new();
    let pinned: Vec<usize> = model.params.pinned.iter().filter_map(|key| model.draft.place(key)).collect();
    if !pinned.is_empty() {
        rows.push(Row::Heading("★ Pinned".to_owned()));
        rows.extend(pinned.iter().map(|index| row(*index, true)));
    }
    let pinned: HashSet<usize> = pinned.into_iter().collect();
    let headings = Headings::new(params);
    // Advanced parameters come last, each part in the workflow's order.
    let (advanced, basic): (Vec<usize>, Vec<usize>) =
        seen.into_iter().filter(|i| !pinned.contains(i)).partition(|i| params[*i].advanced);
    for (part, suffix) in [(basic, ""), (advanced, " · advanced")] {
        let mut last = None;
        for index in part {
            let param = &params[index];
            let group = match param.rank {
                Rank::Top => None,
                _ if param.is_of_form => Some((param.group.as_str(), "")),
                Rank::Node | Rank::Loras | Rank::Files => Some((param.group.as_str(), param.key.node())),
            };
            let is_first = rows.is_empty() && group.is_none();
            if !is_first && last != Some(group) {
                let heading = group.map_or_else(String::new, |_| format!("{}{suffix}", headings.of(param)));
                rows.push(Row::Heading(heading));
            }
            last = Some(group);
            rows.push(row(index, false));
        }
    }
    let mut rows = Rows { rows, label_width, origin_width };
    rows.give_room(model, columns);
    rows
}

impl Rows {
    /// Gives lines that the pane has left to long texts, the first one first: they are what people change.
    fn give_room(&mut self, model: &Model, columns: usize) {
        let body = layout::regions(model).and_then(|regions| regions.body(Pane::Parameters));
        let mut free = body.map_or(0, |area| usize::from(area.height)).saturating_sub(self.height());
        let edited = model.params.editing.as_ref().map(|editing| &editing.key);
        if free == 0 {
            return;
        }
        for row in &mut self.rows {
            let Row::Param { index, height, .. } = row else { continue };
            let param = &model.draft.params()[*index];
            // What has not used up its lines is seen whole.
            if free == 0
                || *height < LONG_TEXT_LINES
                || param.kind != ParamKind::LongText
                || edited == Some(&param.key)
            {
                continue;
            }
            let text = model.draft.shown(&param.key).unwrap_or_default();
            let lines = text.split('\n').flat_map(|line| wrapped(line, columns)).take(*height + free).count();
            free -= lines.saturating_sub(*height);
            *height = lines.max(*height);
        }
    }

    /// Columns of the values.
    pub fn columns(&self, width: u16) -> usize {
        usize::from(width).saturating_sub(INDENT + self.label_width + self.origin_width).max(1)
    }

    /// Keys of the selectable rows, in order.
    pub fn keys<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = &'a ParamKey> {
        let params = model.draft.params();
        self.rows.iter().filter_map(|row| match row {
            Row::Param { index, .. } => Some(&params[*index].key),
            Row::Heading(_) => None,
        })
    }

    /// Total number of lines.
    pub fn height(&self) -> usize {
        self.rows.iter().map(Row::height).sum()
    }
}

/// Indices of parameters that share a row.
fn together(model: &Model) -> Vec<Vec<usize>> {
    if model.params.show_all { Vec::new() } else { model.draft.same_texts() }
}

/// The keys of a row: an edit applies to all of them.
pub fn of_row(model: &Model, key: &ParamKey) -> Vec<ParamKey> {
    let params = model.draft.params();
    let places = together(model).into_iter().find(|places| places.iter().any(|at| params[*at].key == *key));
    match places {
        Some(places) => places.into_iter().map(|at| params[at].key.clone()).collect(),
        None => vec![key.clone()],
    }
}

/// A row's label: `prompt ×2` for two parameters.
pub fn label<'m>(model: &'m Model, param: &'m Parameter, of: usize) -> Cow<'m, str> {
    match param.role {
        Some(role) if of > 1 => format!("{} ×{of}", role.word()).into(),
        _ => model.draft.name(param).into(),
    }
}

fn label_width(model: &Model, seen: &[usize], width: u16) -> usize {
    /// Most columns for a label.
    const MOST: usize = 22;
    let params = model.draft.params();
    let mut longest = 6;
    for index in seen {
        let name = model.draft.name(&params[*index]);
        // A character never takes more columns than bytes.
        if name.len() > longest {
            longest = longest.max(name.width()).min(MOST);
        }
        if longest == MOST {
            break;
        }
    }
    longest.min(usize::from(width) / 3)
}

/// Columns for who set a value.
fn origin_width(model: &Model, seen: &[usize], width: u16) -> usize {
    /// Most columns, and those of the gap before them.
    const MOST: usize = 24;
    const GAP: usize = 2;
    if !model.params.show_origins {
        return 0;
    }
    let params = model.draft.params();
    let widths = seen.iter().map(|index| told_origin(&model.draft.origin(&params[*index].key)).width());
    widths.max().unwrap_or(0).min(MOST).min(usize::from(width) / 3) + GAP
}

/// Who set a value, in a column of them: presets as the top line has them, `▸ flamingo`.
pub fn told_origin(origin: &Origin) -> String {
    match origin {
        Origin::Preset { name } if !name.is_empty() => format!("▸ {name}"),
        Origin::Person { how: Said::Preset(name) } => format!("laid over ▸ {name}"),
        Origin::Workflow
        | Origin::Form
        | Origin::Preset { .. }
        | Origin::Person { .. }
        | Origin::Program { .. } => origin.to_string(),
    }
}

fn is_shown(model: &Model, param: &Parameter) -> bool {
    // What has to be wired is a problem, and shown.
    let is_wired = param.kind == ParamKind::Link && !param.default.is_null();
    if model.params.show_all {
        return true;
    }
    // A LoRA's strength stands in its row, unless it is looked for.
    let is_in_row = param.is_lora_part && model.params.filter.is_empty();
    !param.hidden && !is_wired && !is_in_row && !model.draft.is_empty_row(param)
}

struct Headings<'p> {
    /// Node name → the only node with that name.
    only: HashMap<&'p str, Option<&'p str>>,
}

impl<'p> Headings<'p> {
    fn new(params: &'p [Parameter]) -> Self {
        let mut only: HashMap<&str, Option<&str>> = HashMap::new();
        let mut last = None;
        for param in params {
            let node = param.key.node();
            // A node's parameters are usually adjacent.
            if last == Some((param.group.as_str(), node)) {
                continue;
            }
            last = Some((param.group.as_str(), node));
            let known = only.entry(&param.group).or_insert(Some(node));
            if known.is_some_and(|known| known != node) {
                *known = None;
            }
        }
        Self { only }
    }

    /// The node's name, with its id when several nodes have that name.
    fn of(&self, param: &Parameter) -> String {
        match self.only.get(param.group.as_str()) {
            Some(None) if !param.is_of_form => format!("{}  {}", param.group, param.key.node()),
            _ => param.group.clone(),
        }
    }
}

/// Visible parameters that match the filter, the best first.
fn matching(model: &Model, seen: &[usize]) -> Vec<usize> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(&model.params.filter, CaseMatching::Smart, Normalization::Smart);
    let mut scratch = Vec::new();
    let params = model.draft.params();
    let mut found: Vec<(u32, usize)> = seen
        .iter()
        .filter_map(|i| {
            let param = &params[*i];
            let name = model.draft.name(param);
            let text = format!("{name} {} {}", param.group, param.key);
            let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut scratch), &mut matcher);
            // A match in the name counts more than one in the node.
            let named = score(name).map(|score| score * 2);
            named.max(score(&text)).map(|score| (score, *i))
        })
        .collect();
    found.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
    found.into_iter().map(|(_, index)| index).collect()
}

fn height(model: &Model, param: &Parameter, columns: usize) -> usize {
    if let Some(editing) = model.params.editing.as_ref().filter(|editing| editing.key == param.key) {
        let room = layout::regions(model).and_then(|r| r.body(Pane::Parameters));
        let room = room.map_or(10, |area| usize::from(area.height));
        let least = if editing.multiline { 3 } else { 1 };
        let most = Ord::max(room * 2 / 3, least);
        let lines = editing.text.lines().iter().flat_map(|line| wrapped(line, columns)).take(most).count();
        let about = about(param);
        return lines.max(least) + editing.lines_below() + help_lines(param, &about, columns).len();
    }
    if param.kind != ParamKind::LongText {
        return 1;
    }
    match model.draft.shown(&param.key) {
        // A character never takes more columns than bytes.
        Some(text) if text.len() <= columns && !text.contains('\n') => 1,
        Some(text) => text.split('\n').flat_map(|line| wrapped(line, columns)).take(most_lines(text)).count(),
        None => 1,
    }
}

/// What there is to know about a parameter, beneath its open field: where a form or the server says something.
pub fn help_lines<'t>(param: &Parameter, about: &'t str, columns: usize) -> Vec<&'t str> {
    /// Most lines of it.
    const MOST: usize = 3;
    if param.help.is_empty() && param.told_by != ToldBy::Server {
        return Vec::new();
    }
    wrap(about, columns).into_iter().take(MOST).collect()
}

/// Most lines for a long text; a text for programs gets one.
pub fn most_lines(text: &str) -> usize {
    if is_data(text) { 1 } else { LONG_TEXT_LINES }
}

#[cfg(test)]
mod tests;
