//! Checks a server for `doctor`.

use tokio::time::Instant;

use crate::backend::Checked;
use crate::backend::net::redirect;
use crate::domain::run::RunError;

use super::api::{Api, Unread, Why};

/// An id that no job has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Asks for a job that never was, then for the list of jobs.
///
/// # Errors
/// When runs would fail.
pub(super) async fn check(api: &Api) -> Result<Vec<Checked>, RunError> {
    let began = Instant::now();
    if api.job(NOBODY).await.map_err(|unread| unread.error)?.is_some() {
        return Err(api.not_v2("its jobs").error);
    }
    let (shown, took) = (redirect::shown(api.base()), began.elapsed().as_millis());
    let text = format!(
        "{shown} speaks Comfy API v2 and accepts what it is sent ({took} ms); nothing was sent to run"
    );
    let there = Checked { is_good: true, text };
    let list = match api.jobs().await {
        Ok(_) => Checked { is_good: true, text: "it lists its jobs, so no run is lost with its reply".to_owned() },
        Err(Unread { why: Why::NotServed | Why::NotThere, .. }) => Checked {
            is_good: true,
            text: "it lists no jobs; a run whose reply is lost is sent again under its key, which the server takes once"
                .to_owned(),
        },
        Err(Unread { error, .. }) => Checked { is_good: false, text: format!("its jobs cannot be listed: {}", error.what) },
    };
    Ok(vec![there, list])
}
