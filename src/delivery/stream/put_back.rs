//! Which values of a property that SiteWise keeps rejecting stay in delivery: few, so that they leave
//! the room to others. The rest goes back to the outbox until one of these passes.

use std::collections::VecDeque;

use super::{PendingValue, StreamState};
use crate::delivery::point::Stream;
use crate::sitewise::api::ApiFaultKind;

/// Rejected values of a property that are kept to be tried again; further ones go back. Fewer in tests.
pub(in crate::delivery) const MAX_SET_ASIDE: usize = if cfg!(test) { 16 } else { 128 };
/// Entries of a property that SiteWise rejected in a row, after which its values that were not tried
/// go back.
const MANY: u8 = 3;

/// How SiteWise rejects a property's values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RejectedInARow {
    /// Entries that were rejected in a row, for a reason that is the property's.
    in_a_row: u8,
    /// The last of these reasons.
    reason: Option<ApiFaultKind>,
    /// What went back, and is not released yet.
    put_back: Option<PutBackOf>,
}

/// What went back of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PutBackOf {
    /// Values that wait until one of the property is accepted.
    Property,
    /// Single values that were rejected while others are accepted: they wait until no more rejected
    /// ones than these are left here.
    Values(u8),
}

impl RejectedInARow {
    /// Whether further values are not tried until one is accepted.
    pub(super) fn are_many(&self) -> bool {
        self.in_a_row >= MANY
    }
}

impl StreamState {
    /// An entry was answered: why the property was rejected, if it was, and whether anything of the
    /// entry was decided.
    pub(in crate::delivery) fn note_rejection(
        &mut self,
        reason: Option<ApiFaultKind>,
        any_settled: bool,
    ) {
        let rejections = &mut self.rejections;
        match reason {
            _ if any_settled => (rejections.in_a_row, rejections.reason) = (0, None),
            // That is the account's rate, which passes.
            None | Some(ApiFaultKind::Throttled) => {}
            Some(_) => {
                rejections.in_a_row = rejections.in_a_row.saturating_add(1);
                rejections.reason = reason;
            }
        }
    }

    /// Why SiteWise rejects the property's values, while it does.
    pub(in crate::delivery) fn rejected_for(&self) -> Option<ApiFaultKind> {
        self.rejections.reason
    }

    /// Takes out what is to go back, of what waits here. While there is `room` for more rejected
    /// values in delivery that is what was not tried, if SiteWise rejects the property, and the
    /// rejected values beyond [`MAX_SET_ASIDE`]; else all but one of each.
    ///
    /// The newest stays of those that were not tried: the last to become too old.
    pub(in crate::delivery) fn take_put_back(&mut self, has_room: bool) -> Vec<PendingValue> {
        let limit = if has_room { MAX_SET_ASIDE } else { 1 };
        let mut taken = self.take_set_aside_beyond(limit);
        if !taken.is_empty() && !self.is_rejected_as_a_whole() {
            let low = u8::try_from(self.failed_at_least(1) / 2).unwrap_or(u8::MAX);
            let low = match self.rejections.put_back {
                Some(PutBackOf::Values(before)) => low.min(before),
                Some(PutBackOf::Property) | None => low,
            };
            self.rejections.put_back = Some(PutBackOf::Values(low));
        }
        let is_rejected = self.rejections.in_a_row > 0 && !has_room;
        if self.rejections.are_many() || is_rejected {
            let before = taken.len();
            self.take_queued_but_newest(has_room, &mut taken);
            if taken.len() > before {
                self.rejections.put_back = Some(PutBackOf::Property);
            }
        }
        for value in &taken {
            self.seconds.withdraw(value.tqv.time, value.tqv.quality);
        }
        taken
    }

    /// A value that was just handed in goes back, and waits with the others of the property.
    pub(in crate::delivery) fn note_put_back(&mut self) {
        self.rejections.put_back = Some(PutBackOf::Property);
    }

    /// Whether anything went back and is not released.
    pub(in crate::delivery) fn has_put_back(&self) -> bool {
        self.rejections.put_back.is_some()
    }

    /// Whether what went back waits until any value of the property is accepted.
    pub(in crate::delivery) fn is_rejected_as_a_whole(&self) -> bool {
        self.rejections.put_back == Some(PutBackOf::Property)
    }

    /// The property, if what went back is to come again now that its entry is answered.
    pub(in crate::delivery) fn end_put_back(&mut self) -> Option<Stream> {
        let ends = match self.rejections.put_back? {
            PutBackOf::Property => self.rejections.in_a_row == 0,
            PutBackOf::Values(low) => self.failed_at_least(1) <= usize::from(low),
        };
        ends.then(|| {
            self.rejections.put_back = None;
            self.stream
        })
    }

    /// Nothing of the property waits here any more. The property, if something of it went back: that
    /// is tried now, and once rejected goes back.
    pub(in crate::delivery) fn end_put_back_when_empty(&mut self) -> Option<Stream> {
        self.rejections.put_back.take()?;
        self.rejections.in_a_row = self.rejections.in_a_row.min(MANY - 1);
        Some(self.stream)
    }

    /// Of those that were tried alone without success, the ones that failed least: those that
    /// failed often show as well whether it ends, and ask more rarely.
    fn take_set_aside_beyond(&mut self, limit: usize) -> Vec<PendingValue> {
        let mut taken = Vec::new();
        let Some(secondary) = &mut self.secondary else { return taken };
        let aside = &mut secondary.set_aside;
        while aside.len() > limit {
            let tried_again = aside.iter().enumerate().filter(|(_, (_, value))| value.failures > 1);
            let first = tried_again.min_by_key(|(_, (_, value))| value.failures);
            let index = first.map_or(aside.len() - 1, |(index, _)| index);
            taken.extend(aside.remove(index).map(|(_, value)| value));
        }
        taken
    }

    /// Takes what is queued but the newest: what was not tried, or all.
    fn take_queued_but_newest(&mut self, only_untried: bool, taken: &mut Vec<PendingValue>) {
        let goes = |value: &PendingValue| !only_untried || value.failures == 0;
        let history = self.secondary.as_mut().map(|secondary| &mut secondary.history);
        let queues = [Some(&mut self.main_queue), history].into_iter().flatten();
        let queues: Vec<&mut VecDeque<PendingValue>> = queues.collect();
        let all = queues.iter().flat_map(|queue| queue.iter());
        let newest = all.filter(|value| goes(value)).map(PendingValue::key).max();
        for queue in queues {
            if !queue.iter().any(|value| goes(value) && Some(value.key()) != newest) {
                continue;
            }
            for value in std::mem::take(queue) {
                match goes(&value) && Some(value.key()) != newest {
                    true => taken.push(value),
                    false => queue.push_back(value),
                }
            }
        }
        self.oldest_queued_at = self.compute_oldest_queued_at();
        self.has_isolated = self.has_isolated && self.has_others();
    }
}
