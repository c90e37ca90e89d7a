//! Records the moving picture in the README: the real program with its demo, in a pseudo-terminal, as an animated SVG.
//!
//! ```sh
//! cargo build --release && cargo run --release --example record
//! ```

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const COLUMNS: u16 = 110;
const ROWS: u16 = 32;
/// Pixels of a cell.
const CELL: (f64, f64) = (8.0, 16.0);
/// Where the recording goes.
const TO: &str = "docs/dashboard.svg";
/// Frames are at least so far apart.
const APART: Duration = Duration::from_millis(120);
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

const TEXT: [u8; 3] = [0xd4, 0xd7, 0xdd];
const GROUND: [u8; 3] = [0x16, 0x18, 0x1d];
const PALETTE: [[u8; 3]; 16] = [
    [0x16, 0x18, 0x1d],
    [0xe0, 0x6c, 0x75],
    [0x7e, 0xc6, 0x99],
    [0xe5, 0xc0, 0x7b],
    [0x61, 0xaf, 0xef],
    [0xc6, 0x78, 0xdd],
    [0x56, 0xb6, 0xc2],
    [0xab, 0xb2, 0xbf],
    [0x5c, 0x63, 0x70],
    [0xf0, 0x7c, 0x86],
    [0x8f, 0xd8, 0xaa],
    [0xf2, 0xd0, 0x8c],
    [0x7c, 0xc0, 0xff],
    [0xe0, 0x8c, 0xf0],
    [0x6c, 0xd0, 0xdc],
    [0xff, 0xff, 0xff],
];

/// A step of the recording.
enum Step {
    /// Keys, as a terminal sends them.
    Keys(&'static str),
    /// A text, letter by letter.
    Type(&'static str),
    /// Wait until the screen shows this.
    Until(&'static str),
    /// Let the reader look, in milliseconds.
    Hold(u64),
}

/// Edit, run, watch, see; explore other seeds, see them beside each other, compare two.
const SCRIPT: &[Step] = &[
    Step::Until("Parameters"),
    Step::Hold(1_200),
    Step::Keys("\r"),
    Step::Type(", lamplight"),
    Step::Hold(600),
    Step::Keys("\x1b"),
    Step::Hold(500),
    Step::Keys("\x12"),
    Step::Until("Run 1 done"),
    Step::Hold(2_500),
    Step::Keys("E"),
    Step::Until("4 runs"),
    Step::Hold(1_500),
    Step::Keys("\r"),
    Step::Until("run them"),
    Step::Hold(1_000),
    Step::Keys("y"),
    Step::Until("4 of 4 done"),
    Step::Hold(2_500),
    Step::Keys(" "),
    Step::Keys("\x1b[C"),
    Step::Hold(800),
    Step::Keys("C"),
    Step::Hold(3_000),
    Step::Keys(" "),
    Step::Hold(2_000),
    Step::Keys(" "),
    Step::Hold(1_500),
    Step::Keys(" "),
    Step::Hold(1_500),
];

/// Answers what a terminal is asked.
#[derive(Default)]
struct Answers(Vec<u8>);

impl vt100::Callbacks for Answers {
    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        first: Option<u8>,
        second: Option<u8>,
        _: &[&[u16]],
        last: char,
    ) {
        let answer: &[u8] = match (first, second, last) {
            (None, None, 'n') => b"\x1b[0n",
            (None, None, 'c') => b"\x1b[?62;22c",
            (Some(b'?'), Some(b'$'), 'p') => b"\x1b[?2026;2$y",
            (Some(b'>'), None, 'q') => b"\x1bP>|recorder 1\x1b\\",
            _ => b"",
        };
        self.0.extend_from_slice(answer);
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        let (name, colour) = match params {
            [b"10", b"?"] => ("10".to_owned(), TEXT),
            [b"11", b"?"] => ("11".to_owned(), GROUND),
            [b"4", number, b"?"] => {
                let number = String::from_utf8_lossy(number).into_owned();
                let Some(colour) = number.parse::<usize>().ok().and_then(|at| PALETTE.get(at)) else {
                    return;
                };
                (format!("4;{number}"), *colour)
            }
            _ => return,
        };
        let [r, g, b] = colour;
        self.0.extend_from_slice(format!("\x1b]{name};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\").as_bytes());
    }
}

/// A row of cells as SVG elements.
type Row = String;

struct Recorder {
    parser: vt100::Parser<Answers>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    began: Instant,
    /// When each frame was first seen, and its rows.
    frames: Vec<(Duration, Vec<Row>)>,
}

fn main() {
    let program = program();
    let home = std::env::temp_dir().join(format!("comfydeck-record-{}", std::process::id()));
    std::fs::create_dir_all(&home).expect("a folder");
    let mut command = CommandBuilder::new(&program);
    // Quicker than a cold start really is.
    command.args(["demo", "--cold-start", "1500", "--load", "300", "--step", "60"]);
    command.cwd(&home);
    command.env("COMFYDECK_HOME", &home);
    command.env("TERM", "xterm-256color");
    command.env("COLORTERM", "truecolor");
    for name in ["NO_COLOR", "TMUX", "TERM_PROGRAM", "LC_TERMINAL", "SSH_CONNECTION", "SSH_TTY"] {
        command.env_remove(name);
    }
    let pty = native_pty_system()
        .openpty(PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 })
        .expect("a pseudo-terminal");
    let mut reader = pty.master.try_clone_reader().expect("a reader");
    let keyboard = pty.master.take_writer().expect("a writer");
    let mut child = pty.slave.spawn_command(command).expect("the program starts; build it first");
    drop(pty.slave);
    let (send, output) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            if send.send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let parser = vt100::Parser::new_with_callbacks(ROWS, COLUMNS, 0, Answers::default());
    let mut recorder = Recorder { parser, keyboard, output, began: Instant::now(), frames: Vec::new() };
    for step in SCRIPT {
        recorder.play(step);
    }
    child.kill().expect("it ends");
    let svg = svg(&recorder.frames, recorder.began.elapsed());
    std::fs::write(TO, &svg).expect("written");
    println!("{TO}: {} frames, {} kB", recorder.frames.len(), svg.len() / 1_000);
    std::fs::remove_dir_all(&home).expect("removed");
}

/// The program that was built beside this example.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    let folder = own.parent().and_then(Path::parent).expect("a target folder");
    folder.join("comfydeck")
}

impl Recorder {
    fn play(&mut self, step: &Step) {
        match step {
            Step::Keys(keys) => self.send(keys),
            Step::Type(text) => {
                for letter in text.chars() {
                    self.send(&letter.to_string());
                    self.watch(Duration::from_millis(70));
                }
            }
            Step::Until(text) => {
                let end = Instant::now() + PATIENCE;
                while !self.parser.screen().contents().contains(text) {
                    assert!(Instant::now() < end, "no {text:?}:\n{}", self.parser.screen().contents());
                    self.take(Instant::now() + Duration::from_millis(100));
                }
            }
            Step::Hold(ms) => self.watch(Duration::from_millis(*ms)),
        }
    }

    fn send(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).and_then(|()| self.keyboard.flush()).expect("sent");
    }

    fn watch(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end && self.take(end) {}
    }

    /// Takes output in, and keeps the frame; false when there won't be any more.
    fn take(&mut self, end: Instant) -> bool {
        match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                self.parser.process(&bytes);
                let answers = std::mem::take(&mut self.parser.callbacks_mut().0);
                self.keyboard.write_all(&answers).and_then(|()| self.keyboard.flush()).expect("answered");
                self.keep();
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    fn keep(&mut self) {
        let now = self.began.elapsed();
        let rows: Vec<Row> = (0..ROWS).map(|y| row(self.parser.screen(), y)).collect();
        match self.frames.last_mut() {
            Some((at, last)) if now - *at < APART => *last = rows,
            Some((_, last)) if *last == rows => {}
            _ => self.frames.push((now, rows)),
        }
    }
}

/// Colours and weight of a cell.
#[derive(Clone, Copy, PartialEq)]
struct Look {
    text: [u8; 3],
    ground: [u8; 3],
    bold: bool,
}

fn look(cell: &vt100::Cell) -> Look {
    let (mut text, mut ground) = (rgb(cell.fgcolor(), TEXT), rgb(cell.bgcolor(), GROUND));
    if cell.inverse() {
        std::mem::swap(&mut text, &mut ground);
    }
    if cell.dim() {
        text = std::array::from_fn(|at| ((u16::from(text[at]) * 3 + u16::from(ground[at]) * 2) / 5) as u8);
    }
    Look { text, ground, bold: cell.bold() }
}

fn rgb(colour: vt100::Color, usual: [u8; 3]) -> [u8; 3] {
    match colour {
        vt100::Color::Default => usual,
        vt100::Color::Idx(at @ ..16) => PALETTE[usize::from(at)],
        vt100::Color::Idx(at @ 16..232) => {
            let part = |by: u8| [0, 95, 135, 175, 215, 255][usize::from((at - 16) / by % 6)];
            [part(36), part(6), part(1)]
        }
        vt100::Color::Idx(at) => [8 + 10 * (at - 232); 3],
        // Fewer than it has, so that neighbours are drawn together.
        vt100::Color::Rgb(r, g, b) => [r, g, b].map(|part| part & 0xf8),
    }
}

fn row(screen: &vt100::Screen, y: u16) -> Row {
    let mut svg = String::new();
    let mut x = 0;
    while x < COLUMNS {
        let Some(cell) = screen.cell(y, x) else { break };
        let (first, now) = (x, look(cell));
        let is_half = cell.contents() == "▀";
        let mut text = String::new();
        while let Some(next) =
            screen.cell(y, x).filter(|next| look(next) == now && (next.contents() == "▀") == is_half)
        {
            text.push_str(if next.has_contents() { next.contents() } else { " " });
            x += if next.is_wide() { 2 } else { 1 };
            if x >= COLUMNS {
                break;
            }
        }
        let (left, width) = (f64::from(first) * CELL.0, f64::from(x - first) * CELL.0);
        if now.ground != GROUND {
            rect(&mut svg, (left, 0.0, width, CELL.1), now.ground);
        }
        if is_half {
            rect(&mut svg, (left, 0.0, width, CELL.1 / 2.0), now.text);
        } else if !text.trim().is_empty() {
            let weight = if now.bold { " font-weight=\"bold\"" } else { "" };
            let text = text.trim_end();
            let length = unicode_width::UnicodeWidthStr::width(text) as f64 * CELL.0;
            let _ = write!(
                svg,
                "<text x=\"{left}\" y=\"12\" fill=\"{}\" textLength=\"{length}\"{weight}>{}</text>",
                hex(now.text),
                escaped(text)
            );
        }
    }
    svg
}

fn rect(svg: &mut String, (x, y, width, height): (f64, f64, f64, f64), colour: [u8; 3]) {
    // A little too large, so that no seam shows.
    let _ = write!(
        svg,
        "<path d=\"M{x} {y}h{}v{}h-{}z\" fill=\"{}\"/>",
        width + 0.4,
        height + 0.4,
        width + 0.4,
        hex(colour)
    );
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// All frames beneath each other, one of them in sight at a time; a row that several frames have is there once.
fn svg(frames: &[(Duration, Vec<Row>)], end: Duration) -> String {
    let (width, height) = (f64::from(COLUMNS) * CELL.0, f64::from(ROWS) * CELL.1);
    let start = frames.first().map_or(Duration::ZERO, |(at, _)| *at);
    let whole = (end - start).as_secs_f64();
    let mut known: HashMap<&Row, usize> = HashMap::new();
    let (mut rows, mut film, mut steps) = (String::new(), String::new(), String::new());
    for (number, (at, frame)) in frames.iter().enumerate() {
        let top = number as f64 * height;
        let _ = write!(
            steps,
            "{:.2}%{{transform:translateY(-{top}px)}}",
            (*at - start).as_secs_f64() / whole * 100.0
        );
        for (y, row) in frame.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
            let next = known.len();
            let id = *known.entry(row).or_insert_with(|| {
                let _ = write!(rows, "<g id=\"r{next}\">{row}</g>");
                next
            });
            let _ = write!(film, "<use href=\"#r{id}\" y=\"{}\"/>", top + y as f64 * CELL.1);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-8 -8 {} {}\" font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"13\">\
        <style>.f{{animation:f {whole:.1}s steps(1,end) infinite}}@keyframes f{{{steps}}}text{{white-space:pre}}</style>\
        <defs>{rows}<clipPath id=\"c\"><rect width=\"{width}\" height=\"{height}\"/></clipPath></defs>\
        <rect x=\"-8\" y=\"-8\" width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\
        <g clip-path=\"url(#c)\"><g class=\"f\">{film}</g></g></svg>\n",
        width + 16.0,
        height + 16.0,
        hex(GROUND)
    )
}
