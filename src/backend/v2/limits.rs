//! Timeouts and polling intervals.

use std::time::Duration;

/// Timeouts and polling intervals for servers of Comfy API v2.
#[derive(Clone, Debug)]
pub struct V2Limits {
    /// Timeouts of HTTP requests.
    pub http: crate::backend::HttpLimits,
    /// Timeout of a small request. A server of one's own may be loading a model meanwhile.
    pub answer: Duration,
    /// Longest pause before a lost stream of events is opened again.
    pub reconnect: Duration,
    /// Time without any byte after which a stream counts as lost. Servers send a comment every 15 seconds.
    pub silence: Duration,
    /// First and longest interval of polling the record.
    pub look: (Duration, Duration),
    /// Polling interval for a run that is about to end, or that cannot be found.
    pub soon: Duration,
    /// How long to look for a run that may never have arrived.
    pub settle: Duration,
    /// How long to retry while the credentials are rejected.
    pub not_allowed: Duration,
    /// Time of failing requests after which the person is warned.
    pub unreadable: Duration,
    /// How long to retry a run that a busy server rejects: its queue is full, or the deployment is still starting.
    pub busy: Duration,
    /// Pause before that retry when the server names none, and the longest that is kept.
    pub busy_pause: (Duration, Duration),
}

impl Default for V2Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            http: crate::backend::HttpLimits::default(),
            answer: seconds(60),
            reconnect: seconds(15),
            silence: seconds(60),
            look: (seconds(2), seconds(30)),
            soon: Duration::from_millis(500),
            settle: seconds(30),
            not_allowed: seconds(120),
            unreadable: seconds(30),
            busy: seconds(900),
            busy_pause: (seconds(10), seconds(120)),
        }
    }
}
