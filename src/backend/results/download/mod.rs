//! Outputs that are links: downloaded a few at a time, streamed to disk, resumed after errors.
//!
//! The server chooses the addresses, so no credentials are sent, except to the API's own origin in protocols
//! that require them there. `guard.rs` decides which addresses may be requested at all. Their queries are
//! signatures, and are never shown.

mod disk;
mod one;
mod range;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::convert::Infallible;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::config::Credentials;
use crate::domain::run::Transfer;
use crate::domain::{RunEvent, Status};
use crate::wire::result::OutputInfo;

use super::names;
use super::outputs::{OutputFolder, bounded};
use crate::backend::net::guard::Guard;
use crate::backend::net::http::Http;
use crate::backend::reporter::Reporter;
use crate::backend::{BackendError, BoxFuture};

/// Downloads at the same time.
const AT_ONCE: usize = 3;

/// Most complete files that wait for one with the same name before the next download starts: each is an open file.
const MAX_UNNAMED: usize = 32;

/// Everything needed to download the outputs of a run.
pub(in crate::backend) struct Links<'a> {
    pub http: &'a Http,
    /// The API that gave the addresses: relative ones start there, and its own network may be requested.
    pub home: &'a Url,
    /// Credentials for the API's own origin, sent to no other.
    pub credentials: Option<&'a Credentials>,
    pub folder: OutputFolder,
    /// Names of outputs that were saved earlier, as in [`crate::domain::run::Output::name`]: for each occurrence one
    /// output of that name is skipped.
    pub saved: &'a [String],
    /// Source of a new address when one has expired.
    pub fresh: Option<&'a dyn Fresh>,
    /// The remedy for an output that failed, as the end of a sentence: `run again`.
    pub again: &'a str,
}

/// Gives new addresses for expired ones.
pub(in crate::backend) trait Fresh: Sync {
    /// The output's current address; `None` when there is none. `position` is its index in the list passed to
    /// [`fetch_all`], `stale` what is known about it, with the address that failed.
    fn fresh<'a>(&'a self, position: usize, stale: &'a OutputInfo) -> BoxFuture<'a, Option<OutputInfo>>;
}

/// The result of downloading all links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::backend) struct Fetched {
    /// On disk, including those saved earlier.
    pub saved: usize,
    pub failed: usize,
}

/// Downloads outputs and reports each as it ends, with the bytes of all. Outputs with the same name are numbered in
/// the order of the list: one that completes earlier waits.
///
/// A failed output is an event, not an error. Dropping the future leaves no incomplete file.
pub(in crate::backend) async fn fetch_all(
    links: &Links<'_>,
    list: Vec<OutputInfo>,
    out: &mut Reporter,
) -> Result<Fetched, BackendError> {
    let mut fetched = Fetched::default();
    let wanted = wanted(list, links.home, links.saved);
    fetched.saved = wanted.passed_over;
    if wanted.outputs.is_empty() {
        return Ok(fetched);
    }
    out.phase(Status::Downloading).await?;
    let guard = Guard::new(links.home, links.http.clients().proxies()).await;
    let before = out.received();
    let (tally, mut counted) = watch::channel(Tally::default());
    let mut waiting: std::collections::VecDeque<_> = wanted
        .outputs
        .into_iter()
        .map(|output| {
            let share = Share::new(&tally, output.info.size);
            (output, share)
        })
        .collect();
    let mut running = FuturesUnordered::new();
    let mut naming = FuturesUnordered::new();
    loop {
        while running.len() < AT_ONCE
            && naming.len() < MAX_UNNAMED
            && let Some((output, share)) = waiting.pop_front()
        {
            running.push(one::fetch(links, &guard, output, share, out.sink()));
        }
        if running.is_empty() && naming.is_empty() {
            break;
        }
        let due = out.due();
        tokio::select! {
            Some(fetched) = running.next() => naming.push(one::name(fetched)),
            Some(events) = naming.next() => {
                for event in events {
                    match &event {
                        RunEvent::OutputSaved(_) => fetched.saved += 1,
                        RunEvent::OutputFailed(_) => fetched.failed += 1,
                        _ => {}
                    }
                    out.send(event).await?;
                }
            }
            // The sender lives as long as this function.
            Ok(()) = counted.changed() => {
                let transfer = counted.borrow_and_update().transfer(before);
                out.stands_at(transfer).await?;
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                out.send_due().await?;
            }
        }
    }
    let transfer = counted.borrow_and_update().transfer(before);
    out.stands_at(transfer).await?;
    out.flush().await?;
    Ok(fetched)
}

/// The outputs to download.
struct Wanted {
    outputs: Vec<PendingOutput>,
    /// Number of outputs already on disk.
    passed_over: usize,
}

/// An output to download.
struct PendingOutput {
    position: usize,
    info: OutputInfo,
    /// File name hint: the server's name, or the end of the address.
    hint: String,
    /// Closed when the previous output that may get the same name is named.
    before: Option<oneshot::Receiver<Infallible>>,
    /// Dropped when this output is named or has failed.
    named: Option<oneshot::Sender<Infallible>>,
}

fn wanted(list: Vec<OutputInfo>, home: &Url, saved: &[String]) -> Wanted {
    let mut on_disk: HashMap<&str, usize> = HashMap::new();
    for name in saved {
        *on_disk.entry(name).or_default() += 1;
    }
    let mut last_of: HashMap<String, usize> = HashMap::new();
    let mut wanted = Wanted { outputs: Vec::new(), passed_over: 0 };
    for (position, info) in list.into_iter().enumerate() {
        let hint = hint(&info, home);
        if let Some(left) = on_disk.get_mut(bounded(&hint).as_str()).filter(|left| **left > 0) {
            *left -= 1;
            wanted.passed_over += 1;
            continue;
        }
        let mut output = PendingOutput { position, info, hint, before: None, named: None };
        // Without the extension, which may come from a content type that is not known yet.
        let name = names::safe_name(&output.hint, "").to_lowercase();
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned();
        let earlier = last_of.insert(stem, wanted.outputs.len());
        if let Some(earlier) = earlier.and_then(|index| wanted.outputs.get_mut(index)) {
            let (named, before) = oneshot::channel();
            earlier.named = Some(named);
            output.before = Some(before);
        }
        wanted.outputs.push(output);
    }
    wanted
}

/// Resolves an address against the API's. User name and password in the API's own address are removed.
fn address_of(home: &Url, address: &str) -> Result<Url, String> {
    let mut base = home.clone();
    // Fails only for addresses that cannot have either.
    let _ = base.set_username("").and_then(|()| base.set_password(None));
    base.join(address).map_err(|why| format!("its address cannot be read: {why}"))
}

fn hint(info: &OutputInfo, home: &Url) -> String {
    if !info.filename.is_empty() {
        return info.filename.clone();
    }
    let url = info.filepath.as_deref().and_then(|address| address_of(home, address).ok());
    let mut parts = url.as_ref().and_then(Url::path_segments).into_iter().flatten();
    let last = parts.rfind(|part| !part.is_empty()).unwrap_or_default();
    percent_decode_str(last).decode_utf8_lossy().into_owned()
}

/// Bytes of all links of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    done: u64,
    /// Sum of the known sizes. Servers state sizes, so the sum may exceed any integer.
    total: u128,
    /// Number of outputs of unknown size.
    unknown: usize,
}

impl Tally {
    /// The transfer including the bytes received before the links.
    fn transfer(&self, before: u64) -> Transfer {
        let total = u64::try_from(self.total + u128::from(before)).ok();
        Transfer { done: before + self.done, total: total.filter(|_| self.unknown == 0) }
    }
}

/// One output's share of the tally.
#[derive(Debug)]
struct Share {
    tally: watch::Sender<Tally>,
    done: u64,
    total: Option<u64>,
}

impl Share {
    fn new(tally: &watch::Sender<Tally>, announced: Option<u64>) -> Self {
        tally.send_modify(|tally| tally.unknown += 1);
        let mut share = Self { tally: tally.clone(), done: 0, total: None };
        share.expect(announced.filter(|size| *size > 0));
        share
    }

    fn more(&mut self, bytes: u64) {
        self.done += bytes;
        self.tally.send_modify(|tally| tally.done += bytes);
        if self.total.is_some_and(|total| self.done > total) {
            // The announced size is wrong.
            self.expect(None);
        }
    }

    /// The download starts again from the beginning.
    fn again(&mut self) {
        let done = std::mem::take(&mut self.done);
        self.tally.send_modify(|tally| tally.done -= done);
    }

    fn expect(&mut self, total: Option<u64>) {
        let old = std::mem::replace(&mut self.total, total);
        self.tally.send_modify(|tally| {
            tally.total = tally.total + u128::from(total.unwrap_or(0)) - u128::from(old.unwrap_or(0));
            tally.unknown = tally.unknown + usize::from(total.is_none()) - usize::from(old.is_none());
        });
    }

    /// The download has ended: its remaining bytes are no longer expected.
    fn settle(&mut self) {
        self.expect(Some(self.done));
    }
}
