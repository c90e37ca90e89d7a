//! Seed policies and random seeds. Which inputs are seeds is found in [`param::seeds`](super::param::seeds).

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::param::Range;

/// How a seed that no person set changes with each run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeedPolicy {
    /// The seed keeps its value.
    #[default]
    Fixed,
    /// A random value below [`RANDOM_SEEDS`].
    Randomize,
    /// Plus one, up to the end of its range.
    Increment,
    /// Minus one, down to the end of its range.
    Decrement,
}

impl SeedPolicy {
    /// All policies, in the order a key cycles through them.
    pub const ALL: [Self; 4] = [Self::Fixed, Self::Randomize, Self::Increment, Self::Decrement];

    /// The word in presets and on screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Randomize => "randomize",
            Self::Increment => "increment",
            Self::Decrement => "decrement",
        }
    }

    /// Parses [`SeedPolicy::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }
}

/// Upper limit of random seeds, as in ComfyUI's own interface: short enough to read aloud, and exact in a double.
pub const RANDOM_SEEDS: u64 = 1 << 50;

/// A random seed within a range, other than `now`, from 64 random bits.
pub fn random_seed(range: &Range, now: Option<&Number>, random: u64) -> Number {
    let (low, high) = ends(range);
    let high = high.min(i128::from(RANDOM_SEEDS) - 1).max(low);
    let count = high - low + 1;
    let mut next = low + i128::from(random) % count;
    if now.and_then(whole) == Some(next) {
        // The same seed again would give the same picture.
        next = low + (next - low + 1) % count;
    }
    number(next)
}

/// The seed after `now` by a policy, from 64 random bits; `None` at the end of its range.
pub fn next(policy: SeedPolicy, now: &Number, range: &Range, random: u64) -> Option<Number> {
    let step = match policy {
        SeedPolicy::Fixed => return Some(now.clone()),
        SeedPolicy::Randomize => return Some(random_seed(range, Some(now), random)),
        SeedPolicy::Increment => 1,
        SeedPolicy::Decrement => -1,
    };
    let (low, high) = ends(range);
    let next = whole(now)? + step;
    // The first step from -1 ("random at the server") leads into the range.
    let next = if step == 1 { next.max(low) } else { next };
    (low..=high).contains(&next).then(|| number(next))
}

/// Smallest and largest seed; 0 and 2^64-1 where unknown.
fn ends(range: &Range) -> (i128, i128) {
    let known = |limit: &Option<Number>| limit.as_ref().and_then(whole);
    let low = known(&range.min).unwrap_or(0).max(0);
    let high = known(&range.max).unwrap_or(i128::from(u64::MAX)).min(i128::from(u64::MAX));
    (low, high.max(low))
}

fn whole(number: &Number) -> Option<i128> {
    number.to_string().parse().ok()
}

fn number(value: i128) -> Number {
    // Both ends of every range fit in 64 bits.
    Number::from(u64::try_from(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(min: &str, max: &str) -> Range {
        Range { min: min.parse().ok(), max: max.parse().ok(), ..Range::default() }
    }

    #[test]
    fn a_policy_keeps_to_the_range_and_says_where_it_ends() {
        use SeedPolicy::{Decrement, Fixed, Increment};
        let table = [
            (Increment, "7", "", "", Some("8")),
            (Decrement, "7", "", "", Some("6")),
            (Fixed, "7", "", "", Some("7")),
            (Decrement, "0", "", "", None),
            (Decrement, "-1", "", "", None),
            (Increment, "-1", "", "", Some("0")),
            (Increment, "-1", "5", "", Some("5")),
            (Increment, "-1", "-9223372036854775808", "9223372036854775807", Some("0")),
            (Increment, "18446744073709551615", "", "", None),
            (Increment, "18446744073709551614", "", "", Some("18446744073709551615")),
            (Increment, "2147483647", "0", "2147483647", None),
            (Decrement, "3", "3", "", None),
            (Increment, "1.5", "", "", None),
        ];
        for (policy, now, min, max, expected) in table {
            let next = next(policy, &now.parse().expect(now), &range(min, max), 0);
            assert_eq!(next.map(|next| next.to_string()).as_deref(), expected, "{policy:?} of {now}");
        }
    }

    #[test]
    fn random_seeds_keep_to_the_range_and_are_never_the_same_again() {
        for random in [0, 1, 41, 42, 43, u64::MAX, 1 << 50, (1 << 50) + 42] {
            for (min, max) in
                [("", ""), ("0", "2147483647"), ("40", "45"), ("-5", "50"), ("42", "42"), ("9", "3")]
            {
                let value = random_seed(&range(min, max), Some(&42.into()), random).as_u64().expect("whole");
                let low = min.parse::<i64>().unwrap_or(0).max(0).unsigned_abs();
                let high = max.parse().unwrap_or(RANDOM_SEEDS - 1).max(low);
                assert!((low..=high).contains(&value), "{value} in {min}..{max}");
                assert!(value != 42 || low == high, "{min}..{max}");
            }
        }
    }
}
