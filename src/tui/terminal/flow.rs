//! Flow control: when the next frame may go out.
//!
//! Neither a terminal nor SSH tells a program that the line is full: a write returns as soon as some buffer on
//! the way has room, and frames pile up there while the person looks at old ones. So a frame ends with a status
//! query (`ESC [ 5 n`), which the terminal answers once it has drawn everything before it, and the next frame
//! waits for that answer. A burst of changes then becomes one frame with the newest state, not a queue.
//!
//! On a line that is far but not slow, one frame a round trip would be a needless brake. So, as in TCP Vegas, the
//! number of frames that may be under way grows while answers come as quickly as the best seen, and falls to one
//! as soon as they take longer: then frames queue up somewhere.
//!
//! This module has no clock and no IO; the session passes the time in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The status query that ends a frame; the terminal answers `ESC [ 0 n`.
pub const STATUS_QUERY: &[u8] = b"\x1b[5n";

/// Shortest time between two frames: faster than this no eye follows.
pub const MIN_INTERVAL: Duration = Duration::from_millis(16);
/// Shortest time between two frames when the terminal doesn't tell that it has drawn them.
const BLIND_INTERVAL: Duration = Duration::from_millis(66);
/// An answer may take this long, and the time the frame needs at 9,600 bit/s on top.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// The same while it isn't known yet that the terminal answers at all.
const FIRST_ANSWER_LIMIT: Duration = Duration::from_millis(400);
/// So many frames in a row without an answer, and we ask no more.
const MISSES: u32 = 3;
/// Most frames under way on a far line.
const MAX_WINDOW: usize = 8;
/// Most good answers in a row that a larger window has to wait for.
const MAX_PATIENCE: u32 = 32;
/// A part of a picture shall take this long: a key waits for it.
const PART_TIME: Duration = Duration::from_millis(120);
/// Bytes of a part: at the beginning, at least, and at the most.
const PART: (usize, usize, usize) = (2048, 128, 32 * 1024);
/// Frames from this size on tell how slow a line is, before any picture has gone down it.
const TELLING_FRAME: usize = 1024;
/// The same for a terminal that has not told yet that it has drawn the first frame: it may be at the end of the slowest line,
/// with all of that frame still before it. And for one that has not told for so long that it never will.
const BLIND_PART: (usize, usize) = (32, 1024);
const SILENT: Duration = Duration::from_secs(12);
/// Frames given up whose answers may still come.
const MOST_LATE: usize = 8;
/// The session says when the bytes are out; this is only how often to look again.
const WRITE_CHECK: Duration = Duration::from_secs(1);

/// Decides when the next frame may go out. See the module's documentation.
#[derive(Debug)]
pub struct Flow {
    /// Do frames end with the query? Off by configuration, or because the terminal doesn't answer.
    asking: bool,
    /// Has the terminal ever answered?
    answers: bool,
    misses: u32,
    /// Frames sent and not answered, oldest first.
    under_way: VecDeque<Sent>,
    last_sent: Option<Instant>,
    /// Bytes of the last frame that are still to be written.
    unwritten: bool,
    /// The next frame was asked for and refused.
    refused: bool,
    window: usize,
    /// Good answers in a row, and how many of them allow the window to grow.
    good: u32,
    patience: u32,
    best: Option<Duration>,
    last: Option<Duration>,
    /// Bytes of a picture that the line takes in [`PART_TIME`].
    part: usize,
    /// When the first frame went out; and whether nothing has ever been answered for long since.
    began: Option<Instant>,
    heard: bool,
    silent: bool,
    /// Frames given up, oldest first: how late their answers come tells how slow the line is.
    late: VecDeque<Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    bytes: usize,
    /// Of these, bytes of a picture.
    of_picture: usize,
}

impl Flow {
    /// `asking`: whether frames end with a status query at all.
    pub fn new(asking: bool) -> Flow {
        Flow {
            asking,
            answers: false,
            misses: 0,
            under_way: VecDeque::new(),
            last_sent: None,
            unwritten: false,
            refused: false,
            window: 1,
            good: 0,
            patience: 1,
            best: None,
            last: None,
            part: PART.0,
            began: None,
            heard: false,
            silent: false,
            late: VecDeque::new(),
        }
    }

    /// May a part of a picture go out now, though the frame has not changed? As [`Flow::may_draw`], but one at a time:
    /// whatever the person does next waits for those that are under way.
    pub fn may_send_part(&mut self, now: Instant) -> Result<(), Duration> {
        self.may_draw(now)?;
        match self.under_way.front() {
            Some(oldest) => {
                self.refused = true;
                Err((oldest.at + self.limit(oldest.bytes)).saturating_duration_since(now))
            }
            None => Ok(()),
        }
    }

    /// Bytes of a picture that may go out with a frame: as many as take a short time on this line, none while
    /// others are under way.
    pub fn part(&self) -> usize {
        match (self.asking, self.under_way.is_empty()) {
            (true, true) => self.part,
            (true, false) => 0,
            (false, _) => self.blind_part(),
        }
    }

    fn blind_part(&self) -> usize {
        if self.silent { BLIND_PART.1 } else { BLIND_PART.0 }
    }

    /// The same, whatever is under way.
    pub fn part_size(&self) -> usize {
        if self.asking { self.part } else { self.blind_part() }
    }

    /// May a frame go out now? If not: how long to wait before asking again, unless [`Flow::answered`] or
    /// [`Flow::written`] says earlier that it may.
    pub fn may_draw(&mut self, now: Instant) -> Result<(), Duration> {
        let wait = self.wait(now);
        self.refused = wait.is_some();
        wait.map_or(Ok(()), Err)
    }

    fn wait(&mut self, now: Instant) -> Option<Duration> {
        if self.unwritten {
            return Some(WRITE_CHECK);
        }
        self.give_up_late_answers(now);
        let interval = if self.asking { MIN_INTERVAL } else { BLIND_INTERVAL };
        let next = self.last_sent.map(|sent| sent + interval);
        if let Some(next) = next.filter(|next| *next > now) {
            return Some(next - now);
        }
        if self.under_way.len() < self.window {
            return None;
        }
        let oldest = self.under_way.front()?;
        Some((oldest.at + self.limit(oldest.bytes)).saturating_duration_since(now))
    }

    /// Must the next frame end with [`STATUS_QUERY`]?
    pub fn asks(&self) -> bool {
        self.asking
    }

    /// A frame of so many bytes was handed to the line, with the query at its end if [`Flow::asks`].
    pub fn sent(&mut self, now: Instant, bytes: usize) {
        self.sent_with_part(now, bytes, 0);
    }

    /// The same for a frame that has bytes of a picture among its own.
    pub fn sent_with_part(&mut self, now: Instant, bytes: usize, of_picture: usize) {
        self.last_sent = Some(now);
        self.unwritten = true;
        let began = *self.began.get_or_insert(now);
        self.silent = !self.heard && now.saturating_duration_since(began) >= SILENT;
        if self.asking {
            self.under_way.push_back(Sent { at: now, bytes, of_picture });
        }
    }

    /// The operating system has taken all bytes. True if a frame that was refused should be tried again.
    pub fn written(&mut self) -> bool {
        self.unwritten = false;
        self.under_way.len() < self.window && std::mem::take(&mut self.refused)
    }

    /// The terminal answered a status query. True if a frame that was refused should be tried again.
    pub fn answered(&mut self, now: Instant) -> bool {
        if !self.answers && self.misses >= MISSES {
            // It does answer, only later than we waited for.
            self.asking = true;
        }
        self.answers = true;
        self.heard = true;
        self.misses = 0;
        if let Some(frame) = self.late_frame(now) {
            let took = now.saturating_duration_since(frame.at);
            self.last = Some(took);
            self.learn_late(took, frame);
        } else if let Some(frame) = self.under_way.pop_front() {
            // Without one it is an answer that nobody asked for.
            let took = now.saturating_duration_since(frame.at);
            if frame.of_picture > 0 {
                self.learn_part(took, frame);
            } else {
                self.learn(took);
                self.learn_late(took, frame);
            }
        }
        !self.unwritten && self.under_way.len() < self.window && std::mem::take(&mut self.refused)
    }

    /// The terminal was given away, or comes back: nothing is under way any more.
    pub fn reset(&mut self) {
        self.under_way.clear();
        self.late.clear();
        self.unwritten = false;
        self.last_sent = None;
    }

    /// Answers the terminal still owes us.
    pub fn owed(&self) -> usize {
        self.under_way.len()
    }

    /// How long the last frame took to be drawn and answered, once there was one.
    pub fn round_trip(&self) -> Option<Duration> {
        self.last
    }

    /// Has the terminal ever answered a status query?
    pub fn terminal_answers(&self) -> bool {
        self.answers
    }

    fn learn(&mut self, took: Duration) {
        self.last = Some(took);
        let best = match self.best {
            // A line may become slower for good: the best time follows, slowly.
            Some(best) if took > best => best + (took - best) / 16,
            _ => took,
        };
        self.best = Some(best);
        if took > best + best / 2 + Duration::from_millis(10) {
            if self.window > 1 {
                self.patience = (self.patience * 2).min(MAX_PATIENCE);
            }
            self.window = 1;
            self.good = 0;
            return;
        }
        self.good += 1;
        // Only when a frame had to wait does a larger window make a difference.
        if self.refused && self.good >= self.patience && self.window < MAX_WINDOW {
            self.window += 1;
            self.good = 0;
        }
    }

    /// The frame given up that an answer is for. One whose answer should have come even at 9,600 bit/s is forgotten: it was
    /// lost.
    fn late_frame(&mut self, now: Instant) -> Option<Sent> {
        let bytes: usize = self.late.iter().map(|frame| frame.bytes).sum();
        let limit = 3 * ANSWER_LIMIT + Duration::from_millis(bytes as u64 * 1000 / 960);
        self.late.retain(|frame| now.saturating_duration_since(frame.at) < limit);
        self.late.pop_front()
    }

    /// A large frame that took long makes parts smaller.
    fn learn_late(&mut self, took: Duration, frame: Sent) {
        if frame.bytes >= TELLING_FRAME {
            let fitting = frame.bytes * PART_TIME.as_micros() as usize / took.as_micros().max(1) as usize;
            self.part = self.part.min(fitting.max(PART.1));
        }
    }

    /// How large the next part may be, by how much longer this one took than a small frame does.
    fn learn_part(&mut self, took: Duration, sent: Sent) {
        self.last = Some(took);
        let extra = took.saturating_sub(self.best.unwrap_or_default()).as_micros().max(1000) as usize;
        if sent.of_picture < self.part / 2 && extra < PART_TIME.as_micros() as usize {
            // Too small a part to tell anything.
            return;
        }
        let fitting = sent.bytes * PART_TIME.as_micros() as usize / extra;
        // One measurement is not to be trusted far.
        self.part = fitting.clamp(self.part / 4, self.part * 2).clamp(PART.1, PART.2);
    }

    fn give_up_late_answers(&mut self, now: Instant) {
        while let Some(oldest) = self.under_way.front()
            && now.saturating_duration_since(oldest.at) >= self.limit(oldest.bytes)
        {
            self.late.extend(self.under_way.pop_front());
            if self.late.len() > MOST_LATE {
                self.late.pop_front();
            }
            self.window = 1;
            self.misses += 1;
        }
        if self.asking && self.misses >= MISSES {
            self.asking = false;
            self.answers = false;
            self.under_way.clear();
        }
    }

    fn limit(&self, bytes: usize) -> Duration {
        if !self.answers {
            return FIRST_ANSWER_LIMIT;
        }
        // 960 bytes a second: a byte is ten bits on such a line.
        ANSWER_LIMIT + Duration::from_millis(bytes as u64 * 1000 / 960)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line with a round-trip time and a speed, and a person who holds a key down.
    struct Line {
        now: Instant,
        /// When the line has carried all that was put on it.
        free: Instant,
        answers: VecDeque<Instant>,
        delay: Duration,
        bytes_per_s: u64,
    }

    impl Line {
        fn new(delay_ms: u64, bytes_per_s: u64) -> Line {
            let now = Instant::now();
            Line { now, free: now, answers: VecDeque::new(), delay: ms(delay_ms), bytes_per_s }
        }

        fn send(&mut self, bytes: u64) {
            self.free = self.free.max(self.now) + Duration::from_micros(bytes * 1_000_000 / self.bytes_per_s);
            self.answers.push_back(self.free + self.delay);
        }

        /// Wants a frame of `bytes` every millisecond for `for_ms`: how many went out, and the longest time
        /// from sending a frame to its answer.
        fn hold_key(&mut self, flow: &mut Flow, bytes: u64, for_ms: u64) -> (u32, Duration) {
            let (mut frames, mut longest) = (0, Duration::ZERO);
            for _ in 0..for_ms {
                self.now += ms(1);
                while self.answers.front().is_some_and(|at| *at <= self.now) {
                    self.answers.pop_front();
                    flow.answered(self.now);
                }
                if flow.may_draw(self.now).is_ok() {
                    flow.sent(self.now, bytes as usize);
                    flow.written();
                    self.send(bytes);
                    frames += 1;
                    longest = longest.max(self.answers.back().map_or(Duration::ZERO, |at| *at - self.now));
                }
            }
            (frames, longest)
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_frame_is_under_way_until_the_terminal_answers() {
        let (mut flow, now) = (Flow::new(true), Instant::now());
        assert_eq!(flow.may_draw(now), Ok(()));
        flow.sent(now, 100);
        assert!(!flow.written(), "nobody asked for a frame meanwhile");
        flow.answered(now + ms(20));
        flow.sent(now + ms(20), 960);
        flow.written();
        assert_eq!(flow.may_draw(now + ms(40)), Err(ms(1980)), "a second, and a second for 960 bytes");
        assert!(flow.answered(now + ms(50)), "a refused frame is to be tried again");
        assert_eq!(flow.may_draw(now + ms(50)), Ok(()));
        assert_eq!(flow.round_trip(), Some(ms(30)));
    }

    #[test]
    fn frames_keep_their_distance() {
        let (mut flow, now) = (Flow::new(true), Instant::now());
        flow.sent(now, 10);
        flow.written();
        flow.answered(now + ms(1));
        assert_eq!(flow.may_draw(now + ms(4)), Err(ms(12)));
        assert_eq!(flow.may_draw(now + ms(16)), Ok(()));
    }

    #[test]
    fn nothing_goes_out_while_bytes_are_still_to_be_written() {
        for asking in [true, false] {
            let (mut flow, now) = (Flow::new(asking), Instant::now());
            flow.sent(now, 10);
            assert!(flow.may_draw(now + ms(300)).is_err());
            flow.answered(now + ms(300));
            assert!(flow.may_draw(now + ms(300)).is_err());
            assert!(flow.written());
            assert_eq!(flow.may_draw(now + ms(300)), Ok(()));
        }
    }

    #[test]
    fn a_terminal_that_never_answers_is_asked_no_more() {
        let (mut flow, mut now) = (Flow::new(true), Instant::now());
        let start = now;
        while flow.asks() {
            match flow.may_draw(now) {
                Ok(()) => {
                    flow.sent(now, 100);
                    flow.written();
                }
                Err(wait) => now += wait,
            }
        }
        assert!(now - start < ms(1500), "{:?}", now - start);
        assert_eq!(flow.owed(), 0);
        assert!(flow.may_draw(now + BLIND_INTERVAL).is_ok());
        flow.sent(now + BLIND_INTERVAL, 100);
        flow.written();
        assert_eq!(flow.may_draw(now + BLIND_INTERVAL), Err(BLIND_INTERVAL));
        // It was only slow: a late answer brings the query back.
        flow.answered(now + BLIND_INTERVAL);
        assert!(flow.asks());
    }

    #[test]
    fn unasked_answers_change_nothing() {
        let (mut flow, now) = (Flow::new(false), Instant::now());
        assert!(!flow.answered(now));
        assert!(!flow.asks());
        assert_eq!(flow.may_draw(now), Ok(()));
    }

    #[test]
    fn a_held_key_lags_little_on_a_slow_line() {
        let (mut flow, mut line) = (Flow::new(true), Line::new(2, 960));
        line.hold_key(&mut flow, 100, 1000);
        let (frames, longest) = line.hold_key(&mut flow, 100, 10_000);
        assert!(longest <= ms(260), "{longest:?}");
        assert!(frames >= 80, "the line is used: {frames}");
    }

    #[test]
    fn a_far_line_gets_more_than_a_frame_a_round_trip() {
        let (mut flow, mut line) = (Flow::new(true), Line::new(150, 1_000_000));
        line.hold_key(&mut flow, 100, 3000);
        let (frames, longest) = line.hold_key(&mut flow, 100, 1000);
        assert!(frames >= 40, "{frames}");
        assert!(longest < ms(170), "{longest:?}");
    }

    /// Sends a picture of so many bytes over a line, whose frames end with `key` bytes now and then: the longest
    /// time from sending a part to its answer after the first ones, and how long all took.
    fn send_picture(flow: &mut Flow, line: &mut Line, mut bytes: usize) -> (Duration, Duration) {
        let (mut longest, began, mut parts) = (Duration::ZERO, line.now, 0);
        while bytes > 0 || flow.owed() > 0 {
            line.now += ms(1);
            while line.answers.front().is_some_and(|at| *at <= line.now) {
                line.answers.pop_front();
                flow.answered(line.now);
            }
            if bytes > 0 && flow.may_send_part(line.now).is_ok() {
                let part = flow.part().min(bytes);
                assert!(part > 0);
                bytes -= part;
                flow.sent_with_part(line.now, part, part);
                flow.written();
                line.send(part as u64);
                parts += 1;
                if parts > 4 {
                    longest = longest.max(line.answers.back().map_or(Duration::ZERO, |at| *at - line.now));
                }
            }
        }
        (longest, line.now - began)
    }

    #[test]
    fn parts_of_a_picture_are_as_large_as_the_line_takes_quickly() {
        for (delay, bytes_per_s, picture) in
            [(2, 960, 16 << 10), (20, 7_000, 32 << 10), (80, 125_000, 64 << 10), (1, 10_000_000, 256 << 10)]
        {
            let (mut flow, mut line) = (Flow::new(true), Line::new(delay, bytes_per_s));
            line.hold_key(&mut flow, 60, 2000);
            let (longest, took) = send_picture(&mut flow, &mut line, picture);
            assert!(longest < ms(delay + 320), "{bytes_per_s} a second: a key waits for {longest:?}");
            let ideal = Duration::from_secs_f64(picture as f64 / bytes_per_s as f64);
            assert!(
                took < ideal * 3 + ms(delay * 20 + 400),
                "{bytes_per_s} a second: {took:?}, {ideal:?} at best"
            );
        }
    }

    #[test]
    fn the_first_frame_tells_a_slow_line_before_any_picture_goes_down_it() {
        let (mut flow, mut line) = (Flow::new(true), Line::new(2, 960));
        flow.sent(line.now, 4000);
        flow.written();
        line.send(4000);
        let answered = line.answers[0];
        flow.answered(answered);
        assert!(flow.part() <= 150, "{}", flow.part());
        // A far one that is fast isn't taken for a slow one.
        let (mut flow, now) = (Flow::new(true), Instant::now());
        flow.sent(now, 100);
        flow.answered(now + ms(300));
        assert_eq!(flow.part(), PART.0);
    }

    #[test]
    fn a_slow_line_is_not_taken_for_a_silent_terminal() {
        // The first frame needs seven seconds; meanwhile others follow unanswered, and parts of a picture.
        let (mut flow, mut line) = (Flow::new(true), Line::new(2, 960));
        let mut parts = Vec::new();
        flow.sent(line.now, 6600);
        flow.written();
        line.send(6600);
        for _ in 0..40_000 {
            line.now += ms(1);
            while line.answers.front().is_some_and(|at| *at <= line.now) {
                line.answers.pop_front();
                flow.answered(line.now);
            }
            if flow.may_send_part(line.now).is_ok() {
                let part = flow.part();
                parts.push(part);
                flow.sent_with_part(line.now, part, part);
                flow.written();
                let asked = flow.asks();
                line.free = line.free.max(line.now) + Duration::from_micros(part as u64 * 1_000_000 / 960);
                if asked {
                    line.answers.push_back(line.free + line.delay);
                }
            }
        }
        let behind = line.free.saturating_duration_since(line.now);
        assert!(behind < ms(800), "what a key waits for: {behind:?}");
        // At most one was sent before it could be known.
        assert!(parts.iter().filter(|part| **part > 200).count() <= 3, "{parts:?}");
    }

    #[test]
    fn one_part_is_under_way_at_a_time_and_a_frame_goes_before_it() {
        let (mut flow, now) = (Flow::new(true), Instant::now());
        flow.sent_with_part(now, 2000, 2000);
        flow.written();
        assert_eq!(flow.part(), 0);
        assert!(flow.may_send_part(now + ms(20)).is_err());
        assert!(flow.answered(now + ms(30)), "it is to be tried again");
        assert_eq!(flow.may_send_part(now + ms(30)), Ok(()));
        flow.sent(now + ms(30), 50);
        flow.written();
        assert!(flow.may_send_part(now + ms(60)).is_err(), "a frame is under way");
    }

    #[test]
    fn after_the_terminal_was_away_nothing_is_owed() {
        let (mut flow, now) = (Flow::new(true), Instant::now());
        flow.sent(now, 5000);
        flow.reset();
        assert_eq!(flow.owed(), 0);
        assert_eq!(flow.may_draw(now), Ok(()));
    }
}
