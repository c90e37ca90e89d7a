//! The run, the output and the parameter that keys act on where the person is: what the list has selected, what the output pane shows,
//! the tile of the gallery, the side of the comparison.

use crate::domain::{Notes, OutputCard, OutputId, Parameter, Run, RunId, RunSummary};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::panes::output::view::shown;

/// The run; `None` where there is none, or it is still being read.
pub fn run(model: &Model) -> Option<RunSummary> {
    match model.focus {
        Pane::Parameters | Pane::Runs | Pane::Details | Pane::Log => model.runs.list.selected().cloned(),
        Pane::Output => known(model, shown(model)?.id).or_else(|| shown(model).map(RunSummary::from)),
        Pane::Gallery | Pane::Compare | Pane::Sheet => {
            let card = card(model)?;
            known(model, card.id.run).or_else(|| Some(of_card(&card)))
        }
        Pane::Server => None,
    }
}

/// The output; that of the run which is in sight, else its first one.
pub fn output(model: &Model) -> Option<OutputId> {
    match model.focus {
        Pane::Gallery | Pane::Compare | Pane::Sheet => card(model).map(|card| card.id),
        Pane::Server => None,
        Pane::Parameters | Pane::Runs | Pane::Details | Pane::Log | Pane::Output => {
            let run = run(model).filter(|run| run.outputs > 0)?.id;
            let is_seen = shown(model).is_some_and(|shown| shown.id == run);
            let place = if is_seen { model.output.at } else { 0 };
            Some(OutputId { run, place: u32::try_from(place).unwrap_or_default() })
        }
    }
}

/// The output at hand, as it is marked; `None` while its run is being read.
pub fn marked_card(model: &Model) -> Option<OutputCard> {
    let id = output(model)?;
    card(model).or_else(|| {
        let run = [shown(model), model.selected_run()].into_iter().flatten().find(|run| run.id == id.run)?;
        card_of(run, id.place)
    })
}

/// The output with what is known of its run, where a pane holds that.
pub fn card(model: &Model) -> Option<OutputCard> {
    match model.focus {
        Pane::Gallery => model.gallery.list.selected().map(|tile| tile.card.clone()),
        Pane::Sheet => {
            let output = model.sheet.selected().and_then(|run| run.output.as_ref());
            output.map(|tile| tile.card.clone())
        }
        Pane::Compare => {
            let side = model.compare.only.unwrap_or(1).min(1);
            model.compare.pair.as_ref().map(|pair| pair[side].clone())
        }
        Pane::Parameters | Pane::Runs | Pane::Details | Pane::Log | Pane::Output | Pane::Server => None,
    }
}

fn known(model: &Model, id: RunId) -> Option<RunSummary> {
    model.runs.list.rows.iter().find(|row| row.id == id).cloned()
}

/// What a card tells of a run that the list has not read: it has ended long ago.
fn of_card(card: &OutputCard) -> RunSummary {
    RunSummary {
        id: card.id.run,
        status: crate::domain::Status::Done,
        preset: card.preset.clone(),
        prompt: card.prompt.clone(),
        queued_at: card.at,
        ended_at: Some(card.at),
        outputs: 1,
        starred: card.starred,
        notes: card.notes.clone(),
        ..RunSummary::default()
    }
}

/// The run before the one at hand that made something, to be compared with it.
pub fn earlier(model: &Model) -> Option<RunId> {
    let run = run(model)?;
    let is_alike = |row: &&RunSummary| row.workflow_hash == run.workflow_hash && row.preset == run.preset;
    let mut made = model.runs.list.rows.iter().filter(|row| row.id < run.id && row.outputs > 0);
    made.clone().find(is_alike).or_else(|| made.next()).map(|row| row.id)
}

/// An output of a run, as the gallery and the comparison hold it.
pub fn card_of(run: &Run, place: u32) -> Option<OutputCard> {
    let output = run.outputs.get(usize::try_from(place).ok()?)?.clone();
    let summary = RunSummary::from(run);
    Some(OutputCard {
        id: OutputId { run: run.id, place },
        output,
        starred: false,
        rejected: false,
        notes: Notes::default(),
        seed: run.request.first_seed(),
        preset: summary.preset,
        prompt: summary.prompt,
        at: run.ended_at.unwrap_or(summary.phase_at),
    })
}

/// The field that is open, else the selected one.
pub fn parameter(model: &Model) -> Option<&Parameter> {
    let open = model.params.editing.as_ref().map(|editing| &editing.key);
    model.draft.param(open.or(model.params.selected.as_ref())?)
}
