//! The terminal's device: opening, reading, writing, line settings, size.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, Termios};

/// The terminal, opened a second time: reads and writes never block, and that setting isn't shared with the shell's own
/// standard input and output, where it would stay behind.
#[derive(Debug)]
pub(super) struct Tty {
    fd: OwnedFd,
    /// It could not be opened anew and is a standard stream, whose setting is shared.
    shared: bool,
}

/// Result of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Bytes(usize),
    Nothing,
    /// The terminal has hung up.
    Gone,
}

impl Tty {
    /// Opens the terminal that standard input or output is, or else the one that controls this process.
    pub(super) fn open() -> io::Result<Tty> {
        let name_of = |fd: BorrowedFd<'_>| {
            let name = rustix::termios::ttyname(fd, Vec::new()).ok()?;
            Some(PathBuf::from(name.into_string().ok()?))
        };
        let named = [name_of(rustix::stdio::stdin()), name_of(rustix::stdio::stdout())];
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for path in named.into_iter().flatten().chain([PathBuf::from("/dev/tty")]) {
            match Tty::open_path(&path) {
                Ok(tty) => return Ok(tty),
                Err(error) => last = error,
            }
        }
        let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
        // After `su`, the terminal belongs to another user, who alone can open it.
        streams.into_iter().find_map(|stream| Tty::of_stream(stream).ok()).ok_or(last)
    }

    /// A standard stream, when it is a terminal for reading and writing.
    fn of_stream(stream: BorrowedFd<'_>) -> io::Result<Tty> {
        let tty = Tty { fd: rustix::io::fcntl_dupfd_cloexec(stream, 3)?, shared: true };
        tty.attributes()?;
        match rustix::fs::fcntl_getfl(&tty.fd)?.contains(OFlags::RDWR) {
            true => Ok(tty),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Sets whether reads and writes block, where that was not settled by opening.
    pub(super) fn set_blocking(&self, blocking: bool) -> io::Result<()> {
        if !self.shared {
            return Ok(());
        }
        let mut flags = rustix::fs::fcntl_getfl(&self.fd)?;
        flags.set(OFlags::NONBLOCK, !blocking);
        Ok(rustix::fs::fcntl_setfl(&self.fd, flags)?)
    }

    fn open_path(path: &Path) -> io::Result<Tty> {
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits();
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags.cast_signed()).open(path)?;
        let tty = Tty { fd: file.into(), shared: false };
        tty.attributes()?;
        Ok(tty)
    }

    /// Columns and rows; 80×24 if the terminal doesn't know, as on a serial line.
    pub(super) fn size(&self) -> Size {
        match rustix::termios::tcgetwinsize(&self.fd) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
            _ => Size::new(80, 24),
        }
    }

    /// Width and height of a cell in pixels, if the device knows its size in pixels.
    pub(super) fn cell_pixels(&self) -> Option<(u16, u16)> {
        let size = rustix::termios::tcgetwinsize(&self.fd).ok()?;
        let part = |pixels: u16, cells: u16| pixels.checked_div(cells).filter(|size| *size > 0);
        Some((part(size.ws_xpixel, size.ws_col)?, part(size.ws_ypixel, size.ws_row)?))
    }

    pub(super) fn attributes(&self) -> io::Result<Termios> {
        Ok(rustix::termios::tcgetattr(&self.fd)?)
    }

    /// Sets them at once: waiting until all output is drawn could take for ever on a link that is held.
    pub(super) fn set_attributes(&self, attributes: &Termios) -> io::Result<()> {
        Ok(rustix::io::retry_on_intr(|| {
            rustix::termios::tcsetattr(&self.fd, OptionalActions::Now, attributes)
        })?)
    }

    /// Drops input that has arrived and wasn't read.
    pub(super) fn drop_input(&self) {
        // It fails only if the terminal is gone, and the input with it.
        let _ = rustix::termios::tcflush(&self.fd, QueueSelector::IFlush);
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> Read {
        match rustix::io::retry_on_intr(|| rustix::io::read(&self.fd, &mut *buffer)) {
            Ok(0) => Read::Gone,
            Ok(n) => Read::Bytes(n),
            Err(Errno::AGAIN) => Read::Nothing,
            Err(_) => Read::Gone,
        }
    }

    /// Writes what the link takes now; 0 if nothing.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::retry_on_intr(|| rustix::io::write(&self.fd, bytes)) {
            Err(Errno::AGAIN) => Ok(0),
            other => Ok(other?),
        }
    }

    /// Writes all of it, if the link takes it within `limit`.
    pub(super) fn write_within(&self, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        loop {
            bytes = &bytes[self.write(bytes)?..];
            let left = end.saturating_duration_since(Instant::now());
            if bytes.is_empty() {
                return Ok(());
            }
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            poll(&mut [PollFd::new(&self.fd, PollFlags::OUT)], Some(left))?;
        }
    }
}

impl AsFd for Tty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Is this process a job of a shell, which could continue it? It isn't if its process group is the session's first:
/// then it was started by a terminal or by SSH, and if it stopped, nobody could make it go on.
pub(super) fn is_a_shells_job() -> bool {
    group_and_session().is_some_and(|(group, session)| group != 0 && group != session)
}

/// The numbers of our process group and session; 0 for one outside of our container. rustix, which takes a process
/// number for positive, can't be asked for these.
#[cfg(target_os = "linux")]
fn group_and_session() -> Option<(u32, u32)> {
    // proc(5): number, name in parentheses, state, parent, group, session …
    let status = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = status.rsplit_once(')')?;
    let mut numbers = after_name.split_whitespace().skip(2);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(not(target_os = "linux"))]
fn group_and_session() -> Option<(u32, u32)> {
    let number = |id: rustix::process::Pid| id.as_raw_nonzero().get().cast_unsigned();
    Some((number(rustix::process::getpgrp()), number(rustix::process::getsid(None).ok()?)))
}

/// Waits until one of them is ready or the time is over. A signal may end it early.
pub(super) fn poll(fds: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<()> {
    // Rounded up, so that a wait isn't over a little too early again and again.
    let limit = limit.map(|limit| Timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    match rustix::event::poll(fds, limit.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_shared_blocks_again_once_it_is_given_back() {
        let file = OpenOptions::new().read(true).write(true).open("/dev/ptmx").expect("a terminal");
        let tty = Tty::of_stream(file.as_fd()).expect("a terminal for reading and writing");
        let blocks = || !rustix::fs::fcntl_getfl(&file).expect("flags").contains(OFlags::NONBLOCK);
        tty.set_blocking(false).expect("set");
        assert!(!blocks());
        assert_eq!(tty.read(&mut [0; 8]), Read::Nothing);
        tty.set_blocking(true).expect("set");
        assert!(blocks());
    }

    #[test]
    fn a_stream_that_is_no_terminal_or_only_read_is_not_taken() {
        let null = OpenOptions::new().read(true).write(true).open("/dev/null").expect("there is one");
        assert!(Tty::of_stream(null.as_fd()).is_err());
        let read = OpenOptions::new().read(true).open("/dev/ptmx").expect("a terminal");
        assert!(Tty::of_stream(read.as_fd()).is_err());
    }
}
