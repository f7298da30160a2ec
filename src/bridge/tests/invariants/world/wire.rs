//! Messages on their way: what becomes of them, and what is heard of them.

use super::*;
use crate::sparkplug::{limits, payload};

impl World {
    pub(super) fn publish_death(&mut self, node: usize, (message, speech): (Message, Speech)) {
        self.let_through(node);
        if self.hears(node) {
            self.hear(self.servers[node], &message);
            self.truth.hear(&speech, self.wall());
        } else {
            self.truth.miss(&speech);
        }
    }

    /// A message leaves its sender, and its fate finds it.
    pub(super) fn transmit(&mut self, node: usize, (message, speech): (Message, Speech)) {
        let before = self.overtaken[node].take();
        let fate = std::mem::take(&mut self.fates[node]);
        let server = self.servers[node];
        if !self.hears(node) {
            return self.truth.miss(&speech);
        }
        let (birth, timed) = (speech.verb == Verb::Birth, speech.time.is_some());
        let of_node = speech.source.device.is_none();
        match fate {
            Fate::Lost => {
                self.reach("gap");
                self.truth.miss(&speech);
            }
            Fate::Damaged => {
                self.reach(if birth { "damaged birth" } else { "damaged data" });
                let end = message.payload.len();
                let cut = self.rng.usize(end / 2..end);
                let whole = |cut: usize| payload::decode(&message.payload[..cut]).is_ok();
                let cut = if whole(cut) { end - 1 } else { cut };
                let payload = message.payload[..cut].to_vec();
                self.hear(server, &Message { payload, ..message });
                self.truth.garble(&speech);
            }
            Fate::Oversized if birth => {
                self.reach("oversized birth");
                let payload = vec![0; limits::PAYLOAD_BYTES + 1];
                self.hear(server, &Message { payload, ..message });
                self.truth.garble(&speech);
            }
            Fate::Twice if before.is_none() => {
                self.reach("duplicate");
                self.truth.hear(&speech, self.wall());
                self.hear(server, &message);
                self.hear(server, &message);
            }
            Fate::Overtaken if !(birth && of_node) && before.is_none() => {
                self.overtaken[node] = Some((message, speech));
                return;
            }
            Fate::Late if speech.verb == Verb::Data && timed => {
                self.reach("late");
                let births = (self.births[node], server);
                self.later(5_000, Due::Late(node, births, Box::new((message, speech))));
            }
            _ => {
                // One that is overtaken by its node's birth says nothing new.
                let reborn = birth && of_node;
                if reborn && before.is_none() && self.is_same_birth(node, &message) {
                    // Nobody can tell it from a duplicate.
                    self.truth.miss(&speech);
                    return self.hear(server, &message);
                }
                if let Some((_, early)) = before.as_ref().filter(|_| !reborn) {
                    self.truth.hear(early, self.wall());
                }
                self.truth.hear(&speech, self.wall());
                self.hear(server, &message);
                if let Some((early, meant)) = before {
                    self.reach("reordered");
                    self.hear(server, &early);
                    if reborn {
                        self.truth.stray(&meant, &speech);
                    }
                }
                return;
            }
        }
        if let Some((early, meant)) = before {
            self.hear(server, &early);
            self.truth.hear(&meant, self.wall());
        }
    }

    /// Whether a birth is the same to the byte as one that has just come.
    fn is_same_birth(&mut self, node: usize, message: &Message) -> bool {
        let now = (self.now.instant, message.payload.clone());
        let before = self.last[node].replace(now);
        before.is_some_and(|(at, payload)| {
            payload == message.payload && self.now.instant.since(at) < Duration::from_secs(2)
        })
    }

    /// What waits to be overtaken waits no longer.
    pub(super) fn let_through(&mut self, node: usize) {
        if let Some((message, speech)) = self.overtaken[node].take()
            && self.hears(node)
        {
            self.truth.hear(&speech, self.wall());
            self.hear(self.servers[node], &message);
        }
    }

    pub(super) fn hear(&mut self, server: ServerId, message: &Message) {
        let Message { topic, payload, .. } = message;
        self.bridge.handle_message(server, topic, payload, false, self.now);
        self.drain();
    }

    pub(super) fn later(&mut self, millis: u64, due: Due) {
        self.dues += 1;
        self.due.insert((self.now.instant + Duration::from_millis(millis), self.dues), due);
    }

    pub(super) fn come_due(&mut self, due: Due) {
        match due {
            Due::Births(node) if self.nodes[node].alive => {
                self.reach("rebirth answered");
                self.say_births(node);
            }
            Due::Births(_) => {}
            Due::Late(node, (births, server), late) => {
                let (message, speech) = *late;
                if self.up[usize::from(server.0)] {
                    self.hear(server, &message);
                    if births == self.births[node] {
                        self.truth.late(&speech, self.wall());
                    } else {
                        // Its number may be the one that is next, and its aliases mean others.
                        let source = self.nodes[node].source(None);
                        self.truth.murmur(&speech);
                        self.truth.suspect(&source);
                        if self.nodes[node].aliases {
                            self.truth.lose(|spot| spot.source.edge == source.edge);
                        }
                    }
                }
            }
        }
    }
}
