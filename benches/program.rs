//! The program as a whole process: how soon the screen stands, what a key costs, how long a tiny run takes.
//!
//! `cargo bench --bench program`. Beside each figure stands what it is compared with, measured in the same run: a
//! program that draws one empty frame with ratatui's own terminal, and `true`. The median of several runs is printed,
//! with the fastest and the slowest.

#[path = "common/history.rs"]
mod history;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use comfydeck::config::Dirs;
use comfydeck::demo::{self, DemoOptions};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Set in the process that is the empty ratatui program.
const ROLE: &str = "COMFYDECK_BENCH_EMPTY";
/// Runs of each measurement.
const RUNS: usize = 21;
/// A terminal that is quiet for so long has settled.
const QUIET: Duration = Duration::from_millis(50);
const PROGRAM: &str = env!("CARGO_BIN_EXE_comfydeck");

fn main() {
    if std::env::var_os(ROLE).is_some() {
        return empty_program();
    }
    // `cargo test --benches` asks only whether it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    let dirs = Dirs::under(home.path());
    history::fill(&dirs, 100_000);
    println!("screen of 120×40, from exec until its first frame stands");
    let with_history = || Screen::start(&screen_command(home.path())).stands_after;
    print_times("  comfydeck, history of 100,000 runs", measure(with_history));
    let empty = std::env::current_exe().expect("this program");
    let mut command = CommandBuilder::new(empty);
    command.env(ROLE, "1");
    print_times("  an empty ratatui program", measure(|| Screen::start(&command).stands_after));
    keys(home.path());
    println!("a headless run of a tiny job, from exec to exit, the picture on disk");
    let (url, runs_home) = (serve(), tempfile::tempdir().expect("a folder"));
    print_times("  comfydeck run", measure(|| headless(&url, runs_home.path())));
    print_times("  true", measure(|| timed(&mut Command::new("true"))));
}

/// What people compare with: ratatui's own terminal, one frame, then it waits for a key.
fn empty_program() {
    use std::io::stdout;
    crossterm::terminal::enable_raw_mode().expect("raw mode");
    let backend = whole_ratatui::backend::CrosstermBackend::new(stdout());
    let mut terminal = whole_ratatui::Terminal::new(backend).expect("a terminal");
    terminal.clear().expect("cleared");
    terminal.draw(|frame| frame.render_widget("empty", frame.area())).expect("drawn");
    drop(std::io::stdin().read(&mut [0]));
    crossterm::terminal::disable_raw_mode().expect("as before");
}

fn screen_command(home: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(PROGRAM);
    command.args(["--preset", "flamingo", "--url", "http://127.0.0.1:9/"]);
    command.env("COMFYDECK_HOME", home);
    command.env("TERM", "xterm-256color");
    command.cwd(home);
    command
}

/// A program in a terminal that answers status queries and nothing else.
struct Screen {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    stands_after: Duration,
}

impl Screen {
    fn start(command: &CommandBuilder) -> Self {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut reader = pty.master.try_clone_reader().expect("a reader");
        let keyboard = pty.master.take_writer().expect("a writer");
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let begun = Instant::now();
        let child = pty.slave.spawn_command(command.clone()).expect("started");
        let mut screen = Self { master: pty.master, keyboard, output, child, stands_after: Duration::ZERO };
        screen.stands_after = screen.settle(begun).1;
        screen
    }

    /// Reads until the terminal is quiet: bytes, and the time from `begun` to the last of them.
    fn settle(&mut self, begun: Instant) -> (usize, Duration) {
        let (mut bytes, mut last) = (0, Duration::ZERO);
        let mut wait = Duration::from_secs(10);
        loop {
            match self.output.recv_timeout(wait) {
                Ok(chunk) => {
                    (bytes, last) = (bytes + chunk.len(), begun.elapsed());
                    for _ in memchr::memmem::find_iter(&chunk, b"\x1b[5n") {
                        self.keyboard.write_all(b"\x1b[0n").expect("answered");
                    }
                    wait = QUIET;
                }
                Err(RecvTimeoutError::Timeout) => return (bytes, last),
                Err(RecvTimeoutError::Disconnected) => return (bytes, last),
            }
        }
    }

    /// Types a key; the bytes that it draws.
    fn key(&mut self, key: &[u8]) -> usize {
        self.keyboard.write_all(key).expect("typed");
        self.settle(Instant::now()).0
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.master.get_size();
    }
}

fn keys(home: &Path) {
    println!("bytes that a key draws at 120×40, the status query of flow control among them");
    let mut screen = Screen::start(&screen_command(home));
    let mut down: Vec<usize> = (0..10).map(|_| screen.key(b"j")).collect();
    print_bytes("  moving the selection", &mut down);
    for _ in 0..10 {
        screen.key(b"k");
    }
    screen.key(b"\r");
    let mut typed: Vec<usize> = b"hello world".iter().map(|letter| screen.key(&[*letter])).collect();
    print_bytes("  typing a letter", &mut typed);
    let idle = screen.output.recv_timeout(Duration::from_secs(3));
    println!("  {:<42} {:>7}", "idle for three seconds", idle.map_or(0, |chunk| chunk.len()));
    let status = std::fs::read_to_string(format!("/proc/{}/status", screen.child.process_id().unwrap_or(0)));
    let resident =
        status.unwrap_or_default().lines().find(|line| line.starts_with("VmRSS")).map(str::to_owned);
    println!("  {:<42} {}", "memory", resident.unwrap_or_default());
}

fn serve() -> String {
    let (sender, address) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            sender.send(listener.local_addr().expect("an address")).expect("somebody waits");
            demo::serve(listener, DemoOptions::quick()).await.expect("served");
        });
    });
    format!("http://{}/", address.recv().expect("an address"))
}

/// A run with a picture of 64×64 in one step.
fn headless(url: &str, home: &Path) -> Duration {
    let mut command = Command::new(PROGRAM);
    command
        .args(["run", "flamingo", "--url", url, "-o"])
        .arg(home.join("outputs"))
        .args(["--set", "steps=1", "--set", "width=64", "--set", "height=64"])
        .env("COMFYDECK_HOME", home)
        .env("VIEWCOMFY_CLIENT_ID", "bench")
        .env("VIEWCOMFY_CLIENT_SECRET", "bench")
        .current_dir(home);
    timed(&mut command)
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("started");
    assert!(status.success(), "{status}");
    begun.elapsed()
}

fn measure(mut once: impl FnMut() -> Duration) -> Vec<Duration> {
    once();
    let mut times: Vec<Duration> = (0..RUNS).map(|_| once()).collect();
    times.sort();
    times
}

fn print_times(name: &str, times: Vec<Duration>) {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("{name:<44} {:>7.1} ms   ({:.1} to {:.1})", ms(median), ms(least), ms(most));
}

fn print_bytes(name: &str, bytes: &mut [usize]) {
    bytes.sort_unstable();
    println!("{name:<44} {:>5}      ({} to {})", bytes[bytes.len() / 2], bytes[0], bytes[bytes.len() - 1]);
}
