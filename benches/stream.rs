//! A large result and a long log over loopback, from the demo endpoint to the disk.
//!
//! `cargo bench --bench stream`. The first is compared with `base64 -d` into a file on the same disk, in the same
//! run; a summary with the ratio and the peak of memory is printed before the table.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use comfydeck::backend::results::outputs::OutputFolder;
use comfydeck::backend::{Job, Server, for_protocol};
use comfydeck::config::{Credential, Dirs, Secret};
use comfydeck::demo::{self, DemoOptions, Fault};
use comfydeck::domain::run::{Form, Protocol, RunRequest};
use comfydeck::domain::{ParamKey, RunEvent, Status, Workflow};
use comfydeck::store::Store;
use tempfile::TempDir;
use tokio::sync::mpsc;

const SIZE: u64 = 500 * 1024 * 1024;
const LINES: u32 = 100_000;

fn main() {
    // Only when measuring: `cargo test --benches` asks whether it runs at all.
    if std::env::args().any(|arg| arg == "--bench") {
        summary();
    }
    divan::main();
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn result_of_500_mib_to_disk(bencher: divan::Bencher<'_, '_>) {
    let address = serve(Fault::OutputBytes(SIZE));
    bencher.bench_local(|| result_to_disk(address));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn base64_tool_500_mib_to_disk(bencher: divan::Bencher<'_, '_>) {
    let dir = folder();
    let text = encoded(dir.path());
    bencher.bench_local(|| base64_tool(&text, &dir.path().join("out")));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn log_of_100_000_lines_read_and_stored(bencher: divan::Bencher<'_, '_>) {
    let address = serve(Fault::LogLines(LINES));
    bencher.bench_local(|| log_to_disk(address));
}

fn summary() {
    let dir = folder();
    let text = encoded(dir.path());
    let large = serve(Fault::OutputBytes(SIZE));
    let log = serve(Fault::LogLines(LINES));
    log_to_disk(serve(Fault::LogLines(1)));
    let idle = memory("VmRSS");
    reset_peak();
    let (mut ours, mut tool, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        ours.push(timed(|| result_to_disk(large)));
        tool.push(timed(|| base64_tool(&text, &dir.path().join("out"))));
    }
    let peak = memory("VmHWM");
    for _ in 0..10 {
        lines.push(timed(|| log_to_disk(log)));
    }
    let (ours, tool, lines) = (median(ours), median(tool), median(lines));
    println!("500 MiB result to disk, synced:   {ours:?}");
    println!("base64 -d into a file:            {tool:?}");
    println!("ratio:                            {:.2}", ours.as_secs_f64() / tool.as_secs_f64());
    println!("memory: idle {idle} KiB, peak {peak} KiB (with the endpoint in the same process)");
    println!("{LINES} log lines read and stored: {lines:?}\n");
}

/// A run whose only output is large; the file is on disk, synced, when it is over.
fn result_to_disk(address: SocketAddr) {
    let dir = folder();
    let mut saved = None;
    submit(address, dir.path(), |event| {
        if let RunEvent::OutputSaved(output) = event {
            saved = Some(output.size);
        }
    });
    assert_eq!(saved, Some(SIZE));
}

/// A run with a long log, which goes into the store.
fn log_to_disk(address: SocketAddr) {
    let dir = folder();
    let store = Store::open(&Dirs::under(dir.path())).expect("a store");
    let workflow = Workflow::parse(demo::WORKFLOW).expect("a workflow");
    store.add_workflow(&workflow).expect("kept");
    let request = RunRequest { workflow_hash: workflow.hash().to_owned(), ..RunRequest::default() };
    let run = store.queue(&request, 0).expect("queued");
    let mut log = store.log_writer(run).expect("a log");
    let mut ended = false;
    submit(address, dir.path(), |event| match &event {
        RunEvent::Log { text } => log.append(text).expect("written"),
        RunEvent::Ended(end) => ended = end.status == Status::Done,
        other => {
            store.append(run, 0, std::slice::from_ref(other)).expect("stored");
        }
    });
    log.flush().expect("written");
    assert!(ended);
}

/// Submits a small run and hears its events, on one thread as the runner does.
fn submit(address: SocketAddr, dir: &Path, mut hear: impl FnMut(RunEvent)) {
    let value = |text: &str| serde_json::from_str(text).expect("JSON");
    let credential = |(name, secret): (&str, &str)| Credential {
        name: name.to_owned(),
        header: name.to_owned(),
        form: Form::Plain,
        secret: Secret::new(secret),
    };
    let job = Job {
        run: 1,
        server: Server {
            url: format!("http://{address}/"),
            credentials: [("client_id", "a"), ("client_secret", "b")].map(credential).into_iter().collect(),
            ..Server::default()
        },
        params: [("5", "width", "32"), ("5", "height", "32"), ("3", "steps", "1")]
            .map(|(node, input, text)| (ParamKey::new(node, input), value(text)))
            .into(),
        logs: true,
        outputs: OutputFolder::new(dir.join("out"), 1),
        ..Job::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let backend = for_protocol(Protocol::Stream);
        let (sink, mut events) = mpsc::channel(64);
        let listen = async {
            while let Some(event) = events.recv().await {
                hear(event);
            }
        };
        let (end, ()) = tokio::join!(backend.submit(job, sink), listen);
        end.expect("a good end");
    });
}

/// A demo endpoint on a thread of its own.
fn serve(fault: Fault) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            demo::serve(listener, DemoOptions::quick().with(fault)).await.expect("served");
        });
    });
    address
}

/// What `base64 -d` reads: the same bytes as the endpoint's.
fn encoded(dir: &Path) -> PathBuf {
    let path = dir.join("in.base64");
    let mut file = File::create(&path).expect("a file");
    let block = base64::prelude::BASE64_STANDARD.encode(demo::pattern());
    let mut left = SIZE;
    while left >= demo::PATTERN as u64 {
        file.write_all(block.as_bytes()).expect("written");
        left -= demo::PATTERN as u64;
    }
    let rest = usize::try_from(left).expect("small");
    let rest = base64::prelude::BASE64_STANDARD.encode(&demo::pattern()[..rest]);
    file.write_all(rest.as_bytes()).expect("written");
    file.sync_all().expect("synced");
    path
}

fn base64_tool(from: &Path, to: &Path) {
    let output = Stdio::from(File::create(to).expect("a file"));
    let status = Command::new("base64").arg("-d").arg(from).stdout(output).status().expect("base64");
    assert!(status.success());
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A figure of this process in KiB; 0 where the system does not tell it.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

/// Lets the peak begin anew; where it cannot, the peak is that of the whole process.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
