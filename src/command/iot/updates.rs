//! Status updates of command executions, and AWS IoT's responses to them.
//!
//! AWS IoT may reject an update that comes shortly after another one of the same execution
//! (`DataConflict`), so that the final answer is given once `IN_PROGRESS` was accepted, and again
//! where it is rejected for now. The troubleshooting page of AWS IoT commands asks devices for both.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::sparkplug::message::Message;
use crate::time::Instant;

/// Executions that are followed at most. Of further ones each update is given at once, and once:
/// AWS IoT has no more than 100 of one thing at a time.
const EXECUTIONS: usize = 512;

/// How long a final answer waits for AWS IoT's verdict on `IN_PROGRESS`.
const BEFORE_ANSWER: Duration = Duration::from_secs(1);

/// How long to wait for AWS IoT's verdict on a final answer.
const VERDICT: Duration = Duration::from_secs(3);

/// The pause before a rejected answer is published again; doubled each time, up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often an answer is published at most.
const ATTEMPTS: u32 = 10;

/// For how long an answer is published again, if the request does not say how long its sender waits:
/// AWS's default for the timeout of an execution.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Characters of a code and of a message that are kept.
const SHOWN_CHARS: usize = 200;

/// What AWS IoT said of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Accepted,
    /// It does not.
    Rejected(Rejection),
}

/// Why an update was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The code, as in `DataConflict`; empty where there is none.
    pub code: String,
    /// In words.
    pub message: String,
}

impl Rejection {
    /// Reads the payload of a rejection; one that cannot be read has no code.
    pub fn parse(payload: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct ErrorJson {
            #[serde(default)]
            error: String,
            #[serde(default, rename = "errorMessage")]
            message: String,
        }
        let ErrorJson { error, message } = serde_json::from_slice(payload).unwrap_or_default();
        let cut =
            |text: String| text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
        Self { code: cut(error), message: cut(message) }
    }

    /// Whether the same update would be rejected again: by the codes of AWS's device SDKs. Any other
    /// code may be of a moment (`DataConflict`, `RequestThrottled`, `InternalError`), also one that
    /// is not known: an answer may be given twice.
    pub fn is_final(&self) -> bool {
        const FINAL: [&str; 4] =
            ["InvalidTopic", "InvalidJson", "InvalidRequest", "ResourceNotFound"];
        self.has_ended() || FINAL.contains(&self.code.as_str())
    }

    /// Whether the execution has ended, as it does with the first answer that is accepted.
    fn has_ended(&self) -> bool {
        ["InvalidStateTransition", "TerminalStateReached"].contains(&self.code.as_str())
    }
}

/// Whether AWS IoT's verdicts reach this session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdicts {
    /// They do not: each update is given at once, and once.
    #[default]
    Unheard,
    /// They do.
    Heard,
}

/// Whether an answer was given before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// It is the first one to its request.
    First,
    /// The request came twice: the execution has probably ended with the first answer.
    Repeated,
}

/// An output of the updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateOutput {
    /// Publish this.
    Publish(Message),
    /// The final answer to this execution was rejected, and is not given again.
    Lost {
        /// The execution.
        execution: Arc<str>,
        /// Why it was rejected last.
        rejection: Rejection,
        /// How often it was given.
        attempts: u32,
        /// Whether an earlier one was given.
        repetition: Repetition,
    },
}

/// The executions that are not answered, or whose answer is not accepted yet.
///
/// After each call the caller drains [`poll_output`](Self::poll_output);
/// [`handle_timeout`](Self::handle_timeout) is due at [`poll_timeout`](Self::poll_timeout).
#[derive(Debug, Default)]
pub struct ExecutionUpdates {
    verdicts: Verdicts,
    executions: BTreeMap<Arc<str>, Execution>,
    next_timeout: Option<Instant>,
    outputs: VecDeque<UpdateOutput>,
}

#[derive(Debug)]
struct Execution {
    /// When its sender gives up, where the request says so.
    deadline: Option<Instant>,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    /// Received; no update was published.
    Asked,
    /// `IN_PROGRESS` was published, and no response has come; an answer waits for it until then.
    Started(Instant),
    /// An update may follow at once.
    Ready,
    /// The answer waits for the verdict on `IN_PROGRESS`, until then.
    Held(Instant, FinalAnswer),
    /// The answer was given. From then on its verdict is not waited for.
    Answered(Instant, FinalAnswer),
    /// The answer was rejected, and is given again then.
    Rejected(Instant, FinalAnswer),
}

#[derive(Debug)]
struct FinalAnswer {
    message: Message,
    repetition: Repetition,
    attempts: u32,
    /// When its sender stops waiting: it is not published again after that.
    last_retry: Instant,
    /// Verdicts on their way: on this answer, on the same one given before, on `IN_PROGRESS`. None of
    /// them says which update it is of, and they may overtake each other.
    outstanding: u32,
    heard: Heard,
}

/// What was said where it is not known of which update.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// This answer may have been accepted: some update was, or the verdict was lost with its session.
    may_hold: bool,
    /// An update was rejected for good since the answer was last given.
    refused: bool,
}

impl ExecutionUpdates {
    /// A session has begun.
    pub fn handle_connected(&mut self, verdicts: Verdicts) {
        self.verdicts = verdicts;
        if verdicts == Verdicts::Heard {
            return;
        }
        for execution in std::mem::take(&mut self.executions).into_values() {
            if let Progress::Held(_, answer) | Progress::Rejected(_, answer) = execution.progress {
                self.outputs.push_back(UpdateOutput::Publish(answer.message));
            }
        }
        self.set_due();
    }

    /// The session has ended, and with it come no verdicts on what was said in it.
    pub fn handle_disconnected(&mut self) {
        for execution in self.executions.values_mut() {
            match &mut execution.progress {
                Progress::Started(_) => execution.progress = Progress::Ready,
                Progress::Held(_, answer) => answer.outstanding = 0,
                Progress::Answered(_, answer) | Progress::Rejected(_, answer) => {
                    answer.heard.may_hold |= answer.outstanding > 0;
                    answer.outstanding = 0;
                }
                Progress::Asked | Progress::Ready => {}
            }
        }
    }

    /// A request has come, before it is handled; its sender waits so long.
    pub fn handle_request(&mut self, id: &str, timeout: Option<Duration>, now: Instant) {
        let has_room = self.executions.len() < EXECUTIONS && self.verdicts == Verdicts::Heard;
        if !has_room || self.executions.contains_key(id) {
            return;
        }
        let deadline = timeout.map(|timeout| now + timeout);
        self.executions.insert(id.into(), Execution { deadline, progress: Progress::Asked });
    }

    /// Its command was sent to the plant.
    pub fn handle_started(&mut self, id: &str, update: Message, now: Instant) {
        if let Some(execution) = self.executions.get_mut(id) {
            execution.progress = Progress::Started(now + BEFORE_ANSWER);
        }
        self.outputs.push_back(UpdateOutput::Publish(update));
    }

    /// It has ended.
    pub fn handle_answer(&mut self, id: &str, message: Message, of: Repetition, now: Instant) {
        let Some(execution) = self.executions.get_mut(id) else {
            return self.outputs.push_back(UpdateOutput::Publish(message));
        };
        let answer = FinalAnswer {
            message,
            repetition: of,
            attempts: 0,
            last_retry: execution.deadline.unwrap_or(now + USUAL_TIMEOUT),
            outstanding: 0,
            heard: Heard::default(),
        };
        match &mut execution.progress {
            Progress::Started(until) => {
                let (until, answer) = (*until, FinalAnswer { outstanding: 1, ..answer });
                if now < until {
                    execution.progress = Progress::Held(until, answer);
                } else {
                    execution.give(answer, &mut self.outputs, now);
                }
            }
            Progress::Asked | Progress::Ready => execution.give(answer, &mut self.outputs, now),
            // Its request came twice. The first answer is the same.
            Progress::Answered(_, first) => {
                first.outstanding += 1;
                self.outputs.push_back(UpdateOutput::Publish(answer.message));
            }
            Progress::Held(..) | Progress::Rejected(..) => {}
        }
        self.set_due();
    }

    /// AWS IoT has said this of an update of it.
    pub fn handle_verdict(&mut self, id: &str, verdict: Verdict, now: Instant) {
        let Some((id, mut execution)) = self.executions.remove_entry(id) else { return };
        match execution.progress {
            Progress::Started(_) => execution.progress = Progress::Ready,
            // Whatever it was, nothing is on its way any more.
            Progress::Held(_, answer) => {
                execution.progress = Progress::Ready;
                execution.give(FinalAnswer { outstanding: 0, ..answer }, &mut self.outputs, now);
            }
            Progress::Answered(until, answer) => match answer.judge(verdict, now) {
                Judgement::Settled => return self.set_due(),
                Judgement::Lost(answer, rejection) => {
                    self.lose(&id, answer, rejection);
                    return self.set_due();
                }
                Judgement::Open(answer) => execution.progress = Progress::Answered(until, answer),
                Judgement::Again(at, answer) => {
                    execution.progress = Progress::Rejected(at, answer);
                }
            },
            // It is given again in a moment, where it is not known which update this is of.
            Progress::Rejected(at, mut answer) => {
                let is_accepted = verdict == Verdict::Accepted;
                if is_accepted && answer.outstanding == 0 {
                    return self.set_due();
                }
                answer.outstanding = answer.outstanding.saturating_sub(1);
                answer.heard.may_hold |= is_accepted;
                execution.progress = Progress::Rejected(at, answer);
            }
            progress @ (Progress::Asked | Progress::Ready) => execution.progress = progress,
        }
        self.executions.insert(id, execution);
        self.set_due();
    }

    /// Gives the answers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_timeout.is_none_or(|due| due > now) {
            return;
        }
        let due = self.executions.extract_if(.., |_, one| one.due().is_some_and(|due| due <= now));
        for (id, mut execution) in due.collect::<Vec<_>>() {
            let answer = match execution.progress {
                Progress::Held(_, answer) | Progress::Rejected(_, answer) => answer,
                // Nothing was said of it: it is taken to hold.
                _ => continue,
            };
            execution.progress = Progress::Ready;
            execution.give(answer, &mut self.outputs, now);
            self.executions.insert(id, execution);
        }
        self.set_due();
    }

    /// When the next answer is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_timeout
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<UpdateOutput> {
        self.outputs.pop_front()
    }

    /// Whether no answer waits, for its turn or for its verdict.
    pub fn is_settled(&self) -> bool {
        self.next_timeout.is_none()
    }

    fn lose(&mut self, id: &Arc<str>, answer: FinalAnswer, rejection: Rejection) {
        let FinalAnswer { repetition, attempts, .. } = answer;
        let execution = Arc::clone(id);
        self.outputs.push_back(UpdateOutput::Lost { execution, rejection, attempts, repetition });
    }

    fn set_due(&mut self) {
        self.next_timeout = self.executions.values().filter_map(Execution::due).min();
    }
}

impl Execution {
    /// Gives the answer, once more.
    fn give(&mut self, answer: FinalAnswer, outputs: &mut VecDeque<UpdateOutput>, now: Instant) {
        outputs.push_back(UpdateOutput::Publish(answer.message.clone()));
        let answer = FinalAnswer {
            attempts: answer.attempts + 1,
            outstanding: answer.outstanding + 1,
            heard: Heard { refused: false, ..answer.heard },
            ..answer
        };
        self.progress = Progress::Answered(now + VERDICT, answer);
    }

    fn due(&self) -> Option<Instant> {
        match self.progress {
            Progress::Asked | Progress::Started(_) | Progress::Ready => None,
            Progress::Held(at, _) | Progress::Answered(at, _) | Progress::Rejected(at, _) => {
                Some(at)
            }
        }
    }
}

/// What a verdict makes of an answer that was given.
enum Judgement {
    /// AWS IoT has it.
    Settled,
    /// It was rejected, and is not given again.
    Lost(FinalAnswer, Rejection),
    /// Another verdict is to come.
    Open(FinalAnswer),
    /// It is given again then.
    Again(Instant, FinalAnswer),
}

impl FinalAnswer {
    fn judge(mut self, verdict: Verdict, now: Instant) -> Judgement {
        let is_last = self.outstanding <= 1;
        self.outstanding = self.outstanding.saturating_sub(1);
        let rejection = match verdict {
            Verdict::Accepted if !is_last => {
                self.heard.may_hold = true;
                return Judgement::Open(self);
            }
            // One of two was accepted and one was not: once more, to see which.
            Verdict::Accepted if self.heard.refused => {
                self.heard.may_hold = true;
                return Judgement::Again(self.next(now), self);
            }
            Verdict::Accepted => return Judgement::Settled,
            Verdict::Rejected(rejection) => rejection,
        };
        if rejection.has_ended() && self.heard.may_hold {
            // With this answer: there is no other one.
            return Judgement::Settled;
        }
        if rejection.is_final() && !is_last {
            self.heard.refused |= !rejection.has_ended();
            return Judgement::Open(self);
        }
        let next = self.next(now);
        let may_hold = !is_last || self.heard.may_hold;
        let has_time = self.attempts < ATTEMPTS && next <= self.last_retry;
        if may_hold && self.attempts == 1 || has_time && !rejection.is_final() {
            return Judgement::Again(next, self);
        }
        Judgement::Lost(self, rejection)
    }

    /// When it is given again, after a pause.
    fn next(&self, now: Instant) -> Instant {
        let doublings = self.attempts.saturating_sub(1).min(16);
        now + (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests;
