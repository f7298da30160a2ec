//! Calls to the control plane at the account's published rates, each operation in its lane.

use std::collections::VecDeque;
use std::time::Duration;

use super::rates::ProvisioningRates;
use crate::sitewise::limits;
use crate::time::Instant;

/// Control-plane calls without an answer at most.
const IN_FLIGHT: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// Operations that share a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum CallLane {
    /// ListAssetModels.
    ListModels,
    /// CreateAssetModel, UpdateAssetModel, and those of composite models.
    WriteModel,
    /// DescribeAssetModel.
    DescribeModel,
    /// ListAssets.
    ListAssets,
    /// BatchGetAssetPropertyValue.
    ReadPresence,
    /// CreateAsset.
    CreateAsset,
    /// DescribeAsset.
    DescribeAsset,
    /// BatchGetAssetPropertyValue, for the twin.
    LookUp,
    /// ListAssociatedAssets.
    ListChildren,
    /// AssociateAssets.
    Associate,
    /// DescribeAssetProperty and UpdateAssetProperty.
    Unit,
    /// ListAssetProperties, for the units of what was there before.
    ReadUnits,
}

impl CallLane {
    /// All lanes, in the order in which their calls should go.
    pub(super) const ALL: [Self; 12] = [
        Self::ListModels,
        Self::WriteModel,
        Self::DescribeModel,
        Self::ListAssets,
        Self::ReadPresence,
        Self::CreateAsset,
        Self::DescribeAsset,
        Self::LookUp,
        Self::ListChildren,
        Self::Associate,
        Self::Unit,
        Self::ReadUnits,
    ];

    /// Whether its calls change something in SiteWise.
    fn writes(self) -> bool {
        match self {
            Self::WriteModel | Self::CreateAsset | Self::Associate | Self::Unit => true,
            Self::ListModels
            | Self::DescribeModel
            | Self::ListAssets
            | Self::ReadPresence
            | Self::DescribeAsset
            | Self::LookUp
            | Self::ListChildren
            | Self::ReadUnits => false,
        }
    }

    fn per_second(self, rates: &ProvisioningRates) -> u32 {
        match self {
            Self::ListModels | Self::WriteModel => rates.model_writes,
            Self::DescribeModel | Self::DescribeAsset => rates.describes,
            Self::ListAssets => rates.lists,
            Self::ListChildren => rates.verifications,
            Self::ReadPresence => limits::BATCH_READS_PER_SECOND,
            Self::LookUp => rates.look_ups,
            Self::CreateAsset => rates.asset_creations,
            Self::Associate => rates.associations,
            Self::Unit => rates.units,
            Self::ReadUnits => rates.unit_reads,
        }
    }

    /// Burst allowance: unused time that a lane may catch up on at once.
    fn burst(self) -> Duration {
        match self {
            // The pages of one model are read one after another, so this lane idles while a
            // response is late; but the whole plant waits for the last page.
            Self::ListAssets => SECOND,
            Self::ListModels
            | Self::WriteModel
            | Self::DescribeModel
            | Self::ReadPresence
            | Self::CreateAsset
            | Self::DescribeAsset
            | Self::LookUp
            | Self::ListChildren
            | Self::Associate
            | Self::Unit
            | Self::ReadUnits => SECOND / 10,
        }
    }
}

/// Jobs that wait for their lane's turn.
#[derive(Debug)]
pub(super) struct Lanes<J> {
    lanes: Vec<CallQueue<J>>,
    in_flight: usize,
    writes: Writes,
}

/// Whether calls that change something are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// They are.
    Allowed,
    /// They wait: another process makes them.
    Held,
}

#[derive(Debug)]
struct CallQueue<J> {
    lane: CallLane,
    jobs: VecDeque<J>,
    /// Between two calls.
    min_interval: Duration,
    /// When the next call may go.
    next: Instant,
    /// Unused time that may be caught up on at once.
    burst: Duration,
    /// Calls in a second at most, however long it was idle.
    max_per_second: usize,
    /// When the calls of the last second went.
    recent: VecDeque<Instant>,
}

impl<J> CallQueue<J> {
    fn sent(&mut self, now: Instant) {
        self.next = self.next.max(now - self.burst) + self.min_interval;
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|first| now.since(*first) >= SECOND) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.max_per_second
            && let Some(first) = self.recent.front()
        {
            self.next = self.next.max(*first + SECOND);
        }
    }
}

impl<J> Lanes<J> {
    /// Empty, at these rates.
    pub(super) fn new(rates: ProvisioningRates) -> Self {
        let queue = |lane: CallLane| CallQueue {
            lane,
            jobs: VecDeque::new(),
            min_interval: SECOND / lane.per_second(&rates).max(1),
            next: Instant::START,
            burst: lane.burst(),
            max_per_second: (lane.per_second(&rates) as usize).saturating_mul(11).div_ceil(10),
            recent: VecDeque::new(),
        };
        Self {
            lanes: CallLane::ALL.into_iter().map(queue).collect(),
            in_flight: 0,
            writes: Writes::Allowed,
        }
    }

    /// Whether jobs of the lanes that write have their turn.
    pub(super) fn set_writes(&mut self, writes: Writes) {
        self.writes = writes;
    }

    pub(super) fn writes(&self) -> Writes {
        self.writes
    }

    /// Takes out the jobs that have no turn while writes are held.
    pub(super) fn take_held(&mut self) -> Vec<J> {
        let held = self.lanes.iter_mut().filter(|queue| queue.lane.writes());
        held.flat_map(|queue| std::mem::take(&mut queue.jobs)).collect()
    }

    /// Other rates hold from now on.
    pub(super) fn set_rates(&mut self, rates: &ProvisioningRates) {
        for queue in &mut self.lanes {
            let per_second = queue.lane.per_second(rates);
            queue.min_interval = SECOND / per_second.max(1);
            queue.max_per_second = (per_second as usize).saturating_mul(11).div_ceil(10);
        }
    }

    /// Queues a job.
    pub(super) fn push(&mut self, lane: CallLane, job: J) {
        if let Some(queue) = self.lanes.iter_mut().find(|queue| queue.lane == lane) {
            queue.jobs.push_back(job);
        }
    }

    /// Puts a job before all that wait in its lane.
    pub(super) fn push_first(&mut self, lane: CallLane, job: J) {
        if let Some(queue) = self.lanes.iter_mut().find(|queue| queue.lane == lane) {
            queue.jobs.push_front(job);
        }
    }

    /// The next job whose lane has its turn. Call [`sent`](Self::sent) if it led to a call.
    pub(super) fn pop(&mut self, now: Instant) -> Option<J> {
        if self.in_flight >= IN_FLIGHT {
            return None;
        }
        let held = self.writes == Writes::Held;
        self.lanes
            .iter_mut()
            .filter(|queue| !(held && queue.lane.writes()))
            .find(|queue| !queue.jobs.is_empty() && queue.next <= now)?
            .jobs
            .pop_front()
    }

    /// A call of this lane was sent.
    pub(super) fn sent(&mut self, lane: CallLane, now: Instant) {
        self.in_flight += 1;
        if let Some(queue) = self.lanes.iter_mut().find(|queue| queue.lane == lane) {
            queue.sent(now);
        }
    }

    /// A call was answered.
    pub(super) fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// When the next waiting job has its turn.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.in_flight >= IN_FLIGHT {
            return None;
        }
        let held = self.writes == Writes::Held;
        let have_turns = self.lanes.iter().filter(|queue| !(held && queue.lane.writes()));
        have_turns.filter(|queue| !queue.jobs.is_empty()).map(|queue| queue.next).min()
    }

    /// Jobs waiting and calls without an answer.
    pub(super) fn pending(&self) -> usize {
        self.in_flight + self.lanes.iter().map(|queue| queue.jobs.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_calls_than_the_quota_and_a_tenth() {
        // Without a pause, and where nobody looks at the clock for most of each second.
        for (lane, quota, blind) in [
            (CallLane::CreateAsset, 50, 0),
            (CallLane::ListAssets, 30, 0),
            (CallLane::ListAssets, 30, 800),
        ] {
            let mut lanes = Lanes::new(ProvisioningRates::default());
            for job in 0..10 * quota {
                lanes.push(lane, job);
            }
            let start = Instant::from_start(Duration::from_secs(60));
            let (mut now, mut calls) = (start, Vec::new());
            while calls.len() < 10 * quota {
                while lanes.pop(now).is_some() {
                    lanes.sent(lane, now);
                    lanes.answered();
                    calls.push(now);
                }
                now = lanes.poll_timeout().unwrap_or(now).max(now + Duration::from_millis(1));
                if blind > 0 && now.since(start).as_millis() % 1_000 < blind {
                    now = now + Duration::from_millis(100);
                }
            }
            for (first, call) in calls.iter().enumerate() {
                let within = calls[first..].iter().filter(|c| c.since(*call) < SECOND);
                assert!(within.count() <= quota + quota / 10, "{lane:?}");
            }
            assert!(now.since(start) < 11 * SECOND, "{lane:?} {:?}", now.since(start));
        }
    }

    #[test]
    fn while_writes_are_held_reads_go_on_and_nothing_is_lost() {
        let now = Instant::from_start(Duration::from_secs(60));
        let mut lanes = Lanes::new(ProvisioningRates::default());
        lanes.push(CallLane::CreateAsset, 1);
        lanes.set_writes(Writes::Held);
        assert_eq!((lanes.pop(now), lanes.poll_timeout()), (None, None));
        lanes.push(CallLane::DescribeAsset, 2);
        assert_eq!((lanes.pop(now), lanes.pop(now)), (Some(2), None));
        assert_eq!((lanes.take_held(), lanes.take_held()), (vec![1], Vec::new()));
        lanes.push(CallLane::CreateAsset, 1);
        lanes.set_writes(Writes::Allowed);
        assert!(lanes.poll_timeout().is_some());
        assert_eq!(lanes.pop(now), Some(1));
    }

    #[test]
    fn a_slow_answer_holds_back_the_rest() {
        let mut lanes = Lanes::new(ProvisioningRates::default());
        for job in 0..100 {
            lanes.push(CallLane::DescribeAsset, job);
        }
        let now = Instant::from_start(Duration::from_secs(60));
        let mut later = now;
        while let Some(_job) = lanes.pop(later) {
            lanes.sent(CallLane::DescribeAsset, later);
            later = later + Duration::from_secs(1);
        }
        assert_eq!(lanes.pending(), 100);
        assert_eq!(lanes.poll_timeout(), None);
        lanes.answered();
        assert!(lanes.pop(later).is_some());
    }
}
