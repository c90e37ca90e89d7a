//! The way of an output's bytes from the network to its file. Runs on a thread of its own: disks block.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::backend::EventSink;
use crate::backend::results::outputs::{OutputError, OutputFile, OutputFolder};

/// Chunks that wait for the disk; each is at most some hundred kilobytes.
const WAITING_CHUNKS: usize = 8;

#[derive(Debug)]
pub(super) struct Disk {
    commands: mpsc::Sender<DiskCommand>,
    /// Until what came of it was told.
    thread: Option<JoinHandle<Result<Option<OutputFile>, OutputError>>>,
}

#[derive(Debug)]
enum DiskCommand {
    Write(Bytes),
    /// What came is no good: the next bytes are the file's first.
    Again,
    /// Without it the run was dropped, and nothing half-written is kept.
    End,
}

impl Disk {
    /// Nothing is made before the first bytes come. Whoever hears the run's events hears their end only when a
    /// half-written file is gone.
    pub(super) fn start(folder: OutputFolder, events: EventSink) -> Self {
        let (commands, waiting) = mpsc::channel(WAITING_CHUNKS);
        let thread = tokio::task::spawn_blocking(move || {
            let written = write(&folder, waiting);
            drop(events);
            written
        });
        Self { commands, thread: Some(thread) }
    }

    /// Hands bytes over; waits while the disk is behind.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), String> {
        self.command(DiskCommand::Write(bytes)).await
    }

    /// Begins from the start.
    pub(super) async fn again(&mut self) -> Result<(), String> {
        self.command(DiskCommand::Again).await
    }

    /// Nothing more comes: the file, still without a name.
    pub(super) async fn finish(mut self) -> Result<OutputFile, String> {
        self.command(DiskCommand::End).await?;
        self.outcome().await
    }

    async fn command(&mut self, command: DiskCommand) -> Result<(), String> {
        match self.commands.send(command).await {
            Ok(()) => Ok(()),
            Err(_) => self.outcome().await.map(drop),
        }
    }

    async fn outcome(&mut self) -> Result<OutputFile, String> {
        let stopped = || "this program stopped writing it".to_owned();
        let thread = self.thread.take().ok_or_else(stopped)?;
        match thread.await {
            Ok(Ok(file)) => file.ok_or_else(stopped),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(format!("this program failed to write it ({error})")),
        }
    }
}

fn write(
    folder: &OutputFolder,
    mut commands: mpsc::Receiver<DiskCommand>,
) -> Result<Option<OutputFile>, OutputError> {
    let mut file: Option<OutputFile> = None;
    while let Some(command) = commands.blocking_recv() {
        match command {
            DiskCommand::Write(bytes) => match &mut file {
                Some(file) => file.write(&bytes)?,
                none => none.insert(folder.begin()?).write(&bytes)?,
            },
            DiskCommand::Again => file = None,
            DiskCommand::End => return file.map_or_else(|| folder.begin(), Ok).map(Some),
        }
    }
    Ok(None)
}
