//! `run --watch`: runs again when a file that goes into the run is saved.
//!
//! Each run is the same command once more, without `--watch`, as a process of its own: so it is what the person would have
//! typed. A burst of saves is one run, files of the same content are none, and so is a request that nothing has changed of.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use signal_hook::consts::SIGINT;

use super::{Exit, Failure, out};
use crate::domain::run::UnixMs;
use crate::library::saves::{LOOK, Saves};
use crate::report::batch::money;
use crate::store::{Store, now};

/// What is watched, and until when.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) files: Vec<PathBuf>,
    /// Most runs, the first one among them.
    pub(super) most_runs: u32,
    pub(super) most_cost: Option<f64>,
    pub(super) cost_per_second: Option<f64>,
    pub(super) yes: bool,
}

/// Says what it will do, asks, and runs again with each save until a ceiling is reached or Ctrl+C is pressed.
///
/// # Errors
/// When nobody agrees, or the first run could not begin.
pub(super) fn main(store: &Store, watching: &Watching) -> Result<Exit, Failure> {
    let names: Vec<String> = watching.files.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() {
        return Err(Failure::usage("--watch: nothing of this run comes from a file that could be saved"));
    }
    if watching.most_cost.is_some() && watching.cost_per_second.is_none() {
        return Err(Failure::usage(
            "--max-cost: the profile does not say what a second costs, so no ceiling can be held. Set its cost_per_second",
        ));
    }
    let most =
        watching.most_cost.map(|most| format!(", until {} are spent", money(most))).unwrap_or_default();
    out::note(format!(
        "runs now, and again each time one of these is saved, {} times at the most{most}: {}",
        watching.most_runs,
        names.join(", ")
    ));
    if !watching.yes {
        let is_asked = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !is_asked {
            return Err(Failure::usage(
                "nothing was sent: nobody is there to ask. --yes runs them without asking",
            ));
        }
        if !out::is_agreed("Each run costs. Go on?")? {
            return Err(Failure::usage("nothing was sent"));
        }
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, Arc::clone(&interrupted))
        .map_err(|why| Failure::usage(format!("Ctrl+C cannot be handled: {why}")))?;
    let began = now();
    let mut ran = 0;
    // What is saved while a run works counts.
    let mut saves = Saves::new(&watching.files);
    loop {
        let last = again()?;
        if interrupted.load(Ordering::SeqCst) {
            return Ok(last);
        }
        // What was refused before it was sent is not counted.
        ran += u32::from(last != Exit::Usage);
        if let Some(why) = reached(store, watching, ran, began)? {
            out::note(why);
            return Ok(last);
        }
        out::note("waiting for the next save; Ctrl+C ends");
        if !await_save(&mut saves, &interrupted) {
            return Ok(last);
        }
    }
}

/// Why no further run is started, if so.
fn reached(store: &Store, watching: &Watching, ran: u32, began: UnixMs) -> Result<Option<String>, Failure> {
    if ran >= watching.most_runs {
        return Ok(Some(format!("{ran} runs, as many as --watch-runs allows")));
    }
    let Some(most) = watching.most_cost else { return Ok(None) };
    let spent = store.spent_since(began, now())?;
    Ok((spent >= most).then(|| format!("{} spent, as much as --max-cost allows", money(spent))))
}

/// This command once more, without `--watch`.
fn again() -> Result<Exit, Failure> {
    let program = std::env::current_exe()
        .map_err(|why| Failure::new(Exit::Failed, format!("comfydeck cannot find itself: {why}")))?;
    let status = Command::new(program)
        .args(without_watch(std::env::args_os().skip(1)))
        .arg("--unless-same")
        .status()
        .map_err(|why| Failure::new(Exit::Failed, format!("a run cannot be started: {why}")))?;
    let exits = [Exit::Success, Exit::Usage, Exit::Refused, Exit::Cancelled, Exit::Lost];
    Ok(exits.into_iter().find(|exit| status.code() == Some(*exit as i32)).unwrap_or(Exit::Failed))
}

/// The arguments without those that are for the watch alone.
fn without_watch(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        match text.as_ref() {
            "--watch" | "--yes" | "-y" => {}
            "--watch-runs" | "--max-cost" => drop(args.next()),
            text if text.starts_with("--watch-runs=") || text.starts_with("--max-cost=") => {}
            // What follows are values, not options.
            "--" => {
                kept.push(arg);
                kept.extend(args);
                return kept;
            }
            _ => kept.push(arg),
        }
    }
    kept
}

/// Returns when a file was saved with another content; `false` when it was interrupted.
fn await_save(saves: &mut Saves, interrupted: &AtomicBool) -> bool {
    loop {
        if interrupted.load(Ordering::SeqCst) {
            return false;
        }
        if !saves.look(Instant::now()).is_empty() {
            return true;
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_the_watch_is_not_passed_on_and_everything_else_is() {
        let args = [
            "run",
            "cat",
            "--watch",
            "--watch-runs",
            "3",
            "--set",
            "prompt=@a.txt",
            "-y",
            "--max-cost=2",
            "--",
            "--watch",
        ];
        let kept = without_watch(args.iter().map(OsString::from));
        assert_eq!(kept, ["run", "cat", "--set", "prompt=@a.txt", "--", "--watch"]);
    }
}
