//! How requests get from their doors to the bridge.

use super::*;
use crate::command::request::WriteRequest;

impl World {
    /// A request is sent, or sent again.
    pub(super) fn hand_in(&mut self, id: usize) {
        let Some(request) = self.requests.get(id) else { return };
        match request.door {
            Door::Terminal => self.deliver(id),
            Door::Iot => {
                let timeout = WriteRequest::parse(request.payload.as_bytes()).unwrap().timeout;
                if self.doors.iot.ask(id, timeout, self.now.instant) {
                    self.deliver(id);
                }
            }
            Door::Queue => {
                let sent = request.sent.unwrap_or_default();
                self.doors.queue.put(id, sent, &request.payload);
            }
        }
    }

    /// A request has left its door.
    fn deliver(&mut self, id: usize) {
        let (process, now) = (self.process, self.now.wall.as_millis());
        let Some(request) = self.requests.get_mut(id) else { return };
        if request.handed == 0 {
            (request.process, request.met) = (process, now);
        }
        request.handed += 1;
        let channel = match request.door {
            Door::Terminal => CommandChannel::Terminal,
            Door::Iot => CommandChannel::Iot,
            Door::Queue => CommandChannel::Queue,
        };
        let key = RequestKey::new(channel, id.to_string());
        let envelope = Envelope { key, sent_at: request.sent.map(Timestamp::from_millis) };
        let payload = request.payload.clone();
        self.at_hand = Some((id, false));
        self.bridge.handle_request(envelope, payload.as_bytes(), &[Uplink::Open], self.now);
        self.drain();
        self.at_hand = None;
    }

    /// The doors go on as far as they can at this moment.
    pub(super) fn pump(&mut self) {
        self.doors.iot.go_on(self.now.instant);
        loop {
            let taken = self.doors.queue.go_on(doors::since_1970(self.now));
            if taken.is_empty() {
                return;
            }
            taken.into_iter().for_each(|id| self.deliver(id));
        }
    }

    pub(super) fn iot_up(&mut self) {
        self.doors.iot.connect();
    }

    /// Nothing more is taken off the queue; what was is handled.
    pub(super) fn finish_queue(&mut self) {
        self.pump();
        self.doors.queue.close();
        self.pump();
    }

    /// The last answers are waited for.
    pub(super) fn settle_doors(&mut self) {
        self.doors.queue.no_more_answers();
        self.pass(6_000);
    }

    /// What must hold in the end: each request that was handed over has its one answer at its door,
    /// or there was a lapse.
    pub(super) fn check_doors(&mut self) {
        for (id, request) in self.requests.iter().enumerate() {
            let wrong = match request.door {
                Door::Terminal => None,
                Door::Iot => self.doors.iot.judge(id, request.handed),
                Door::Queue => self.doors.queue.judge(id, request.handed),
            };
            let wrong = wrong.map(|wrong| format!("{id} {request:?}: {wrong}"));
            self.violations.extend(wrong);
        }
        self.violations.extend(self.doors.queue.dropped_without_a_word());
        self.violations.append(&mut self.doors.iot.violations);
        self.corners.extend(self.doors.corners());
    }
}
