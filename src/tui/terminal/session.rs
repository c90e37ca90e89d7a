//! Owns the terminal from start to end, and restores it whatever happens.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Size};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::capabilities::Capabilities;
use super::event::TermEvent;
use super::flow::{PROBE, STATUS_QUERY};
use super::io_thread;
use super::options::SessionOptions;
use super::painter::{ColorDepth, Painter};
use super::picture_layer::{PictureLayer, Placement};
use super::shared::{SharedTerminal, TerminalState};
use super::tty::{self, Tty};
use super::window::{self, Alert, Window, WindowState};

/// Name of threads whose panics are only logged, since their owner reports them.
pub const QUIET_THREAD: &str = "pictures";

/// Why the session couldn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no terminal.
    #[error(
        "comfydeck needs a terminal to show its screen, and there is none ({0}); use `comfydeck run` in scripts"
    )]
    NoTerminal(#[source] io::Error),
    /// `TERM` says that the terminal can't move its cursor.
    #[error("the terminal can't show a screen (TERM=dumb); use another terminal, or `comfydeck run`")]
    Dumb,
    /// A system call failed.
    #[error("the terminal could not be prepared: {0}")]
    Io(#[from] io::Error),
}

/// The terminal in raw mode with the alternate screen, restored on drop.
///
/// One at a time in a process. It belongs to the thread that starts it: a panic there restores the terminal before
/// the message is printed. `std::process::exit` restores nothing; drop the session first.
#[derive(Debug)]
pub struct Session {
    shared: Arc<SharedTerminal>,
    painter: Painter,
    picture_layer: PictureLayer,
    window: Window,
}

impl Session {
    /// Takes the terminal. From now on `sink` gets what happens there, from a thread of the session; it must not
    /// block. Nothing is written before the first [`Session::draw`].
    pub fn start(
        options: SessionOptions,
        sink: impl FnMut(TermEvent) + Send + 'static,
    ) -> Result<Session, StartError> {
        if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            return Err(StartError::Dumb);
        }
        let tty = Tty::open().map_err(StartError::NoTerminal)?;
        let mut painter = Painter::new(options.depth, options.bce);
        painter.set_ascii(options.ascii);
        let picture_layer = PictureLayer::new(false, std::process::id());
        let over = after_session()?;
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (read, write) = UnixStream::pair()?;
        let signals = SignalDelivery::with_pipe(
            read,
            write,
            SignalOnly,
            [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH],
        )?;
        let shared = Arc::new(SharedTerminal::new(tty, options, wake)?);
        over.store(false, Ordering::SeqCst);
        set_active(Arc::downgrade(&shared));
        // From here on, dropping the session restores everything.
        let window = Window::new(shared.options.title.clone());
        let session = Session { shared, painter, picture_layer, window };
        session.shared.enter(&mut session.shared.state())?;
        io_thread::start(session.shared.clone(), woken, signals, sink)?;
        Ok(session)
    }

    /// Size of the terminal in columns and rows.
    pub fn size(&self) -> Size {
        self.shared.tty.size()
    }

    /// Capabilities that the terminal has reported so far.
    pub fn capabilities(&self) -> Capabilities {
        self.shared.state().capabilities.clone()
    }

    /// May a frame be drawn now? If not: ask again after this time, or when [`TermEvent::Ready`] comes, whichever
    /// is first.
    pub fn may_draw(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.shared.state();
        if !state.attached || state.gone {
            // TermEvent::Continued or TermEvent::End comes first.
            return Err(Duration::from_secs(3600));
        }
        let may = state.flow.may_draw(now);
        self.probe(&mut state, now);
        may
    }

    /// May a further part of the picture be sent although the frame has not changed? As [`Session::may_draw`].
    pub fn may_send_part(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.shared.state();
        if !state.attached || state.gone {
            return Err(Duration::from_secs(3600));
        }
        let may = state.flow.may_send_part(now);
        self.probe(&mut state, now);
        may
    }

    /// Asks a terminal that has been silent for too long whether it is there again, when it is time to.
    fn probe(&self, state: &mut TerminalState, now: Instant) {
        if state.flow.probe(now) {
            state.push(PROBE);
            self.shared.flush(state);
            if state.unwritten() || state.gone {
                self.shared.wake();
            }
        }
    }

    /// Whether more of the picture is to be sent: draw again when [`Session::may_send_part`].
    pub fn is_unfinished(&self) -> bool {
        self.picture_layer.unfinished() && self.shared.state().capabilities.takes_pictures()
    }

    /// Bytes of a part of a picture on this link, few enough that a key waits little for them.
    pub fn part_size(&self) -> usize {
        self.shared.state().flow.part_size()
    }

    /// Width and height of a cell in pixels, by the terminal's answer or the window size of its device.
    pub fn cell_pixels(&self) -> Option<(u16, u16)> {
        self.shared.tty.cell_pixels().or_else(|| self.shared.state().capabilities.cell)
    }

    /// Makes the terminal show the buffer, with its cursor at `cursor` or hidden. Writes nothing if it already does.
    /// Never blocks: what the link doesn't take now is written by the session's thread.
    ///
    /// Pictures go into the cells that the buffer leaves to them (`CellDiffOption::Skip`), as much of them as may go out
    /// now, the first first. No other cell may be left.
    pub fn draw(&mut self, buffer: &mut Buffer, cursor: Option<Position>, pictures: &[Placement]) {
        let mut state = self.shared.state();
        if !state.attached {
            return;
        }
        self.painter.set_depth(self.shared.depth(&state));
        self.picture_layer.set_tmux(state.capabilities.is_tmux());
        self.painter.set_scrolls(!self.picture_layer.has_drawn_strips());
        let room = if state.capabilities.takes_pictures() { state.flow.part() } else { 0 };
        let window = self.window.bytes(
            Instant::now(),
            state.modes.title,
            &state.capabilities,
            &self.shared.options.env,
        );
        state.push(&window);
        let first = self.picture_layer.prepare(pictures, buffer, &self.painter, room);
        // kitty shows a picture by characters only with the next change if they come within a synchronized update.
        self.painter.set_sync(state.capabilities.sync && !self.picture_layer.has_placeholders());
        let frame = self.painter.paint(buffer, cursor);
        let text = frame.len();
        state.push(&first);
        state.push(frame);
        let mut part = 0;
        if let Some(room) = room.checked_sub(text).filter(|room| *room > 0 && self.picture_layer.unfinished())
        {
            let (bytes, filled) = self.picture_layer.parts(room);
            state.push(&bytes);
            part = bytes.len();
            if !filled.is_empty() {
                let back = self.painter.bring_back(cursor);
                state.push(back);
                part += back.len();
            }
            filled.into_iter().for_each(|area| self.painter.give(area));
        }
        let window_leaving = self.window.leaving(&state.capabilities);
        state.leaving = [self.picture_layer.leaving(), window_leaving].concat();
        let total = window.len() + first.len() + text + part;
        if total > 0 {
            // Half-blocks are text; while they are not all there, a frame is as large as its part of them, if it has one.
            let part = if part == 0 && room > 0 && self.picture_layer.unfinished() { text } else { part };
            self.finish(&mut state, total, part);
        }
    }

    /// Writes lines as they are, where no screen is drawn. Nothing for no bytes.
    pub fn say(&mut self, bytes: &[u8]) {
        let mut state = self.shared.state();
        if state.attached && !bytes.is_empty() {
            state.push(bytes);
            self.finish(&mut state, bytes.len(), 0);
        }
    }

    fn finish(&self, state: &mut TerminalState, bytes: usize, of_picture: usize) {
        let asks = state.flow.asks();
        if asks {
            state.push(STATUS_QUERY);
        }
        let bytes = bytes + if asks { STATUS_QUERY.len() } else { 0 };
        state.flow.sent(Instant::now(), bytes, of_picture);
        self.shared.flush(state);
        if state.unwritten() || state.gone {
            self.shared.wake();
        }
    }

    /// Sets what the window shows outside of the screen, from the next frame on.
    pub fn set_window(&mut self, mut wanted: WindowState) {
        if self.shared.options.ascii {
            wanted.title = wanted.title.map(|title| title.replace('·', "-"));
        }
        self.window.set(wanted);
    }

    /// Tells a person who may look elsewhere.
    pub fn alert(&mut self, alert: &Alert) {
        let bytes = window::alert(alert, &self.capabilities(), &self.shared.options.env);
        self.send(&bytes);
    }

    /// Sends something that is not a frame and shows nothing, such as a text for the terminal's clipboard.
    pub fn send(&mut self, bytes: &[u8]) {
        let mut state = self.shared.state();
        if !state.attached {
            return;
        }
        state.push(bytes);
        self.shared.flush(&mut state);
        if state.unwritten() || state.gone {
            self.shared.wake();
        }
    }

    /// Draws the next frame whole, whatever the terminal shows and whichever it is (Ctrl+L).
    pub fn repaint(&mut self) {
        self.painter.invalidate();
        self.ask_again(true);
    }

    /// Draws the next frame whole, pictures too: the terminal is another one than before.
    pub fn draw_afresh(&mut self) {
        self.painter.invalidate();
    }

    /// The terminal was resized or has the focus again: in tmux, it may be attached from another terminal than before, and
    /// has drawn over what only that terminal knew of. Returns whether there is such a picture.
    pub fn come_back(&mut self) -> bool {
        self.ask_again(false);
        let has_picture = self.picture_layer.is_beneath_tmux();
        if has_picture {
            self.painter.invalidate();
        }
        has_picture
    }

    /// Asks the terminal around tmux again that has not said whether it is another one. Returns whether there is such a one.
    pub fn ask_outer_again(&mut self) -> bool {
        let is_in_doubt = self.shared.state().capabilities.in_doubt;
        if is_in_doubt {
            self.ask_again(false);
        }
        is_in_doubt
    }

    /// The terminal around tmux does not answer any more: what all show is drawn from now on. Returns whether it was in doubt.
    pub fn give_up_outer(&mut self) -> bool {
        let mut state = self.shared.state();
        let is_in_doubt = state.capabilities.in_doubt;
        if is_in_doubt {
            state.capabilities.forget_outer();
        }
        is_in_doubt
    }

    /// Sets where tmux's pane lies on the screen of the terminal around it.
    pub fn set_pane(&mut self, pane: Option<Position>) {
        self.picture_layer.set_pane(pane);
    }

    fn ask_again(&self, whole: bool) {
        let mut state = self.shared.state();
        state.flow.forget();
        self.shared.ask_again(&mut state, whole);
        self.shared.flush(&mut state);
        if state.unwritten() || state.gone {
            self.shared.wake();
        }
    }

    /// Colours that the terminal has, as far as it has answered.
    pub fn depth(&self) -> ColorDepth {
        self.shared.depth(&self.shared.state())
    }

    /// Gives the terminal to `run`, which may start an editor on it, and takes it back whole. What was typed and not
    /// read before is dropped. SIGINT and SIGQUIT meanwhile are the child's affair. If it can't be taken back, it is
    /// gone, and [`TermEvent::End`] follows.
    pub fn hand_over<T>(&mut self, run: impl FnOnce() -> T) -> io::Result<T> {
        self.shared.settle();
        {
            let mut state = self.shared.state();
            state.lent = true;
            self.shared.leave(&mut state);
        }
        let result = run();
        self.shared.take_signals();
        self.resume()?;
        Ok(result)
    }

    /// Gives the terminal back and stops the process, as Ctrl+Z does. Goes on with [`TermEvent::Continued`].
    /// Where no shell could continue it (it is the terminal's first process), it isn't stopped: `false`.
    pub fn suspend(&mut self) -> io::Result<bool> {
        if !tty::is_a_shells_job() {
            return Ok(false);
        }
        self.shared.settle();
        self.shared.leave(&mut self.shared.state());
        // The whole job, as the terminal does on Ctrl+Z. Not SIGTSTP, which is caught.
        rustix::process::kill_current_process_group(rustix::process::Signal::STOP)?;
        Ok(true)
    }

    /// Takes the terminal again after [`TermEvent::Continued`]. The next frame is drawn whole. If it fails, the
    /// terminal is gone, and [`TermEvent::End`] follows.
    pub fn resume(&mut self) -> io::Result<()> {
        self.painter.invalidate();
        self.window.forget();
        let entered = {
            let mut state = self.shared.state();
            let entered = self.shared.enter(&mut state);
            state.gone |= entered.is_err();
            entered
        };
        self.shared.wake();
        entered
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.settle();
        {
            let mut state = self.shared.state();
            state.over = true;
            self.shared.leave(&mut state);
        }
        self.shared.wake();
        set_active(Weak::new());
        if let Ok(over) = after_session() {
            over.store(true, Ordering::SeqCst);
        }
        for text in self.shared.take_panics() {
            // Standard error may be gone with the terminal.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Signals that are caught once stay caught. This flag makes them end the process again when no session is there
/// to hear of them.
fn after_session() -> io::Result<Arc<AtomicBool>> {
    static OVER: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    static REGISTERED: Mutex<bool> = Mutex::new(false);
    let over = OVER.get_or_init(|| Arc::new(AtomicBool::new(true))).clone();
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*registered {
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP] {
            signal_hook::flag::register_conditional_default(signal, over.clone())?;
        }
        *registered = true;
    }
    Ok(over)
}

/// The session that a panic has to end.
static ACTIVE: Mutex<Weak<SharedTerminal>> = Mutex::new(Weak::new());

fn set_active(shared: Weak<SharedTerminal>) {
    static HOOK: Once = Once::new();
    // Not while panicking: the hook is there by then, and changing it would panic again.
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| on_panic(info, &previous)));
    });
    *ACTIVE.lock().unwrap_or_else(PoisonError::into_inner) = shared;
}

fn on_panic(info: &PanicHookInfo<'_>, previous: &dyn Fn(&PanicHookInfo<'_>)) {
    let active = ACTIVE.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
    let Some(shared) = active else { return previous(info) };
    let thread = std::thread::current();
    if thread.id() == shared.owner || thread.name() == Some(io_thread::THREAD) {
        shared.leave_whatever_happens();
        previous(info);
    } else if thread.name() == Some(QUIET_THREAD) {
        tracing::error!("{info}");
    } else {
        // Its message would go into the picture, and whoever waits for the thread decides what comes of it.
        shared.keep_panic(info.to_string());
    }
}
