//! What is known of the line: how far it is, how many bytes it carries, and how many frames may be under way.
//!
//! What an answer took is the way there and back and the time that the line takes for the bytes themselves. Of what is sent
//! over an idle line both are in one number. Where a second answer follows a first one that had not come when the second
//! query was sent, the line was at work in between, so that their distance in time tells what it carries.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Time on the link that one part of a picture is sized for: a key waits for it.
pub(super) const PART_TIME: Duration = Duration::from_millis(120);
/// Bytes of a part of a picture: initial, smallest, largest.
pub(super) const PART: (usize, usize, usize) = (2048, 128, 32 * 1024);
/// Measurements of which the best sets the size of a part, and the time that one looks back at the most.
const MEASURES: usize = 4;
const MEASURED_TIME: Duration = Duration::from_millis(500);
/// Frames from this size on tell how slow a link is, before any picture has gone down it.
const TELLING_FRAME: usize = 1024;
/// Most unanswered frames on a link with a long round trip.
const MAX_WINDOW: usize = 8;
/// Upper limit of the good answers in a row that let the window grow.
const MAX_PATIENCE: u32 = 32;

/// Something that was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) bytes: usize,
    /// When it was sent, and the time until its answer.
    pub(super) at: Instant,
    pub(super) took: Duration,
    /// Nothing else was on the line when it was sent.
    pub(super) alone: bool,
}

#[derive(Debug)]
pub(super) struct Line {
    /// The way there and back, without the time for bytes.
    pub(super) distance: Option<Duration>,
    /// Frames that may be under way.
    window: usize,
    /// Good answers in a row, and how many of them allow the window to grow.
    good: u32,
    patience: u32,
    /// Bytes that the line takes in [`PART_TIME`], whether that was measured, and the last measurements.
    part: usize,
    is_measured: bool,
    fitting: VecDeque<usize>,
    last_answer: Option<Instant>,
    /// The last one answered, if it was sent over an idle line.
    alone: Option<Answered>,
    /// An answer since which the line has not been idle, and bytes that were answered after it.
    busy_since: Option<Instant>,
    busy_bytes: usize,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            distance: None,
            window: 1,
            good: 0,
            patience: 1,
            part: PART.0,
            is_measured: false,
            fitting: VecDeque::new(),
            last_answer: None,
            alone: None,
            busy_since: None,
            busy_bytes: 0,
        }
    }

    pub(super) fn window(&self) -> usize {
        self.window
    }

    pub(super) fn part(&self) -> usize {
        self.part
    }

    /// Bytes of a part that may follow `under_way` bytes in `sent` pieces: together as many as the line carries there and
    /// back, and a part more.
    pub(super) fn room(&self, under_way: usize, sent: usize) -> usize {
        let Some(distance) = self.distance else {
            // A second one behind the first tells how far the line is.
            return if sent == 1 && under_way <= self.part { self.part } else { 0 };
        };
        let on_the_way = self.part as u128 * distance.as_micros() / PART_TIME.as_micros();
        let room = (self.part + on_the_way as usize).saturating_sub(under_way);
        // Too small a part costs more than it brings.
        if room * 5 < self.part * 3 { 0 } else { room.min(self.part) }
    }

    /// One frame at a time again: the line stood still, or nobody answers.
    pub(super) fn one_at_a_time(&mut self) {
        self.window = 1;
        self.good = 0;
    }

    /// An answer says nothing of the line itself, as after it stood still.
    pub(super) fn pass_over(&mut self) {
        (self.last_answer, self.alone) = (None, None);
        (self.busy_since, self.busy_bytes) = (None, 0);
    }

    /// A frame was answered. `refused`: another one had to wait meanwhile.
    pub(super) fn frame(&mut self, now: Instant, frame: &Answered, refused: bool) {
        self.compare(now, frame);
        // A large one took its time on the line, however far that is.
        if frame.bytes < TELLING_FRAME {
            self.learn_distance(frame.took.saturating_sub(self.time_for(frame.bytes)), refused);
        }
        self.slow_down(frame);
    }

    /// Something was answered that waited for parts of a picture.
    pub(super) fn behind(&mut self, now: Instant, sent: &Answered) {
        self.compare(now, sent);
    }

    /// A frame was answered after nobody expected it any more.
    pub(super) fn late_frame(&mut self, frame: &Answered) {
        self.pass_over();
        self.slow_down(frame);
    }

    /// A part of a picture was answered.
    pub(super) fn part_of_picture(&mut self, now: Instant, part: &Answered) {
        let measured = self.compare(now, part);
        let Some((bytes, time)) = measured else { return };
        self.fitting
            .push_back((bytes as u128 * PART_TIME.as_micros() / time.as_micros().max(1_000)) as usize);
        if self.fitting.len() > MEASURES {
            self.fitting.pop_front();
        }
        // While fewer bytes are under way than it could carry, it looks slower than it is.
        let fitting = self.fitting.iter().max().copied().unwrap_or(self.part);
        // One measurement may be off, so the size changes at most by these factors.
        self.part = fitting.clamp(self.part / 4, self.part * 3).clamp(PART.1, PART.2);
        self.is_measured = true;
    }

    /// Bytes, and the time in which the line has carried them, as far as an answer tells.
    fn compare(&mut self, now: Instant, sent: &Answered) -> Option<(usize, Duration)> {
        let last = self.last_answer.replace(now);
        if let (false, Some(last)) = (sent.alone, last.filter(|last| sent.at < *last)) {
            let since_last = now.saturating_duration_since(last);
            self.learn_by_second(sent, since_last);
            let since = *self.busy_since.get_or_insert(last);
            self.busy_bytes += sent.bytes;
            let carried = (self.busy_bytes, now.saturating_duration_since(since));
            if carried.1 > MEASURED_TIME {
                // What the line carried long ago says little of what it carries now.
                (self.busy_since, self.busy_bytes) = (Some(now), 0);
            }
            return Some(carried);
        }
        (self.busy_since, self.busy_bytes) = (None, 0);
        self.alone = sent.alone.then_some(*sent);
        // Too small a part says little of what the line carries.
        let time = sent.took.saturating_sub(self.distance.unwrap_or_default());
        let tells = sent.alone && (sent.bytes >= self.part / 2 || time >= PART_TIME);
        tells.then_some((sent.bytes, time))
    }

    /// How far the line is: what was sent over the idle line took the way there and back, and the time for its bytes. The
    /// answer of what followed at once comes later by the time for its own.
    fn learn_by_second(&mut self, second: &Answered, later: Duration) {
        let Some(first) = self.alone.take() else { return };
        let for_first = later.mul_f64(first.bytes as f64 / second.bytes.max(1) as f64);
        let pause = second.at.saturating_duration_since(first.at);
        if pause * 5 / 4 > for_first {
            // The line was idle in between.
            return;
        }
        let distance = first.took.saturating_sub(for_first);
        // One measurement may be off.
        let known = self.distance.map_or(distance, |known| (known * 3 + distance) / 4);
        self.distance = Some(known.max(Duration::from_millis(1)));
    }

    /// What the line takes for so many bytes, as far as that is known.
    fn time_for(&self, bytes: usize) -> Duration {
        if !self.is_measured {
            return Duration::ZERO;
        }
        PART_TIME.mul_f64(bytes as f64 / self.part as f64)
    }

    fn learn_distance(&mut self, took: Duration, refused: bool) {
        let known = match self.distance {
            // A line may become slower permanently, so the best time slowly rises.
            Some(known) if took > known => known + (took - known) / 16,
            _ => took,
        };
        self.distance = Some(known);
        if took > known + known / 2 + Duration::from_millis(10) {
            if self.window > 1 {
                self.patience = (self.patience * 2).min(MAX_PATIENCE);
            }
            self.one_at_a_time();
            return;
        }
        self.good += 1;
        // A larger window only helps if a frame had to wait.
        if refused && self.good >= self.patience && self.window < MAX_WINDOW {
            self.window += 1;
            self.good = 0;
        }
    }

    /// Makes parts smaller if a large frame took long.
    fn slow_down(&mut self, frame: &Answered) {
        if frame.bytes >= TELLING_FRAME {
            let fitting = frame.bytes as u128 * PART_TIME.as_micros() / frame.took.as_micros().max(1);
            self.part = self.part.min((fitting as usize).max(PART.1));
            self.is_measured = true;
        }
    }
}
