//! How long to wait, and how often to ask.

use std::time::Duration;

use super::socket::SocketLimits;

/// How often something is asked for: the more time has passed, the more seldom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub first: Duration,
    pub longest: Duration,
}

impl Pace {
    /// Of `first` and `longest` milliseconds.
    pub const fn of_millis(first: u64, longest: u64) -> Self {
        Self { first: Duration::from_millis(first), longest: Duration::from_millis(longest) }
    }

    /// The pause after so much time: a tenth of it, within the two bounds.
    pub fn pause(self, age: Duration) -> Duration {
        (age / 10).clamp(self.first, self.longest.max(self.first))
    }
}

/// Waits and intervals of the cloud API.
#[derive(Clone, Debug)]
pub struct CloudLimits {
    /// Of the requests themselves.
    pub http: crate::backend::HttpLimits,
    /// From the socket's first byte until we are let in.
    pub connect: Duration,
    /// The longest pause before a socket that is lost is opened again.
    pub reconnect: Duration,
    /// How long a run waits for the socket before it is sent without.
    pub socket_wait: Duration,
    /// Connections that fail one after the other before nobody waits any longer.
    pub socket_tries: u32,
    /// Bytes of records that are read at once. Outputs may be in them, base64.
    pub records: usize,
    /// For the answer to a question, which is small: a record, a cancel.
    pub answer: Duration,
    /// How long a request that is up may stay without a reply before its record is looked for.
    pub reply: Duration,
    /// How long a run that may never have arrived is looked for.
    pub settle: Duration,
    /// How long a run that the service had taken is looked for, once it is not there any more.
    pub missing: Duration,
    /// How long a run that reported an error may stay open in its record.
    pub failing: Duration,
    /// How often the record of a run is read that the socket tells about: in case its end got lost.
    pub live: Duration,
    /// … that the socket should tell about, and does not.
    pub polled: Pace,
    /// … that asked for no news.
    pub scheduled: Pace,
    /// … that is just about to be settled: cancelled, failed, or sent without a reply.
    pub urgent: Pace,
    /// Records that are due so soon after another are read with it.
    pub together: Duration,
    /// The longest pause when records cannot be read; the longest when we are not allowed to.
    pub trouble: Duration,
    /// How long records cannot be read before the log says so.
    pub unreadable: Duration,
    /// How long news waits for a run whose log is written slowly, before it is left out.
    pub patience: Duration,
    /// How long the socket stays open behind the last run that needs it.
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
