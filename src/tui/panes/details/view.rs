//! The details pane: one run in full, from how it stands and what is new in it to what was sent.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::domain::brief::Short;
use crate::domain::run::{Connection, NodeState, Output, OutputFailure, RunError, shown_url};
use crate::domain::spend::cost;
use crate::domain::{Brief, Origin, ParamKey, Run, RunSummary, Status, graph_tree, value};
use crate::report::batch as report;
use crate::report::lineage as tree;
use crate::tui::briefs::words;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::put;
use crate::tui::wrap::wrap;

/// Columns for the labels.
const LABEL: usize = 12;
/// Most lines for a long value.
const VALUE_LINES: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineStyle {
    Plain,
    Heading,
    Quiet,
    Bad,
    Warning,
    Status(Status),
}

/// A label and a text, either of which may be empty.
#[derive(Clone, Debug)]
struct Line {
    label: String,
    text: String,
    look: LineStyle,
}

/// The text of the title line.
pub fn note(model: &Model) -> String {
    model.details.run.as_ref().map(|run| format!("run {}", run.id)).unwrap_or_default()
}

/// Lines of the shown run at the pane's current width.
pub fn line_count(model: &Model) -> usize {
    let width =
        layout::regions(model).and_then(|regions| regions.body(Pane::Details)).map_or(0, |area| area.width);
    if width == 0 { 0 } else { lines(model, usize::from(width)).len() }
}

pub fn draw(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let lines = lines(model, usize::from(area.width));
    if lines.is_empty() {
        let text = "Parameters and results of the selected run.";
        put(buffer, area, area.x, area.y, text, theme.quiet);
        return;
    }
    for (line, y) in lines.iter().skip(model.details.scroll).zip(area.top()..area.bottom()) {
        let style = match line.look {
            LineStyle::Plain => theme.text,
            LineStyle::Heading => theme.heading,
            LineStyle::Quiet => theme.quiet,
            LineStyle::Bad => theme.bad,
            LineStyle::Warning => theme.patience,
            LineStyle::Status(status) => theme.status(status),
        };
        // A label without text takes the whole line.
        let label_width = if line.text.is_empty() { area.width } else { area.width.min(LABEL as u16 - 1) };
        let label = Rect { width: label_width, ..area };
        put(buffer, label, area.x, y, &line.label, theme.text);
        let x = if line.label.is_empty() && line.look == LineStyle::Heading {
            area.x
        } else {
            area.x + LABEL as u16
        };
        put(buffer, area, x, y, &line.text, style);
    }
}

struct Page {
    lines: Vec<Line>,
    width: usize,
}

impl Page {
    fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.push("", String::new(), LineStyle::Plain);
        }
        self.push("", text.to_owned(), LineStyle::Heading);
    }

    fn push(&mut self, label: &str, text: String, look: LineStyle) {
        self.lines.push(Line { label: label.to_owned(), text, look });
    }

    /// Adds a wrapped text, with its label on the first line.
    fn field(&mut self, label: &str, text: &str, look: LineStyle) {
        self.bounded(label, text, look, usize::MAX);
    }

    fn bounded(&mut self, label: &str, text: &str, look: LineStyle, most: usize) {
        let width = self.width.saturating_sub(LABEL).max(8);
        let mut label = label;
        if label.width() >= LABEL {
            self.push(label, String::new(), look);
            label = "";
        }
        for (at, line) in text.split('\n').flat_map(|line| wrap(line, width)).enumerate() {
            if at == most {
                self.push("", "…".to_owned(), LineStyle::Quiet);
                return;
            }
            self.push(label, line.to_owned(), look);
            label = "";
        }
    }
}

fn lines(model: &Model, width: usize) -> Vec<Line> {
    let Some(run) = model.selected_run() else {
        return Vec::new();
    };
    let mut page = Page { lines: Vec::new(), width };
    status(&mut page, run, model);
    if let Some(error) = &run.error {
        failure(&mut page, error, run, model);
    }
    for warning in &run.warnings {
        page.field("warning", warning, LineStyle::Plain);
    }
    // While it works, that is what there is to see.
    let is_at_work = !run.status.is_end() && !run.nodes.is_empty();
    if is_at_work {
        graph(&mut page, run, model);
    }
    differences(&mut page, run, model);
    lineage(&mut page, run, model);
    if !run.outputs.is_empty() || !run.failed_outputs.is_empty() {
        page.heading("Outputs");
        run.outputs.iter().for_each(|made| output(&mut page, made));
        run.failed_outputs.iter().for_each(|failed| failed_output(&mut page, failed));
    }
    page.heading("Sent");
    for (key, sent) in &run.request.params {
        page.bounded(&name(model, key), &value::text(sent), LineStyle::Plain, VALUE_LINES);
        if let Some(by) = run.request.origins.get(key).filter(|by| !matches!(by, Origin::Preset { .. })) {
            page.field("", &by.to_string(), LineStyle::Quiet);
        }
    }
    for file in &run.request.files {
        let part = ParamKey::parse(&file.part).map_or_else(|| file.part.clone(), |key| name(model, &key));
        page.field(&part, &format!("{}  {}", file.path.display(), text::bytes(file.size)), LineStyle::Plain);
    }
    page.heading("Where");
    page.field(
        "profile",
        if run.request.profile.is_empty() { "none" } else { &run.request.profile },
        LineStyle::Quiet,
    );
    page.field("endpoint", run.request.shown_url(), LineStyle::Quiet);
    if let Some(url) = &run.request.api_url {
        page.field("service", shown_url(url), LineStyle::Quiet);
    }
    page.field("workflow", &run.request.workflow_name, LineStyle::Quiet);
    if let Some(preset) = &run.request.preset {
        page.field("preset", preset, LineStyle::Quiet);
    }
    if let Some(id) = &run.prompt_id {
        page.field("prompt id", id, LineStyle::Quiet);
    }
    if !is_at_work {
        graph(&mut page, run, model);
    }
    for made in &run.outputs {
        page.field("sha256", &format!("{}  {}", made.sha256, made.name), LineStyle::Quiet);
    }
    page.lines
}

/// The graph from its results to what they are made of, with what each node does or did. The workflow has to be open.
fn graph(page: &mut Page, run: &Run, model: &Model) {
    /// Most levels that are indented.
    const DEEPEST: usize = 12;
    let open =
        model.open.workflow.as_deref().filter(|open| open.workflow.hash() == run.request.workflow_hash);
    let Some(workflow) = open.map(|open| &open.workflow) else { return };
    page.heading("Graph");
    for branch in graph_tree::tree(workflow) {
        let state = run.nodes.get(&branch.node).filter(|_| !branch.is_again);
        let (label, look) = match state {
            Some(NodeState::AtWork) if !run.status.is_end() => {
                ("● at work".to_owned(), LineStyle::Status(Status::Running))
            }
            Some(NodeState::AtWork) => ("● not done".to_owned(), LineStyle::Bad),
            Some(NodeState::Done { ms }) => (format!("{:.1} s", *ms as f64 / 1_000.0), LineStyle::Plain),
            Some(NodeState::Cached) => ("cached".to_owned(), LineStyle::Quiet),
            None if branch.is_again => (String::new(), LineStyle::Quiet),
            None => (String::new(), LineStyle::Plain),
        };
        let name = workflow.nodes().get(&branch.node).map_or("", |node| node.name());
        let line = match (branch.depth, branch.is_again) {
            (0, _) => format!("{name}  {}", branch.node),
            (depth, is_again) => {
                let above = if is_again { "  (above)" } else { "" };
                format!(
                    "{}└ {name}  {}  {}{above}",
                    "  ".repeat(depth.min(DEEPEST) - 1),
                    branch.node,
                    branch.feeds
                )
            }
        };
        page.push(&label, line, look);
    }
}

/// What differs from the run before, and the seed, by which people know a picture.
fn differences(page: &mut Page, run: &Run, model: &Model) {
    let seed = run.request.first_seed();
    let brief = model.briefs.of(run.id);
    match brief {
        Some(brief @ Brief { before: Some(before), .. }) => {
            page.heading(&format!("New since run {before}"));
            for told in &brief.told {
                let change = words::whole_change(told, run);
                page.bounded(&words::name(model, &told.what), &change, LineStyle::Plain, VALUE_LINES);
            }
            if brief.more > 0 {
                page.push("", format!("and {} more", brief.more), LineStyle::Quiet);
            }
            if brief.told.is_empty() {
                page.push("", "Nothing: the same values were sent.".to_owned(), LineStyle::Plain);
            }
            let is_told = brief.told.iter().any(|told| matches!(told.change, Short::Seed(_)));
            if let Some(seed) = seed.filter(|_| !is_told) {
                page.field("seed", &format!("{seed}, as before"), LineStyle::Plain);
            }
        }
        Some(_) | None => {
            if let Some(seed) = seed {
                page.field("seed", &seed, LineStyle::Plain);
            }
        }
    }
    if let Some(earlier) = brief.and_then(|brief| brief.same_as) {
        page.field("result", &format!("the same picture as run {earlier}"), LineStyle::Warning);
    }
}

/// Which run it came from, up to the root, and what came of it.
fn lineage(page: &mut Page, run: &Run, model: &Model) {
    let known = model.details.lineage.as_ref().filter(|(id, lineage)| *id == run.id && !lineage.is_empty());
    let Some((_, lineage)) = known else { return };
    page.heading("Lineage");
    for branch in tree::tree(run.id, "", lineage) {
        let look = if branch.is_own { LineStyle::Plain } else { LineStyle::Quiet };
        page.push(&text::cut(&branch.line(), page.width), String::new(), look);
    }
    if let Some(more) = tree::more(lineage) {
        page.push("", more, LineStyle::Quiet);
    }
}

/// Explains the status, and lists each phase with its duration.
fn status(page: &mut Page, run: &Run, model: &Model) {
    let said = match run.status {
        _ if run.cancel_asked && !run.status.is_end() => "cancelling: the run has not ended yet",
        Status::Waiting => "waiting: no answer yet. A cold start takes minutes",
        Status::Queued => "queued: others run first",
        Status::Lost => "lost: how it ended is not known",
        status => status.word(),
    };
    let hold = model.runs.list.selected().filter(|row| row.id == run.id).and_then(|row| row.held);
    let said = match hold {
        Some(hold) => {
            let remedy = hold.remedy_of_runs().filter(|_| run.request.batch.is_none());
            format!("{}{}", hold.why(), remedy.map(|remedy| format!(". {remedy}")).unwrap_or_default())
        }
        None => said.to_owned(),
    };
    page.field("status", &format!("{} {said}", run.status.sign()), LineStyle::Status(run.status));
    noted(page, run, model);
    if let Some(connection) = run.connection.filter(|_| !run.status.is_end()) {
        let said = match connection.state {
            Connection::Live => "live: events arrive as they happen".to_owned(),
            Connection::Reconnecting => format!(
                "reconnecting for {}: the run goes on, lines of its log may be missing",
                text::duration(model.now - connection.since)
            ),
            Connection::Polling => {
                "polling: the server is asked now and then whether the run has ended".to_owned()
            }
        };
        page.field("connection", &format!("{} {said}", connection.state.sign()), LineStyle::Quiet);
    }
    let mut phases = Vec::new();
    for (at, (phase, from)) in run.phases.iter().enumerate() {
        if phase.is_end() {
            continue;
        }
        let next = run.phases.get(at + 1);
        let to = next.map_or(model.now, |(_, next)| *next);
        // Very short phases are left out.
        if next.is_some() && to - from < 50 {
            continue;
        }
        phases.push(format!("{} {}", phase.word(), text::took(to - from)));
    }
    if !phases.is_empty() {
        page.field("time", &phases.join(" · "), LineStyle::Quiet);
    }
    if let Some(usual) = model.usual.get(&run.request.workflow_hash) {
        let cold =
            usual.cold_start_ms.map_or_else(String::new, |ms| format!(" · a cold start {}", text::took(ms)));
        page.field("usually", &format!("{}{cold}", text::took(usual.run_ms)), LineStyle::Quiet);
    }
    if let (Some(rate), Some(_)) = (run.request.cost_per_second, run.started_at()) {
        page.field("cost", &report::money(cost(run.elapsed_ms(model.now), rate)), LineStyle::Quiet);
    }
    if let Some(seconds) = run.server_seconds {
        page.field(
            "server",
            &format!("{} of work", text::took((seconds * 1_000.0) as i64)),
            LineStyle::Quiet,
        );
    }
}

/// What people noted of it.
fn noted(page: &mut Page, run: &Run, model: &Model) {
    let Some(RunSummary { notes, .. }) = model.runs.list.selected().filter(|row| row.id == run.id) else {
        return;
    };
    if notes.rejected {
        page.field("rejected", "lists leave it out", LineStyle::Warning);
    }
    if !notes.tags.is_empty() {
        page.field("tags", &notes.hashtags(), LineStyle::Plain);
    }
    if !notes.text.is_empty() {
        page.field("note", &notes.text, LineStyle::Plain);
    }
}

fn failure(page: &mut Page, error: &RunError, run: &Run, model: &Model) {
    let look = if run.status == Status::Cancelled { LineStyle::Plain } else { LineStyle::Bad };
    page.field("why", &error.what, look);
    if !error.remedy.is_empty() {
        page.field("what to do", &error.remedy, LineStyle::Plain);
    }
    match (&error.param, &error.node) {
        (Some(key), _) => {
            page.field("parameter", &format!("{}  (Enter goes there)", name(model, key)), LineStyle::Plain)
        }
        (None, Some(node)) => {
            let known = model.draft.params().iter().find(|param| param.key.node() == node);
            let node = known
                .map_or_else(|| node.clone(), |param| format!("{} {node}  (Enter goes there)", param.group));
            page.field("node", &node, LineStyle::Plain);
        }
        (None, None) => {}
    }
    if !error.details.is_empty() {
        page.bounded("details", &error.details, LineStyle::Quiet, 20);
    }
}

fn output(page: &mut Page, made: &Output) {
    let kind = if made.content_type.is_empty() { "file" } else { &made.content_type };
    page.field(&text::bytes(made.size), &made.path.display().to_string(), LineStyle::Plain);
    page.push("", kind.to_owned(), LineStyle::Quiet);
}

fn failed_output(page: &mut Page, failed: &OutputFailure) {
    page.field("✗ not saved", &format!("{}: {}", failed.name, failed.why), LineStyle::Bad);
    if let Some(kept) = &failed.kept {
        page.field("raw bytes", &kept.display().to_string(), LineStyle::Plain);
    }
}

/// The name of a key in the open workflow, if it has that key.
fn name(model: &Model, key: &ParamKey) -> String {
    model.draft.param(key).map_or_else(|| key.to_string(), |param| model.draft.name(param).to_owned())
}
