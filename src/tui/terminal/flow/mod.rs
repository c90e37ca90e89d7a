//! Flow control: when the next frame may go out.
//!
//! Neither a terminal nor SSH tells a program that the link is full: a write returns as soon as some buffer on
//! the way has room, and frames pile up there while the person looks at old ones. So a frame ends with a status
//! query (`ESC [ 5 n`), which the terminal answers once it has drawn everything before it, and the next frame
//! waits for that answer. A burst of changes then becomes one frame with the newest state, not a queue.
//!
//! On a link that is far but not slow, one frame a round trip would be a needless brake. So, as in TCP Vegas, the
//! number of frames that may be under way grows while answers come as quickly as the best seen, and falls to one
//! as soon as they take longer: then frames queue up somewhere. Parts of a picture fill the link in the same way: as
//! many bytes are under way as it carries in a round trip, and [`PART_TIME`] more.
//!
//! A terminal that has answered before and is silent has a line that stands still. What is under way stays so, nothing
//! is added, and [`PROBE`]s ask now and then whether the line moves again: an answer may be lost as well, when somebody
//! attaches a session from elsewhere.
//!
//! This module has no clock and no IO; the session passes the time in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The status query that ends a frame; the terminal answers `ESC [ 0 n`.
pub const STATUS_QUERY: &[u8] = b"\x1b[5n";
/// Asks whether a line that stood still moves again. Another question than [`STATUS_QUERY`] (DA1), so that its answer
/// is not taken for a frame's.
pub const PROBE: &[u8] = b"\x1b[c";

/// Shortest time between two frames: faster than this no eye follows.
pub const MIN_INTERVAL: Duration = Duration::from_millis(16);
/// Shortest time between two frames when the terminal doesn't tell that it has drawn them.
const BLIND_INTERVAL: Duration = Duration::from_millis(66);
/// Timeout of an answer, plus the time that the frame takes at 9,600 bit/s.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// The same while it isn't known yet that the terminal answers at all.
const FIRST_ANSWER_LIMIT: Duration = Duration::from_millis(400);
/// Unanswered frames in a row after which frames no longer end with the query.
const MISSES: u32 = 3;
/// Most unanswered frames on a link with a long round trip.
const MAX_WINDOW: usize = 8;
/// Upper limit of the good answers in a row that let the window grow.
const MAX_PATIENCE: u32 = 32;
/// Time on the link that one part of a picture is sized for: a key waits for it.
const PART_TIME: Duration = Duration::from_millis(120);
/// Bytes of a part of a picture: initial, smallest, largest.
const PART: (usize, usize, usize) = (2048, 128, 32 * 1024);
/// Measurements of which the best sets the size of a part, and the time that one looks back at the most.
const MEASURES: usize = 4;
const MEASURED_TIME: Duration = Duration::from_millis(500);
/// Frames from this size on tell how slow a link is, before any picture has gone down it.
const TELLING_FRAME: usize = 1024;
/// Bytes of a part for a terminal that has not answered the first frame yet, which may be at the end of the slowest
/// link; and for one that has been silent for so long that it will never answer.
const BLIND_PART: (usize, usize) = (32, 1024);
const SILENT: Duration = Duration::from_secs(12);
/// Most frames that timed out and are still matched with late answers.
const MOST_LATE: usize = 8;
/// Time from the first probe to the second; each further one doubles it, up to the limit.
const PROBE_PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Shortest time between two probes when somebody presses keys meanwhile.
const PROBE_BY_KEY: Duration = Duration::from_secs(1);
/// Poll interval while a frame is not written; the session also tells when it is.
const WRITE_CHECK: Duration = Duration::from_secs(1);

/// Decides when the next frame may go out. See the module's documentation.
#[derive(Debug)]
pub struct Flow {
    /// Do frames end with the query? Off by configuration, or because the terminal doesn't answer.
    asking: bool,
    /// Has the terminal ever answered?
    answers: bool,
    misses: u32,
    /// Frames, parts and probes sent and not answered, oldest first.
    under_way: VecDeque<Sent>,
    /// When the next probe is due, and the time until the one after it, while the line stands still.
    next_probe: Option<(Instant, Duration)>,
    last_probe: Option<Instant>,
    last_sent: Option<Instant>,
    /// Bytes of the last frame that are still to be written.
    unwritten: bool,
    /// Whether [`Flow::may_draw`] refused a frame.
    refused: bool,
    window: usize,
    /// Good answers in a row, and how many of them allow the window to grow.
    good: u32,
    patience: u32,
    best: Option<Duration>,
    last: Option<Duration>,
    /// Bytes of a picture that the link takes in [`PART_TIME`], and its last measurements.
    part: usize,
    fitting: VecDeque<usize>,
    /// Since when the link has not been idle, and bytes that were answered since.
    busy_since: Option<Instant>,
    busy_bytes: usize,
    /// When the first frame was sent; and whether the terminal has not answered anything for a long time since.
    began: Option<Instant>,
    heard: bool,
    silent: bool,
    /// Frames whose answer timed out, oldest first: how late their answers come shows how slow the link is.
    late: VecDeque<Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    bytes: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `waits` for parts that went before it, so that its answer says little of the link.
    Frame {
        waits: bool,
    },
    /// With so many bytes of a picture.
    Part {
        bytes: usize,
    },
    Probe,
}

impl Sent {
    fn of_picture(&self) -> usize {
        match self.kind {
            Kind::Part { bytes } => bytes,
            Kind::Frame { .. } | Kind::Probe => 0,
        }
    }
}

impl Flow {
    /// `asking`: whether frames end with a status query at all.
    pub fn new(asking: bool) -> Flow {
        Flow {
            asking,
            answers: false,
            misses: 0,
            under_way: VecDeque::new(),
            next_probe: None,
            last_probe: None,
            last_sent: None,
            unwritten: false,
            refused: false,
            window: 1,
            good: 0,
            patience: 1,
            best: None,
            last: None,
            part: PART.0,
            fitting: VecDeque::new(),
            busy_since: None,
            busy_bytes: 0,
            began: None,
            heard: false,
            silent: false,
            late: VecDeque::new(),
        }
    }

    /// May a part of a picture go out now, though the frame has not changed? As [`Flow::may_draw`], while the link has
    /// room for it.
    pub fn may_send_part(&mut self, now: Instant) -> Result<(), Duration> {
        self.may_draw(now)?;
        if self.part() > 0 {
            return Ok(());
        }
        self.refused = true;
        Err(self.until_overdue(now).unwrap_or(WRITE_CHECK))
    }

    /// Bytes of a picture that may be sent with a frame: as many as the link takes in [`PART_TIME`], none while it is
    /// full.
    pub fn part(&self) -> usize {
        if !self.asking {
            return self.blind_part();
        }
        let under_way: usize = self.under_way.iter().map(|sent| sent.bytes).sum();
        if under_way == 0 {
            return self.part;
        }
        let Some(best) = self.best else { return 0 };
        let on_the_way = self.part as u128 * best.as_micros() / PART_TIME.as_micros();
        let room = (self.part + on_the_way as usize).saturating_sub(under_way);
        // Too small a part costs more than it brings.
        if room * 5 < self.part * 3 { 0 } else { room.min(self.part) }
    }

    fn blind_part(&self) -> usize {
        if self.silent { BLIND_PART.1 } else { BLIND_PART.0 }
    }

    /// [`Flow::part`] without regard to what is under way.
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
        if self.frames() < self.window && !self.stands_still(now) {
            return None;
        }
        match self.next_probe {
            Some((at, _)) if self.stands_still(now) => Some(at.saturating_duration_since(now)),
            _ => self.until_overdue(now),
        }
    }

    /// Frames under way; parts of pictures are counted in bytes instead.
    fn frames(&self) -> usize {
        self.under_way.iter().filter(|sent| matches!(sent.kind, Kind::Frame { .. })).count()
    }

    fn until_overdue(&self, now: Instant) -> Option<Duration> {
        let oldest = self.under_way.front()?;
        Some((oldest.at + self.limit(oldest.bytes)).saturating_duration_since(now))
    }

    /// Whether a terminal that answers has been silent for too long.
    fn stands_still(&self, now: Instant) -> bool {
        self.asking && self.answers && self.until_overdue(now).is_some_and(|left| left.is_zero())
    }

    /// Whether [`PROBE`] is to be sent now; it counts as sent. Ask after a refusal.
    pub fn probe(&mut self, now: Instant) -> bool {
        if self.unwritten || !self.stands_still(now) {
            return false;
        }
        let (due, pause) = self.next_probe.unwrap_or((now, PROBE_PAUSE.0));
        let is_due = due <= now;
        if is_due {
            self.next_probe = Some((now + pause, (pause * 2).min(PROBE_PAUSE.1)));
            self.last_probe = Some(now);
            self.under_way.push_back(Sent { at: now, bytes: PROBE.len(), kind: Kind::Probe });
        }
        is_due
    }

    /// The terminal answered a probe: what was sent before it is drawn, or lost. True if a frame that was refused should be
    /// tried again.
    pub fn probed(&mut self) -> bool {
        let Some(at) = self.under_way.iter().position(|sent| sent.kind == Kind::Probe) else { return false };
        self.under_way.drain(..=at);
        self.moves_again();
        self.may_try_again()
    }

    /// Somebody pressed a key: if the line stands still, it may move again.
    pub fn heard(&mut self) {
        if let (Some((due, pause)), Some(last)) = (self.next_probe, self.last_probe) {
            self.next_probe = Some((due.min(last + PROBE_BY_KEY), pause));
        }
    }

    fn moves_again(&mut self) {
        self.next_probe = None;
        self.last_probe = None;
        self.window = 1;
        self.good = 0;
    }

    fn may_try_again(&mut self) -> bool {
        !self.unwritten && self.frames() < self.window && std::mem::take(&mut self.refused)
    }

    /// Must the next frame end with [`STATUS_QUERY`]?
    pub fn asks(&self) -> bool {
        self.asking
    }

    /// A frame of so many bytes was handed to the link, `of_picture` of them a picture's, with the query at its end if
    /// [`Flow::asks`].
    pub fn sent(&mut self, now: Instant, bytes: usize, of_picture: usize) {
        self.last_sent = Some(now);
        self.unwritten = true;
        let began = *self.began.get_or_insert(now);
        self.silent = !self.heard && now.saturating_duration_since(began) >= SILENT;
        if self.asking {
            let waits = self.under_way.iter().any(|sent| sent.of_picture() > 0);
            let kind = match of_picture {
                0 => Kind::Frame { waits },
                bytes => Kind::Part { bytes },
            };
            if self.under_way.is_empty() {
                self.busy_since = Some(now);
                self.busy_bytes = 0;
            }
            self.under_way.push_back(Sent { at: now, bytes, kind });
        }
    }

    /// The operating system has taken all bytes. True if a frame that was refused should be tried again.
    pub fn written(&mut self) -> bool {
        self.unwritten = false;
        self.may_try_again()
    }

    /// The terminal answered a status query. True if a frame that was refused should be tried again.
    pub fn answered(&mut self, now: Instant) -> bool {
        if !self.answers && self.misses >= MISSES {
            // The terminal does answer, just later than the limit.
            self.asking = true;
        }
        self.answers = true;
        self.heard = true;
        self.misses = 0;
        if let Some(frame) = self.late_frame(now) {
            let took = now.saturating_duration_since(frame.at);
            self.last = Some(took);
            self.learn_late(took, frame);
            return self.may_try_again();
        }
        // Probes before it were answered by this, too.
        while self.under_way.front().is_some_and(|sent| sent.kind == Kind::Probe) {
            self.under_way.pop_front();
        }
        let stood_still = self.stands_still(now);
        // Without a frame under way, this answers no query of ours.
        let Some(sent) = self.under_way.pop_front() else { return self.may_try_again() };
        let took = now.saturating_duration_since(sent.at);
        self.busy_bytes += sent.bytes;
        if stood_still {
            self.moves_again();
        } else {
            match sent.kind {
                Kind::Part { bytes } => {
                    self.last = Some(took);
                    self.learn_part(now, bytes);
                }
                Kind::Frame { waits: false } => {
                    self.learn(took);
                    self.learn_late(took, sent);
                }
                Kind::Frame { waits: true } | Kind::Probe => {}
            }
        }
        self.may_try_again()
    }

    /// Forgets what is unanswered, since the terminal may be another one than it was sent to.
    pub fn forget(&mut self) {
        self.under_way.clear();
        self.late.clear();
        self.next_probe = None;
        self.last_probe = None;
    }

    /// Forgets what is under way: the terminal was given away or taken back.
    pub fn reset(&mut self) {
        self.forget();
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
            // A link may become slower permanently, so the best time slowly rises.
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
        // A larger window only helps if a frame had to wait.
        if self.refused && self.good >= self.patience && self.window < MAX_WINDOW {
            self.window += 1;
            self.good = 0;
        }
    }

    /// The timed-out frame that an answer belongs to. Frames are dropped whose answer would have arrived even at
    /// 9,600 bit/s: it is lost.
    fn late_frame(&mut self, now: Instant) -> Option<Sent> {
        let bytes: usize = self.late.iter().map(|frame| frame.bytes).sum();
        let limit = 3 * ANSWER_LIMIT + Duration::from_millis(bytes as u64 * 1000 / 960);
        self.late.retain(|frame| now.saturating_duration_since(frame.at) < limit);
        self.late.pop_front()
    }

    /// Makes parts smaller if a large frame took long.
    fn learn_late(&mut self, took: Duration, frame: Sent) {
        if frame.bytes >= TELLING_FRAME {
            let fitting = frame.bytes * PART_TIME.as_micros() as usize / took.as_micros().max(1) as usize;
            self.part = self.part.min(fitting.max(PART.1));
        }
    }

    /// Sets the size of the next part by what the link has carried since it was last idle: the first bytes arrive after the
    /// best time, and from then on it is at work.
    fn learn_part(&mut self, now: Instant, bytes: usize) {
        let best = self.best.unwrap_or_default();
        let Some(since) = self.busy_since else { return };
        let at_work = now.saturating_duration_since(since).saturating_sub(best).as_micros().max(1000);
        if bytes < self.part / 2 && at_work < PART_TIME.as_micros() {
            // Too small a part to measure the link with.
            return;
        }
        self.fitting.push_back((self.busy_bytes as u128 * PART_TIME.as_micros() / at_work) as usize);
        if self.fitting.len() > MEASURES {
            self.fitting.pop_front();
        }
        if at_work > MEASURED_TIME.as_micros() {
            // What the link carried long ago says little of what it carries now.
            self.busy_since = Some(now.checked_sub(best).unwrap_or(now));
            self.busy_bytes = 0;
        }
        // While fewer bytes are under way than it could carry, it looks slower than it is.
        let fitting = self.fitting.iter().max().copied().unwrap_or(self.part);
        // One measurement may be off, so the size changes at most by these factors.
        self.part = fitting.clamp(self.part / 4, self.part * 3).clamp(PART.1, PART.2);
    }

    /// While it isn't known whether the terminal answers at all.
    fn give_up_late_answers(&mut self, now: Instant) {
        if self.answers {
            return;
        }
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
            self.under_way.clear();
        }
    }

    fn limit(&self, bytes: usize) -> Duration {
        if !self.answers {
            return FIRST_ANSWER_LIMIT;
        }
        // 960 bytes a second: a byte is ten bits on such a link.
        ANSWER_LIMIT + Duration::from_millis(bytes as u64 * 1000 / 960)
    }
}

#[cfg(test)]
mod tests;
