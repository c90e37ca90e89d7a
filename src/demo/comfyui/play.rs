//! Works on the queue, and sends the events.

use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::state::{Known, Prompt};
use crate::demo::graph::Plan;
use crate::demo::{Endpoint, paint};
use crate::domain::workflow::is_link;

/// Longest side of a preview, as the real one has it.
const PREVIEW_SIDE: u32 = 512;

/// Pixels of the picture per latent pixel.
const LATENT: u32 = 8;

/// Works on the queue until it is empty, unless another task does.
pub(super) fn begin(endpoint: &Arc<Endpoint>) {
    if std::mem::replace(&mut endpoint.comfyui.known().is_worked, true) {
        return;
    }
    let endpoint = Arc::clone(endpoint);
    tokio::spawn(async move {
        // The endpoint stays as long as it has work.
        let _stay = endpoint.connections.stay();
        loop {
            let next = next(&mut endpoint.comfyui.known());
            endpoint.comfyui.tell_status();
            let Some(prompt) = next else { break };
            Worker { endpoint: &endpoint, prompt }.work().await;
        }
    });
}

fn next(known: &mut Known) -> Option<Prompt> {
    let next = known.waiting.pop_front();
    known.is_worked = next.is_some();
    known.running = next.clone();
    next.map(|(_, prompt)| prompt)
}

/// How a prompt ended.
enum PromptEnd {
    Done,
    Failed(Value),
    Interrupted {
        node: String,
    },
    /// The server died with it.
    Crashed,
}

struct Worker<'a> {
    endpoint: &'a Endpoint,
    prompt: Prompt,
}

/// The nodes that have begun, as the server tells them.
#[derive(Default)]
struct Progress(IndexMap<String, (f64, f64, bool)>);

impl Worker<'_> {
    async fn work(self) {
        // What was asked before is not for this one.
        while tokio::time::timeout(Duration::ZERO, self.endpoint.comfyui.stop.notified()).await.is_ok() {}
        self.endpoint.wake().await;
        let mut messages = Vec::new();
        self.note(&mut messages, "execution_start", json!({})).await;
        let (mut outputs, mut progress) = (Map::new(), Progress::default());
        let end = self.run(&mut messages, &mut outputs, &mut progress).await;
        let (word, is_done) = match end {
            PromptEnd::Crashed => return self.endpoint.comfyui.restart(),
            PromptEnd::Done => {
                self.note(&mut messages, "execution_success", json!({})).await;
                ("success", true)
            }
            PromptEnd::Failed(error) => {
                self.note(&mut messages, "execution_error", error).await;
                ("error", false)
            }
            PromptEnd::Interrupted { node } => {
                let class = &self.prompt.graph[&node]["class_type"];
                let data = json!({"node_id": node, "node_type": class, "executed": []});
                self.note(&mut messages, "execution_interrupted", data).await;
                ("error", false)
            }
        };
        let Prompt { id, client_id, graph, .. } = &self.prompt;
        let entry = json!({
            "prompt": [1, id, graph, {"client_id": client_id}, []],
            "outputs": outputs,
            "status": {"status_str": word, "completed": is_done, "messages": messages},
            "meta": {},
        });
        self.endpoint.comfyui.remember(id.clone(), entry);
        self.endpoint.comfyui.tell_status();
        self.tell("executing", json!({"node": null})).await;
    }

    /// Does the nodes one after the other.
    async fn run(
        &self,
        messages: &mut Vec<Value>,
        outputs: &mut Map<String, Value>,
        progress: &mut Progress,
    ) -> PromptEnd {
        let order = order(&self.prompt.graph);
        let signatures: IndexMap<&String, String> =
            order.iter().map(|node| (node, signature(&self.prompt.graph, node, 0))).collect();
        // Only what the prompt before gave is kept.
        let cache = std::mem::take(&mut self.endpoint.comfyui.known().cache);
        let cached: Vec<&String> =
            order.iter().filter(|node| cache.contains_key(&signatures[node])).collect();
        self.note(messages, "execution_cached", json!({"nodes": cached})).await;
        let mut kept = cache.clone();
        kept.retain(|signature, _| signatures.values().any(|known| known == signature));
        for node in &order {
            let class = self.prompt.graph[node]["class_type"].as_str().unwrap_or_default();
            if let Some(output) = cache.get(&signatures[node]) {
                if class == "SaveImage" {
                    outputs.insert(node.clone(), output.clone());
                    self.executed(node, output).await;
                }
                continue;
            }
            progress.set(node, 0.0, 1.0, false);
            self.state(progress).await;
            self.tell("executing", json!({"node": node, "display_node": node})).await;
            let output = match self.node(node, class, progress).await {
                Ok(output) => output,
                Err(end) => {
                    self.endpoint.comfyui.known().cache = kept;
                    return end;
                }
            };
            if class == "SaveImage" {
                outputs.insert(node.clone(), output.clone());
                self.executed(node, &output).await;
            }
            kept.insert(signatures[node].clone(), output);
            let (.., max, _) = progress.0.get(node).copied().unwrap_or((1.0, 1.0, true));
            progress.set(node, max, max, true);
            self.state(progress).await;
        }
        self.endpoint.comfyui.known().cache = kept;
        PromptEnd::Done
    }

    async fn node(&self, node: &str, class: &str, progress: &mut Progress) -> Result<Value, PromptEnd> {
        match class {
            "CheckpointLoaderSimple" => self.pause(node, self.endpoint.options.load).await?,
            "KSampler" => self.sample(node, progress).await?,
            "SaveImage" => return Ok(self.save().await),
            _ => {}
        }
        Ok(Value::Null)
    }

    /// Waits, and ends when it is asked to.
    async fn pause(&self, node: &str, time: Duration) -> Result<(), PromptEnd> {
        let stopped = tokio::time::timeout(time, self.endpoint.comfyui.stop.notified()).await;
        match stopped {
            Ok(()) => Err(PromptEnd::Interrupted { node: node.to_owned() }),
            Err(_) => Ok(()),
        }
    }

    async fn sample(&self, node: &str, progress: &mut Progress) -> Result<(), PromptEnd> {
        let plan = &self.prompt.plan;
        let each = self.endpoint.options.step * if plan.says("slow") { 5 } else { 1 };
        let previews = previews(plan).await;
        let max = f64::from(plan.steps);
        for step in 1..=plan.steps {
            self.pause(node, each).await?;
            progress.set(node, f64::from(step), max, false);
            self.state(progress).await;
            if let Some(jpeg) = previews.at(step, plan.steps).await {
                let Prompt { id, client_id, .. } = &self.prompt;
                self.endpoint.comfyui.preview(client_id, id, node, &jpeg).await;
            }
            self.tell("progress", json!({"value": step, "max": plan.steps, "node": node})).await;
            if step == plan.steps.div_ceil(2) {
                self.half_way(node)?;
            }
        }
        Ok(())
    }

    /// Where the words in the prompt take effect.
    fn half_way(&self, node: &str) -> Result<(), PromptEnd> {
        let plan = &self.prompt.plan;
        if plan.says("fail") {
            return Err(PromptEnd::Failed(json!({
                "node_id": node, "node_type": "KSampler", "executed": [],
                "exception_message": "out of memory, as the word \"fail\" in the prompt asks for\n",
                "exception_type": "torch.OutOfMemoryError",
                "traceback": ["  File \"demo.py\", line 1, in sample\n"],
                "current_inputs": {"seed": [plan.seed]}, "current_outputs": [],
            })));
        }
        if plan.says("crash") {
            return Err(PromptEnd::Crashed);
        }
        if plan.says("drop") {
            let mut known = self.endpoint.comfyui.known();
            known.closed_until = Some(Instant::now() + self.endpoint.options.outage);
            known.clients.clear();
        }
        Ok(())
    }

    /// Saves the pictures: names as the real one gives them.
    async fn save(&self) -> Value {
        let plan = self.prompt.plan.clone();
        let pictures = tokio::task::spawn_blocking(move || {
            let draw = |index| paint::png(&plan, &paint::paint(&plan, index)).ok();
            (0..plan.batch).filter_map(draw).collect::<Vec<_>>()
        });
        let prefix = &self.prompt.plan.prefix;
        let (folder, stem) = prefix.rsplit_once('/').unwrap_or(("", prefix));
        let mut saved = Vec::new();
        for png in pictures.await.unwrap_or_default() {
            let number = {
                let mut known = self.endpoint.comfyui.known();
                known.counter += 1;
                known.counter
            };
            let name = format!("{stem}_{number:05}_.png");
            self.endpoint.comfyui.keep("output", folder, &name, png.into());
            saved.push(json!({"filename": name, "subfolder": folder, "type": "output"}));
        }
        json!({"images": saved})
    }

    async fn executed(&self, node: &str, output: &Value) {
        self.tell("executed", json!({"node": node, "display_node": node, "output": output})).await;
    }

    async fn state(&self, progress: &Progress) {
        let nodes = progress.0.iter().map(|(node, (value, max, is_finished))| {
            let state = if *is_finished { "finished" } else { "running" };
            let state = json!({"value": value, "max": max, "state": state, "node_id": node,
                "prompt_id": self.prompt.id, "display_node_id": node, "parent_node_id": null, "real_node_id": node});
            (node.clone(), state)
        });
        let nodes: Map<String, Value> = nodes.collect();
        self.tell("progress_state", json!({"nodes": nodes})).await;
    }

    /// Tells the client, and keeps it for the history.
    async fn note(&self, messages: &mut Vec<Value>, kind: &str, mut data: Value) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        data["timestamp"] = json!(u64::try_from(now).unwrap_or_default());
        data["prompt_id"] = json!(self.prompt.id);
        messages.push(json!([kind, data]));
        self.tell(kind, data).await;
    }

    async fn tell(&self, kind: &str, mut data: Value) {
        data["prompt_id"] = json!(self.prompt.id);
        self.endpoint.comfyui.send(&self.prompt.client_id, kind, data).await;
    }
}

impl Progress {
    fn set(&mut self, node: &str, value: f64, max: f64, is_finished: bool) {
        self.0.insert(node.to_owned(), (value, max, is_finished));
    }
}

/// Nodes in the order in which they can be done.
fn order(graph: &Map<String, Value>) -> Vec<String> {
    fn visit(graph: &Map<String, Value>, node: &str, depth: usize, order: &mut Vec<String>) {
        if depth > graph.len() || order.iter().any(|done| done == node) || !graph.contains_key(node) {
            return;
        }
        for source in sources(&graph[node]) {
            visit(graph, source, depth + 1, order);
        }
        if !order.iter().any(|done| done == node) {
            order.push(node.to_owned());
        }
    }
    let mut found = Vec::new();
    let outputs = graph.iter().filter(|(_, node)| node["class_type"] == "SaveImage");
    outputs.for_each(|(id, _)| visit(graph, id, 0, &mut found));
    found
}

fn sources(node: &Value) -> impl Iterator<Item = &str> {
    let inputs = node["inputs"].as_object().into_iter().flatten();
    inputs.filter(|(_, value)| is_link(value)).filter_map(|(_, value)| value[0].as_str())
}

/// All that decides what a node gives: its class, its inputs, and what they come from.
fn signature(graph: &Map<String, Value>, node: &str, depth: usize) -> String {
    let Some(node) = graph.get(node).filter(|_| depth <= graph.len()) else { return String::new() };
    let inputs = node["inputs"].as_object().into_iter().flatten().map(|(name, value)| {
        let value = match value[0].as_str().filter(|_| is_link(value)) {
            Some(source) => format!("[{}]{}", value[1], signature(graph, source, depth + 1)),
            None => value.to_string(),
        };
        format!("{name}={value}")
    });
    format!("{}({})", node["class_type"], inputs.collect::<Vec<_>>().join(","))
}

/// What a sampler shows of its work: the picture in a few pixels, which come out of the noise.
struct Previews {
    small: RgbImage,
    size: (u32, u32),
}

async fn previews(plan: &Plan) -> Previews {
    let (width, height) = (plan.width, plan.height);
    let small = Plan { width: (width / LATENT).max(2), height: (height / LATENT).max(2), ..plan.clone() };
    let drawn = tokio::task::spawn_blocking(move || {
        let pixels = paint::paint(&small, 0);
        RgbImage::from_raw(small.width, small.height, pixels).unwrap_or_default()
    });
    let scale = f64::from(PREVIEW_SIDE) / f64::from(width.max(height).max(1));
    let side = |side: u32| ((f64::from(side) * scale) as u32).max(1);
    Previews { small: drawn.await.unwrap_or_default(), size: (side(width), side(height)) }
}

impl Previews {
    async fn at(&self, step: u32, steps: u32) -> Option<Vec<u8>> {
        let (mut picture, (width, height)) = (self.small.clone(), self.size);
        let noise = 1.0 - f64::from(step) / f64::from(steps);
        let drawn = tokio::task::spawn_blocking(move || {
            let mut random = fastrand::Rng::with_seed(u64::from(step));
            for pixel in picture.pixels_mut() {
                let mixed = |channel: u8| f64::from(channel) * (1.0 - noise) + 255.0 * random.f64() * noise;
                pixel.0 = pixel.0.map(mixed).map(|channel| channel as u8);
            }
            let large = image::imageops::resize(&picture, width, height, FilterType::Triangle);
            let mut jpeg = Cursor::new(Vec::new());
            DynamicImage::ImageRgb8(large).write_to(&mut jpeg, ImageFormat::Jpeg).ok()?;
            Some(jpeg.into_inner())
        });
        drawn.await.ok().flatten()
    }
}
