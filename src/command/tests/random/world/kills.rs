//! A process that is killed while it has a request in hand: between its door and its answer.

use super::*;
use crate::command::request::WriteRequest;

impl World {
    /// A request is sent, and the process is killed at this moment, if it comes so far.
    pub(super) fn kill_with(&mut self, ask: &Ask, moment: Moment) {
        let id = self.write(ask);
        let of_queue = self.requests.get(id).is_some_and(|request| request.door == Door::Queue);
        match moment {
            Moment::Taking if of_queue => self.hand_in(id),
            Moment::Taking => {}
            Moment::Taken | Moment::Decided | Moment::Told => {
                if let Some(sent) = self.take(id) {
                    self.kill_with_taken(id, sent, moment);
                }
            }
        }
        self.restart_after(moment == Moment::Taking);
        // What comes next finds the machines there, so that it might be sent.
        self.node_birth();
        self.device_birth();
        self.iot_up();
        // It may come again, as what is deleted may.
        if of_queue && self.rng.bool() {
            self.corners.insert("redelivered after such a kill");
            self.hand_in(id);
        }
    }

    /// Takes a request off its door; none if it does not come off.
    fn take(&mut self, id: usize) -> Option<request::Sent> {
        let request = self.requests.get(id)?;
        match request.door {
            Door::Terminal => Some(self.by_one_clock(id)),
            Door::Iot => {
                let timeout = WriteRequest::parse(request.payload.as_bytes()).unwrap().timeout;
                let arrives = self.doors.iot.ask(id, timeout, self.now.instant);
                arrives.then_some(request::Sent::OnArrival(self.now.wall))
            }
            Door::Queue => {
                self.hand_in(id);
                let taken = self.doors.queue.go_on(doors::since_1970(self.now));
                let sent = taken.iter().find(|(of, _)| *of == id).map(|(_, sent)| *sent);
                // Others that came off with it share its fate.
                for (other, _) in taken {
                    self.doors.queue.lose(other);
                }
                sent
            }
        }
    }

    fn kill_with_taken(&mut self, id: usize, sent: request::Sent, moment: Moment) {
        if let Some(request) = self.requests.get_mut(id) {
            request.lapsed = true;
        }
        if moment == Moment::Taken {
            self.corners.insert("killed between taking a request and deciding");
            return;
        }
        self.decide(id, sent);
        let told = self.bridge.poll_command().and_then(|output| match output {
            Output::Publish(_, message) => Some(message),
            Output::Started { .. } | Output::Answer { .. } => None,
        });
        match (told, moment) {
            (Some(message), Moment::Told) => match plant::read(&message.message) {
                Ok(command) => {
                    self.published(&command);
                    self.corners.insert("killed between telling the plant and answering");
                }
                Err(what) => self.violations.push(format!("it published {what}")),
            },
            (Some(_), _) => {
                self.corners.insert("killed between deciding and telling the plant");
            }
            (None, _) => {}
        }
        self.at_hand = None;
    }
}
