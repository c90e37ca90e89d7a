//! Timeouts and polling intervals.

use std::time::Duration;

use super::socket::SocketLimits;

/// A polling interval that grows with the time passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub first: Duration,
    pub longest: Duration,
}

impl Pace {
    /// First and longest pause in milliseconds.
    pub const fn of_millis(first: u64, longest: u64) -> Self {
        Self { first: Duration::from_millis(first), longest: Duration::from_millis(longest) }
    }

    /// The interval after `passed`: a tenth of it, within the bounds.
    pub fn pause(self, age: Duration) -> Duration {
        (age / 10).clamp(self.first, self.longest.max(self.first))
    }
}

/// Timeouts, intervals and sizes of the cloud API.
#[derive(Clone, Debug)]
pub struct CloudLimits {
    /// Timeouts of requests.
    pub http: crate::backend::HttpLimits,
    /// Timeout from opening the socket to the login's confirmation.
    pub connect: Duration,
    /// Longest pause before a lost socket is reopened.
    pub reconnect: Duration,
    /// How long a run waits for the socket before it is sent without one.
    pub socket_wait: Duration,
    /// Failed connections in a row after which runs no longer wait for the socket.
    pub socket_tries: u32,
    /// Most bytes of a response with records. Outputs may be in them as base64.
    pub records: usize,
    /// Timeout of small requests: a record, a cancel.
    pub answer: Duration,
    /// Time that an uploaded request may stay without a response before its record is looked up.
    pub reply: Duration,
    /// How long the record of a run that may never have arrived is looked for.
    pub settle: Duration,
    /// How long the record of a run is looked for after it vanished from the service.
    pub missing: Duration,
    /// Time after an error event within which the record must show the end.
    pub failing: Duration,
    /// Polling of a run with live events, in case its end event gets lost.
    pub live: Duration,
    /// Polling of a run whose socket is down.
    pub polled: Pace,
    /// Polling of a run without live events.
    pub scheduled: Pace,
    /// Polling of a run whose end is near: cancelled, failed, or sent without a response.
    pub urgent: Pace,
    /// Records due within this time of another are read in the same request.
    pub together: Duration,
    /// Longest pause between attempts while records cannot be read; and while the credentials are rejected.
    pub trouble: Duration,
    /// Time of failed reads after which the run's log says so.
    pub unreadable: Duration,
    /// Time that an update waits for a slow run before it is dropped.
    pub patience: Duration,
    /// Time that the socket stays open after the last run that needs it.
    pub linger: Duration,
}

impl CloudLimits {
    pub(super) fn socket(&self) -> SocketLimits {
        SocketLimits { connect: self.connect, ..SocketLimits::default() }
    }
}

impl Default for CloudLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            http: crate::backend::HttpLimits::default(),
            connect: SocketLimits::default().connect,
            reconnect: seconds(30),
            socket_wait: seconds(15),
            socket_tries: 2,
            records: 64 << 20,
            answer: seconds(30),
            reply: seconds(60),
            settle: seconds(60),
            missing: seconds(300),
            failing: seconds(300),
            live: seconds(60),
            polled: Pace::of_millis(3_000, 10_000),
            scheduled: Pace::of_millis(2_000, 30_000),
            urgent: Pace::of_millis(2_000, 10_000),
            together: seconds(1),
            trouble: seconds(30),
            unreadable: seconds(60),
            patience: seconds(5),
            linger: seconds(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_grow_seldom_with_age() {
        let pace = Pace::of_millis(2_000, 30_000);
        let table = [(0, 2_000), (10_000, 2_000), (60_000, 6_000), (300_000, 30_000), (9_000_000, 30_000)];
        for (age, pause) in table {
            assert_eq!(pace.pause(Duration::from_millis(age)), Duration::from_millis(pause), "{age}");
        }
    }
}
