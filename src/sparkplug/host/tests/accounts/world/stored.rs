//! Servers that store births and say what they have.

use super::*;

impl World {
    /// The server stores a birth, and says so. What it has says other values, so that they can be told
    /// from those that came live.
    pub(super) fn store(&mut self, server: u16, message: &Message) {
        if !self.setup.stores || !message.topic.contains("BIRTH") {
            return;
        }
        let mut stored = message.clone();
        if let Ok(mut payload) = payload::decode(&message.payload) {
            for metric in &mut payload.metrics {
                let Some(value) = super::super::ledger::number(metric) else { continue };
                self.counter += 10;
                let value = self.counter + value % 10;
                self.ledger.store(value);
                metric.value = Some(WireValue::LongValue(value as u64));
            }
            stored.payload = payload::encode(&payload);
        }
        stored.topic = format!("$sparkplug/certificates/{}", message.topic);
        stored.retain = true;
        self.stored.insert((server, message.topic.clone()), stored.clone());
        if self.up[usize::from(server)] {
            self.hear_stored(server, &stored);
        }
    }

    /// The server says what it has stored.
    pub(super) fn deliver_stored(&mut self, server: u16) {
        let of_server = self.stored.iter().filter(|((of, _), _)| *of == server);
        let stored: Vec<_> = of_server.map(|(_, message)| message.clone()).collect();
        for message in stored {
            self.hear_stored(server, &message);
        }
    }

    fn hear_stored(&mut self, server: u16, Message { topic, payload, .. }: &Message) {
        match payload::decode(payload) {
            Ok(payload) => {
                // A process that came later has not heard of them.
                let numbers = payload.metrics.iter().filter_map(super::super::ledger::number);
                for value in numbers {
                    if !self.ledger.is_told(value) {
                        self.ledger.store(value);
                    }
                }
            }
            Err(_) => self.ledger.undecodable += 1,
        }
        self.host.handle_message(ServerId(server), topic, payload, true, self.now);
        self.drain();
    }
}
