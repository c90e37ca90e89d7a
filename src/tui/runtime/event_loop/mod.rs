//! The event loop: receives everything through one channel, calls `update`, performs its effects, and draws.

mod effects;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crossterm::event::Event;
use indexmap::IndexMap;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc::UnboundedSender;

use super::encode_options::{EncodeOptions, PictureSettings};
use super::pace::{Link, Pace, Step};
use super::pipe::Pipe;
use super::save_watcher::SaveWatcher;
use super::saved_state::SavedState;
use super::store_reader::StoreReader;
use super::thumb_queue::ThumbQueue;
use super::timers::{Timer, Timers};
use super::typed_values::TypedValues;
use super::worker::Worker;
use super::{Replies, Wake};
use crate::config::{Dirs, ThemeChoice};
use crate::picture::{CellSize, PictureProtocol};
use crate::store;
use crate::tui::command::{Ctx, Keymap};
use crate::tui::effect::{Effect, Operation, Question, ServerRequest};
use crate::tui::model::Model;
use crate::tui::msg::Msg;
use crate::tui::notice::{Notice, Tone};
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::gallery::ThumbOrder;
use crate::tui::panes::output::{PictureMeans, RenderOrder};
use crate::tui::reader::Reader;
use crate::tui::terminal::input::Rgb;
use crate::tui::terminal::{Capabilities, ExitCause, Session, TermEvent, picture_protocol, tmux};
use crate::tui::theme::{Ground, Theme};
use crate::tui::{update, view};

/// Most messages handled before a frame is drawn, so that a flood of them cannot delay drawing.
const BURST: usize = 256;
/// Waits for the terminal around tmux, after each of which it is asked again, but for the last: while a terminal attaches, tmux
/// drops what is meant for it.
const OUTER_WAITS: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// Delay between the last change of the saved state and writing it.
const SAVE_AFTER: Duration = Duration::from_millis(700);
/// Interval at which elapsed times are redrawn while something is running.
const TICK: Duration = Duration::from_secs(1);
/// Shortest interval between two reads of a store that changes constantly.
const STORE_PAUSE: Duration = Duration::from_millis(50);
/// Longest interval between two reads of the store while a run is open: some file systems report no changes.
const POLL: Duration = Duration::from_secs(2);
/// Interval of reads while no run is open, if the store cannot be watched.
const SELDOM_POLL: Duration = Duration::from_secs(5);
/// Delay before an animation's next frame is retried while the link is still busy with the last one.
const FILM_PAUSE: Duration = Duration::from_millis(50);

/// The terminal, the model, and the threads that work for it.
pub(super) struct EventLoop {
    pub(super) dirs: Dirs,
    /// This machine's name in the user's ssh config (`[ui] scp_host`).
    pub(super) scp_host: Option<String>,
    pub(super) model: Model,
    pub(super) keys: Keymap,
    pub(super) theme: Theme,
    pub(super) theme_choice: ThemeChoice,
    pub(super) session: Session,
    /// Tells the dashboard in lines instead of drawing it.
    pub(super) reader: Option<Reader>,
    /// A key was pressed since the last frame.
    pub(super) by_key: bool,
    /// How long the terminal around tmux is still waited for.
    pub(super) outer_waits: std::slice::Iter<'static, Duration>,
    /// What the terminal had answered when it was last heard.
    pub(super) heard: Capabilities,
    pub(super) buffer: Buffer,
    pub(super) random: fastrand::Rng,
    pub(super) threads: Threads,
    pub(super) pictures: PictureSettings,
    pub(super) thumb_queue: ThumbQueue,
    /// The file to read when [`Timer::Render`] is due.
    pub(super) to_render: Option<RenderOrder>,
    pub(super) saved: SavedState,
    /// What was typed, so that it is not lost when it makes way.
    pub(super) typed: TypedValues,
    pub(super) timers: Timers,
    pub(super) pace: Pace,
    /// Whether nothing has been drawn yet.
    pub(super) is_start: bool,
    pub(super) over: Option<Over>,
    /// The person leaves for the demo, whose endpoint this starts.
    pub(super) wants_demo: bool,
    pub(super) start_demo: fn() -> Result<(), String>,
    pub(super) watcher: Option<store::Watcher>,
    /// Commands that a text can be piped through, and variables that they do not get.
    pub(super) pipes: IndexMap<String, String>,
    pub(super) secret_variables: Vec<String>,
    /// The one that is at work.
    pub(super) pipe: Option<Pipe>,
    /// Looks at the files of a watch.
    pub(super) saves: Option<SaveWatcher>,
    pub(super) replies: Replies,
}

/// Channels to the threads that work for the loop.
pub(super) struct Threads {
    pub(super) reader: Sender<Question>,
    pub(super) operations: Sender<Operation>,
    pub(super) servers: UnboundedSender<ServerRequest>,
    pub(super) outputs: Worker<(RenderOrder, EncodeOptions)>,
    pub(super) comparisons: Worker<(CompareOrder, EncodeOptions)>,
    /// Thumbnails in order of urgency, and the most bytes of each.
    pub(super) thumbs: Worker<(Vec<ThumbOrder>, EncodeOptions)>,
}

/// Why the loop ends.
pub(super) enum Over {
    Quit,
    End(ExitCause),
}

/// The theme that the ground asks for, where the terminal tells of it.
fn ground_of(capabilities: &Capabilities) -> ThemeChoice {
    match capabilities.background.map(Rgb::is_dark) {
        Some(true) => ThemeChoice::Dark,
        Some(false) => ThemeChoice::Light,
        None => ThemeChoice::Auto,
    }
}

/// The beginning of a text, on one line.
impl Link for Session {
    fn may_draw(&self, now: Instant) -> Result<(), Duration> {
        Session::may_draw(self, now)
    }

    fn may_send_part(&self, now: Instant) -> Result<(), Duration> {
        Session::may_send_part(self, now)
    }

    fn has_unsent_parts(&self) -> bool {
        self.is_unfinished()
    }
}

impl EventLoop {
    /// Reads the list of runs, the selected run and its log, before the reader's thread has started.
    pub(super) fn read_newest(&mut self, reader: &mut StoreReader) {
        self.is_start = false;
        self.timers.stop(Timer::SaveState);
        let mut effects = update::start(&mut self.model);
        for _ in 0..3 {
            for effect in std::mem::take(&mut effects) {
                match effect {
                    Effect::Ask(question) => {
                        for answer in reader.answers(question) {
                            effects.extend(self.update(answer));
                        }
                    }
                    Effect::Do(_) | Effect::Server(_) | Effect::Screen(_) => self.perform(effect),
                }
            }
        }
        effects.into_iter().for_each(|effect| self.perform(effect));
    }

    /// Starts watching the store for changes.
    pub(super) fn watch_store(&mut self, replies: Replies) {
        let watcher = store::watch(&self.dirs, move || replies.wake(Wake::StoreChanged));
        self.watcher = watcher.inspect_err(|error| tracing::info!("looking now and then: {error}")).ok();
    }

    /// Longest interval between two reads of the store; `None` if it is watched and no run is open.
    fn poll(&self) -> Option<Duration> {
        match self.watcher {
            _ if self.model.is_working() => Some(POLL),
            None => Some(SELDOM_POLL),
            Some(_) => None,
        }
    }

    /// Handles events and draws until the end.
    pub(super) fn run(&mut self, inbox: &Receiver<Wake>) -> Option<ExitCause> {
        loop {
            let now = Instant::now();
            let has_thumbs = !self.thumb_queue.is_empty();
            let until = match self.pace.step(now, &self.session, self.model.is_reading(), has_thumbs) {
                Step::Draw => {
                    self.draw();
                    // Keys go before the rest of a picture.
                    Some(now)
                }
                Step::ShowThumbs => {
                    for (order, thumb) in self.thumb_queue.next(self.session.part_size()) {
                        self.hear(Msg::Thumb(order, thumb));
                    }
                    self.draw();
                    Some(now)
                }
                Step::Wait(until) => until,
            };
            self.take_in(inbox, until);
            while let Some(timer) = self.timers.take_due(Instant::now()) {
                self.due(timer);
            }
            match self.over.take() {
                Some(Over::Quit) => return None,
                Some(Over::End(end)) => return Some(end),
                None => {}
            }
        }
    }

    /// Waits for an event, a timer or `until`, then handles all pending events.
    fn take_in(&mut self, inbox: &Receiver<Wake>, until: Option<Instant>) {
        if self.model.is_working() {
            self.timers.start(Timer::Tick, Instant::now() + TICK);
        } else if let Some(until) = self.model.warm_until() {
            // What the header says is taken back once it is over; until then nothing wakes the screen.
            let left = Duration::from_millis((until - store::now()).try_into().unwrap_or_default());
            self.timers.restart(Timer::Tick, Instant::now() + left);
        } else {
            self.timers.stop(Timer::Tick);
        }
        match self.poll() {
            Some(pause) => self.timers.start(Timer::PollStore, Instant::now() + pause),
            None => self.timers.stop(Timer::PollStore),
        }
        let first = match until.into_iter().chain(self.timers.next()).min() {
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        for wake in first.into_iter().chain(inbox.try_iter().take(BURST)) {
            self.wake(wake);
        }
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Msg(Msg::Thumb(order, thumb)) => self.thumb_queue.push(order, thumb),
            Wake::Msg(msg) => self.hear(msg),
            Wake::Terminal(event) => self.terminal(event),
            Wake::StoreChanged => {
                self.timers.start_spaced(Timer::StoreChanged, Instant::now(), STORE_PAUSE);
            }
        }
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::SaveState => self.save_state(),
            Timer::Tick => self.hear(Msg::Tick),
            Timer::StoreChanged => {
                self.timers.stop(Timer::PollStore);
                self.hear(Msg::StoreChanged);
            }
            Timer::PollStore => self.wake(Wake::StoreChanged),
            Timer::PictureSupport => self.tell_means(),
            Timer::OuterTerminal => self.ask_outer_again(),
            Timer::Render => {
                if let Some(order) = self.to_render.take() {
                    self.threads.outputs.order((order, self.encode_options()));
                }
            }
            // On a slow link an animation waits for its frames to be sent.
            Timer::FilmFrame if self.session.is_unfinished() => {
                self.timers.restart(Timer::FilmFrame, Instant::now() + FILM_PAUSE);
            }
            Timer::FilmFrame => self.hear(Msg::NextFrame),
            Timer::Notice => self.hear(Msg::NoticeDue),
        }
    }

    fn terminal(&mut self, event: TermEvent) {
        match event {
            TermEvent::Input(event) => self.input(event),
            TermEvent::PasteCut => {
                let text = "The paste was longer than 4 MiB; the rest was left out";
                self.hear(Msg::Notice(Tone::Bad, text.to_owned()));
            }
            TermEvent::Ready => {}
            TermEvent::Capabilities(capabilities) => {
                let is_another = self.heard.outer != capabilities.outer;
                if is_another {
                    // tmux was attached from another terminal, which has none of the pictures.
                    self.session.draw_afresh();
                }
                if is_another || capabilities.complete && !self.heard.complete {
                    self.ask_tmux();
                }
                self.heard.clone_from(&capabilities);
                self.pictures.set_depth(self.session.depth());
                self.hear(Msg::KeyKinds(capabilities.kitty_keyboard));
                if self.theme_choice == ThemeChoice::Auto {
                    self.theme = Theme::new(capabilities.palette(), Ground::Dark, self.session.depth());
                } else if self.theme_choice == ground_of(&capabilities) {
                    // What the person says counts where the terminal says something else.
                    self.theme = Theme::new(capabilities.palette(), Ground::Dark, self.session.depth());
                }
                self.tell_means();
            }
            TermEvent::Suspend => self.suspend(),
            TermEvent::Continued => {
                self.pace.changed();
                if let Err(error) = self.session.resume() {
                    tracing::error!("the terminal could not be taken again: {error}");
                    self.over = Some(Over::Quit);
                }
            }
            TermEvent::Panicked(text) => {
                let text =
                    format!("A part of comfydeck failed ({text}). Please report it; leave and start again");
                self.hear(Msg::Notice(Tone::Bad, text));
            }
            TermEvent::End(end) => self.over = Some(Over::End(end)),
        }
    }

    fn input(&mut self, event: Event) {
        let is_resize = matches!(event, Event::Resize(..));
        // A resize may come with another font, and either with another terminal around tmux.
        let may_differ = is_resize || event == Event::FocusGained;
        if may_differ {
            if self.session.come_back() {
                self.find_pane(PictureProtocol::Iterm2);
            }
            self.ask_tmux();
            self.expect_outer();
        }
        self.by_key |= matches!(event, Event::Key(_) | Event::Paste(_));
        // Lines are as long as they are.
        if !is_resize || self.reader.is_none() {
            self.hear(Msg::Input(event));
        }
        if may_differ {
            self.tell_means();
        }
    }

    /// The terminal around tmux was asked whether it is another one: waits for its answer.
    pub(super) fn expect_outer(&mut self) {
        self.outer_waits = OUTER_WAITS.iter();
        self.wait_for_outer();
    }

    fn wait_for_outer(&mut self) -> bool {
        let wait = self.outer_waits.next();
        if let Some(wait) = wait {
            self.timers.restart(Timer::OuterTerminal, Instant::now() + *wait);
        }
        wait.is_some()
    }

    fn ask_outer_again(&mut self) {
        if self.wait_for_outer() {
            if !self.session.ask_outer_again() {
                self.timers.stop(Timer::OuterTerminal);
            }
        } else if self.session.give_up_outer() {
            let capabilities = self.session.capabilities();
            self.terminal(TermEvent::Capabilities(capabilities));
        }
    }

    /// Asks a tmux with Sixel whether the terminal that it is in shows it.
    fn ask_tmux(&mut self) {
        let env = &mut self.pictures.terminal_env;
        if env.tmux && self.session.capabilities().sixel {
            env.tmux_sixel = tmux::has_sixel();
        }
    }

    /// Finds where tmux's pane lies on the screen around it, where pictures have to be placed there.
    fn find_pane(&mut self, protocol: PictureProtocol) {
        if protocol == PictureProtocol::Iterm2 && self.pictures.terminal_env.tmux {
            self.session.set_pane(tmux::pane());
        }
    }

    /// Passes the terminal's picture protocol and cell size on to the model, as far as known.
    fn tell_means(&mut self) {
        let capabilities = self.session.capabilities();
        let env = &self.pictures.terminal_env;
        if picture_protocol::is_settled(&capabilities, env) {
            self.timers.stop(Timer::PictureSupport);
        }
        let is_decided = !self.timers.is_running(Timer::PictureSupport);
        let cell = self.session.cell_pixels().and_then(|(width, height)| CellSize::reported(width, height));
        self.hear(Msg::Means(PictureMeans {
            best: is_decided.then(|| picture_protocol::best(&capabilities, env)),
            cell: cell.unwrap_or_default(),
            colourless: self.model.output.means.colourless,
        }));
    }

    pub(super) fn hear(&mut self, msg: Msg) {
        for effect in self.update(msg) {
            self.perform(effect);
        }
    }

    fn update(&mut self, mut msg: Msg) -> Vec<Effect> {
        if let Msg::Opened(opened) | Msg::Reloaded(opened) = &mut msg {
            self.saved.restore(opened, self.is_start);
        }
        self.pace.changed();
        let ctx = Ctx { now: store::now(), random: self.random.u64(..), keys: &self.keys };
        let mut effects = update::update(&mut self.model, msg, &ctx);
        match self.model.notice.as_ref().and_then(Notice::until) {
            Some(until) => {
                let left = Duration::from_millis((until - ctx.now).try_into().unwrap_or_default());
                self.timers.restart(Timer::Notice, Instant::now() + left);
            }
            None => self.timers.stop(Timer::Notice),
        }
        if self.saved.note(&self.model) {
            self.timers.restart(Timer::SaveState, Instant::now() + SAVE_AFTER);
            let gone = self.typed.gone(&self.model);
            if !gone.is_empty() {
                effects.push(Effect::Do(Operation::RememberTyped(gone)));
            }
        }
        effects
    }

    pub(super) fn draw(&mut self) {
        if let Some(reader) = &mut self.reader {
            let by_key = std::mem::take(&mut self.by_key);
            let told = reader.tell(&self.model, &self.keys, &self.theme, by_key);
            let bytes = reader.bytes(&told, self.session.size().width);
            self.session.say(&bytes);
            return;
        }
        let area = Rect::new(0, 0, self.model.size.width, self.model.size.height);
        if self.buffer.area == area {
            self.buffer.reset();
        } else {
            self.buffer = Buffer::empty(area);
        }
        let cursor = view::view(&self.model, &self.keys, &self.theme, &mut self.buffer);
        let pictures = view::placements(&self.model);
        self.session.set_window(update::alerts::window(&self.model));
        self.session.draw(&mut self.buffer, cursor, &pictures);
    }

    /// Writes what is remembered between starts.
    pub(super) fn save_state(&mut self) {
        self.timers.stop(Timer::SaveState);
        if let Err(error) = self.saved.save(&self.dirs) {
            tracing::warn!("what is open could not be remembered: {error}");
        }
    }
}
