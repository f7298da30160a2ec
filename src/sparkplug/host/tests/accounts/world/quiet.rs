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
        // Nobody asks them: whoever sees that they are not heard starts them again.
        for node in 0..self.nodes.len() {
            if !self.setup.asks && self.nodes[node].alive {
                self.nodes[node].edge.reconnect();
                self.births(node);
            }
        }
        // Ever rarer, but each is asked: what was in vain has gone on for minutes at most.
        for _ in 0..40 {
            for node in 0..self.nodes.len() {
                self.say(node);
            }
            self.pass(secs(20));
        }
        for node in 0..self.nodes.len() {
            let sent = self.say(node);
            self.pass(secs(3));
            let is_read =
                |value: &i64| self.ledger.is_told(*value) || self.ledger.is_excluded(*value);
            if !sent.iter().all(is_read) {
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
            // Its death may have been that of the session before, and it may not be asked.
            _ if problem.kind == NodeProblemKind::RequestDisabled => !gone(edge),
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

    /// Who is alive and heard, and whose births can be read, is not told dead, nor is a device of it:
    /// not by a will of a session before, and not without being asked, which it would have answered.
    pub(super) fn died(&mut self, death: &Death) {
        let Death { source, cause, .. } = death;
        let Some(node) = self.nodes.iter().find(|node| *node.edge.node() == source.edge) else {
            return;
        };
        let device = source.device.as_deref();
        let lives = node.alive && device.is_none_or(|device| node.devices.contains(device));
        let is_heard = self.up[usize::from(node.server)] && !node.damaged;
        let may_be_told = match cause {
            DeathCause::ConnectionLost => true,
            // Who may not be asked is believed to be dead where nothing of its session is known.
            DeathCause::Certificate => {
                node.without_bd_seq || !(self.setup.asks || node.born_here) || device.is_some()
            }
            // With its node.
            DeathCause::Node if self.host.phase(&source.edge) != NodePhase::Online => true,
            DeathCause::Silent | DeathCause::Node => {
                // Where there is little room, who may be made up is evicted.
                let evicts = self.host.config.unproven_table_bytes < 1024;
                evicts || !self.setup.asks || self.now.instant < self.excused_until || self.silent
            }
        };
        if lives && is_heard && !may_be_told {
            self.violations.push(format!("{source} is alive and told dead: {cause:?}"));
        }
    }

    /// A living node and its devices say something: these values.
    pub(super) fn say(&mut self, node: usize) -> Vec<i64> {
        let mut said = Vec::new();
        if !self.nodes[node].alive {
            return said;
        }
        let devices: Vec<_> = self.nodes[node].devices.iter().copied().collect();
        for device in devices.iter().copied().map(Some).chain([None]) {
            let message = self.data(node, device);
            let payload = payload::decode(&message.payload).unwrap();
            said.extend(payload.metrics.iter().filter_map(super::super::ledger::number));
            self.send(node, &message);
        }
        said
    }

    /// Nothing waits any more: every value is in an account, and every node of which some were not
    /// read is named.
    pub(super) fn settle(&mut self) {
        self.pass(secs(60));
        // What an answer to a late request brings would still wait.
        self.silent = true;
        self.pass(secs(30));
        self.silent = false;
        self.excuse();
        self.check_account();
        self.check_named();
    }

    /// The process ends at once: what waits is read, or counted.
    pub(super) fn end(&mut self) {
        self.corners.insert("ended");
        self.excuse();
        if self.host.memory_use.bytes > 0 {
            self.corners.insert("ended while messages wait");
        }
        self.host.shutdown(self.now);
        self.drain();
        self.check_account();
    }

    fn check_account(&mut self) {
        let counters = self.host.counters();
        let unread: u64 = counters.skipped_values.iter().sum();
        let Ledger { open, undecodable, excluded_messages, .. } = self.ledger;
        // What the filter leaves out of a birth that is kept, or stored, it leaves out each time.
        let again = self.setup.filters && (self.setup.stores || !self.setup.asks);
        let accounted = unread + counters.excluded_values;
        if open != accounted && !(again && open < accounted) {
            let (unread, excluded) = (counters.skipped_values, counters.excluded_values);
            let why = format!("{open} values not told: {unread:?} not read, {excluded} excluded");
            self.violations.push(why);
        }
        if excluded_messages != counters.excluded_messages {
            let counted = counters.excluded_messages;
            self.violations
                .push(format!("{excluded_messages} messages excluded, {counted} counted"));
        }
        let found = |finding| counters.findings.count(finding);
        let named = found(Finding::Undecodable) + found(Finding::TooLarge);
        if undecodable != named {
            self.violations.push(format!("{undecodable} messages damaged, {named} counted"));
        }
        // Births are kept where nobody may be asked, or where a server has stored them.
        let keeps = !self.setup.asks || self.setup.stores;
        if self.host.memory_use.bytes != 0 && !keeps {
            self.violations.push(format!("{} bytes still wait", self.host.memory_use.bytes));
        }
    }

    fn check_named(&mut self) {
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
