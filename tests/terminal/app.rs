//! A small program on a session, run by the tests as a process of its own: shows what it hears, does what it is told.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use comfydeck::tui::terminal::{ExitCause, Session, SessionOptions, TermEvent};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Style};

/// Runs until it is told to end.
pub(crate) fn run() {
    let (send, events) = channel();
    let options = SessionOptions { title: Some("a test\x1b]".to_owned()), ..SessionOptions::from_env() };
    let session = Session::start(options, move |event| {
        // Nobody listens any more when the program ends.
        let _ = send.send(event);
    });
    match session {
        Ok(session) => App { session, heard: String::new(), fill: ' ', deaf: false }.run(&events),
        Err(error) => {
            println!("failed: {error}");
            std::process::exit(2);
        }
    }
}

struct App {
    session: Session,
    heard: String,
    /// What the picture is filled with.
    fill: char,
    /// Does nothing about being told to end.
    deaf: bool,
}

impl App {
    fn run(mut self, events: &Receiver<TermEvent>) {
        let mut changed = true;
        loop {
            let mut wait = Duration::from_secs(60);
            if changed {
                match self.session.may_draw(Instant::now()) {
                    Ok(()) => {
                        self.draw();
                        changed = false;
                    }
                    Err(longer) => wait = longer,
                }
            }
            match events.recv_timeout(wait) {
                Ok(TermEvent::Ready) | Err(RecvTimeoutError::Timeout) => {}
                Ok(TermEvent::End(_)) if self.deaf => {}
                Ok(TermEvent::End(end)) => return self.end(end),
                Ok(event) => {
                    changed = true;
                    if !self.hear(event) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn end(self, end: ExitCause) {
        drop(self.session);
        // Nobody is there to read it after a hang-up.
        let _ = writeln!(std::io::stdout(), "ended by {end:?}");
        end.exit();
    }

    /// False: the person quits.
    fn hear(&mut self, event: TermEvent) -> bool {
        self.heard = match event {
            TermEvent::Input(Event::Key(key)) => match self.key(key) {
                Some(heard) => heard,
                None => return false,
            },
            TermEvent::Input(event) => format!("{event:?}"),
            TermEvent::Suspend => {
                self.session.suspend().expect("suspended");
                "suspended".to_owned()
            }
            TermEvent::Continued => {
                self.session.resume().expect("resumed");
                "continued".to_owned()
            }
            TermEvent::Panicked(text) => format!("panicked: {}", text.lines().last().unwrap_or_default()),
            TermEvent::Capabilities(capabilities) => {
                format!("complete: {} {:?}", capabilities.complete, capabilities.background)
            }
            event => format!("{event:?}"),
        };
        true
    }

    fn key(&mut self, key: KeyEvent) -> Option<String> {
        let KeyCode::Char(c) = key.code else { return Some(format!("{:?}", key.code)) };
        match c {
            'z' if key.modifiers == KeyModifiers::CONTROL => {
                let stopped = self.session.suspend().expect("suspended");
                return Some(format!("stopped: {stopped}"));
            }
            'q' => return None,
            'p' => panic!("oh dear"),
            't' => {
                let thread = std::thread::spawn(|| panic!("a thread's trouble"));
                return Some(format!("joined: {}", thread.join().is_err()));
            }
            '!' => self.deaf = true,
            'e' => {
                let script =
                    "stty; printf 'child ready'; read -r line; printf \"child read <$line>\"; read -r line";
                let child = || std::process::Command::new("sh").args(["-c", script]).status();
                let status = self.session.hand_over(child).expect("taken back").expect("started");
                return Some(format!("child: {status}"));
            }
            's' => {
                let mut ended = None;
                let child = || ended = Some(Instant::now());
                self.session.hand_over(child).expect("taken back");
                // The session waits for a second at the most for whatever it waits for.
                let soon = ended.is_some_and(|at| at.elapsed() < Duration::from_millis(500));
                return Some(format!("back soon: {soon}"));
            }
            '0'..='9' => self.fill = c,
            _ => {}
        }
        Some(format!("key {c}"))
    }

    fn draw(&mut self) {
        let size = self.session.size();
        let mut frame = Buffer::empty(Rect::new(0, 0, size.width, size.height));
        for (n, cell) in frame.content.iter_mut().enumerate() {
            // Every cell in another style than its neighbours: a frame of many bytes.
            cell.set_char(self.fill).set_style(Style::new().fg(Color::Indexed((n % 200) as u8)));
        }
        if size.height > 2 {
            let style = Style::new().fg(Color::Reset);
            frame.set_string(0, 0, format!("size {}x{} ", size.width, size.height), style);
            frame.set_string(0, 1, format!("heard: {} ", self.heard), style);
            frame.set_string(0, size.height - 1, "bottom", style);
        }
        self.session.draw(&mut frame, Some(Position::new(3, 0)), &[]);
    }
}
