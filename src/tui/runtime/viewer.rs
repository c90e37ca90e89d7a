//! Opens a file in the system's viewer.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::domain::media;

/// The system's program for opening files, with its arguments.
///
/// # Errors
/// Without one, or without a display: what to do.
pub(super) fn program(
    env: impl Fn(&str) -> Option<String>,
    is_mac: bool,
) -> Result<Vec<String>, &'static str> {
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if let Some(opener) = env("OPENER").map(words).filter(|words| !words.is_empty()) {
        return Ok(opener);
    }
    if env("SSH_CONNECTION").is_some() || env("SSH_TTY").is_some() {
        return Err(
            "No viewer over SSH. Y copies the scp command that downloads the file; $OPENER sets a viewer",
        );
    }
    match is_mac {
        true => Ok(vec!["open".to_owned()]),
        false if env("DISPLAY").is_some() || env("WAYLAND_DISPLAY").is_some() => {
            Ok(vec!["xdg-open".to_owned()])
        }
        false => Err("There is no display here. Set $OPENER to a viewer that works without one"),
    }
}

/// Starts the viewer on a file, detached and without output.
///
/// # Errors
/// If the type of the file is not allowed, or the viewer cannot be started.
pub(super) fn open(program: &[String], path: &Path) -> Result<Child, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    if !path.is_file() {
        return Err(format!("{name} is not there any more"));
    }
    // Outputs come from a server and may be programs or web pages, which a desktop would execute.
    let kind = media::by_name(&name).unwrap_or_default();
    if !["image/", "video/", "audio/", "text/plain", "application/json"]
        .iter()
        .any(|known| kind.starts_with(known))
    {
        return Err(format!(
            "{name} is not a picture, video, sound or text by its name, so it is not opened"
        ));
    }
    let (viewer, arguments) = program.split_first().ok_or("no viewer is named")?;
    let mut command = Command::new(viewer);
    command.args(arguments).arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its own process group, so that Ctrl+C and Ctrl+Z don't reach it.
    command.process_group(0);
    command
        .spawn()
        .map_err(|error| format!("{viewer} cannot be started: {error}. $OPENER sets another viewer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)], is_mac: bool) -> Result<Vec<String>, &'static str> {
        let env =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        program(env, is_mac)
    }

    #[test]
    fn a_viewer_wants_a_display_or_a_name() {
        let ok = |words: &[&str]| Ok(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(found(&[("DISPLAY", ":0")], false), ok(&["xdg-open"]));
        assert_eq!(found(&[("WAYLAND_DISPLAY", "w")], false), ok(&["xdg-open"]));
        assert_eq!(found(&[], true), ok(&["open"]));
        assert_eq!(found(&[("OPENER", "imv -f"), ("SSH_TTY", "/dev/pts/0")], false), ok(&["imv", "-f"]));
        assert!(found(&[("DISPLAY", ":0"), ("SSH_CONNECTION", "a 1 b 22")], false).is_err());
        assert!(found(&[("SSH_CONNECTION", "a 1 b 22")], true).is_err());
        assert!(found(&[("OPENER", "  ")], false).is_err());
    }

    #[test]
    fn a_file_is_given_to_the_viewer_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a b.png"), "x").expect("written");
        std::fs::write(path("evil.desktop"), "x").expect("written");
        std::fs::write(path("page.html"), "x").expect("written");
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let copy = words(&["cp", "-t", &folder.path().join("to").to_string_lossy()]);
        std::fs::create_dir(path("to")).expect("made");
        assert!(open(&copy, &path("a b.png")).expect("started").wait().expect("waited").success());
        assert!(path("to/a b.png").is_file());
        for name in ["evil.desktop", "page.html", "gone.png"] {
            open(&copy, &path(name)).expect_err(name);
        }
        let why = open(&words(&["no-such-viewer"]), &path("a b.png")).expect_err("no viewer");
        assert!(why.contains("no-such-viewer cannot be started"), "{why}");
    }
}
