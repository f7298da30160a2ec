//! Messages that never came to the host, since its queue was full: who sent them may be dead, or
//! silent from then on, so that no gap shows it.

use std::collections::BTreeSet;

use super::{Host, ServerId};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::session::{EdgeSession, SessionContext};
use crate::time::Now;

/// Edge nodes of which live messages were dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LostSenders {
    /// Those of which a birth, data, or the death of a device was.
    pub senders: BTreeSet<EdgeNode>,
    /// Those of which the death was.
    pub deaths: BTreeSet<EdgeNode>,
    /// Whether there were more senders than can be named.
    pub are_more: bool,
    /// Whether there were more deaths than can be named.
    pub are_more_deaths: bool,
}

impl LostSenders {
    /// Adds those that another connection with the same server has dropped.
    pub fn merge(&mut self, other: Self) {
        let Self { senders, deaths, are_more, are_more_deaths } = other;
        self.senders.extend(senders);
        self.deaths.extend(deaths);
        self.are_more |= are_more;
        self.are_more_deaths |= are_more_deaths;
    }
}

impl Host {
    /// Messages of these nodes on `server` were dropped before they could be handled. Whoever is behind
    /// a server that is not connected is asked when it is.
    pub fn handle_lost(&mut self, server: ServerId, lost: &LostSenders, now: Now) {
        if !self.servers.is_up(server) {
            return;
        }
        for edge in &lost.senders {
            let index = match self.may_take(edge) {
                true => self.get_or_create_session(&edge.group, &edge.node, now),
                false => None,
            };
            if let Some(index) = index {
                self.update_session(index, now, |session, context| {
                    session.message_lost(server, context);
                });
            }
        }
        if lost.are_more {
            self.update_all_on(server, now, |session, context| {
                session.message_lost(server, context);
            });
        }
        // After the messages: one that was dropped may tell where the node had moved before it died.
        for edge in &lost.deaths {
            if let Some(index) = self.session_index(&edge.group, &edge.node) {
                self.update_session(index, now, |session, context| {
                    session.death_lost(server, context);
                });
            }
        }
        if lost.are_more_deaths {
            self.update_all_on(server, now, |session, context| session.death_lost(server, context));
        }
    }
    /// Lets all sessions act that were heard on `server` last.
    fn update_all_on(
        &mut self,
        server: ServerId,
        now: Now,
        act: impl Fn(&mut EdgeSession, &mut SessionContext<'_>),
    ) {
        for index in 0..self.sessions.len() {
            self.update_session(index, now, |session, context| {
                if session.is_on(server) {
                    act(session, context);
                }
            });
        }
    }
}
