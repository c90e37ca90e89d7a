//! What people note of runs and outputs, with the same keys wherever they look at one, and how it is undone.

use std::collections::BTreeSet;

use crate::domain::batch::BatchId;
use crate::domain::notebook::{self, NOTE_CHARS};
use crate::domain::{About, BatchRemark, Remark, RunId, RunSummary};
use crate::tui::at_hand;
use crate::tui::command::{Command, Keymap, Reason, Scope, at};
use crate::tui::effect::{Effect, Effects, Operation};
use crate::tui::model::Model;
use crate::tui::notice::{Notice, Subject, Tone, counted};
use crate::tui::overlay::{Asking, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::update as gallery;
use crate::tui::panes::params::update as params;
use crate::tui::panes::runs::update as runs;

const RUNS: Scope = Scope::Pane(Pane::Runs);
const DETAILS: Scope = Scope::Pane(Pane::Details);
const OUTPUT: Scope = Scope::Pane(Pane::Output);
const GALLERY: Scope = Scope::Pane(Pane::Gallery);
const COMPARE: Scope = Scope::Pane(Pane::Compare);
const SHEET: Scope = Scope::Pane(Pane::Sheet);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[
            at(RUNS, 60).named("runs-star"),
            at(DETAILS, 60).named("details-star"),
            at(OUTPUT, 60).named("output-star"),
            at(GALLERY, 68),
            at(COMPARE, 60).named("compare-star"),
            at(SHEET, 68).named("keep"),
        ],
        keys: &["*"],
        short: "star",
        long: "Star the output, or remove its star; at a batch the outputs of all its runs",
        when: |model| match batch_at_hand(model) {
            Some(_) => Ok(()),
            None => at_hand::output(model).map(drop).ok_or("There is no output to star"),
        },
        ..Command::new("star", |model, _, effects| star(model, effects))
    },
    Command {
        places: &[
            at(RUNS, 49).named("runs-reject"),
            at(DETAILS, 45).named("details-reject"),
            at(OUTPUT, 43).named("output-reject"),
            at(GALLERY, 38).named("gallery-reject"),
            at(COMPARE, 48).named("compare-reject"),
            at(SHEET, 67).keys(&["x", "d"]),
        ],
        keys: &["x"],
        short: "reject",
        long: "Reject the run, or in gallery, comparison and sheet the picture: lists leave it out. No file is deleted. Again takes it back",
        when: run_or_batch,
        ..Command::new("reject", |model, ctx, effects| reject(model, ctx.keys, effects))
    },
    Command {
        places: &[
            at(RUNS, 48),
            at(DETAILS, 44).named("details-tags"),
            at(OUTPUT, 28).named("output-tags"),
            at(GALLERY, 37).named("gallery-tags"),
            at(COMPARE, 47).named("compare-tags"),
            at(SHEET, 48).named("sheet-tags"),
        ],
        keys: &["#"],
        short: "tags",
        long: "Tag the run, or all runs of the batch: words to find them by",
        when: run_or_batch,
        ..Command::new("tags", |model, _, _| ask_tags(model))
    },
    Command {
        places: &[
            at(RUNS, 47),
            at(DETAILS, 43).named("details-note"),
            at(OUTPUT, 27).named("output-note"),
            at(GALLERY, 36).named("gallery-note"),
            at(COMPARE, 46).named("compare-note"),
            at(SHEET, 47).named("sheet-note"),
        ],
        keys: &["m"],
        short: "note",
        long: "Write a note on the run, or on all runs of the batch",
        when: run_or_batch,
        ..Command::new("note", |model, _, _| ask_note(model))
    },
    Command {
        places: &[at(RUNS, 0), at(GALLERY, 0).named("gallery-show-rejected")],
        keys: &["X"],
        short: "rejected",
        long: "List what was rejected, too, or leave it out again",
        ..Command::new("show-rejected", |model, _, effects| show_rejected(model, effects))
    },
    Command {
        places: &[at(Scope::Panes, 40)],
        keys: &["u"],
        short: "undo",
        long: "Undo the last change of a parameter; among runs, also of a star, a tag, a note or a rejection",
        when: |model| {
            if takes_back(model) {
                return Ok(());
            }
            model.is_settled()?;
            if model.draft.can_undo() || model.covered.is_some() { Ok(()) } else { Err("Nothing to undo") }
        },
        ..Command::new("undo", |model, _, effects| undo(model, effects))
    },
];

fn run_or_batch(model: &Model) -> Result<(), Reason> {
    at_hand::run(model).map(drop).ok_or("No run is selected")
}

/// The batch whose row is selected: what is noted there is of all of its runs.
fn batch_at_hand(model: &Model) -> Option<BatchId> {
    (model.focus == Pane::Runs).then(|| runs::selected_batch(model).map(|batch| batch.id))?
}

fn of_batch(batch: BatchId, remark: BatchRemark, effects: &mut Effects) {
    effects.push(Effect::Do(Operation::NoteBatch(batch, remark)));
}

/// Stars the output at hand, or removes its star. A run in the list has a star when one of its outputs has.
fn star(model: &mut Model, effects: &mut Effects) {
    if let Some(batch) = batch_at_hand(model) {
        return of_batch(batch, BatchRemark::Star, effects);
    }
    let Some(id) = at_hand::output(model) else { return };
    let row = model.runs.list.rows.iter().find(|row| row.id == id.run);
    let of_run = matches!(model.focus, Pane::Runs | Pane::Details | Pane::Output);
    let had_star = match of_run {
        true => row.is_some_and(|row| row.starred),
        false => at_hand::card(model).is_some_and(|card| card.starred),
    };
    let about = if of_run && had_star { About::Run(id.run) } else { About::Output(id) };
    note(model, vec![Remark::Star(about, !had_star)], effects);
}

/// Rejects the run at hand or, where pictures are compared, the picture.
fn reject(model: &mut Model, keys: &Keymap, effects: &mut Effects) {
    if let Some(batch) = batch_at_hand(model) {
        return of_batch(batch, BatchRemark::Reject, effects);
    }
    let Some(run) = at_hand::run(model) else { return };
    let (about, before, what) = match at_hand::card(model) {
        Some(card) => (About::Output(card.id), card.rejected, format!("This picture of run {}", run.id)),
        None => (About::Run(run.id), run.notes.rejected, format!("Run {}", run.id)),
    };
    let told = if before {
        format!("{what} is not rejected any more")
    } else if model.focus == Pane::Sheet {
        format!("{what} is rejected. {} takes it back", keys.hint("undo"))
    } else {
        let (undo, show) = (keys.hint("undo"), keys.hint("show-rejected"));
        format!("{what} is rejected: lists leave it out. {undo} takes it back, {show} in the runs shows it")
    };
    note(model, vec![Remark::Reject(about, !before)], effects);
    model.tell(Notice::answer(Tone::Plain, told, model.now).about(Subject::Run(run.id)));
}

fn ask_tags(model: &mut Model) {
    let Some(run) = at_hand::run(model) else { return };
    let now: Vec<&str> = run.notes.tags.iter().map(String::as_str).collect();
    let text = if now.is_empty() { String::new() } else { format!("{} ", now.join(" ")) };
    let asking = match batch_at_hand(model) {
        Some(batch) => Asking::BatchTags(batch, run.notes.tags.clone()),
        None => Asking::Tags(run.id),
    };
    model.overlay = Some(Overlay::prompt(asking, &text));
}

fn ask_note(model: &mut Model) {
    let Some(run) = at_hand::run(model) else { return };
    let asking = match batch_at_hand(model) {
        Some(batch) => Asking::BatchNote(batch, run.notes.text.clone()),
        None => Asking::Note(run.id),
    };
    model.overlay = Some(Overlay::prompt(asking, &run.notes.text));
}

/// Tags of a batch were typed over those of its row; what is no tag was refused before.
pub(super) fn batch_tags_entered(
    batch: BatchId,
    before: &BTreeSet<String>,
    text: &str,
    effects: &mut Effects,
) {
    if let Ok(typed) = notebook::tags(text) {
        of_batch(batch, BatchRemark::tags(before, &typed), effects);
    }
}

pub(super) fn batch_note_entered(batch: BatchId, before: String, text: &str, effects: &mut Effects) {
    let after = text.chars().take(NOTE_CHARS).collect();
    of_batch(batch, BatchRemark::Note { before, after }, effects);
}

/// Tags were typed; what is no tag was refused before.
pub(super) fn tags_entered(model: &mut Model, run: RunId, text: &str, effects: &mut Effects) {
    if let Ok(tags) = notebook::tags(text) {
        note(model, vec![Remark::Tags(run, tags)], effects);
    }
}

pub(super) fn note_entered(model: &mut Model, run: RunId, text: &str, effects: &mut Effects) {
    let text: String = text.chars().take(NOTE_CHARS).collect();
    note(model, vec![Remark::Note(run, text)], effects);
}

/// At once on the screen. Should the store refuse, what it has is read again.
fn note(model: &mut Model, remarks: Vec<Remark>, effects: &mut Effects) {
    for remark in &remarks {
        show(model, remark);
    }
    effects.push(Effect::Do(Operation::Note(remarks)));
}

/// Shows a remark on everything that is on the screen.
fn show(model: &mut Model, remark: &Remark) {
    let of_run = remark.run();
    let sheet_runs = model.sheet.runs.iter_mut().map(|run| &mut run.run);
    for run in model.runs.list.rows.iter_mut().chain(sheet_runs).filter(|run| run.id == of_run) {
        show_on_run(run, remark);
    }
    let tiles = model.gallery.list.rows.iter_mut().map(|tile| &mut tile.card);
    let on_sheet = model.sheet.runs.iter_mut().filter_map(|run| Some(&mut run.output.as_mut()?.card));
    let compared = model.compare.pair.iter_mut().flatten();
    for card in tiles.chain(on_sheet).chain(compared).filter(|card| card.id.run == of_run) {
        let is_meant = |about: &About| match about {
            About::Run(_) => true,
            About::Output(id) => *id == card.id,
        };
        match remark {
            Remark::Star(about, star) if is_meant(about) => card.starred = *star,
            Remark::Reject(about, reject) if is_meant(about) => card.rejected = *reject,
            Remark::Star(..) | Remark::Reject(..) => {}
            Remark::Tags(_, tags) => card.notes.tags.clone_from(tags),
            Remark::Note(_, text) => card.notes.text.clone_from(text),
        }
    }
}

fn show_on_run(run: &mut RunSummary, remark: &Remark) {
    match remark {
        Remark::Star(_, star) => run.starred = *star,
        Remark::Reject(About::Run(_), reject) => run.notes.rejected = *reject,
        // Whether the run is, depends on its other outputs.
        Remark::Reject(About::Output(_), _) => {}
        Remark::Tags(_, tags) => run.notes.tags.clone_from(tags),
        Remark::Note(_, text) => run.notes.text.clone_from(text),
    }
}

/// Most remarks that can be undone.
const MOST: usize = 1_000;

/// It is noted, and these remarks undo it.
pub(super) fn noted(model: &mut Model, undo: Vec<Remark>) {
    if !undo.is_empty() {
        if model.noted.len() == MOST {
            model.noted.remove(0);
        }
        let steps = model.draft.steps();
        model.noted.push((steps, undo));
    }
}

/// Whether undo is about what was noted: among runs, unless a parameter was changed since.
fn takes_back(model: &Model) -> bool {
    let Some((steps, _)) = model.noted.last() else { return false };
    match model.focus {
        Pane::Parameters | Pane::Log | Pane::Server => !model.draft.can_undo(),
        Pane::Runs | Pane::Details | Pane::Output | Pane::Gallery | Pane::Compare | Pane::Sheet => {
            *steps >= model.draft.steps()
        }
    }
}

fn undo(model: &mut Model, effects: &mut Effects) {
    if !takes_back(model) {
        return params::undo(model, effects);
    }
    let Some((_, remarks)) = model.noted.pop() else { return };
    for remark in &remarks {
        show(model, remark);
    }
    let runs: BTreeSet<RunId> = remarks.iter().map(Remark::run).collect();
    match (runs.len(), remarks.first()) {
        (2.., _) => {
            model.notify(Tone::Plain, format!("{} are as they were before", counted(runs.len(), "run")))
        }
        (_, Some(first)) => model.notify(Tone::Plain, taken_back(first)),
        (_, None) => {}
    }
    effects.push(Effect::Do(Operation::TakeBack(remarks)));
}

/// What a remark that undoes another one brought back.
fn taken_back(remark: &Remark) -> String {
    let state =
        |is_set: &bool, set: &str, unset: &str| if *is_set { set.to_owned() } else { unset.to_owned() };
    match remark {
        Remark::Star(about, star) => {
            format!("Run {} {}", about.run(), state(star, "has its star again", "has no star again"))
        }
        Remark::Reject(about, reject) => {
            format!("Run {} {}", about.run(), state(reject, "is rejected again", "is not rejected any more"))
        }
        Remark::Tags(run, _) => format!("Run {run} has the tags that it had before"),
        Remark::Note(run, _) => format!("Run {run} has the note that it had before"),
    }
}

fn show_rejected(model: &mut Model, effects: &mut Effects) {
    model.runs.filter.shows_rejected = !model.runs.filter.shows_rejected;
    runs::search_changed(model, effects);
    gallery::reload(model, effects);
}
