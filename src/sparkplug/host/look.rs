//! A read-only view of the host.

use std::time::Duration;

use super::{FindingRecord, Host, HostCounters, NodePhase, NodeProblem, ServerId};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::{AttributeHolder, SessionFigures};
use crate::sparkplug::rebirth::RebirthReason;
use crate::sparkplug::session::EdgeSession;
use crate::time::Instant;

/// A read-only view of an edge node.
#[derive(Clone, Debug)]
pub struct NodeView<'a> {
    /// Who.
    pub edge: &'a EdgeNode,
    /// Where it stands.
    pub phase: NodePhase,
    /// What its session counted.
    pub figures: SessionFigures,
    /// What was not as it should be.
    pub found: Vec<FindingRecord<'a>>,
}

impl Host {
    /// What has passed through, with all findings of all nodes.
    pub fn counters(&self) -> HostCounters {
        let mut counters = self.counters.clone();
        for session in &self.sessions {
            counters.findings.merge(session.findings());
            counters.excluded_values += session.excluded();
            for (total, count) in counters.unread.iter_mut().zip(session.unread()) {
                *total += count;
            }
        }
        counters
    }

    /// Figures of an edge node's session; none for a node that was never heard of.
    pub fn figures(&self, edge: &EdgeNode) -> Option<SessionFigures> {
        self.session(edge).map(EdgeSession::figures)
    }

    /// Where an edge node stands.
    pub fn phase(&self, edge: &EdgeNode) -> NodePhase {
        self.session(edge).map_or(NodePhase::Unknown, EdgeSession::phase)
    }

    /// The server on which an edge node is online.
    pub fn server_of(&self, edge: &EdgeNode) -> Option<ServerId> {
        self.session(edge)?.server_of_birth()
    }

    /// Whether a node or device is alive by a birth that was read; a later one that was not, or
    /// came too late, leaves none.
    pub fn is_born(&self, source: &Source) -> bool {
        let session = self.session(&source.edge);
        session.is_some_and(|session| session.is_born(source.device.as_deref()))
    }

    /// The alias that the latest birth of a node or device gave a leaf or an instance; none
    /// where another source of the node uses it too. Looks at all its aliases.
    pub fn alias_of(&self, source: &Source, of: AttributeHolder) -> Option<u64> {
        self.session(&source.edge)?.alias_of(source.device.as_deref(), of)
    }

    /// All edge nodes that are remembered, in the order in which they were first heard of; one
    /// that takes the place of another that was forgotten stands where that one did.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> + '_ {
        self.remembered().map(|session| NodeView {
            edge: session.edge(),
            phase: session.phase(),
            figures: session.figures(),
            found: session.found().collect(),
        })
    }

    /// How many edge nodes stand where.
    pub fn phases(&self) -> impl Iterator<Item = (&EdgeNode, NodePhase)> + '_ {
        self.remembered().map(|session| (session.edge(), session.phase()))
    }

    /// A topic that a server brings, where it brings none of Sparkplug's.
    pub fn foreign(&self, server: ServerId) -> Option<&str> {
        self.servers.foreign(server)
    }

    /// Whether a server has granted the subscriptions and delivers nothing, not even our own STATE.
    pub fn delivers_nothing(&self, server: ServerId) -> bool {
        self.servers.delivers_nothing(server)
    }

    /// The nodes that are not understood, although they were asked for their births.
    pub fn problems(&self) -> impl Iterator<Item = (&EdgeNode, &NodeProblem)> + '_ {
        self.remembered().filter_map(|session| Some((session.edge(), session.problem()?)))
    }

    /// The nodes whose clock is wrong, and by how many milliseconds it is ahead; negative where it is
    /// behind.
    pub fn clocks_off(&self) -> impl Iterator<Item = (&EdgeNode, i64)> + '_ {
        self.remembered().filter_map(|session| Some((session.edge(), session.clock_off()?)))
    }

    /// The nodes that are dead: born once, and gone. Those whose server is lost are not among them.
    pub fn dead(&self) -> impl Iterator<Item = &EdgeNode> + '_ {
        self.remembered().filter(|session| session.is_dead()).map(EdgeSession::edge)
    }

    /// Whether a node that is not online had `patience` to answer a rebirth request. One that is not
    /// to be asked, or cannot be remembered, has no more to wait for.
    pub fn had_time(&self, edge: &EdgeNode, patience: Duration, now: Instant) -> bool {
        let asks = self.config.rebirth.reasons.contains(RebirthReason::Expected);
        match self.session(edge).filter(|_| asks) {
            Some(session) => session.asked_since().is_some_and(|at| now.since(at) >= patience),
            None => true,
        }
    }

    /// Whether anything of a node is taken.
    pub fn may_take(&self, edge: &EdgeNode) -> bool {
        self.config.filter.is_open() || self.config.filter.may_take(&edge.to_string())
    }

    fn remembered(&self) -> impl Iterator<Item = &EdgeSession> + '_ {
        // Nobody's group is empty.
        self.sessions.iter().filter(|session| !session.edge().group.is_empty())
    }

    fn session(&self, edge: &EdgeNode) -> Option<&EdgeSession> {
        self.sessions.get(self.known(&edge.group, &edge.node)?)
    }
}
