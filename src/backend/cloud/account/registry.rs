//! The table of accounts, and a run's registration with its account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::backend::net::backoff::Backoff;

use super::{Account, Api, BEHIND, Command, Entry, RunUpdate, SocketState};

/// All accounts in use.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Accounts(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    accounts: Vec<Handle>,
    count: u64,
}

#[derive(Debug)]
struct Handle {
    api: Api,
    commands: mpsc::UnboundedSender<Command>,
    socket_state: Arc<watch::Sender<SocketState>>,
}

/// A run's registration with its account. Dropping it removes the run.
#[derive(Debug)]
pub(in super::super) struct Registration {
    key: u64,
    commands: mpsc::UnboundedSender<Command>,
    /// Updates for the run; closed only when the account's task failed.
    pub updates: mpsc::Receiver<RunUpdate>,
    /// State of the account's socket.
    pub socket_state: watch::Receiver<SocketState>,
}

impl Accounts {
    /// Registers a run with its account, which is started for its first run. `logs`: whether it wants the live log.
    pub(in super::super) fn register(&self, api: &Api, prompt_id: &str, logs: bool) -> Registration {
        let mut table = self.lock();
        table.count += 1;
        let (sender, updates) = mpsc::channel(BEHIND);
        let now = Instant::now();
        let entry = Entry {
            key: table.count,
            prompt_id: prompt_id.to_owned(),
            logs,
            updates: sender,
            sent: false,
            sid: None,
            connection: None,
            since: now,
            urgent: None,
            due: now,
            alone: false,
            missed: 0,
        };
        let key = entry.key;
        let handle = table.at(api, self);
        if logs {
            // What was refused then may be allowed now.
            handle.socket_state.send_if_modified(|socket_state| {
                let is_refused = matches!(socket_state, SocketState::Refused(_));
                if is_refused {
                    *socket_state = SocketState::Connecting { failed: 0, why: None };
                }
                is_refused
            });
        }
        // It listens: it leaves the table only under the same lock.
        let _ = handle.commands.send(Command::Register(entry));
        Registration {
            key,
            commands: handle.commands.clone(),
            updates,
            socket_state: handle.socket_state.subscribe(),
        }
    }

    /// Reads the record of a run soon, if it is registered here.
    pub(in super::super) fn hurry(&self, api: &Api, prompt_id: &str) {
        let table = self.lock();
        if let Some(handle) = table.accounts.iter().find(|handle| handle.api.is_same_account(api)) {
            // Fails only when nobody follows the run any more.
            let _ = handle.commands.send(Command::UrgentFor { prompt_id: prompt_id.to_owned() });
        }
    }

    /// Removes an account, unless a run has registered meanwhile.
    pub(super) fn remove(&self, api: &Api, is_unused: impl FnOnce() -> bool) -> bool {
        let mut table = self.lock();
        let is_over = is_unused();
        if is_over {
            table.accounts.retain(|handle| !handle.api.is_same_account(api));
        }
        is_over
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The account's handle; starts the account when there is none.
    fn at(&mut self, api: &Api, accounts: &Accounts) -> &Handle {
        // One whose runtime has ended listens no more.
        self.accounts.retain(|handle| !handle.commands.is_closed());
        let index = self.accounts.iter().position(|handle| handle.api.is_same_account(api));
        let index = index.unwrap_or_else(|| {
            self.accounts.push(start(api, accounts));
            self.accounts.len() - 1
        });
        &self.accounts[index]
    }
}

fn start(api: &Api, accounts: &Accounts) -> Handle {
    let (commands, received) = mpsc::unbounded_channel();
    let socket_state = Arc::new(watch::channel(SocketState::Connecting { failed: 0, why: None }).0);
    let now = Instant::now();
    let account = Account {
        api: api.clone(),
        accounts: accounts.clone(),
        commands: received,
        socket_state: Arc::clone(&socket_state),
        runs: Vec::new(),
        socket: None,
        backoff: Backoff::default(),
        connected_at: now,
        connect_at: now,
        is_connecting: false,
        unused: None,
        work: Default::default(),
        is_reading: false,
        read_failures: 0,
        read_after: now,
        outbox: Default::default(),
        patience: now,
    };
    tokio::spawn(account.drive());
    Handle { api: api.clone(), commands, socket_state }
}

impl Registration {
    /// The run may have reached the service, sent with this session id.
    pub(in super::super) fn sent(&self, sid: Option<String>) {
        self.ask(Command::Sent { key: self.key, sid });
    }

    /// The service uses another prompt id for the run.
    pub(in super::super) fn rename(&self, prompt_id: &str) {
        self.ask(Command::Rename { key: self.key, prompt_id: prompt_id.to_owned() });
    }

    /// Reads the run's record at once and often, because its end is near.
    pub(in super::super) fn hurry(&self) {
        self.ask(Command::Urgent { key: self.key });
    }

    /// Removes the run from its account.
    pub(in super::super) fn leave(&self) {
        self.ask(Command::Leave { key: self.key });
    }

    fn ask(&self, command: Command) {
        // An account that failed has closed `updates` too.
        let _ = self.commands.send(command);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.leave();
    }
}
