//! Which run came from which, as a tree of lines.

use super::brief;
use super::human::plain_name;
use crate::domain::lineage::{How, Kin, Lineage};
use crate::domain::{Brief, RunId, RunSummary};
use crate::wire::ansi::scrub_plain;

/// Deepest indentation, in levels.
const MOST_INDENT: usize = 8;

/// A line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub run: RunId,
    /// Levels below the root.
    pub depth: usize,
    pub text: String,
    /// It is the run whose kin are told.
    pub is_own: bool,
}

/// The tree from the root to a run and to what came of it.
pub fn tree(id: RunId, own: &str, lineage: &Lineage) -> Vec<Branch> {
    let mut lines = Vec::new();
    for (depth, kin) in lineage.ancestors.iter().enumerate() {
        lines.push(branch(kin, depth));
    }
    let depth = lineage.ancestors.len();
    let own_edge =
        lineage.own.as_ref().map_or_else(String::new, |(how, change)| edge(Some(*how), change.as_ref()));
    let imported = if lineage.imported { "values imported from a file" } else { "" };
    let others = lineage.others.iter().map(|(run, how)| match how {
        How::Input => format!("a picture of run {run} as input"),
        How::Again | How::Loaded | How::Explored | How::Likely => format!("also {} {run}", how.word()),
    });
    let facts = [own_edge, own.to_owned(), imported.to_owned()].into_iter().chain(others);
    lines.push(Branch { run: id, depth, text: joined(facts), is_own: true });
    for kin in &lineage.children {
        lines.push(branch(kin, depth + 1));
    }
    lines
}

fn branch(kin: &Kin, depth: usize) -> Branch {
    let told = kin.run.as_ref().map_or_else(|| "removed".to_owned(), about);
    let text = joined([edge(kin.how, kin.change.as_ref()), told].into_iter());
    Branch { run: kin.id, depth, text, is_own: false }
}

/// A run in a word or two.
pub fn about(run: &RunSummary) -> String {
    let star = if run.starred { " ★" } else { "" };
    format!("{}{star}  {}", run.status.word(), run.prompt)
}

fn edge(how: Option<How>, changed: Option<&Brief>) -> String {
    let how = how.map_or_else(String::new, |how| how.word().to_owned());
    joined([how, changed.map(change).unwrap_or_default()].into_iter())
}

/// The most telling thing that changed, and how many others did.
pub fn change(brief: &Brief) -> String {
    if brief.told.is_empty() {
        return "the same values".to_owned();
    }
    let told = brief::told(brief, plain_name);
    match told.len().saturating_sub(1) {
        0 => told.join(""),
        more => format!("{}, {more} more", told[0]),
    }
}

fn joined(facts: impl Iterator<Item = String>) -> String {
    facts.filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join("  ")
}

impl Branch {
    /// `  └ 14  loaded  cfg 6 → 7  done  A flamingo`.
    pub fn line(&self) -> String {
        // A long way to the root leaves room for what is told.
        let indent = "  ".repeat(self.depth.saturating_sub(1).min(MOST_INDENT));
        let corner = if self.depth > 0 { "└ " } else { "" };
        let mark = if self.is_own { "▸ " } else { "" };
        scrub_plain(&format!("{indent}{corner}{mark}{}  {}", self.run, self.text))
    }
}

/// How many came of a run that are not told.
pub fn more(lineage: &Lineage) -> Option<String> {
    let more = lineage.count.saturating_sub(lineage.children.len());
    (more > 0).then(|| format!("{more} more came of it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParamKey;
    use crate::domain::brief::{Short, Told};
    use crate::domain::compare::What;

    #[test]
    fn a_tree_has_its_root_on_top_and_the_change_on_each_edge() {
        let run = |prompt: &str| Some(RunSummary { prompt: prompt.to_owned(), ..RunSummary::default() });
        let key = ParamKey::new("3", "cfg");
        let cfg = Short::Values(Some("5".to_owned()), Some("6".to_owned()));
        let told = |change: Short| Told { what: What::Param(key.clone()), change };
        let cfg = Some(Brief { told: vec![told(cfg)], ..Brief::default() });
        let seed = told(Short::Seed("12".to_owned()));
        let seed = Some(Brief { told: vec![seed], more: 2, ..Brief::default() });
        let lineage = Lineage {
            ancestors: vec![
                Kin { id: 3, run: None, how: None, change: None },
                Kin { id: 5, run: run("a cat"), how: Some(How::Loaded), change: cfg },
            ],
            own: Some((How::Explored, seed)),
            others: vec![(2, How::Input)],
            imported: false,
            children: vec![Kin { id: 9, run: run("a dog"), how: Some(How::Again), change: None }],
            count: 3,
        };
        let lines: Vec<String> = tree(7, "", &lineage).iter().map(Branch::line).collect();
        assert_eq!(
            lines,
            [
                "3  removed",
                "└ 5  loaded  cfg 5 → 6  queued  a cat",
                "  └ ▸ 7  explored  cfg 12, 1 more  a picture of run 2 as input",
                "    └ 9  again  queued  a dog",
            ]
        );
        assert_eq!(more(&lineage).as_deref(), Some("2 more came of it"));
    }
}
