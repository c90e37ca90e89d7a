//! The demo endpoint as a separate process, which outlives the dashboard that started it, because runs do.
//!
//! The starting process binds the socket and **passes it on** as the child's standard input, so the address is known,
//! and accepts connections, before the child runs. The file `endpoint.lock` is locked while an endpoint exists (the
//! child gets it as its standard output); `endpoint.start` is locked while one is being started or ended.

use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use thiserror::Error;

use super::idle::Connections;
use super::{DemoOptions, serve_counted};
use crate::config::Dirs;
use crate::config::dirs::private_dir;

/// Default time without a connection after which an endpoint ends.
pub const IDLE: Duration = Duration::from_secs(600);

/// How long a client may take to connect that found the endpoint just before it began to end.
const GRACE: Duration = Duration::from_secs(1);

/// Why there is no demo endpoint.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The lock or port file cannot be used.
    #[error("the demo endpoint cannot use {path}: {why}. Make the folder writable, then try again", path = .path.display())]
    File {
        /// Lock or port file.
        path: PathBuf,
        why: io::Error,
    },
    /// The port cannot be bound.
    #[error("the demo endpoint cannot listen on 127.0.0.1:{port}: {why}. Try another port")]
    Port {
        /// The port; 0 for any.
        port: u16,
        why: io::Error,
    },
    /// This machine does not reach itself.
    #[error("the demo needs the loopback interface: bring it up, then try again ({address}: {why})")]
    Unreachable { address: SocketAddr, why: io::Error },
    /// The process cannot be started, or does not respond.
    #[error("the demo endpoint could not be started: {0}")]
    Start(io::Error),
}

/// A connection to the endpoint, which keeps it running.
#[derive(Debug)]
pub struct Endpoint {
    pub url: String,
    _stay: TcpStream,
}

/// Connects to the endpoint of these folders, or starts one: this program with `arguments`, which have
/// to lead to [`serve_handed_over`].
///
/// # Errors
/// If a file or a port cannot be used, or the process cannot be started.
pub fn ensure(dirs: &Dirs, arguments: &[String]) -> Result<Endpoint, DemoError> {
    private_dir(&dirs.state).map_err(|why| DemoError::File { path: dirs.state.clone(), why })?;
    let _start = locked(dirs)?;
    let lock = open(dirs, "endpoint.lock")?;
    let last = std::fs::read_to_string(dirs.state.join("endpoint.port")).ok();
    let last: Option<u16> = last.and_then(|text| text.trim().parse().ok());
    let port = match lock.try_lock() {
        Ok(()) => start(dirs, lock, last.unwrap_or(0), arguments)?,
        Err(std::fs::TryLockError::WouldBlock) => last.ok_or_else(|| {
            DemoError::Start(io::Error::other(
                "one is there and its port is not known. End it, then try again",
            ))
        })?,
        Err(std::fs::TryLockError::Error(why)) => {
            return Err(DemoError::File { path: dirs.state.join("endpoint.lock"), why });
        }
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stay = TcpStream::connect(address).map_err(|why| DemoError::Unreachable { address, why })?;
    Ok(Endpoint { url: format!("http://{address}"), _stay: stay })
}

/// Runs the endpoint that [`ensure`] started, on the socket it was given, until nobody has been connected for `idle`.
///
/// # Errors
/// If it was started in another way, or a system call fails.
pub fn serve_handed_over(dirs: &Dirs, options: DemoOptions, idle: Duration) -> Result<(), DemoError> {
    // Fails for the leader of a process group, which no terminal's signals reach anyway.
    let _ = rustix::process::setsid();
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(DemoError::Start)?;
    let listener = TcpListener::from(socket);
    listener.local_addr().map_err(DemoError::Start)?;
    run(listener, options, async |connections| {
        loop {
            connections.idle_for(idle).await;
            // From here on, a process that looks for an endpoint waits until this one has ended and starts another.
            let start = open(dirs, "endpoint.start")?;
            if start.try_lock().is_ok() && connections.stay_idle(GRACE).await {
                // Held until the process ends.
                std::mem::forget(start);
                return Ok(());
            }
        }
    })
}

/// Serves on a port of the loopback interface (0: any) until the process ends. `told` is called with the address.
///
/// # Errors
/// If the port cannot be bound, or `told` fails.
pub fn serve_here<E: From<DemoError>>(
    port: u16,
    options: DemoOptions,
    ready: impl FnOnce(SocketAddr) -> Result<(), E>,
) -> Result<(), E> {
    let listener = listen(port)?;
    ready(listener.local_addr().map_err(DemoError::Start)?)?;
    Ok(run(listener, options, async |_| std::future::pending().await)?)
}

fn run(
    listener: TcpListener,
    options: DemoOptions,
    until: impl AsyncFnOnce(&Connections) -> Result<(), DemoError>,
) -> Result<(), DemoError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DemoError::Start)?;
    runtime.block_on(async {
        listener.set_nonblocking(true).map_err(DemoError::Start)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(DemoError::Start)?;
        let connections = Connections::default();
        tokio::select! {
            served = serve_counted(listener, connections.clone(), options) => served.map_err(DemoError::Start),
            ended = until(&connections) => ended,
        }
    })
}

fn start(dirs: &Dirs, lock: File, last: u16, arguments: &[String]) -> Result<u16, DemoError> {
    // Reuses the last port if it is free, since stored runs name it.
    let listener = listen(last).or_else(|error| if last == 0 { Err(error) } else { listen(0) })?;
    let port = listener.local_addr().map_err(DemoError::Start)?.port();
    let path = dirs.state.join("endpoint.port");
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| writeln!(file, "{port}")).map_err(|why| DemoError::File { path, why })?;
    let program = std::env::current_exe().map_err(DemoError::Start)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::from(lock))
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
        .map_err(DemoError::Start)?;
    // Collects the exit code, so that the child does not stay a zombie.
    let reaper = std::thread::Builder::new().name("demo's end".to_owned()).spawn(move || child.wait());
    reaper.map_err(DemoError::Start)?;
    Ok(port)
}

fn listen(port: u16) -> Result<TcpListener, DemoError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|why| DemoError::Port { port, why })
}

fn locked(dirs: &Dirs) -> Result<File, DemoError> {
    let file = open(dirs, "endpoint.start")?;
    file.lock().map_err(|why| DemoError::File { path: dirs.state.join("endpoint.start"), why })?;
    Ok(file)
}

fn open(dirs: &Dirs, name: &str) -> Result<File, DemoError> {
    let path = dirs.state.join(name);
    let options = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    options.map_err(|why| DemoError::File { path, why })
}
