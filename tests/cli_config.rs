//! flatten, presets, init, doctor and completions: the built program, as a person or a script calls it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_comfydeck");

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_clear().env("COMFYDECK_HOME", self.0.path()).env("PATH", "/usr/bin:/bin");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("run")
    }

    /// Exit code, stdout, stderr.
    fn outcome(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.run(args);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("config/config.toml")
    }
}

#[test]
fn flatten_writes_to_stdout_or_a_file_and_says_what_a_file_is_instead() {
    let home = Home::new();
    home.write("w.json", r#"{"3": {"class_type": "K", "inputs": {"seed": 18446744073709551615, "t": "é"}}}"#);
    let flat = "{\n    \"_3-node-class_type-info\": \"K\",\n    \"3-inputs-seed\": 18446744073709551615,\n    \"3-inputs-t\": \"\\u00e9\"\n}";
    assert_eq!(home.outcome(&["flatten", "w.json"]), (0, flat.to_owned(), String::new()));
    assert_eq!(home.outcome(&["flatten", "w.json", "-o", "out.json"]), (0, String::new(), String::new()));
    assert_eq!(fs::read_to_string(home.0.path().join("out.json")).expect("there"), flat);
    for (text, said) in [
        (r#"{"nodes": []}"#, "no node that a server could run"),
        (r#"{"3": {"class"#, "truncated"),
        ("[]", "not a workflow"),
        (r#"{"3": {"class_type": "K", "inputs": {"x": NaN}}}"#, "has NaN"),
    ] {
        home.write("bad.json", text);
        let (code, out, err) = home.outcome(&["flatten", "bad.json"]);
        assert!(
            code == 2 && out.is_empty() && err.contains(said) && err.contains("bad.json"),
            "{code} {err}"
        );
    }
    assert_eq!(home.outcome(&["flatten", "gone.json"]).0, 2);
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let home = Home::new();
    let long = "x".repeat(4 << 20);
    home.write("w.json", &format!(r#"{{"3": {{"class_type": "K", "inputs": {{"t": "{long}"}}}}}}"#));
    let mut child = home
        .command(&["flatten", "w.json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn presets_are_listed_shown_and_made() {
    let home = Home::new();
    let (code, out, _) = home.outcome(&["presets", "list"]);
    assert!(code == 0 && out.lines().next().is_some_and(|line| line.starts_with("flamingo")), "{out}");
    home.write("w.json", r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 7, "cfg": 6.0}}}"#);
    let (code, out, _) = home.outcome(&["presets", "new", "mine", "--workflow", "w.json"]);
    let path = PathBuf::from(out.trim());
    assert!(code == 0 && path.is_file(), "{out}");
    let text = fs::read_to_string(&path).expect("there");
    // It sets nothing yet; everything there is to set stands in comments.
    assert!(text.contains("\n# 3-inputs-seed = 7\n# 3-inputs-cfg = 6.0\n"), "{text}");
    let set =
        text.replace("# 3-inputs-seed = 7\n# 3-inputs-cfg = 6.0", "3-inputs-cfg = 7.50\n3-inputs-sed = 1");
    fs::write(&path, format!("{set}[aliases]\ncfg = \"3-inputs-cfg\"\n")).expect("written");
    let (code, out, err) = home.outcome(&["presets", "show", "mine"]);
    assert!(code == 0 && out.contains("3-inputs-cfg  (cfg)  7.50"), "{out}");
    assert!(
        err.contains("`3-inputs-sed` in [params] is not a parameter")
            && err.contains("Did you mean `3-inputs-seed`?"),
        "{err}"
    );
    let (_, out, _) = home.outcome(&["presets", "show", "mine", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(shown["params"]["3-inputs-cfg"].to_string(), "7.50");
    let (_, out, _) = home.outcome(&["presets", "list", "--json"]);
    let names: Vec<_> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["name"].clone())
        .collect();
    assert_eq!(names, ["flamingo", "mine", "sorcerer"]);
    for args in [
        ["presets", "new", "mine", "--from", "flamingo"],
        ["presets", "new", "../x", "--from", "flamingo"],
        ["presets", "new", "other", "--workflow", "gone.json"],
        ["presets", "new", "other", "--from", "flamingoo"],
    ] {
        let (code, _, err) = home.outcome(&args);
        assert!(code == 2 && err.starts_with("comfydeck: "), "{args:?} {err}");
    }
    assert_eq!(home.outcome(&["presets", "new", "copy", "--from", "flamingo"]).0, 0);
    assert_eq!(home.outcome(&["presets", "show", "copy"]).2, "");
}

#[test]
fn init_writes_a_private_file_from_options_and_replaces_nothing_unasked() {
    let home = Home::new();
    let init = ["init", "--profile", "prod", "--url", "https://a.example/x", "--client-id-env", "ID"];
    let (code, out, err) = home.outcome(&init);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(fs::metadata(home.config()).expect("there").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(home.config()).expect("there");
    assert!(
        text.contains("default_profile = \"prod\"") && text.contains("client_id = { env = \"ID\" }"),
        "{text}"
    );
    let (code, _, err) = home.outcome(&init);
    assert!(code == 2 && err.contains("--force"), "{err}");
    assert_eq!(fs::read_to_string(home.config()).expect("there"), text);
    let second = ["init", "--profile", "two", "--url", "https://b.example", "--client-secret-file", "s.txt"];
    assert_eq!(home.outcome(&second).0, 0);
    let both = fs::read_to_string(home.config()).expect("there");
    let file = home.0.path().join("s.txt");
    assert!(
        text.lines().all(|line| both.contains(line))
            && both.contains(&format!("{{ file = \"{}\" }}", file.display())),
        "{both}"
    );
    for (args, said) in [
        (vec!["init"], "not a terminal"),
        (vec!["init", "--url", "a.example"], "https://"),
        (vec!["init", "--url", "https://a.example", "--protocol", "clod"], "stream, cloud"),
        (vec!["init", "--url", "https://a.example", "--api-url", "https://b.example"], "goes with protocol"),
        (vec!["init", "--url", "https://me:pw@a.example"], "secrets belong in"),
    ] {
        let (code, _, err) = home.outcome(&args);
        assert!(code == 2 && err.contains(said) && !err.contains("pw@"), "{args:?} {err}");
    }
}

/// How long the program may take for its next word.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a program says on a terminal, and what it is told.
struct Talk {
    screen: mpsc::Receiver<Vec<u8>>,
    keys: Box<dyn Write + Send>,
    seen: String,
    from: usize,
}

impl Talk {
    fn new(terminal: &dyn MasterPty) -> Self {
        let mut reader = terminal.try_clone_reader().expect("a reader");
        let (said, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(size @ 1..) = reader.read(&mut bytes) {
                if said.send(bytes[..size].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = terminal.take_writer().expect("a writer");
        Self { screen, keys, seen: String::new(), from: 0 }
    }

    /// Waits for a text and types; gives what stood before the text.
    fn answer(&mut self, question: &str, answer: &str) -> String {
        while !self.seen[self.from..].contains(question) {
            let Ok(bytes) = self.screen.recv_timeout(PATIENCE) else {
                panic!("`{question}` was not asked: {}", self.seen);
            };
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        let place = self.seen[self.from..].find(question).unwrap_or_default();
        let before = self.seen[self.from..self.from + place].to_owned();
        self.from += place + question.len();
        self.keys.write_all(answer.as_bytes()).expect("typed");
        before
    }
}

#[test]
fn init_gives_the_terminal_back_when_it_is_ended() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let home = Home::new();
        let pty = native_pty_system().openpty(PtySize::default()).expect("a terminal");
        let mut command = CommandBuilder::new("/bin/sh");
        // As from a shell, which has the terminal afterwards.
        let script = format!(
            "sh -c 'echo \"<$$>\"; exec {PROGRAM} init'; echo \"ended by $(($? - 128))\"; stty -a; echo over"
        );
        command.args(["-c", &script]);
        command.env("COMFYDECK_HOME", home.0.path());
        let mut child = pty.slave.spawn_command(command).expect("started");
        drop(pty.slave);
        let mut talk = Talk::new(&*pty.master);
        talk.answer("<", "");
        let pid = talk.answer(">", "").parse().ok().and_then(Pid::from_raw).expect("a number");
        talk.answer("Name of the profile", "prod\r");
        talk.answer("1 to 4", "2\r");
        talk.answer("Address of the endpoint", "https://a.example/x\r");
        talk.answer("1 to 5", "1\r");
        talk.answer("client_id (not shown)", "");
        kill_process(pid, signal).expect("sent");
        talk.answer(&format!("ended by {}", signal.as_raw()), "");
        let modes = talk.answer("over", "");
        assert!(modes.contains(" echo ") && modes.contains(" icanon "), "{signal:?}: {modes}");
        child.wait().expect("ended");
    }
}

#[test]
fn init_asks_and_never_shows_the_secret() {
    let home = Home::new();
    let pty = native_pty_system().openpty(PtySize::default()).expect("a terminal");
    let mut command = CommandBuilder::new(PROGRAM);
    command.arg("init");
    command.env("COMFYDECK_HOME", home.0.path());
    let mut child = pty.slave.spawn_command(command).expect("started");
    drop(pty.slave);
    let mut talk = Talk::new(&*pty.master);
    for (question, answer) in [
        ("Name of the profile", "prod\r"),
        ("1 to 4", "5\r"),
        ("Please enter", ""),
        ("1 to 4", "1\r"),
        ("Address of the endpoint", "ftp://x\r"),
        ("must begin with https://", ""),
        ("Address of the endpoint", "https://a.example/x\r"),
        ("1 to 5", "2\r"),
        ("Name of the variable", "MY_ID\r"),
        ("1 to 5", "1\r"),
        ("client_secret (not shown)", "s3crxx\x7f\x7fet!\r"),
        ("Folder for the outputs of runs", "\r"),
        ("doctor", ""),
    ] {
        talk.answer(question, answer);
    }
    let seen = talk.seen;
    assert!(child.wait().expect("ended").success());
    assert!(!seen.contains("s3cr") && !seen.contains("et!"), "{seen}");
    let text = fs::read_to_string(home.config()).expect("there");
    assert!(
        text.contains("protocol = \"cloud\"")
            && text.contains("client_id = { env = \"MY_ID\" }")
            && text.contains("client_secret = \"s3cret!\""),
        "{text}"
    );
    assert_eq!(fs::metadata(home.config()).expect("there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn doctor_sends_nothing_and_names_remedies() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let received = std::thread::spawn(move || {
        let mut received = Vec::new();
        listener.accept().expect("a caller").0.read_to_end(&mut received).expect("read");
        received
    });
    let config = home.write(
        "config/config.toml",
        &format!("[profiles.p]\nurl = \"http://{address}/x\"\nclient_id = \"i\"\nclient_secret = \"s3cret\"\nconcurency = 2\n"),
    );
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).expect("changed");
    let (code, out, _) = home.outcome(&["doctor"]);
    assert_eq!(received.join().expect("received"), b"");
    assert_eq!(code, 0, "{out}");
    for said in [
        "chmod 600 ",
        "Did you mean `concurrency`?",
        "client_id and client_secret are set",
        "nothing was sent",
        "can be written",
    ] {
        assert!(out.contains(said), "{said} in {out}");
    }
    assert!(!out.contains("s3cret"));
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    home.write(
        "config/config.toml",
        &format!("[profiles.p]\nurl = \"http://{closed}/x\"\nclient_id = {{ env = \"NOT_SET\" }}\n"),
    );
    let (code, out, _) = home.outcome(&["doctor"]);
    assert!(code == 1 && out.contains("NOT_SET is not set") && out.contains("nothing is listening"), "{out}");
}

#[test]
fn every_shell_gets_its_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = home.outcome(&["completions", shell]);
        assert!(code == 0 && out.contains("comfydeck") && out.contains("COMPLETE"), "{shell}");
    }
    assert_eq!(home.outcome(&["completions", "nosuch"]).0, 2);
}
