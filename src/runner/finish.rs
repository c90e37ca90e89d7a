//! Runs the person's own command when a run has ended: `[notify] on_finish`, with the run as JSON on its standard input.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::process::RUNNER_MARK;
use crate::config::dirs::private_dir;
use crate::domain::RunId;
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
