//! A node dies, may have died, or becomes unreachable.

use std::sync::Arc;

use super::awaited::{Awaited, Rest};
use super::{Fault, Life, Payload, Reason, ServerId, Session, Sink};
use crate::sparkplug::address::Source;
use crate::sparkplug::birth;
use crate::sparkplug::config::BdSeq;
use crate::sparkplug::event::{Clock, Death, DeathCause, Event};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::Unread;

impl Session {
    /// NDEATH, or a will that the server publishes. Its own time is that of a CONNECT long ago
    /// [operational-behavior-edge-node-termination-host-action-ndeath-node-offline].
    pub(super) fn handle_node_death(
        &mut self,
        server: ServerId,
        payload: &Payload,
        sink: &mut Sink<'_>,
    ) {
        let may_ask = self.may_ask(Fault::Probe, sink);
        match &mut self.life {
            Life::Awaited(awaited) if awaited.is_expected() => {
                let death = birth::bd_seq(payload, None).map(|(number, _)| number);
                if may_ask && awaited.doubts(death) {
                    self.notes.findings.note(Finding::StaleDeath);
                    awaited.doubt();
                    self.wish(Fault::Probe, sink);
                } else {
                    self.end(DeathCause::Certificate, None, sink);
                }
            }
            Life::Awaited(awaited) => {
                awaited.die();
                self.requests.cancel();
                self.problem = None;
                self.note(Finding::RepeatedDeath);
            }
            Life::Online(online) if online.server() != server => {
                self.note(Finding::ForeignServer);
            }
            Life::Online(online) if online.is_death(payload, sink.config) => {
                self.end(DeathCause::Certificate, None, sink);
            }
            Life::Online(online) => {
                self.notes.findings.note(Finding::StaleDeath);
                // Who may not be asked is not doubted.
                if may_ask && sink.config.bd_seq == BdSeq::Verify {
                    online.doubt(DeathCause::Certificate, sink.now.instant);
                    self.wish(Fault::Probe, sink);
                }
            }
        }
    }

    /// The connection that the node was seen through is down.
    pub(crate) fn handle_disconnected(&mut self, server: ServerId, sink: &mut Sink<'_>) {
        match &mut self.life {
            Life::Online(online) if online.server() == server => {
                self.end(DeathCause::ConnectionLost, Some(server), sink);
            }
            Life::Online(_) => {}
            Life::Awaited(awaited) => {
                let here = self.server == Some(server);
                if here {
                    self.problem.take_if(|problem| problem.reason != Reason::Expected);
                    self.notes.findings.add(Finding::BeforeBirth, awaited.tell_waiting());
                    let waiting = awaited.take_waiting();
                    self.notes.give_up(Unread::BeforeBirth, &waiting);
                }
                if here || !sink.servers.is_any_up() {
                    awaited.seek(false);
                    self.requests.cancel();
                }
            }
        }
    }

    /// The node is gone, its devices with it: they first.
    pub(super) fn end(&mut self, cause: DeathCause, lost: Option<ServerId>, sink: &mut Sink<'_>) {
        self.bury(cause, lost, sink);
        self.requests.cancel();
        self.problem = None;
    }

    /// It did not answer, and counts as offline. It may be alive, since a request or its answer can
    /// be lost: requests go on with backoff, and it stays a problem unless there was a death.
    pub(super) fn end_unheard(&mut self, cause: DeathCause, sink: &mut Sink<'_>) {
        let is_doubted = matches!(&self.life, Life::Awaited(awaited) if awaited.is_doubted());
        self.bury(cause, None, sink);
        self.requests.expect();
        if is_doubted || cause == DeathCause::Certificate {
            self.problem = None;
        }
    }

    fn bury(&mut self, cause: DeathCause, lost: Option<ServerId>, sink: &mut Sink<'_>) {
        let unknown = Life::Awaited(Awaited::unknown());
        let Rest { waiting, devices, past, lost: kept, .. } =
            match std::mem::replace(&mut self.life, unknown) {
                Life::Awaited(awaited) => {
                    let rest = awaited.into_rest();
                    self.notes.findings.add(Finding::BeforeBirth, rest.untold as u64);
                    rest
                }
                Life::Online(mut online) => {
                    let early = online.take_early();
                    online.flush(early, &mut self.notes, sink);
                    online.into_rest()
                }
            };
        self.notes.give_up(Unread::BeforeBirth, &waiting);
        self.notes.faults.clear();
        self.notes.born.clear();
        let mut gone = Awaited::gone(lost.is_some(), past);
        gone.keep_lost(kept.filter(|_| lost.is_some()));
        self.life = Life::Awaited(gone);
        let of_device = match cause {
            DeathCause::ConnectionLost => DeathCause::ConnectionLost,
            DeathCause::Certificate | DeathCause::Node | DeathCause::Silent => DeathCause::Node,
        };
        for device in devices {
            self.died(Some(device), of_device, sink);
        }
        if self.told {
            self.died(None, cause, sink);
        }
    }

    pub(super) fn died(&self, device: Option<Arc<str>>, cause: DeathCause, sink: &mut Sink<'_>) {
        let source = Source { edge: self.source.edge.clone(), device };
        let (time, clock) = (sink.now.wall, Clock::Host);
        sink.emit(Event::Death(Death { source, time, clock, cause }));
    }
}
