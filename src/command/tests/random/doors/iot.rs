//! AWS IoT commands: executions in the cloud, and a connection that comes and goes.

use std::collections::BTreeMap;

use super::*;
use crate::command::iot::Topics;
use crate::command::iot::updates::{
    ExecutionUpdates, Rejection, Repetition, UpdateOutput, Verdict, Verdicts,
};
use crate::sparkplug::message::Message;

/// An execution, as AWS has it.
#[derive(Debug, Default)]
struct Execution {
    /// The final answers that were published, and those of them that AWS took.
    answers: Vec<String>,
    taken: u32,
    rejected: u32,
    /// Why it may have no answer.
    lapse: Option<&'static str>,
}

/// The door, and AWS behind it.
pub(in super::super) struct IotDoor {
    topics: Topics,
    rng: fastrand::Rng,
    updates: ExecutionUpdates,
    connected: bool,
    /// Whether AWS's verdicts reach this session.
    heard: bool,
    calm: bool,
    /// What AWS says, and when it arrives.
    verdicts: Vec<(Instant, usize, Verdict)>,
    executions: BTreeMap<usize, Execution>,
    now: Instant,
    pub(in super::super) corners: BTreeSet<&'static str>,
    pub(in super::super) violations: Vec<String>,
}

impl IotDoor {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            topics: Topics::of("plant-1").unwrap(),
            rng: fastrand::Rng::with_seed(seed ^ 1),
            updates: ExecutionUpdates::default(),
            connected: false,
            heard: false,
            calm: false,
            verdicts: Vec::new(),
            executions: BTreeMap::new(),
            now: Instant::START,
            corners: BTreeSet::new(),
            violations: Vec::new(),
        }
    }

    pub(super) fn quieten(&mut self) {
        self.calm = true;
    }

    pub(in super::super) fn connect(&mut self) {
        if !std::mem::replace(&mut self.connected, true) {
            self.heard = self.rng.u8(..) > 40;
            let verdicts = if self.heard { Verdicts::Heard } else { Verdicts::Unheard };
            self.updates.handle_connected(verdicts);
            self.drain();
        }
    }

    pub(in super::super) fn disconnect(&mut self) {
        if std::mem::replace(&mut self.connected, false) {
            for (_, id, verdict) in std::mem::take(&mut self.verdicts) {
                let execution = self.executions.entry(id).or_default();
                if matches!(verdict, Verdict::Rejected(_)) && execution.taken == 0 {
                    execution.lapse = Some("rejected, and not heard");
                }
            }
            self.updates.handle_disconnected();
            self.drain();
        }
    }

    pub(super) fn kill(&mut self) {
        self.connected = false;
        self.verdicts.clear();
        self.updates = ExecutionUpdates::default();
        for execution in self.executions.values_mut().filter(|execution| execution.taken == 0) {
            execution.lapse = Some("killed");
        }
    }

    /// An execution is started. Whether its request arrives.
    pub(in super::super) fn ask(
        &mut self,
        id: usize,
        timeout: Option<Duration>,
        now: Instant,
    ) -> bool {
        self.now = now;
        if !self.connected {
            self.corners.insert("lost while AWS IoT was not connected");
            return false;
        }
        self.executions.entry(id).or_default();
        self.updates.handle_request(&id.to_string(), timeout, now);
        true
    }

    pub(super) fn started(&mut self, id: usize, value: &Value, now: Instant) {
        self.now = now;
        let update = self.topics.started(&id.to_string(), value);
        self.updates.handle_started(&id.to_string(), update, now);
        self.drain();
    }

    pub(super) fn answer(&mut self, id: usize, answer: &Answer, repeated: bool, now: Instant) {
        self.now = now;
        let message = self.topics.answered(&id.to_string(), answer);
        let of = if repeated { Repetition::Repeated } else { Repetition::First };
        self.updates.handle_answer(&id.to_string(), message, of, now);
        self.drain();
    }

    pub(in super::super) fn go_on(&mut self, now: Instant) {
        self.now = now;
        let due = self.verdicts.extract_if(.., |(at, ..)| *at <= now).collect::<Vec<_>>();
        for (_, id, verdict) in due {
            // One may have ended the connection.
            if self.connected {
                self.updates.handle_verdict(&id.to_string(), verdict, now);
                self.drain();
            }
        }
        self.updates.handle_timeout(now);
        self.drain();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let next = self.verdicts.iter().map(|(at, ..)| *at).min();
        next.into_iter().chain(self.updates.poll_timeout()).min()
    }

    /// What is wrong with an execution in the end.
    pub(in super::super) fn judge(&self, id: usize, handed: u32) -> Option<String> {
        let Some(execution) = self.executions.get(&id) else {
            return (handed > 0).then(|| "it was handed over and never asked for".to_owned());
        };
        let differ = execution.answers.windows(2).any(|pair| pair[0] != pair[1]);
        match (execution.taken, execution.lapse) {
            _ if differ => Some(format!("it has two different answers: {execution:?}")),
            (1, _) | (0, Some(_)) => None,
            _ => Some(format!("it has no answer, and nothing went wrong: {execution:?}")),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.updates.poll_output() {
            match output {
                UpdateOutput::Publish(message) => self.respond(&message),
                UpdateOutput::Lost { execution, repetition, .. } => {
                    let id: usize = execution.parse().unwrap();
                    let execution = self.executions.entry(id).or_default();
                    if execution.taken > 0 && repetition == Repetition::First {
                        self.violations.push(format!("{id} is given up although AWS has it"));
                    }
                    if execution.rejected + execution.taken == 0 {
                        self.violations.push(format!("{id} is given up and was never rejected"));
                    }
                    execution.lapse = Some("rejected");
                    self.corners.insert("an answer that AWS IoT rejected for good");
                }
            }
        }
    }

    /// An update is published: it may be lost with the connection, AWS may say nothing of it, or
    /// reject it.
    fn respond(&mut self, message: &Message) {
        let id = message.topic.split('/').nth(5).and_then(|id| id.parse().ok()).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        let is_final = body["status"] != "IN_PROGRESS";
        let (connected, fate) = (self.connected, self.rng.u8(0..24));
        let execution = self.executions.entry(id).or_default();
        if is_final {
            execution.answers.push(body.to_string());
        } else if !execution.answers.is_empty() {
            self.violations.push(format!("{id} is in progress after its answer"));
        }
        let breaks = fate == 0 && !self.calm;
        if !connected || breaks {
            if is_final && execution.taken == 0 {
                execution.lapse = Some("not connected");
                self.corners.insert("an answer lost with the connection to AWS IoT");
            }
            if breaks {
                self.disconnect();
            }
            return;
        }
        let rejected = |code: &str| {
            Verdict::Rejected(Rejection { code: code.to_owned(), message: String::new() })
        };
        let verdict = match fate {
            _ if execution.taken > 0 => rejected("TerminalStateReached"),
            2..6 if !self.calm => rejected("DataConflict"),
            6 if !self.calm => rejected("InvalidRequest"),
            _ => Verdict::Accepted,
        };
        if is_final && matches!(&verdict, Verdict::Rejected(_)) && execution.taken == 0 {
            execution.rejected += 1;
            if execution.rejected == 1 {
                self.corners.insert("an answer that AWS IoT rejected");
            }
        }
        if is_final && verdict == Verdict::Accepted {
            execution.taken += 1;
            if execution.rejected > 0 {
                self.corners.insert("an answer taken after it was rejected");
            }
        }
        let is_silent = (fate == 1 || fate == 5) && !self.calm || !self.heard;
        // Where it is not heard that it was rejected, nobody gives it again.
        if is_final && execution.taken == 0 && (fate == 6 || is_silent) {
            execution.lapse = Some("rejected");
        }
        if !is_silent {
            let delay = Duration::from_millis(self.rng.u64(0..1_200));
            self.verdicts.push((self.now + delay, id, verdict));
        }
    }
}
