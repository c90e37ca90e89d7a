//! The list of runs, and the page of one.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr;

use super::ago;
use crate::domain::compare::What;
use crate::domain::run::UnixMs;
use crate::domain::{Brief, Noted, ParamKey, Run, RunId, RunSummary, Status, time, value};
use crate::report::brief;
use crate::report::table::{Cell, Column, Paper, Tone, cell, table};
use crate::report::text::{bytes, took};
use crate::wire::ansi::{scrub_block, scrub_plain};

/// Now, and where its reader is.
#[derive(Clone, Debug)]
pub struct Moment {
    pub now: UnixMs,
    pub zone: TimeZone,
}

impl Moment {
    /// A time to the second, in the reader's zone: `2026-11-23 14:33:27 CET`.
    pub fn full(&self, at: UnixMs) -> String {
        time::at(at, &self.zone, "%Y-%m-%d %H:%M:%S %Z")
    }

    /// As short as tells it: of today the time, of another year the date.
    fn short(&self, at: UnixMs) -> String {
        let same = |format| time::at(at, &self.zone, format) == time::at(self.now, &self.zone, format);
        let format = match (same("%Y-%m-%d"), same("%Y")) {
            (true, _) => "%H:%M",
            (false, true) => "%b %-d %H:%M",
            (false, false) => "%Y-%m-%d",
        };
        time::at(at, &self.zone, format)
    }
}

const LIST: [Column; 6] = [
    Column::right("RUN"),
    Column::left("STATUS"),
    Column::left("FROM").at_most(24),
    Column::right("TOOK"),
    Column::right("QUEUED"),
    Column::left("WHAT IS NEW, AND THE PROMPT"),
];

/// A table of runs, newest first, one line each.
pub fn list(runs: &[RunSummary], briefs: &HashMap<RunId, Brief>, moment: &Moment, paper: Paper) -> String {
    let rows: Vec<[Cell; 6]> = runs.iter().map(|run| row(run, briefs.get(&run.id), moment, paper)).collect();
    table(LIST, &rows, paper)
}

fn row(run: &RunSummary, brief: Option<&Brief>, moment: &Moment, paper: Paper) -> [Cell; 6] {
    let from = run.preset.as_deref().unwrap_or_else(|| file_name(&run.workflow_name));
    let took = if run.started_at.is_some() { took(run.elapsed_ms(moment.now)) } else { String::new() };
    let queued = match paper.heads {
        true => moment.short(run.queued_at),
        false => time::at(run.queued_at, &moment.zone, "%Y-%m-%d %H:%M:%S"),
    };
    let what = if run.error.is_empty() {
        let told = brief.map(|brief| brief::told(brief, plain_name)).unwrap_or_default();
        let same = brief.and_then(|brief| brief.same_as).map(|run| format!("same picture as {run}"));
        let told = same.into_iter().chain(told).collect::<Vec<_>>().join(", ");
        if told.is_empty() { run.prompt.clone() } else { format!("{told}  {}", run.prompt) }
    } else {
        run.error.clone()
    };
    let what = format!("{}{what}", marks(run));
    let status = format!("{} {}", run.status.sign(), run.status.word());
    [
        cell(run.id.to_string(), Tone::Strong),
        cell(status, Tone::Status(run.status)),
        cell(scrub_plain(from), Tone::Plain),
        cell(took, Tone::Quiet),
        cell(queued, Tone::Quiet),
        cell(scrub_plain(&what), Tone::Plain),
    ]
}

/// Star and tags, which stand before what a run is about.
fn marks(run: &RunSummary) -> String {
    let star = if run.starred { "★ " } else { "" };
    let rejected = if run.notes.rejected { "rejected " } else { "" };
    let tags = run.notes.hashtags();
    let blank = if tags.is_empty() { "" } else { "  " };
    format!("{star}{rejected}{tags}{blank}")
}

/// What a thing that differs is called where no workflow is at hand.
pub fn plain_name(what: &What) -> String {
    match what {
        What::Param(key) => key.input().to_owned(),
        What::Workflow => "workflow".to_owned(),
        What::Preset => "preset".to_owned(),
        What::Profile => "profile".to_owned(),
    }
}

/// What people call the parameters of a run.
pub type Labels = HashMap<ParamKey, String>;

/// The page of `comfydeck show`: how it went and what is new in it first, what only programs read last.
pub fn details(
    run: &Run,
    noted: &Noted,
    brief: Option<&Brief>,
    labels: &Labels,
    moment: &Moment,
    paper: Paper,
) -> String {
    let request = &run.request;
    let mut page = Page { text: String::new(), paper };
    page.head(run, noted, moment);
    page.error(run);
    page.table("warnings", run.warnings.iter().map(|warning| ("!".to_owned(), warning.clone())));
    if let Some((brief, before)) = brief.and_then(|brief| Some((brief, brief.before?))) {
        page.table(&format!("new since run {before}"), differences(run, brief, labels).into_iter());
    }
    let outputs = run.outputs.iter();
    page.table("outputs", outputs.map(|o| (bytes(o.size), o.path.display().to_string())));
    let failed = run.failed_outputs.iter();
    page.table("outputs that could not be saved", failed.map(|f| (f.name.clone(), f.why.clone())));
    let by = |key: &ParamKey| request.origins.get(key).map_or_else(String::new, |by| format!("  ({by})"));
    let sent = request.params.iter().map(|(key, sent)| (named(labels, key), value::text(sent) + &by(key)));
    page.table("sent", sent);
    let files = request.files.iter().map(|file| {
        let key = ParamKey::parse(&file.part);
        let name = key.as_ref().map_or_else(|| file.part.clone(), |key| named(labels, key));
        let by = key.as_ref().map(by).unwrap_or_default();
        (name, format!("{}  {}{by}", file.path.display(), bytes(file.size)))
    });
    page.table("files", files);
    let facts = [
        ("preset", request.preset.clone().unwrap_or_default()),
        ("workflow", request.workflow_name.clone()),
        ("profile", request.profile.clone()),
        ("url", request.shown_url().to_owned()),
        ("outputs in", request.output_dir.display().to_string()),
        ("prompt id", run.prompt_id.clone().unwrap_or_default()),
    ];
    page.table("where", present(facts));
    page.table("sha256", run.outputs.iter().map(|o| (o.name.clone(), o.sha256.clone())));
    page.text
}

/// The name that the screen shows, and the key, by which a script sets it.
fn named(labels: &Labels, key: &ParamKey) -> String {
    match labels.get(key) {
        Some(label) => format!("{label} ({key})"),
        None => key.to_string(),
    }
}

fn differences(run: &Run, brief: &Brief, labels: &Labels) -> Vec<(String, String)> {
    let label = |what: &What| match what {
        What::Param(key) => labels.get(key).cloned().unwrap_or_else(|| plain_name(what)),
        What::Workflow | What::Preset | What::Profile => plain_name(what),
    };
    let mut rows: Vec<(String, String)> = Vec::new();
    for told in &brief.told {
        rows.push((label(&told.what), brief::whole_change(told, run)));
    }
    if brief.more > 0 {
        rows.push((String::new(), format!("and {} more", brief.more)));
    }
    if brief.told.is_empty() {
        rows.push(("nothing".to_owned(), "the same values were sent".to_owned()));
    }
    if let Some(earlier) = brief.same_as {
        rows.push(("result".to_owned(), format!("the same picture as run {earlier}")));
    }
    rows
}

fn present<const N: usize>(facts: [(&str, String); N]) -> impl Iterator<Item = (String, String)> {
    facts.into_iter().filter(|(_, fact)| !fact.is_empty()).map(|(name, fact)| (name.to_owned(), fact))
}

/// Name and duration of each phase.
fn phases(run: &Run, now: UnixMs) -> String {
    let ends = run.phases.iter().skip(1).map(|(_, at)| *at).chain([run.ended_at.unwrap_or(now)]);
    let lasting = run.phases.iter().zip(ends).filter(|((status, _), _)| !status.is_end());
    let parts: Vec<String> = lasting
        .map(|((status, from), to)| format!("{} {}", status.word(), took((to - from).max(0))))
        .collect();
    parts.join(", ")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Text built from headings and two-column tables.
struct Page {
    text: String,
    paper: Paper,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// The run, how it stands, and when it was at work.
    fn head(&mut self, run: &Run, noted: &Noted, moment: &Moment) {
        let status = format!("{} {}", run.status.sign(), run.status.word());
        let number = self.paper.ink(Tone::Strong, &format!("run {}", run.id));
        let status = self.paper.ink(Tone::Status(run.status), &status);
        self.line(&format!("{number}  {status}"));
        let queued = format!("{}, {}", moment.full(run.queued_at), ago(moment.now - run.queued_at));
        let facts = [
            ("queued", queued),
            ("time", phases(run, moment.now)),
            ("server", run.server_seconds.map_or(String::new(), |s| format!("worked {s:.1} s"))),
            ("seed", run.request.first_seed().unwrap_or_default()),
            ("starred", if noted.starred { "★".to_owned() } else { String::new() }),
            ("rejected", if noted.notes.rejected { "lists leave it out".to_owned() } else { String::new() }),
            ("tags", noted.notes.hashtags()),
            ("note", noted.notes.text.clone()),
        ];
        self.table("", present(facts));
    }

    fn error(&mut self, run: &Run) {
        let Some(error) = &run.error else { return };
        let param = error.param.as_ref().map(|key| key.to_string()).unwrap_or_default();
        let facts = [
            ("what", error.what.clone()),
            ("remedy", error.remedy.clone()),
            ("node", error.node.clone().unwrap_or_default()),
            ("parameter", param),
            ("details", error.details.clone()),
        ];
        let heading = if run.status == Status::Cancelled { "why" } else { "error" };
        self.table(heading, present(facts));
    }

    /// Adds a heading and a table of names and values; a value may have several lines. Adds nothing without rows.
    fn table(&mut self, heading: &str, rows: impl Iterator<Item = (String, String)>) {
        let rows: Vec<(String, String)> =
            rows.map(|(name, fact)| (scrub_plain(&name), scrub_block(&fact))).collect();
        if rows.is_empty() {
            return;
        }
        if !heading.is_empty() {
            self.line("");
            let heading = self.paper.ink(Tone::Strong, heading);
            self.line(&heading);
        }
        let names = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0).min(40);
        for (name, fact) in rows {
            let gap = " ".repeat(names.saturating_sub(name.width()));
            let name = self.paper.ink(Tone::Quiet, &name);
            let mut lines = fact.trim_end().split('\n');
            self.line(&format!("  {name}{gap}  {}", lines.next().unwrap_or_default()));
            for line in lines {
                self.line(&format!("  {}  {line}", " ".repeat(names)));
            }
        }
    }
}
