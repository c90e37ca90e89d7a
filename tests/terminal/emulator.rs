//! A terminal in memory with a program in it: answers like one, and knows which modes the program left set.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Longest wait for anything. Far more than it takes: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal of 60×10 with a program in it.
pub(crate) struct Terminal {
    parser: vt100::Parser<Modes>,
    master: Option<Box<dyn MasterPty + Send>>,
    keyboard: Option<Box<dyn Write + Send>>,
    output: Receiver<Vec<u8>>,
    child: Box<dyn Child + Send + Sync>,
    /// The line settings before the program started.
    settings: String,
    /// Everything that was written.
    raw: Vec<u8>,
    /// It has Kitty's graphics, and says so; questions about that which were answered.
    graphics: bool,
    graphics_answered: usize,
}

/// What the emulator doesn't keep itself: modes it doesn't know, and what is to be answered.
#[derive(Default)]
struct Modes {
    /// False: never answers anything.
    answers: bool,
    private: BTreeMap<u16, bool>,
    kitty: i32,
    titles: i32,
    replies: Vec<u8>,
}

impl vt100::Callbacks for Modes {
    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        first: Option<u8>,
        second: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        let number = params.first().and_then(|n| n.first()).copied().unwrap_or(0);
        match (first, second, last) {
            (Some(b'?'), None, 'h') => drop(self.private.insert(number, true)),
            (Some(b'?'), None, 'l') => drop(self.private.insert(number, false)),
            (Some(b'>'), None, 'u') => self.kitty += 1,
            (Some(b'<'), None, 'u') => self.kitty -= 1,
            (None, None, 't') if number == 22 => self.titles += 1,
            (None, None, 't') if number == 23 => self.titles -= 1,
            (None, None, 'n') => self.replies.extend_from_slice(b"\x1b[0n"),
            (None, None, 'c') => self.replies.extend_from_slice(b"\x1b[?62;22c"),
            (Some(b'?'), None, 'u') => self.replies.extend_from_slice(b"\x1b[?0u"),
            (Some(b'?'), Some(b'$'), 'p') => self.replies.extend_from_slice(b"\x1b[?2026;2$y"),
            (Some(b'>'), None, 'q') => self.replies.extend_from_slice(b"\x1bP>|emulator 1\x1b\\"),
            _ => {}
        }
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        if let [b"11", b"?"] = params {
            self.replies.extend_from_slice(b"\x1b]11;rgb:1111/2222/3333\x1b\\");
        }
    }
}

impl Terminal {
    /// Starts the program in a terminal that answers.
    pub(crate) fn start(command: CommandBuilder) -> Terminal {
        Terminal::with(command, true)
    }

    /// Starts the program in a terminal that never answers anything.
    pub(crate) fn start_silent(command: CommandBuilder) -> Terminal {
        Terminal::with(command, false)
    }

    fn with(command: CommandBuilder, answers: bool) -> Terminal {
        let size = PtySize { rows: 10, cols: 60, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let settings = format!("{:?}", pty.master.get_termios().expect("line settings"));
        let mut reader = pty.master.try_clone_reader().expect("a reader");
        let keyboard = pty.master.take_writer().expect("a writer");
        let child = pty.slave.spawn_command(command).expect("started");
        drop(pty.slave);
        // Only so much is read ahead: a test that doesn't look has a terminal that takes nothing any more.
        let (send, output) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let modes = Modes { answers, ..Modes::default() };
        let parser = vt100::Parser::new_with_callbacks(10, 60, 100, modes);
        Terminal {
            parser,
            master: Some(pty.master),
            keyboard: Some(keyboard),
            output,
            child,
            settings,
            raw: Vec::new(),
            graphics: false,
            graphics_answered: 0,
        }
    }

    /// From now on it says that it has Kitty's graphics.
    pub(crate) fn with_graphics(mut self) -> Terminal {
        self.graphics = true;
        self
    }

    /// How often these bytes were written.
    pub(crate) fn count(&self, bytes: &[u8]) -> usize {
        memchr::memmem::find_iter(&self.raw, bytes).count()
    }

    /// Everything that was written.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Types, or sends what a terminal sends.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let keyboard = self.keyboard.as_mut().expect("not hung up");
        keyboard.write_all(bytes).and_then(|()| keyboard.flush()).expect("sent");
    }

    pub(crate) fn resize(&mut self, rows: u16, cols: u16) {
        self.parser.screen_mut().set_size(rows, cols);
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().expect("not hung up").resize(size).expect("resized");
    }

    pub(crate) fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until the screen shows the text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_until(&format!("{text:?}"), |terminal| terminal.text().contains(text));
    }

    pub(crate) fn wait_until(&mut self, what: &str, done: impl Fn(&Terminal) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            let open = self.take_output(end);
            assert!(open && Instant::now() < end || done(self), "no {what} on the screen:\n{}", self.text());
        }
    }

    /// Waits for output and shows it; false if there won't be any more.
    fn take_output(&mut self, end: Instant) -> bool {
        match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                self.raw.extend_from_slice(&bytes);
                let asked = if self.graphics { self.count(b"\x1b_Gi=31,") } else { 0 };
                while self.graphics_answered < asked {
                    self.graphics_answered += 1;
                    self.parser.callbacks_mut().replies.extend_from_slice(b"\x1b_Gi=31;OK\x1b\\");
                }
                self.parser.process(&bytes);
                let modes = self.parser.callbacks_mut();
                let replies = std::mem::take(&mut modes.replies);
                if modes.answers
                    && !replies.is_empty()
                    && let Some(keyboard) = &mut self.keyboard
                {
                    // The program may have ended meanwhile.
                    let _ = keyboard.write_all(&replies).and_then(|()| keyboard.flush());
                }
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    fn answer(&mut self) {
        let modes = self.parser.callbacks_mut();
        if modes.answers
            && let Some(keyboard) = &mut self.keyboard
        {
            // The program may have ended meanwhile.
            let _ = keyboard.write_all(&modes.replies).and_then(|()| keyboard.flush());
            modes.replies.clear();
        }
    }

    /// Keeps answers back, or gives those that were.
    pub(crate) fn hold_answers(&mut self, hold: bool) {
        self.parser.callbacks_mut().answers = !hold;
        self.answer();
    }

    /// Reads until the program has ended.
    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while self.take_output(end) {
            assert!(Instant::now() < end, "it doesn't end; on the screen:\n{}", self.text());
        }
        self.child.wait().expect("waited for")
    }

    /// Waits for its end without reading what it writes.
    pub(crate) fn wait_exit_unread(mut self) -> (ExitStatus, Duration) {
        let (send, ended) = channel();
        let start = Instant::now();
        let mut killer = self.child.clone_killer();
        std::thread::spawn(move || send.send(self.child.wait().expect("waited for")));
        let status = ended.recv_timeout(PATIENCE);
        if status.is_err() {
            let _ = killer.kill();
        }
        (status.expect("it ends"), start.elapsed())
    }

    /// Closes the terminal, as when an SSH connection drops, and waits for the program's end.
    pub(crate) fn hang_up(mut self) -> (ExitStatus, Duration) {
        self.master = None;
        self.keyboard = None;
        // Ends the reading thread, which has the terminal open as well.
        drop(std::mem::replace(&mut self.output, channel().1));
        self.wait_exit_unread()
    }

    pub(crate) fn process(&self) -> rustix::process::Pid {
        let id = self.child.process_id().expect("it runs");
        rustix::process::Pid::from_raw(id.cast_signed()).expect("a process id")
    }

    /// The line settings are those from before the program.
    pub(crate) fn settings_are_original(&self) -> bool {
        let now = self.master.as_ref().expect("not hung up").get_termios();
        format!("{:?}", now.expect("line settings")) == self.settings
    }

    /// Fails if anything is not as it was before the program.
    pub(crate) fn assert_nothing_left_behind(&self) {
        let (screen, modes) = (self.parser.screen(), self.parser.callbacks());
        assert!(!screen.alternate_screen(), "alternate screen");
        assert!(!screen.bracketed_paste(), "paste marks");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert_eq!(screen.mouse_protocol_encoding(), vt100::MouseProtocolEncoding::Default);
        assert!(!screen.hide_cursor(), "hidden cursor");
        assert_eq!((screen.fgcolor(), screen.bold()), (vt100::Color::Default, false));
        assert_eq!((modes.kitty, modes.titles), (0, 0), "keyboard protocol and title are taken back");
        // Automatic wrap is the one that is set in the beginning.
        let left: Vec<_> = modes.private.iter().filter(|(mode, set)| (**mode == 7) != **set).collect();
        assert!(left.is_empty(), "modes {left:?}");
        assert!(self.settings_are_original(), "line settings");
    }

    /// Was this private mode ever set or reset?
    pub(crate) fn saw_mode(&self, mode: u16) -> bool {
        self.parser.callbacks().private.contains_key(&mode)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
    }
}
