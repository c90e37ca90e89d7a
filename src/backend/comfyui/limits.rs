//! How long to wait, and how often to ask.

use std::time::Duration;

/// Waits and intervals of ComfyUI's own server.
#[derive(Clone, Debug)]
pub struct ComfyuiLimits {
    /// Of the requests themselves.
    pub http: crate::backend::HttpLimits,
    /// For the answer to a question. The server may be busy loading a model meanwhile.
    pub answer: Duration,
    /// How long a run waits for the websocket before it is sent without.
    pub socket_wait: Duration,
    /// The longest pause before a websocket that is lost is opened again.
    pub reconnect: Duration,
    /// How often the server is asked whether it is still there.
    pub ping: Duration,
    /// Silence after which a websocket is given up.
    pub silence: Duration,
    /// The first pause before the history is asked for a run that is heard of, and the longest.
    pub look: (Duration, Duration),
    /// Pause between two questions about a run whose end is near, or that is nowhere to be found.
    pub soon: Duration,
    /// How long a run that may never have arrived is looked for.
    pub settle: Duration,
    /// How long a run of which no request is allowed is asked for.
    pub not_allowed: Duration,
    /// How long the server cannot be asked before the log says so.
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
