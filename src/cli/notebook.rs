//! `comfydeck runs tag|note|star|reject|rm|prune|searches`: what people note of runs, and what they remove.

use std::str::FromStr;

use clap_complete::ArgValueCandidates;

use super::complete;
use super::run_arg::RunArg;
use super::{Exit, Failure, dirs, out};
use crate::domain::search::ago;
use crate::domain::{About, Remark, RunId, Search, notebook};
use crate::report::text;
use crate::store::{Removable, Removal, RunQuery, Store, now};

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Tag runs, or show the tags that they have
    Tag(TagArgs),
    /// Write a note on a run, or show it
    Note(NoteArgs),
    /// Star the first output of runs
    Star(MarkArgs),
    /// Reject runs: lists leave them out, and no file is deleted
    Reject(MarkArgs),
    /// Remove runs from the history, with their logs and inputs; asked first
    Rm(RmArgs),
    /// Remove old runs from the history, with their logs and inputs; asked first
    Prune(PruneArgs),
    /// List saved searches, save one, or remove it; `@NAME` in a search stands for it
    Searches(SearchesArgs),
}

#[derive(Debug, clap::Args)]
pub struct TagArgs {
    #[command(flatten)]
    pub which: Which,
    /// Tags to add
    #[arg(value_name = "TAG")]
    pub tags: Vec<String>,
    /// Remove these tags instead
    #[arg(short, long, requires = "tags")]
    pub remove: bool,
}

#[derive(Debug, clap::Args)]
pub struct NoteArgs {
    #[command(flatten)]
    pub which: Which,
    /// The note; an empty one removes it
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct MarkArgs {
    #[command(flatten)]
    pub which: Which,
    /// Take it back
    #[arg(long)]
    pub undo: bool,
}

#[derive(Debug, clap::Args)]
pub struct RmArgs {
    #[command(flatten)]
    pub which: Which,
    #[command(flatten)]
    pub how: How,
}

#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// Runs that ended longer ago than this: 12h, 30d, 8w
    #[arg(long, value_name = "AGE", value_parser = age, default_value = "30d")]
    pub older: i64,
    /// Keep runs with a starred output: so it is, unless --starred
    #[arg(long, conflicts_with = "starred")]
    pub keep_starred: bool,
    /// Remove runs with a starred output, too
    #[arg(long)]
    pub starred: bool,
    #[command(flatten)]
    pub how: How,
}

#[derive(Debug, clap::Args)]
pub struct How {
    /// Delete also the files that the runs made, as far as they are unchanged
    #[arg(long)]
    pub files: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, clap::Args)]
pub struct SearchesArgs {
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// What to search for
    #[arg(value_name = "SEARCH", requires = "name", allow_hyphen_values = true)]
    pub search: Option<String>,
    /// Remove the search of this name
    #[arg(long, requires = "name", conflicts_with = "search")]
    pub remove: bool,
}

#[derive(Debug, clap::Args)]
pub struct Which {
    /// Runs: 12, 12,14..20, last, or a search such as status:failed
    #[arg(value_name = "RUNS", allow_hyphen_values = true, add = ArgValueCandidates::new(complete::runs))]
    pub runs: String,
}

impl Which {
    /// The runs that are meant, the oldest first.
    fn find(&self, store: &Store) -> Result<Vec<RunId>, Failure> {
        let parts: Result<Vec<Span>, ()> = self.runs.split(',').map(str::parse).collect();
        let mut found = Vec::new();
        match parts {
            Ok(spans) => {
                for span in spans {
                    match span {
                        Span::One(run) => found.push(run.find(store)?.id),
                        Span::Range(first, last) => {
                            let mut query =
                                RunQuery { before: Some(last.saturating_add(1)), ..RunQuery::default() };
                            pages(store, &mut query, |id| id >= first, &mut found)?;
                        }
                    }
                }
            }
            Err(()) => {
                let saved = store.searches()?;
                let saved = |name: &str| saved.get(name).map(String::as_str);
                let search = Search::parse(&self.runs, saved).map_err(Failure::usage)?;
                // A script's empty variable does not mean the whole history.
                if search.is_empty() {
                    return Err(Failure::usage(
                        "no run is named. Name them as 12, 12,14..20 or last, or by a search such as status:failed",
                    ));
                }
                let mut query = RunQuery::of(search);
                pages(store, &mut query, |_| true, &mut found)?;
            }
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            return Err(Failure::usage(format!("no run is meant by {}", self.runs)));
        }
        Ok(found)
    }
}

/// Reads page after page, as long as the numbers are wanted.
fn pages(
    store: &Store,
    query: &mut RunQuery,
    is_wanted: impl Fn(RunId) -> bool,
    found: &mut Vec<RunId>,
) -> Result<(), Failure> {
    loop {
        let page = store.summaries(query)?;
        let wanted: Vec<RunId> = page.iter().map(|run| run.id).filter(|id| is_wanted(*id)).collect();
        let is_last = wanted.len() < page.len() || page.is_empty();
        found.extend(wanted);
        query.before = page.last().map(|run| run.id);
        if is_last {
            return Ok(());
        }
    }
}

/// A run, or those of a range of numbers.
enum Span {
    One(RunArg),
    Range(RunId, RunId),
}

impl FromStr for Span {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once("..") {
            Some((first, last)) => match (first.parse(), last.parse()) {
                (Ok(first), Ok(last)) => Ok(Self::Range(first, last)),
                _ => Err(()),
            },
            None => text.parse().map(Self::One).map_err(drop),
        }
    }
}

/// Reads an age as milliseconds.
fn age(text: &str) -> Result<i64, String> {
    ago(text).ok_or_else(|| "an age is a number with h, d or w: 12h, 30d, 8w".to_owned())
}

/// Does it.
///
/// # Errors
/// When there is no such run, nobody agrees, or the history cannot be used.
pub fn main(action: &Action) -> Result<Exit, Failure> {
    let store = Store::open(&dirs()?)?;
    match action {
        Action::Tag(args) => tag(&store, args),
        Action::Note(args) => note(&store, args),
        Action::Star(args) => {
            mark(&store, args, if args.undo { "not starred any more" } else { "starred" }, |run| {
                Remark::Star(About::Run(run), !args.undo)
            })
        }
        Action::Reject(args) => {
            mark(&store, args, if args.undo { "not rejected any more" } else { "rejected" }, |run| {
                Remark::Reject(About::Run(run), !args.undo)
            })
        }
        Action::Rm(args) => {
            let runs = args.which.find(&store)?;
            remove(
                &store,
                &Removal::Runs(runs),
                &args.how,
                "a run that has not ended is not removed; cancel it first",
            )
        }
        Action::Prune(args) => {
            let what = Removal::EndedBefore { at: now().saturating_sub(args.older), starred: args.starred };
            remove(&store, &what, &args.how, "no run is that old")
        }
        Action::Searches(args) => searches(&store, args),
    }
}

fn tag(store: &Store, args: &TagArgs) -> Result<Exit, Failure> {
    let runs = args.which.find(store)?;
    let tags = notebook::tags(&args.tags.join(" ")).map_err(Failure::usage)?;
    let mut remarks = Vec::new();
    for run in &runs {
        let before = store.noted(*run)?.notes;
        if tags.is_empty() {
            out::print(&format!("{run}  {}\n", before.hashtags()))?;
            continue;
        }
        let after = match args.remove {
            true => before.tags.difference(&tags).cloned().collect(),
            false => before.tags.union(&tags).cloned().collect(),
        };
        remarks.push(Remark::Tags(*run, after));
    }
    if !tags.is_empty() {
        let changed = store.note(&remarks, now())?.len();
        out::note(format!("{} changed", counted(changed, "run")));
    }
    Ok(Exit::Success)
}

fn note(store: &Store, args: &NoteArgs) -> Result<Exit, Failure> {
    let runs = args.which.find(store)?;
    let Some(text) = &args.text else {
        for run in &runs {
            let told = crate::wire::ansi::scrub_plain(&store.noted(*run)?.notes.text);
            out::print(&format!("{run}  {told}\n"))?;
        }
        return Ok(Exit::Success);
    };
    let text: String = text.trim().chars().take(notebook::NOTE_CHARS).collect();
    let remarks: Vec<Remark> = runs.iter().map(|run| Remark::Note(*run, text.clone())).collect();
    store.note(&remarks, now())?;
    Ok(Exit::Success)
}

fn mark(
    store: &Store,
    args: &MarkArgs,
    word: &str,
    remark: impl Fn(RunId) -> Remark,
) -> Result<Exit, Failure> {
    let runs = args.which.find(store)?;
    let remarks: Vec<Remark> = runs.iter().map(|run| remark(*run)).collect();
    store.note(&remarks, now())?;
    out::note(format!("{} {word}", counted(runs.len(), "run")));
    Ok(Exit::Success)
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{} {what}s", text::thousands(count)) }
}

/// Removes runs, after saying what that frees.
fn remove(store: &Store, what: &Removal, how: &How, none: &str) -> Result<Exit, Failure> {
    let found = store.removable(what)?;
    if found.runs.is_empty() {
        out::note(none);
        return Ok(Exit::Success);
    }
    let outputs = match (found.outputs, how.files) {
        (0, _) => "They have no outputs.".to_owned(),
        (files, true) => {
            let bytes = text::bytes(found.output_bytes);
            format!(
                "Their outputs are deleted, too: {}, {bytes}. This cannot be undone.",
                counted(files, "file")
            )
        }
        (files, false) => {
            let bytes = text::bytes(found.output_bytes);
            format!("Their outputs stay: {}, {bytes}.", counted(files, "file"))
        }
    };
    let question = format!("Remove {} from the history? {outputs}", told(&found));
    if !how.yes && !out::is_agreed(&question)? {
        return Err(Failure::new(Exit::Cancelled, "nothing was removed"));
    }
    // Counted again: time has passed.
    let (removed, kept) = store.remove(what, how.files, now())?;
    let freed = removed.bytes + if how.files { removed.output_bytes } else { 0 };
    out::note(format!("removed {}: {} freed", told(&removed), text::bytes(freed)));
    for why in kept {
        out::note(format!("left: {why}"));
    }
    let disk = store.disk_use()?;
    out::note(format!("the history takes {} on disk", text::bytes(disk.all())));
    Ok(Exit::Success)
}

fn told(found: &Removable) -> String {
    format!("{} with {} of logs and inputs", counted(found.runs.len(), "run"), text::bytes(found.bytes))
}

fn searches(store: &Store, args: &SearchesArgs) -> Result<Exit, Failure> {
    let saved = store.searches()?;
    let Some(name) = &args.name else {
        let lines: String = saved.iter().map(|(name, text)| format!("@{name}  {text}\n")).collect();
        out::print(&lines)?;
        return Ok(Exit::Success);
    };
    let name = notebook::tag(name.strip_prefix('@').unwrap_or(name)).map_err(Failure::usage)?;
    match &args.search {
        Some(text) => {
            Search::parse(text, |name| saved.get(name).map(String::as_str)).map_err(Failure::usage)?;
            store.save_search(&name, Some(text))?;
        }
        None => {
            let Some(text) = saved.get(&name) else {
                return Err(Failure::usage(format!("no search is saved as @{name}")));
            };
            match args.remove {
                true => drop(store.save_search(&name, None)?),
                false => out::print(&format!("{text}\n"))?,
            }
        }
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(age("12h"), Ok(12 * 3_600_000));
        assert!(age("12").is_err() && age("h").is_err());
    }
}
