//! The only IO of the screen: the terminal, the store, files, `$EDITOR`, the clock.
//!
//! One loop hears everything through one channel. Questions to the store go to the [`store_reader`]'s thread, what
//! changes something to the [`operations`]'s; their answers come back as messages. Nothing here decides anything.

mod clipboard;
mod compare;
mod files;
mod operations;
mod pictures;
mod saved_state;
mod store_reader;
mod thumbs;
mod viewer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::compare::Comparer;
use self::operations::Operations;
use self::pictures::{EncodeOptions, Pictures, REST};
use self::saved_state::SavedState;
use self::store_reader::StoreReader;
use self::thumbs::Thumbs;
use super::effect::Effect;
use super::keymap::Keymap;
use super::terminal::input::Rgb;
use super::terminal::painter::ColorDepth;
use super::terminal::{
    ExitCause, Session, SessionOptions, StartError, TermEvent, TerminalEnv, best_protocol,
};
use super::theme::{Ground, Theme};
use super::{update, view};
use crate::config::ThemeChoice;
use crate::config::{Config, Dirs};
use crate::picture::{CellSize, Choice, Colours, Kind, usual_budget};
use crate::store::{self, Store, StoreError};
use crate::tui::ctx::Ctx;
use crate::tui::model::{Model, Size};
use crate::tui::msg::Msg;
use crate::tui::notice::{Notice, Tone};
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::gallery::{Thumb, ThumbOrder};
use crate::tui::panes::output::{LookOrder, PictureMeans};

/// How long a frame waits for what is being read.
const READING: Duration = Duration::from_millis(30);

/// Messages that are taken in before a frame is drawn: a flood of them must not hold the drawing up.
const BURST: usize = 256;
/// Changes to remember are written when nothing has been typed for this long.
const SAVE_AFTER: Duration = Duration::from_millis(700);
/// While something is under way, its times are drawn anew this often.
const TICK: Duration = Duration::from_secs(1);
/// The terminal has this long to say what pictures it can show.
const ASKING: Duration = Duration::from_secs(1);
/// A picture has no more than so many parts, each of which the line takes in a short time.
const SLOW_PARTS: usize = 64;
/// A frame of a film that the line has not taken yet is waited for, and looked after this often.
const FILM_PAUSE: Duration = Duration::from_millis(50);
/// A store that changes all the time is asked this often at the most.
const STORE_PAUSE: Duration = Duration::from_millis(50);
/// A thumbnail may cost this part of what a picture may, within these bytes.
const THUMB_SHARE: usize = 8;
const THUMB_BYTES: (usize, usize) = (1_000, 6_000);
/// Bytes of thumbnails in one frame, about.
const THUMBS_A_FRAME: usize = 8_000;

#[derive(Debug)]
pub struct Options {
    pub dirs: Dirs,
    /// What `config.toml` says.
    pub config: Config,
    /// The profile that was asked for.
    pub profile: Option<String>,
    /// The address that was asked for.
    pub url: Option<String>,
    /// The workflow that was asked for; without it and without a preset, what was open last.
    pub workflow: Option<PathBuf>,
    /// The preset that was asked for.
    pub preset: Option<String>,
    /// This is the demo, and says so.
    pub demo: bool,
}

/// Why the dashboard could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error(transparent)]
    Terminal(#[from] StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread could not be started.
    #[error("the system refused to start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What wakes the loop.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages")]
enum Wake {
    Msg(Msg),
    Terminal(TermEvent),
    StoreChanged,
}

/// Shows the dashboard until the person leaves it.
///
/// When a signal or a hang-up ends it, the terminal is restored and the process ends as that signal would
/// have ended it. Runs go on in any case.
///
/// # Errors
/// When there is no terminal, or the history cannot be opened.
pub fn run(options: Options) -> Result<(), TuiError> {
    let store = Store::open(&options.dirs)?;
    let (sender, inbox) = mpsc::channel();
    let mut screen = Screen::new(&options, sender)?;
    screen.open(store, Operations::new(options))?;
    let end = screen.live(&inbox);
    screen.save_at = Some(Instant::now());
    screen.remember_now();
    drop(screen);
    match end {
        Some(end) => end.exit(),
        None => Ok(()),
    }
}

/// The terminal, the model, and the threads that work for it.
struct Screen {
    dirs: Dirs,
    /// What the person's own machine calls this one.
    scp_host: Option<String>,
    model: Model,
    keys: Keymap,
    theme: Theme,
    theme_choice: ThemeChoice,
    session: Session,
    buffer: Buffer,
    random: fastrand::Rng,
    sender: Sender<Wake>,
    to_reader: Option<Sender<Effect>>,
    to_operations: Option<Sender<Effect>>,
    /// Started when the gallery is first seen.
    thumbs: Option<Thumbs>,
    /// Started when two outputs are first compared.
    comparer: Option<Comparer>,
    colours: Colours,
    /// Thumbnails that are not shown yet, or not all of them.
    ready: VecDeque<(ThumbOrder, Thumb)>,
    saved: SavedState,
    /// When changes to remember are written.
    save_at: Option<Instant>,
    tick_at: Option<Instant>,
    /// The store changed, and is asked at this time.
    store_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// The terminal has had its time to say what pictures it can show.
    means_at: Option<Instant>,
    terminal_env: TerminalEnv,
    /// Bytes that a picture may cost, and whether the person said so.
    picture_bytes: (usize, bool),
    pictures: Option<Pictures>,
    /// Since when the selected run is being read.
    reading_since: Option<Instant>,
    /// What is to be looked at, and when.
    look: Option<(LookOrder, Instant)>,
    /// When the next frame of a film is due.
    frame_at: Option<Instant>,
    _watcher: Option<store::Watcher>,
    over: Option<Over>,
}

/// Why the loop ends.
enum Over {
    Quit,
    End(ExitCause),
}

impl Screen {
    fn new(options: &Options, sender: Sender<Wake>) -> Result<Self, TuiError> {
        let mut terminal = SessionOptions::from_env();
        terminal.mouse = options.config.ui.mouse;
        terminal.flow_control = options.config.ui.flow_control;
        terminal.title = Some("comfydeck".to_owned());
        let choice = options.config.ui.pictures;
        // Nobody is asked what is not used.
        terminal.pictures = !matches!(choice, Choice::Off | Choice::Always(Kind::Blocks));
        let asks = terminal.pictures && terminal.queries;
        let terminal_env = TerminalEnv::from_env();
        let default_bytes = usual_budget(terminal_env.ssh);
        let colours = match terminal.depth {
            ColorDepth::TrueColor => Colours::True,
            _ => Colours::Indexed,
        };
        let colourless = terminal.depth == ColorDepth::Mono;
        let theme = match (colourless, options.config.ui.theme) {
            (true, _) => Theme::colourless(),
            (false, ThemeChoice::Light) => Theme::new(Ground::Light),
            (false, _) => Theme::new(Ground::Dark),
        };
        let to_loop = sender.clone();
        let session = Session::start(terminal, move |event| {
            // Nobody listens any more once the loop has ended.
            let _ = to_loop.send(Wake::Terminal(event));
        })?;
        let (keys, key_problems) = Keymap::new(&options.config.keys);
        let size = session.size();
        let saved = SavedState::load(&options.dirs);
        let mut model = Model {
            size: Size { width: size.width, height: size.height },
            now: store::now(),
            split: saved.split,
            ..Model::default()
        };
        model.log.cut = saved.log_cut;
        model.output.choice = choice;
        model.output.means.colourless = colourless;
        let warnings = options.config.warnings.iter().map(ToString::to_string);
        for problem in warnings.chain(key_problems) {
            model.tell(Notice { tone: Tone::Bad, text: problem, stays: true });
        }
        Ok(Self {
            dirs: options.dirs.clone(),
            scp_host: options.config.ui.scp_host.clone(),
            model,
            keys,
            theme,
            theme_choice: if colourless { ThemeChoice::Dark } else { options.config.ui.theme },
            session,
            buffer: Buffer::empty(Rect::ZERO),
            random: fastrand::Rng::new(),
            sender,
            to_reader: None,
            to_operations: None,
            thumbs: None,
            comparer: None,
            colours,
            ready: VecDeque::new(),
            saved,
            save_at: None,
            tick_at: None,
            store_at: None,
            asked_at: None,
            means_at: Some(Instant::now() + if asks { ASKING } else { Duration::ZERO }),
            picture_bytes: (
                options.config.ui.picture_bytes.unwrap_or(default_bytes),
                options.config.ui.picture_bytes.is_some(),
            ),
            terminal_env,
            pictures: None,
            look: None,
            frame_at: None,
            reading_since: None,
            _watcher: None,
            over: None,
        })
    }

    /// Opens what was asked for and reads the newest runs, so that the first frame is whole.
    fn open(&mut self, store: Store, mut operations: Operations) -> Result<(), TuiError> {
        let mut reader = StoreReader::new(store);
        for msg in operations.open(&self.saved) {
            self.hear(msg);
        }
        self.save_at = None;
        let mut asked = update::start(&mut self.model);
        // The list, then the run and the log that it selects.
        for _ in 0..3 {
            for question in std::mem::take(&mut asked) {
                for answer in reader.answers(question) {
                    asked.extend(self.update(answer));
                }
            }
        }
        self.draw();
        let (to_reader, questions) = mpsc::channel();
        let (to_operations, orders) = mpsc::channel();
        let (answers, told) = (self.sender.clone(), self.sender.clone());
        thread::Builder::new().name("reader".to_owned()).spawn(move || reader.serve(&questions, &answers))?;
        thread::Builder::new()
            .name("operations".to_owned())
            .spawn(move || operations.serve(&orders, &told))?;
        self.to_reader = Some(to_reader);
        self.to_operations = Some(to_operations);
        self.pictures = Some(Pictures::start(self.sender.clone())?);
        self.perform(asked);
        let changed = self.sender.clone();
        match store::watch(&self.dirs, move || {
            let _ = changed.send(Wake::StoreChanged);
        }) {
            Ok(watcher) => self._watcher = Some(watcher),
            Err(error) => self.hear(Msg::Notice(Tone::Bad, error.to_string())),
        }
        // Runs of a runner that is gone are taken care of.
        if self.model.is_working() {
            self.order(Effect::LookAfterRuns);
        }
        Ok(())
    }

    /// Hears, updates and draws until the end.
    fn live(&mut self, inbox: &Receiver<Wake>) -> Option<ExitCause> {
        let mut dirty = true;
        loop {
            let mut wait = None;
            if dirty || self.session.is_unfinished() {
                let now = Instant::now();
                let may = match dirty {
                    true => self.session.may_draw(now).and_then(|()| self.may_show(now)),
                    false => self.session.may_send_part(now),
                };
                match may {
                    Ok(()) => {
                        self.draw();
                        dirty = false;
                        if self.session.is_unfinished() {
                            // The rest of a picture: keys first.
                            wait = Some(now);
                        }
                    }
                    Err(pause) => wait = Some(Instant::now() + pause),
                }
            }
            if !dirty && !self.ready.is_empty() && !self.session.is_unfinished() {
                let now = Instant::now();
                wait = match self.session.may_send_part(now) {
                    Ok(()) => {
                        self.show_thumbs();
                        self.draw();
                        // The next ones: keys first.
                        Some(now)
                    }
                    Err(pause) => Some(now + pause),
                };
            }
            match self.next(inbox, wait) {
                Some(wake) => {
                    dirty = true;
                    self.wake(wake);
                    for wake in inbox.try_iter().take(BURST) {
                        self.wake(wake);
                    }
                }
                None => dirty |= self.due(),
            }
            match self.over.take() {
                Some(Over::Quit) => return None,
                Some(Over::End(end)) => return Some(end),
                None => {}
            }
        }
    }

    /// A run that was selected just now is read in a millisecond or two: one frame then shows all of it, where two
    /// would take away what stands there and draw much of it again.
    fn may_show(&mut self, now: Instant) -> Result<(), Duration> {
        if !self.model.is_reading() {
            self.reading_since = None;
            return Ok(());
        }
        let since = *self.reading_since.get_or_insert(now);
        match READING.checked_sub(now.saturating_duration_since(since)) {
            Some(left) if !left.is_zero() => Err(left),
            _ => Ok(()),
        }
    }

    /// The next thing to happen; `None` when a time has come. Without a time to wait for, it sleeps.
    fn next(&mut self, inbox: &Receiver<Wake>, draw_at: Option<Instant>) -> Option<Wake> {
        self.tick_at = match (self.model.is_working(), self.tick_at) {
            (true, None) => Some(Instant::now() + TICK),
            (true, at) => at,
            (false, _) => None,
        };
        let look_at = self.look.as_ref().map(|(_, at)| *at);
        let pictures = [self.means_at, look_at, self.frame_at];
        let times = [draw_at, self.save_at, self.tick_at, self.store_at].into_iter().chain(pictures);
        let answer = match times.flatten().min() {
            Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        answer.ok()
    }

    /// Does what a time has come for. Returns whether the screen may have changed.
    fn due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.save_at) {
            self.remember_now();
        }
        let mut changed = false;
        if is_due(self.tick_at) {
            self.tick_at = None;
            self.hear(Msg::Tick);
            changed = true;
        }
        if is_due(self.store_at) {
            self.store_at = None;
            self.asked_at = Some(now);
            self.hear(Msg::StoreChanged);
            changed = true;
        }
        if is_due(self.means_at) {
            self.means_at = None;
            self.tell_means();
            changed = true;
        }
        if is_due(self.look.as_ref().map(|(_, at)| *at))
            && let Some((order, _)) = self.look.take()
        {
            self.look_now(order);
        }
        if is_due(self.frame_at) {
            // On a slow line a film is slow.
            let busy = self.session.is_unfinished();
            self.frame_at = busy.then(|| now + FILM_PAUSE);
            if !busy {
                self.hear(Msg::NextFrame);
                changed = true;
            }
        }
        changed
    }

    /// Tells what the terminal can do for pictures, as far as that is known.
    fn tell_means(&mut self) {
        let capabilities = self.session.capabilities();
        // Through tmux the terminal's own answer comes later than tmux's last one.
        let all_answered = capabilities.complete && !self.terminal_env.tmux;
        let decided = self.means_at.is_none() || all_answered || capabilities.kitty_graphics;
        let cell = self.session.cell_pixels().and_then(|(width, height)| CellSize::told(width, height));
        let means = PictureMeans {
            best: decided.then(|| best_protocol(&capabilities, &self.terminal_env)),
            cell: cell.unwrap_or_default(),
            colourless: self.model.output.means.colourless,
        };
        if all_answered || capabilities.kitty_graphics {
            self.means_at = None;
        }
        if means != self.model.output.means {
            self.hear(Msg::Means(means));
        }
    }

    fn look_now(&mut self, order: LookOrder) {
        let encode_options = self.encode_options();
        if let Some(pictures) = &self.pictures {
            pictures.look(order, encode_options);
        }
    }

    /// What a picture may cost now, and what stands behind it.
    fn encode_options(&self) -> EncodeOptions {
        let piece = self.session.part_size();
        let (bytes, said) = self.picture_bytes;
        // On a slow line not more than it carries in some seconds.
        let budget = if said { bytes } else { bytes.min(piece * SLOW_PARTS) };
        let ground = match (self.session.capabilities().background, self.theme_choice) {
            (Some(Rgb(r, g, b)), _) => [r, g, b],
            (None, ThemeChoice::Light) => [255; 3],
            (None, _) => [0; 3],
        };
        EncodeOptions { budget, piece, ground, colours: self.colours }
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Msg(Msg::Thumb(order, thumb)) => {
                // None of its rows is seen yet.
                let thumb = match thumb {
                    Thumb::Picture(picture, _) => Thumb::Picture(picture, 0),
                    nothing => nothing,
                };
                self.ready.push_back((order, thumb));
            }
            Wake::Msg(msg) => self.hear(msg),
            Wake::Terminal(event) => self.terminal(event),
            Wake::StoreChanged => {
                let now = Instant::now();
                let next = self.asked_at.map_or(now, |at| (at + STORE_PAUSE).max(now));
                self.store_at.get_or_insert(next);
            }
        }
    }

    fn terminal(&mut self, event: TermEvent) {
        match event {
            TermEvent::Input(event) => {
                let resized = matches!(event, crossterm::event::Event::Resize(..));
                self.hear(Msg::Input(event));
                if resized {
                    // The font may be another one by now.
                    self.tell_means();
                }
            }
            TermEvent::PasteCut => {
                let told = "The paste was longer than 4 MiB; the rest was left out";
                self.hear(Msg::Notice(Tone::Bad, told.to_owned()));
            }
            TermEvent::Ready => {}
            TermEvent::Capabilities(capabilities) => {
                if self.theme_choice == ThemeChoice::Auto {
                    let dark = capabilities.background.is_none_or(Rgb::is_dark);
                    self.theme = Theme::new(if dark { Ground::Dark } else { Ground::Light });
                }
                self.tell_means();
            }
            TermEvent::Suspend => self.suspend(),
            TermEvent::Continued => {
                if let Err(error) = self.session.resume() {
                    tracing::error!("the terminal could not be taken again: {error}");
                    self.over = Some(Over::Quit);
                }
            }
            TermEvent::Panicked(text) => {
                let told =
                    format!("A part of comfydeck failed ({text}). Please report it; leave and start again");
                self.hear(Msg::Notice(Tone::Bad, told));
            }
            TermEvent::End(end) => self.over = Some(Over::End(end)),
        }
    }

    fn hear(&mut self, msg: Msg) {
        let effects = self.update(msg);
        self.perform(effects);
    }

    fn update(&mut self, mut msg: Msg) -> Vec<Effect> {
        if let Msg::Opened(opened) = &mut msg {
            opened.pinned = self.saved.pinned.get(&opened.source.workflow_hash).cloned();
        }
        let ctx = Ctx { now: store::now(), random: self.random.u64(..), keys: &self.keys };
        update::update(&mut self.model, msg, &ctx)
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Quit => self.over = Some(Over::Quit),
                Effect::Suspend => self.suspend(),
                Effect::Redraw => self.session.repaint(),
                Effect::Remember => self.save_at = Some(Instant::now() + SAVE_AFTER),
                Effect::Copy(text) => self.copy(&text),
                Effect::CopyScp(path) => self.copy_scp(&path),
                Effect::Look(order) => {
                    let now = Instant::now();
                    // Another output of the same run, another size: there is nothing to rest on.
                    let rest = if self.model.output.looked.is_some() { Duration::ZERO } else { REST };
                    self.look = Some((order, now + rest));
                    if let Some(pictures) = &self.pictures {
                        pictures.drop_work();
                    }
                }
                Effect::FrameIn(ms) => {
                    self.frame_at = Some(Instant::now() + Duration::from_millis(ms.into()));
                }
                Effect::EditOutside { key, text, extension } => self.edit_outside(key, &text, extension),
                Effect::MakeThumbs(orders) => self.make_thumbs(orders),
                Effect::ComparePictures(order) => self.compare_pictures(order),
                Effect::LoadRuns(_)
                | Effect::LoadOutputs(_)
                | Effect::LoadPair(_)
                | Effect::LoadRun(_)
                | Effect::LoadTypical(_)
                | Effect::LoadLog { .. } => {
                    if let Some(reader) = &self.to_reader {
                        // The reader lives as long as the screen.
                        let _ = reader.send(effect);
                    }
                }
                effect => self.order(effect),
            }
        }
    }

    /// Gives a text to the terminal's clipboard. Whether it took it, a terminal does not tell.
    fn copy(&mut self, text: &str) {
        let told = match clipboard::sequence(text, clipboard::set) {
            Ok(bytes) => {
                self.session.send(&bytes);
                // tmux keeps it to itself unless it is told otherwise.
                let through = clipboard::set("TMUX").map_or("", |_| " (tmux: `set -g set-clipboard on`)");
                Msg::Notice(Tone::Good, format!("Sent to your terminal's clipboard{through}: {text}"))
            }
            Err(why) => Msg::Notice(Tone::Plain, format!("{why}: {text}")),
        };
        self.hear(told);
    }

    fn copy_scp(&mut self, path: &Path) {
        match clipboard::scp_line(&path.to_string_lossy(), self.scp_host.clone(), clipboard::set) {
            Ok(line) => self.copy(&line),
            Err(why) => {
                let told = format!("{why}: {}", path.display());
                self.hear(Msg::Notice(Tone::Plain, told));
            }
        }
    }

    fn order(&mut self, effect: Effect) {
        if let Some(operations) = &self.to_operations {
            let _ = operations.send(effect);
        }
    }

    fn make_thumbs(&mut self, orders: Vec<ThumbOrder>) {
        if self.thumbs.is_none() {
            let folder = self.dirs.cache.join("thumbs");
            match Thumbs::start(folder, self.colours, self.sender.clone()) {
                Ok(thumbs) => self.thumbs = Some(thumbs),
                Err(error) => tracing::error!("no thumbnails can be made: {error}"),
            }
        }
        let budget = (self.encode_options().budget / THUMB_SHARE).clamp(THUMB_BYTES.0, THUMB_BYTES.1);
        if let Some(thumbs) = &self.thumbs {
            thumbs.want(orders, budget);
        }
    }

    fn compare_pictures(&mut self, order: CompareOrder) {
        if self.comparer.is_none() {
            match Comparer::start(self.sender.clone()) {
                Ok(comparer) => self.comparer = Some(comparer),
                Err(error) => tracing::error!("nothing can be compared: {error}"),
            }
        }
        if let Some(comparer) = &self.comparer {
            comparer.make(order, self.encode_options());
        }
    }

    /// As many rows of thumbnails as one frame should hold, so that over a slow line no key waits for a screen full of
    /// them.
    fn show_thumbs(&mut self) {
        let mut room = self.session.part_size().min(THUMBS_A_FRAME);
        while room > 0
            && let Some((order, thumb)) = self.ready.pop_front()
        {
            let Thumb::Picture(picture, begun) = thumb else {
                self.hear(Msg::Thumb(order, thumb));
                continue;
            };
            let height = picture.cells.height;
            let row = (picture.wire_bytes() / usize::from(height.max(1))).max(1);
            let rows = u16::try_from(room / row).unwrap_or(u16::MAX).max(1);
            let seen = begun.saturating_add(rows).min(height);
            room = room.saturating_sub(row * usize::from(seen - begun));
            self.hear(Msg::Thumb(order.clone(), Thumb::Picture(picture.clone(), seen)));
            if seen < height {
                self.ready.push_front((order, Thumb::Picture(picture, seen)));
            }
        }
    }

    fn draw(&mut self) {
        let area = Rect::new(0, 0, self.model.size.width, self.model.size.height);
        if self.buffer.area == area {
            self.buffer.reset();
        } else {
            self.buffer = Buffer::empty(area);
        }
        let cursor = view::view(&self.model, &self.keys, &self.theme, &mut self.buffer);
        let picture = view::placement(&self.model);
        self.session.draw_with(&mut self.buffer, cursor, picture.as_ref());
    }

    fn suspend(&mut self) {
        self.remember_now();
        if let Err(error) = self.session.suspend() {
            self.hear(Msg::Notice(Tone::Bad, format!("comfydeck could not be suspended: {error}")));
        }
    }

    fn remember_now(&mut self) {
        if self.save_at.take().is_none() {
            return;
        }
        self.saved.note(&self.model);
        if let Err(error) = self.saved.save(&self.dirs) {
            tracing::warn!("what is open could not be remembered: {error}");
        }
    }

    /// Gives the terminal to `$EDITOR` with a text, and takes both back.
    fn edit_outside(&mut self, key: crate::domain::ParamKey, text: &str, extension: &str) {
        let edited = files::ScratchFile::new(&self.dirs.runtime, text, extension).and_then(|file| {
            let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok());
            let editor = editor.filter(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
            // As git does: the variable may hold arguments, so a shell splits it; the path goes as an argument.
            let mut command = std::process::Command::new("sh");
            command.arg("-c").arg(format!("{editor} \"$1\"")).arg("editor").arg(file.path());
            let status = self.session.hand_over(|| command.status())??;
            if status.success() {
                file.read().map(Ok)
            } else {
                Ok(Err(format!("{editor} ended with {status}")))
            }
        });
        match edited {
            Ok(Ok(text)) => self.hear(Msg::Edited { key, text }),
            Ok(Err(why)) => self.hear(Msg::Notice(Tone::Bad, format!("{why}; the text is as it was"))),
            Err(error) => self.hear(Msg::Notice(Tone::Bad, format!("The editor could not be used: {error}"))),
        }
    }
}
