//! How long to wait before a lost connection is tried again.

use std::time::Duration;

/// The longest first wait; half of it is the shortest.
const FIRST: Duration = Duration::from_secs(2);
/// The longest wait of all.
const MOST: Duration = Duration::from_secs(30);
/// A connection that lived as long was a good one: the next loss is a new one.
const LIVED: Duration = Duration::from_secs(30);

/// Waits that grow from 1 s to 30 s, each by chance up to half shorter than its turn has it, so that those who lost
/// their connection together do not come back together.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait now. `lived` is for how long there was a connection before, zero when none came about; `chance`
    /// is a random number of 0 to 1.
    pub(in crate::backend) fn wait(&mut self, lived: Duration, chance: f64) -> Duration {
        if lived >= LIVED {
            *self = Self::default();
        }
        let turn = self.next;
        self.next = (2 * turn).min(MOST);
        let chance = if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) };
        turn.mul_f64((1.0 + chance) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_until_a_connection_lived() {
        // How long the connection lived, and the shortest and longest wait after it, in seconds.
        let table = [
            (0, 1, 2),
            (0, 2, 4),
            (1, 4, 8),
            (29, 8, 16),
            (0, 15, 30),
            (0, 15, 30),
            (30, 1, 2),
            (0, 2, 4),
            (9_999, 1, 2),
        ];
        for (chance, is_longest) in [(0.0, false), (1.0, true), (-3.0, false), (7.0, true)] {
            let mut backoff = Backoff::default();
            for (lived, shortest, longest) in table {
                let expected = Duration::from_secs(if is_longest { longest } else { shortest });
                assert_eq!(backoff.wait(Duration::from_secs(lived), chance), expected, "{lived} {chance}");
            }
        }
        assert_eq!(Backoff::default().wait(Duration::ZERO, 0.5), Duration::from_millis(1_500));
        assert!(Backoff::default().wait(Duration::ZERO, f64::NAN) <= FIRST);
    }
}
