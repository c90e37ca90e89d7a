//! Starts the dashboard: terminal, last open workflow, newest runs, then the threads.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::compare::CompareRenderer;
use super::encode_options::PictureSettings;
use super::event_loop::{EventLoop, Threads};
use super::operations::{Asked, Operations};
use super::pace::Pace;
use super::pictures::OutputRenderer;
use super::saved_state::SavedState;
use super::servers::Servers;
use super::store_reader::StoreReader;
use super::thumb_queue::ThumbQueue;
use super::thumbs::ThumbRenderer;
use super::timers::{Timer, Timers};
use super::worker::Worker;
use super::{Options, Replies, TuiError, Wake};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::config::{Config, ThemeChoice};
use crate::library::schemas::Schemas;
use crate::picture::{PictureMode, PictureProtocol, usual_budget};
use crate::runner;
use crate::store::{self, Store};
use crate::tui::alerts::Alerts;
use crate::tui::commands;
use crate::tui::effect::{Operation, Question, ServerRequest};
use crate::tui::model::{Model, Size};
use crate::tui::notice::Tone;
use crate::tui::open::ProfileChoice;
use crate::tui::reader::{self, Reader};
use crate::tui::terminal::painter::ColorDepth;
use crate::tui::terminal::palette::Palette;
use crate::tui::terminal::{Capabilities, Session, SessionOptions, TerminalEnv};
use crate::tui::theme::{Ground, Theme};

/// Timeout of the terminal's answer about picture protocols.
const PICTURE_QUERY: Duration = Duration::from_secs(1);

/// Takes the terminal, opens the workflow and reads the newest runs, so that the first frame is complete.
///
/// # Errors
/// If there is no terminal, or a thread cannot be started.
pub(super) fn start(options: Options, store: Store, replies: &Replies) -> Result<EventLoop, TuiError> {
    let saved = SavedState::load(&options.dirs);
    let terminal = session_options(&options.config);
    let pictures = picture_settings(&options.config, terminal.depth);
    let (threads, inboxes) = threads(&options, replies)?;
    let mut event_loop = event_loop(&options, terminal, pictures, saved, threads, replies)?;
    let mut reader = StoreReader::new(options.dirs.clone(), store, replies.clone());
    let Options { dirs, config, workflow, preset, demo, .. } = options;
    let servers = Servers::new(Schemas::new(&dirs), replies.clone());
    let operations = Operations::new(dirs, config, replies.clone());
    let asked = Asked { workflow, preset, demo };
    let choice = event_loop.model.profile_choice.clone();
    for msg in operations.open_first(&asked, &choice, event_loop.saved.last()) {
        event_loop.hear(msg);
    }
    event_loop.read_newest(&mut reader);
    event_loop.draw();
    let Inboxes { questions, orders, requests } = inboxes;
    thread::Builder::new().name("reader".to_owned()).spawn(move || reader.serve(&questions))?;
    thread::Builder::new().name("operations".to_owned()).spawn(move || operations.serve(&orders))?;
    thread::Builder::new().name("servers".to_owned()).spawn(move || servers.serve(requests))?;
    event_loop.watch_store(replies.clone());
    Ok(event_loop)
}

/// What is sent to the threads that start after the first frame.
struct Inboxes {
    questions: Receiver<Question>,
    orders: Receiver<Operation>,
    requests: UnboundedReceiver<ServerRequest>,
}

/// The loop's ends of all threads. The workers are running; the others read what was sent to them once they start.
fn threads(options: &Options, replies: &Replies) -> Result<(Threads, Inboxes), TuiError> {
    let (reader, questions) = mpsc::channel();
    let (operations, orders) = mpsc::channel();
    let (servers, requests) = unbounded_channel();
    let mut outputs = OutputRenderer::new(replies.clone());
    let mut comparisons = CompareRenderer::new(replies.clone());
    let mut thumbs = ThumbRenderer::new(replies.clone(), options.dirs.cache.join("thumbs"));
    let threads = Threads {
        reader,
        operations,
        servers,
        outputs: Worker::start(move |(order, options), ticket| outputs.render(order, options, ticket))?,
        comparisons: Worker::start(move |(order, options), ticket| {
            comparisons.render(order, options, ticket)
        })?,
        thumbs: Worker::start(move |(orders, options), ticket| thumbs.render(orders, options, ticket))?,
    };
    Ok((threads, Inboxes { questions, orders, requests }))
}

/// How pictures are drawn; in lines they are not.
fn picture_mode(config: &Config) -> PictureMode {
    if config.ui.reader { PictureMode::Off } else { config.ui.pictures }
}

fn session_options(config: &Config) -> SessionOptions {
    let mode = picture_mode(config);
    let of_environment = SessionOptions::from_env();
    SessionOptions {
        mouse: config.ui.mouse && !config.ui.reader,
        linear: config.ui.reader,
        flow_control: config.ui.flow_control,
        ascii: config.ui.ascii.unwrap_or(of_environment.ascii),
        // A screen reader may read out questions and titles that it does not know.
        title: (!config.ui.reader).then(|| "comfydeck".to_owned()),
        queries: of_environment.queries && !config.ui.reader,
        notifications: !config.notify.desktop.is_empty(),
        // Nobody is asked what is not used.
        pictures: !matches!(mode, PictureMode::Off | PictureMode::Always(PictureProtocol::Blocks)),
        ..of_environment
    }
}

fn picture_settings(config: &Config, depth: ColorDepth) -> PictureSettings {
    let terminal_env = TerminalEnv::from_env();
    PictureSettings {
        configured_bytes: config.ui.picture_bytes,
        usual_bytes: usual_budget(terminal_env.ssh),
        colours: depth.colours(),
        blocks: config.ui.blocks,
        terminal_env,
    }
}

fn event_loop(
    options: &Options,
    terminal: SessionOptions,
    pictures: PictureSettings,
    saved: SavedState,
    threads: Threads,
    replies: &Replies,
) -> Result<EventLoop, TuiError> {
    let Config { ui, notify, keys, warnings, .. } = &options.config;
    let colourless = terminal.depth == ColorDepth::Mono;
    let (theme_choice, depth) = (ui.theme, terminal.depth);
    let ground = if ui.theme == ThemeChoice::Light { Ground::Light } else { Ground::Dark };
    let theme = Theme::new(Palette::default(), ground, depth);
    let mut timers = Timers::default();
    let answered = if terminal.pictures && terminal.queries { PICTURE_QUERY } else { Duration::ZERO };
    timers.restart(Timer::PictureSupport, Instant::now() + answered);
    let events = replies.clone();
    let session = Session::start(terminal, move |event| events.wake(Wake::Terminal(event)))?;
    let (keys, key_problems) = commands::keymap(keys);
    let size = match (ui.reader, session.size()) {
        (true, _) => reader::SCREEN,
        (false, size) => Size { width: size.width, height: size.height },
    };
    let mut model = Model {
        size,
        now: store::now(),
        split: saved.split,
        log_split: saved.log_split,
        demo: options.demo,
        profile_choice: ProfileChoice { profile: options.profile.clone(), url: options.url.clone() },
        usual_outputs: options.dirs.outputs.clone(),
        same_unasked: !ui.ask_if_same,
        linear: ui.reader,
        park_cursor: ui.park_cursor,
        alerts: Alerts::new(notify.clone(), store::now()),
        ..Model::default()
    };
    model.params.pipes.names = options.config.pipes.keys().cloned().collect();
    model.log.cut = saved.log_cut;
    model.output.mode = picture_mode(&options.config);
    model.output.means.colourless = colourless;
    let key_problems = key_problems.iter().map(|problem| options.config.key_problem(problem));
    for problem in warnings.iter().map(ToString::to_string).chain(key_problems) {
        model.report(Tone::Bad, problem);
    }
    Ok(EventLoop {
        dirs: options.dirs.clone(),
        scp_host: ui.scp_host.clone(),
        model,
        keys,
        theme,
        theme_choice,
        session,
        reader: ui.reader.then(Reader::default),
        by_key: false,
        outer_waits: [].iter(),
        heard: Capabilities::default(),
        buffer: Buffer::empty(Rect::ZERO),
        random: fastrand::Rng::new(),
        threads,
        pictures,
        thumb_queue: ThumbQueue::default(),
        to_render: None,
        saved,
        typed: super::typed_values::TypedValues::default(),
        timers,
        pace: Pace::default(),
        is_start: true,
        over: None,
        wants_demo: false,
        start_demo: options.start_demo,
        watcher: None,
        pipes: options.config.pipes.clone(),
        secret_variables: runner::secret_variables(&options.dirs),
        pipe: None,
        saves: None,
        replies: replies.clone(),
    })
}
