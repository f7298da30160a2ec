//! Faults on order: latency, error answers, lost and half-sent answers, errors of single entries,
//! models that end FAILED. By share or by count, and the same way again for the same seed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::values::stream::StreamKey;
use crate::wire::error::{Error, Kind, Resource, Result};

/// Rules that may stand at a time.
const RULES: usize = 100;
/// The longest latency that can be ordered.
const LATENCY: Duration = Duration::from_secs(600);

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Effect {
    /// The answer comes later.
    Latency {
        /// By how much at least.
        milliseconds: u64,
        /// By how much more at most, drawn anew each time.
        #[serde(default)]
        jitter_milliseconds: u64,
    },
    /// The answer is this exception. The request is not carried out, unless `carriedOut` says so.
    Error {
        /// The exception's name, `ThrottlingException` for example.
        code: String,
        /// Whether the request is carried out all the same.
        #[serde(default)]
        carried_out: bool,
        /// Milliseconds for the header `x-amz-retry-after`.
        #[serde(default)]
        retry_after_milliseconds: Option<u64>,
    },
    /// The connection is closed without an answer.
    Drop {
        /// Whether the request is carried out all the same.
        #[serde(default = "yes")]
        carried_out: bool,
    },
    /// The connection is closed after half of the answer's body.
    HalfSent {},
    /// An entry of `BatchPutAssetPropertyValue` is answered with this error.
    EntryError {
        /// The error's code.
        code: String,
        /// Only entries of this asset.
        #[serde(default)]
        asset_id: Option<Uuid>,
        /// Only entries of this property.
        #[serde(default)]
        property_id: Option<Uuid>,
        /// Only entries with this alias.
        #[serde(default)]
        property_alias: Option<String>,
    },
    /// An asset model ends FAILED after its creation or update.
    FailModel {
        /// The model's name; any model's if left out.
        #[serde(default)]
        name: Option<String>,
    },
}

const fn yes() -> bool {
    true
}

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub effect: Effect,
    /// In which operations; in all of them if empty.
    #[serde(default)]
    pub operations: Vec<String>,
    /// How many of the first matching requests are spared.
    #[serde(default)]
    pub after: u64,
    /// How often it happens at most.
    #[serde(default)]
    pub count: Option<u64>,
    /// The share of matching requests it happens to, from 0 to 1.
    #[serde(default = "whole")]
    pub share: f64,
    /// What the draws follow from.
    #[serde(default)]
    pub seed: u64,
}

const fn whole() -> f64 {
    1.0
}

impl Fault {
    /// A fault that happens to every request of every operation.
    #[must_use]
    pub fn always(effect: Effect) -> Self {
        Self { effect, operations: Vec::new(), after: 0, count: None, share: 1.0, seed: 0 }
    }
}

/// A rule, and how often it was looked at and applied.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rule {
    id: u64,
    #[serde(flatten)]
    fault: Fault,
    seen: u64,
    applied: u64,
    #[serde(skip)]
    random: u64,
}

impl Rule {
    fn concerns(&self, operation: &str) -> bool {
        self.fault.operations.is_empty()
            || self.fault.operations.iter().any(|name| name == operation)
    }

    /// Whether the rule strikes this time.
    fn strikes(&mut self) -> bool {
        self.seen += 1;
        if self.seen <= self.fault.after
            || self.fault.count.is_some_and(|count| self.applied >= count)
        {
            return false;
        }
        let strikes = self.fault.share >= 1.0 || unit(self.draw()) < self.fault.share;
        self.applied += u64::from(strikes);
        strikes
    }

    /// The next of a sequence that follows from the seed (splitmix64).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// An error with every member that its shape asks for.
fn ordered(kind: Kind) -> Error {
    let message = "This error was ordered";
    match kind {
        Kind::ConflictingOperation | Kind::ResourceAlreadyExists | Kind::PreconditionFailed => {
            let id = Uuid::from_u128(1);
            let arn = format!("arn:aws:iotsitewise:::ordered/{id}");
            Error::about(kind, Resource { id, arn }, message)
        }
        Kind::TooManyTags => {
            Error { resource_name: Some("ordered".into()), ..Error::new(kind, message) }
        }
        _ => Error::new(kind, message),
    }
}

/// A number from 0 to 1, 1 excluded.
fn unit(random: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let top = (random >> 11) as f64;
    top / 9_007_199_254_740_992.0
}

/// What is to happen to one request.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) latency: Duration,
    pub(crate) error: Option<OrderedError>,
    pub(crate) lost: Option<Lost>,
}

#[derive(Debug)]
pub(crate) struct OrderedError {
    pub(crate) error: Error,
    pub(crate) carried_out: bool,
    pub(crate) retry_after: Option<u64>,
}

/// How an answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    BeforeWork,
    AfterWork,
    HalfWay,
}

/// The orders of one emulator.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    made: u64,
}

impl Faults {
    /// Takes an order.
    ///
    /// # Errors
    ///
    /// `InvalidRequestException` for an order that cannot be carried out.
    pub(crate) fn add(&mut self, fault: Fault) -> Result<u64> {
        if !(0.0..=1.0).contains(&fault.share) {
            return Err(Error::invalid("share must lie between 0 and 1"));
        }
        if let Effect::Error { code, .. } | Effect::EntryError { code, .. } = &fault.effect
            && Kind::named(code).is_none()
        {
            return Err(Error::invalid(format!("{code} is not an exception of the service")));
        }
        if self.rules.len() >= RULES {
            return Err(Error::limit(format!("More than {RULES} faults")));
        }
        self.made += 1;
        self.rules.push(Rule { id: self.made, random: fault.seed, fault, seen: 0, applied: 0 });
        Ok(self.made)
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    /// Decides what happens to a request of `operation`.
    pub(crate) fn decide(&mut self, operation: &str) -> Verdict {
        let mut verdict = Verdict::default();
        for rule in self.rules.iter_mut().filter(|rule| rule.concerns(operation)) {
            match rule.fault.effect.clone() {
                Effect::EntryError { .. } | Effect::FailModel { .. } => {}
                Effect::Latency { milliseconds, jitter_milliseconds } if rule.strikes() => {
                    let more =
                        rule.draw().checked_rem(jitter_milliseconds.saturating_add(1)).unwrap_or(0);
                    let latency = Duration::from_millis(milliseconds.saturating_add(more));
                    verdict.latency = (verdict.latency + latency.min(LATENCY)).min(LATENCY);
                }
                Effect::Error { code, carried_out, retry_after_milliseconds } if rule.strikes() => {
                    let kind = Kind::named(&code).unwrap_or(Kind::InternalFailure);
                    let error = ordered(kind);
                    let retry_after = retry_after_milliseconds;
                    verdict.error.get_or_insert(OrderedError { error, carried_out, retry_after });
                }
                Effect::Drop { carried_out } if rule.strikes() => {
                    verdict.lost =
                        Some(if carried_out { Lost::AfterWork } else { Lost::BeforeWork });
                }
                Effect::HalfSent {} if rule.strikes() => verdict.lost = Some(Lost::HalfWay),
                Effect::Latency { .. }
                | Effect::Error { .. }
                | Effect::Drop { .. }
                | Effect::HalfSent {} => {}
            }
        }
        verdict
    }

    /// The name of the model that `input` makes or changes, if it shall fail.
    pub(crate) fn doomed(&mut self, operation: &str, input: &Value) -> Option<String> {
        if !matches!(operation, "CreateAssetModel" | "UpdateAssetModel") {
            return None;
        }
        let name = input.get("assetModelName")?.as_str()?;
        let mut rules = self.rules.iter_mut().filter(|rule| rule.concerns(operation));
        let doomed = rules.any(|rule| {
            let meant = match &rule.fault.effect {
                Effect::FailModel { name: Some(wanted) } => wanted == name,
                Effect::FailModel { name: None } => true,
                _ => false,
            };
            meant && rule.strikes()
        });
        doomed.then(|| name.to_owned())
    }

    /// The error ordered for an entry, if any.
    pub(crate) fn entry_error(
        &mut self,
        alias: Option<&str>,
        ids: Option<StreamKey>,
    ) -> Option<Kind> {
        self.rules.iter_mut().find_map(|rule| {
            let Effect::EntryError { code, asset_id, property_id, property_alias } =
                &rule.fault.effect
            else {
                return None;
            };
            let meant = asset_id.is_none_or(|wanted| ids.is_some_and(|ids| ids.asset == wanted))
                && property_id.is_none_or(|wanted| ids.is_some_and(|ids| ids.property == wanted))
                && property_alias.as_deref().is_none_or(|wanted| alias == Some(wanted));
            let kind = Kind::named(code);
            if meant && rule.strikes() { kind } else { None }
        })
    }
}
