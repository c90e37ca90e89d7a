//! Queries the picture protocols of a terminal without taking its screen, for `comfydeck preview`.

use std::io;
use std::time::{Duration, Instant};

use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags};
use rustix::termios::Termios;

use super::capabilities::Capabilities;
use super::input::{Decoder, Input, Report};
use super::questions;
use super::tty::{Read, Tty, poll};

/// Through tmux the terminal's own answer comes later than tmux's last one.
const TMUX_LATER: Duration = Duration::from_millis(200);

/// Answers of a terminal.
#[derive(Debug, Clone, Default)]
pub struct TerminalInfo {
    /// Protocols it supports.
    pub capabilities: Capabilities,
    pub size: Size,
    /// Pixels of a cell.
    pub cell: Option<(u16, u16)>,
}

/// Asks the terminal and waits for its answers, for `limit` at the most; `asks` false asks nothing. What was typed
/// meanwhile is dropped.
///
/// # Errors
/// When there is no terminal.
pub fn query(asks: bool, limit: Duration) -> io::Result<TerminalInfo> {
    let tty = Tty::open()?;
    let mut info = TerminalInfo { size: tty.size(), ..TerminalInfo::default() };
    if asks {
        info.capabilities = answers(&tty, limit)?;
    }
    info.cell = tty.cell_pixels().or(info.capabilities.cell);
    Ok(info)
}

fn answers(tty: &Tty, limit: Duration) -> io::Result<Capabilities> {
    let raw = Raw::new(tty)?;
    let mut capabilities = Capabilities::default();
    tty.write_within(&[questions::who_in_scrollback().as_slice(), questions::LAST].concat(), limit)?;
    let mut end = Instant::now() + limit;
    let mut decoder = Decoder::default();
    let mut buffer = [0; 4096];
    while !capabilities.complete || capabilities.is_tmux() && !capabilities.kitty_graphics {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        poll(&mut [PollFd::new(tty, PollFlags::IN)], Some(left))?;
        let Read::Bytes(count) = tty.read(&mut buffer) else { continue };
        let mut inputs = Vec::new();
        decoder.feed(&buffer[..count], Instant::now(), &mut inputs);
        for input in inputs {
            let Input::Report(report) = input else { continue };
            capabilities.hear(&report);
            let next = match report {
                Report::DeviceAttributes(_) if !capabilities.known => {
                    capabilities.known = true;
                    Some([questions::pictures(&capabilities).as_slice(), questions::LAST].concat())
                }
                Report::DeviceAttributes(_) => {
                    capabilities.complete = true;
                    end = end.min(Instant::now() + TMUX_LATER);
                    None
                }
                Report::Version(_) => questions::graphics_of_outer(&capabilities),
                _ => None,
            };
            if let Some(next) = next {
                tty.write_within(&next, limit)?;
            }
        }
    }
    drop(raw);
    Ok(capabilities)
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
        tty.set_blocking(false)?;
        Ok(Self { tty, saved })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // Late answers must not reach the shell as input.
        self.tty.drop_input();
        let _ = self.tty.set_attributes(&self.saved);
        let _ = self.tty.set_blocking(true);
    }
}
