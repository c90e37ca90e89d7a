//! Outputs that are links: fetched a few at a time, streamed to disk, resumed when they break off.
//!
//! The addresses are the server's choice, so nothing of ours goes along, unless they are the API's own and the protocol
//! says that it asks for credentials there too. `guard.rs` says which
//! addresses are asked at all. Their queries are signatures, which nobody gets to see.

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

/// Outputs that are fetched at the same time.
const AT_ONCE: usize = 3;

/// Whole files that wait for one of the same name before the next is fetched: each is an open file.
const MAX_UNNAMED: usize = 32;

/// What is to be known for fetching the outputs of a run.
pub(in crate::backend) struct Links<'a> {
    pub http: &'a Http,
    /// The API that named the addresses: relative ones begin there, and what is near it may be asked.
    pub home: &'a Url,
    /// What goes along with requests to the API's own origin, and to no other.
    pub credentials: Option<&'a Credentials>,
    pub folder: OutputFolder,
    /// Names of outputs that are on disk from before, as [`crate::domain::run::Output::name`] has them: as often as a
    /// name is in here, the first outputs of that name are passed over.
    pub saved: &'a [String],
    /// Asked for a new address when one does not hold any more.
    pub fresh: Option<&'a dyn Fresh>,
    /// What a person does to have a failed output after all, as the end of a sentence: `run again`.
    pub again: &'a str,
}

/// Gives new addresses for old ones, which expire.
pub(in crate::backend) trait Fresh: Sync {
    /// The output as the server has it now; `None` when it has none, or none can be had. `position` is the
    /// output's place in the list that [`fetch_all`] was given, `stale` what is known of it, with the
    /// address that failed last.
    fn fresh<'a>(&'a self, position: usize, stale: &'a OutputInfo) -> BoxFuture<'a, Option<OutputInfo>>;
}

/// What came of the links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::backend) struct Fetched {
    /// On disk, those from before included.
    pub saved: usize,
    pub failed: usize,
}

/// Fetches outputs to disk and reports each as it ends, with the bytes of all. Outputs of one name are numbered in
/// the order of the list, whichever is whole first: the later one waits for its name.
///
/// An output that cannot be had is an event, not an error. Dropped, it leaves no file behind that is not whole.
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

/// The outputs that are to be fetched.
struct Wanted {
    outputs: Vec<PendingOutput>,
    /// How many are on disk already.
    passed_over: usize,
}

/// An output that is to be fetched.
struct PendingOutput {
    position: usize,
    info: OutputInfo,
    /// What its file is to be called: the server's name for it, or the end of its address.
    hint: String,
    /// Closed when the one before it that may be called alike has its name.
    before: Option<oneshot::Receiver<Infallible>>,
    /// Dropped when this one has its name, or never gets one.
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

/// An address as the API means it. A name and password in the API's own address are ours, and stay there.
fn address_of(home: &Url, address: &str) -> Result<Url, String> {
    let mut base = home.clone();
    // An address that can have none has none.
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
    /// Of those whose size is known. Sizes are the server's word, and their sum may be larger than any.
    total: u128,
    /// How many have a size that is not known.
    unknown: usize,
}

impl Tally {
    /// Together with what came before the links.
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
            // What was announced is wrong.
            self.expect(None);
        }
    }

    /// All of it has to come again.
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

    /// It is over: nothing more of it is waited for.
    fn settle(&mut self) {
        self.expect(Some(self.done));
    }
}
