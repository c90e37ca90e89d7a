//! Timeouts and polling intervals.

use std::time::Duration;

/// Timeouts and polling intervals for ComfyUI's own server.
#[derive(Clone, Debug)]
pub struct ComfyuiLimits {
    /// Timeouts of HTTP requests.
    pub http: crate::backend::HttpLimits,
    /// Timeout of a small request. The server may be loading a model meanwhile.
    pub answer: Duration,
    /// How long a run waits for its websocket before it is sent without.
    pub socket_wait: Duration,
    /// Longest pause before a lost websocket is opened again.
    pub reconnect: Duration,
    /// Interval of pings on the websocket.
    pub ping: Duration,
    /// Time without any message after which a websocket counts as lost.
    pub silence: Duration,
    /// First and longest interval of polling the history.
    pub look: (Duration, Duration),
    /// Polling interval for a run that is about to end, or that cannot be found.
    pub soon: Duration,
    /// How long to look for a run that may never have arrived.
    pub settle: Duration,
    /// How long to retry while the credentials are rejected.
    pub not_allowed: Duration,
    /// Time of failing requests after which the person is warned.
    pub unreadable: Duration,
}

impl Default for ComfyuiLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            http: crate::backend::HttpLimits::default(),
            answer: seconds(60),
            socket_wait: seconds(10),
            reconnect: seconds(15),
            ping: seconds(20),
            silence: seconds(90),
            look: (seconds(3), seconds(30)),
            soon: Duration::from_millis(500),
            settle: seconds(30),
            not_allowed: seconds(120),
            unreadable: seconds(30),
        }
    }
}
