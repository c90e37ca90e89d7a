//! Warns when a deployment ran another graph than the workflow here: a workflow file that is out of date makes every
//! change of a value a guess.

use crate::domain::graph_changes::{self, NodeChange};
use crate::domain::{Run, RunId, Workflow};
use crate::store::{Store, StoreError};
use crate::wire::ansi::scrub_plain;

/// Most changes listed in a warning.
const MOST_CHANGES: usize = 4;
/// Most characters of one change.
const LONGEST: usize = 120;
/// Earlier runs searched for one whose server sent its graph.
const FAR_BACK: u32 = 10;

/// The warning for a run whose server sent the graph that ran; `None` where it fits the workflow here, or where the
/// run before already had the same differences.
pub(super) fn warning(store: &Store, run: RunId, ran: &str) -> Result<Option<String>, StoreError> {
    let Some(run) = store.run(run)? else { return Ok(None) };
    let changes = changes(store, &run, ran)?;
    if changes.is_empty() || is_known(store, &run, &changes)? {
        return Ok(None);
    }
    Ok(Some(text(&changes, run.request.send_workflow)))
}

fn changes(store: &Store, run: &Run, ran: &str) -> Result<Vec<NodeChange>, StoreError> {
    let local = store.workflow(&run.request.workflow_hash)?;
    // What cannot be read cannot be compared: nothing is said of it.
    let parsed = local.and_then(|text| Some((Workflow::parse(&text).ok()?, Workflow::parse(ran).ok()?)));
    Ok(parsed.map(|(local, ran)| graph_changes::drift(&run.request, &local, &ran)).unwrap_or_default())
}

/// Whether the last run whose graph is known differed from the workflow in the same way.
fn is_known(store: &Store, run: &Run, changes: &[NodeChange]) -> Result<bool, StoreError> {
    for earlier in store.runs_before(run.id, &run.request, FAR_BACK)? {
        let Some(earlier) = store.run(earlier)? else { continue };
        let hash = earlier.result.as_ref().and_then(|result| result.prompt_sha256.as_deref());
        let Some(graph) = hash.map(|hash| store.workflow(hash)).transpose()?.flatten() else { continue };
        if earlier.request.url != run.request.url {
            continue;
        }
        let before = self::changes(store, &earlier, &graph)?;
        let are_same = before.len() == changes.len()
            && before.iter().zip(changes).all(|(one, other)| one.leads_to_the_same(other));
        return Ok(are_same);
    }
    Ok(false)
}

fn text(changes: &[NodeChange], was_sent: bool) -> String {
    let told = changes.iter().take(MOST_CHANGES).map(|change| {
        let text = scrub_plain(&change.to_string());
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    });
    let mut told = told.collect::<Vec<_>>().join("; ");
    if changes.len() > MOST_CHANGES {
        told += &format!("; and {} more", changes.len() - MOST_CHANGES);
    }
    if was_sent {
        return format!("the server ran another graph than the one that was sent: {told}");
    }
    format!(
        "the deployment ran another graph than your workflow file: {told}. Export the workflow that was deployed, or send yours with --send-workflow"
    )
}
