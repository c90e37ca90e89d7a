//! `comfydeck server`: shows a server's version, memory, queue and models; reads what its nodes take; clears its queue or
//! memory.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Exit, Failure, dirs, out};
use crate::backend::{Backend, Server, Tend, for_protocol};
use crate::config::{Config, Profile};
use crate::domain::run::{RunError, RunId, shown_url};
use crate::domain::server::{Memory, QueuedPrompt, ServerQueue, System};
use crate::library::schemas::{SchemaOrigin, Schemas};
use crate::report::text;
use crate::store::{RunQuery, Store};
use crate::wire::ansi::scrub_plain;

/// Newest runs in which prompts of the queue are looked up.
const RUNS: u32 = 500;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The profile whose server is meant
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// List the models of a folder, such as `checkpoints` or `loras`
    #[arg(long, value_name = "FOLDER")]
    pub models: Option<String>,
    /// Read again what its nodes take, and keep it: choices and limits for the dashboard and for `run`
    #[arg(long, conflicts_with_all = ["models", "json"])]
    pub nodes: bool,
    /// Remove all waiting prompts from the queue, including other people's; asks first
    #[arg(long, conflicts_with_all = ["models", "json", "nodes"])]
    pub clear_queue: bool,
    /// Unload the models and forget cached results; asks first
    #[arg(long, conflicts_with_all = ["models", "json", "nodes", "clear_queue"])]
    pub free_memory: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
}

/// Shows the server, or clears its queue or memory.
///
/// # Errors
/// When the protocol has no such requests, the server cannot be reached, or nobody confirms.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = dirs()?;
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    let profile = config.choose(args.profile.as_deref(), None).map_err(Failure::usage)?;
    if !profile.protocol.caps().system {
        let word = profile.protocol.word();
        return Err(Failure::usage(format!(
            "servers of protocol `{word}` give no information about themselves; choose a profile with protocol `comfyui` (--profile NAME)"
        )));
    }
    let credentials = profile.credentials().map_err(Failure::usage)?;
    let server = Server::of(&profile, credentials);
    let backend = for_protocol(profile.protocol);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let failed = |error: RunError| {
        Failure::new(Exit::Failed, format!("{}. {}", error.what.trim_end_matches('.'), error.remedy))
    };
    if let Some(folder) = args.models {
        let models = runtime.block_on(backend.models(server, Some(folder))).map_err(failed)?;
        let text = if args.json { format!("{}\n", json!(models)) } else { lines(&models) };
        out::print(&text)?;
        return Ok(Exit::Success);
    }
    if args.nodes {
        let text = runtime.block_on(backend.schema(server)).map_err(failed)?;
        let (schemas, origin) = (Schemas::new(&dirs), SchemaOrigin::Server(profile.called_url().to_owned()));
        let classes = schemas.keep(&origin, &text).map_err(|why| Failure::new(Exit::Failed, why))?;
        out::print(&format!("{classes} kinds of nodes at {}\n", origin.shown()))?;
        return Ok(Exit::Success);
    }
    let (wish, question) = match (args.clear_queue, args.free_memory) {
        (true, _) => {
            (Tend::ClearQueue, "Remove all waiting prompts from the queue, including other people's?")
        }
        (_, true) => (Tend::FreeMemory, "Unload the models and forget cached results?"),
        _ => {
            let seen = runtime.block_on(look(backend.as_ref(), server)).map_err(failed)?;
            let runs = names(&Store::open(&dirs)?)?;
            let text = if args.json {
                format!("{}\n", to_json(&profile, &seen, &runs))
            } else {
                to_text(&profile, &seen, &runs)
            };
            out::print(&text)?;
            return Ok(Exit::Success);
        }
    };
    if !args.yes && !out::is_agreed(question)? {
        return Err(Failure::new(Exit::Cancelled, "nothing was changed"));
    }
    runtime.block_on(backend.tend(server, wish)).map_err(failed)?;
    Ok(Exit::Success)
}

/// What a profile's server says of its nodes.
///
/// # Errors
/// When it cannot be asked, in a sentence.
pub(super) fn read_nodes(profile: &Profile) -> Result<String, Failure> {
    let credentials = profile.credentials().map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = for_protocol(profile.protocol);
    let text = runtime.block_on(asked.schema(Server::of(profile, credentials)));
    text.map_err(|error| {
        Failure::new(Exit::Failed, format!("{}. {}", error.what.trim_end_matches('.'), error.remedy))
    })
}

/// What a server reports.
struct Seen {
    system: System,
    queue: ServerQueue,
    /// Names of the model folders.
    folders: Vec<String>,
}

async fn look(backend: &dyn Backend, server: Server) -> Result<Seen, RunError> {
    Ok(Seen {
        system: backend.system(server.clone()).await?,
        queue: backend.queue(server.clone()).await?,
        folders: backend.models(server, None).await?,
    })
}

/// Our runs' numbers by their names at the server.
fn names(store: &Store) -> Result<HashMap<String, RunId>, Failure> {
    let query = RunQuery { limit: RUNS, ..RunQuery::default() };
    let named = store.summaries(&query)?.into_iter().filter_map(|run| Some((run.prompt_id?, run.id)));
    Ok(named.collect())
}

fn lines(list: &[String]) -> String {
    list.iter().map(|line| format!("{line}\n")).collect()
}

fn to_text(profile: &Profile, seen: &Seen, runs: &HashMap<String, RunId>) -> String {
    let Seen { system, queue, folders } = seen;
    let memory = |memory: Option<Memory>| match memory {
        Some(Memory { free, total }) => format!("{} of {} free", text::bytes(free), text::bytes(total)),
        None => String::new(),
    };
    let mut out = format!("ComfyUI {}  {}\n", system.version, shown_url(&profile.url));
    for device in &system.devices {
        out += &format!("device   {}  {}\n", device.name, memory(device.vram));
    }
    out += &format!("memory   {}\n", memory(system.ram));
    out += &format!("queue    {} running, {} waiting\n", queue.running.len(), queue.waiting.len());
    let prompts = queue.running.iter().map(|prompt| ("●", prompt));
    for (sign, prompt) in prompts.chain(queue.waiting.iter().map(|prompt| ("◦", prompt))) {
        let QueuedPrompt { prompt_id, nodes, .. } = prompt;
        let whose = runs.get(prompt_id).map_or_else(|| "not ours".to_owned(), |run| format!("run {run}"));
        out += &format!("  {sign} {}  {nodes} nodes  {whose}\n", scrub_plain(prompt_id));
    }
    out += &format!("models   {}\n", folders.join(", "));
    out
}

fn to_json(profile: &Profile, seen: &Seen, runs: &HashMap<String, RunId>) -> Value {
    let Seen { system, queue, folders } = seen;
    let memory =
        |memory: Option<Memory>| memory.map(|Memory { free, total }| json!({"free": free, "total": total}));
    let prompt = |QueuedPrompt { number, prompt_id, nodes, client_id }: &QueuedPrompt| json!({"number": number, "prompt_id": prompt_id, "nodes": nodes, "client_id": client_id, "run": runs.get(prompt_id)});
    let device =
        |device: &crate::domain::server::Device| json!({"name": device.name, "vram": memory(device.vram)});
    json!({
        "url": shown_url(&profile.url),
        "version": system.version,
        "python": system.python,
        "pytorch": system.pytorch,
        "ram": memory(system.ram),
        "devices": system.devices.iter().map(device).collect::<Vec<_>>(),
        "running": queue.running.iter().map(prompt).collect::<Vec<_>>(),
        "waiting": queue.waiting.iter().map(prompt).collect::<Vec<_>>(),
        "model_folders": folders,
    })
}
