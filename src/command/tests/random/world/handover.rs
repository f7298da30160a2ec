//! How requests get from their doors to the bridge.

use super::*;
use crate::command::request::WriteRequest;

impl World {
    /// A request is sent, or sent again.
    pub(super) fn hand_in(&mut self, id: usize) {
        let Some(request) = self.requests.get(id) else { return };
        match request.door {
            Door::Terminal => self.deliver(id, self.by_one_clock(id)),
            Door::Iot => {
                let timeout = WriteRequest::parse(request.payload.as_bytes()).unwrap().timeout;
                if self.doors.iot.ask(id, timeout, self.now.instant) {
                    let sent = self.now.wall;
                    self.travel();
                    self.deliver(id, request::Sent::OnArrival(sent));
                }
            }
            Door::Queue => {
                let sent = request.sent.unwrap_or_default() + self.aws_ahead;
                self.doors.queue.put(id, sent, &request.payload);
            }
        }
    }

    /// When a request was sent, where there is but one clock.
    pub(super) fn by_one_clock(&self, id: usize) -> request::Sent {
        let sent = self.requests.get(id).and_then(|request| request.sent);
        let start = Some(Timestamp::from_millis(START));
        sent.map_or(request::Sent::OnArrival(self.now.wall), |at| request::Sent::Before {
            at: Timestamp::from_millis(at),
            start,
            taken: None,
        })
    }

    /// Some requests are long on their way: the connection tells that it was silent meanwhile.
    fn travel(&mut self) {
        if self.rng.u8(..) < 40 {
            let millis = self.rng.u64(1..30_000);
            self.pass(millis);
            self.corners.insert("long on its way from AWS IoT");
        }
    }

    /// Whether the client gets a command.
    pub(super) fn fate_of_sending(&mut self) -> Result<(), Unsent> {
        match self.rng.u8(..) {
            0..8 => Err(Unsent::NoSession),
            8..16 => Err(Unsent::Late),
            _ => Ok(()),
        }
    }

    /// The command of the request at hand is not sent after all.
    pub(super) fn unsent(&mut self) {
        self.at_hand = self.at_hand.map(|(id, _)| (id, true));
        self.corners.insert("not sent after all");
    }

    /// A request has left its door.
    fn deliver(&mut self, id: usize, sent: request::Sent) {
        self.decide(id, sent);
        self.drain();
        self.at_hand = None;
    }

    /// The bridge decides about a request.
    pub(super) fn decide(&mut self, id: usize, sent: request::Sent) {
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
        if let request::Sent::Before { at, .. } = sent
            && request.process < process
            && at.as_millis() >= self.began
        {
            self.corners.insert("redelivered, and younger than the process by the host's clock");
        }
        let envelope = Envelope { key, sent };
        let payload = request.payload.clone();
        self.at_hand = Some((id, false));
        self.uplink = match self.rng.u8(..) {
            0..6 => Uplink::Down,
            6..12 => Uplink::Full,
            _ => Uplink::Open,
        };
        let uplinks = [self.uplink];
        self.bridge.handle_request(envelope, payload.as_bytes(), &uplinks, self.now);
    }

    /// The doors go on as far as they can at this moment.
    pub(super) fn pump(&mut self) {
        self.doors.iot.go_on(self.now.instant);
        loop {
            let taken = self.doors.queue.go_on(doors::since_1970(self.now));
            if taken.is_empty() {
                return;
            }
            taken.into_iter().for_each(|(id, sent)| self.deliver(id, sent));
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
