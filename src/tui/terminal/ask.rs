//! Asks a terminal that is not ours what pictures it can show: a few bytes, and a short wait for the answers.

use std::io;
use std::time::{Duration, Instant};

use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags};
use rustix::termios::Termios;

use super::input::{Decoder, Input};
use super::line::{Abilities, LAST_QUERY, PICTURES, PICTURES_IN_TMUX};
use super::tty::{Read, Tty, poll};

/// Its name and version, and the colour behind plain text.
const FIRST: &[u8] = b"\x1b[>0q\x1b]11;?\x1b\\";
/// Through tmux the terminal's own answer comes later than tmux's last one.
const TMUX_LATER: Duration = Duration::from_millis(200);

/// What a terminal told.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// What it can do.
    pub abilities: Abilities,
    /// Columns and rows.
    pub size: Size,
    /// Pixels of a cell.
    pub cell: Option<(u16, u16)>,
}

/// Asks the terminal and waits for its answers, for `limit` at the most; `questions` false asks nothing. What was typed
/// meanwhile is dropped.
///
/// # Errors
/// When there is no terminal.
pub fn ask(tmux: bool, questions: bool, limit: Duration) -> io::Result<Told> {
    let tty = Tty::open()?;
    let mut told = Told { size: tty.size(), ..Told::default() };
    if questions {
        told.abilities = answers(&tty, tmux, limit)?;
    }
    told.cell = tty.cell_pixels().or(told.abilities.cell);
    Ok(told)
}

fn answers(tty: &Tty, tmux: bool, limit: Duration) -> io::Result<Abilities> {
    let raw = Raw::new(tty)?;
    let mut abilities = Abilities::default();
    let queries = [FIRST, if tmux { PICTURES_IN_TMUX } else { PICTURES }, LAST_QUERY].concat();
    tty.write_within(&queries, limit)?;
    let mut end = Instant::now() + limit;
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    loop {
        if abilities.complete && (!tmux || abilities.kitty_graphics) {
            break;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        poll(&mut [PollFd::new(tty, PollFlags::IN)], Some(left))?;
        let Read::Bytes(count) = tty.read(&mut buffer) else { continue };
        let mut inputs = Vec::new();
        decoder.feed(&buffer[..count], Instant::now(), &mut inputs);
        let was_complete = abilities.complete;
        for input in inputs {
            if let Input::Report(report) = input {
                abilities.hear(&report);
            }
        }
        if abilities.complete && !was_complete {
            end = end.min(Instant::now() + TMUX_LATER);
        }
    }
    drop(raw);
    Ok(abilities)
}

/// A terminal whose input comes at once and isn't shown, until this is dropped.
struct Raw<'a> {
    tty: &'a Tty,
    saved: Termios,
}

impl<'a> Raw<'a> {
    fn new(tty: &'a Tty) -> io::Result<Self> {
        let saved = tty.attributes()?;
        let mut raw = saved.clone();
        raw.make_raw();
        tty.set_attributes(&raw)?;
        Ok(Self { tty, saved })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // Answers that came too late are nobody's commands.
        self.tty.drop_input();
        let _ = self.tty.set_attributes(&self.saved);
    }
}
