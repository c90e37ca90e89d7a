//! The terminal session in a real pseudo-terminal: whatever happens, the terminal comes back whole.
//!
//! The program under test is this executable itself, started again with [`ROLE`] set.

mod app;
#[allow(dead_code)] // shared with the tests of the whole screen
mod emulator;

use std::time::Duration;

use emulator::Terminal;
use portable_pty::CommandBuilder;
use rustix::process::{Signal, kill_process};

/// Set in the process that runs [`app`].
const ROLE: &str = "COMFYDECK_TEST_ROLE";

/// Not a test: where the process that [`program`] describes begins.
#[test]
fn program_under_test() {
    match std::env::var(ROLE).as_deref() {
        Ok("app") => {}
        Ok("app-without-terminal") => drop(rustix::process::setsid().expect("a session without terminal")),
        _ => return,
    }
    // Ends here, before the test harness has a word to say about it.
    std::process::exit(if std::panic::catch_unwind(app::run).is_ok() { 0 } else { 101 });
}

fn arguments() -> Vec<String> {
    let executable = std::env::current_exe().expect("this program");
    let executable = executable.to_str().expect("a path in UTF-8").to_owned();
    vec![executable, "program_under_test".into(), "--exact".into(), "--nocapture".into(), "-q".into()]
}

fn with_environment(mut command: CommandBuilder) -> CommandBuilder {
    command.env(ROLE, "app");
    command.env("TERM", "xterm-256color");
    command.env_remove("NO_COLOR");
    command.env_remove("RUST_BACKTRACE");
    command
}

fn program() -> CommandBuilder {
    with_environment(CommandBuilder::from_argv(arguments().into_iter().map(Into::into).collect()))
}

/// The program as a job of a shell.
fn job(before_and_after: &str) -> CommandBuilder {
    let quoted: Vec<String> = arguments().iter().map(|argument| format!("'{argument}'")).collect();
    let mut command = CommandBuilder::new("sh");
    command.args(["-c", &before_and_after.replace("PROGRAM", &quoted.join(" "))]);
    with_environment(command)
}

fn started() -> Terminal {
    let mut terminal = Terminal::start(program());
    terminal.wait_for("bottom");
    terminal.wait_for("complete: true");
    terminal
}

#[test]
fn a_quit_leaves_nothing_behind() {
    let mut terminal = started();
    terminal.wait_for("Some(Rgb(17, 34, 51))");
    assert!(terminal.saw_mode(1004) && terminal.saw_mode(7), "the emulator sees modes");
    assert!(!terminal.settings_are_original(), "raw while it runs");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
}

#[test]
fn a_terminal_that_never_answers_is_no_worse() {
    let mut terminal = Terminal::start_silent(program());
    terminal.wait_for("bottom");
    for c in "abcfghij".chars() {
        terminal.send(c.to_string().as_bytes());
        terminal.wait_for(&format!("key {c}"));
    }
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
}

#[test]
fn a_line_that_stands_still_gets_some_frames_and_is_asked_whether_it_moves() {
    let mut terminal = started();
    terminal.hold_answers(true);
    let (frames, probes) = (terminal.count(b"\x1b[5n"), terminal.count(b"\x1b[c"));
    for c in "abcdefghijklmno".chars().filter(|c| !"epst".contains(*c)) {
        terminal.send(c.to_string().as_bytes());
        let drawn = format!("key {c}");
        terminal.wait_until("a frame or a probe", |terminal| {
            terminal.text().contains(&drawn) || terminal.count(b"\x1b[c") > probes
        });
    }
    assert!(terminal.count(b"\x1b[c") > probes, "more frames went out than may be under way");
    let out = terminal.count(b"\x1b[5n") - frames;
    assert!((1..=8).contains(&out), "{out} frames");
    // The newest frame comes once it moves again.
    terminal.hold_answers(false);
    terminal.send(b"y");
    terminal.wait_for("key y");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
}

#[test]
fn a_panic_restores_first_and_then_speaks() {
    let mut terminal = started();
    terminal.send(b"p");
    assert!(!terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
    assert!(terminal.text().contains("oh dear"), "{}", terminal.text());
}

#[test]
fn a_panic_elsewhere_does_not_touch_the_screen() {
    let mut terminal = started();
    terminal.send(b"t");
    terminal.wait_for("panicked: a thread's trouble");
    terminal.wait_for("bottom");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
    assert!(terminal.text().contains("a thread's trouble"), "{}", terminal.text());
}

#[test]
fn signals_end_it_cleanly() {
    for (signal, name) in [
        (Signal::TERM, "Terminated"),
        (Signal::HUP, "Hangup"),
        (Signal::INT, "Interrupt"),
        (Signal::QUIT, "Quit"),
    ] {
        let mut terminal = started();
        kill_process(terminal.process(), signal).expect("sent");
        let status = terminal.wait_exit();
        assert!(status.signal().is_some_and(|got| got.starts_with(name)), "{name}: {status:?}");
        terminal.assert_nothing_left_behind();
        assert!(terminal.text().contains("ended by Signal"), "{}", terminal.text());
    }
}

#[test]
fn a_program_that_ignores_signals_is_killed() {
    let mut terminal = started();
    terminal.send(b"!");
    terminal.wait_for("key !");
    kill_process(terminal.process(), Signal::TERM).expect("sent");
    assert!(terminal.wait_exit().signal().is_some());
    terminal.assert_nothing_left_behind();
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_back() {
    let mut terminal =
        Terminal::start(job("set -m; PROGRAM; printf 'shell again'; read -r line; fg; echo over"));
    terminal.wait_for("complete: true");
    terminal.send(b"\x1a");
    terminal.wait_for("shell again");
    terminal.assert_nothing_left_behind();
    terminal.send(b"\r");
    terminal.wait_for("heard: continued");
    terminal.wait_for("bottom");
    terminal.send(b"x");
    terminal.wait_for("key x");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
    assert!(terminal.text().contains("over"), "{}", terminal.text());
}

#[cfg(target_os = "linux")]
#[test]
fn sigtstp_is_ctrl_z() {
    let script = "set -m; PROGRAM & job=$!; fg; printf 'shell again'; fg; echo over";
    let mut terminal = Terminal::start(job(&format!("(sleep 0); {script}")));
    terminal.wait_for("complete: true");
    let shell = terminal.process();
    let job = children(shell).pop().expect("the job");
    kill_process(job, Signal::TSTP).expect("sent");
    terminal.wait_for("heard: continued");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
    assert!(terminal.text().contains("shell again"), "{}", terminal.text());
}

/// The processes that this one has started.
#[cfg(target_os = "linux")]
fn children(of: rustix::process::Pid) -> Vec<rustix::process::Pid> {
    let of = of.as_raw_nonzero();
    let list = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).expect("a process");
    list.split_whitespace().filter_map(|id| rustix::process::Pid::from_raw(id.parse().ok()?)).collect()
}

#[test]
fn stopped_from_outside_it_comes_back_whole() {
    let mut terminal = started();
    kill_process(terminal.process(), Signal::STOP).expect("sent");
    terminal.send(b"x");
    kill_process(terminal.process(), Signal::CONT).expect("sent");
    terminal.wait_for("heard: continued");
    terminal.wait_for("bottom");
    terminal.send(b"y");
    terminal.wait_for("key y");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
}

#[test]
fn ctrl_z_without_a_shell_to_come_back_from_does_nothing() {
    let mut terminal = started();
    terminal.send(b"\x1a");
    terminal.wait_for("stopped: false");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
}

#[test]
fn a_hang_up_ends_it_soon() {
    let (status, took) = started().hang_up();
    assert!(status.signal().is_some_and(|name| name.starts_with("Hangup")), "{status:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn half_a_sequence_holds_up_nothing() {
    for (half, rest, wanted) in [
        (&b"\x1b"[..], &b"[A"[..], "heard: "),
        (b"\x1b[1;", b"5A", "heard: "),
        (b"\x1b]11;rgb:", b"\x07", "heard: "),
        (b"\x1b[200~some tex", b"t\x1b[201~", "Paste(\"some text\")"),
        (b"\xe6\x97", b"\xa5", "heard: "),
    ] {
        let mut terminal = started();
        // A terminal doesn't answer in the middle of what it sends.
        terminal.hold_answers(true);
        terminal.send(half);
        terminal.resize(12, 50);
        terminal.wait_for("size 50x12");
        terminal.wait_for("bottom");
        terminal.send(rest);
        terminal.hold_answers(false);
        terminal.wait_for(wanted);
        terminal.send(b"x");
        terminal.wait_for("key x");
        terminal.send(b"q");
        assert!(terminal.wait_exit().success());
    }
}

/// Whether a signal was sent that no thread of the process has taken; where there is no /proc, we can't tell.
fn has_signals_pending(process: rustix::process::Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()));
    let status = status.unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    pending.is_some_and(|mask| mask.trim().chars().any(|digit| digit != '0'))
}

#[test]
fn a_child_gets_the_terminal_whole_and_gives_it_back() {
    let mut terminal = started();
    terminal.send(b"e");
    terminal.wait_for("child ready");
    assert!(terminal.settings_are_original());
    assert!(!terminal.text().contains("bottom"));
    terminal.send(b"hello\r");
    terminal.wait_for("child read <hello>");
    // The terminal's own Ctrl+C would reach both; the session leaves it to the child.
    kill_process(terminal.process(), Signal::INT).expect("sent");
    while has_signals_pending(terminal.process()) {
        std::thread::yield_now();
    }
    terminal.send(b"\r");
    terminal.wait_for("heard: child: exit status: 0");
    terminal.wait_for("bottom");
    terminal.send(b"x");
    terminal.wait_for("key x");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
    terminal.assert_nothing_left_behind();
}

#[test]
fn a_child_that_ends_gives_the_terminal_back_at_once() {
    let mut terminal = started();
    terminal.send(b"s");
    terminal.wait_for("heard: back soon: true");
    terminal.send(b"q");
    assert!(terminal.wait_exit().success());
}

#[test]
fn a_terminal_that_takes_nothing_does_not_hold_up_the_end() {
    let mut terminal = started();
    // Large frames, more than the line holds, and nobody reads them.
    for n in 0..200 {
        terminal.send(&[b'0' + n % 10]);
    }
    terminal.send(b"q");
    let (status, took) = terminal.wait_exit_unread();
    assert!(status.success(), "{status:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn without_a_terminal_it_says_so() {
    let arguments = arguments();
    let output = std::process::Command::new(&arguments[0])
        .args(&arguments[1..])
        .env(ROLE, "app-without-terminal")
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("needs a terminal"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}
