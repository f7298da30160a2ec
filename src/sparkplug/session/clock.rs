//! Whether a sender's clock is right: the times of its live messages against their arrival.
//!
//! The times of values say nothing: births repeat old ones, history is old by nature. A payload's
//! time is when it was made. But a gateway that stores and forwards sends payloads of an outage
//! afterwards, and what lies between may hold messages back. So a clock is wrong only where
//! messages are steadily off, for longer than a batch takes, and no birth shows that it is right;
//! or where the birth that answers our request is off, and data after it alike: both were made
//! after the request.

use std::time::Duration;

use super::{EdgeSession, Incoming, SessionContext};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::topic::MessageType;
use crate::time::Instant;

/// From so many milliseconds on a clock is wrong, as ours is against SiteWise's, and below so many
/// right again.
const WRONG: i64 = 60_000;
const RIGHT: i64 = 30_000;
/// How far messages may be apart that are off by the same, in milliseconds.
const STEADY: i64 = 30_000;
/// How many messages are judged together, and over how long: longer than a batch of stored ones
/// takes.
const MESSAGES: u32 = 5;
const SPAN: Duration = Duration::from_secs(60);
/// How soon a birth answers a request: one that comes later may be of its own accord.
const ANSWER: Duration = Duration::from_secs(30);
/// For so long after a birth that shows a clock that is right, messages that are late were held back.
const HELD_BACK: Duration = Duration::from_secs(3600);

/// What a message is, as far as it shows the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockSign {
    /// An NBIRTH that answers a request: it was made after that.
    Answer,
    /// Another NBIRTH.
    Birth,
    /// A birth of a device.
    DeviceBirth,
    /// Data.
    Data,
}

/// What the messages of a node show of its clock.
#[derive(Clone, Debug, Default)]
pub(super) struct SenderClock {
    messages: Option<Messages>,
    /// By how much the answer to a request was off, until data confirms it.
    answer: Option<i64>,
    /// When a birth showed last that the clock is right.
    right_at: Option<Instant>,
    /// By how many milliseconds it is ahead, where it is wrong; negative where it is behind.
    off: Option<i64>,
}

/// Messages that are judged together.
#[derive(Clone, Copy, Debug)]
struct Messages {
    since: Instant,
    count: u32,
    /// The least and the most that one was ahead, in milliseconds.
    least: i64,
    most: i64,
}

impl Messages {
    fn new(ahead: i64, now: Instant) -> Self {
        Self { since: now, count: 0, least: ahead, most: ahead }
    }

    fn add(&mut self, ahead: i64) {
        self.count += 1;
        (self.least, self.most) = (self.least.min(ahead), self.most.max(ahead));
    }

    /// What is the least that can be said of the clock: the message that is off least.
    fn nearest(self) -> i64 {
        if self.least > 0 { self.least } else { self.most.min(0) }
    }

    fn is_steady(self) -> bool {
        self.most.saturating_sub(self.least) <= STEADY
    }
}

impl SenderClock {
    /// By how many milliseconds it is ahead, where it is wrong; negative where it is behind.
    pub(super) fn off(&self) -> Option<i64> {
        self.off
    }

    /// A live message was `ahead` milliseconds ahead of its arrival. Gives back by how much the clock
    /// is off where it is wrong from now on.
    pub(super) fn record(&mut self, sign: ClockSign, ahead: i64, now: Instant) -> Option<i64> {
        let was_wrong = self.off.is_some();
        match sign {
            ClockSign::Answer | ClockSign::Birth if ahead.abs() < RIGHT => {
                (self.right_at, self.answer) = (Some(now), None);
            }
            ClockSign::Answer => self.answer = Some(ahead),
            ClockSign::Birth => self.answer = None,
            ClockSign::DeviceBirth => {}
            ClockSign::Data => {
                if let Some(answer) = self.answer.take() {
                    let mut both = Messages::new(answer, now);
                    both.add(ahead);
                    if both.is_steady() && both.nearest().abs() > WRONG {
                        (self.off, self.right_at) = (Some(both.nearest()), None);
                    }
                }
            }
        }
        let messages = self.messages.get_or_insert_with(|| Messages::new(ahead, now));
        messages.add(ahead);
        let messages = *messages;
        // None arrives before it is sent, and none is held back by a negative time.
        let span = if messages.nearest() > WRONG { Duration::ZERO } else { SPAN };
        if messages.count >= MESSAGES && now.since(messages.since) >= span {
            self.messages = None;
            self.judge(messages, now);
        }
        self.off.filter(|_| !was_wrong)
    }

    fn judge(&mut self, messages: Messages, now: Instant) {
        let nearest = messages.nearest();
        let held_back =
            nearest < 0 && self.right_at.is_some_and(|right| now.since(right) < HELD_BACK);
        if nearest.abs() < RIGHT {
            self.off = None;
        } else if nearest.abs() > WRONG && messages.is_steady() && !held_back {
            self.off = Some(nearest);
        }
    }
}

impl EdgeSession {
    /// A live message may show that the node's clock is wrong.
    pub(super) fn look_at_clock(&mut self, message: &Incoming<'_>, sink: &SessionContext<'_>) {
        let is_answer = self.requests.is_answer_due(sink.now.instant, ANSWER);
        let sign = match (message.verb, message.device) {
            (MessageType::Birth, None) if is_answer => ClockSign::Answer,
            (MessageType::Birth, None) => ClockSign::Birth,
            (MessageType::Birth, Some(_)) => ClockSign::DeviceBirth,
            (MessageType::Data, _) => ClockSign::Data,
            // A will is as old as its session.
            (MessageType::Death | MessageType::Command, _) => return,
        };
        let Some(sent) = message.own_time().filter(|_| sink.judges_clocks) else { return };
        if is_history(&message.payload) {
            return;
        }
        let ahead = sent.as_millis().saturating_sub(sink.now.wall.as_millis());
        if let Some(off) = self.clock.record(sign, ahead, sink.now.instant) {
            self.notes.findings.note_with_example(Finding::ClockOff, || words(off));
        }
    }
}

/// What is wrong with a clock that is `ahead` milliseconds ahead, or behind where that is negative,
/// and what to do; for people.
pub(crate) fn words(ahead: i64) -> String {
    let seconds = ahead.unsigned_abs() / 1_000;
    let amount = match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    let remedy = "SiteWise shows its values at wrong times; synchronize the edge's clock (NTP)";
    if ahead > 0 {
        return format!("its clock is {amount} ahead: {remedy}");
    }
    format!(
        "its clock is {amount} behind, or its messages are held back for so long on their way: {remedy}"
    )
}

/// Whether a payload has nothing but history, which may have been stored.
pub(super) fn is_history(payload: &Payload) -> bool {
    let metrics = &payload.metrics;
    !metrics.is_empty() && metrics.iter().all(|metric| metric.is_historical == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    /// Data that is ahead by this, each ten seconds for three minutes.
    fn data(clock: &mut SenderClock, from: u64, ahead: impl Fn(u64) -> i64) -> Vec<i64> {
        let looks =
            (0..18).filter_map(|n| clock.record(ClockSign::Data, ahead(n), at(from + n * 10)));
        looks.collect()
    }

    #[test]
    fn a_clock_that_is_steadily_off_is_told_once_in_both_directions() {
        for off in [-47 * MINUTE, 3 * MINUTE, -2 * MINUTE, 4 * 24 * 60 * MINUTE] {
            let mut clock = SenderClock::default();
            // The network takes up to two seconds.
            let told = data(&mut clock, 0, |n| off - (n as i64 % 3) * 1_000);
            assert_eq!(told.len(), 1, "{off}");
            assert!(told[0].abs_diff(off) <= 2_000, "{told:?}");
            assert_eq!(data(&mut clock, 300, |_| off).len(), 0, "told already");
            assert_eq!(clock.off(), Some(off));
        }
    }

    #[test]
    fn a_clock_that_is_right_again_is_no_longer_wrong() {
        let mut clock = SenderClock::default();
        data(&mut clock, 0, |_| -47 * MINUTE);
        assert!(clock.off().is_some());
        // Neither right nor wrong: as it was.
        data(&mut clock, 300, |_| -45_000);
        assert!(clock.off().is_some());
        data(&mut clock, 600, |_| -1_000);
        assert_eq!(clock.off(), None);
        data(&mut clock, 900, |_| -45_000);
        assert_eq!(clock.off(), None);
    }

    /// After an outage it sends what it has stored, as fast as it can or paced, also between what
    /// is new.
    #[test]
    fn what_was_stored_and_forwarded_shows_no_wrong_clock() {
        let catching_up = |n: u64| -180 * MINUTE + n as i64 * 9 * MINUTE;
        let between = |n: u64| if n.is_multiple_of(4) { -500 } else { -60 * MINUTE };
        let paced = |_: u64| -60 * MINUTE;
        for (name, ahead) in [
            ("fast", &catching_up as &dyn Fn(u64) -> i64),
            ("between", &between),
            ("paced", &paced),
        ] {
            let mut clock = SenderClock::default();
            // It has connected again just now.
            clock.record(ClockSign::Birth, -300, at(0));
            assert_eq!(data(&mut clock, 1, ahead), Vec::<i64>::new(), "{name}");
            assert_eq!(clock.off(), None, "{name}");
        }
        // A batch without any birth, at once.
        let mut clock = SenderClock::default();
        for n in 0..1000 {
            assert_eq!(clock.record(ClockSign::Data, -60 * MINUTE + n, at(5)), None);
        }
        assert_eq!(clock.record(ClockSign::Data, -100, at(70)), None);
    }

    #[test]
    fn the_answer_to_a_request_and_data_after_it_show_it_at_once() {
        let mut clock = SenderClock::default();
        assert_eq!(
            clock.record(ClockSign::Answer, -47 * MINUTE, at(1)),
            None,
            "bytes kept for long"
        );
        assert_eq!(clock.record(ClockSign::DeviceBirth, -47 * MINUTE, at(1)), None);
        let off = -47 * MINUTE + 900;
        assert_eq!(clock.record(ClockSign::Data, off, at(2)), Some(off));
        // A birth that is repeated as it was, and data that is right.
        let mut clock = SenderClock::default();
        clock.record(ClockSign::Answer, -47 * MINUTE, at(1));
        assert_eq!(clock.record(ClockSign::Data, -900, at(2)), None);
        assert_eq!(clock.record(ClockSign::Data, -47 * MINUTE, at(3)), None);
        // A birth of its own accord may have been stored on its way.
        let mut clock = SenderClock::default();
        clock.record(ClockSign::Birth, -47 * MINUTE, at(1));
        assert_eq!(clock.record(ClockSign::Data, -47 * MINUTE, at(2)), None);
    }

    #[test]
    fn the_amount_is_told_in_a_unit_that_people_read() {
        for (ahead, words) in [
            (-47 * MINUTE, "47 min behind"),
            (90_000, "90 s ahead"),
            (-5 * 60 * MINUTE, "5 h behind"),
            (3 * 24 * 60 * MINUTE, "3 days ahead"),
        ] {
            let told = super::words(ahead);
            assert!(told.contains(words) && told.contains("NTP"), "{told}");
        }
    }
}
