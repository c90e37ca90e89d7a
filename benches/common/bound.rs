//! Holds what docs/performance.md says: a bench ends with an error where something takes several times as long.

use std::time::{Duration, Instant};

/// Times that each is tried; the shortest counts, since a busy machine makes single ones long.
const TRIES: usize = 9;

/// Checks that this takes no longer than `most`, several times what the documentation says.
///
/// # Panics
/// When it takes longer each time.
pub(crate) fn hold<T>(what: &str, most: Duration, mut tried: impl FnMut() -> T) {
    let once = |_| {
        let start = Instant::now();
        std::hint::black_box(tried());
        start.elapsed()
    };
    let least = (0..TRIES).map(once).min().unwrap_or_default();
    println!("{what}: {least:.1?}, at most {most:?}");
    assert!(least <= most, "{what} takes {least:?}, more than {most:?}");
}

/// Whether the bench runs whole, without a filter on the command line.
pub(crate) fn is_whole() -> bool {
    std::env::args().skip(1).all(|argument| argument == "--bench")
}
