//! The only IO of the screen: the terminal, the store, files, `$EDITOR`, the clock.
//!
//! One loop hears everything through one channel. Questions to the store go to the [`reader`]'s thread, what
//! changes something to the [`desk`]'s; their answers come back as messages. Nothing here decides anything.

mod clipboard;
mod desk;
mod files;
mod memory;
mod opener;
mod reader;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::desk::Desk;
use self::memory::Memory;
use self::reader::Reader;
use super::effect::Effect;
use super::keymap::Keymap;
use super::model::{Model, Notice, Size, Tone};
use super::msg::{Ctx, Msg};
use super::terminal::input::Rgb;
use super::terminal::painter::ColorDepth;
use super::terminal::{End, Options as TerminalOptions, Session, StartError, TermEvent};
use super::theme::{Ground, Theme};
use super::{update, view};
use crate::config::ThemeChoice;
use crate::config::{Config, Dirs};
use crate::store::{self, Store, StoreError};

/// Messages that are taken in before a frame is drawn: a flood of them must not hold the drawing up.
const BURST: usize = 256;
/// Changes to remember are written when nothing has been typed for this long.
const SAVE_AFTER: Duration = Duration::from_millis(700);
/// While something is under way, its times are drawn anew this often.
const TICK: Duration = Duration::from_secs(1);
/// A store that changes all the time is asked this often at the most.
const STORE_PAUSE: Duration = Duration::from_millis(50);

/// What to open.
#[derive(Debug)]
pub struct Options {
    /// Where files live.
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
    /// The terminal.
    #[error(transparent)]
    Terminal(#[from] StartError),
    /// The history.
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
    screen.open(store, Desk::new(options))?;
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
    to_desk: Option<Sender<Effect>>,
    memory: Memory,
    /// When changes to remember are written.
    save_at: Option<Instant>,
    tick_at: Option<Instant>,
    /// The store changed, and is asked at this time.
    store_at: Option<Instant>,
    asked_at: Option<Instant>,
    _watcher: Option<store::Watcher>,
    over: Option<Over>,
}

/// Why the loop ends.
enum Over {
    Quit,
    End(End),
}

impl Screen {
    fn new(options: &Options, sender: Sender<Wake>) -> Result<Self, TuiError> {
        let mut terminal = TerminalOptions::from_env();
        terminal.mouse = options.config.ui.mouse;
        terminal.flow_control = options.config.ui.flow_control;
        terminal.title = Some("comfydeck".to_owned());
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
        let memory = Memory::load(&options.dirs);
        let mut model = Model {
            size: Size { width: size.width, height: size.height },
            now: store::now(),
            split: memory.split,
            ..Model::default()
        };
        model.log.cut = memory.log_cut;
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
            to_desk: None,
            memory,
            save_at: None,
            tick_at: None,
            store_at: None,
            asked_at: None,
            _watcher: None,
            over: None,
        })
    }

    /// Opens what was asked for and reads the newest runs, so that the first frame is whole.
    fn open(&mut self, store: Store, mut desk: Desk) -> Result<(), TuiError> {
        let mut reader = Reader::new(store);
        for msg in desk.open(&self.memory) {
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
        let (to_desk, orders) = mpsc::channel();
        let (answers, told) = (self.sender.clone(), self.sender.clone());
        thread::Builder::new().name("reader".to_owned()).spawn(move || reader.serve(&questions, &answers))?;
        thread::Builder::new().name("desk".to_owned()).spawn(move || desk.serve(&orders, &told))?;
        self.to_reader = Some(to_reader);
        self.to_desk = Some(to_desk);
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
    fn live(&mut self, inbox: &Receiver<Wake>) -> Option<End> {
        let mut dirty = true;
        loop {
            let mut wait = None;
            if dirty {
                match self.session.may_draw(Instant::now()) {
                    Ok(()) => {
                        self.draw();
                        dirty = false;
                    }
                    Err(pause) => wait = Some(Instant::now() + pause),
                }
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

    /// The next thing to happen; `None` when a time has come. Without a time to wait for, it sleeps.
    fn next(&mut self, inbox: &Receiver<Wake>, draw_at: Option<Instant>) -> Option<Wake> {
        self.tick_at = match (self.model.is_working(), self.tick_at) {
            (true, None) => Some(Instant::now() + TICK),
            (true, at) => at,
            (false, _) => None,
        };
        let times = [draw_at, self.save_at, self.tick_at, self.store_at];
        let answer = match times.into_iter().flatten().min() {
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
        changed
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
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
            TermEvent::Input(event) => self.hear(Msg::Input(event)),
            TermEvent::PasteCut => {
                let told = "The paste was longer than 4 MiB; the rest was left out";
                self.hear(Msg::Notice(Tone::Bad, told.to_owned()));
            }
            TermEvent::Ready => {}
            TermEvent::Abilities(abilities) => {
                if self.theme_choice == ThemeChoice::Auto {
                    let dark = abilities.background.is_none_or(Rgb::is_dark);
                    self.theme = Theme::new(if dark { Ground::Dark } else { Ground::Light });
                }
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
            opened.pinned = self.memory.pinned.get(&opened.source.workflow_hash).cloned();
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
                Effect::EditOutside { key, text, extension } => self.edit_outside(key, &text, extension),
                Effect::LoadRuns(_)
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
                Msg::Notice(Tone::Good, format!("Sent to your terminal's clipboard: {text}"))
            }
            Err(why) => Msg::Notice(Tone::Plain, format!("{text} {why}")),
        };
        self.hear(told);
    }

    fn copy_scp(&mut self, path: &Path) {
        match clipboard::scp_line(&path.to_string_lossy(), self.scp_host.clone(), clipboard::set) {
            Ok(line) => self.copy(&line),
            Err(why) => {
                let told = format!("{} {why}", path.display());
                self.hear(Msg::Notice(Tone::Plain, told));
            }
        }
    }

    fn order(&mut self, effect: Effect) {
        if let Some(desk) = &self.to_desk {
            let _ = desk.send(effect);
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
        self.session.draw(&self.buffer, cursor);
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
        self.memory.note(&self.model);
        if let Err(error) = self.memory.save(&self.dirs) {
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
