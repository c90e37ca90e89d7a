//! `comfydeck preview FILE…`: draws pictures between the lines of a terminal.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Exit, Failure, out, words};
use crate::config::{Config, Ui};
use crate::picture::read::{Content, Seen, Watch, look, look_at_text};
use crate::picture::{self, Canvas, CellSize, Cells, PictureMode, PictureProtocol};
use crate::report::text;
use crate::tui::terminal::input::Rgb;
use crate::tui::terminal::painter::ColorDepth;
use crate::tui::terminal::query::{TerminalInfo, query};
use crate::tui::terminal::{TerminalEnv, inline_picture, picture_protocol, tmux};
use crate::wire::ansi::scrub_plain;

/// Time for the terminal to report what it can show.
const ASKING: Duration = Duration::from_secs(1);
/// Time for decoding each file.
const LIMIT: Duration = Duration::from_secs(10);
/// Most lines of a text file.
const LINES: usize = 40;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pictures, videos or texts
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to draw, instead of as config.toml says
    #[arg(long, value_name = "KIND", value_parser = words::pictures())]
    pub pictures: Option<PictureMode>,
}

/// Draws files on a terminal; in a pipe, prints their paths.
///
/// # Errors
/// When one of the files cannot be shown; the others are.
pub fn main(args: &Args) -> Result<Exit, Failure> {
    draw(&args.files, args.pictures)
}

/// Draws files that another command names.
///
/// # Errors
/// As for [`main`].
pub fn draw(files: &[PathBuf], wanted: Option<PictureMode>) -> Result<Exit, Failure> {
    if !io::stdout().is_terminal() {
        let mut missing = false;
        for file in files {
            let there = file.is_file();
            missing |= !there;
            if there {
                out::print(&format!("{}\n", file.display()))?;
            } else {
                out::note(format_args!("{}: there is no such file", plain_name(file)));
            }
        }
        return Ok(if missing { Exit::Failed } else { Exit::Success });
    }
    let ui = Config::load(&super::dirs()?).map_err(Failure::usage)?.ui;
    let pen = Pen::new(wanted.unwrap_or(ui.pictures), &ui);
    let mut all = true;
    for file in files {
        match pen.show(file) {
            Ok(bytes) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&bytes)?;
                stdout.flush()?;
            }
            Err(why) => {
                all = false;
                out::note(format_args!("{}: {why}", plain_name(file)));
            }
        }
    }
    Ok(if all { Exit::Success } else { Exit::Failed })
}

fn plain_name(path: &Path) -> String {
    scrub_plain(&path.display().to_string())
}

/// What is needed to draw on this terminal.
struct Pen {
    canvas: Option<Canvas>,
    depth: ColorDepth,
    tmux: bool,
}

impl Pen {
    fn new(mode: PictureMode, ui: &Ui) -> Self {
        let mut env = TerminalEnv::from_env();
        let depth = ColorDepth::from_env(|name| std::env::var(name).ok());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let asks = mode == PictureMode::Auto && !dumb;
        // A terminal that cannot be asked gets the mode that works everywhere.
        let terminal = query(asks, ASKING).unwrap_or_default();
        let depth = terminal.capabilities.depth(depth, &std::env::var("TERM").unwrap_or_default());
        env.tmux_sixel = env.tmux && terminal.capabilities.sixel && tmux::has_sixel();
        let protocol = match mode {
            PictureMode::Off => None,
            PictureMode::Always(protocol) => Some(protocol),
            PictureMode::Auto => match picture_protocol::best(&terminal.capabilities, &env) {
                // Where lines scroll, nobody knows where on the screen around tmux they are.
                PictureProtocol::Iterm2 if env.tmux => Some(PictureProtocol::Blocks),
                best => Some(best),
            },
        };
        let usable = |protocol: &PictureProtocol| {
            !dumb && (*protocol != PictureProtocol::Blocks || depth != ColorDepth::Mono)
        };
        let budget = ui.picture_bytes.unwrap_or_else(|| picture::usual_budget(env.ssh));
        let canvas = protocol.filter(usable).map(|protocol| canvas(&terminal, protocol, ui, budget, depth));
        Self { canvas, depth, tmux: env.tmux || terminal.capabilities.is_tmux() }
    }

    /// Bytes that show a file: a line about it, and its content below.
    fn show(&self, file: &Path) -> Result<Vec<u8>, String> {
        let watch = Watch::new(LIMIT);
        let seen = match &self.canvas {
            Some(canvas) => look(file, canvas.pixels(), &watch),
            None => look_at_text(file, &watch),
        };
        let Seen { kind, bytes, content } = seen.map_err(|why| why.to_string())?;
        let mut facts = vec![text::bytes(bytes)];
        let mut beneath = Vec::new();
        match content {
            Content::Picture(still) => {
                facts.insert(0, format!("{}×{}", still.size.0, still.size.1));
                facts.extend(still.facts);
                if let Some(canvas) = &self.canvas {
                    let picture = picture::encode(&still.pixels, canvas);
                    beneath = inline_picture::picture(&picture, self.depth, self.tmux, fastrand::u32(1..));
                }
            }
            Content::Text(lines, more) => {
                let more = (more || lines.len() > LINES).then(|| "… the file continues".to_owned());
                for line in lines.into_iter().take(LINES).chain(more) {
                    beneath.extend_from_slice(line.as_bytes());
                    beneath.push(b'\n');
                }
            }
            Content::Facts(known) => {
                facts.push(kind.to_owned());
                facts.extend(known);
            }
        }
        let mut shown = format!("{}  {}\n", plain_name(file), facts.join("  ")).into_bytes();
        shown.extend(beneath);
        Ok(shown)
    }
}

fn canvas(
    terminal: &TerminalInfo,
    protocol: PictureProtocol,
    ui: &Ui,
    budget: usize,
    depth: ColorDepth,
) -> Canvas {
    // Leaves room for the line about the picture and the shell's prompt.
    let (width, height) =
        if terminal.size.width == 0 { (80, 24) } else { (terminal.size.width, terminal.size.height) };
    let room = Cells { width: width.saturating_sub(1).max(1), height: height.saturating_sub(3).max(1) };
    let cell =
        terminal.cell.and_then(|(width, height)| CellSize::reported(width, height)).unwrap_or_default();
    let ground = terminal.capabilities.background.map_or([0; 3], |Rgb(r, g, b)| [r, g, b]);
    let colours = depth.colours();
    Canvas { room, cell, protocol, budget, piece: usize::MAX, ground, colours, blocks: ui.blocks }
}
