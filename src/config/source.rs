//! Looks up secrets at their sources.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{Secret, SecretSource};

/// Time limit for a command: a password manager may ask for a passphrase on the terminal.
const COMMAND_TIME: Duration = Duration::from_secs(60);

/// Polling interval for a running command's end.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Most bytes read of a secret.
const MOST_BYTES: u64 = 16 * 1024;

/// Looks up a secret; `None` when its source is optional and missing.
///
/// # Errors
/// What went wrong and what to do, in one sentence without the secret.
pub(super) fn resolve(source: &SecretSource) -> Result<Option<Secret>, String> {
    match source {
        SecretSource::Text(secret) => Ok(Some(secret.clone())),
        SecretSource::Env { name, optional } => match std::env::var(name) {
            Ok(text) if !text.is_empty() => Ok(Some(Secret::new(text))),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(format!("the environment variable {name} is not UTF-8 text"))
            }
            _ if *optional => Ok(None),
            _ => Err(format!("the environment variable {name} is not set. Set it, or change the profile")),
        },
        SecretSource::File(path) => {
            let file = std::fs::File::open(path)
                .map_err(|e| format!("the file {} cannot be read: {e}", path.display()))?;
            first_line(file).map(Some).map_err(|e| format!("the file {} {e}", path.display()))
        }
        SecretSource::Command(command) => run(command, COMMAND_TIME).map(Some),
    }
}

/// The first line of a command's output. Its stderr goes to the terminal, so that a password manager's
/// prompts and errors are visible.
fn run(command: &str, limit: Duration) -> Result<Secret, String> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|e| format!("its command cannot be started: {e}"))?;
    let Some(stdout) = child.stdout.take() else {
        return Err("its command has no output".to_owned());
    };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(first_line(stdout)));
    let deadline = Instant::now() + limit;
    let too_long = format!("its command took more than {} seconds and was stopped", limit.as_secs());
    let status = loop {
        match child.try_wait().map_err(|e| format!("waiting for its command failed: {e}"))? {
            Some(status) => break status,
            None if Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            None => {
                // Reaps the killed process; only the timeout is reported.
                let _ = child.kill().and_then(|()| child.wait());
                return Err(too_long);
            }
        }
    };
    if !status.success() {
        return Err(format!("its command failed ({status}). Try it in a shell"));
    }
    // A process started by the command may keep its output open without writing to it.
    let left = deadline.saturating_duration_since(Instant::now());
    let line = receiver.recv_timeout(left).map_err(|_| too_long)?;
    line.map_err(|e| format!("the output of its command {e}"))
}

fn first_line(from: impl Read) -> Result<Secret, String> {
    let mut bytes = Vec::new();
    let mut reader = BufReader::new(from.take(MOST_BYTES));
    reader.read_until(b'\n', &mut bytes).map_err(|e| format!("could not be read: {e}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("is empty in its first line".to_owned());
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(result: Result<Secret, String>) -> Result<String, String> {
        result.map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn a_command_gives_its_first_line() {
        let long = Duration::from_secs(30);
        assert_eq!(shown(run("printf 'a b\\r\\nnext\\n'", long)), Ok("a b".to_owned()));
        assert_eq!(
            shown(run("true", long)),
            Err("the output of its command is empty in its first line".to_owned())
        );
        let failed = shown(run("echo x; exit 3", long)).expect_err("a failure");
        assert!(failed.starts_with("its command failed (exit status: 3)"), "{failed}");
    }

    #[test]
    fn a_command_that_hangs_is_stopped() {
        let began = Instant::now();
        for command in ["exec sleep 600", "echo x; exec sleep 600", "sleep 1 2>/dev/null & exit 0"] {
            let stopped = shown(run(command, Duration::from_millis(50))).expect_err(command);
            assert!(stopped.contains("and was stopped"), "{command}: {stopped}");
        }
        assert!(began.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn what_is_not_there_is_said_without_guessing() {
        let env = |optional| SecretSource::Env { name: "COMFYDECK_TEST_UNSET".to_owned(), optional };
        assert_eq!(resolve(&env(true)), Ok(None));
        let missing = resolve(&env(false)).expect_err("not set");
        assert!(missing.contains("COMFYDECK_TEST_UNSET is not set"), "{missing}");
        let gone = resolve(&SecretSource::File("/nonexistent/secret".into())).expect_err("no file");
        assert!(gone.contains("/nonexistent/secret"), "{gone}");
    }
}
