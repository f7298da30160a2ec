//! What is told of births and deaths; and the end of a plant's story: all is well, and every honest node
//! is heard again.

use super::*;
use crate::sparkplug::event::{BirthMetric as Born, Death};

impl World {
    /// All is well from now on: every honest node is heard again, and nothing waits.
    pub(in super::super) fn quieten(&mut self) {
        for server in 0..SERVERS {
            self.connect(server);
        }
        for node in &mut self.nodes {
            node.damaged = false;
        }
        // Ever rarer, but each is asked: what was in vain has gone on for minutes at most.
        for _ in 0..40 {
            for node in 0..self.nodes.len() {
                self.say(node);
            }
            self.pass(secs(20));
        }
        for node in 0..self.nodes.len() {
            let told = self.account.told;
            let sent = self.say(node);
            self.pass(secs(3));
            if self.account.told - told != sent {
                let edge = self.nodes[node].edge.node().clone();
                let phase = self.host.phase(&edge);
                self.violations.push(format!("{edge} is not heard: {phase:?}"));
            }
        }
        let problems = self.host.problems().filter(|(edge, _)| &*edge.group == "g");
        // Who went while nobody heard it is taken for dead, and named.
        let gone =
            |edge: &EdgeNode| self.nodes.iter().any(|node| node.edge.node() == edge && !node.alive);
        let ghosts = problems.filter(|(edge, problem)| match problem.reason {
            rebirth::RebirthReason::BeforeBirth => false,
            rebirth::RebirthReason::Expected => !gone(edge),
            _ => true,
        });
        self.violations.extend(ghosts.map(|(edge, problem)| format!("{edge}: {problem:?}")));
        self.settle();
    }

    pub(super) fn born(&mut self, birth: &Birth) {
        let mut slots = BTreeMap::new();
        for Born { name, content, .. } in &birth.metrics {
            let Content::Leaf { slot, sample, .. } = content else { panic!("a leaf") };
            slots.insert(slot.0, name.to_string());
            self.told(&birth.source.to_string(), name, sample);
        }
        self.slots.insert(birth.source.to_string(), slots);
    }

    /// Who is alive, and was heard when it was born, does not die by the will of a session before.
    pub(super) fn died(&mut self, death: &Death) {
        let Death { source, cause, .. } = death;
        let is_late = source.device.is_none() && *cause == DeathCause::Certificate;
        let lives = |node: &&Node| {
            *node.edge.node() == source.edge
                && node.alive
                && self.up[usize::from(node.server)]
                && !(node.without_bd_seq || node.damaged)
        };
        if is_late && self.nodes.iter().any(|node| lives(&node)) {
            self.violations.push(format!("{source} is alive and told dead by a late will"));
        }
    }

    /// A living node and its devices say something. Returns how many values.
    fn say(&mut self, node: usize) -> u64 {
        if !self.nodes[node].alive {
            return 0;
        }
        let devices: Vec<_> = self.nodes[node].devices.iter().copied().collect();
        for device in devices.iter().copied().map(Some).chain([None]) {
            let message = self.data(node, device);
            self.send(node, &message);
        }
        1 + devices.len() as u64
    }

    /// Nothing waits any more: every value is in an account, and every node of which some were not
    /// read is named.
    pub(super) fn settle(&mut self) {
        self.pass(secs(60));
        // What an answer to a late request brings would still wait.
        self.silent = true;
        self.pass(secs(30));
        self.silent = false;
        let counters = self.host.counters();
        let unread: u64 = counters.skipped_values.iter().sum();
        let Account { values, told, undecodable, .. } = self.account;
        if values != told + unread {
            let unread = counters.skipped_values;
            self.violations.push(format!("{values} values: {told} told, {unread:?} not read"));
        }
        let found = |finding| counters.findings.count(finding);
        let named = found(Finding::Undecodable) + found(Finding::TooLarge);
        if undecodable != named {
            self.violations.push(format!("{undecodable} messages damaged, {named} counted"));
        }
        if self.host.memory_use.bytes != 0 {
            self.violations.push(format!("{} bytes still wait", self.host.memory_use.bytes));
        }
        for session in &self.host.sessions {
            if session.unread().iter().sum::<u64>() > 0 {
                self.corners.insert("unread");
                if session.found().next().is_none() {
                    self.violations.push(format!("{} is not named", session.edge()));
                }
            }
        }
    }
}
