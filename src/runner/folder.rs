//! Folder and file names of a run's outputs.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::backend::results::names::NameFields;
use crate::backend::results::outputs::place::{self, Unusable};
use crate::backend::results::outputs::{Naming, OutputFolder};
use crate::domain::param::parameters;
use crate::domain::run::UnixMs;
use crate::domain::{OutputName, ParamKind, Run, RunRequest, Workflow};
use crate::store::{Store, now};

/// The folder for a run's outputs. A name template that cannot be parsed (written by
/// another version) counts as unset.
pub(super) fn of(run: &Run, store: &Store) -> OutputFolder {
    let folder = OutputFolder::new(&run.request.output_dir, run.id)
        .rescued_in(store.rescue_places())
        .noted_in(store.ledger());
    let Some(text) = &run.request.output_name else { return folder };
    match OutputName::parse(text) {
        Ok(template) => folder.named(Naming { template, fields: fields(run, store) }),
        Err(why) => {
            tracing::warn!(run = run.id, "outputs keep the server's names: the template {why}");
            folder
        }
    }
}

/// Tests that a run's output folder can be written and has room.
pub(super) fn try_out(request: &RunRequest, store: &Store) -> Result<(), Unusable> {
    // An unknown size is no reason to refuse the run.
    let expected = store.expected(&request.workflow_hash).unwrap_or_default();
    place::try_out(&request.output_dir, expected).map(drop)
}

fn fields(run: &Run, store: &Store) -> NameFields {
    let request = &run.request;
    let (date, time) = local(run.started_at().unwrap_or_else(now));
    NameFields {
        date,
        time,
        preset: request.preset.clone().unwrap_or_default(),
        workflow: request.workflow_name.clone(),
        profile: request.profile.clone(),
        run: run.id.to_string(),
        seed: request.first_seed().or_else(|| own_seed(run, store)).unwrap_or_default(),
    }
}

/// The workflow's own seed, used when the request sets none.
fn own_seed(run: &Run, store: &Store) -> Option<String> {
    let text = store.workflow(&run.request.workflow_hash).ok()??;
    let workflow = Workflow::parse(&text).ok()?;
    let mut own = parameters(&workflow).into_iter().filter(|param| param.kind == ParamKind::Seed);
    own.next().map(|param| param.default.to_string())
}

/// Local date and time.
fn local(at: UnixMs) -> (String, String) {
    let at = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(TimeZone::system());
    (at.strftime("%Y-%m-%d").to_string(), at.strftime("%H-%M-%S").to_string())
}
