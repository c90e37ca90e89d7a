//! The demo's dashboard and its endpoint, and what a person sees of a run on a terminal.

use std::fs::File;
use std::time::Duration;

use comfydeck::config::{Config, Dirs};
use comfydeck::demo::DemoOptions;
use comfydeck::domain::Status;
use comfydeck::domain::run::Protocol;
use comfydeck::store::Store;
use portable_pty::CommandBuilder;
use rustix::process::{Signal, kill_process};

use crate::emulator::Terminal;
use crate::support::{CLIENT_ID, CLIENT_SECRET, Home, Server};

fn terminal(home: &Home, args: &[&str]) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_comfydeck"));
    command.args(args);
    command.cwd(home.folder.path());
    command.env("COMFYDECK_HOME", home.folder.path());
    command.env("VIEWCOMFY_CLIENT_ID", CLIENT_ID);
    command.env("VIEWCOMFY_CLIENT_SECRET", CLIENT_SECRET);
    command.env("TERM", "xterm-256color");
    command.env_remove("NO_COLOR");
    let mut terminal = Terminal::start(command);
    terminal.resize(40, 120);
    terminal
}

#[test]
fn the_demos_endpoint_outlives_its_screens_and_ends_by_itself() {
    let home = Home::new();
    let args = ["demo", "--cold-start", "0", "--load", "0", "--step", "100", "--idle", "50"];
    let mut screen = terminal(&home, &args);
    screen.wait_for("flamingo");
    let demo = Dirs::under(&home.dirs.state.join("demo"));
    let port = std::fs::read_to_string(demo.state.join("endpoint.port")).expect("a port");
    screen.send(b"\x12");
    let mut second = terminal(&home, &args);
    second.wait_for("running");
    assert_eq!(std::fs::read_to_string(demo.state.join("endpoint.port")).ok(), Some(port));
    for screen in [&screen, &second] {
        kill_process(screen.process(), Signal::KILL).expect("killed");
    }
    comfydeck::runner::gone(&demo).expect("a lock");
    let run = Store::open(&demo).expect("a store").run(1).expect("read").expect("a run");
    assert_eq!(run.status, Status::Done);
    assert!(run.outputs[0].path.starts_with(home.folder.path()), "{:?}", run.outputs);
    assert_eq!(home.count(), 0, "the demo's history is apart");
    // Free once the endpoint has ended, which nobody has asked it to.
    File::open(demo.state.join("endpoint.lock")).expect("a lock").lock().expect("ended");
}

#[test]
fn the_demo_opens_on_the_protocol_that_was_asked_for() {
    let home = Home::new();
    let demo = Dirs::under(&home.dirs.state.join("demo"));
    for protocol in [Protocol::Cloud, Protocol::Stream, Protocol::Comfyui, Protocol::V2, Protocol::Cloud] {
        let word = protocol.word();
        let mut screen = terminal(&home, &["demo", "--protocol", word, "--idle", "50"]);
        screen.wait_for("a demo");
        let port = std::fs::read_to_string(demo.state.join("endpoint.port")).expect("a port");
        let api = format!("http://127.0.0.1:{}", port.trim());
        let config = Config::load(&demo).expect("a config");
        let profile = config.choose(None, None).expect("a default");
        assert_eq!((profile.protocol, profile.called_url()), (protocol, api.as_str()));
        // Runs of the other protocols still find who they are.
        assert_eq!(config.profiles.len(), Protocol::ALL.len());
        assert_eq!(config.warnings, []);
        kill_process(screen.process(), Signal::KILL).expect("killed");
    }
    File::open(demo.state.join("endpoint.lock")).expect("a lock").lock().expect("ended");
}

#[test]
fn a_person_sees_a_run_go_by() {
    let home = Home::new();
    let server = Server::start(DemoOptions { step: Duration::from_millis(100), ..DemoOptions::quick() });
    let mut screen = terminal(&home, &["run", "flamingo", "--set", "steps=8", "--url", &server.url]);
    screen.wait_for("● running");
    screen.wait_for("/8");
    screen.wait_for("✓ done");
    screen.wait_exit();
    let text = screen.text();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], format!("run 1  flamingo → {}", server.url));
    assert_eq!(lines[1], format!("outputs go to {}", home.dirs.outputs.display()));
    assert!(lines[2].starts_with("seed 3-inputs-seed = "), "{text}");
    assert!(lines.iter().any(|line| line.starts_with("Prompt executed in")), "the log: {text}");
    assert!(!text.contains("● running"), "the line of progress is gone: {text}");
    assert!(lines.iter().any(|line| line.ends_with(".png")), "{text}");
}

#[test]
fn lists_on_a_terminal_have_heads_and_colours_and_in_a_pipe_only_rows() {
    let (home, server) = (Home::new(), Server::quick());
    for steps in ["1", "2"] {
        let set = format!("steps={steps}");
        home.deck(&["run", "flamingo", "--set", &set, "--set", "seed=5", "--url", &server.url]);
    }
    for (args, heads, told) in [
        (["runs", "--limit", "5"], "RUN  STATUS", "steps 1 → 2"),
        (["show", "2", ""], "new since run 1", "sha256"),
        (["presets", "list", ""], "NAME", "flamingo"),
    ] {
        let args: Vec<&str> = args.into_iter().filter(|arg| !arg.is_empty()).collect();
        let mut screen = terminal(&home, &args);
        screen.wait_until("the end", |screen| screen.text().contains(told));
        let text = screen.text();
        assert!(text.contains(heads), "{text}");
        assert!(screen.count(b"\x1b[1m") > 0, "{args:?} is coloured: {text}");
        let piped = home.deck(&args).out;
        assert!(!piped.contains('\u{1b}') && !piped.contains("RUN  STATUS"), "{piped}");
    }
    // The number is the last thing, alone on its line.
    let detached = ["run", "flamingo", "--set", "seed=6", "--detach", "--url", &server.url];
    let mut screen = terminal(&home, &detached);
    assert_eq!(screen.wait_exit().exit_code(), 0);
    assert_eq!(screen.text().trim_end().lines().last().map(str::trim), Some("3"), "{}", screen.text());
}
