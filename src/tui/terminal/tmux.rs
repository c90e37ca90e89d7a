//! What only tmux's own command does. The screen is tmux's, so that waiting for tmux is waiting for the screen.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use ratatui::layout::Position;

/// Gives a text to tmux, which puts it on the clipboard of the terminal that it is in: by default it takes none from the
/// programs in it, but from its own command. Returns whether it took it.
pub fn load(text: &str) -> bool {
    let mut command = Command::new("tmux");
    command
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let given = command.spawn().and_then(|mut child| {
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
        let status = child.wait()?;
        written.map(|()| status.success())
    });
    given.inspect_err(|error| tracing::info!("tmux took no text: {error}")).unwrap_or(false)
}

/// Whether tmux shows Sixel on the terminal that it is in.
pub fn has_sixel() -> bool {
    let asked = Command::new("tmux").args(["display-message", "-p", "#{client_termfeatures}"]).output();
    let features = asked.inspect_err(|error| tracing::info!("tmux does not say what it shows: {error}"));
    features.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).trim().split(',').any(|has| has == "sixel")
    })
}

/// Where our pane lies on the screen of the terminal around tmux. `None` where it isn't seen whole.
pub fn pane() -> Option<Position> {
    let pane = std::env::var("TMUX_PANE").ok()?;
    ask(&pane)
        .inspect_err(|error| tracing::info!("tmux does not say where its pane is: {error}"))
        .ok()
        .flatten()
}

fn ask(pane: &str) -> io::Result<Option<Position>> {
    let format = "#{window_bigger} #{pane_left} #{pane_top} #{status-position} #{status}";
    let output = Command::new("tmux").args(["display-message", "-p", "-t", pane, format]).output()?;
    Ok(position(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads tmux's answer. `status` is `on`, `off` or a number of lines.
fn position(answer: &str) -> Option<Position> {
    let mut words = answer.split_whitespace();
    let first = words.next()?;
    // A window that is larger than the terminal is seen in part.
    let left = match first {
        "0" => words.next()?,
        "1" => return None,
        // An old tmux has no such variable.
        left => left,
    };
    let (left, top): (u16, u16) = (left.parse().ok()?, words.next()?.parse().ok()?);
    let lines = match (words.next()?, words.next()?) {
        ("top", "on") => 1,
        ("top", lines) => lines.parse().unwrap_or(0),
        _ => 0,
    };
    Some(Position { x: left, y: top + lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_is_above_or_below_and_of_some_lines() {
        for (answer, wanted) in [
            ("0 0 0 bottom on", Some((0, 0))),
            ("0 61 21 bottom 2", Some((61, 21))),
            ("0 61 0 top on", Some((61, 1))),
            ("0 0 0 top 3", Some((0, 3))),
            ("0 0 0 top off", Some((0, 0))),
            ("1 0 0 bottom on", None),
            ("no server running", None),
            ("", None),
        ] {
            assert_eq!(position(answer), wanted.map(Position::from), "{answer}");
        }
    }
}
