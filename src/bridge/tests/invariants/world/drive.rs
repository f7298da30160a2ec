//! The shell around the bridge: it does what is asked for, with SiteWise's moods.

use super::*;
use crate::bridge::tests::weather::{LOST, Moody};

impl World {
    pub(super) fn drain(&mut self) {
        loop {
            while let Some(output) = self.bridge.poll_output(self.now) {
                self.perform(output);
            }
            let points = self.outbox.take(self.bridge.room());
            if points.is_empty() {
                return;
            }
            self.bridge.handle_points(points, self.now);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Publish(publish) => self.published(publish.server, &publish.message),
            Output::Call(id, call) => {
                let answer = self.call(call);
                self.bridge.handle_call_result(id, answer, self.now);
            }
            Output::Send(id, entries) => self.in_flight.push((id, entries)),
            Output::Capped { source, .. } => {
                self.capped.insert(source);
            }
            Output::Grouped(_)
            | Output::Finding { .. }
            | Output::RuleSuggested(..)
            | Output::Late(_)
            | Output::OverRate(..)
            | Output::ValuesFailing { .. }
            | Output::ReachabilityChanged(_)
            | Output::Born(_)
            | Output::LabelRemark(_)
            | Output::LabelsDenied(..)
            | Output::LabelsAllowed(_)
            | Output::Died(..)
            | Output::AllNodesExcluded(_)
            | Output::NothingDelivered(_) => {}
            Output::Store(points) => {
                self.pending.extend(points.iter().map(|waiting| waiting.point.key()));
                let PutResult { dropped, taken } =
                    self.outbox.put_and_take(points, self.bridge.room());
                self.discarded += dropped.len() as u64;
                self.bridge.handle_points(taken, self.now);
            }
            Output::Open(gate) => {
                let twin = self.bridge.twin();
                self.outbox.open(gate, &|point| twin.gate(point.stream));
            }
            Output::PutBack(points, gate) => {
                self.discarded += self.outbox.put_back(points, gate).len() as u64;
            }
            Output::Settled(keys) => {
                self.outbox.settle(&keys);
                for key in keys {
                    self.pending.remove(&key);
                }
            }
            Output::Rejected { point, stored, .. } => {
                self.refused_before += u64::from(!stored);
                self.outbox.settle(&[point.key()]);
                self.pending.remove(&point.key());
            }
            Output::Discarded(key, why) => {
                if why != DiscardReason::Overwritten {
                    self.outbox.settle(&[key]);
                    self.pending.remove(&key);
                }
            }
        }
    }

    fn published(&mut self, server: ServerId, message: &Message) {
        for node in 0..self.nodes.len() {
            let asked = self.nodes[node].edge.is_rebirth(&message.topic, &message.payload);
            if !asked || self.servers[node] != server || !self.hears(node) {
                continue;
            }
            match self.nodes[node].answers {
                Answers::After(millis) => self.later(millis, Due::Births(node)),
                Answers::Never => self.reach("rebirth not answered"),
            }
        }
    }

    fn moody(&mut self) -> Moody<'_> {
        let Self { weather, rng, sitewise, written, .. } = self;
        Moody { weather: *weather, rng, sitewise, written }
    }

    fn call(&mut self, call: ApiCall) -> Result<CallResult, ApiFault> {
        let answer = self.moody().call(call);
        if answer.as_ref().is_err_and(|fault| fault.message == LOST) {
            self.reach("carried out, answer lost");
        }
        answer
    }

    /// Answers what is in flight.
    fn answer(&mut self) {
        let clock = self.now.wall;
        for (id, entries) in std::mem::take(&mut self.in_flight) {
            let answer = self.moody().put(&entries, clock);
            self.bridge.handle_put_response(id, answer, self.now);
        }
        self.drain();
    }

    /// Lets time pass, stopping wherever something is due.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now.instant + duration;
        loop {
            self.answer();
            let due = self.due.first_key_value().map(|((at, _), _)| *at);
            let next = [self.bridge.poll_timeout(), due].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            let least = if due == Some(at) { Duration::ZERO } else { Duration::from_millis(1) };
            let step = at.since(self.now.instant).max(least);
            self.now = self.now.plus(step);
            while let Some(first) = self.due.first_entry()
                && first.key().0 <= self.now.instant
            {
                let due = first.remove();
                self.come_due(due);
            }
            self.bridge.handle_timeout(self.now);
            self.drain();
        }
        self.now = self.now.plus(end.since(self.now.instant));
        // What was held back to be overtaken does not wait for long.
        if duration > Duration::from_secs(1) {
            for node in 0..self.nodes.len() {
                self.let_through(node);
            }
        }
        self.bridge.handle_timeout(self.now);
        self.drain();
        self.answer();
    }

    /// Faults are over, nodes that are online answer, and time passes; everybody who is online may
    /// be born once more.
    pub(in super::super) fn quieten(&mut self, reborn: bool) {
        if !reborn {
            self.reach("without a last birth");
        }
        self.weather = Weather::default();
        self.sitewise.slowness = 1;
        for node in 0..self.nodes.len() {
            self.fates[node] = Fate::Arrives;
            self.nodes[node].answers = Answers::After(500);
        }
        self.pass(Duration::from_secs(700));
        for _ in 0..2 {
            for node in (0..self.nodes.len())
                .filter(|node| self.nodes[*node].alive && reborn)
                .collect::<Vec<_>>()
            {
                self.say_births(node);
            }
            self.pass(Duration::from_secs(150));
        }
        // What failed again and again while others passed is tried an hour apart.
        if self.bridge.delivery().failing_values().next().is_some() {
            self.pass(Duration::from_secs(3_600));
        }
        // A heartbeat may just have come.
        for _ in 0..20 {
            if self.outbox.is_empty() && self.bridge.is_idle() {
                break;
            }
            self.bridge.flush(self.now);
            self.pass(Duration::from_millis(500));
        }
    }

    /// In = delivered + rejected + discarded by rule + waiting.
    pub(in super::super) fn check_conservation(&mut self) {
        let counts = self.bridge.twin().counts();
        let held = self.bridge.twin().buffered() as u64;
        let settled = counts.points + counts.refused.total() + counts.dropped_in_all() + held;
        let delivery = self.bridge.delivery().figures();
        let gone = delivery.delivered + delivery.refused.total() + delivery.discarded.total();
        let waiting = (self.outbox.len() + delivery.waiting) as u64;
        let sums = [
            ("values in", counts.values, settled),
            ("refused before they were stored", counts.refused.total(), self.refused_before),
            ("points", counts.points + counts.own_points, gone + self.discarded + waiting),
        ];
        for (what, one, other) in sums.into_iter().filter(|(_, one, other)| one != other) {
            self.unaccounted.push(format!("{what}: {one} are not {other}"));
        }
    }
}
