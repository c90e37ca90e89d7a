//! The rows of the server pane. The view draws them and `update` selects among them.

use crate::domain::server::{Memory, QueuedPrompt};
use crate::domain::{RunId, run::shown_url};
use crate::report::text;
use crate::tui::model::Model;

#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    Blank,
    Heading(String),
    Fact {
        label: &'static str,
        text: String,
    },
    /// A prompt of the queue.
    Prompt {
        id: String,
        is_running: bool,
        nodes: usize,
        run: Option<RunId>,
    },
    /// A folder of models.
    Folder {
        name: String,
        is_open: bool,
    },
    /// A model of the open folder, or what there is instead.
    Model(String),
}

impl Row {
    pub fn is_selectable(&self) -> bool {
        matches!(self, Self::Prompt { .. } | Self::Folder { .. })
    }
}

pub fn rows(model: &Model) -> Vec<Row> {
    let pane = &model.server;
    let Some(state) = &pane.seen else { return Vec::new() };
    let fact = |label, text: String| Row::Fact { label, text };
    let mut rows = vec![fact("ComfyUI", format!("{}  {}", state.system.version, shown_url(&pane.url)))];
    let memory = |memory: Option<Memory>| match memory {
        Some(Memory { free, total }) => format!("{} of {} free", text::bytes(free), text::bytes(total)),
        None => String::new(),
    };
    for device in &state.system.devices {
        rows.push(fact("device", format!("{}  {}", device.name, memory(device.vram))));
    }
    rows.push(fact("memory", memory(state.system.ram)));
    if let Some(nodes) = model.open.workflow.as_ref().and_then(|open| open.nodes.as_ref()) {
        let read_at = nodes.read_at.duration_since(std::time::UNIX_EPOCH).ok();
        let read_at = read_at.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default();
        let ago = text::ago(model.now - read_at);
        rows.push(fact("nodes", format!("{} kinds, read {ago}", nodes.classes)));
    }
    let (running, waiting) = (&state.queue.running, &state.queue.waiting);
    rows.push(Row::Blank);
    rows.push(Row::Heading(format!("Queue  {} running, {} waiting", running.len(), waiting.len())));
    let prompt = |is_running: bool| {
        move |prompt: &QueuedPrompt| Row::Prompt {
            id: prompt.prompt_id.clone(),
            is_running,
            nodes: prompt.nodes,
            run: run_of(model, &prompt.prompt_id),
        }
    };
    rows.extend(running.iter().map(prompt(true)));
    rows.extend(waiting.iter().map(prompt(false)));
    rows.push(Row::Blank);
    rows.push(Row::Heading("Models".to_owned()));
    for name in &state.folders {
        let open = pane.folder.as_ref().filter(|(folder, _)| folder == name);
        rows.push(Row::Folder { name: name.clone(), is_open: open.is_some() });
        match open {
            Some((_, Some(models))) if models.is_empty() => rows.push(Row::Model("none".to_owned())),
            Some((_, Some(models))) => rows.extend(models.iter().cloned().map(Row::Model)),
            Some((_, None)) => rows.push(Row::Model("Reading…".to_owned())),
            None => {}
        }
    }
    rows
}

/// Our run with this name at the server.
fn run_of(model: &Model, prompt_id: &str) -> Option<RunId> {
    let is_it = |id: &String| id.eq_ignore_ascii_case(prompt_id);
    let rows = &model.runs.list.rows;
    rows.iter().find(|run| run.prompt_id.as_ref().is_some_and(is_it)).map(|run| run.id)
}

/// The selected row and its line.
pub fn selected(model: &Model) -> Option<(usize, Row)> {
    let mut selectable = rows(model).into_iter().enumerate().filter(|(_, row)| row.is_selectable());
    selectable.nth(model.server.selected)
}
