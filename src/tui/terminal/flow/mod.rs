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
//! many bytes are under way as it carries in a round trip, and a part more ([`line`]).
//!
//! A terminal that has answered before and is silent has a line that stands still. What is under way stays so, nothing
//! is added, and [`PROBE`]s ask now and then whether the line moves again: an answer may be lost as well, when somebody
//! attaches a session from elsewhere.
//!
//! This module has no clock and no IO; the session passes the time in.

mod line;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use line::{Answered, Line};

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
    line: Line,
    last: Option<Duration>,
    /// Bytes went out without a query, so that the next answer waits for them, too.
    unasked: bool,
    /// When the first frame was sent; and whether the terminal had not answered anything a long time after.
    began: Option<Instant>,
    silent: bool,
    /// When it answered last.
    heard_at: Option<Instant>,
    /// Frames whose answer timed out, oldest first: how late their answers come shows how slow the link is.
    late: VecDeque<Sent>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    bytes: usize,
    kind: Kind,
    /// Nothing else was under way.
    alone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `waits` for what went before it and is no frame, so that its answer says little of the link.
    Frame {
        waits: bool,
    },
    /// With a part of a picture.
    Part,
    Probe,
}

impl Sent {
    fn answered(&self, now: Instant) -> Answered {
        let Self { at, bytes, alone, .. } = *self;
        Answered { bytes, at, took: now.saturating_duration_since(at), alone }
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
            line: Line::new(),
            last: None,
            unasked: false,
            began: None,
            silent: false,
            heard_at: None,
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
        match self.under_way.len() {
            0 if self.misses > 0 => self.blind_part(),
            0 => self.line.part(),
            // Whether anybody is there is not known yet.
            _ if !self.answers => 0,
            sent => self.line.room(under_way, sent),
        }
    }

    fn blind_part(&self) -> usize {
        if self.silent { BLIND_PART.1 } else { BLIND_PART.0 }
    }

    /// [`Flow::part`] without regard to what is under way.
    pub fn part_size(&self) -> usize {
        if self.asking { self.line.part() } else { self.blind_part() }
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
        if self.frames() < self.line.window() && !self.stands_still(now) {
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
            let alone = self.under_way.is_empty();
            self.under_way.push_back(Sent { at: now, bytes: PROBE.len(), kind: Kind::Probe, alone });
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
        self.line.one_at_a_time();
        self.line.pass_over();
    }

    fn may_try_again(&mut self) -> bool {
        !self.unwritten && self.frames() < self.line.window() && std::mem::take(&mut self.refused)
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
        self.silent = self.heard_at.is_none() && now.saturating_duration_since(began) >= SILENT;
        if !self.asking {
            self.unasked = true;
            return;
        }
        let is_behind = std::mem::take(&mut self.unasked) || !self.late.is_empty();
        let waits = is_behind || self.under_way.iter().any(|sent| sent.kind == Kind::Part);
        let kind = if of_picture > 0 { Kind::Part } else { Kind::Frame { waits } };
        let alone = self.under_way.is_empty() && !is_behind;
        self.under_way.push_back(Sent { at: now, bytes, kind, alone });
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
        self.misses = 0;
        let late = self.late_frame(now);
        self.heard_at = Some(now);
        if let Some(frame) = late {
            let took = now.saturating_duration_since(frame.at);
            self.last = Some(took);
            self.line.late_frame(&frame.answered(now));
            return self.may_try_again();
        }
        // Probes before it were answered by this, too.
        while self.under_way.front().is_some_and(|sent| sent.kind == Kind::Probe) {
            self.under_way.pop_front();
        }
        let stood_still = self.stands_still(now);
        // Without a frame under way, this answers no query of ours.
        let Some(sent) = self.under_way.pop_front() else { return self.may_try_again() };
        let answered = sent.answered(now);
        if stood_still {
            self.moves_again();
            return self.may_try_again();
        }
        match sent.kind {
            Kind::Part => {
                self.last = Some(answered.took);
                self.line.part_of_picture(now, &answered);
            }
            Kind::Frame { waits: false } => {
                self.last = Some(answered.took);
                self.line.frame(now, &answered, self.refused);
            }
            Kind::Frame { waits: true } | Kind::Probe => self.line.behind(now, &answered),
        }
        self.may_try_again()
    }

    /// Forgets what is unanswered, since the terminal may be another one than it was sent to.
    pub fn forget(&mut self) {
        self.under_way.clear();
        self.late.clear();
        self.line.pass_over();
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

    /// How far the line is, without the time that it takes for the bytes themselves: of what was sent over an idle line and
    /// of what followed at once, the second answer comes later by what the line takes for the second.
    /// The timed-out frame that an answer belongs to. Frames are dropped whose answer would have arrived even at
    /// 9,600 bit/s: it is lost.
    fn late_frame(&mut self, now: Instant) -> Option<Sent> {
        let bytes: usize = self.late.iter().map(|frame| frame.bytes).sum();
        let limit = 3 * ANSWER_LIMIT + Duration::from_millis(bytes as u64 * 1000 / 960);
        // Its answer comes behind those of what was sent before it.
        let since = |frame: &Sent| self.heard_at.map_or(frame.at, |last| last.max(frame.at));
        self.late.retain(|frame| now.saturating_duration_since(since(frame)) < limit);
        self.late.pop_front()
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
            self.line.one_at_a_time();
            self.misses += 1;
        }
        if self.asking && self.misses >= MISSES {
            self.asking = false;
            self.late.extend(self.under_way.drain(..));
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
