//! Plays a run in the cloud API: sends its events to sockets and keeps its record up to date.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Value, json};

use super::fault::CloudFault;
use super::run::{Case, Content, Phase, ServiceEnd, ServiceOutput, ServiceRun};
use crate::demo::Endpoint;
use crate::demo::fault::Fault;
use crate::demo::graph::Plan;
use crate::demo::work::{self, HOSTILE_NAMES, Picture, Played, Stop, Teller, Work};

/// Name of the event that follows the log while the outputs are stored.
const EXECUTED: &str = "infer_executed_message";

/// Plays a run to its end, with or without sockets.
pub(super) async fn play(endpoint: Arc<Endpoint>, run: Arc<ServiceRun>, work: Work) {
    // Keeps the process alive until the run has ended.
    let _stay = endpoint.connections.stay();
    let voice = Voice { endpoint: &endpoint, run: &run, held: Mutex::default() };
    let played = tokio::select! {
        biased;
        () = run.canceled() => None,
        played = async {
            endpoint.wake().await;
            run.begin();
            work.play(&voice).await
        } => Some(played),
    };
    match played {
        None => {
            run.end(ServiceEnd::canceled());
            voice.end("infer_canceled_message", json!({"prompt_id": run.prompt_id})).await;
        }
        Some(Err(Stop)) => {
            let why = "the worker was lost, as the word \"crash\" in the prompt asks for";
            run.end(ServiceEnd {
                phase: Phase::Error,
                error: Some(json!({"message": why})),
                ..ServiceEnd::canceled()
            });
        }
        Some(Ok(Played { took, outcome: Err(error) })) => {
            run.end(ServiceEnd {
                phase: Phase::Error,
                took: Some(took),
                error: Some(error.clone()),
                ..ServiceEnd::canceled()
            });
            voice.end("infer_error_message", json!({"prompt_id": run.prompt_id, "data": error})).await;
        }
        Some(Ok(Played { took, outcome: Ok(pictures) })) => {
            voice.tell(EXECUTED, json!({"prompt_id": run.prompt_id})).await;
            let failed = work.options.fault == Some(Fault::FailedResult);
            run.end(ServiceEnd {
                phase: if failed { Phase::Error } else { Phase::Success },
                took: Some(took),
                outputs: if failed { Vec::new() } else { outputs(&work, pictures) },
                error: failed.then(work::failed_result),
            });
            voice.end("infer_result_message", voice.result()).await;
        }
    }
    endpoint.cloud.runs.make_room();
}

/// The outputs to store: the run's pictures, or those of a fault.
fn outputs(work: &Work, pictures: Vec<Picture>) -> Vec<ServiceOutput> {
    let output = |name: &str, content| ServiceOutput { name: name.to_owned(), content };
    match work.options.fault {
        Some(Fault::EmptyResult) => Vec::new(),
        Some(Fault::Hostile) => {
            let hello = |name| output(name, Content::Bytes(Bytes::from_static(b"hello")));
            HOSTILE_NAMES.map(hello).into()
        }
        Some(Fault::OutputBytes(size)) => vec![output("large.bin", Content::Pattern(size))],
        _ => {
            let kept = |picture: Picture| output(&picture.name, Content::Bytes(picture.png.into()));
            pictures.into_iter().map(kept).collect()
        }
    }
}

/// Sends the events of one run.
struct Voice<'a> {
    endpoint: &'a Endpoint,
    run: &'a ServiceRun,
    /// An event held back so that the next one overtakes it; see [`CloudFault::Reordered`].
    held: Mutex<Option<(&'static str, Value)>>,
}

impl Voice<'_> {
    fn has(&self, fault: &CloudFault) -> bool {
        self.endpoint.options.cloud.contains(fault)
    }

    fn result(&self) -> Value {
        if self.has(&CloudFault::NullResult) {
            return Value::Null;
        }
        self.run.record(Case::Snake, &self.run.base, self.endpoint.link_to())
    }

    async fn tell(&self, name: &'static str, payload: Value) {
        if !self.has(&CloudFault::Reordered) {
            return self.send(name, &payload).await;
        }
        let last = self.held().take();
        match last {
            // The last event before the end is held, too, so that the end overtakes it.
            Some((last, held)) if name == EXECUTED => {
                self.send(last, &held).await;
                *self.held() = Some((name, payload));
            }
            Some((last, held)) => {
                self.send(name, &payload).await;
                self.send(last, &held).await;
            }
            None => *self.held() = Some((name, payload)),
        }
    }

    async fn end(&self, name: &'static str, payload: Value) {
        if !self.has(&CloudFault::NoEnd) {
            self.send(name, &payload).await;
        }
        let last = self.held().take();
        if let Some((name, payload)) = last {
            self.send(name, &payload).await;
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<(&'static str, Value)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, name: &str, payload: &Value) {
        let times = if self.has(&CloudFault::Duplicated) { 2 } else { 1 };
        for _ in 0..times {
            self.endpoint.cloud.sockets.tell(&self.run.sockets(), name, payload).await;
        }
    }
}

impl Teller for Voice<'_> {
    async fn log(&self, text: &str) -> Result<(), Stop> {
        self.tell("infer_log_message", json!({"prompt_id": self.run.prompt_id, "data": text})).await;
        Ok(())
    }

    async fn loaded(&self) -> Result<(), Stop> {
        if self.endpoint.options.fault == Some(Fault::ErrorInPassing) {
            let data = "one worker was restarted";
            self.tell("infer_error_message", json!({"prompt_id": self.run.prompt_id, "data": data})).await;
        }
        Ok(())
    }

    async fn half_way(&self, plan: &Plan) -> Result<(), Stop> {
        let (crash, drop) = (plan.says("crash"), plan.says("drop"));
        if crash || drop {
            if drop {
                self.endpoint.cloud.sockets.refuse_for(self.endpoint.options.outage);
            }
            self.endpoint.cloud.sockets.cut(&self.run.sockets()).await;
        }
        if crash { Err(Stop) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::cloud::run::RunId;
    use crate::demo::idle::Connections;
    use crate::demo::request::Received;
    use crate::demo::{DemoOptions, graph};

    #[tokio::test]
    async fn the_endpoint_is_needed_as_long_as_a_run_is_open() {
        let connections = Connections::default();
        let options = DemoOptions { step: Duration::from_secs(3_600), ..DemoOptions::quick() };
        let endpoint = Arc::new(Endpoint::new(options.clone(), connections.clone()));
        let id = RunId {
            prompt_id: String::new(),
            owner: String::new(),
            deployment: String::new(),
            base: String::new(),
            socket: None,
        };
        let run = Arc::new(ServiceRun::new(id, Value::Null, 0));
        let request = Received::default();
        let plan = graph::plan(&request).expect("a plan");
        let work = Work { options, request, plan, number: 1 };
        let moment = Duration::from_millis(1);
        assert!(connections.stay_idle(moment).await);
        let played = tokio::spawn(play(endpoint, Arc::clone(&run), work));
        let early = tokio::time::timeout(50 * moment, connections.idle_for(moment)).await;
        assert!(early.is_err(), "idle with a run");
        run.cancel();
        played.await.expect("played");
        assert!(connections.stay_idle(moment).await);
    }
}
