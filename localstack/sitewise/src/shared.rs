//! What the connections share: the account, and what is counted and limited around it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::account::Account;
use crate::fault::{Fault, Faults, Lost, Verdict};
use crate::options::{Clock, Options};
use crate::quota::Buckets;
use crate::replay::{Replays, Ticket};
use crate::usage::{ImportTally, Usage};
use crate::values::batch::Batch;
use crate::values::stream::StreamKey;
use crate::values::write::{Gate, Refusal};
use crate::wire::bind;
use crate::wire::error::{Error, Kind, Result};
use crate::wire::operation::{Answer, Call, Operation};
use crate::wire::time::Moment;

/// Marks that one may set, so that their number is bounded.
const MARKS: usize = 1_000;

/// A request that was read and is yet to be carried out.
pub(crate) enum Input<'a> {
    Bound(serde_json::Value),
    Batch(Batch<'a>),
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) account: Account,
    buckets: Buckets,
    usage: Usage,
    marks: BTreeMap<String, Usage>,
    pub(crate) faults: Faults,
    replays: Replays,
}

/// The core behind its lock, with the clock that needs none.
#[derive(Debug)]
pub(crate) struct Shared {
    clock: Clock,
    options: Options,
    denied_until: Moment,
    core: Mutex<Core>,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        let core = Core::new(&options);
        let clock = options.clock.clone();
        let denied_until = Moment::from_system(clock.now()).plus(options.denied_for);
        Self { clock, options, denied_until, core: Mutex::new(core) }
    }

    pub(crate) fn clock_now(&self) -> std::time::SystemTime {
        self.clock.now()
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::from_system(self.clock.now())
    }

    /// The core. A panic elsewhere while it was held leaves it as it was.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything.
    pub(crate) fn reset(&self) {
        let mut core = self.lock();
        let changes = core.account.changes;
        *core = Core::new(&self.options);
        core.account.changes = changes + 1;
    }

    /// Decides which of the ordered faults happen to a request.
    pub(crate) fn verdict(&self, operation: &'static Operation) -> Verdict {
        self.lock().faults.decide(operation.name)
    }

    /// Carries out one request.
    pub(crate) fn perform(
        &self,
        operation: &'static Operation,
        input: Result<Input<'_>>,
        verdict: &Verdict,
    ) -> Result<Answer> {
        let now = self.now();
        let mut core = self.lock();
        core.usage.request(operation.name);
        if now < self.denied_until {
            core.usage.error(Kind::AccessDenied.name());
            let message = "The role may not do this yet";
            return Err(Error::new(Kind::AccessDenied, message));
        }
        if verdict.lost == Some(Lost::BeforeWork) {
            return Err(Error::new(Kind::InternalFailure, "The answer is dropped"));
        }
        let outcome = match &verdict.error {
            Some(ordered) if !ordered.carried_out => Err(ordered.error.clone()),
            ordered => {
                let outcome = core.perform(operation, input, now);
                ordered.as_ref().map_or(outcome, |ordered| Err(ordered.error.clone()))
            }
        };
        if let Err(error) = &outcome {
            core.usage.error(error.kind.name());
        }
        outcome
    }

    /// The core as it stands now: with every asynchronous step carried out that is due.
    pub(crate) fn settled(&self) -> MutexGuard<'_, Core> {
        let now = self.now();
        let mut core = self.lock();
        core.account.settle(now);
        core
    }

    /// Counts a request that no operation answers.
    pub(crate) fn count_unknown(&self, error: &Error) {
        let mut core = self.lock();
        core.usage.request("Unknown");
        core.usage.error(error.kind.name());
    }
}

/// Lets an entry's values through while no fault is ordered and the account's rate allows.
struct ValueGate<'a> {
    faults: &'a mut Faults,
    buckets: &'a mut Buckets,
    now: Moment,
}

impl Gate for ValueGate<'_> {
    fn refuse(
        &mut self,
        alias: Option<&str>,
        ids: Option<StreamKey>,
        values: usize,
    ) -> Option<Refusal> {
        if let Some(kind) = self.faults.entry_error(alias, ids) {
            return Some((kind, "This error was ordered".to_owned()));
        }
        let taken = self.buckets.take_values(values, self.now);
        (!taken)
            .then(|| (Kind::Throttling, "The rate of values of the account is exceeded".to_owned()))
    }
}

impl Core {
    fn new(options: &Options) -> Self {
        Self {
            account: Account::new(options),
            buckets: Buckets::new(options.quotas.clone()),
            usage: Usage::default(),
            marks: BTreeMap::new(),
            faults: Faults::default(),
            replays: Replays::default(),
        }
    }

    fn perform(
        &mut self,
        operation: &'static Operation,
        input: Result<Input<'_>>,
        now: Moment,
    ) -> Result<Answer> {
        if !self.buckets.take_request(operation.name, now) {
            return Err(Error::new(Kind::Throttling, "Rate exceeded"));
        }
        self.account.settle(now);
        match (operation.call, input?) {
            (Call::Bound(call), Input::Bound(input)) if operation.reads() => {
                call(&mut self.account, input, now)
            }
            (Call::Bound(call), Input::Bound(input)) => {
                let ticket = Ticket::of(operation.name, &input);
                if let Some(ticket) = &ticket
                    && let Some(answer) = self.replays.get(ticket)?
                {
                    return Ok(answer);
                }
                self.account.doomed = self.faults.doomed(operation.name, &input);
                let answer = call(&mut self.account, input, now)?;
                self.account.changes += 1;
                if let Some(ticket) = ticket {
                    self.replays.put(ticket, answer.clone());
                }
                Ok(answer)
            }
            (Call::BatchPut, Input::Batch(batch)) => self.put(&batch, now),
            _ => {
                Err(Error::new(Kind::InternalFailure, "The request was read for another operation"))
            }
        }
    }

    fn put(&mut self, batch: &Batch<'_>, now: Moment) -> Result<Answer> {
        let mut gate = ValueGate { faults: &mut self.faults, buckets: &mut self.buckets, now };
        let (output, tally) = self.account.put_batch(batch, now, &mut gate);
        self.usage.values(tally);
        for error in output.error_entries.iter().flat_map(|entry| &entry.errors) {
            self.usage.entry_error(error.error_code);
        }
        bind::answer(&output)
    }

    /// Counts what a bulk import job brought.
    pub(crate) fn count_import(&mut self, tally: ImportTally) {
        self.usage.import(tally);
    }

    /// Orders a fault.
    pub(crate) fn order(&mut self, fault: Fault) -> Result<u64> {
        self.faults.add(fault)
    }

    /// What was counted since the start.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            models: self.account.state.models.len() as u64,
            assets: self.account.state.assets.len() as u64,
            streams: self.account.state.streams.by_key.len() as u64,
            ..self.usage.clone()
        }
    }

    /// Sets a mark to count from.
    pub(crate) fn mark(&mut self, name: &str) -> Result<()> {
        if self.marks.len() >= MARKS && !self.marks.contains_key(name) {
            return Err(Error::limit(format!("More than {MARKS} marks")));
        }
        self.marks.insert(name.to_owned(), self.usage.clone());
        Ok(())
    }

    /// What was counted since a mark.
    pub(crate) fn usage_since(&self, name: &str) -> Result<Usage> {
        let mark = self
            .marks
            .get(name)
            .ok_or_else(|| Error::not_found(format!("There is no mark {name}")))?;
        Ok(self.usage().since(mark))
    }
}
