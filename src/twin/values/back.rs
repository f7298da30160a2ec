//! Whether the times of a sender's messages went back: its clock was set back, or was ahead and is
//! right again. SiteWise then shows an earlier value, whose time is later.
//!
//! A value's own time says nothing: gateways that store and forward send old values in current
//! messages, and some give such messages the old times too. Such backlogs catch up, or alternate
//! with current messages; a clock that was set back stays behind by a constant amount. So the
//! finding needs messages that stay behind by the same amount while they hide a value. Where they
//! are so old that they may be a backlog, a birth is requested, which is made at that moment: its
//! time shows which of the two it is.

use std::time::Duration;

use super::times::STILL;
use crate::sparkplug::address::Source;
use crate::sparkplug::event::Data;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::rebirth::RefreshReason;
use crate::time::{Instant, Now, Timestamp, rounded};
use crate::twin::Output;
use crate::twin::writer::PointWriter;

/// How much a constant lag may vary: the network's jitter, in milliseconds.
const STEADY: i64 = 3_000;
/// A message this close to its arrival is not from a backlog, and one this close to others is of
/// the same clock; in milliseconds.
const LIVE: i64 = 60_000;
/// How long messages have to stay behind.
const SPAN: Duration = Duration::from_secs(5);
/// The same where they may be a backlog and no birth answers.
const SPAN_UNANSWERED: Duration = Duration::from_secs(60);
/// How soon a birth answers a request: one that comes later may be of its own accord.
const ANSWER: Duration = Duration::from_secs(30);
/// After how long a sender is asked again, if its times went forward meanwhile.
const ASKED_AGAIN: Duration = Duration::from_secs(600);

/// The times that the messages of a sender had.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MessageTimes {
    /// The latest; none before its first message.
    latest: Option<Timestamp>,
    lag: Option<ConstantLag>,
    /// When its birth was requested; none where its times have gone forward for long.
    asked: Option<Instant>,
    /// The lag of a backlog, as a birth showed.
    backlog_lag: Option<i64>,
    /// Whether this was reported since its times went back.
    reported: bool,
}

/// Messages that are older than one before them, by a constant amount.
#[derive(Clone, Copy, Debug)]
struct ConstantLag {
    since: Instant,
    /// The least and the most that one was behind its arrival, in milliseconds.
    least: i64,
    most: i64,
    hides: bool,
}

/// What is to be done about a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockDoubt {
    /// Request its birth.
    Ask,
    /// Report that its clock went back, by this much.
    Tell(Duration),
}

impl MessageTimes {
    /// A birth of this time came.
    pub(super) fn birth(&mut self, sent: Timestamp, now: Now) -> Option<ClockDoubt> {
        let answers = self.asked.is_some_and(|asked| now.instant.since(asked) < ANSWER);
        let behind = behind(sent, now);
        let before = self.lag.filter(|_| answers && !self.reported);
        // A birth that a server retains is old, and says nothing about the messages around it.
        if self.lag.is_none() || !self.is_back(sent) {
            self.record(sent, false, now);
        }
        let ConstantLag { least, hides, .. } = before?;
        match self.lag {
            // The birth was made just now, by the same clock as the messages before.
            Some(_) if hides && behind.abs_diff(least) < LIVE as u64 => self.tell(sent),
            Some(_) => None,
            None => {
                self.backlog_lag = Some(least);
                None
            }
        }
    }

    /// SiteWise shows a value of this time, from an earlier process.
    pub(super) fn shown(&mut self, time: Timestamp) {
        self.latest = self.latest.max(Some(time));
    }

    /// Data of this time came; `hides` says whether SiteWise shows an earlier value instead of one of
    /// it.
    pub(super) fn data(&mut self, sent: Timestamp, hides: bool, now: Now) -> Option<ClockDoubt> {
        self.record(sent, hides, now);
        let ConstantLag { since, least, hides, .. } = self.lag?;
        let is_backlog = self.backlog_lag.is_some_and(|lag| lag.abs_diff(least) < LIVE as u64);
        let lasted = now.instant.since(since);
        if self.reported || !hides || is_backlog || lasted < SPAN {
            return None;
        }
        match self.asked {
            _ if least < LIVE => self.tell(sent),
            None => {
                self.asked = Some(now.instant);
                Some(ClockDoubt::Ask)
            }
            Some(_) if lasted < SPAN_UNANSWERED => None,
            Some(_) => self.tell(sent),
        }
    }

    fn tell(&mut self, sent: Timestamp) -> Option<ClockDoubt> {
        self.reported = true;
        let by = self.latest?.as_millis().saturating_sub(sent.as_millis());
        Some(ClockDoubt::Tell(Duration::from_millis(by.unsigned_abs())))
    }

    fn is_back(&self, sent: Timestamp) -> bool {
        self.latest.is_some_and(|latest| sent.plus(STILL) <= latest)
    }

    fn record(&mut self, sent: Timestamp, hides: bool, now: Now) {
        if !self.is_back(sent) {
            let latest = self.latest.max(Some(sent));
            let asked = self.asked.filter(|asked| now.instant.since(*asked) < ASKED_AGAIN);
            *self = Self { latest, asked, backlog_lag: self.backlog_lag, ..Self::default() };
            return;
        }
        let behind = behind(sent, now);
        let new = ConstantLag { since: now.instant, least: behind, most: behind, hides: false };
        let back = self.lag.get_or_insert(new);
        let (least, most) = (back.least.min(behind), back.most.max(behind));
        if most.saturating_sub(least) > STEADY {
            *back = new;
        } else {
            (back.least, back.most) = (least, most);
        }
        back.hides |= hides;
    }
}

/// By how many milliseconds a message is behind its arrival.
fn behind(sent: Timestamp, now: Now) -> i64 {
    now.wall.as_millis().saturating_sub(sent.as_millis())
}

/// When data was sent: the payload's time. Of a sender without one it is the latest of its values',
/// for what is sent now has at least one current value. None if the data says nothing about now.
pub(super) fn sent_time(data: &Data) -> Option<Timestamp> {
    if data.order.is_past() {
        return None;
    }
    let live = data.samples.iter().filter(|(_, sample)| !sample.historical);
    let latest = live.map(|(_, sample)| sample.time).max();
    latest.map(|latest| data.sent.unwrap_or(latest))
}

impl PointWriter {
    /// Does what there is to do about a sender whose clock may have gone back.
    pub(super) fn doubt_clock(&mut self, source: &Source, doubt: Option<ClockDoubt>) {
        match doubt {
            None => {}
            Some(ClockDoubt::Ask) => {
                let edge = source.edge.clone();
                self.outputs.push_back(Output::RequestRefresh(edge, RefreshReason::Clock));
            }
            Some(ClockDoubt::Tell(by)) => {
                let by = rounded(by);
                let example = format!("{source} sends messages of {by} before earlier ones");
                self.emit_finding(&source.edge, Finding::ClockBack, example);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(NOW + ms)
    }

    fn now(arrival: u64) -> Now {
        let instant = Instant::from_start(Duration::from_millis(arrival));
        Now { instant, wall: at(arrival as i64) }
    }

    /// Messages in milliseconds of arrival and of their times, both after the start, each of which
    /// hides a value. Returns what is to be done, and in which second; `answer` makes of the
    /// arrival of a request the time of the birth that answers it.
    fn doubts(
        messages: impl IntoIterator<Item = (u64, i64)>,
        answer: impl Fn(u64) -> Option<i64>,
    ) -> Vec<(u64, ClockDoubt)> {
        let (mut times, mut doubts) = (MessageTimes::default(), Vec::new());
        for (arrival, sent) in messages {
            let doubt = times.data(at(sent), true, now(arrival));
            doubts.extend(doubt.map(|doubt| (arrival / 1_000, doubt)));
            if doubt == Some(ClockDoubt::Ask)
                && let Some(birth) = answer(arrival)
            {
                let doubt = times.birth(at(birth), now(arrival + 100));
                doubts.extend(doubt.map(|doubt| (arrival / 1_000, doubt)));
            }
        }
        doubts
    }

    /// A message each half second, of a clock that is off by this many seconds at each second.
    fn clock(offset: impl Fn(u64) -> i64) -> Vec<(u64, i64)> {
        (0..1_000_u64).map(|n| (n * 500, n as i64 * 500 + offset(n / 2) * 1_000)).collect()
    }

    const fn tell(seconds: u64, millis: u64) -> ClockDoubt {
        ClockDoubt::Tell(Duration::from_millis(seconds * 1_000 + millis))
    }

    #[test]
    fn a_clock_that_was_ahead_and_is_right_again_is_told_within_ten_seconds() {
        let messages = clock(|second| if second < 60 { 120 } else { 0 });
        assert_eq!(doubts(messages, |_| None), [(65, tell(114, 500))]);
        let messages = clock(|second| if second < 60 { 0 } else { -20 });
        assert_eq!(doubts(messages, |_| None), [(65, tell(14, 500))]);
    }

    #[test]
    fn a_clock_that_is_set_back_by_far_is_told_as_soon_as_a_birth_shows_it() {
        let back = || clock(|second| if second < 60 { 0 } else { -3_600 });
        let ask = (65, ClockDoubt::Ask);
        let answered = doubts(back(), |arrival| Some(arrival as i64 - 3_600_000));
        assert_eq!(answered, [ask, (65, tell(3_594, 500))]);
        // Nobody answers, and one answers with a birth that it keeps.
        let late = (120, tell(3_539, 500));
        assert_eq!(doubts(back(), |_| None), [ask, late]);
        assert_eq!(doubts(back(), |_| Some(-7_200_000)), [ask, late]);
    }

    /// By less than a second, and by what the network does.
    #[test]
    fn a_clock_that_stands_still_or_jitters_has_not_gone_back() {
        let jitter = (0..1_000_u64).map(|n| (n * 500, n as i64 * 500 - (n as i64 % 3) * 400));
        assert_eq!(doubts((0..1_000_u64).map(|n| (n * 500, 0)), |_| None), []);
        assert_eq!(doubts(jitter, |_| None), []);
    }

    #[test]
    fn stored_messages_that_are_sent_with_their_old_times_are_no_clock_that_went_back() {
        let live = (0_u64, 0_i64);
        // 30 minutes of them within 15 seconds, and slowly, at twice their own pace.
        let fast = (0..300_i64).map(|n| (n as u64 * 50, -1_800_000 + n * 6_000));
        let slow = (0..300_i64).map(|n| (n as u64 * 500, -1_800_000 + n * 1_000));
        // All at once, and between messages of now.
        let at_once = (0..1_000_i64).map(|n| (n as u64, -1_800_000 + n));
        let between = (0..600_i64)
            .map(|n| (n as u64 * 500, n * 500 - if n % 10 == 0 { 0 } else { 1_800_000 }));
        assert_eq!(doubts([live].into_iter().chain(fast), |_| None), []);
        assert_eq!(doubts([live].into_iter().chain(slow), |_| None), []);
        assert_eq!(doubts([live].into_iter().chain(at_once), |_| None), []);
        assert_eq!(doubts([live].into_iter().chain(between), |_| None), []);
        // At their own pace: it is asked, and its birth is of now.
        let paced = clock(|second| if second < 1 { 0 } else { -1_800 });
        assert_eq!(doubts(paced, |at| Some(at as i64)), [(6, ClockDoubt::Ask)], "once");
    }

    #[test]
    fn what_hides_no_value_is_not_told_and_what_goes_back_again_is_told_again() {
        let mut times = MessageTimes::default();
        let (at, sent) = (
            |second: u64| now(second * 1_000),
            |second: u64| now(second * 1_000).wall.minus(Duration::from_secs(30)),
        );
        assert_eq!(times.birth(at(0).wall, at(0)), None);
        for second in 1..15 {
            assert_eq!(times.data(sent(second), false, at(second)), None);
        }
        assert!(times.data(sent(15), true, at(15)).is_some());
        assert_eq!(times.data(sent(16), true, at(16)), None, "once");
        assert_eq!(times.birth(sent(17), at(17)), None);
        assert_eq!(times.data(sent(25), true, at(25)), None, "it is told");
        times.data(at(26).wall, true, at(26));
        for second in 27..32 {
            assert_eq!(times.data(sent(second), true, at(second)), None);
        }
        assert!(times.data(sent(32), true, at(32)).is_some());
    }
}
