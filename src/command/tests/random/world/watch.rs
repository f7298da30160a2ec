//! What must hold whenever a command reaches the plant, and whenever a request is answered.

use super::super::plant::Command;
use super::*;

impl World {
    /// A command has reached the plant: whether it may.
    pub(super) fn published(&mut self, command: &Command) {
        let now = self.now.wall.as_millis();
        let Some((id, false)) = self.at_hand else {
            return self.violations.push(format!("{command:?} at {:?}", self.at_hand));
        };
        self.at_hand = Some((id, true));
        let Some(request) = self.requests.get_mut(id) else { return };
        let mut wrong = Vec::new();
        if std::mem::replace(&mut request.published, true) || request.answer.is_some() {
            wrong.push("it was sent before, or answered");
        }
        if now >= request.until || request.sent.is_some_and(|sent| sent < self.began) {
            wrong.push("it is expired");
        }
        if self.uplink != Uplink::Open {
            wrong.push("its server takes nothing");
        }
        if !self.active || self.stopped || self.clocks == ClockAgreement::Differ {
            wrong.push("nobody is to act");
        }
        let request = request.clone();
        let told = request.tag.and_then(|at| self.told.get(at));
        match told.map(|told| (told, told.written(command))) {
            None | Some((_, None)) => wrong.push("it is not for the metric that was asked for"),
            Some((told, Some(value))) => {
                let same = |wanted: f64| (wanted - value).abs() <= 1e-6 * value.abs();
                if !request.value.is_some_and(same) {
                    wrong.push("it has another value");
                }
                match told.range() {
                    None => wrong.push("it is not listed"),
                    Some((low, high)) if value < low || value > high => {
                        wrong.push("it is out of range");
                    }
                    Some(_) => {}
                }
                if !self.connected || !told.there || !self.alive.contains(&told.device) {
                    wrong.push("its machine is not there");
                }
                let said = request.tag.and_then(|at| self.said[at]);
                if !said.is_some_and(|said| said.good) {
                    wrong.push("its last value is not good");
                }
                let has = |expected: f64| {
                    said.is_some_and(|said| !said.doubted && said.is(told.kind, expected))
                };
                if !request.expected.is_none_or(has) {
                    wrong.push("it does not have the value expected");
                }
                match told.levels.len() {
                    0 => {}
                    3 => drop(self.corners.insert("sent to a template three deep")),
                    _ => drop(self.corners.insert("sent to a template")),
                }
                match request.door {
                    Door::Terminal => {}
                    Door::Iot => drop(self.corners.insert("sent over AWS IoT")),
                    Door::Queue => drop(self.corners.insert("sent over the queue")),
                }
                if told.device.is_some() {
                    self.corners.insert("sent to a device");
                }
                if told.name.starts_with("Skids") {
                    self.corners.insert("sent to an asset of the rules");
                }
            }
        }
        let others = self.requests.iter().enumerate().any(|(other, sent)| {
            let open = sent.published && sent.answer.is_none() && sent.process == self.process;
            other != id && sent.tag == request.tag && open
        });
        if others {
            wrong.push("another one to this metric is in flight");
        }
        if let Some(at) = request.tag {
            let written = &mut self.written[at];
            written.push(now);
            let is_over = self.tags[at].rate().is_some_and(|(count, millis)| {
                written.iter().filter(|at| now - **at < millis).count() > count
            });
            if is_over {
                wrong.push("it exceeds the rate");
            }
            self.obey(at, command.value);
        }
        if !wrong.is_empty() {
            self.violations.push(format!("{command:?} of {request:?}: {wrong:?}"));
        }
    }

    /// What the machine does with a command: it has the value, or has not heard it, or disobeys.
    fn obey(&mut self, at: usize, value: f64) {
        let fate = self.rng.u8(0..10);
        let Some(tag) = self.tags.get_mut(at) else { return };
        match fate {
            0..=6 if !tag.pulse => tag.value = value,
            7 => tag.value = if tag.kind == Kind::Boolean { tag.value } else { value + 2.0 },
            _ => {}
        }
    }

    pub(super) fn answered(&mut self, id: usize, answer: Arc<Answer>, repeated: bool) {
        let process = self.process;
        let Some(request) = self.requests.get_mut(id) else { return };
        self.corners.insert(answer.code.as_str());
        // A process after the one that sent it knows nothing of that, and refuses.
        let is_old = self.now.wall.as_millis() - request.met >= 720_000;
        let is_known = request.process == process && !is_old;
        let known = is_known.then_some(()).and(request.answer.as_ref());
        let rejected = answer.status() == answer::Status::Rejected;
        let wrong = match (&known, repeated) {
            (Some(first), true) => **first != answer,
            (None, true) => is_known,
            (Some(_), false) => true,
            (None, false) => !is_known && !rejected && request.answer.is_some(),
        };
        if wrong {
            self.violations.push(format!("answer {answer:?} ({repeated}) to {request:?}"));
        }
        if repeated {
            self.corners.insert("repeated answer");
        }
        let is_sent =
            matches!(answer.code, Code::Confirmed | Code::SentUnconfirmed | Code::NotConfirmed);
        if is_known && is_sent != request.published {
            self.violations.push(format!("answer {answer:?} to {request:?}"));
        }
        if request.process == process && request.answer.is_none() {
            request.answer = Some(Arc::clone(&answer));
        }
        let at = request.tag;
        let says = at.and_then(|at| self.tags.get(at)).map(|tag| (tag.value, tag.good));
        let said = at.and_then(|at| self.told.get(at).zip(self.said[at]));
        let wanted = request.value.unwrap_or(f64::NAN);
        let is_so = match answer.code {
            _ if repeated => true,
            Code::Confirmed => {
                said.is_some_and(|(told, said)| said.good && told.is_near(said.value, wanted))
            }
            Code::Already => said.is_some_and(|(told, said)| {
                said.good && !said.doubted && said.is(told.kind, wanted)
            }),
            _ => true,
        };
        if !is_so {
            self.violations.push(format!("{answer:?}, and the metric has said {said:?}"));
        }
        match (answer.code, says) {
            (Code::NotConfirmed, Some((value, _))) if request.value == Some(value) => {
                self.corners.insert("late answer");
            }
            _ => {}
        }
    }
}
