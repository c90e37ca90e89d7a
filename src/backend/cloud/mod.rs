//! ViewComfy's cloud API: requests to a service, which tells of runs over Socket.IO and keeps their results.

// What submits runs is on its way.
#[cfg_attr(not(test), expect(dead_code))]
mod socket;

use super::{Backend, BackendError, BoxFuture, Caps, EventSink, Job};
use crate::domain::run::{Protocol, RunError};

/// The service, where a profile names no other.
pub const API_URL: &str = "https://api.viewcomfy.com";

/// The backend for the cloud API.
#[derive(Debug, Default)]
pub struct CloudBackend {}

impl Backend for CloudBackend {
    fn caps(&self) -> Caps {
        Protocol::Cloud.caps()
    }

    fn submit(&self, _job: Job, _events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        let what = "the cloud API is not spoken yet".to_owned();
        Box::pin(async { Err(BackendError::Refused(RunError { what, ..RunError::default() })) })
    }
}
