//! Passes an output's bytes from the network to its file, on a thread of its own: disks block.

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
    /// The writing thread; `None` once its result was taken.
    thread: Option<JoinHandle<Written>>,
    /// The bytes written before the disk failed.
    left: Option<OutputFile>,
}

/// The file as the thread leaves it.
#[derive(Debug)]
struct Written {
    file: Option<OutputFile>,
    error: Option<OutputError>,
}

#[derive(Debug)]
enum DiskCommand {
    Write(Bytes),
    /// Discards the file: the next bytes are its first.
    Again,
    /// Completes the file. A channel that closes without it means that the run was dropped, and the file is removed.
    End,
}

impl Disk {
    /// Creates no file before the first bytes arrive. The event channel closes only after
    /// a half-written file is removed.
    pub(super) fn start(folder: OutputFolder, events: EventSink) -> Self {
        let (commands, waiting) = mpsc::channel(WAITING_CHUNKS);
        let thread = tokio::task::spawn_blocking(move || {
            let written = write(&folder, waiting);
            drop(events);
            written
        });
        Self { commands, thread: Some(thread), left: None }
    }

    /// Queues bytes for the disk; waits while the queue is full.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), String> {
        self.command(DiskCommand::Write(bytes)).await
    }

    /// Discards what was written and starts over.
    pub(super) async fn again(&mut self) -> Result<(), String> {
        self.command(DiskCommand::Again).await
    }

    /// Completes the file, or the part that was written. It has no name yet.
    pub(super) async fn finish(mut self) -> Result<OutputFile, String> {
        if let Some(left) = self.left.take() {
            return Ok(left);
        }
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
        let stopped = || "comfydeck stopped writing it".to_owned();
        let thread = self.thread.take().ok_or_else(stopped)?;
        match thread.await {
            Ok(Written { file, error: None }) => file.ok_or_else(stopped),
            Ok(Written { file, error: Some(error) }) => {
                self.left = file;
                Err(error.to_string())
            }
            Err(error) => Err(format!("comfydeck failed to write it ({error})")),
        }
    }
}

fn write(folder: &OutputFolder, mut commands: mpsc::Receiver<DiskCommand>) -> Written {
    let mut file: Option<OutputFile> = None;
    while let Some(command) = commands.blocking_recv() {
        let done = match command {
            DiskCommand::Write(bytes) => match &mut file {
                Some(file) => file.write(&bytes),
                none => folder.begin().and_then(|begun| none.insert(begun).write(&bytes)),
            },
            DiskCommand::Again => {
                file = None;
                Ok(())
            }
            DiskCommand::End => {
                return match file.map_or_else(|| folder.begin(), Ok) {
                    Ok(file) => Written { file: Some(file), error: None },
                    Err(error) => Written { file: None, error: Some(error) },
                };
            }
        };
        if let Err(error) = done {
            return Written { file, error: Some(error) };
        }
    }
    Written { file: None, error: None }
}
