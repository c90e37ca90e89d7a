//! Gives a text to a command of the person (`[pipes]`) and takes what comes back: on threads of its own, within a time and
//! a number of bytes, until it is stopped.
//!
//! The text is the command's standard input and nothing else: it is never part of a command line. Credentials are not in
//! the command's environment.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::wire::ansi::scrub_block;

/// Longest time that a command may take.
pub(super) const LIMIT: Duration = Duration::from_secs(120);
/// Most bytes that a command may write, and those of its error output that are shown.
const MOST_BYTES: u64 = 256 << 10;
const MOST_ERRORS: u64 = 2_000;
/// What a command that has ended left running may still write for so long.
const LEFT_BEHIND: Duration = Duration::from_millis(500);

enum News {
    Out(Vec<u8>),
    Errors(Vec<u8>),
    Ended(Result<std::process::ExitStatus, std::io::Error>),
    Stop,
}

/// A command at work. Dropped, it is stopped.
#[derive(Debug)]
pub(super) struct Pipe(Sender<News>);

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("News")
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.0.send(News::Stop);
    }
}

/// Starts a command on a text; `answer` gets what it wrote, or why there is nothing, unless it is stopped.
///
/// # Errors
/// When a thread cannot be started.
pub(super) fn start(
    command: String,
    text: String,
    without: Vec<String>,
    limit: Duration,
    answer: impl FnOnce(Result<String, String>) + Send + 'static,
) -> std::io::Result<Pipe> {
    let (news, inbox) = mpsc::channel();
    let to_itself = news.clone();
    thread::Builder::new().name("pipe".to_owned()).spawn(move || {
        if let Some(outcome) = work(&command, text, &without, limit, to_itself, &inbox) {
            answer(outcome);
        }
    })?;
    Ok(Pipe(news))
}

/// Runs the command to its end; `None` when it is stopped.
fn work(
    command: &str,
    text: String,
    without: &[String],
    limit: Duration,
    news: Sender<News>,
    inbox: &Receiver<News>,
) -> Option<Result<String, String>> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in without {
        shell.env_remove(name);
    }
    // A group of its own, so that it is stopped whole.
    let child = match shell.process_group(0).spawn() {
        Ok(child) => child,
        Err(why) => return Some(Err(format!("it could not be started: {why}"))),
    };
    let group = Pid::from_child(&child);
    if let Err(why) = listen(child, text, news) {
        let _ = kill_process_group(group, Signal::KILL);
        return Some(Err(format!("it could not be listened to: {why}")));
    }
    let kill = || {
        // Fails when all of it has ended.
        let _ = kill_process_group(group, Signal::KILL);
    };
    let (mut out, mut errors, mut ended) = (None, None, None);
    let mut until = Instant::now() + limit;
    while out.is_none() || errors.is_none() || ended.is_none() {
        match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(News::Out(bytes)) => {
                if bytes.len() as u64 > MOST_BYTES {
                    kill();
                    return Some(Err(format!("it wrote more than {} kB", MOST_BYTES >> 10)));
                }
                out = Some(bytes);
            }
            Ok(News::Errors(bytes)) => errors = Some(bytes),
            Ok(News::Ended(status)) => {
                ended = Some(status);
                until = until.min(Instant::now() + LEFT_BEHIND);
            }
            Ok(News::Stop) => {
                kill();
                return None;
            }
            Err(RecvTimeoutError::Timeout) if ended.is_some() => {
                kill();
                until = Instant::now() + LEFT_BEHIND;
                if out.is_none() && errors.is_some() || out.is_some() && errors.is_none() {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                kill();
                return Some(Err(format!("it took longer than {} seconds", limit.as_secs())));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(outcome(out.unwrap_or_default(), &errors.unwrap_or_default(), ended))
}

/// Threads that write the text, read what comes, and wait for the end.
fn listen(mut child: Child, text: String, news: Sender<News>) -> std::io::Result<()> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let start =
        |work: Box<dyn FnOnce() + Send>| thread::Builder::new().name("pipe".to_owned()).spawn(work).map(drop);
    start(Box::new(move || {
        // A command need not read it all.
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(text.as_bytes());
        }
    }))?;
    let to = news.clone();
    start(Box::new(move || {
        drop(to.send(News::Out(stdout.map(|out| read(out, MOST_BYTES + 1)).unwrap_or_default())))
    }))?;
    let to = news.clone();
    start(Box::new(move || {
        let Some(mut stderr) = stderr else { return drop(to.send(News::Errors(Vec::new()))) };
        let first = read(&mut stderr, MOST_ERRORS);
        // The rest is read too, so that a talkative command does not wait for us.
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        drop(to.send(News::Errors(first)));
    }))?;
    start(Box::new(move || drop(news.send(News::Ended(child.wait())))))
}

fn read(from: impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read before an error counts.
    let _ = from.take(most).read_to_end(&mut bytes);
    bytes
}

fn outcome(
    out: Vec<u8>,
    errors: &[u8],
    ended: Option<Result<std::process::ExitStatus, std::io::Error>>,
) -> Result<String, String> {
    let said = scrub_block(&String::from_utf8_lossy(errors));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let because = |what: String| if said.is_empty() { what } else { format!("{what}: {said}") };
    match ended {
        Some(Ok(status)) if !status.success() => return Err(because(format!("it ended with {status}"))),
        Some(Err(why)) => return Err(because(format!("it cannot be waited for ({why})"))),
        Some(Ok(_)) | None => {}
    }
    let text = String::from_utf8(out).map_err(|_| because("what it wrote is not UTF-8 text".to_owned()))?;
    let text = scrub_block(&text);
    let text = text.trim_end_matches(['\n', '\r']);
    if text.trim().is_empty() { Err(because("it wrote nothing".to_owned())) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piped(command: &str, text: &str, limit: Duration) -> Result<String, String> {
        let (sender, answers) = mpsc::channel();
        let pipe =
            start(command.to_owned(), text.to_owned(), vec!["HOME".to_owned()], limit, move |answer| {
                sender.send(answer).expect("heard");
            });
        let _pipe = pipe.expect("started");
        answers.recv().expect("an answer")
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_text_goes_in_and_what_comes_back_is_scrubbed() {
        assert_eq!(
            piped("tr a-z A-Z", "a cat; $(touch x) `y`", LONG),
            Ok("A CAT; $(TOUCH X) `Y`".to_owned())
        );
        assert_eq!(
            piped("cat >/dev/null; printf 'a \\033[31mred\\033[m cat\\n\\n'", "x", LONG),
            Ok("a red cat".to_owned())
        );
        assert_eq!(piped("cat >/dev/null; echo ${HOME-without}", "x", LONG), Ok("without".to_owned()));
        // A text that is longer than what a pipe takes, to a command that reads none of it.
        assert_eq!(piped("echo short", &"long ".repeat(100_000), LONG), Ok("short".to_owned()));
    }

    #[test]
    fn what_goes_wrong_is_said_with_the_commands_own_words() {
        let why = |command: &str| piped(command, "x", LONG).expect_err(command);
        assert_eq!(why("echo 'no key' >&2; exit 3"), "it ended with exit status: 3: no key");
        assert_eq!(why("true"), "it wrote nothing");
        assert_eq!(why("yes"), "it wrote more than 256 kB");
        assert!(why("printf '\\377\\376'").starts_with("what it wrote is not UTF-8"));
        assert!(
            piped("sleep 60", "x", Duration::from_millis(50)).is_err_and(|why| why.contains("longer than"))
        );
    }

    #[test]
    fn one_that_is_stopped_answers_nothing_and_is_gone() {
        let (sender, answers) = mpsc::channel::<Result<String, String>>();
        let pipe = start("sleep 60".to_owned(), String::new(), Vec::new(), LONG, move |answer| {
            sender.send(answer).expect("heard");
        });
        drop(pipe.expect("started"));
        assert!(answers.recv().is_err(), "nobody answers any more");
    }
}
