//! What happens in a run of the demo, told as a stream of events or as one result.

use std::io;
use std::time::{Duration, Instant};

use base64::prelude::*;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fault::{self, Fault};
use super::graph::Plan;
use super::request::Received;
use super::{DemoOptions, paint};

/// One run and where it is told.
pub(super) struct Script {
    pub options: DemoOptions,
    pub request: Received,
    pub plan: Plan,
    pub number: u64,
    pub told: Told,
}

/// Pieces of an answer that wait for the network.
pub(super) const WAITING: usize = 4;

/// The body of the answer.
pub(super) type Told = mpsc::Sender<io::Result<Bytes>>;

/// Nobody listens any more, or the connection is to break here.
pub(super) struct Stop;

impl Script {
    /// Tells the run to its end, or until nobody listens.
    pub(super) async fn play(self) {
        // Whoever hung up knows it.
        let _ = if self.request.logs { self.stream().await } else { self.single().await };
    }

    /// `logs=false`: nothing, then the result.
    async fn single(&self) -> Result<(), Stop> {
        let begin = Instant::now();
        let outputs = self.draw().await;
        tokio::time::sleep(self.options.load + self.step() * self.plan.steps).await;
        self.result(&outputs, begin.elapsed()).await?;
        self.end().await
    }

    /// The end of the answer behind the result.
    async fn end(&self) -> Result<(), Stop> {
        match self.options.fault {
            Some(Fault::NoBlankLine) => Ok(()),
            Some(Fault::OpenEnd) => {
                let comment = if self.request.logs { "\n: still here" } else { "\n" };
                loop {
                    self.say(comment).await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            _ if self.request.logs => self.say("\n\n").await,
            _ => Ok(()),
        }
    }

    async fn stream(&self) -> Result<(), Stop> {
        let begin = Instant::now();
        let fault = self.options.fault.as_ref();
        if fault == Some(&Fault::OtherForm) {
            self.say("\u{feff}: hello\r\nevent: ping\r\ndata: a\r\ndata: b\r\n\r\n").await?;
        }
        self.log(&format!("[demo] run {} received, nothing is cached", self.number)).await?;
        self.log("\u{1b}[33m[demo] no model runs here: the picture is computed\u{1b}[0m").await?;
        for key in &self.plan.unknown {
            self.log(&format!("\u{1b}[31m[demo] the workflow has no input {key}: left out\u{1b}[0m")).await?;
        }
        for (part, name, kind, content) in &self.request.files {
            self.log(&format!("[demo] {part}: {name} ({kind}), {} bytes", content.len())).await?;
        }
        tokio::time::sleep(self.options.load).await;
        self.log("Requested to load DemoLandscapes").await?;
        self.log("loaded completely: 1,720.4 MB, full precision").await?;
        match fault {
            Some(Fault::CutInLog) => return self.cut().await,
            Some(Fault::NoResult) => return Ok(()),
            Some(Fault::ErrorThenEnd) => return self.error("the model file is damaged\nstep 1 of 3").await,
            Some(Fault::ErrorInPassing) => self.error("one worker was restarted").await?,
            Some(Fault::HugeLine(length)) => self.log(&"x".repeat(*length)).await?,
            Some(Fault::LogLines(count)) => self.many_lines(*count).await?,
            Some(Fault::Hostile) => {
                self.log("a\u{1b}]0;owned\u{7}b\u{1b}[2J\u{1b}[1;32mc\u{1b}[0m\u{202e}d").await?;
            }
            _ => {}
        }
        let outputs = self.draw().await;
        if !self.sample().await? {
            return Ok(());
        }
        self.log(&format!("Prompt executed in {:.2} seconds", begin.elapsed().as_secs_f32())).await?;
        self.say("event: prompt_result\ndata: ").await?;
        self.result(&outputs, begin.elapsed()).await?;
        self.end().await
    }

    /// The sampler's steps, as tqdm prints them. `false` when the run failed.
    async fn sample(&self) -> Result<bool, Stop> {
        let steps = self.plan.steps;
        let begin = Instant::now();
        for step in 0..=steps {
            if step > 0 {
                tokio::time::sleep(self.step()).await;
            }
            // As it comes from the terminal: the bar goes back to the line's beginning first.
            self.log(&format!("\r{}", bar(step, steps, begin.elapsed()))).await?;
            if step == steps.div_ceil(2) && self.plan.says("crash") {
                self.cut().await?;
            }
            if step == steps.div_ceil(2) && self.plan.says("fail") {
                let error = json!({
                    "node_id": self.plan.sampler,
                    "node_type": "KSampler",
                    "exception_type": "OutOfMemoryError",
                    "exception_message": "out of memory, as the word \"fail\" in the prompt asks for",
                    "traceback": ["in sample: latent = step(latent)", "in step: allocation of 9.5 GB failed"],
                });
                self.error(&error.to_string()).await?;
                return Ok(false);
            }
        }
        self.log("\n").await?;
        Ok(true)
    }

    fn step(&self) -> Duration {
        self.options.step * if self.plan.says("slow") { 5 } else { 1 }
    }

    /// Name and content of every picture.
    async fn draw(&self) -> Vec<(String, Vec<u8>)> {
        let (plan, number) = (self.plan.clone(), self.number);
        let drawn = tokio::task::spawn_blocking(move || {
            let draw = |index| {
                let name = format!("{}_{:05}_.png", plan.prefix, number + u64::from(index));
                paint::png(&plan, &paint::paint(&plan, index)).ok().map(|bytes| (name, bytes))
            };
            (0..plan.batch).filter_map(draw).collect()
        });
        drawn.await.unwrap_or_default()
    }

    /// The PromptResult as JSON on one line, sound or not.
    async fn result(&self, outputs: &[(String, Vec<u8>)], took: Duration) -> Result<(), Stop> {
        let seconds = took.as_secs_f64();
        let result = |status: &str, outputs: Value| {
            json!({
                "prompt_id": format!("demo-{}", self.number),
                "status": status,
                "completed": status == "success",
                "execution_time_seconds": seconds,
                "prompt": self.plan.workflow,
                "outputs": outputs,
            })
        };
        let whole: Vec<Value> = outputs.iter().map(|(name, bytes)| output(name, bytes)).collect();
        let text = match &self.options.fault {
            Some(Fault::EmptyResult) => result("success", json!([])).to_string(),
            Some(Fault::FailedResult) => {
                let mut failed = result("error", Value::Null);
                failed["error_data"] =
                    json!({"node_id": "8", "node_type": "VAEDecode", "exception_message": "bad latent"});
                failed.to_string()
            }
            Some(Fault::CutInData | Fault::EndInData) => {
                let text = result("success", json!(whole)).to_string();
                let data = text.find("\"data\":\"").map_or(0, |at| at + 8);
                self.say(&text[..data + 100]).await?;
                return if self.options.fault == Some(Fault::CutInData) {
                    self.cut().await
                } else {
                    Err(Stop)
                };
            }
            Some(Fault::BadBase64) => {
                let mut bad = output("bad.png", b"hello world!");
                bad["data"] = json!("aGVsbG8gd29y*GQh");
                result("success", json!([bad, output("good.txt", b"hello")])).to_string()
            }
            Some(Fault::BrokenJson) => {
                let text = result("success", json!([output("good.txt", b"hello"), output("b.txt", b"b")]))
                    .to_string();
                text.replace("},{", "},oops{")
            }
            Some(Fault::OddResult) => return self.say(ODD_RESULT).await,
            Some(Fault::Hostile) => {
                let names = ["../../../etc/passwd", "\u{1b}[31m-rf\u{7}.png", "CON.png"];
                let outputs = names.map(|name| output(name, b"hello"));
                result("success", json!(outputs)).to_string()
            }
            Some(Fault::Links) => {
                let link = |name: &str| json!({"filename": name, "content_type": "text/plain", "filepath": format!("/output/{name}")});
                result("success", json!([link("one.txt"), link("missing.txt")])).to_string()
            }
            Some(Fault::OutputBytes(size)) => return self.large(*size).await,
            _ => result("success", json!(whole)).to_string(),
        };
        self.say(&text).await
    }

    /// A result with one output of a size that nobody wants in memory.
    async fn large(&self, size: u64) -> Result<(), Stop> {
        let pattern = fault::pattern();
        let block = Bytes::from(BASE64_STANDARD.encode(&pattern));
        self.say(r#"{"outputs":[{"filename":"large.bin","data":""#).await?;
        let mut left = size;
        while left >= pattern.len() as u64 {
            self.told.send(Ok(block.clone())).await.map_err(|_| Stop)?;
            left -= pattern.len() as u64;
        }
        let rest = usize::try_from(left).unwrap_or_default();
        self.say(&BASE64_STANDARD.encode(&pattern[..rest])).await?;
        self.say(&format!(r#"","size":{size}}}],"status":"success","completed":true}}"#)).await
    }

    async fn many_lines(&self, count: u32) -> Result<(), Stop> {
        // Told in pieces as a busy server's arrive, not line by line.
        let mut text = String::new();
        for number in 1..=count {
            text += &format!(
                "event: log_message\ndata: line {number}: the quick brown fox jumps over the lazy dog\n\n"
            );
            if text.len() > 60_000 || number == count {
                self.told.send(Ok(std::mem::take(&mut text).into())).await.map_err(|_| Stop)?;
            }
        }
        Ok(())
    }

    async fn log(&self, text: &str) -> Result<(), Stop> {
        self.event("log_message", text).await
    }

    async fn error(&self, text: &str) -> Result<(), Stop> {
        self.event("error", text).await
    }

    /// As simple servers write it: the text as it is, whatever line ends it holds.
    async fn event(&self, name: &str, text: &str) -> Result<(), Stop> {
        let end = if self.options.fault == Some(Fault::OtherForm) { "\r\n" } else { "\n" };
        self.say(&format!("event: {name}{end}data: {text}{end}{end}")).await
    }

    async fn say(&self, text: &str) -> Result<(), Stop> {
        self.told.send(Ok(Bytes::copy_from_slice(text.as_bytes()))).await.map_err(|_| Stop)
    }

    /// Breaks the connection, once all before has left.
    async fn cut(&self) -> Result<(), Stop> {
        // Room for all of them means that none waits any more.
        drop(self.told.reserve_many(WAITING).await.map_err(|_| Stop)?);
        let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "the demo breaks the connection");
        self.told.send(Err(broken)).await.map_err(|_| Stop)?;
        Err(Stop)
    }
}

/// Everything that is odd and allowed.
const ODD_RESULT: &str = r#" {"outputs": [null, {"data": "aGVs\nbG8\/\/w", "x": {"data": ["}"]}, "size": null, "filename": "odd.txt"}, {"content_type": "text/plain", "data": "aGVsbG8="}], "status": "success", "prompt": null, "execution_time_seconds": null} "#;

fn output(name: &str, bytes: &[u8]) -> Value {
    let kind = if name.ends_with(".png") { "image/png" } else { "text/plain" };
    json!({"filename": name, "content_type": kind, "size": bytes.len(), "data": BASE64_STANDARD.encode(bytes)})
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
