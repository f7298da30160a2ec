//! A host that only listens, since another bridge speaks under its id.

use super::{EdgeSession, Host, NodePhase, ServerId};
use crate::sparkplug::address::EdgeNode;
use crate::time::Now;

/// Whether this host is the one that speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostRole {
    /// It publishes STATE and rebirth requests.
    #[default]
    Speaks,
    /// Another process speaks under the same id. This one publishes nothing; requests that are due
    /// stay due, and who was not asked is not judged by its silence.
    Listens,
}

impl Host {
    /// Whether this host speaks from now on. Once it was told to listen, it takes STATE of earlier
    /// sessions under its id for those of the other process.
    pub fn handle_role(&mut self, role: HostRole) {
        self.role = role;
        self.shares_id |= role == HostRole::Listens;
    }

    /// Whether it speaks.
    pub fn role(&self) -> HostRole {
        self.role
    }

    /// Edge nodes whose rebirth requests are due and not sent, as `group/node`: who is known to be
    /// alive comes first. No more than `most`.
    pub fn unasked(&self, most: usize) -> Vec<String> {
        let indices = self.request_scheduler.waiting().take(most);
        let sessions = indices.filter_map(|index| self.sessions.get(index));
        sessions.map(|session| session.edge().to_string()).collect()
    }

    /// The other process lacks the birth of this edge node, given as `group/node`: requests one,
    /// whatever this host knows of it.
    pub fn request_for_other(&mut self, edge: &str, now: Now) {
        let Some((group, node)) = edge.split_once('/') else { return };
        let index = self.session_index(group, node);
        let phase = |index: &usize| self.sessions.get(*index).map(EdgeSession::phase);
        match index.filter(|index| phase(index) == Some(NodePhase::Online)) {
            Some(index) => {
                self.update_session(index, now, |session, context| {
                    session.refresh_for_other(context);
                });
            }
            None => self.request_birth_if_back(&EdgeNode::new(group, node), now),
        }
    }

    /// Whether an edge node is behind a server that is not connected; of one that was never heard,
    /// whether no server is.
    pub fn is_out_of_reach(&self, edge: &EdgeNode) -> bool {
        let index = self.session_index(&edge.group, &edge.node);
        let session = index.and_then(|index| self.sessions.get(index));
        match session.and_then(EdgeSession::heard_on) {
            Some(server) => !self.servers.is_up(server),
            None => !self.servers.is_any_up(),
        }
    }

    /// A connection of a host that listens: its own STATE is not to come back.
    pub(super) fn connected_silently(&mut self, server: ServerId) {
        self.servers.delivered(server);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sparkplug::config::Config;
    use crate::sparkplug::edge::{Edge, Metric};
    use crate::sparkplug::host::Output;
    use crate::sparkplug::host::state::state_payload;
    use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};
    use crate::time::{Instant, Timestamp};

    const SERVER: ServerId = ServerId(0);

    fn at(millis: u64) -> Now {
        let since = Duration::from_millis(millis);
        Now {
            instant: Instant::from_start(since),
            wall: Timestamp::from_millis(1_700_000_000_000).plus(since),
        }
    }

    fn published(host: &mut Host) -> Vec<String> {
        let mut topics = Vec::new();
        while let Some(output) = host.poll_output() {
            if let Output::Publish(publish) = output {
                topics.push(publish.message.topic);
            }
        }
        topics
    }

    fn pass(host: &mut Host, from: u64, to: u64) {
        for millis in (from..to).step_by(100) {
            host.handle_timeout(at(millis));
        }
    }

    /// Data of a node whose birth is not known.
    fn unborn(host: &mut Host, millis: u64) -> Edge {
        let mut edge = Edge::new(EdgeNode::new("Farm", "gw"), 0);
        edge.nbirth(at(0).wall, [Metric::new("Wind", 1.0_f64)]);
        let data = edge.ndata(at(millis).wall, [Metric::new("Wind", 2.0_f64)]);
        host.handle_message(SERVER, &data.topic, &data.payload, false, at(millis));
        edge
    }

    #[test]
    fn one_that_listens_publishes_nothing_and_says_whom_it_would_ask() {
        let mut host = Host::new(Config::new("plant"), 7);
        host.handle_role(HostRole::Listens);
        host.handle_connected(SERVER, at(0).wall, at(0));
        unborn(&mut host, 10);
        let offline = state_payload(false, at(5).wall);
        host.handle_message(SERVER, &host.state_topic(), &offline, false, at(20));
        pass(&mut host, 20, 60_000);
        assert_eq!(published(&mut host), [""; 0]);
        assert_eq!(host.unasked(10), ["Farm/gw"]);
        // It does not wake for what it must not do.
        assert!(host.poll_timeout().is_none_or(|due| due > at(60_000).instant));
        host.handle_role(HostRole::Speaks);
        host.handle_connected(SERVER, at(60_000).wall, at(60_000));
        pass(&mut host, 60_000, 62_000);
        assert_eq!(published(&mut host), ["spBv1.0/STATE/plant", "spBv1.0/Farm/NCMD/gw"]);
        assert_eq!(host.unasked(10), [""; 0]);
    }

    #[test]
    fn a_node_that_nobody_asked_is_not_dead_because_it_is_silent() {
        let mut host = Host::new(Config::new("plant"), 7);
        host.handle_role(HostRole::Listens);
        host.handle_connected(SERVER, at(0).wall, at(0));
        let edge = EdgeNode::new("Farm", "gw");
        host.expect_online(&edge, &["T1".into()], at(10));
        pass(&mut host, 10, 600_000);
        assert_eq!(host.poll_output(), None);
        assert_eq!(host.unasked(10), ["Farm/gw"]);
    }

    #[test]
    fn the_state_of_the_bridge_before_is_not_another_host_s() {
        let conflicts = |shared: bool, of_other: u64| {
            let mut host = Host::new(Config::new("plant"), 7);
            if shared {
                host.handle_role(HostRole::Listens);
                host.handle_role(HostRole::Speaks);
            }
            host.handle_connected(SERVER, at(1_000).wall, at(1_000));
            let online = state_payload(true, at(of_other).wall);
            host.handle_message(SERVER, &host.state_topic(), &online, true, at(1_010));
            let found = host.counters().findings;
            found.iter().map(|(_, count)| count).sum::<u64>()
        };
        assert_eq!(conflicts(true, 500), 0);
        assert_eq!(conflicts(true, 2_000), 1);
        assert_eq!(conflicts(false, 500), 1);
    }

    #[test]
    fn what_the_other_lacks_is_asked_for_whether_it_is_online_here_or_not() {
        let mut host = Host::new(Config::new("plant"), 7);
        host.handle_connected(SERVER, at(0).wall, at(0));
        let mut edge = Edge::new(EdgeNode::new("Farm", "gw"), 0);
        let birth = edge.nbirth(at(0).wall, [Metric::new("Wind", 1.0_f64)]);
        host.handle_message(SERVER, &birth.topic, &birth.payload, false, at(10));
        assert_eq!(published(&mut host), ["spBv1.0/STATE/plant"]);
        for (millis, name) in [(1_000, "Farm/gw"), (2_000, "Farm/other")] {
            host.request_for_other(name, at(millis));
            pass(&mut host, millis, millis + 500);
        }
        assert_eq!(published(&mut host), ["spBv1.0/Farm/NCMD/gw", "spBv1.0/Farm/NCMD/other"]);
        host.request_for_other("no node", at(3_000));
        assert_eq!(published(&mut host), [""; 0]);
    }

    /// The follower had decided to ask, and the holder asked for nothing, since it would not have for
    /// a gap of its own.
    #[test]
    fn what_the_other_lacks_is_asked_for_by_its_own_reasons() {
        for (reasons, asked) in [
            (RebirthReasons::ALL.without(RebirthReason::Gap), true),
            (RebirthReasons::NONE.with(RebirthReason::UnknownAlias), true),
            (RebirthReasons::NONE, false),
        ] {
            let mut config = Config::new("plant");
            config.rebirth.reasons = reasons;
            let mut host = Host::new(config, 7);
            host.handle_connected(SERVER, at(0).wall, at(0));
            let mut edge = Edge::new(EdgeNode::new("Farm", "gw"), 0);
            let birth = edge.nbirth(at(0).wall, [Metric::new("Wind", 1.0_f64)]);
            host.handle_message(SERVER, &birth.topic, &birth.payload, false, at(10));
            published(&mut host);
            host.request_for_other("Farm/gw", at(1_000));
            pass(&mut host, 1_000, 1_500);
            let commands = published(&mut host);
            assert_eq!(commands == ["spBv1.0/Farm/NCMD/gw"], asked, "{reasons} {commands:?}");
        }
    }
}
