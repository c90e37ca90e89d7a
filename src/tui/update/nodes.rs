//! What the server says of the nodes of the open workflow. It arrives late: what a person set or is typing stays.

use std::sync::Arc;

use crate::library::open::OpenWorkflow;
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::effect::{Effect, ReadNodes, ServerRequest};
use crate::tui::model::Model;
use crate::tui::notice::{Notice, Tone};
use crate::tui::pane::Pane;

pub const COMMANDS: &[Command] = &[Command {
    places: &[
        at(Scope::Pane(Pane::Parameters), 0),
        at(Scope::Pane(Pane::Server), 44).named("server-read-nodes"),
    ],
    keys: &["n"],
    short: "read nodes",
    long: "Read again what the server's nodes take: new models, choices and limits",
    when: |model| {
        model.is_settled()?;
        can_read(model)
    },
    ..Command::new("read-nodes", |model, _, effects| {
        model.notify(Tone::Plain, "Asking the server what its nodes take…");
        effects.push(ask(model, ReadNodes::Again));
    })
}];

fn can_read(model: &Model) -> Result<(), Reason> {
    if model.open.workflow.is_none() {
        return Err("No workflow is open. Press O to open a workflow_api.json");
    }
    match model.open.schema_origin() {
        Some(_) => Ok(()),
        None => Err(
            "This server does not say what its nodes take. Save /object_info of a ComfyUI like it, and name the file as `schema` in the profile",
        ),
    }
}

pub(super) fn ask(model: &Model, how: ReadNodes) -> Effect {
    Effect::Server(ServerRequest::Nodes { open: model.open.clone(), how })
}

/// Asks for what is known from another place than where it is to be known from.
pub(super) fn ask_if_unknown(model: &Model) -> Option<Effect> {
    let known = model.open.workflow.as_ref()?.nodes.as_ref().map(|nodes| &nodes.origin);
    (known != model.open.schema_origin().as_ref()).then(|| ask(model, ReadNodes::IfUnknown))
}

/// The open workflow, with what is known of its nodes.
pub(super) fn arrived(model: &mut Model, fresh: Arc<OpenWorkflow>, how: ReadNodes) {
    let Some(open) = model.open.workflow.clone() else { return };
    let is_open = open.source == fresh.source && open.workflow.hash() == fresh.workflow.hash();
    if !is_open || fresh.nodes.as_ref().map(|nodes| &nodes.origin) != model.open.schema_origin().as_ref() {
        return;
    }
    let (_, doubted) = open.under(model.open.preset.as_deref());
    let (layer, doubts) = fresh.under(model.open.preset.as_deref());
    // What was in doubt for want of knowledge no longer is.
    model.unsure.retain(|text| {
        let is_it = |found: &crate::domain::Diagnostic| found.to_string() == *text;
        !doubted.iter().any(is_it) || doubts.iter().any(is_it)
    });
    model.draft.describe(fresh.params.clone());
    if layer != *model.draft.preset() {
        model.draft.rebase(layer);
    }
    if let Some(nodes) = fresh.nodes.as_ref().filter(|_| how == ReadNodes::Again) {
        let classes = nodes.classes;
        model.notify(
            Tone::Good,
            format!("Read what {classes} kinds of nodes at {} take", nodes.origin.shown()),
        );
    }
    model.open.workflow = Some(fresh);
}

/// It could not be read. Unasked, this is no news: the facts about built-in nodes serve.
pub(super) fn not_read(model: &mut Model, why: &str, how: ReadNodes) {
    let text = format!("What the server's nodes take is not known: {why}");
    match how {
        ReadNodes::Again => model.report(Tone::Bad, text),
        // The question that follows says how old what is known is.
        ReadNodes::IfUnknown | ReadNodes::BeforeRun => {
            model.keep(Notice::news(Tone::Plain, text, model.now));
        }
    }
}
