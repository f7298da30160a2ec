//! The plan at its boundary: calls out, answers in, each after a while.

mod growth;
mod learning;
mod lookups;
mod refusals;
mod units;

use super::*;
use crate::delivery::point::Stream;
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::twin::plan::api_call::CallResult;
use crate::twin::plan::units::UnitStatus;

pub(super) fn namespace() -> Namespace {
    Namespace::new("123456789012/eu-west-1")
}

/// A plan, what it wants, and the calls that are on their way.
pub(super) struct Rig {
    pub(super) plan: Plan,
    pub(super) models: DesiredModels,
    pub(super) assets: DesiredAssets,
    pub(super) now: Instant,
    /// How long an answer takes.
    latency: Duration,
    answers: BTreeMap<(Instant, CallId), Result<CallResult, ApiFault>>,
    pub(super) told: Vec<Output>,
}

impl Rig {
    pub(super) fn new(latency: Duration) -> Self {
        Self {
            plan: Plan::new(namespace(), ProvisioningRates::default(), 7),
            models: DesiredModels::new(namespace(), String::new(), 100, 500),
            assets: DesiredAssets::new(namespace(), 100_000),
            now: Instant::START,
            latency,
            answers: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// Lets time pass, with `sitewise` carrying out the calls.
    pub(super) fn pass(
        &mut self,
        duration: Duration,
        sitewise: &mut dyn FnMut(ApiCall) -> Result<CallResult, ApiFault>,
    ) {
        let end = self.now + duration;
        loop {
            while let Some(output) = self.plan.poll_output(&self.models, &mut self.assets, self.now)
            {
                match output {
                    Output::Call(id, call) => {
                        self.answers.insert((self.now + self.latency, id), sitewise(call));
                    }
                    Output::Open(_)
                    | Output::SyncComplete
                    | Output::SyncProgress
                    | Output::NoPlace(..)
                    | Output::AssetDeleted(_)
                    | Output::OnOtherModel(..)
                    | Output::ReadsRecovered
                    | Output::LookedUp { .. } => {
                        self.told.push(output);
                    }
                }
            }
            let answer = self.answers.keys().next().map(|(at, _)| *at);
            let due = [answer, self.plan.poll_timeout()].into_iter().flatten().min();
            match due {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
            while let Some(entry) = self.answers.first_entry()
                && entry.key().0 <= self.now
            {
                let ((_, id), answer) = entry.remove_entry();
                let (models, assets) = (&mut self.models, &mut self.assets);
                self.plan.handle_result(id, answer, models, assets, self.now);
            }
        }
        self.now = end;
    }
}

pub(super) fn fault(kind: ApiFaultKind) -> ApiFault {
    ApiFault::new(kind, format!("{kind:?}, it says"))
}

/// This many streams, each of its own.
pub(super) fn streams(count: usize) -> Vec<Stream> {
    let id = |number: usize| Uuid::from_u128(number as u128);
    (1..=count).map(|n| Stream { asset: id(n), property: id(1_000_000 + n) }).collect()
}
