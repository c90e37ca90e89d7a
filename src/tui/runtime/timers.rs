//! The loop's timers, one of each kind. No clock: the loop passes the time in.

use std::time::{Duration, Instant};

/// A kind of timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// Write the saved state, which has changed.
    SaveState,
    /// Once a second while elapsed times are on screen.
    Tick,
    /// Read the store, which has changed.
    StoreChanged,
    /// Read the store, which may have changed without a report.
    PollStore,
    /// End the wait for the terminal's answer about picture protocols.
    PictureSupport,
    /// Ask the terminal around tmux again whether it is another one.
    OuterTerminal,
    /// The selection has rested: its file is to be read.
    Render,
    /// The next frame of a moving picture is due.
    FilmFrame,
    /// The notice was shown for long enough.
    Notice,
}

impl Timer {
    const COUNT: usize = 9;
    const ALL: [Self; Self::COUNT] = [
        Self::SaveState,
        Self::Tick,
        Self::StoreChanged,
        Self::PollStore,
        Self::PictureSupport,
        Self::OuterTerminal,
        Self::Render,
        Self::FilmFrame,
        Self::Notice,
    ];
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: [Option<Instant>; Timer::COUNT],
    /// When each timer was last taken.
    taken: [Option<Instant>; Timer::COUNT],
}

impl Timers {
    /// Sets a timer, replacing its earlier time.
    pub(super) fn restart(&mut self, timer: Timer, at: Instant) {
        self.due[timer as usize] = Some(at);
    }

    /// Sets a timer unless it is running already.
    pub(super) fn start(&mut self, timer: Timer, at: Instant) {
        self.due[timer as usize].get_or_insert(at);
    }

    /// Sets a timer to now, but no sooner than `pause` after it was last taken, unless it is running already.
    pub(super) fn start_spaced(&mut self, timer: Timer, now: Instant, pause: Duration) {
        let soonest = self.taken[timer as usize].map_or(now, |taken| taken + pause);
        self.start(timer, soonest.max(now));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.due[timer as usize] = None;
    }

    pub(super) fn is_running(&self, timer: Timer) -> bool {
        self.due[timer as usize].is_some()
    }

    /// When the first timer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    /// Stops and returns the timer that is overdue the longest.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let at = self.next().filter(|at| *at <= now)?;
        let timer = Timer::ALL.into_iter().find(|timer| self.due[*timer as usize] == Some(at))?;
        self.stop(timer);
        self.taken[timer as usize] = Some(now);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn each_timer_has_a_place_of_its_own() {
        for (at, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, at);
        }
    }

    #[test]
    fn timers_are_taken_in_the_order_of_their_times_and_once() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        timers.restart(Timer::SaveState, now + 700 * MS);
        timers.restart(Timer::Render, now + 150 * MS);
        timers.restart(Timer::Tick, now + 1_000 * MS);
        assert_eq!(timers.next(), Some(now + 150 * MS));
        assert_eq!(timers.take_due(now + 149 * MS), None);
        assert_eq!(timers.take_due(now + 800 * MS), Some(Timer::Render));
        assert_eq!(timers.take_due(now + 800 * MS), Some(Timer::SaveState));
        assert_eq!(timers.take_due(now + 800 * MS), None);
        assert_eq!(timers.next(), Some(now + 1_000 * MS));
    }

    #[test]
    fn a_restart_puts_off_and_a_start_does_not() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        timers.start(Timer::Tick, now + 10 * MS);
        timers.start(Timer::Tick, now + 20 * MS);
        assert_eq!(timers.next(), Some(now + 10 * MS));
        timers.restart(Timer::Tick, now + 20 * MS);
        assert_eq!(timers.next(), Some(now + 20 * MS));
        timers.stop(Timer::Tick);
        assert!(!timers.is_running(Timer::Tick));
        assert_eq!((timers.next(), timers.take_due(now + 30 * MS)), (None, None));
    }

    #[test]
    fn a_store_that_changes_all_the_time_is_read_at_once_and_then_no_sooner_than_the_pause() {
        let (mut timers, start) = (Timers::default(), Instant::now());
        let (mut reads, pause) = (Vec::new(), 50 * MS);
        for ms in 0..200 {
            let now = start + ms * MS;
            timers.start_spaced(Timer::StoreChanged, now, pause);
            if timers.take_due(now) == Some(Timer::StoreChanged) {
                reads.push(ms);
            }
        }
        assert_eq!(reads, [0, 50, 100, 150]);
    }
}
