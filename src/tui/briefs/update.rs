//! Asks what tells the runs in sight apart.

use crate::domain::RunId;
use crate::tui::effect::{Effect, Effects, Question};
use crate::tui::fetch::Fetch;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::grid;

/// Asks about the runs in sight and those a screen above and below, so that none changes its words when it comes into
/// sight. One question at a time.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if model.briefs.fetch != Fetch::Idle {
        return;
    }
    let asked: Vec<(RunId, bool)> = in_sight(model).filter(|run| model.briefs.is_wanted(run)).collect();
    if !asked.is_empty() && model.briefs.fetch.want() {
        effects.push(Effect::Ask(Question::Briefs(asked)));
    }
}

fn in_sight(model: &Model) -> Box<dyn Iterator<Item = (RunId, bool)> + '_> {
    if let (Pane::Gallery, Some(grid)) = (model.focus, grid::of(model)) {
        let (gallery, page) = (&model.gallery, grid.page());
        let first = (gallery.scroll * grid.columns).saturating_sub(page);
        let mut runs: Vec<RunId> =
            gallery.list.rows.iter().skip(first).take(3 * page).map(|tile| tile.card.id.run).collect();
        runs.dedup();
        return Box::new(runs.into_iter().map(|id| (id, true)));
    }
    let (rows, page) = (&model.runs.list.rows, layout::page(model, Pane::Runs));
    let first = model.runs.scroll.saturating_sub(page);
    let near = rows.iter().skip(first).take(3 * page).chain(model.runs.list.selected());
    let mut runs: Vec<(RunId, bool)> = near.map(|run| (run.id, run.status.is_end())).collect();
    runs.sort_unstable();
    runs.dedup();
    Box::new(runs.into_iter().rev())
}
