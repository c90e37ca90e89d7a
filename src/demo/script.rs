//! Plays a run in the streaming protocol: as a stream of events, or as one result.

use std::io;
use std::time::Duration;

use base64::prelude::*;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fault::{self, Fault};
use super::graph::Plan;
use super::work::{self, HOSTILE_NAMES, Picture, Stop, Teller, Work};

/// One run and the body of its response.
pub(super) struct Script {
    pub work: Work,
    pub body: BodySender,
}

/// Most pieces of a body queued for the network.
pub(super) const WAITING: usize = 4;

/// Where the pieces of the body go.
pub(super) type BodySender = mpsc::Sender<io::Result<Bytes>>;

impl Teller for Script {
    async fn log(&self, text: &str) -> Result<(), Stop> {
        if self.work.request.logs { self.event("log_message", text).await } else { Ok(()) }
    }

    async fn lines(&self, count: u32) -> Result<(), Stop> {
        if !self.work.request.logs {
            return Ok(());
        }
        // Sent in large pieces, as from a busy server, not line by line.
        let mut text = String::new();
        for number in 1..=count {
            text += &format!("event: log_message\ndata: {}\n\n", work::line(number));
            if text.len() > 60_000 || number == count {
                self.body.send(Ok(std::mem::take(&mut text).into())).await.map_err(|_| Stop)?;
            }
        }
        Ok(())
    }

    async fn loaded(&self) -> Result<(), Stop> {
        match self.fault() {
            _ if !self.work.request.logs => Ok(()),
            Some(Fault::CutInLog) => self.cut().await,
            Some(Fault::NoResult) => Err(Stop),
            Some(Fault::ErrorThenEnd) => {
                self.error("the model file is damaged\nstep 1 of 3").await?;
                Err(Stop)
            }
            Some(Fault::ErrorInPassing) => self.error("one worker was restarted").await,
            _ => Ok(()),
        }
    }

    async fn half_way(&self, plan: &Plan) -> Result<(), Stop> {
        if plan.says("crash") { self.cut().await } else { Ok(()) }
    }
}

impl Script {
    /// Plays the run to its end, or until the client hangs up.
    pub(super) async fn play(self) {
        // Fails if the client hung up, which needs no report.
        let _ = self.tell().await;
    }

    async fn tell(&self) -> Result<(), Stop> {
        let logs = self.work.request.logs;
        if logs && self.fault() == Some(&Fault::OtherForm) {
            self.say("\u{feff}: hello\r\nevent: ping\r\ndata: a\r\ndata: b\r\n\r\n").await?;
        }
        let played = self.work.play(self).await?;
        match played.outcome {
            Ok(pictures) => {
                if logs {
                    self.say("event: prompt_result\ndata: ").await?;
                }
                self.result(&pictures, played.took).await?;
                self.end().await
            }
            Err(error) if logs => self.error(&error.to_string()).await,
            Err(error) => self.say(&self.failed(error, played.took)).await,
        }
    }

    fn fault(&self) -> Option<&Fault> {
        self.work.options.fault.as_ref()
    }

    /// Ends the body after the result.
    async fn end(&self) -> Result<(), Stop> {
        let logs = self.work.request.logs;
        match self.fault() {
            Some(Fault::NoBlankLine) => Ok(()),
            Some(Fault::OpenEnd) => {
                let comment = if logs { "\n: still here" } else { "\n" };
                loop {
                    self.say(comment).await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            _ if logs => self.say("\n\n").await,
            _ => Ok(()),
        }
    }

    fn prompt_result(&self, status: &str, outputs: Value, took: Duration) -> Value {
        json!({
            "prompt_id": format!("demo-{}", self.work.number),
            "status": status,
            "completed": status == "success",
            "execution_time_seconds": took.as_secs_f64(),
            "prompt": self.work.plan.workflow,
            "outputs": outputs,
        })
    }

    /// The PromptResult of a run that failed.
    fn failed(&self, error: Value, took: Duration) -> String {
        let mut failed = self.prompt_result("error", Value::Null, took);
        failed["error_data"] = error;
        failed.to_string()
    }

    /// Sends the PromptResult as JSON on one line, damaged if a fault says so.
    async fn result(&self, pictures: &[Picture], took: Duration) -> Result<(), Stop> {
        let success = |outputs: Value| self.prompt_result("success", outputs, took).to_string();
        let whole: Vec<Value> = pictures.iter().map(|picture| output(&picture.name, &picture.png)).collect();
        let text = match self.fault() {
            Some(Fault::EmptyResult) => success(json!([])),
            Some(Fault::FailedResult) => self.failed(work::failed_result(), took),
            Some(Fault::CutInData | Fault::EndInData) => {
                let text = success(json!(whole));
                let data = text.find("\"data\":\"").map_or(0, |at| at + 8);
                self.say(&text[..data + 100]).await?;
                return if self.fault() == Some(&Fault::CutInData) { self.cut().await } else { Err(Stop) };
            }
            Some(Fault::BadBase64) => {
                let mut bad = output("bad.png", b"hello world!");
                bad["data"] = json!("aGVsbG8gd29y*GQh");
                success(json!([bad, output("good.txt", b"hello")]))
            }
            Some(Fault::BrokenJson) => {
                let text = success(json!([output("good.txt", b"hello"), output("b.txt", b"b")]));
                text.replace("},{", "},oops{")
            }
            Some(Fault::OddResult) => return self.say(ODD_RESULT).await,
            Some(Fault::Hostile) => {
                let outputs = HOSTILE_NAMES.map(|name| output(name, b"hello"));
                success(json!(outputs))
            }
            Some(Fault::Links) => {
                let link = |name: &str| json!({"filename": name, "content_type": "text/plain", "filepath": format!("/output/{name}")});
                success(json!([link("one.txt"), link("missing.txt")]))
            }
            Some(Fault::OutputBytes(size)) => return self.large(*size).await,
            _ => success(json!(whole)),
        };
        self.say(&text).await
    }

    /// Sends a result with one output too large to be held in memory.
    async fn large(&self, size: u64) -> Result<(), Stop> {
        let pattern = fault::pattern();
        let block = Bytes::from(BASE64_STANDARD.encode(&pattern));
        self.say(r#"{"outputs":[{"filename":"large.bin","data":""#).await?;
        let mut left = size;
        while left >= pattern.len() as u64 {
            self.body.send(Ok(block.clone())).await.map_err(|_| Stop)?;
            left -= pattern.len() as u64;
        }
        let rest = usize::try_from(left).unwrap_or_default();
        self.say(&BASE64_STANDARD.encode(&pattern[..rest])).await?;
        self.say(&format!(r#"","size":{size}}}],"status":"success","completed":true}}"#)).await
    }

    async fn error(&self, text: &str) -> Result<(), Stop> {
        self.event("error", text).await
    }

    /// Sends an event as SSE libraries do: each line of the text as a `data:` line, a progress bar's `\r`
    /// being a line end like any other. With [`Fault::OtherForm`] as simple servers do: the text
    /// unchanged, line ends included.
    async fn event(&self, name: &str, text: &str) -> Result<(), Stop> {
        if self.fault() == Some(&Fault::OtherForm) {
            return self.say(&format!("event: {name}\r\ndata: {text}\r\n\r\n")).await;
        }
        let text = text.replace("\r\n", "\n").replace(['\r', '\n'], "\ndata: ");
        self.say(&format!("event: {name}\ndata: {text}\n\n")).await
    }

    async fn say(&self, text: &str) -> Result<(), Stop> {
        self.body.send(Ok(Bytes::copy_from_slice(text.as_bytes()))).await.map_err(|_| Stop)
    }

    /// Breaks the connection once all earlier pieces have been sent.
    async fn cut(&self) -> Result<(), Stop> {
        // A fully free queue is an empty one.
        drop(self.body.reserve_many(WAITING).await.map_err(|_| Stop)?);
        let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "the demo breaks the connection");
        self.body.send(Err(broken)).await.map_err(|_| Stop)?;
        Err(Stop)
    }
}

/// A result that is unusual in every way JSON allows.
const ODD_RESULT: &str = r#" {"outputs": [null, {"data": "aGVs\nbG8\/\/w", "x": {"data": ["}"]}, "size": null, "filename": "odd.txt"}, {"content_type": "text/plain", "data": "aGVsbG8="}], "status": "success", "prompt": null, "execution_time_seconds": null} "#;

fn output(name: &str, bytes: &[u8]) -> Value {
    json!({"filename": name, "content_type": work::content_type(name), "size": bytes.len(), "data": BASE64_STANDARD.encode(bytes)})
}
