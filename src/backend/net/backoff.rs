//! The pause before a lost connection is reopened.

use std::time::Duration;

/// Longest first pause; half of it is the shortest.
const FIRST: Duration = Duration::from_secs(2);
/// Longest pause between retries.
const MOST: Duration = Duration::from_secs(30);
/// A connection that lasted this long resets the pause.
const LIVED: Duration = Duration::from_secs(30);

/// Pauses that grow from 1 s to 30 s, each randomly shortened by up to a half, so that clients who lost
/// their connection together do not reconnect together.
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
    /// The next pause. `lived`: how long the last connection lasted, zero when it failed; `chance`: a random number
    /// from 0 to 1.
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
