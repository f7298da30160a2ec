//! Births stored by a Sparkplug-aware server: a start without rebirth requests.
//!
//! A stored birth defines metrics and aliases, but does not prove that the node is alive: the
//! server keeps it after its death. So it is used only once the node sends something.

use super::online::Before;
use super::{Incoming, Life, Message, Online, Session, Sink};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::Unread;
use crate::sparkplug::topic::Verb;

impl Session {
    /// A birth as the server has stored it [conformance-mqtt-aware-store].
    pub(crate) fn handle_certificate(&mut self, message: Incoming<'_>, sink: &mut Sink<'_>) {
        if message.verb != Verb::Birth {
            return;
        }
        match &mut self.life {
            Life::Awaited(awaited) => {
                let server = message.server;
                awaited.keep_certificate(message.own(), sink);
                if awaited.is_warm(server) {
                    let (early, others): (Vec<_>, Vec<_>) =
                        awaited.take_waiting().into_iter().partition(|m| m.server == server);
                    self.notes.findings.add(Finding::ForeignServer, others.len() as u64);
                    self.notes.give_up(Unread::ForeignServer, &others);
                    self.warm(early, sink);
                }
            }
            // A device that speaks already, whose birth came late among those stored.
            Life::Online(online) if online.server() == message.server => {
                online.handle_certificate(&message.borrow(), &mut self.notes, sink);
            }
            Life::Online(_) => {}
        }
    }

    /// The node lives, as these messages show: what the server has stored of it counts. The
    /// first message tells where in the sequence it stands.
    pub(super) fn warm(&mut self, early: Vec<Message>, sink: &mut Sink<'_>) {
        let Life::Awaited(awaited) = &mut self.life else { return };
        let Some(first) = early.first() else { return };
        let Some((birth, devices)) = awaited.take_certificates(first.server) else { return };
        let expected = Before { told: self.told, devices: awaited.take_devices(), next: None };
        let before = first.seq().and_then(|seq| u8::try_from(seq).ok());
        self.server = Some(birth.server);
        self.born(sink);
        let freed = self.load();
        sink.room.tables += freed.tables;
        sink.room.bytes += freed.bytes;
        let birth = birth.incoming();
        let mut online = Online::born(&self.source, &birth, expected, &mut self.notes, sink);
        if let Some(seq) = before {
            online.resume(seq);
        }
        for device in devices {
            online.handle_certificate(&device.incoming().borrow(), &mut self.notes, sink);
        }
        self.told = online.is_told();
        self.life = Life::Online(online);
        for message in early {
            self.handle_message(message.incoming(), sink);
        }
    }
}
