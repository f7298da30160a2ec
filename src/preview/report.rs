//! The report's data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

use super::{CapturedEvents, json};
use crate::command::survey::WriteSurvey;
use crate::delivery::whatif::LINGERS;
use crate::labels::LabelSurvey;
use crate::late::Tiers;
use crate::late::savings::SavingsEstimate;
use crate::sitewise::api::{Hierarchy, Property};
use crate::twin::Twin;
use crate::twin::folders;
pub use crate::twin::folders::RuleSuggestion;
use crate::twin::plan::api_call::ApiCall;
use crate::twin::view::{AssetKind, ModelIx};

/// A rate measured for less than this is not extrapolated to a month.
pub(super) const MIN_LISTENED: Duration = Duration::from_secs(10);
/// The month that costs are estimated for.
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the bridge would do, and what it would cost.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReport {
    /// Why no account was read: the plan is then for an empty one.
    pub without_aws: Option<String>,
    /// What was received from the plant.
    pub received: BirthsReceived,
    /// Models that would be created or grow, in the order of the writes.
    pub models: Vec<ModelChange>,
    /// Assets that would be created: the names by model, in the order of the writes.
    pub assets: Vec<(String, Vec<String>)>,
    /// Models that several edge nodes or devices share, with the addresses of these: those that have
    /// their asset already, and those that would get one.
    pub shared: Vec<(String, Vec<String>)>,
    /// Assets that would be put under another.
    pub associations: usize,
    /// Units that single assets would have of their own.
    pub units: usize,
    /// How long that takes at the account's rates.
    pub duration: Duration,
    /// Conflicts: a model, an asset or a value, and why.
    pub conflicts: Vec<(String, String)>,
    /// Those of the conflicts that are limits reached: what exceeds a cap, and what has no place in
    /// the tree. They come first in the text.
    pub limits: BTreeSet<(String, String)>,
    /// Rules that would turn further flat metrics into assets.
    pub rules: Vec<RuleSuggestion>,
    /// What could be written to the plant; none without `COMMANDS_ALLOW`.
    pub writable: Option<WriteSurvey>,
    /// Aliases, notifications and tags; none without `TWIN_ALIASES`, `TWIN_NOTIFY` and `TWIN_TAGS`.
    pub labels: Option<LabelSurvey>,
    /// What bulk import would cost instead; none where too little was received.
    pub buffered: Option<SavingsEstimate>,
    /// Whether the account has the storage that bulk import needs, or why that cannot be read; none
    /// without `LATE_BUCKET` or an account.
    pub tiers: Option<Result<Tiers, String>>,
    /// What ingest would cost; none where the capture has no times.
    pub cost: Option<IngestCost>,
}

/// What was received from the plant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BirthsReceived {
    /// Edge nodes that were born.
    pub nodes: usize,
    /// Devices that were born.
    pub devices: usize,
    /// Nodes that spoke without a birth: nothing is planned for them.
    pub unborn: Vec<String>,
}

/// A model that would be created or grow.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelChange {
    /// Its name.
    pub name: String,
    /// Whether it would be created.
    pub is_new: bool,
    /// Properties it would get.
    pub properties: Vec<Property>,
    /// Of these, how many in composite models.
    pub in_composites: usize,
    /// Models whose assets can be placed under its own.
    pub places: Vec<String>,
}

/// What ingest costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestCost {
    /// How long was listened.
    pub listened: Duration,
    /// Values that came as data meanwhile.
    pub values: u64,
    /// Messages that these are billed as, at each of [`LINGERS`].
    pub messages: [u64; LINGERS.len()],
}

impl PlanReport {
    pub(super) fn new(
        captured: &CapturedEvents,
        twin: &Twin,
        writes: &[ApiCall],
        found: &BTreeSet<(String, &'static str)>,
        duration: Duration,
        cost: Option<IngestCost>,
    ) -> Self {
        let name_of = |id: Uuid| twin.model_name(id).unwrap_or_default().to_owned();
        let mut changes = Changes::default();
        for call in writes {
            changes.add(call, &name_of);
        }
        let mut conflicts: Vec<_> =
            twin.plan().problems().map(|(what, why)| (what.to_owned(), why.to_owned())).collect();
        let is_place = |(what, _): &&(String, String)| what.starts_with("placement of asset ");
        let mut limits: BTreeSet<_> = conflicts.iter().filter(is_place).cloned().collect();
        let capped = twin.capped_machines().map(|(machine, cap, lost)| {
            let (variable, remedy) = (cap.variable(), cap.remedy());
            let why = format!("exceeds {variable}: `{}` would be dropped; {remedy}", lost.example);
            (machine.to_string(), why)
        });
        let capped: Vec<_> = capped.collect();
        limits.extend(capped.iter().cloned());
        conflicts.extend(capped);
        conflicts.extend(found.iter().map(|(what, words)| (what.clone(), (*words).to_owned())));
        let born = |is_device: bool| {
            let births =
                captured.births().filter(|birth| birth.source.device.is_some() == is_device);
            let sources: BTreeSet<_> = births.map(|birth| birth.source.to_string()).collect();
            sources.len()
        };
        Self {
            without_aws: None,
            received: BirthsReceived {
                nodes: born(false),
                devices: born(true),
                unborn: captured.without_birth.clone(),
            },
            models: changes.models,
            assets: changes.assets,
            shared: shared(twin),
            associations: changes.associations,
            units: changes.units,
            duration,
            conflicts,
            limits,
            rules: folders::suggestions(captured.births(), twin.rules()),
            writable: None,
            labels: None,
            buffered: None,
            tiers: None,
            cost,
        }
    }

    /// Whether anything would be written to the control plane.
    pub fn changes(&self) -> bool {
        !self.models.is_empty() || !self.assets.is_empty() || self.associations + self.units > 0
    }

    /// The report as one line of JSON.
    pub fn json(&self) -> String {
        json::of(self).to_string()
    }
}

impl IngestCost {
    /// Messages a month at each of [`LINGERS`]; none if too little data was received for an
    /// estimate.
    pub fn monthly(&self) -> Option<[u64; LINGERS.len()]> {
        (self.listened >= MIN_LISTENED && self.values > 0).then(|| {
            let scale = MONTH.as_secs_f64() / self.listened.as_secs_f64();
            self.messages.map(|messages| (messages as f64 * scale).round() as u64)
        })
    }

    /// Values a second.
    pub fn rate(&self) -> f64 {
        self.values as f64 / self.listened.as_secs_f64().max(0.001)
    }
}

/// Models that several nodes or devices share.
fn shared(twin: &Twin) -> Vec<(String, Vec<String>)> {
    let mut models: BTreeMap<ModelIx, Vec<String>> = BTreeMap::new();
    for (_, asset) in twin.assets_from(0) {
        if let AssetKind::Source(source) = &asset.kind {
            models.entry(asset.model).or_default().push(source.to_string());
        }
    }
    models.retain(|_, sources| sources.len() > 1);
    models.into_iter().map(|(ix, sources)| (twin.model_at(ix).name.clone(), sources)).collect()
}

#[derive(Default)]
struct Changes {
    models: Vec<ModelChange>,
    assets: Vec<(String, Vec<String>)>,
    associations: usize,
    units: usize,
}

impl Changes {
    fn add(&mut self, call: &ApiCall, name_of: &impl Fn(Uuid) -> String) {
        let places = |hierarchies: &[Hierarchy]| -> Vec<String> {
            hierarchies.iter().map(|place| place.name.clone()).collect()
        };
        match call {
            ApiCall::CreateModel(create) => {
                let change = self.model(&create.name);
                change.is_new = true;
                change.properties.extend_from_slice(&create.properties);
                change.places.extend(places(&create.hierarchies));
            }
            ApiCall::GrowModel(growth) => {
                let change = self.model(&name_of(growth.id));
                change.properties.extend_from_slice(&growth.properties);
                change.places.extend(places(&growth.hierarchies));
            }
            ApiCall::CreateComposite(create) => {
                self.model(&name_of(create.model)).add_composite(&create.properties);
            }
            ApiCall::GrowComposite(growth) => {
                self.model(&name_of(growth.model)).add_composite(&growth.properties);
            }
            ApiCall::CreateAsset(create) => {
                let model = name_of(create.model);
                match self.assets.iter_mut().find(|(name, _)| *name == model) {
                    Some((_, names)) => names.push(create.name.clone()),
                    None => self.assets.push((model, vec![create.name.clone()])),
                }
            }
            ApiCall::Associate(_) => self.associations += 1,
            ApiCall::UpdateProperty(_) => self.units += 1,
            ApiCall::ListModels(_)
            | ApiCall::DescribeModel(_)
            | ApiCall::ListAssets(..)
            | ApiCall::DescribeAsset(_)
            | ApiCall::ReadProperties(..)
            | ApiCall::ListChildren(..)
            | ApiCall::DescribeProperty { .. }
            | ApiCall::ReadTags(_)
            | ApiCall::Tag(..)
            | ApiCall::ReadValues(_) => {}
        }
    }

    fn model(&mut self, name: &str) -> &mut ModelChange {
        let at = self.models.iter().position(|model| model.name == name);
        let at = at.unwrap_or(self.models.len());
        if at == self.models.len() {
            self.models.push(ModelChange {
                name: name.to_owned(),
                is_new: false,
                properties: Vec::new(),
                in_composites: 0,
                places: Vec::new(),
            });
        }
        #[expect(clippy::indexing_slicing, reason = "it is there, or was put there")]
        &mut self.models[at]
    }
}

impl ModelChange {
    fn add_composite(&mut self, properties: &[Property]) {
        self.in_composites += properties.len();
        self.properties.extend_from_slice(properties);
    }
}
