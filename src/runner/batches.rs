//! Queueing a batch, and what a person does with one afterwards.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;

use super::submit::{addressed, again, keep, request};
use super::{NewRun, RunnerError, absolute, ensure, finish, folder};
use crate::config::handover::HandoverError;
use crate::config::{Config, Dirs, Profile, handover};
use crate::domain::batch::{BatchId, Hold, Variation, Variations};
use crate::domain::draft::Submission;
use crate::domain::prompt::Wildcards;
use crate::domain::run::InputFile;
use crate::domain::{ParamKey, RunRequest, Setting};
use crate::store::{CancelledRest, NewBatch, Store, StoreError, now};

/// Queues a batch: all of its runs, or none. Files are copied and secrets found once for all of them. Of `new` counts what
/// is the same in all runs; submission and prompt are those of `variations`. Templates are expanded where there are
/// `wildcards`. Does not start a runner.
///
/// # Errors
/// When a file or a secret cannot be read, a template not expanded, or the history not written.
pub fn enqueue_batch(
    store: &Store,
    dirs: &Dirs,
    new: &NewRun<'_>,
    variations: &mut Variations,
    wildcards: Option<&dyn Wildcards>,
    most_cost: Option<f64>,
) -> Result<BatchId, RunnerError> {
    let removed = store.remove_interrupted(now())?;
    if removed > 0 {
        tracing::info!("{removed} batches whose queueing was interrupted are removed");
    }
    let output_dir = absolute(new.output_dir)?;
    let mut files = KeptFiles::default();
    for place in 0..variations.plan().len() {
        // Before the history is held for the batch: copying may take a while.
        if place == 0 || variations.plan().settings(place).any(|(_, setting)| is_file(setting)) {
            files.keep(store, &variations.at(place)?.submission)?;
        }
    }
    let tried = addressed(new.profile, request(new, output_dir.clone(), Vec::new()));
    folder::try_out(&tried, store)?;
    store.add_workflow(new.workflow)?;
    let handover = handover::prepare(dirs, new.profile)?;
    let batch = NewBatch { runs: variations.plan().len(), outline: variations.plan().outline(), most_cost };
    let queued = store.queue_batch(&batch, now(), |place| {
        let Variation { mut submission, prompt, template_seed } = variations.at(place)?;
        if let Some(wildcards) = wildcards {
            submission.expand(template_seed, wildcards)?;
        }
        let new = NewRun { submission: &submission, prompt: &prompt, ..*new };
        let request = request(&new, output_dir.clone(), files.of(&submission));
        Ok(RunRequest { handover: handover.clone(), ..addressed(new.profile, request) })
    });
    if queued.is_err() {
        handover::discard(dirs, &RunRequest { handover, ..RunRequest::default() })?;
    }
    queued
}

fn is_file(setting: &Setting) -> bool {
    matches!(setting, Setting::File(_))
}

/// Files that are in the history, each copied once.
#[derive(Debug, Default)]
struct KeptFiles(HashMap<(ParamKey, PathBuf), InputFile>);

impl KeptFiles {
    fn keep(&mut self, store: &Store, submission: &Submission) -> Result<(), RunnerError> {
        for (key, path) in &submission.files {
            if let Entry::Vacant(entry) = self.0.entry((key.clone(), path.clone())) {
                entry.insert(keep(store, key, path)?);
            }
        }
        Ok(())
    }

    fn of(&self, submission: &Submission) -> Vec<InputFile> {
        submission.files.iter().filter_map(|name| self.0.get(name).cloned()).collect()
    }
}

/// Lets the held runs of a batch go on; where what was left of its secrets is gone, with what they are now. Returns how
/// many that are.
///
/// # Errors
/// When a secret cannot be found, the history cannot be written, or the runner not started.
pub fn resume_batch(store: &Store, dirs: &Dirs, batch: BatchId) -> Result<usize, RunnerError> {
    let state = store.batch(batch)?.ok_or(StoreError::NoSuchBatch(batch))?;
    if matches!(state.held, Some((Hold::Secrets, _))) {
        let config = Config::load(dirs).map_err(HandoverError::from)?;
        let profile = profile_of_batch(store, &config, batch)?;
        store.hand_over(batch, handover::prepare(dirs, &profile)?.as_deref())?;
    }
    let resumed = store.resume_batch(batch)?;
    if resumed > 0 {
        ensure(dirs)?;
    }
    Ok(resumed)
}

/// Cancels what of a batch has not ended, and sees to it that somebody is there to hear it.
///
/// # Errors
/// When the history cannot be written, or the runner not started.
pub fn cancel_batch(store: &Store, dirs: &Dirs, batch: BatchId) -> Result<CancelledRest, RunnerError> {
    let any = store.batch_runs(batch, 0, 1)?.first().map(|run| run.id);
    let rest = store.cancel_batch(batch, now())?;
    if rest.asked > 0 {
        ensure(dirs)?;
    } else if let Some(run) = any.map(|run| store.run(run)).transpose()?.flatten() {
        // A runner that is there does the same; but perhaps none is.
        handover::discard(dirs, &run.request)?;
    }
    finish::tell_of(dirs, &rest.unsent);
    Ok(rest)
}

/// Cancels what of a batch is still queued. Returns how many runs that are.
///
/// # Errors
/// When the history cannot be written.
pub fn cancel_queued(store: &Store, dirs: &Dirs, batch: BatchId) -> Result<usize, RunnerError> {
    let unsent = store.cancel_queued(batch, now())?.unsent;
    finish::tell_of(dirs, &unsent);
    Ok(unsent.len())
}

/// Queues the failed runs of a batch again, each exactly as it was; only where they go is as `profile` says now. Returns how
/// many that are. Does not start a runner.
///
/// # Errors
/// When the content of a file is gone, a secret cannot be found, or the history cannot be written.
pub fn retry_batch(
    store: &Store,
    dirs: &Dirs,
    batch: BatchId,
    profile: &Profile,
) -> Result<usize, RunnerError> {
    let handover = handover::prepare(dirs, profile)?;
    let retried = store.retry_failed(batch, now(), |run| {
        Ok::<_, RunnerError>(RunRequest {
            handover: handover.clone(),
            ..addressed(profile, again(store, run)?)
        })
    });
    if !matches!(retried, Ok(1..)) {
        handover::discard(dirs, &RunRequest { handover, ..RunRequest::default() })?;
    }
    retried
}

/// The profile that a batch was queued with, as it is now; of a batch without one its bare address, as `--url` takes it.
///
/// # Errors
/// When there is no such batch or profile, or the history cannot be read.
pub fn profile_of_batch(store: &Store, config: &Config, batch: BatchId) -> Result<Profile, RunnerError> {
    let first = store.batch_runs(batch, 0, 1)?.into_iter().next();
    let first = first.ok_or(StoreError::NoSuchBatch(batch))?;
    if !first.profile.is_empty() {
        return Ok(config.profile(&first.profile).map_err(HandoverError::from)?);
    }
    let run = store.run(first.id)?.ok_or(StoreError::NoSuchRun(first.id))?;
    Ok(Profile::of_url(&run.request.url))
}
