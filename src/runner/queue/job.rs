//! What is asked of a server for a run.

use uuid::Uuid;

use super::Queue;
use crate::backend::{Caps, Job, Server};
use crate::config::Credentials;
use crate::domain::run::{Output, RunError};
use crate::domain::{Run, RunEvent, RunRequest, Shape, Status, Workflow};
use crate::runner::folder;
use crate::runner::task::Way;
use crate::store::{StoreError, now};

impl Queue {
    /// Builds the job of a run that has not been sent.
    pub(super) fn job(&self, run: &Run, caps: Caps) -> Result<(Job, Way), RunError> {
        let request = &run.request;
        if let Some(prompt_id) = &request.adopt {
            if !caps.attach {
                let what = "this endpoint cannot find a run again".to_owned();
                return Err(RunError { what, ..RunError::default() });
            }
            let credentials = self.environment.credentials(request)?;
            return Ok((self.job_of_sent(run, prompt_id.clone(), credentials), Way::Attach));
        }
        // Tested again: hours may have passed in the queue.
        folder::try_out(request, &self.store).map_err(|why| RunError {
            what: why.to_string(),
            remedy: why.remedy().to_owned(),
            ..RunError::default()
        })?;
        let mut files = Vec::new();
        for file in &request.files {
            let content = self.store.input_path(&file.sha256);
            if !content.is_file() {
                return Err(RunError {
                    what: format!("the content of {} is not in the history any more", file.name),
                    remedy: "Choose the file again, then run".to_owned(),
                    ..RunError::default()
                });
            }
            files.push((file.clone(), content));
        }
        let is_needed = request.send_workflow || caps.shape == Shape::Graph;
        let workflow = is_needed.then(|| self.workflow(&request.workflow_hash)).transpose()?;
        let job = Job {
            run: run.id,
            server: server(request, self.environment.credentials(request)?),
            prompt_id: caps.attach.then(|| Uuid::new_v4().to_string()),
            params: request.params.clone(),
            files,
            workflow,
            logs: request.logs,
            outputs: folder::of(run, &self.store),
            left_at: None,
            saved: Vec::new(),
        };
        Ok((job, Way::Submit))
    }

    /// Builds the job of a run that its server already has.
    pub(super) fn job_of_sent(&self, run: &Run, prompt_id: String, credentials: Credentials) -> Job {
        let request = &run.request;
        let is_sent_from_here = request.adopt.is_none() || run.status > Status::Waiting;
        Job {
            run: run.id,
            server: server(request, credentials),
            prompt_id: Some(prompt_id),
            left_at: is_sent_from_here.then_some(run.status),
            logs: request.logs,
            // Only for the titles of its nodes; it is not sent.
            workflow: self.store.workflow(&request.workflow_hash).ok().flatten(),
            outputs: folder::of(run, &self.store),
            saved: run.outputs.iter().map(|output| output.name.clone()).collect(),
            ..Job::default()
        }
    }

    fn workflow(&self, hash: &str) -> Result<String, RunError> {
        let gone = |what: String| RunError { what, ..RunError::default() };
        match self.store.workflow(hash) {
            // Without notes and white space: servers limit the size.
            Ok(Some(text)) => {
                Ok(Workflow::parse(&text).map_or(text, |workflow| workflow.compact().to_owned()))
            }
            Ok(None) => Err(gone("the workflow to send is not in the history any more".to_owned())),
            Err(error) => Err(gone(error.to_string())),
        }
    }

    /// Takes over outputs that an earlier run of the same name saved and that still exist, and returns their names: a
    /// fetch after a failed save only downloads what is missing.
    pub(super) fn take_over(&self, run: &Run) -> Result<Vec<String>, StoreError> {
        let Some(prompt_id) = &run.request.adopt else { return Ok(Vec::new()) };
        let earlier =
            self.store.run_named_before(prompt_id, run.id)?.map(|id| self.readable(id)).transpose()?;
        let Some(earlier) = earlier.flatten() else { return Ok(Vec::new()) };
        let is_there = |output: &Output| {
            std::fs::metadata(&output.path).is_ok_and(|found| found.is_file() && found.len() == output.size)
        };
        // Of several outputs with one name it is unknown which one failed.
        let is_clear =
            |output: &Output| !earlier.failed_outputs.iter().any(|failed| failed.name == output.name);
        let there: Vec<Output> = earlier
            .outputs
            .iter()
            .filter(|output| output.path.starts_with(&run.request.output_dir))
            .filter(|output| is_clear(output) && is_there(output))
            .cloned()
            .collect();
        let names = there.iter().map(|output| output.name.clone()).collect();
        let events: Vec<RunEvent> = there.into_iter().map(RunEvent::OutputSaved).collect();
        if !events.is_empty() {
            self.store.append(run.id, now(), &events)?;
        }
        Ok(names)
    }
}

fn server(request: &RunRequest, credentials: Credentials) -> Server {
    let RunRequest { url, api_url, trust, .. } = request;
    Server { url: url.clone(), api_url: api_url.clone(), credentials, trust: trust.clone() }
}
