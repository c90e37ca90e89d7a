//! The download of one output: retried, and resumed where it broke off, until it is complete or fails for good.
//!
//! Its retries, resumption and checks share one state, so they stay in one file.

use std::convert::Infallible;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, IF_RANGE, LOCATION, RANGE, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use tokio::sync::oneshot;

use crate::backend::EventSink;
use crate::backend::net::fault::Fault as NoResponse;
use crate::backend::net::guard::{Forbidden, Guard};
use crate::backend::net::http;
use crate::backend::net::redirect::{self, Hop, Method};
use crate::backend::results::collect::shown;
use crate::backend::results::outputs::{Kept, OutputFile};
use crate::domain::RunEvent;
use crate::domain::run::OutputFailure;
use crate::wire::result::OutputInfo;

use super::disk::Disk;
use super::range::{self, Part, Version};
use super::{Links, PendingOutput, Share, address_of};

/// Bytes after which a download counts as progress, and gets all its retries again.
const PROGRESS: u64 = 64 * 1024;

/// Fresh links that are fetched while a download makes no progress.
const MAX_FRESH: u32 = 3;

/// Longest `Retry-After` that is respected.
const MAX_STAY_AWAY: Duration = Duration::from_secs(60);

/// A finished or failed download, not named yet.
pub(super) struct Fetched {
    /// The file, complete or partial; `None` when no byte came.
    file: Option<OutputFile>,
    /// Why it is incomplete.
    fault: Option<String>,
    /// The hint for its name, and its MIME type.
    hint: String,
    kind: String,
    announced: Option<u64>,
    before: Option<oneshot::Receiver<Infallible>>,
    named: Option<oneshot::Sender<Infallible>>,
}

pub(super) async fn fetch(
    links: &Links<'_>,
    guard: &Guard,
    output: PendingOutput,
    share: Share,
    events: EventSink,
) -> Fetched {
    let PendingOutput { position, info, hint, before, named } = output;
    let announced = info.size.filter(|size| *size > 0);
    let mut download = Download {
        links,
        guard,
        position,
        kind: info.content_type.clone(),
        info,
        announced,
        disk: Disk::start(links.folder.clone(), events),
        share,
        got: 0,
        length: None,
        version: Version::default(),
        in_one_piece: false,
        ended_at: None,
    };
    let mut fault = download.get().await.err();
    download.share.settle();
    let Download { disk, kind, got, .. } = download;
    let file = match &fault {
        // A partial file may be useful. When it cannot be kept, the error itself is still reported.
        Some(_) if got > 0 => disk.finish().await.ok(),
        Some(_) => None,
        None => disk.finish().await.map_err(|why| fault = Some(why)).ok(),
    };
    Fetched { file, fault, hint, kind, announced, before, named }
}

/// Names the file. Returns the event to report.
pub(super) async fn name(fetched: Fetched) -> Vec<RunEvent> {
    let Fetched { file, fault, hint, kind, announced, before, named } = fetched;
    let name = shown(&OutputInfo { filename: hint.clone(), ..OutputInfo::default() });
    if let Some(before) = before {
        // Nothing is ever sent: the channel closes when the previous output is named or has failed.
        let _ = before.await;
    }
    let error = match (file, fault) {
        (Some(file), None) => match keep(file, hint, kind).await {
            Ok(kept) => {
                let size = kept.output.size;
                let odd = announced.filter(|announced| *announced != size).map(|announced| {
                    let text = format!("{name}: {announced} bytes were announced, {size} came");
                    RunEvent::Warning { text }
                });
                odd.into_iter().chain(kept.events()).collect()
            }
            Err(why) => vec![failed(name, why, None)],
        },
        (file, fault) => {
            let kept = match file {
                Some(file) => keep(file, format!("{name}.part"), String::new()).await.ok(),
                None => None,
            };
            vec![failed(name, fault.unwrap_or_default(), kept)]
        }
    };
    drop(named);
    error
}

async fn keep(file: OutputFile, hint: String, kind: String) -> Result<Kept, String> {
    let kept = tokio::task::spawn_blocking(move || file.keep(&hint, &kind)).await;
    kept.map_err(|error| format!("comfydeck failed to name it ({error})"))?.map_err(|error| error.to_string())
}

fn failed(name: String, why: String, kept: Option<Kept>) -> RunEvent {
    RunEvent::OutputFailed(OutputFailure { name, why, kept: kept.map(|kept| kept.output.path) })
}

/// Why an attempt failed.
enum Fault {
    /// Retrying is of no use: what happened and what to do.
    Final(String),
    /// The link is not valid any more: what its server says.
    Stale(String),
    /// A temporary failure: what happened, and the server's `Retry-After`.
    Passing(String, Duration),
}

fn passing(what: impl Into<String>) -> Fault {
    Fault::Passing(what.into(), Duration::ZERO)
}

/// A failure that only the server's operator can fix.
fn hopeless(what: impl ToString) -> Fault {
    Fault::Final(format!("{}. Ask whoever runs the server", what.to_string()))
}

struct Download<'a> {
    links: &'a Links<'a>,
    guard: &'a Guard,
    /// The output's place in the list.
    position: usize,
    /// What the result says about it, with the current link.
    info: OutputInfo,
    /// Its size in bytes according to the API.
    announced: Option<u64>,
    kind: String,
    disk: Disk,
    share: Share,
    /// Bytes queued for the disk.
    got: u64,
    /// Its size in bytes according to its own server.
    length: Option<u64>,
    /// The version of the file that these bytes belong to.
    version: Version,
    /// Whether its server does not support ranges.
    in_one_piece: bool,
    /// The length at which a response without a length ended short of the announced size.
    ended_at: Option<u64>,
}

impl Download<'_> {
    /// Retries until the file is complete. The error says what happened and what to do.
    async fn get(&mut self) -> Result<(), String> {
        let retries = &self.links.http.limits().retries;
        let mut waits = retries.iter();
        let mut fresh_left = MAX_FRESH;
        let mut furthest = 0;
        loop {
            let outcome = self.attempt().await;
            // Measured from the furthest point: starting again from the beginning is no progress.
            if self.got >= furthest + PROGRESS {
                furthest = self.got;
                waits = retries.iter();
                fresh_left = MAX_FRESH;
            }
            let (what, stay_away) = match outcome {
                Ok(()) => return Ok(()),
                Err(Fault::Final(why)) => return Err(why),
                Err(Fault::Passing(what, stay_away)) => (what, stay_away),
                Err(Fault::Stale(what)) => {
                    let is_first = fresh_left == MAX_FRESH;
                    match (self.renew(fresh_left).await, is_first) {
                        (None, _) => return Err(format!("{what}. To have it, {}", self.links.again)),
                        (Some(true), true) => {
                            fresh_left -= 1;
                            continue;
                        }
                        // A promised file may not be there yet.
                        _ => fresh_left -= 1,
                    }
                    (what, Duration::ZERO)
                }
            };
            let Some(wait) = waits.next() else { return Err(self.with_remedy(&what)) };
            tokio::time::sleep(stay_away.min(MAX_STAY_AWAY).max(*wait)).await;
        }
    }

    /// Fetches a fresh link. Returns whether it is a new one; `None` when there is none.
    async fn renew(&mut self, left: u32) -> Option<bool> {
        let source = self.links.fresh.filter(|_| left > 0)?;
        let fresh = source.fresh(self.position, &self.info).await?;
        let address = fresh.filepath.filter(|address| !address.is_empty())?;
        let is_other = self.info.filepath.as_ref() != Some(&address);
        self.info.filepath = Some(address);
        Some(is_other)
    }

    fn with_remedy(&self, what: &str) -> String {
        format!("{what}. Check this machine's network, then {}", self.links.again)
    }

    /// One request: the file, or the rest of it.
    async fn attempt(&mut self) -> Result<(), Fault> {
        let from = self.resumes_at();
        let mut response = self.request(from).await?;
        if let Some(packed) = http::packed(&response) {
            let what = format!("its server sent it in a compressed form that was not asked for ({packed})");
            return Err(hopeless(what));
        }
        match (response.status().as_u16(), from) {
            (200 | 203, _) => self.begin(&response).await?,
            (206, Some(from)) => self.resume(from, response.headers()).await?,
            (416, Some(from)) => {
                if range::part(response.headers()) == Some(Part::Beyond { total: from }) {
                    return Ok(());
                }
                self.in_one_piece = true;
                return Err(passing("its server does not send the rest"));
            }
            _ => return Err(refused(response.status(), response.headers())),
        }
        self.receive(&mut response).await?;
        self.is_whole()
    }

    /// The offset to resume from, when the version of the file can be checked.
    fn resumes_at(&self) -> Option<u64> {
        let can_tell = self.version.condition().is_some() || self.size().is_some();
        (self.got > 0 && can_tell && !self.in_one_piece).then_some(self.got)
    }

    fn size(&self) -> Option<u64> {
        self.length.or(self.announced)
    }

    /// Handles a response that is the whole file.
    async fn begin(&mut self, response: &Response) -> Result<(), Fault> {
        self.start_over().await?;
        self.version = Version::of(response.headers());
        self.length = response.content_length();
        self.share.expect(self.size());
        if self.info.content_type.is_empty() {
            self.kind = http::content_type(response.headers());
        }
        Ok(())
    }

    async fn start_over(&mut self) -> Result<(), Fault> {
        if self.got > 0 {
            self.disk.again().await.map_err(Fault::Final)?;
            self.share.again();
            self.got = 0;
        }
        Ok(())
    }

    /// Handles a partial response.
    async fn resume(&mut self, from: u64, headers: &HeaderMap) -> Result<(), Fault> {
        let version = Version::of(headers);
        let total = match range::part(headers) {
            Some(Part::From { first, total }) if first == from => total,
            _ => {
                self.in_one_piece = true;
                return Err(passing("its server sent another part than requested"));
            }
        };
        let is_same = match (total, self.size()) {
            (Some(total), Some(size)) => {
                total == size || (self.length.is_none() && self.version.condition().is_some())
            }
            _ => self.version.condition().is_some(),
        };
        if !is_same || self.version.differs(&version) {
            self.start_over().await?;
            return Err(passing("it changed on its server during the download"));
        }
        if self.length.is_none() && total.is_some() {
            self.length = total;
            self.share.expect(total);
        }
        Ok(())
    }

    /// Reads a response's body to its end.
    async fn receive(&mut self, response: &mut Response) -> Result<(), Fault> {
        let silence = self.links.http.limits().fetch;
        loop {
            let chunk = tokio::time::timeout(silence, response.chunk()).await.map_err(|_| silent(silence))?;
            let chunk = chunk.map_err(|_| passing("the connection broke before it was complete"))?;
            let Some(chunk) = chunk else { return Ok(()) };
            let bytes = chunk.len() as u64;
            if self.length.is_some_and(|length| self.got + bytes > length) {
                self.in_one_piece = true;
                return Err(passing("its server sent more than the announced size"));
            }
            self.disk.write(chunk).await.map_err(Fault::Final)?;
            self.got += bytes;
            self.share.more(bytes);
        }
    }

    /// Checks a response that ended properly against the expected size.
    fn is_whole(&mut self) -> Result<(), Fault> {
        let is_short = match (self.length, self.announced) {
            (Some(length), _) => self.got < length,
            // A response without a length may have been cut off, or the announced size may be wrong: ending twice at
            // the same place shows the latter.
            (None, Some(announced)) => {
                self.got < announced && self.ended_at.replace(self.got) != Some(self.got)
            }
            (None, None) => false,
        };
        if is_short { Err(passing("its server stopped before it was complete")) } else { Ok(()) }
    }

    /// Sends a request and follows redirects, each as strictly checked as the address itself.
    async fn request(&self, from: Option<u64>) -> Result<Response, Fault> {
        let silence = self.links.http.limits().fetch;
        let address = self.info.filepath.as_deref().unwrap_or_default();
        if address.is_empty() {
            return Err(hopeless("the server sent neither its data nor its address"));
        }
        let url = address_of(self.links.home, address).map_err(hopeless)?;
        let mut hop = Hop { method: Method::Get, url, number: 0 };
        loop {
            let client = self.links.http.client_for(&hop.url, self.guard).map_err(hopeless)?;
            let request = self.headers(client.get(hop.url.clone()), from);
            let at_home = hop.url.origin() == self.links.home.origin();
            let request = match self.links.credentials.filter(|_| at_home) {
                Some(credentials) => http::with_credentials(request, credentials.iter()),
                None => request,
            };
            let response = tokio::time::timeout(silence, self.links.http.got(&hop.url, request))
                .await
                .map_err(|_| silent(silence))?;
            let response = response.map_err(|fault| self.unreachable(fault, &hop.url))?;
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            match redirect::next(&hop, response.status(), location) {
                Ok(None) => return Ok(response),
                Ok(Some(next)) => hop = next,
                Err(error) => return Err(hopeless(error)),
            }
        }
    }

    /// The failure of a request that got no response.
    fn unreachable(&self, fault: NoResponse, url: &Url) -> Fault {
        if let Some(forbidden) = fault.cause::<Forbidden>() {
            return hopeless(forbidden);
        }
        let is_final = fault.is_final();
        let what = self.links.http.told(fault, url).what;
        if is_final { hopeless(what) } else { passing(what) }
    }

    fn headers(&self, request: RequestBuilder, from: Option<u64>) -> RequestBuilder {
        let request = request.header(ACCEPT, "*/*").header(ACCEPT_ENCODING, "identity");
        let Some(from) = from else { return request };
        let request = request.header(RANGE, format!("bytes={from}-"));
        match self.version.condition() {
            Some(condition) => request.header(IF_RANGE, condition),
            None => request,
        }
    }
}

fn silent(limit: Duration) -> Fault {
    passing(format!("no data came for {} seconds", limit.as_secs()))
}

/// The failure for an error status.
fn refused(status: StatusCode, headers: &HeaderMap) -> Fault {
    let name = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    let stay_away = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let stay_away = Duration::from_secs(stay_away.unwrap_or(0));
    match status.as_u16() {
        // Object stores answer with any of these for an expired link.
        400 | 401 | 403 | 404 | 410 => {
            Fault::Stale(format!("its address is not valid or has expired ({name})"))
        }
        408 | 425 | 429 | 500..=504 => Fault::Passing(format!("its server failed ({name})"), stay_away),
        _ => hopeless(format!("its server did not send a valid response ({name})")),
    }
}
