//! Reading records: one request for all runs that are due.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::run::Connection;
use crate::wire::cloud::Record;

use super::super::CloudLimits;
use super::super::api::{self, Unread, Why};
use super::{Account, Done, Entry, RunUpdate};

/// Most prompt ids in one request: they are part of its URL.
const AT_ONCE: usize = 50;

impl Account {
    /// When a record is to be read next.
    pub(super) fn next_read(&self) -> Option<Instant> {
        if self.is_reading {
            return None;
        }
        let due = self.runs.iter().filter(|run| run.sent).map(|run| run.due).min()?;
        Some(due.max(self.read_after))
    }

    pub(super) fn read_when_due(&mut self) {
        let now = Instant::now();
        if self.next_read().is_none_or(|due| due > now) {
            return;
        }
        let soon = now + self.api.limits().together;
        let mut prompt_ids: Vec<String> = Vec::new();
        let mut runs: Vec<&Entry> = self.runs.iter().filter(|run| run.sent && run.due <= soon).collect();
        runs.sort_by_key(|run| run.due);
        // The first in turn alone, or with all that need not be.
        let is_alone = runs.first().is_some_and(|run| run.alone);
        let at_once = if is_alone { 1 } else { AT_ONCE };
        for run in runs.into_iter().filter(|run| run.alone == is_alone) {
            if prompt_ids.len() < at_once && !prompt_ids.contains(&run.prompt_id) {
                prompt_ids.push(run.prompt_id.clone());
            }
        }
        self.is_reading = true;
        let api = self.api.clone();
        self.work.push(Box::pin(async move {
            let result = api.records(&prompt_ids).await;
            Done::Read { prompt_ids, result }
        }));
    }

    pub(super) fn read(&mut self, prompt_ids: &[String], result: Result<Vec<Record>, Unread>) {
        let now = Instant::now();
        match &result {
            Err(unread) if unread.why.is_about_one() && prompt_ids.len() > 1 => {
                return self.read_apart(prompt_ids, unread);
            }
            // The service answers: this is about the one run.
            Ok(_) | Err(Unread { why: Why::NotThere | Why::NotTaken | Why::TooLong, .. }) => {
                self.read_failures = 0;
            }
            Err(unread) => {
                self.read_failures = self.read_failures.saturating_add(1);
                self.read_after = now + self.trouble(unread.why);
            }
        }
        let is_answered = result.is_ok();
        let result = match result {
            Err(Unread { why: Why::NotThere, .. }) => Ok(Vec::new()),
            result => result,
        };
        let limits = self.api.limits();
        let is_meant = |run: &&mut Entry| run.sent && prompt_ids.contains(&run.prompt_id);
        let mut answers = Vec::new();
        for run in self.runs.iter_mut().filter(is_meant) {
            run.due = now + run.pause(now, limits);
            run.alone &= !is_answered;
            let update = match &result {
                Err(unread) => RunUpdate::Unread(unread.clone()),
                Ok(records) => match find(run, records, prompt_ids.len()) {
                    Some(record) => RunUpdate::Record(Box::new(record.clone())),
                    None => RunUpdate::NoRecord,
                },
            };
            answers.push((run.key, update));
        }
        for (key, update) in answers {
            self.send_update(key, update);
        }
    }

    /// One of several may have spoilt the response for all: an id that the service rejects, a record that is huge.
    /// Each is read alone until that has worked.
    fn read_apart(&mut self, prompt_ids: &[String], why: &Unread) {
        tracing::info!("{} records are read one by one: {}", prompt_ids.len(), why.error.what);
        let now = Instant::now();
        for run in self.runs.iter_mut().filter(|run| prompt_ids.contains(&run.prompt_id)) {
            (run.alone, run.due) = (true, now);
        }
    }

    /// Pause after failed reads.
    fn trouble(&self, why: Why) -> Duration {
        let longest = self.api.limits().trouble;
        match why {
            Why::NotAllowed => longest,
            _ => (self.api.limits().urgent.first / 2 * 2_u32.saturating_pow(self.read_failures.min(8)))
                .min(longest),
        }
    }
}

impl Entry {
    /// Time until the run's record is read again.
    fn pause(&self, now: Instant, limits: &CloudLimits) -> Duration {
        match (self.urgent, self.connection, self.logs) {
            (Some(since), ..) => limits.urgent.pause(now - since),
            (None, Some(Connection::Live), _) => limits.live,
            (None, _, true) => limits.polled.pause(now - self.since),
            (None, _, false) => limits.scheduled.pause(now - self.since),
        }
    }
}

/// The record of this run; also a sole record without a prompt id, when only this run was asked for.
fn find<'a>(run: &Entry, records: &'a [Record], asked: usize) -> Option<&'a Record> {
    let named = records.iter().find(|record| api::is_of(record, &run.prompt_id));
    named.or_else(|| api::nameless(records, asked))
}
