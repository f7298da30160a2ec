//! A read-only view of the host.

use std::time::Duration;

use super::{ClockOff, FindingRecord, Host, HostCounters, NodePhase, NodeProblem, ServerId};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::{AttributeHolder, SessionFigures, Slot};
use crate::sparkplug::rebirth::RebirthReason;
use crate::sparkplug::session::EdgeSession;
use crate::sparkplug::table::BirthTable;
use crate::time::{Instant, Timestamp};

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

/// A position in the walk over the nodes and devices that are alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BornCursor {
    node: usize,
    source: usize,
}

/// Whether the walk over births stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// It stops, and may go on later.
    Yes,
    /// It goes on.
    No,
}

/// The tags of a birth.
#[derive(Clone, Copy, Debug)]
pub struct BornTags<'a>(&'a BirthTable);

impl BornTags<'_> {
    /// Whether the filter leaves out any.
    pub fn has_excluded(&self) -> bool {
        self.0.has_excluded()
    }

    /// How many leaves and instances there are.
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// Shows each by its path, with its slot; none where the filter leaves it out. One may come
    /// twice.
    pub fn each(&self, mut visit: impl FnMut(&str, Option<Slot>)) {
        self.0.each_tag(&mut visit);
    }
}

impl Host {
    /// What has passed through, with all findings of all nodes.
    pub fn counters(&self) -> HostCounters {
        let mut counters = HostCounters::clone(&self.counters);
        for session in &self.sessions {
            counters.findings.merge(session.findings());
            counters.excluded_values += session.excluded();
            for (total, count) in counters.skipped_values.iter_mut().zip(session.unread()) {
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

    /// Whether nothing of an edge node was heard since this host began.
    pub fn is_unheard(&self, edge: &EdgeNode) -> bool {
        self.session(edge).is_none_or(EdgeSession::is_unheard)
    }

    /// The server on which an edge node is online.
    pub fn server_of(&self, edge: &EdgeNode) -> Option<ServerId> {
        self.session(edge)?.server_of_birth()
    }

    /// Whether messages of an edge node wait for one before them.
    pub fn has_waiting_messages(&self, edge: &EdgeNode) -> bool {
        self.session(edge).is_some_and(EdgeSession::has_waiting_messages)
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

    /// Shows each node or device that is alive from a place on, with its tags, until `enough`
    /// is returned for one. Returns the place to go on from; none at the end.
    pub fn each_born(
        &self,
        from: BornCursor,
        mut visit: impl FnMut(&Source, BornTags<'_>) -> Enough,
    ) -> Option<BornCursor> {
        let mut place = from;
        for session in self.sessions.get(from.node..).unwrap_or_default() {
            for (source, table) in session.tables(place.source) {
                place.source += 1;
                if visit(source, BornTags(table)) == Enough::Yes {
                    return Some(place);
                }
            }
            place = BornCursor { node: place.node + 1, source: 0 };
        }
        None
    }

    /// Whether the filter leaves out all that has this address, or begins with it.
    pub fn leaves_out(&self, address: &str) -> bool {
        !self.config.filter.is_open() && !self.config.filter.may_take(address)
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

    /// The nodes whose clock is wrong, or that of a device of theirs.
    pub fn clocks_off(&self) -> impl Iterator<Item = (&EdgeNode, ClockOff<'_>)> + '_ {
        self.remembered().filter_map(|session| Some((session.edge(), session.clock_off()?)))
    }

    /// The nodes that are dead: born once, and gone. Those whose server is lost are not among them.
    pub fn dead(&self) -> impl Iterator<Item = &EdgeNode> + '_ {
        self.remembered().filter(|session| session.is_dead()).map(EdgeSession::edge)
    }

    /// When an edge node went offline, if that was since this host began and it was not born again.
    pub fn died(&self, edge: &EdgeNode) -> Option<Timestamp> {
        self.session(edge)?.died()
    }

    /// Whether a node that is not online had `patience` to answer a rebirth request. One that is
    /// not to be asked, or cannot be remembered, has no more to wait for.
    pub fn had_time_to_answer(&self, edge: &EdgeNode, patience: Duration, now: Instant) -> bool {
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
        // A removed session has an empty group id, which no real node has.
        self.sessions.iter().filter(|session| !session.edge().group.is_empty())
    }

    fn session(&self, edge: &EdgeNode) -> Option<&EdgeSession> {
        self.sessions.get(self.session_index(&edge.group, &edge.node)?)
    }
}
