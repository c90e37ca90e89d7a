//! For tests: a screen without a terminal. Press keys, pass in messages, check what is shown and which effects follow.

use std::sync::Arc;

use crossterm::event::{Event, KeyEvent};
use indexmap::IndexMap;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::Value;

use crate::config::Profile;
use crate::library::open::OpenWorkflow;
use crate::library::presets::OpenPreset;

use super::command::{Ctx, Keymap};
use super::effect::Effect;
use super::key::Key;
use super::theme::Theme;
use super::{commands, update, view};
use crate::domain::draft::Layer;
use crate::domain::run::{Counts, End, Output, Progress, RunError, RunSummary};
use crate::domain::{
    Notes, OutputCard, OutputId, ParamKey, Run, RunEvent, RunRequest, SeedPolicy, Setting, Status, Workflow,
    param,
};
use crate::tui::model::{Model, Size};
use crate::tui::msg::{Msg, Opened};
use crate::tui::open::Open;
use crate::tui::panes::gallery::Tile;

/// Now, in every test.
pub(super) const NOW: i64 = 1_790_000_000_000;

const WORKFLOW: &str = r#"{
    "3": {"class_type": "KSampler", "inputs": {"seed": 268261030599666, "steps": 20, "cfg": 6, "sampler_name": "uni_pc", "denoise": 1, "model": ["56", 0]}, "_meta": {"title": "KSampler"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "A flamingo dancing on top of a server in a pink universe, masterpiece, best quality", "clip": ["38", 0]}, "_meta": {"title": "Positive Prompt"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry"}, "_meta": {"title": "Negative Prompt"}},
    "9": {"class_type": "Toggle", "inputs": {"enabled": true}},
    "52": {"class_type": "LoadImage", "inputs": {"image": "server.png"}, "_meta": {"title": "Load Image"}}
}"#;

pub(super) fn key(text: &str) -> ParamKey {
    ParamKey::parse(text).expect(text)
}

pub(super) fn value(value: impl Into<Value>) -> Setting {
    Setting::Value(value.into())
}

/// A screen without a terminal.
pub(super) struct Stage {
    pub(super) model: Model,
    keys: Keymap,
}

impl Stage {
    /// An empty screen, before anything is opened.
    pub(super) fn empty(width: u16, height: u16) -> Self {
        let (keys, _) = commands::keymap(&IndexMap::new());
        let model = Model {
            size: Size { width, height },
            now: NOW,
            usual_outputs: "/home/ada/comfydeck".into(),
            ..Model::default()
        };
        Self { model, keys }
    }

    /// A screen with a workflow, a preset and a profile.
    pub(super) fn new(width: u16, height: u16) -> Self {
        let mut stage = Self::empty(width, height);
        update::start(&mut stage.model);
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        let mut workflow = OpenWorkflow::to_test("wan-i2v", workflow);
        // In the order of the file.
        workflow.params = param::parameters(&workflow.workflow);
        stage.hear(Msg::Opened(Box::new(Opened {
            open: Open {
                workflow: Some(Arc::new(workflow)),
                preset: Some(Arc::new(OpenPreset::to_test("flamingo"))),
                profile: Some(Arc::new(Profile {
                    name: "prod".to_owned(),
                    ..Profile::of_url("https://flamingo.example.com/api")
                })),
                ..Open::default()
            },
            layer: Layer {
                name: "flamingo".to_owned(),
                settings: [(key("3-inputs-steps"), value(30))].into_iter().collect(),
                beneath: IndexMap::new(),
                seeds: [(key("3-inputs-seed"), SeedPolicy::Randomize)].into_iter().collect(),
                aliases: [
                    ("prompt".to_owned(), key("6-inputs-text")),
                    ("seed".to_owned(), key("3-inputs-seed")),
                ]
                .into_iter()
                .collect(),
                ..Layer::default()
            },
            edits: Vec::new(),
            seeds: Vec::new(),
            field: None,
            names: Vec::new(),
            expand: Vec::new(),
            pinned: None,
            unsure: Vec::new(),
            ran: Vec::new(),
            earlier: None,
            problems: Vec::new(),
        })));
        stage.hear(runs_msg(Vec::new()));
        // What is told at the first start is read by now.
        stage.model.notice = None;
        stage
    }

    pub(super) fn keys(&self) -> &Keymap {
        &self.keys
    }

    pub(super) fn hear(&mut self, msg: Msg) -> Vec<Effect> {
        let ctx = Ctx { now: self.model.now, random: 42, keys: &self.keys };
        update::update(&mut self.model, msg, &ctx)
    }

    /// Presses keys, named as in `config.toml` and parted by blanks.
    pub(super) fn press(&mut self, keys: &str) -> Vec<Effect> {
        let press = |text: &str| {
            let key = Key::parse(text).expect(text);
            Msg::Input(Event::Key(KeyEvent::new(key.code, key.mods)))
        };
        keys.split_whitespace().flat_map(|text| self.hear(press(text))).collect()
    }

    pub(super) fn type_text(&mut self, text: &str) -> Vec<Effect> {
        let typed = |c: char| Msg::Input(Event::Key(KeyEvent::from(crossterm::event::KeyCode::Char(c))));
        text.chars().flat_map(|c| self.hear(typed(c))).collect()
    }

    pub(super) fn draw(&self) -> (Buffer, Option<Position>) {
        let size = self.model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.width, size.height));
        let cursor = view::view(&self.model, &self.keys, &Theme::colourless(), &mut buffer);
        (buffer, cursor)
    }

    /// The screen as text, without the blanks at the ends of lines. The cursor is not shown.
    pub(super) fn screen(&self) -> String {
        let (buffer, _) = self.draw();
        let width = usize::from(buffer.area.width);
        let lines = buffer.content.chunks(width).map(|cells| {
            let mut line = String::new();
            let mut covered = 0;
            for cell in cells {
                if covered > 0 {
                    covered -= 1;
                    continue;
                }
                line.push_str(cell.symbol());
                covered = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
            }
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The text of the current notice.
    pub(super) fn told(&self) -> &str {
        self.model.notice.as_ref().map_or("", |notice| &notice.text)
    }
}

/// A page with all the runs there are.
pub(super) fn runs_msg(rows: Vec<RunSummary>) -> Msg {
    let in_flight = rows.iter().filter(|row| row.status.is_in_flight());
    let connections = in_flight.clone().filter_map(|row| Some((row.profile.clone(), row.connection?)));
    let open = Counts {
        percent: None,
        held: rows.iter().filter(|row| row.held.is_some()).count(),
        ids: rows.iter().filter(|row| !row.status.is_end()).map(|row| row.id).collect(),
        queued: rows.iter().filter(|row| row.status == Status::Queued && row.held.is_none()).count(),
        in_flight: in_flight.count(),
        connections: connections.collect(),
        ..Counts::default()
    };
    let query = super::query::RunsQuery { limit: 100, ..Default::default() };
    Msg::Runs { query, rows, more: false, total: None, open }
}

/// A run that took the given statuses, ten seconds each, the last of them until now.
pub(super) fn run(id: i64, prompt: &str, lived: &[Status]) -> Run {
    let began = NOW - 10_000 * lived.len() as i64;
    let request = RunRequest {
        profile: "prod".to_owned(),
        url: "https://flamingo.example.com/api".to_owned(),
        preset: Some("flamingo".to_owned()),
        workflow_name: "wan-i2v".to_owned(),
        prompt: prompt.to_owned(),
        params: [(key("6-inputs-text"), Value::from(prompt)), (key("3-inputs-seed"), Value::from(7))]
            .into_iter()
            .collect(),
        ..RunRequest::default()
    };
    let mut run = Run::queued(id, request, began - 1_000);
    for (at, status) in lived.iter().enumerate() {
        let at = began + 10_000 * at as i64;
        match status {
            Status::Failed => {
                let error = RunError {
                    what: "KSampler: out of memory".to_owned(),
                    remedy: "Make the picture smaller, or ask for fewer frames.".to_owned(),
                    node: Some("KSampler".to_owned()),
                    param: Some(key("3-inputs-steps")),
                    ..RunError::default()
                };
                run.apply(
                    &RunEvent::Ended(End { status: *status, error: Some(error), server_seconds: None }),
                    at,
                );
            }
            Status::Done => {
                run.apply(&RunEvent::OutputSaved(output()), at);
                run.apply(
                    &RunEvent::Ended(End { status: *status, error: None, server_seconds: Some(8.25) }),
                    at,
                );
            }
            _ => run.apply(&RunEvent::Phase { status: *status }, at),
        }
        if *status == Status::Running {
            let progress = Progress { value: 9, max: 20, seconds_left: Some(41), label: String::new() };
            run.apply(&RunEvent::Progress(progress), at);
        }
    }
    run
}

fn output() -> Output {
    Output {
        path: "/home/ada/pictures/flamingo_00001_.png".into(),
        name: "flamingo_00001_.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: 1_449_000,
        sha256: "0123456789abcdef0123456789abcdef".to_owned(),
    }
}

/// An output of a run, with the run's number as its hash.
pub(super) fn tile(run: i64, name: &str, content_type: &str) -> Tile {
    let output = Output {
        path: format!("/home/ada/pictures/{name}").into(),
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        size: 1_449_000,
        sha256: format!("{run:064}"),
    };
    let card = OutputCard {
        id: OutputId { run, place: 0 },
        output,
        starred: false,
        rejected: false,
        notes: Notes::default(),
        seed: Some(format!("{}", 1_000 + run)),
        preset: Some("flamingo".to_owned()),
        prompt: "A flamingo dancing on top of a server".to_owned(),
        at: NOW - 60_000 * (50 - run),
    };
    Tile { card, gone: false }
}
