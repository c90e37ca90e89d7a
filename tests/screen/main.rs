//! The real screen in a pseudo-terminal, against the demo endpoint: the main job, and everything that may end a screen.

mod batches;
#[path = "../terminal/emulator.rs"]
#[allow(dead_code)] // shared with the tests of the session, which use all of it
mod emulator;
mod pictures;
mod said;

use std::path::{Path, PathBuf};
use std::time::Duration;

use comfydeck::config::Dirs;
use comfydeck::demo::{self, DemoOptions, Seen};
use comfydeck::domain::{Run, Status};
use comfydeck::store::Store;
use emulator::Terminal;
use portable_pty::CommandBuilder;
use rustix::process::{Signal, kill_process};
use tokio::sync::mpsc::UnboundedReceiver;

/// A home of its own, and an endpoint that counts its requests.
struct World {
    home: tempfile::TempDir,
    url: String,
    seen: UnboundedReceiver<Seen>,
}

impl World {
    fn new(options: DemoOptions) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let (send, seen) = tokio::sync::mpsc::unbounded_channel();
        let (sender, address) = std::sync::mpsc::channel();
        let options = DemoOptions { seen: Some(send), ..options };
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                sender.send(listener.local_addr().expect("an address")).expect("somebody waits");
                demo::serve(listener, options).await.expect("served");
            });
        });
        let url = format!("http://{}/", address.recv().expect("the endpoint's address"));
        let dirs = Dirs::under(home.path());
        std::fs::create_dir_all(&dirs.config).expect("a folder");
        let config = format!(
            "[profiles.test]\nurl = \"{url}\"\nclient_id = {{ env = \"ID\" }}\nclient_secret = {{ env = \"SECRET\" }}\n"
        );
        std::fs::write(dirs.config_file(), config).expect("written");
        Self { home, url, seen }
    }

    fn quick() -> Self {
        Self::new(DemoOptions::quick())
    }

    /// Every step takes long enough to be seen at work.
    fn slow() -> Self {
        Self::new(DemoOptions { step: Duration::from_millis(40), ..DemoOptions::quick() })
    }

    fn dirs(&self) -> Dirs {
        Dirs::under(self.home.path())
    }

    /// The screen at 120×40, once it shows the parameters.
    fn screen(&self, arguments: &[&str]) -> Terminal {
        let mut terminal = Terminal::start(self.command(arguments));
        terminal.resize(40, 120);
        self.wait_for_screen(terminal)
    }

    /// The terminal, once it shows the parameters.
    fn wait_for_screen(&self, mut terminal: Terminal) -> Terminal {
        terminal.wait_for("Parameters");
        terminal.wait_for("^R run");
        terminal
    }

    /// The screen at 120×40, as soon as it is started.
    fn starting(&self, arguments: &[&str]) -> Terminal {
        let mut terminal = Terminal::start(self.command(arguments));
        terminal.resize(40, 120);
        terminal
    }

    fn command(&self, arguments: &[&str]) -> CommandBuilder {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_comfydeck"));
        command.args(arguments);
        command.cwd(self.home.path());
        command.env("COMFYDECK_HOME", self.home.path());
        command.env("TERM", "xterm-256color");
        command.env("ID", "test");
        command.env("SECRET", "s3cret-in-the-test");
        command.env("EDITOR", self.home.path().join("editor"));
        let terminal = ["LC_TERMINAL", "TERM_PROGRAM", "COLORTERM", "SSH_CONNECTION", "SSH_TTY"];
        for name in ["NO_COLOR", "VISUAL", "RUST_BACKTRACE", "TMUX"].into_iter().chain(terminal) {
            command.env_remove(name);
        }
        command
    }

    fn flamingo(&self) -> Terminal {
        self.screen(&["--preset", "flamingo"])
    }

    fn run(&self, id: i64) -> Option<Run> {
        Store::open(&self.dirs()).and_then(|store| store.run(id)).expect("the history")
    }

    /// The seeds of the runs that reached the server, in that order.
    fn submitted(&mut self) -> Vec<String> {
        let seen = std::iter::from_fn(|| self.seen.try_recv().ok());
        seen.filter_map(|seen| seen.run?.params.get("3-inputs-seed").map(ToString::to_string)).collect()
    }

    fn requests(&mut self) -> usize {
        std::iter::from_fn(|| self.seen.try_recv().ok()).count()
    }

    /// Waits without a screen until a run has ended: on the runner's lock, not on the clock.
    fn wait_for_end(&self, id: i64) -> Run {
        loop {
            comfydeck::runner::gone(&self.dirs()).expect("waited");
            if let Some(run) = self.run(id).filter(|run| run.status.is_end()) {
                return run;
            }
            std::thread::yield_now();
        }
    }
}

/// Waits until a file holds a text.
fn wait_for_file(path: &Path, text: &str) {
    let folder = path.parent().expect("a folder");
    wait_in(folder, || std::fs::read_to_string(path).is_ok_and(|content| content.contains(text)));
}

/// Waits for what changes with the files of a folder.
fn wait_in(folder: &Path, is_so: impl Fn() -> bool) {
    use notify::Watcher as _;
    let (send, changed) = std::sync::mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |_| {
        // Nobody listens once it is so.
        let _ = send.send(());
    })
    .expect("a watcher");
    comfydeck::config::dirs::private_dir(folder).expect("a folder");
    watcher.watch(folder, notify::RecursiveMode::NonRecursive).expect("watched");
    while !is_so() {
        changed.recv_timeout(Duration::from_secs(20)).expect("a file changes");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    found
}

#[test]
fn a_demo_that_cannot_start_is_said_and_the_screen_stays() {
    let world = World::quick();
    // Where its folder should be.
    let dirs = world.dirs();
    std::fs::create_dir_all(&dirs.state).expect("a folder");
    std::fs::write(dirs.state.join("demo"), "a file").expect("written");
    let mut screen = world.flamingo();
    screen.send(b"D");
    screen.wait_for("the demo endpoint cannot use");
    screen.send(b"\r");
    screen.wait_for("line 3 of 3");
}

#[test]
fn a_first_start_says_what_to_do_and_reports_no_error() {
    let world = World::quick();
    std::fs::remove_file(world.dirs().config_file()).expect("removed");
    let mut screen = world.starting(&[]);
    screen.wait_for("Nothing is set up yet");
    screen.wait_for("opens the demo");
    screen.send(b"!");
    screen.wait_for("None so far.");
    screen.send(b"!");
    screen.send(b"V");
    screen.wait_for("outputs of all runs are seen here");
}

#[test]
fn the_main_job() {
    let mut world = World::quick();
    let mut screen = world.flamingo();
    // Edit the prompt, run from within the field, see it done with its output and its log.
    screen.send(b"\r");
    screen.wait_for("Esc done");
    screen.send(b", at dawn");
    screen.wait_for(", at dawn");
    screen.send(b"\x12");
    screen.wait_for("1 done");
    screen.wait_for("comfydeck_00001_.png");
    // The picture follows: this terminal has neither Kitty's graphics nor Sixel.
    screen.wait_for("▀▀▀▀▀▀▀▀");
    screen.wait_for("Prompt executed");
    let run = world.run(1).expect("it is in the history");
    assert_eq!(run.status, Status::Done);
    assert!(run.request.prompt.ends_with("best quality, at dawn"), "{}", run.request.prompt);
    assert_eq!(files(&world.home.path().join("outputs")).len(), 1);
    // Tweak, run again, find the first one, replay it exactly.
    screen.send(b"r\x12");
    screen.wait_for("2 done");
    screen.send(b"2/dawn\r");
    screen.wait_for("/ dawn");
    screen.send(b"GR");
    screen.wait_for("again exactly as it was, on test?");
    screen.send(b"y");
    screen.wait_for("3 done");
    let (first, third) = (world.run(1).expect("run 1"), world.run(3).expect("run 3"));
    assert_eq!(first.request.params, third.request.params);
    assert_eq!(first.outputs[0].sha256, third.outputs[0].sha256, "the same values make the same picture");
    assert_eq!(world.requests(), 3);
    // Keep it as a preset, leave.
    screen.send(b"\x1b1S");
    screen.wait_for("Save as preset");
    screen.send(b"flamingo-dawn\r");
    screen.wait_for("Saved flamingo-dawn");
    screen.send(b"q");
    assert!(screen.wait_exit().success());
    screen.assert_nothing_left_behind();
    let preset = world.dirs().config.join("presets/flamingo-dawn.toml");
    let saved = std::fs::read_to_string(preset).expect("the preset");
    assert!(saved.contains("# A flamingo") && saved.contains(", at dawn"), "{saved}");
}

#[test]
fn a_run_outlives_quit_hang_up_and_kill() {
    for end in ["quit", "hang up", "kill"] {
        let mut world = World::slow();
        let mut screen = world.flamingo();
        screen.send(b"\x12");
        screen.wait_for("1 running");
        match end {
            "quit" => {
                screen.send(b"q");
                assert!(screen.wait_exit().success());
            }
            "hang up" => drop(screen.hang_up()),
            _ => {
                kill_process(screen.process(), Signal::KILL).expect("killed");
                screen.wait_exit();
            }
        }
        let run = world.wait_for_end(1);
        assert_eq!((run.status, run.outputs.len()), (Status::Done, 1), "after {end}");
        assert_eq!(world.requests(), 1, "after {end}");
        let mut again = world.flamingo();
        again.wait_for("1 done");
        again.wait_for("Prompt executed");
    }
}

#[test]
fn the_open_screen_shows_a_run_lost_with_its_runner() {
    let mut world = World::new(DemoOptions { step: Duration::from_secs(3_600), ..DemoOptions::quick() });
    let mut screen = world.flamingo();
    screen.send(b"\x12");
    screen.wait_for("1 running");
    let pid = runner_pid(screen.process());
    kill_process(pid, Signal::KILL).expect("killed");
    screen.wait_for("1 lost");
    assert_eq!(world.run(1).map(|run| run.status), Some(Status::Lost));
    assert_eq!(world.requests(), 1);
}

/// The screen's child that is the runner.
fn runner_pid(screen: rustix::process::Pid) -> rustix::process::Pid {
    let processes = std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    for pid in processes.filter_map(|name| name.parse::<i32>().ok()) {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse::<i32>().ok());
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if parent == Some(screen.as_raw_nonzero().get()) && line.contains("runner") {
            return rustix::process::Pid::from_raw(pid).expect("a process id");
        }
    }
    panic!("no runner");
}

#[test]
fn edits_come_back_after_a_kill() {
    let world = World::quick();
    let mut screen = world.flamingo();
    // One that was kept, and one that is still being typed.
    screen.send(b"\rneon \x1b");
    screen.wait_for("1 changed");
    screen.send(b"j\r, half a thou");
    screen.wait_for("half a thou");
    let remembered = world.dirs().state.join("screen.json");
    wait_for_file(&remembered, "half a thou");
    kill_process(screen.process(), Signal::KILL).expect("killed");
    screen.wait_exit();
    let mut again = world.starting(&[]);
    again.wait_for("neon");
    again.wait_for("half a thou");
    again.wait_for("Esc done");
}

#[test]
fn the_editor_gets_the_text_and_gives_it_back() {
    let world = World::quick();
    let editor = world.home.path().join("editor");
    std::fs::write(&editor, "#!/bin/sh\necho \"opened ${1##*.}\"\necho 'from the editor' > \"$1\"\n")
        .expect("written");
    std::fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("executable");
    let mut screen = world.flamingo();
    screen.send(b"e");
    screen.wait_for("from the editor");
    screen.send(b"\x12");
    screen.wait_for("1 done");
    assert_eq!(world.run(1).map(|run| run.request.prompt), Some("from the editor".to_owned()));
    // No copy of the text, no credentials are left: these go a moment after the end.
    let runtime = world.dirs().runtime;
    wait_in(&runtime, || files(&runtime).is_empty());
}

#[test]
fn the_hints_come_back_once_an_answer_could_be_read() {
    let world = World::quick();
    let mut screen = world.flamingo();
    screen.send(b"\x1b[200~pasted\x1b[201~");
    screen.wait_for("Pasted text goes into a field");
    let began = std::time::Instant::now();
    screen.wait_for("^R run");
    assert!(began.elapsed() >= Duration::from_secs(3), "nobody reads that fast");
}

#[test]
fn a_failing_run_says_why_and_leads_to_the_parameter() {
    let world = World::quick();
    let mut screen = world.flamingo();
    screen.send(b"\r fail\x1b");
    screen.wait_for("1 changed");
    screen.send(b"\x12");
    screen.wait_for("✗ Run 1 failed: ");
    screen.wait_for("3 shows details");
    // The output says it, too, and what to do.
    screen.wait_for("1 failed");
    screen.wait_for("there goes to the parameter");
    screen.send(b"3");
    screen.wait_for("what to do");
}

#[test]
fn the_secret_is_nowhere() {
    let mut world = World::quick();
    let mut screen = world.flamingo();
    screen.send(b"\x12");
    screen.wait_for("1 done");
    screen.send(b"q");
    screen.wait_exit();
    assert_eq!(world.requests(), 1);
    comfydeck::runner::gone(&world.dirs()).expect("waited");
    assert!(!world.url.is_empty());
    let mut folders = vec![world.home.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for path in files(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("readable");
                assert!(memchr::memmem::find(&bytes, b"s3cret-in-the-test").is_none(), "{}", path.display());
            }
        }
    }
}
