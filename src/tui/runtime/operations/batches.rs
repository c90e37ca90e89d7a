//! Operations on batches: queue, hold, resume, cancel, retry, go on from one of the runs.

use std::time::Duration;

use super::{Answer, Operations, opened, said};
use crate::config::{Profile, files};
use crate::domain::batch::{BatchId, Files, Hold, Variations};
use crate::domain::draft::Submission;
use crate::domain::{BatchRemark, RunId};
use crate::library::values::DiskFiles;
use crate::library::wildcards::WildcardFiles;
use crate::picture::read::Watch;
use crate::picture::sheet;
use crate::report::batch as report;
use crate::report::sheet as table;
use crate::runner::{self, IfSame};
use crate::tui::effect::{BatchOrder, KeepRun, SheetFormat};
use crate::tui::msg::Msg;
use crate::tui::notice::Tone;
use crate::tui::overlay::explore::{FileAnswer, FileQuestion};

/// Time limit for drawing a sheet.
const SHEET_TIME: Duration = Duration::from_secs(120);

impl Operations {
    pub(super) fn submit_batch(&mut self, order: &BatchOrder) -> Answer {
        let queued = self.try_submit_batch(order).map_err(|why| format!("Nothing was sent: {why}"))?;
        let waits = self.look_after_runs().err();
        Ok(vec![Msg::BatchQueued { batch: queued, runs: order.plan.len(), waits }])
    }

    fn try_submit_batch(&mut self, order: &BatchOrder) -> Result<BatchId, String> {
        let profile = order.open.profile.as_deref().ok_or("no profile says where to run")?;
        let open = order.open.workflow.as_deref().ok_or("no workflow is open")?;
        let store = opened(&mut self.store, &self.dirs)?;
        let name = open.source.name();
        let new = runner::NewRun {
            profile,
            workflow: &open.workflow,
            workflow_name: &name,
            preset: order.preset.as_deref(),
            submission: &Submission::default(),
            prompt: "",
            send_workflow: order.send_workflow,
            logs: true,
            output_dir: profile.outputs(&self.dirs),
            if_same: IfSame::Queue,
        };
        let mut variations = Variations::new(
            &order.draft,
            order.plan.clone(),
            profile.protocol.caps().needs_a_value,
            fastrand::u64(..),
        );
        let wildcards = WildcardFiles::new(&self.dirs, &self.working);
        let most_cost = self.config.spend.per_batch;
        runner::enqueue_batch(store, &self.dirs, &new, &mut variations, Some(&wildcards), most_cost)
            .map_err(said)
    }

    pub(super) fn read_values(&self, question: FileQuestion) -> Msg {
        let disk = DiskFiles { working: &self.working };
        let answer = match &question {
            FileQuestion::Text(path) => FileAnswer::Text(disk.text(path)),
            FileQuestion::Files(path) => FileAnswer::Files(disk.files(path)),
        };
        Msg::Values(question, answer)
    }

    pub(super) fn keep_run(&mut self, keep: &KeepRun) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let unsent = runner::cancel_queued(store, &self.dirs, keep.batch).map_err(said)?;
        let mut msgs = self.read_settings(keep.run, &keep.open)?;
        let saved = keep.saves.map(|saved| format!(", about {} saved", report::money(saved)));
        for msg in &mut msgs {
            if let Msg::Settings { told, .. } = msg
                && unsent > 0
            {
                // First what the person does not see on the screen: a short line is cut at its end.
                *told = format!(
                    "{} of batch {} not sent{}. {told}",
                    report::runs(unsent),
                    keep.batch,
                    saved.as_deref().unwrap_or_default()
                );
            }
        }
        Ok(msgs)
    }

    pub(super) fn note_batch(&mut self, batch: BatchId, remark: &BatchRemark) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let (undo, runs, is_set) = store.note_batch(batch, remark, crate::store::now()).map_err(said)?;
        let runs = report::runs(runs);
        let told = match (remark, is_set) {
            (BatchRemark::Star, true) => format!("{runs} of batch {batch} have a star now"),
            (BatchRemark::Star, false) => format!("{runs} of batch {batch} have no star any more"),
            (BatchRemark::Reject, true) => {
                format!("{runs} of batch {batch} rejected: lists leave them out")
            }
            (BatchRemark::Reject, false) => format!("{runs} of batch {batch} are not rejected any more"),
            (BatchRemark::Tags { .. }, _) => format!("Batch {batch}: {runs} have other tags now"),
            (BatchRemark::Note { .. }, _) => format!("Batch {batch}: {runs} have the note"),
        };
        Ok(vec![Msg::Noted(undo), Msg::Notice(Tone::Good, format!("{told}. Undo (u) takes it back"))])
    }

    pub(super) fn hold_batch(&mut self, batch: BatchId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let held = store.hold_batch(batch, Hold::Asked).map_err(said)?;
        let told = format!("Batch {batch}: {} held; those in flight go on", report::runs(held));
        Ok(vec![Msg::Notice(Tone::Plain, told)])
    }

    pub(super) fn resume_batch(&mut self, batch: BatchId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let resumed = runner::resume_batch(store, &self.dirs, batch).map_err(said)?;
        let told = format!("Batch {batch}: {} may go on", report::runs(resumed));
        let mut msgs = self.look_after_runs()?;
        msgs.push(Msg::Notice(Tone::Good, told));
        Ok(msgs)
    }

    pub(super) fn cancel_batch(&mut self, batch: BatchId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let rest = runner::cancel_batch(store, &self.dirs, batch).map_err(said)?;
        let asked = if rest.asked > 0 { format!(", {} being cancelled", rest.asked) } else { String::new() };
        let told = format!("Batch {batch}: {} not sent{asked}", report::runs(rest.unsent.len()));
        Ok(vec![Msg::Notice(Tone::Plain, told)])
    }

    pub(super) fn retry_batch(&mut self, batch: BatchId, profile: Option<&Profile>) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let found = runner::profile_of_batch(store, &self.config, batch).map_err(said)?;
        // What was started with `--url` has the credentials that this screen was started with.
        let is_open =
            |open: &&Profile| found.name.is_empty() && open.name.is_empty() && open.url == found.url;
        let profile = profile.filter(is_open).cloned().unwrap_or(found);
        let retried = runner::retry_batch(store, &self.dirs, batch, &profile).map_err(said)?;
        let mut msgs = self.look_after_runs()?;
        msgs.push(Msg::Notice(Tone::Good, format!("Batch {batch}: {} queued again", report::runs(retried))));
        Ok(msgs)
    }

    pub(super) fn run_first(&mut self, run: RunId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        if !store.run_first(run).map_err(said)? {
            return Err(format!("run {run} does not wait any more"));
        }
        let mut msgs = self.look_after_runs()?;
        msgs.push(Msg::Notice(Tone::Good, format!("Run {run} is next")));
        Ok(msgs)
    }

    pub(super) fn move_in_queue(&mut self, run: RunId, earlier: bool) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        if store.move_in_queue(run, earlier).map_err(said)? {
            return Ok(Vec::new());
        }
        let end = if earlier { "first" } else { "last" };
        Ok(vec![Msg::Notice(Tone::Plain, format!("Run {run} is the {end} of its endpoint already, or held"))])
    }

    pub(super) fn hold_run(&mut self, run: RunId, hold: bool) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        if !store.hold_run(run, hold).map_err(said)? {
            return Err(format!("run {run} does not wait any more"));
        }
        let told = if hold { "is held: it is not sent until it may go on" } else { "may go on" };
        let mut msgs = if hold { Vec::new() } else { self.look_after_runs()? };
        msgs.push(Msg::Notice(Tone::Plain, format!("Run {run} {told}")));
        Ok(msgs)
    }

    pub(super) fn hold_queue(&mut self, hold: bool) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let changed = report::runs(store.hold_queue(hold).map_err(said)?);
        if hold {
            return Ok(vec![Msg::Notice(Tone::Plain, format!("{changed} held; those in flight go on"))]);
        }
        let mut msgs = self.look_after_runs()?;
        msgs.push(Msg::Notice(Tone::Good, format!("{changed} may go on")));
        Ok(msgs)
    }

    pub(super) fn cancel_queue(&mut self) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let cancelled = runner::cancel_queue(store, &self.dirs).map_err(said)?;
        Ok(vec![Msg::Notice(Tone::Plain, format!("{} not sent", report::runs(cancelled)))])
    }

    /// Each where it ran before; those of a profile without a name at the one that is open.
    pub(super) fn retry_runs(&mut self, runs: &[RunId], open: Option<&Profile>) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        for run in runs {
            let request = store.run(*run).map_err(said)?.map(|run| run.request).unwrap_or_default();
            let profile = match (request.profile.as_str(), open) {
                ("", Some(open)) => open.clone(),
                (name, _) => self.config.profile(name).map_err(said)?,
            };
            runner::enqueue_again(store, &self.dirs, *run, &profile, None).map_err(said)?;
        }
        let mut msgs = self.look_after_runs()?;
        msgs.push(Msg::Notice(Tone::Good, format!("{} queued again", report::runs(runs.len()))));
        Ok(msgs)
    }

    /// Beside the outputs of the batch.
    pub(super) fn save_sheet(&mut self, batch: BatchId, format: SheetFormat) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let table = store.sheet(batch).map_err(said)?;
        let any = store.batch_runs(batch, 0, 1).map_err(said)?.first().map(|run| run.id);
        let run = any.map(|id| store.run(id)).transpose().map_err(said)?.flatten();
        let folder = run.map_or_else(|| self.dirs.outputs.clone(), |run| run.request.output_dir);
        let (extension, content) = match format {
            SheetFormat::Png => ("png", sheet::png(&table, &Watch::new(SHEET_TIME))?),
            SheetFormat::Html => ("html", table::html(&table, &folder).into_bytes()),
        };
        let path = folder.join(format!("batch-{batch}.{extension}"));
        std::fs::create_dir_all(&folder)
            .and_then(|()| files::replace(&path, &content, 0o644))
            .map_err(|why| format!("{} cannot be written: {why}", path.display()))?;
        Ok(vec![Msg::Notice(Tone::Good, format!("Saved {}", path.display()))])
    }
}
