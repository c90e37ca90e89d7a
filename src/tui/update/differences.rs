//! What the draft changes before it is run, and what differs between two runs.

use crate::domain::compare::{self, Difference};
use crate::domain::graph_changes::NodeChange;
use crate::domain::run::InputFile;
use crate::domain::{Draft, ParamKey, Run, RunId, RunRequest, media, param};
use crate::report::Names;
use crate::report::difference::TwoRuns;
use crate::tui::at_hand;
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::effect::{Compared, Effect, Effects, Question};
use crate::tui::model::Model;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::differences::{Differences, Part};
use crate::tui::pane::Pane;

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Pane(Pane::Parameters), 44)],
        keys: &["d"],
        short: "changes",
        long: "Show what this run would change against the last one and against the preset, word by word",
        when: |model| {
            model.is_settled()?;
            model.open.workflow.as_ref().map(drop).ok_or("No workflow is open")
        },
        ..Command::new("changes", |model, _, effects| of_draft(model, effects))
    },
    Command {
        places: &[
            at(Scope::Pane(Pane::Runs), 46),
            at(Scope::Pane(Pane::Details), 41).named("details-differences"),
            at(Scope::Pane(Pane::Output), 25).named("output-differences"),
        ],
        keys: &["d"],
        short: "differences",
        long: "Show what differs between the two marked runs, from the marked one, or from the run before: values, files, graph, time, outputs",
        when: |model| two(model).map(drop),
        ..Command::new("differences", |model, _, effects| of_runs(model, effects))
    },
];

fn of_draft(model: &mut Model, effects: &mut Effects) {
    let Some(hash) = model.open.workflow_hash() else { return };
    let preset = Some(model.draft.preset().name.clone()).filter(|name| !name.is_empty());
    let question = Compared::Draft { workflow_hash: hash.to_owned(), preset };
    wait(model, "What this run would change", question, effects);
}

fn of_runs(model: &mut Model, effects: &mut Effects) {
    if let Ok([one, other]) = two(model) {
        wait(model, &format!("Run {one} and run {other}"), Compared::Runs([one, other]), effects);
    }
}

fn wait(model: &mut Model, title: &str, question: Compared, effects: &mut Effects) {
    let shown = Differences { title: title.to_owned(), loading: true, ..Differences::default() };
    model.overlay = Some(Overlay::Differences(Box::new(shown)));
    effects.push(Effect::Ask(Question::Differences(question)));
}

/// The run at hand, and the one it is held against; the older one first.
fn two(model: &Model) -> Result<[RunId; 2], Reason> {
    let run = at_hand::run(model).ok_or("No run is selected")?;
    let cards = model.gallery.marked.iter().map(|card| card.id.run);
    let mut marked: Vec<RunId> = model.runs.marked.iter().copied().chain(cards).collect();
    marked.sort_unstable();
    marked.dedup();
    if let [one, other] = marked[..] {
        return Ok([one, other]);
    }
    let marked = marked.into_iter().find(|marked| *marked != run.id);
    let rows = || model.runs.list.rows.iter().filter(|row| row.id < run.id);
    let alike = rows().find(|row| row.workflow_hash == run.workflow_hash && row.preset == run.preset);
    let before = alike.or_else(|| rows().next()).map(|row| row.id);
    let other = marked.or(before).ok_or("There is no earlier run to compare with")?;
    Ok([run.id.min(other), run.id.max(other)])
}

/// The runs are here, if they are waited for.
pub(super) fn arrived(model: &mut Model, compared: &Compared, runs: &[Run], graph: Vec<NodeChange>) {
    if !matches!(&model.overlay, Some(Overlay::Differences(shown)) if shown.loading) {
        return;
    }
    let parts = match (compared, runs) {
        (Compared::Draft { .. }, runs) => draft_parts(model, runs.first()),
        (Compared::Runs(_), [one, other]) => vec![two_parts(model, one, other, graph)],
        (Compared::Runs(_), _) => {
            vec![Part { heading: "One of the two cannot be read".to_owned(), ..Part::default() }]
        }
    };
    if let Some(Overlay::Differences(shown)) = &mut model.overlay {
        (shown.parts, shown.loading) = (parts, false);
    }
}

fn two_parts(model: &Model, one: &Run, other: &Run, graph: Vec<NodeChange>) -> Part {
    let open = model.open.workflow.as_deref();
    let names: Names = open.map(|open| param::names(&open.workflow)).unwrap_or_default();
    let two = TwoRuns { first: one, second: other, graph, names };
    let difference = compare::requests(&one.request, &other.request);
    Part { heading: String::new(), facts: two.heads(), difference, more: two.tails() }
}

/// The draft against the last run, and against the preset or the workflow beneath it.
fn draft_parts(model: &Model, last: Option<&Run>) -> Vec<Part> {
    let draft = asked(&model.draft, last.map(|run| &run.request));
    let mut parts = Vec::new();
    if let Some(last) = last {
        let before = with_defaults(&model.draft, last.request.clone(), &draft);
        let heading = match model.draft.preset().name.as_str() {
            "" => format!("Against run {}, the last one of this workflow", last.id),
            preset => format!("Against run {}, the last one with preset {preset}", last.id),
        };
        let difference =
            same_place(compare::requests(&before, &with_defaults(&model.draft, draft.clone(), &before)));
        parts.push(Part { heading, difference, ..Part::default() });
    }
    let beneath = asked(&model.draft.beneath(), last.map(|run| &run.request));
    let before = with_defaults(&model.draft, beneath, &draft);
    let heading = match model.draft.preset().name.as_str() {
        "" => "Against the workflow".to_owned(),
        preset => format!("Against the preset {preset}"),
    };
    let difference =
        same_place(compare::requests(&before, &with_defaults(&model.draft, draft.clone(), &before)));
    parts.push(Part { heading, difference, ..Part::default() });
    parts
}

/// What a draft would send, as far as it is known before it is sent.
fn asked(draft: &Draft, last: Option<&RunRequest>) -> RunRequest {
    let submission = draft.submission(false).unwrap_or_default();
    let files = submission.files.iter().map(|(key, path)| {
        // A file at the same path counts as the same.
        let known = last
            .and_then(|last| last.files.iter().find(|file| file.part == key.as_str() && file.path == *path));
        known.cloned().unwrap_or_else(|| InputFile {
            part: key.as_str().to_owned(),
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            content_type: media::by_name(&path.to_string_lossy()).unwrap_or_default().to_owned(),
            size: 0,
            sha256: path.to_string_lossy().into_owned(),
            path: path.clone(),
        })
    });
    RunRequest { files: files.collect(), params: submission.params, ..RunRequest::default() }
}

/// What is not sent has the workflow's own value, where the other one sends it.
fn with_defaults(draft: &Draft, mut request: RunRequest, other: &RunRequest) -> RunRequest {
    // Templates are compared as they were typed.
    if let Some(templates) = &request.templates {
        for (key, text) in &templates.texts {
            request.params.insert(key.clone(), text.as_str().into());
        }
    }
    let missing: Vec<&ParamKey> =
        other.params.keys().filter(|key| !request.params.contains_key(*key)).collect();
    for key in missing {
        if let Some(parameter) = draft.param(key) {
            request.params.insert(key.clone(), parameter.default.clone());
        }
    }
    request
}

/// Without what is the same by the way that they were found: workflow, preset, profile.
fn same_place(mut difference: Difference) -> Difference {
    difference.differ.retain(|differ| matches!(differ.what, compare::What::Param(_)));
    difference
}
