//! Runs the person's own command when a run has ended: `[notify] on_finish`, with the run as JSON on its standard input.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::RunnerError;
use super::process::{RUNNER_MARK, without_secrets};
use crate::config::dirs::private_dir;
use crate::config::handover::HandoverError;
use crate::config::{Config, Dirs};
use crate::domain::{Run, RunId, Status, Workflow, param};
use crate::report::json;
use crate::store::Store;
use crate::wire::ansi::scrub_block;

/// Most bytes of a command's error output that are logged.
const MOST_ERRORS: u64 = 2_000;

/// Starts the command. Its input and its error output are files without a name, so that it outlives the runner. The
/// thread logs how it ended.
///
/// # Errors
/// When the files or the process cannot be made.
pub(super) fn start(command: &str, folder: &Path, id: RunId, record: &Value) -> io::Result<JoinHandle<()>> {
    private_dir(folder)?;
    let mut input = nameless(folder, &format!("finish-{id}.json"))?;
    input.write_all(format!("{record}\n").as_bytes())?;
    input.rewind()?;
    let errors = nameless(folder, &format!("finish-{id}.err"))?;
    let child = Command::new("sh")
        .args(["-c", command])
        // A command may queue another run, and start a runner for it.
        .env_remove(RUNNER_MARK)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(errors.try_clone()?)
        .spawn()?;
    thread::Builder::new().name("on_finish".to_owned()).spawn(move || report(id, child, errors))
}

/// The command's name for [`tell`], which comfydeck starts itself.
const TELLER: &str = "finished";

/// Tells the person's command of runs that were cancelled before they were sent: no runner looks after those. The commands
/// run one after the other, in a process of its own, so that nobody waits for ten thousand of them.
pub(super) fn tell_of(dirs: &Dirs, runs: &[RunId]) {
    if runs.is_empty() || std::env::var_os(RUNNER_MARK).is_some() {
        return;
    }
    let is_wanted =
        Config::load(dirs).is_ok_and(|config| config.notify.command_for(Status::Cancelled).is_some());
    if is_wanted && let Err(error) = start_teller(dirs, runs) {
        tracing::warn!("on_finish is not told of {} cancelled runs: {error}", runs.len());
    }
}

fn start_teller(dirs: &Dirs, runs: &[RunId]) -> io::Result<()> {
    private_dir(&dirs.runtime)?;
    let first = runs.first().copied().unwrap_or_default();
    let mut input = nameless(&dirs.runtime, &format!("finished-{first}.ids"))?;
    let ids: String = runs.iter().map(|run| format!("{run}\n")).collect();
    input.write_all(ids.as_bytes())?;
    input.rewind()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(TELLER).stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    without_secrets(&mut command, dirs);
    let mut child = command.spawn()?;
    // Without a wait the child would remain a zombie as long as this process lives.
    thread::Builder::new().name("on_finish".to_owned()).spawn(move || child.wait()).map(drop)
}

/// Tells the person's command of these runs, one after the other.
///
/// # Errors
/// When the history or the config cannot be read.
pub fn tell(dirs: &Dirs, runs: impl Iterator<Item = RunId>) -> Result<(), RunnerError> {
    let store = Store::open(dirs)?;
    let config = Config::load(dirs).map_err(HandoverError::from)?;
    for id in runs {
        let Some(run) = store.run(id)? else { continue };
        let Some(command) = config.notify.command_for(run.status) else { continue };
        match start(command, &dirs.runtime, id, &record(&store, &run)) {
            // A panic there is in the log.
            Ok(command) => drop(command.join()),
            Err(error) => tracing::warn!(run = id, "on_finish could not be started: {error}"),
        }
    }
    Ok(())
}

/// A run as `show --json` prints it.
pub(super) fn record(store: &Store, run: &Run) -> Value {
    let text = |hash: &str| store.workflow(hash).ok().flatten();
    let ran = run.result.as_ref().and_then(|result| text(result.prompt_sha256.as_deref()?));
    let workflow = text(&run.request.workflow_hash).and_then(|text| Workflow::parse(&text).ok());
    let names = workflow.as_ref().map(param::names).unwrap_or_default();
    // What people wrote about it, and what it came from, are left out rather than keep its end from being told.
    let noted = store.noted(run.id).unwrap_or_default();
    let lineage = store.lineage(run.id).unwrap_or_default();
    json::run(run, &noted, &lineage, &names, ran.as_deref())
}

fn nameless(folder: &Path, name: &str) -> io::Result<File> {
    let path = folder.join(name);
    let file = File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn report(id: RunId, mut child: Child, mut errors: File) {
    match child.wait() {
        Ok(status) if status.success() => {}
        Ok(status) => {
            let mut said = Vec::new();
            let read = errors.rewind().and_then(|()| errors.take(MOST_ERRORS).read_to_end(&mut said));
            let said =
                read.map_or_else(|error| error.to_string(), |_| scrub_block(&String::from_utf8_lossy(&said)));
            tracing::warn!(run = id, "on_finish ended with {status}: {}", said.trim_end());
        }
        Err(error) => tracing::warn!(run = id, "on_finish cannot be waited for: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_command_gets_the_run_on_its_input_and_leaves_no_file_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let (runtime, told) = (folder.path().join("run"), folder.path().join("told"));
        let command = format!("cat > '{}'; test -z \"${RUNNER_MARK}\"", told.display());
        let thread = start(&command, &runtime, 7, &json!({"run": 7})).expect("started");
        thread.join().expect("ended");
        assert_eq!(std::fs::read_to_string(told).expect("told"), "{\"run\":7}\n");
        assert_eq!(std::fs::read_dir(runtime).expect("a folder").count(), 0);
    }
}
