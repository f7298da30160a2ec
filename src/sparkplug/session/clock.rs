//! Whether a sender's clock is right: the times of its live messages against their arrival.
//!
//! The times of values say nothing: births repeat old ones, history is old by nature. A payload's
//! time is when it was made. But a gateway that stores and forwards sends payloads of an outage
//! afterwards, and what lies between may hold messages back. So a clock is wrong only where
//! messages are steadily off, for longer than a batch takes, and no birth shows that it is right;
//! or where the birth that answers our request is off, and data after it alike: both were made
//! after the request. What is ahead was not stored: two such messages show it.
//!
//! A device whose times differ from its node's is judged by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{EdgeSession, Incoming, SessionContext, SessionState};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::memory;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::topic::MessageType;
use crate::time::{Instant, rounded};

/// From so many milliseconds on a clock is wrong, as ours is against SiteWise's, and below so many
/// right again.
const WRONG_MS: i64 = 60_000;
const RIGHT_MS: i64 = 30_000;
/// How far messages may be apart that are off by the same, in milliseconds.
const STEADY_MS: i64 = 30_000;
/// How many messages are judged together, and over how long: longer than a batch of stored ones
/// takes.
const MIN_MESSAGES: u32 = 5;
const MIN_SPAN: Duration = Duration::from_secs(60);
/// How many messages that are ahead show it.
const MIN_MESSAGES_AHEAD: u32 = 2;
/// How many devices of a node are judged by themselves at a time: those that were wrong first.
const MAX_DEVICES: usize = 32;
/// How soon a birth answers a request: one that comes later may be of its own accord.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// For so long after a birth that shows a clock that is right, messages that are late were held back.
const HELD_BACK_FOR: Duration = Duration::from_secs(3600);

/// What a message is, as far as it shows the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockEvidence {
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
    /// Whether the node itself sent data, so that its devices do not speak for it.
    sends_data: bool,
}

/// Devices of a node whose messages were off, each with what they show of its clock.
#[derive(Clone, Debug, Default)]
pub(super) struct DeviceClocks(BTreeMap<Arc<str>, SenderClock>);

/// A clock that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOff<'a> {
    /// Whose it is: a device's; none where it is the edge node's.
    pub device: Option<&'a str>,
    /// By how many milliseconds it is ahead; negative where it is behind.
    pub ahead: i64,
    /// Further devices of the node whose clocks are wrong.
    pub others: u64,
}

/// Messages that are judged together: they are off by the same.
#[derive(Clone, Copy, Debug)]
struct Messages {
    since: Instant,
    count: u32,
    /// The least and the most that one was ahead, in milliseconds.
    min_ahead: i64,
    max_ahead: i64,
}

impl Messages {
    fn new(ahead: i64, now: Instant) -> Self {
        Self { since: now, count: 0, min_ahead: ahead, max_ahead: ahead }
    }

    fn add(&mut self, ahead: i64) {
        self.count += 1;
        (self.min_ahead, self.max_ahead) = (self.min_ahead.min(ahead), self.max_ahead.max(ahead));
    }

    /// Whether a message that is off by this is off by the same as these.
    fn is_like(self, ahead: i64) -> bool {
        self.max_ahead.max(ahead).saturating_sub(self.min_ahead.min(ahead)) <= STEADY_MS
    }

    /// What is the least that can be said of the clock: the message that is off least.
    fn nearest(self) -> i64 {
        if self.min_ahead > 0 { self.min_ahead } else { self.max_ahead.min(0) }
    }
}

impl SenderClock {
    /// By how many milliseconds it is ahead, where it is wrong; negative where it is behind.
    #[cfg(test)]
    fn off(&self) -> Option<i64> {
        self.off
    }

    /// A live message was `ahead` milliseconds ahead of its arrival. Returns by how much the clock
    /// is off where it is wrong from now on.
    pub(super) fn record(&mut self, sign: ClockEvidence, ahead: i64, now: Instant) -> Option<i64> {
        let was_wrong = self.off.is_some();
        match sign {
            ClockEvidence::Answer | ClockEvidence::Birth if ahead.abs() < RIGHT_MS => {
                (self.right_at, self.answer) = (Some(now), None);
            }
            ClockEvidence::Answer => self.answer = Some(ahead),
            ClockEvidence::Birth => self.answer = None,
            ClockEvidence::DeviceBirth => {}
            ClockEvidence::Data => self.confirm_answer(ahead, now),
        }
        // What is off by something else begins anew: a clock that jumps is not hidden by what came
        // before.
        let like = self.messages.filter(|messages| messages.is_like(ahead));
        let mut messages = like.unwrap_or_else(|| Messages::new(ahead, now));
        messages.add(ahead);
        self.messages = Some(messages);
        // Delay is never negative: messages from the future prove that the clock is ahead.
        let (count, span) = match messages.nearest() > WRONG_MS {
            true => (MIN_MESSAGES_AHEAD, Duration::ZERO),
            false => (MIN_MESSAGES, MIN_SPAN),
        };
        if messages.count >= count && now.since(messages.since) >= span {
            self.messages = None;
            self.judge(messages, now);
        }
        self.off.filter(|_| !was_wrong)
    }

    /// Data after the answer to a request: if it is off by the same, the clock is.
    fn confirm_answer(&mut self, ahead: i64, now: Instant) {
        let Some(answer) = self.answer.take() else { return };
        let mut pair = Messages::new(answer, now);
        if pair.is_like(ahead) {
            pair.add(ahead);
            if pair.nearest().abs() > WRONG_MS {
                (self.off, self.right_at) = (Some(pair.nearest()), None);
            }
        }
    }

    fn judge(&mut self, messages: Messages, now: Instant) {
        let nearest = messages.nearest();
        let held_back =
            nearest < 0 && self.right_at.is_some_and(|right| now.since(right) < HELD_BACK_FOR);
        if nearest.abs() < RIGHT_MS {
            self.off = None;
        } else if nearest.abs() > WRONG_MS && !held_back {
            self.off = Some(nearest);
        }
    }
}

impl DeviceClocks {
    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.keys().map(|name| size_of::<(Arc<str>, SenderClock)>() + memory::text(name)).sum()
    }

    /// The device is gone.
    pub(super) fn forget(&mut self, device: &str) {
        self.0.remove(device);
    }

    /// The node is gone, and all its devices.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// As [`SenderClock::record`], for a device of a node whose clock is `node`. Only those that are
    /// off are remembered; further ones past the limit are not judged.
    fn record(
        &mut self,
        device: &str,
        (sign, ahead): (ClockEvidence, i64),
        node: &SenderClock,
        now: Instant,
    ) -> Option<i64> {
        if !self.0.contains_key(device) {
            if ahead.abs() <= WRONG_MS || self.0.len() >= MAX_DEVICES {
                return None;
            }
            // Its birth came before this, and was right.
            let right_at = node.right_at.filter(|_| sign == ClockEvidence::Data);
            self.0.insert(device.into(), SenderClock { right_at, ..SenderClock::default() });
        }
        let clock = self.0.get_mut(device)?;
        let off = clock.record(sign, ahead, now);
        if clock.off.is_none() && ahead.abs() <= WRONG_MS {
            self.0.remove(device);
        }
        off
    }
}

impl EdgeSession {
    /// A live message may show that the node's clock is wrong, or a device's.
    pub(super) fn check_clock(&mut self, message: &Incoming<'_>, context: &SessionContext<'_>) {
        let is_answer = self.requests.is_answer_due(context.now.instant, ANSWER_WITHIN);
        let sign = match (message.verb, message.device) {
            (MessageType::Birth, None) if is_answer => ClockEvidence::Answer,
            (MessageType::Birth, None) => ClockEvidence::Birth,
            (MessageType::Birth, Some(_)) => ClockEvidence::DeviceBirth,
            (MessageType::Data, _) => ClockEvidence::Data,
            (MessageType::Death, Some(device)) => return self.device_clocks.forget(device),
            // A will is as old as its session.
            (MessageType::Death, None) | (MessageType::Command, _) => return,
        };
        let Some(sent) = message.own_time().filter(|_| context.judges_clocks) else { return };
        if is_history(&message.payload) {
            return;
        }
        let ahead = sent.as_millis().saturating_sub(context.now.wall.as_millis());
        let now = context.now.instant;
        self.clock.sends_data |= sign == ClockEvidence::Data && message.device.is_none();
        let speaks_for_node = message.device.is_none() || !self.clock.sends_data;
        let mut off = match speaks_for_node {
            true => self.clock.record(sign, ahead, now),
            false => None,
        };
        if let Some(device) = message.device.filter(|device| self.may_judge(device, sign)) {
            // A device is born after its node, so that its birth answers as well.
            let after_answer = self.requests.is_answered_within(now, ANSWER_WITHIN);
            let own = match sign {
                ClockEvidence::DeviceBirth if after_answer => ClockEvidence::Answer,
                ClockEvidence::DeviceBirth => ClockEvidence::Birth,
                sign => sign,
            };
            let of_device = self.device_clocks.record(device, (own, ahead), &self.clock, now);
            off = off.or(of_device.filter(|_| self.clock.off.is_none()));
        }
        if let Some(ahead) = off {
            let device = message.device.filter(|_| self.clock.off.is_none());
            let words = words(ClockOff { device, ahead, others: 0 });
            let words = device.map_or_else(|| words.clone(), |name| format!("{name}: {words}"));
            self.notes.findings.note_with_example(Finding::ClockOff, || words);
        }
    }

    /// Data of a device that was not born may be made up.
    fn may_judge(&self, device: &str, sign: ClockEvidence) -> bool {
        match &self.state {
            SessionState::Online(online) => {
                sign == ClockEvidence::DeviceBirth || online.is_born(device)
            }
            SessionState::Awaited(_) => false,
        }
    }

    /// The node's clock, if it is wrong; else the first of its devices that are judged by themselves.
    pub(crate) fn clock_off(&self) -> Option<ClockOff<'_>> {
        if let Some(ahead) = self.clock.off {
            return Some(ClockOff { device: None, ahead, others: 0 });
        }
        let devices = &self.device_clocks.0;
        let mut wrong = devices.iter().filter_map(|(name, clock)| Some((&**name, clock.off?)));
        let (device, ahead) = wrong.next()?;
        Some(ClockOff { device: Some(device), ahead, others: wrong.count() as u64 })
    }
}

/// What is wrong with a clock and what to do; for people.
pub(crate) fn words(off: ClockOff<'_>) -> String {
    let ClockOff { ahead, others, .. } = off;
    let amount = rounded(Duration::from_millis(ahead.unsigned_abs()));
    let remedy = "SiteWise shows its values at wrong times; synchronize the edge's clock (NTP)";
    let more = match others {
        0 => String::new(),
        others => format!(" (and {others} more devices of its edge node have a wrong clock)"),
    };
    if ahead > 0 {
        return format!("its clock is {amount} ahead{more}: {remedy}");
    }
    format!(
        "its clock is {amount} behind, or its messages are held back for so long on their \
         way{more}: {remedy}"
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
            (0..18).filter_map(|n| clock.record(ClockEvidence::Data, ahead(n), at(from + n * 10)));
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
            clock.record(ClockEvidence::Birth, -300, at(0));
            assert_eq!(data(&mut clock, 1, ahead), Vec::<i64>::new(), "{name}");
            assert_eq!(clock.off(), None, "{name}");
        }
        // A batch without any birth, at once.
        let mut clock = SenderClock::default();
        for n in 0..1000 {
            assert_eq!(clock.record(ClockEvidence::Data, -60 * MINUTE + n, at(5)), None);
        }
        assert_eq!(clock.record(ClockEvidence::Data, -100, at(70)), None);
    }

    #[test]
    fn the_answer_to_a_request_and_data_after_it_show_it_at_once() {
        let mut clock = SenderClock::default();
        assert_eq!(
            clock.record(ClockEvidence::Answer, -47 * MINUTE, at(1)),
            None,
            "bytes kept for long"
        );
        assert_eq!(clock.record(ClockEvidence::DeviceBirth, -47 * MINUTE, at(1)), None);
        let off = -47 * MINUTE + 900;
        assert_eq!(clock.record(ClockEvidence::Data, off, at(2)), Some(off));
        // A birth that is repeated as it was, and data that is right.
        let mut clock = SenderClock::default();
        clock.record(ClockEvidence::Answer, -47 * MINUTE, at(1));
        assert_eq!(clock.record(ClockEvidence::Data, -900, at(2)), None);
        assert_eq!(clock.record(ClockEvidence::Data, -47 * MINUTE, at(3)), None);
        // A birth of its own accord may have been stored on its way.
        let mut clock = SenderClock::default();
        clock.record(ClockEvidence::Birth, -47 * MINUTE, at(1));
        assert_eq!(clock.record(ClockEvidence::Data, -47 * MINUTE, at(2)), None);
    }

    /// It took until the messages were over that were judged together with those before the jump.
    #[test]
    fn a_clock_that_jumps_ahead_is_told_with_its_second_message() {
        for right in [1, 7, 20, 40] {
            let mut clock = SenderClock::default();
            for n in 0..right {
                assert_eq!(clock.record(ClockEvidence::Data, -200, at(n)), None);
            }
            assert_eq!(clock.record(ClockEvidence::Data, 30 * MINUTE, at(right)), None);
            let second = clock.record(ClockEvidence::Data, 30 * MINUTE - 900, at(right + 1));
            assert_eq!(second, Some(30 * MINUTE - 900));
        }
        // A single one is no clock.
        let mut clock = SenderClock::default();
        assert_eq!(
            data(&mut clock, 0, |n| if n % 3 == 0 { 30 * MINUTE } else { 0 }),
            Vec::<i64>::new()
        );
    }

    /// It took up to two minutes.
    #[test]
    fn a_clock_that_jumps_back_is_told_a_minute_after_the_jump() {
        let mut clock = SenderClock::default();
        let told = (0..200).find(|n| {
            let off = if *n < 65 { -200 } else { -30 * MINUTE };
            clock.record(ClockEvidence::Data, off, at(*n)).is_some()
        });
        assert_eq!(told, Some(125));
    }

    #[test]
    fn devices_that_are_judged_by_themselves_are_bounded_and_those_that_are_right_not_kept() {
        let (mut devices, node) = (DeviceClocks::default(), SenderClock::default());
        let data = |ahead| (ClockEvidence::Data, ahead);
        for n in 0..1_000 {
            devices.record(&format!("right{n}"), data(-500), &node, at(0));
        }
        assert_eq!(devices.bytes(), 0);
        for n in 0..1_000 {
            devices.record(&format!("wrong{n}"), data(2 * MINUTE), &node, at(0));
        }
        assert_eq!(devices.0.len(), MAX_DEVICES);
        assert_eq!(devices.record("wrong0", data(2 * MINUTE), &node, at(1)), Some(2 * MINUTE));
        devices.record("wrong1", data(0), &node, at(1));
        assert_eq!(devices.0.len(), MAX_DEVICES - 1);
    }

    #[test]
    fn the_amount_is_told_in_a_unit_that_people_read() {
        for (ahead, part) in [
            (-47 * MINUTE, "47 min behind"),
            // The network took a second: what is told is not cut.
            (30 * MINUTE - 1_000, "30 min ahead"),
            (90_000, "90 s ahead"),
            (-5 * 60 * MINUTE, "5 h behind"),
            (3 * 24 * 60 * MINUTE, "3 days ahead"),
        ] {
            let told = words(ClockOff { device: None, ahead, others: 0 });
            assert!(told.contains(part) && told.contains("NTP"), "{told}");
        }
    }
}
