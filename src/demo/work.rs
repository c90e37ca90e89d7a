//! The work of a run, independent of the protocol: log, sampler steps, pictures.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fault::Fault;
use super::graph::Plan;
use super::request::Received;
use super::{DemoOptions, paint};

pub(super) struct Work {
    pub options: DemoOptions,
    pub request: Received,
    pub plan: Plan,
    pub number: u64,
}

/// Receives a run's log and milestones; one implementation a protocol.
pub(super) trait Teller: Sync {
    /// Takes a piece of ComfyUI's log.
    fn log(&self, text: &str) -> impl Future<Output = Result<(), Stop>> + Send;

    /// Takes `count` numbered lines of the log at once.
    fn lines(&self, count: u32) -> impl Future<Output = Result<(), Stop>> + Send {
        async move {
            for number in 1..=count {
                self.log(&line(number)).await?;
            }
            Ok(())
        }
    }

    /// Called when the model is loaded: the moment for faults in the log.
    fn loaded(&self) -> impl Future<Output = Result<(), Stop>> + Send;

    /// Called when half of the steps are done: the moment for broken connections.
    fn half_way(&self, plan: &Plan) -> impl Future<Output = Result<(), Stop>> + Send;
}

/// The run stops: the client is gone, or a fault ended it.
pub(super) struct Stop;

/// The result of a run that went to its end.
pub(super) struct Played {
    pub took: Duration,
    /// Its pictures, or the node's error.
    pub outcome: Result<Vec<Picture>, Value>,
}

pub(super) struct Picture {
    pub name: String,
    pub png: Vec<u8>,
}

impl Work {
    /// Does the work and reports it to `to`.
    pub(super) async fn play(&self, to: &impl Teller) -> Result<Played, Stop> {
        let begin = Instant::now();
        to.log(&format!("[demo] run {} received, nothing is cached", self.number)).await?;
        to.log("\u{1b}[33m[demo] no model runs here: the picture is computed\u{1b}[0m").await?;
        for key in &self.plan.unknown {
            to.log(&format!("\u{1b}[31m[demo] the workflow has no input {key}: left out\u{1b}[0m")).await?;
        }
        for (part, name, kind, content) in &self.request.files {
            to.log(&format!("[demo] {part}: {name} ({kind}), {} bytes", content.len())).await?;
        }
        tokio::time::sleep(self.options.load).await;
        to.log("Requested to load DemoLandscapes").await?;
        to.log("loaded completely: 1,720.4 MB, full precision").await?;
        to.loaded().await?;
        match &self.options.fault {
            Some(Fault::HugeLine(length)) => to.log(&"x".repeat(*length)).await?,
            Some(Fault::LogLines(count)) => to.lines(*count).await?,
            Some(Fault::Hostile) => to.log(HOSTILE_LINE).await?,
            _ => {}
        }
        let pictures = self.draw().await;
        let outcome = match self.sample(to).await? {
            Some(error) => Err(error),
            None => {
                let seconds = begin.elapsed().as_secs_f32();
                to.log(&format!("Prompt executed in {seconds:.2} seconds")).await?;
                Ok(pictures)
            }
        };
        Ok(Played { took: begin.elapsed(), outcome })
    }

    /// The sampler's steps, as tqdm prints them, and its error if it has one.
    async fn sample(&self, to: &impl Teller) -> Result<Option<Value>, Stop> {
        let steps = self.plan.steps;
        let begin = Instant::now();
        let each = self.options.step * if self.plan.says("slow") { 5 } else { 1 };
        for step in 0..=steps {
            if step > 0 {
                tokio::time::sleep(each).await;
            }
            // As tqdm writes it: `\r` comes before the bar, not after it.
            to.log(&format!("\r{}", bar(step, steps, begin.elapsed()))).await?;
            if step == steps.div_ceil(2) {
                to.half_way(&self.plan).await?;
                if self.plan.says("fail") {
                    return Ok(Some(self.error()));
                }
            }
        }
        to.log("\n").await?;
        Ok(None)
    }

    fn error(&self) -> Value {
        json!({
            "node_id": self.plan.sampler,
            "node_type": "KSampler",
            "exception_type": "OutOfMemoryError",
            "exception_message": "out of memory, as the word \"fail\" in the prompt asks for",
            "traceback": ["in sample: latent = step(latent)", "in step: allocation of 9.5 GB failed"],
        })
    }

    async fn draw(&self) -> Vec<Picture> {
        let (plan, number) = (self.plan.clone(), self.number);
        let drawn = tokio::task::spawn_blocking(move || {
            let draw = |index| {
                let name = format!("{}_{:05}_.png", plan.prefix, number + u64::from(index));
                paint::png(&plan, &paint::paint(&plan, index)).ok().map(|png| Picture { name, png })
            };
            (0..plan.batch).filter_map(draw).collect()
        });
        drawn.await.unwrap_or_default()
    }
}

/// Terminal escapes, a window title and a right-to-left override.
const HOSTILE_LINE: &str = "a\u{1b}]0;owned\u{7}b\u{1b}[2J\u{1b}[1;32mc\u{1b}[0m\u{202e}d";

/// File names with paths, with escapes, and reserved on Windows.
pub(super) const HOSTILE_NAMES: [&str; 3] = ["../../../etc/passwd", "\u{1b}[31m-rf\u{7}.png", "CON.png"];

/// The error of [`Fault::FailedResult`].
pub(super) fn failed_result() -> Value {
    json!({"node_id": "8", "node_type": "VAEDecode", "exception_message": "bad latent"})
}

/// A line of [`Fault::LogLines`].
pub(super) fn line(number: u32) -> String {
    format!("line {number}: the quick brown fox jumps over the lazy dog")
}

/// MIME type by the extension of an output's name.
pub(super) fn content_type(name: &str) -> &'static str {
    if name.ends_with(".png") { "image/png" } else { "text/plain" }
}

/// A progress line as tqdm prints it.
fn bar(step: u32, steps: u32, took: Duration) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let done = f64::from(step) / f64::from(steps);
    let cells = done * 10.0;
    let mut bar = "█".repeat(cells as usize);
    if step < steps {
        bar.push(EIGHTHS[(cells.fract() * 8.0) as usize]);
    }
    let bar = format!("{bar}{}", " ".repeat(10_usize.saturating_sub(bar.chars().count())));
    let clock = |seconds: f64| format!("{:02}:{:02}", seconds as u64 / 60, seconds as u64 % 60);
    let seconds = took.as_secs_f64();
    let (left, speed) = if step == 0 {
        ("?".to_owned(), "?it/s".to_owned())
    } else {
        let each = seconds / f64::from(step);
        (clock(each * f64::from(steps - step)), format!("{:.2}it/s", 1.0 / each.max(0.001)))
    };
    format!("{:3.0}%|{bar}| {step}/{steps} [{}<{left}, {speed}]", done * 100.0, clock(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_one_that_we_read() {
        assert_eq!(bar(0, 20, Duration::ZERO), "  0%|          | 0/20 [00:00<?, ?it/s]");
        assert_eq!(bar(9, 20, Duration::from_secs(5)), " 45%|████▌     | 9/20 [00:05<00:06, 1.80it/s]");
        assert_eq!(bar(20, 20, Duration::from_secs(70)), "100%|██████████| 20/20 [01:10<00:00, 0.29it/s]");
        assert!(crate::wire::tqdm::parse(&bar(3, 7, Duration::from_secs(1))).is_some());
    }
}
