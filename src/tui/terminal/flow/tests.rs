use super::line::PART;
use super::*;

/// A link with a round-trip time and a speed, and a person who holds a key down.
struct Link {
    now: Instant,
    /// When the link has carried all that was put on it.
    free: Instant,
    answers: VecDeque<Instant>,
    delay: Duration,
    bytes_per_s: u64,
}

impl Link {
    fn new(delay_ms: u64, bytes_per_s: u64) -> Link {
        let now = Instant::now();
        Link { now, free: now, answers: VecDeque::new(), delay: ms(delay_ms), bytes_per_s }
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
                flow.sent(self.now, bytes as usize, 0);
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
    flow.sent(now, 100, 0);
    assert!(!flow.written(), "nobody asked for a frame meanwhile");
    flow.answered(now + ms(20));
    flow.sent(now + ms(20), 960, 0);
    flow.written();
    assert_eq!(flow.may_draw(now + ms(40)), Err(ms(1980)), "a second, and a second for 960 bytes");
    assert!(flow.answered(now + ms(50)), "a refused frame is to be tried again");
    assert_eq!(flow.may_draw(now + ms(50)), Ok(()));
    assert_eq!(flow.round_trip(), Some(ms(30)));
}

#[test]
fn frames_keep_their_distance() {
    let (mut flow, now) = (Flow::new(true), Instant::now());
    flow.sent(now, 10, 0);
    flow.written();
    flow.answered(now + ms(1));
    assert_eq!(flow.may_draw(now + ms(4)), Err(ms(12)));
    assert_eq!(flow.may_draw(now + ms(16)), Ok(()));
}

#[test]
fn nothing_goes_out_while_bytes_are_still_to_be_written() {
    for asking in [true, false] {
        let (mut flow, now) = (Flow::new(asking), Instant::now());
        flow.sent(now, 10, 0);
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
                flow.sent(now, 100, 0);
                flow.written();
            }
            Err(wait) => now += wait,
        }
    }
    assert!(now - start < ms(1500), "{:?}", now - start);
    assert_eq!(flow.owed(), 0);
    assert!(flow.may_draw(now + BLIND_INTERVAL).is_ok());
    flow.sent(now + BLIND_INTERVAL, 100, 0);
    flow.written();
    assert_eq!(flow.may_draw(now + BLIND_INTERVAL), Err(BLIND_INTERVAL));
    // The terminal is only slow: a late answer turns the query back on.
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
    let (mut flow, mut link) = (Flow::new(true), Link::new(2, 960));
    link.hold_key(&mut flow, 100, 1000);
    let (frames, longest) = link.hold_key(&mut flow, 100, 10_000);
    assert!(longest <= ms(260), "{longest:?}");
    assert!(frames >= 80, "the link is used: {frames}");
}

#[test]
fn a_far_line_gets_more_than_a_frame_a_round_trip() {
    let (mut flow, mut link) = (Flow::new(true), Link::new(150, 1_000_000));
    link.hold_key(&mut flow, 100, 3000);
    let (frames, longest) = link.hold_key(&mut flow, 100, 1000);
    assert!(frames >= 40, "{frames}");
    assert!(longest < ms(170), "{longest:?}");
}

/// Sends a picture of so many bytes over a link, whose frames end with `key` bytes now and then: the longest
/// time from sending a part to its answer after the first ones, and how long all took.
fn send_picture(flow: &mut Flow, link: &mut Link, mut bytes: usize) -> (Duration, Duration) {
    let (mut longest, began, mut parts) = (Duration::ZERO, link.now, 0);
    while bytes > 0 || flow.owed() > 0 {
        link.now += ms(1);
        while link.answers.front().is_some_and(|at| *at <= link.now) {
            link.answers.pop_front();
            flow.answered(link.now);
        }
        if bytes > 0 && flow.may_send_part(link.now).is_ok() {
            let part = flow.part().min(bytes);
            assert!(part > 0);
            bytes -= part;
            let asks = flow.asks();
            flow.sent(link.now, part, part);
            flow.written();
            link.send(part as u64);
            if !asks {
                link.answers.pop_back();
            }
            parts += 1;
            if parts > 4 {
                longest = longest.max(link.free + link.delay - link.now);
            }
        }
    }
    (longest, link.now - began)
}

#[test]
fn parts_of_a_picture_are_as_large_as_the_line_takes_quickly() {
    for (delay, bytes_per_s, picture) in
        [(2, 960, 16 << 10), (20, 7_000, 32 << 10), (80, 125_000, 64 << 10), (1, 10_000_000, 256 << 10)]
    {
        let (mut flow, mut link) = (Flow::new(true), Link::new(delay, bytes_per_s));
        link.hold_key(&mut flow, 60, 2000);
        let (longest, took) = send_picture(&mut flow, &mut link, picture);
        assert!(longest < ms(delay + 320), "{bytes_per_s} a second: a key waits for {longest:?}");
        let ideal = Duration::from_secs_f64(picture as f64 / bytes_per_s as f64);
        assert!(
            took < ideal * 3 + ms(delay * 20 + 400),
            "{bytes_per_s} a second: {took:?}, {ideal:?} at best"
        );
    }
}

#[test]
fn the_first_frame_measures_a_slow_link_before_any_picture() {
    let (mut flow, mut link) = (Flow::new(true), Link::new(2, 960));
    flow.sent(link.now, 4000, 0);
    flow.written();
    link.send(4000);
    let answered = link.answers[0];
    flow.answered(answered);
    assert!(flow.part() <= 150, "{}", flow.part());
    // A long round trip on a fast link isn't taken for a slow link.
    let (mut flow, now) = (Flow::new(true), Instant::now());
    flow.sent(now, 100, 0);
    flow.answered(now + ms(300));
    assert_eq!(flow.part(), PART.0);
}

#[test]
fn a_slow_line_is_not_taken_for_a_silent_terminal() {
    // The first frame needs seven seconds; meanwhile others follow unanswered, and parts of a picture.
    for delay in [2, 300] {
        let (mut flow, mut link) = (Flow::new(true), Link::new(delay, 960));
        let mut parts = Vec::new();
        flow.sent(link.now, 6600, 0);
        flow.written();
        link.send(6600);
        let (mut since_answer, mut carried, mut behind) = (0, 0, Duration::ZERO);
        for _ in 0..40_000 {
            link.now += ms(1);
            while link.answers.front().is_some_and(|at| *at <= link.now) {
                link.answers.pop_front();
                flow.answered(link.now);
                since_answer = since_answer.max(1);
            }
            since_answer += u64::from(since_answer > 0);
            if flow.may_send_part(link.now).is_ok() {
                let part = flow.part();
                parts.push(part);
                flow.sent(link.now, part, part);
                flow.written();
                let asked = flow.asks();
                link.free = link.free.max(link.now) + Duration::from_micros(part as u64 * 1_000_000 / 960);
                if asked {
                    link.answers.push_back(link.free + link.delay);
                }
                carried += if since_answer > 5_000 { part } else { 0 };
            }
            if since_answer > 5_000 {
                behind = behind.max(link.free.saturating_duration_since(link.now));
            }
        }
        assert!(behind < ms(delay + 500), "what a key waits for over {delay} ms: {behind:?}, {parts:?}");
        // At most one was sent before it could be known.
        assert!(parts.iter().filter(|part| **part > 200).count() <= 3, "{parts:?}");
        let ideal = (since_answer as usize - 5_000) * 960 / 1_000;
        assert!(carried * 10 > ideal * 8, "over {delay} ms {carried} of {ideal} bytes");
    }
}

#[test]
fn one_part_is_under_way_at_a_time_and_a_frame_goes_before_it() {
    let (mut flow, now) = (Flow::new(true), Instant::now());
    flow.sent(now, 2000, 2000);
    flow.written();
    assert_eq!(flow.part(), 0);
    assert!(flow.may_send_part(now + ms(20)).is_err());
    assert!(flow.answered(now + ms(30)), "it is to be tried again");
    assert_eq!(flow.may_send_part(now + ms(30)), Ok(()));
    flow.sent(now + ms(30), 50, 0);
    flow.written();
    assert!(flow.may_send_part(now + ms(60)).is_err(), "a frame is under way");
}

#[test]
fn after_the_terminal_was_away_nothing_is_owed() {
    let (mut flow, now) = (Flow::new(true), Instant::now());
    flow.sent(now, 5000, 0);
    flow.reset();
    assert_eq!(flow.owed(), 0);
    assert_eq!(flow.may_draw(now), Ok(()));
}

/// Wants a frame every 50 ms on a line that stands still for so long after its first answers: bytes that went out
/// meanwhile, when, and the time from the line's moving again to the next frame.
fn stand_still(flow: &mut Flow, for_ms: u64, keys_from: u64) -> (Vec<(u64, usize)>, Duration) {
    let start = Instant::now();
    flow.sent(start, 100, 0);
    flow.written();
    flow.answered(start + ms(30));
    let (mut out, mut unanswered) = (Vec::new(), Vec::new());
    for at in (50..).step_by(50) {
        let now = start + ms(at);
        if at >= for_ms {
            // All that was held up arrives, and its answers with it.
            for is_probe in unanswered.drain(..) {
                let _ = if is_probe { flow.probed() } else { flow.answered(now) };
            }
        }
        if at >= keys_from {
            flow.heard();
        }
        if flow.may_draw(now).is_ok() {
            if at >= for_ms {
                return (out, now - start - ms(for_ms));
            }
            flow.sent(now, 4000, 0);
            flow.written();
            out.push((at, 4000));
            unanswered.push(false);
        } else if flow.probe(now) {
            out.push((at, PROBE.len()));
            unanswered.push(true);
        }
    }
    unreachable!("it moves again")
}

#[test]
fn on_a_line_that_stands_still_one_frame_is_out_and_probes_ask_ever_more_seldom() {
    let mut flow = Flow::new(true);
    let (out, waited) = stand_still(&mut flow, 120_000, u64::MAX);
    assert!(flow.asks());
    assert_eq!(out.iter().filter(|(_, bytes)| *bytes > PROBE.len()).count(), 1, "{out:?}");
    let probes: Vec<u64> = out[1..].iter().map(|(at, _)| *at).collect();
    let pauses: Vec<u64> = probes.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    // The limit of a frame of 4,000 bytes is a second and what it takes at 9,600 bit/s.
    assert_eq!((probes[0] - 50) / 1000, 5, "{probes:?}");
    assert_eq!(pauses, [2, 4, 8, 16, 30, 30], "{probes:?}");
    assert_eq!(waited, Duration::ZERO, "the first answer lets the newest frame out");
    assert_eq!(flow.owed(), 0, "nothing is waited for that was answered");
    // A stall says nothing of how far the link is.
    assert!(flow.line.distance.is_some_and(|best| best < ms(100)), "{:?}", flow.line.distance);
}

#[test]
fn a_key_asks_sooner_whether_the_line_moves() {
    let mut flow = Flow::new(true);
    let (out, _) = stand_still(&mut flow, 40_000, 30_000);
    let late = out.iter().filter(|(at, _)| *at >= 30_000).count();
    assert!((9..=11).contains(&late), "{out:?}");
}

#[test]
fn an_answer_that_got_lost_is_made_up_for_by_a_probes() {
    let (mut flow, now) = (Flow::new(true), Instant::now());
    flow.sent(now, 100, 0);
    flow.written();
    flow.answered(now + ms(30));
    flow.sent(now + ms(40), 100, 0);
    flow.written();
    assert!(flow.may_draw(now + ms(1200)).is_err());
    assert!(flow.probe(now + ms(1200)));
    assert!(flow.probed(), "a frame waits");
    assert_eq!(flow.may_draw(now + ms(1230)), Ok(()));
    // An answer to no probe, as to the questions of the start, is no frame's.
    flow.sent(now + ms(1230), 100, 0);
    assert!(!flow.probed());
    assert_eq!(flow.owed(), 1);
}

#[test]
fn a_session_that_is_attached_anew_waits_for_no_answer_of_the_old_terminal() {
    let (mut flow, now) = (Flow::new(true), Instant::now());
    flow.sent(now, 100, 0);
    flow.written();
    flow.answered(now + ms(30));
    flow.sent(now + ms(40), 100, 0);
    flow.written();
    assert!(flow.may_draw(now + ms(5000)).is_err());
    flow.forget();
    assert_eq!(flow.may_draw(now + ms(5000)), Ok(()));
}

#[test]
fn a_picture_takes_what_a_far_line_has() {
    for (delay, bytes_per_s, picture) in [
        (150, 250_000, 256 << 10),
        (300, 125_000, 256 << 10),
        (300, 1_000_000, 512 << 10),
        (300, 7_000, 64 << 10),
    ] {
        let (mut flow, mut link) = (Flow::new(true), Link::new(delay, bytes_per_s));
        link.hold_key(&mut flow, 60, 3000);
        let (longest, took) = send_picture(&mut flow, &mut link, picture);
        let ideal = Duration::from_secs_f64(picture as f64 / bytes_per_s as f64);
        assert!(
            took < ideal * 3 / 2 + ms(delay * 7),
            "{bytes_per_s} a second over {delay} ms: {took:?}, {ideal:?} at best"
        );
        assert!(longest < ms(delay + 400), "{bytes_per_s} a second: a key waits for {longest:?}");
    }
}

#[test]
fn a_picture_takes_what_a_far_line_has_before_any_key_has_measured_it() {
    // A session begins with a picture: after the first frame there are only parts, each of which the line takes time for.
    for (delay, bytes_per_s, picture) in [
        (300, 960, 16 << 10),
        (150, 960, 8 << 10),
        (2, 960, 8 << 10),
        (300, 7_000, 64 << 10),
        (300, 125_000, 256 << 10),
    ] {
        let (mut flow, mut link) = (Flow::new(true), Link::new(delay, bytes_per_s));
        flow.sent(link.now, 3_500, 0);
        flow.written();
        link.send(3_500);
        link.now = link.answers.pop_front().expect("its answer");
        flow.answered(link.now);
        let (longest, took) = send_picture(&mut flow, &mut link, picture);
        let ideal = Duration::from_secs_f64(picture as f64 / bytes_per_s as f64);
        assert!(
            took < ideal * 5 / 4 + ms(delay * 7),
            "{bytes_per_s} a second over {delay} ms: {took:?}, {ideal:?} at best"
        );
        assert!(longest < ms(delay + 400), "{bytes_per_s} a second: a key waits for {longest:?}");
    }
}

#[test]
fn a_key_does_not_wait_for_the_answers_of_parts() {
    let (mut flow, mut link) = (Flow::new(true), Link::new(300, 125_000));
    link.hold_key(&mut flow, 60, 3000);
    let now = link.now + ms(1000);
    while flow.owed() > 0 {
        flow.answered(now);
    }
    assert!(flow.part() > 0);
    flow.sent(now, flow.part(), flow.part());
    flow.written();
    assert_eq!(flow.may_draw(now + ms(20)), Ok(()), "a part is under way");
}
