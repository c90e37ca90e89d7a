//! Values that the server does not take: it is asked again before the person is, since it may have another model by now.

use crate::domain::draft::Submission;
use crate::domain::{Doubt, ParamKey, Setting, lora, value};
use crate::library::schemas::SchemaOrigin;
use crate::tui::effect::{Effects, ReadNodes};
use crate::tui::in_doubt::Wanted;
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::panes::params::update as params;
use crate::tui::text;

use super::nodes;

/// Milliseconds for which an answer of the server is as good as a new one.
const FRESH_MS: i64 = 5_000;

/// What of a run the server does not take.
pub(super) fn of_run(model: &Model, submission: &Submission, goes_along: bool) -> Vec<(ParamKey, Doubt)> {
    let doubts = model.draft.doubts(submission, goes_along);
    doubts.into_iter().map(|(parameter, doubt)| (parameter.key.clone(), doubt)).collect()
}

/// The nearest that the server takes, if all have one.
pub(super) fn nearest(doubts: &[(ParamKey, Doubt)]) -> Option<Vec<(ParamKey, Setting)>> {
    let nearest =
        |(key, doubt): &(ParamKey, Doubt)| Some((key.clone(), Setting::Value(doubt.nearest.clone()?)));
    doubts.iter().map(nearest).collect()
}

/// When the server said what its nodes take, in milliseconds since 1970.
fn read_at(model: &Model) -> Option<i64> {
    let read_at = model.open.workflow.as_ref()?.nodes.as_ref()?.read_at;
    let since = read_at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

/// Asks the server what its nodes take now; `answers` goes on.
///
/// # Errors
/// What was wanted, when it need not or cannot be asked.
pub(super) fn ask_server(model: &mut Model, wanted: Wanted, effects: &mut Effects) -> Result<(), Wanted> {
    let is_fresh = read_at(model).is_some_and(|at| model.now - at < FRESH_MS);
    if is_fresh || !matches!(model.open.schema_origin(), Some(SchemaOrigin::Server(_))) {
        return Err(wanted);
    }
    model.notify(Tone::Plain, "Asking the server what it has now, before anything is sent…");
    model.in_doubt = Some(wanted);
    effects.push(nodes::ask(model, ReadNodes::BeforeRun));
    Ok(())
}

/// Asks before values are sent that the server does not take.
pub(super) fn ask_person(model: &mut Model, doubts: Vec<(ParamKey, Doubt)>, then: Confirmed) {
    /// Most values in a question.
    const MOST: usize = 3;
    let Some((first, _)) = doubts.first().cloned() else { return };
    let told = |(key, doubt): &(ParamKey, Doubt)| {
        let near = doubt.nearest.as_ref().map(|near| match lora::Entry::read(near) {
            Some(entry) => format!(" (nearest: {})", entry.name),
            None => format!(" (nearest: {})", value::text(near)),
        });
        let name = model.draft.param(key).map_or(key.as_str(), |param| model.draft.name(param));
        format!("{name}: {}{}", doubt.why, near.unwrap_or_default())
    };
    let mut told: Vec<String> = doubts.iter().take(MOST).map(told).collect();
    if doubts.len() > MOST {
        told.push(format!("{} more", doubts.len() - MOST));
    }
    let when = read_at(model).map_or_else(String::new, |at| format!(" {}", text::ago(model.now - at)));
    params::select(model, &first);
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Send what the server does not take? {}", told.join("; ")),
        consequence: format!("So the server said{when}; n in Parameters asks it again."),
        yes: "send it",
        then,
    }));
}
