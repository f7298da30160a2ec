//! A read-only view of the host.

use super::{Counters, Found, Host, Phase, Problem, ServerId};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::event::SessionFigures;
use crate::sparkplug::session::Session;

/// A read-only view of an edge node.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Who.
    pub edge: &'a EdgeNode,
    /// Where it stands.
    pub phase: Phase,
    /// What its session counted.
    pub figures: SessionFigures,
    /// What was not as it should be.
    pub found: Vec<Found<'a>>,
}

impl Host {
    /// What has passed through, with all findings of all nodes.
    pub fn counters(&self) -> Counters {
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
        self.session(edge).map(Session::figures)
    }

    /// Where an edge node stands.
    pub fn phase(&self, edge: &EdgeNode) -> Phase {
        self.session(edge).map_or(Phase::Unknown, Session::phase)
    }

    /// All edge nodes that are remembered, in the order in which they were first heard of; one
    /// that takes the place of another that was forgotten stands where that one did.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> + '_ {
        self.remembered().map(|session| Node {
            edge: session.edge(),
            phase: session.phase(),
            figures: session.figures(),
            found: session.found().collect(),
        })
    }

    /// How many edge nodes stand where.
    pub fn phases(&self) -> impl Iterator<Item = (&EdgeNode, Phase)> + '_ {
        self.remembered().map(|session| (session.edge(), session.phase()))
    }

    /// A topic that a server brings, where it brings none of Sparkplug's.
    pub fn foreign(&self, server: ServerId) -> Option<&str> {
        self.servers.foreign(server)
    }

    /// The nodes that are not understood, although they were asked for their births.
    pub fn problems(&self) -> impl Iterator<Item = (&EdgeNode, &Problem)> + '_ {
        self.remembered().filter_map(|session| Some((session.edge(), session.problem()?)))
    }

    /// The nodes that are dead: born once, and gone. Those whose server is lost are not among them.
    pub fn dead(&self) -> impl Iterator<Item = &EdgeNode> + '_ {
        self.remembered().filter(|session| session.is_dead()).map(Session::edge)
    }

    /// Whether anything of a node is taken.
    pub fn may_take(&self, edge: &EdgeNode) -> bool {
        self.config.filter.is_open() || self.config.filter.may_take(&edge.to_string())
    }

    fn remembered(&self) -> impl Iterator<Item = &Session> + '_ {
        // Nobody's group is empty.
        self.sessions.iter().filter(|session| !session.edge().group.is_empty())
    }

    fn session(&self, edge: &EdgeNode) -> Option<&Session> {
        self.sessions.get(self.known(&edge.group, &edge.node)?)
    }
}
