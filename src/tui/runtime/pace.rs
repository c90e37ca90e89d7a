//! When a frame, a part of a picture or some rows of thumbnails may be sent. No clock and no IO: the loop passes the
//! time in, and the session the state of the link.

use std::time::{Duration, Instant};

/// Longest delay of a frame while the selected run is being read.
const READING: Duration = Duration::from_millis(30);

/// State of the link to the terminal.
pub(super) trait Link {
    /// Whether a frame may be sent now, else how long to wait.
    fn may_draw(&self, now: Instant) -> Result<(), Duration>;
    /// Whether a part of a picture may be sent now, else how long to wait.
    fn may_send_part(&self, now: Instant) -> Result<(), Duration>;
    /// Whether parts of a picture are still to be sent.
    fn has_unsent_parts(&self) -> bool;
}

/// The loop's next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Draw a frame, with the next part of a picture if one is being sent.
    Draw,
    /// Show some more rows of thumbnails, and draw.
    ShowThumbs,
    /// Wait for an event, until this time at the most.
    Wait(Option<Instant>),
}

/// Whether a frame is due, and since when it has been delayed.
#[derive(Debug, Default)]
pub(super) struct Pace {
    dirty: bool,
    reading_since: Option<Instant>,
}

impl Pace {
    /// Marks a frame as due since the model changed.
    pub(super) fn changed(&mut self) {
        self.dirty = true;
    }

    /// Decides the next step: frames first, then parts of a picture, then thumbnails, so that a key
    /// never waits for either.
    pub(super) fn step(
        &mut self,
        now: Instant,
        link: &impl Link,
        is_reading: bool,
        has_thumbs: bool,
    ) -> Step {
        let (may, step) = if self.dirty {
            (link.may_draw(now).and_then(|()| self.may_show(now, is_reading)), Step::Draw)
        } else if link.has_unsent_parts() {
            (link.may_send_part(now), Step::Draw)
        } else if has_thumbs {
            (link.may_send_part(now), Step::ShowThumbs)
        } else {
            return Step::Wait(None);
        };
        match may {
            Ok(()) => {
                self.dirty = false;
                step
            }
            Err(pause) => Step::Wait(Some(now + pause)),
        }
    }

    /// Delays a frame while a newly selected run is read, which takes a millisecond or two: two frames would erase
    /// the old details first and then draw much of the same again.
    fn may_show(&mut self, now: Instant, is_reading: bool) -> Result<(), Duration> {
        if !is_reading {
            self.reading_since = None;
            return Ok(());
        }
        let since = *self.reading_since.get_or_insert(now);
        match READING.checked_sub(now.saturating_duration_since(since)) {
            Some(left) if !left.is_zero() => Err(left),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    struct FakeLink {
        draw: Result<(), Duration>,
        part: Result<(), Duration>,
        unsent: bool,
    }

    const FREE: FakeLink = FakeLink { draw: Ok(()), part: Ok(()), unsent: false };

    impl Link for FakeLink {
        fn may_draw(&self, _: Instant) -> Result<(), Duration> {
            self.draw
        }

        fn may_send_part(&self, _: Instant) -> Result<(), Duration> {
            self.part
        }

        fn has_unsent_parts(&self) -> bool {
            self.unsent
        }
    }

    #[test]
    fn a_screen_that_shows_the_model_waits_for_nothing() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.step(now, &FREE, false, false), Step::Wait(None));
        pace.changed();
        assert_eq!(pace.step(now, &FREE, false, false), Step::Draw);
        assert_eq!(pace.step(now, &FREE, false, false), Step::Wait(None));
    }

    #[test]
    fn a_change_that_the_link_refuses_is_drawn_later() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.changed();
        let busy = FakeLink { draw: Err(16 * MS), ..FREE };
        assert_eq!(pace.step(now, &busy, false, false), Step::Wait(Some(now + 16 * MS)));
        assert_eq!(pace.step(now + 16 * MS, &FREE, false, false), Step::Draw);
    }

    #[test]
    fn a_key_goes_before_a_picture_and_a_picture_before_thumbnails() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let sending = FakeLink { part: Err(120 * MS), unsent: true, ..FREE };
        pace.changed();
        assert_eq!(pace.step(now, &sending, false, true), Step::Draw);
        assert_eq!(pace.step(now, &sending, false, true), Step::Wait(Some(now + 120 * MS)));
        let ready = FakeLink { unsent: true, ..FREE };
        assert_eq!(pace.step(now, &ready, false, true), Step::Draw, "the next part");
        assert_eq!(pace.step(now, &FREE, false, true), Step::ShowThumbs);
        let busy = FakeLink { part: Err(7 * MS), ..FREE };
        assert_eq!(pace.step(now, &busy, false, true), Step::Wait(Some(now + 7 * MS)));
    }

    #[test]
    fn a_frame_waits_thirty_milliseconds_for_the_selected_run_and_no_longer() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.changed();
        assert_eq!(pace.step(now, &FREE, true, false), Step::Wait(Some(now + 30 * MS)));
        assert_eq!(pace.step(now + 2 * MS, &FREE, false, false), Step::Draw, "it was read");
        pace.changed();
        assert_eq!(pace.step(now + 100 * MS, &FREE, true, false), Step::Wait(Some(now + 130 * MS)));
        assert_eq!(pace.step(now + 120 * MS, &FREE, true, false), Step::Wait(Some(now + 130 * MS)));
        assert_eq!(pace.step(now + 130 * MS, &FREE, true, false), Step::Draw, "a slow disk holds nothing up");
    }
}
