//! Asks a server to cancel a run, until the run ends.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, EventSink, Server};
use crate::domain::RunEvent;

/// Time a server has to confirm a cancel before the person is notified and it is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest pause between two requests.
const LONGEST: Duration = Duration::from_secs(300);

/// Asks the server again and again, and reports why the run goes on. Drop it when the run has ended.
///
/// A cancel is idempotent, so a lost request may be repeated; the end itself comes with the run's own events.
pub(super) async fn ask(backend: Arc<dyn Backend>, server: Server, prompt_id: String, sink: EventSink) {
    let mut pause = PATIENCE;
    let (mut refused, mut unconfirmed) = (false, false);
    loop {
        let answer = backend.cancel(server.clone(), prompt_id.clone()).await;
        let text = match &answer {
            Err(error) if !refused => {
                refused = true;
                let why = [error.what.as_str(), error.remedy.as_str()].join(". ");
                let why = why.trim_end_matches(['.', ' ']);
                Some(format!("The server could not be asked to stop the run: {why}. Trying again"))
            }
            _ => None,
        };
        if !notify(&sink, text).await {
            return;
        }
        tokio::time::sleep(pause).await;
        if answer.is_ok() && !unconfirmed {
            unconfirmed = true;
            let text = format!(
                "The server was asked to stop {} seconds ago and has not confirmed it; until it does, the run may go on and be billed",
                pause.as_secs()
            );
            if !notify(&sink, Some(text)).await {
                return;
            }
        }
        pause = (pause * 2).min(LONGEST);
    }
}

/// Sends a notice; `false` when nobody listens any more.
async fn notify(sink: &EventSink, text: Option<String>) -> bool {
    match text {
        Some(text) => sink.send(RunEvent::Warning { text }).await.is_ok(),
        None => !sink.is_closed(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::mpsc;

    use super::*;
    use crate::backend::{BackendError, BoxFuture, Caps, Job};
    use crate::domain::run::RunError;

    /// A backend that answers each cancel with the next of these.
    struct Answers(Mutex<Vec<Result<(), &'static str>>>);

    impl Backend for Answers {
        fn caps(&self) -> Caps {
            crate::domain::run::Protocol::Cloud.caps()
        }

        fn submit(&self, _: Job, _: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
            Box::pin(std::future::pending())
        }

        fn cancel(&self, _: Server, _: String) -> BoxFuture<'_, Result<(), RunError>> {
            let answer = self.0.lock().expect("whole").pop().unwrap_or(Ok(()));
            let answer = answer.map_err(|what| RunError { what: what.to_owned(), ..RunError::default() });
            Box::pin(async { answer })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_refusal_is_reported_once_and_the_server_is_asked_again() {
        let answers = Arc::new(Answers(Mutex::new(vec![Ok(()), Err("503"), Err("no network")])));
        let (sink, mut events) = mpsc::channel(4);
        let backend: Arc<dyn Backend> = Arc::clone(&answers) as _;
        let asking = tokio::spawn(ask(backend, Server::default(), "p".to_owned(), sink));
        let mut next = async || match events.recv().await {
            Some(RunEvent::Warning { text }) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(next().await, "The server could not be asked to stop the run: no network. Trying again");
        assert!(next().await.contains("has not confirmed it"));
        assert!(answers.0.lock().expect("whole").is_empty());
        drop(events);
        asking.await.expect("it ends when nobody listens");
    }
}
