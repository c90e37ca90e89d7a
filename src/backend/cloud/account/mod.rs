//! One account at the service: one task, with one socket, for all of its runs.
//!
//! Runs register **before** they are sent, since news may come before the reply. They are distinguished by their prompt
//! ids. The task lives as long as runs are registered, and a short while longer.

mod connection;
mod delivery;
mod reads;
mod registry;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::backend::BoxFuture;
use crate::backend::net::backoff::Backoff;
use crate::domain::run::{Connection, RunError};
use crate::wire::cloud::{Event, News, Record};

use super::CloudLimits;
use super::api::{Api, Unread};
use super::socket::{Message, Socket, SocketError};

pub(super) use registry::{Accounts, Registration};

/// Updates that may wait for one run before the socket is no longer read.
const BEHIND: usize = 256;

/// An update for one run.
#[derive(Clone, Debug)]
pub(super) enum RunUpdate {
    News(News),
    /// The run's record at the service.
    Record(Box<Record>),
    /// The service has no record of it.
    NoRecord,
    /// The run's record could not be read.
    Unread(Unread),
    /// How updates reach the run from now on, and why that changed, when a person should know.
    Connection(Connection, Option<String>),
    /// Number of messages that were dropped because the run took them too slowly.
    Missed(u64),
}

/// State of the account's socket, for runs that wait for it before they are sent.
#[derive(Clone, Debug)]
pub(super) enum SocketState {
    /// Not connected; `failed` counts the attempts.
    Connecting { failed: u32, why: Option<RunError> },
    /// Connected, with this session id.
    Open { sid: String },
    /// The service rejected the login.
    Refused(RunError),
}

/// A run's command to its account.
#[derive(Debug)]
enum Command {
    /// Adds a run, before it is sent.
    Register(Entry),
    /// The run may have reached the service, sent with this session id: its record is read from now on.
    Sent { key: u64, sid: Option<String> },
    /// The service uses another prompt id for the run.
    Rename { key: u64, prompt_id: String },
    /// Reads the run's record at once, and often.
    Urgent { key: u64 },
    /// As `Urgent`, for the run with this prompt id.
    UrgentFor { prompt_id: String },
    /// Removes the run with this key.
    Leave { key: u64 },
}

/// A registered run of the account.
#[derive(Debug)]
struct Entry {
    key: u64,
    prompt_id: String,
    /// Whether the run wants its log over the socket.
    logs: bool,
    updates: mpsc::Sender<RunUpdate>,
    /// Whether the run may have reached the service.
    sent: bool,
    /// Session id of the socket that the run was sent with.
    sid: Option<String>,
    connection: Option<Connection>,
    /// Since when its record is read at the present pace.
    since: Instant,
    urgent: Option<Instant>,
    /// When its record is read next.
    due: Instant,
    /// Its record is read alone, because a request for several failed.
    alone: bool,
    missed: u64,
}

/// The result of a request that ran beside the loop.
enum Done {
    Connected(Box<Result<Socket, SocketError>>),
    Subscribed { sid: String, result: Result<(), Unread> },
    Read { prompt_ids: Vec<String>, result: Result<Vec<Record>, Unread> },
}

struct Account {
    api: Api,
    accounts: Accounts,
    commands: mpsc::UnboundedReceiver<Command>,
    socket_state: Arc<watch::Sender<SocketState>>,
    runs: Vec<Entry>,
    socket: Option<Socket>,
    backoff: Backoff,
    connected_at: Instant,
    /// When the socket is opened next.
    connect_at: Instant,
    is_connecting: bool,
    /// Since when nobody needs the socket.
    unused: Option<Instant>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    is_reading: bool,
    /// Failed reads in a row.
    read_failures: u32,
    read_after: Instant,
    /// Updates for runs whose channel was full, oldest first. While there are any, the socket is not read: a slow
    /// store slows the service down, and memory stays flat.
    outbox: VecDeque<(u64, RunUpdate)>,
    /// When the oldest update is dropped, so that one slow run does not cost the others the connection.
    patience: Instant,
}

impl Account {
    async fn drive(mut self) {
        loop {
            if self.is_over().await {
                return;
            }
            self.connect_when_due();
            self.read_when_due();
            let wake = self.wake();
            let room = self.room();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return self.goodbye().await,
                },
                Some(done) = self.work.next() => self.take(done),
                message = hear(&mut self.socket), if self.outbox.is_empty() => match message {
                    Ok(Message::News(event)) => self.hear(event),
                    Ok(Message::Notice(notice)) => tracing::warn!("{notice}"),
                    Err(error) => self.lost(&error),
                },
                permit = reserve(room), if !self.outbox.is_empty() => self.deliver(permit),
                () = tokio::time::sleep_until(wake) => self.leave_out(),
            }
        }
    }

    /// The time of the next timer.
    fn wake(&self) -> Instant {
        let limits = self.api.limits();
        let connect =
            (self.socket.is_none() && !self.is_connecting && self.is_wanted()).then_some(self.connect_at);
        let read = self.next_read();
        let patience = (!self.outbox.is_empty()).then_some(self.patience);
        let is_open = self.socket.is_some() || self.runs.is_empty();
        let unused = self.unused.filter(|_| is_open).map(|since| since + limits.linger);
        let far = Instant::now() + Duration::from_secs(3600);
        [connect, read, patience, unused].into_iter().flatten().min().unwrap_or(far)
    }

    /// Whether any run needs the socket.
    fn is_wanted(&self) -> bool {
        self.runs.iter().any(|run| run.logs)
    }

    /// Closes a socket that has been unused for a while. Returns whether the whole account is unused.
    async fn is_over(&mut self) -> bool {
        if self.is_wanted() {
            self.unused = None;
            return false;
        }
        let unused = *self.unused.get_or_insert_with(Instant::now);
        if unused.elapsed() < self.api.limits().linger {
            return false;
        }
        self.goodbye().await;
        // Nobody can register meanwhile.
        self.runs.is_empty() && self.accounts.clone().remove(&self.api, || self.commands.is_empty())
    }

    async fn goodbye(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.close().await;
            self.socket_state.send_replace(SocketState::Connecting { failed: 0, why: None });
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Register(entry) => {
                if entry.logs
                    && matches!(&*self.socket_state.borrow(), SocketState::Connecting { failed: 0, .. })
                {
                    // Nothing speaks against it (any more).
                    self.connect_at = now;
                }
                self.runs.push(entry);
            }
            Command::Sent { key, sid } => self.sent(key, sid),
            Command::Rename { key, prompt_id } => {
                if let Some(run) = self.run(key) {
                    run.prompt_id = prompt_id;
                }
            }
            Command::Urgent { key } => {
                self.run(key).into_iter().for_each(|run| run.hurry(now));
            }
            Command::UrgentFor { prompt_id } => {
                self.runs.iter_mut().filter(|run| run.prompt_id == prompt_id).for_each(|run| run.hurry(now));
            }
            Command::Leave { key } => {
                self.runs.retain(|run| run.key != key);
                self.outbox.retain(|(to, _)| *to != key);
            }
        }
    }

    fn run(&mut self, key: u64) -> Option<&mut Entry> {
        self.runs.iter_mut().find(|run| run.key == key)
    }

    fn sent(&mut self, key: u64, sid: Option<String>) {
        let current = self.sid();
        let limits = self.api.limits();
        let Some(run) = self.runs.iter_mut().find(|run| run.key == key) else { return };
        let now = Instant::now();
        (run.sent, run.sid, run.since) = (true, sid, now);
        let is_live = run.sid.is_some() && run.sid == current;
        run.due = now
            + match (is_live, run.logs) {
                (true, _) => limits.live,
                (false, true) => limits.polled.first,
                (false, false) => limits.scheduled.first,
            };
        if run.urgent.is_some() {
            run.due = now;
        }
        if is_live {
            self.turn(key, Connection::Live, None);
        } else if run.logs && current.is_some() {
            self.turn(key, Connection::Polling, None);
            self.subscribe();
        } else if run.logs && run.sid.is_some() {
            let why = "the connection to the service broke while the request was being sent";
            self.turn(key, Connection::Reconnecting, Some(why.to_owned()));
        } else {
            self.turn(key, Connection::Polling, None);
        }
    }

    /// Changes how updates reach a run, and notifies the run.
    fn turn(&mut self, key: u64, connection: Connection, why: Option<String>) {
        let Some(run) = self.run(key).filter(|run| run.connection != Some(connection)) else { return };
        if run.connection == Some(Connection::Live) {
            run.since = Instant::now();
            run.due = run.since;
        }
        run.connection = Some(connection);
        self.send_update(key, RunUpdate::Connection(connection, why));
    }

    fn turn_all(&mut self, connection: Connection, why: Option<&str>, is_meant: impl Fn(&Entry) -> bool) {
        let meant = self.runs.iter().filter(|run| run.logs && run.sent && is_meant(run));
        let keys: Vec<u64> = meant.map(|run| run.key).collect();
        for key in keys {
            self.turn(key, connection, why.map(str::to_owned));
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Connected(result) => {
                self.is_connecting = false;
                match *result {
                    Ok(socket) => self.connected(socket),
                    Err(error) => self.not_connected(&error),
                }
            }
            Done::Subscribed { sid, result } => self.subscribed(&sid, result),
            Done::Read { prompt_ids, result } => {
                self.is_reading = false;
                self.read(&prompt_ids, result);
            }
        }
    }

    /// Handles an event from the socket.
    fn hear(&mut self, Event { prompt_id, news }: Event) {
        let sid = self.sid();
        let over_socket = |run: &&Entry| run.logs && (run.sid == sid || !run.sent);
        let keys: Vec<u64> = match &prompt_id {
            Some(id) => self.runs.iter().filter(|run| run.is_called(id)).map(|run| run.key).collect(),
            None => self.runs.iter().filter(over_socket).map(|run| run.key).collect(),
        };
        if prompt_id.is_none() && keys.len() != 1 {
            tracing::info!("news without a run's id");
            return;
        }
        for key in keys {
            // A service that sends events of a run knows this socket, whether or not we subscribed.
            if let Some(run) =
                self.run(key).filter(|run| run.sent && run.logs && run.connection != Some(Connection::Live))
            {
                run.sid = sid.clone();
                self.turn(key, Connection::Live, None);
            }
            // Another folder or machine may listen to the same account: what is not said to be of this run ends it
            // only by its record.
            match news {
                News::Log { .. } | News::Other { .. } => self.send_update(key, RunUpdate::News(news.clone())),
                _ if prompt_id.is_some() => self.send_update(key, RunUpdate::News(news.clone())),
                News::Error { .. } | News::Executed | News::Result(_) | News::Cancelled { .. } => {
                    self.run(key).into_iter().for_each(|run| run.hurry(Instant::now()));
                }
            }
        }
    }
}

impl Entry {
    fn is_called(&self, prompt_id: &str) -> bool {
        self.prompt_id.eq_ignore_ascii_case(prompt_id)
    }

    /// Counts a dropped update.
    fn miss(&mut self, update: RunUpdate, limits: &CloudLimits) {
        self.missed += 1;
        match update {
            RunUpdate::News(News::Log { .. } | News::Other { .. }) | RunUpdate::Missed(_) => {}
            // It is sent again with the next change or news.
            RunUpdate::Connection(..) => self.connection = None,
            // It may be the end, or lead to it: the record has that too.
            RunUpdate::News(_) | RunUpdate::Record(_) | RunUpdate::NoRecord | RunUpdate::Unread(_) => {
                self.due = self.due.min(Instant::now() + limits.urgent.first);
            }
        }
    }

    /// Makes the run's record due soon.
    fn hurry(&mut self, now: Instant) {
        self.urgent = Some(now);
        self.due = now;
    }
}

/// The socket's next message; pending for ever without a socket.
async fn hear(socket: &mut Option<Socket>) -> Result<Message, SocketError> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for room in a channel; `None` when it is closed.
async fn reserve(to: Option<mpsc::Sender<RunUpdate>>) -> Option<mpsc::OwnedPermit<RunUpdate>> {
    to?.reserve_owned().await.ok()
}
