//! A server that cannot be asked about a run: when it is asked again, what the person is told, and when it is given up.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::run::RunError;

/// How long a server that does not answer is borne with.
#[derive(Clone, Copy, Debug)]
pub(in crate::backend) struct Patience {
    /// Shortest and longest pause before it is asked again.
    pub pause: (Duration, Duration),
    /// How long to go on while the credentials are rejected.
    pub not_allowed: Duration,
    /// Time after which the person is warned.
    pub unreadable: Duration,
}

/// Since when a server cannot be asked about a run.
#[derive(Debug, Default)]
pub(in crate::backend) struct UnreadSince {
    first: Option<Instant>,
    not_allowed: Option<Instant>,
    has_warned: bool,
}

/// What follows from a request that failed.
pub(in crate::backend) enum Then {
    /// It is asked again after a pause. The text is a warning, where it is time for one.
    AskAgain(Duration, Option<String>),
    /// The run is lost to us.
    GiveUp(RunError),
}

impl UnreadSince {
    /// A request failed. `again` is the command that downloads the run's outputs once more.
    pub(in crate::backend) fn failed(
        &mut self,
        error: RunError,
        is_not_allowed: bool,
        patience: Patience,
        again: &str,
    ) -> Then {
        let since = self.first.get_or_insert_with(Instant::now).elapsed();
        if !is_not_allowed {
            self.not_allowed = None;
        } else if self.not_allowed.get_or_insert_with(Instant::now).elapsed() >= patience.not_allowed {
            return Then::GiveUp(RunError {
                what: format!("the server cannot be asked about the run: {}", error.what),
                remedy: format!("Fix the profile's credentials, then {again} downloads the run's outputs."),
                ..error
            });
        }
        let is_due = since >= patience.unreadable && !std::mem::replace(&mut self.has_warned, true);
        let what = error.what.trim_end_matches('.');
        let warning = format!("The server cannot be asked for the run's state ({what}); this is retried");
        let (soon, longest) = patience.pause;
        Then::AskAgain((since / 5).clamp(soon, longest), is_due.then_some(warning))
    }

    /// It answered. Whether the person had been warned that it did not.
    pub(in crate::backend) fn is_over(&mut self) -> bool {
        std::mem::take(self).has_warned
    }
}
