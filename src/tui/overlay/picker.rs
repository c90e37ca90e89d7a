//! Filtering and selection in a list.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Choosing, Picker, PickerItem};

impl Picker {
    pub fn typed(&self) -> String {
        self.filter.lines().join("").trim().to_owned()
    }

    /// The items that pass the filter, best match first. For a value, what was typed is the last of them: the server
    /// may know choices that are not listed.
    pub fn matches(&self) -> Vec<PickerItem> {
        let typed = self.typed();
        if typed.is_empty() {
            return self.items.clone();
        }
        match self.purpose {
            Choosing::Command => commands(&self.items, &typed),
            Choosing::Value(_) | Choosing::Several(_) => {
                let mut items = by_letters(&self.items, &typed);
                if items.iter().all(|item| item.label != typed) {
                    let note = "not listed".to_owned();
                    items.push(PickerItem { label: typed, note, ..PickerItem::default() });
                }
                items
            }
            // The history has narrowed them already.
            Choosing::Recall(_) => self.items.clone(),
            Choosing::Preset
            | Choosing::Profile
            | Choosing::Status
            | Choosing::Search
            | Choosing::Kin(_)
            | Choosing::Workflow
            | Choosing::Output(_)
            | Choosing::InputFor(_)
            | Choosing::CopyAs(_)
            | Choosing::Pipe(_) => by_letters(&self.items, &typed),
        }
    }

    /// Marks the selected item, or takes its mark away. One that is not listed joins the list.
    pub fn mark(&mut self) {
        let Some(item) = self.selected.and_then(|at| self.matches().into_iter().nth(at)) else { return };
        let id = match item.id.is_empty() {
            true => serde_json::Value::from(item.label.as_str()).to_string(),
            false => item.id.clone(),
        };
        match self.marked.iter().position(|marked| *marked == id) {
            Some(at) => drop(self.marked.remove(at)),
            None => self.marked.push(id.clone()),
        }
        if self.items.iter().all(|listed| listed.id != id) {
            self.items.insert(0, PickerItem { id, ..item });
        }
    }

    /// Moves down or up by a number of items; no selection counts as above the first.
    pub fn go_by(&mut self, steps: isize) {
        let count = self.matches().len();
        let next = self.selected.map_or(-1, |at| at as isize) + steps;
        self.selected = match self.selected {
            None if steps < 0 => None,
            _ => Some(next.max(0) as usize).map(|next| next.min(count.saturating_sub(1))),
        };
    }

    /// Selects the best match after the text changed. No command is selected before anything was typed, and one that
    /// spends money only if its whole name was.
    pub fn select_first(&mut self) {
        self.selected = Some(0);
        if self.purpose == Choosing::Command {
            let typed = plain(&self.typed());
            let best = self.matches().into_iter().next();
            let is_taken =
                best.is_some_and(|item| !item.spends || names(&item).any(|name| plain(name) == typed));
            self.selected = self.selected.filter(|_| is_taken && !typed.is_empty());
        }
    }
}

/// Commands by what was typed. With the number of a run behind it, those that can be about a run come first.
fn commands(items: &[PickerItem], typed: &str) -> Vec<PickerItem> {
    let number = typed.rsplit_once(' ').and_then(|(words, number)| Some((words, number.parse().ok()?)));
    let Some((words, run)) = number else { return by_name(items, typed) };
    let about_runs: Vec<PickerItem> = items.iter().filter(|item| item.takes_run).cloned().collect();
    let about = by_name(&about_runs, words).into_iter().map(|item| {
        // `prompt of run` says itself that a number follows.
        let label = match names(&item).find(|name| name.ends_with(" run")) {
            Some(name) => format!("{name} {run}"),
            None => format!("{} run {run}", item.label),
        };
        PickerItem { label, run: Some(run), ..item }
    });
    about.chain(by_name(items, typed)).collect()
}

/// Items that have the letters in this order, the closest first.
fn by_letters(items: &[PickerItem], typed: &str) -> Vec<PickerItem> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Smart, Normalization::Smart);
    let mut scratch = Vec::new();
    let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut scratch), &mut matcher);
    let mut found: Vec<(u32, &PickerItem)> = items
        .iter()
        .filter_map(|item| {
            // A match in the label is worth more than one in the sentence about it.
            let label = score(&item.label).map(|score| score * 2);
            if item.detail.is_empty() {
                return label.map(|score| (score, item));
            }
            label.max(score(&format!("{} {}", item.label, item.detail))).map(|score| (score, item))
        })
        .collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, item)| item.clone()).collect()
}

/// How a command is found, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Named,
    /// All that was typed are whole words of its name: `seed` means `new seed` as much as `seed policy`.
    WordsNamed,
    NameBegins,
    WordsBegin,
    InName,
    /// All that was typed are whole words of the sentence about it.
    InSentence,
}

/// Commands by name, then by whole words of their descriptions, since single letters would match any description. Those
/// available here come before others, those that spend money after those that don't.
fn by_name(items: &[PickerItem], typed: &str) -> Vec<PickerItem> {
    let typed = plain(typed);
    let mut found: Vec<_> = items
        .iter()
        .filter_map(|item| {
            let how = find(item, &typed)?;
            let is_other = plain(&item.id) != typed;
            Some(((how, item.elsewhere.is_some(), item.spends, is_other), item))
        })
        .collect();
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, item)| item.clone()).collect()
}

fn find(item: &PickerItem, typed: &str) -> Option<Found> {
    let of_name = |name: &str| {
        let name = plain(name);
        let is_word = |typed: &str| name.split(' ').any(|word| word == typed);
        let begins = |typed: &str| name.split(' ').any(|word| word.starts_with(typed));
        match () {
            () if name == typed => Some(Found::Named),
            () if typed.split(' ').all(is_word) => Some(Found::WordsNamed),
            () if name.starts_with(typed) => Some(Found::NameBegins),
            () if typed.split(' ').all(begins) => Some(Found::WordsBegin),
            () if name.contains(typed) => Some(Found::InName),
            () => None,
        }
    };
    let sentence = item.detail.to_lowercase();
    let words: Vec<&str> = sentence.split(|c: char| !c.is_alphanumeric()).collect();
    let in_sentence = typed.split(' ').all(|word| words.contains(&word)).then_some(Found::InSentence);
    names(item).filter_map(of_name).min().or(in_sentence)
}

fn names(item: &PickerItem) -> impl Iterator<Item = &str> {
    [item.id.as_str(), item.label.as_str()].into_iter().chain(item.names.iter().copied())
}

/// Normalized for comparison: `save-as` and `Save as` are the same name.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| c == '-' || c.is_whitespace()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
