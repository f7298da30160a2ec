//! What is told: for people as text, for machines as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::{Told, folders, json};
use crate::delivery::whatif::LINGERS;
use crate::sitewise::api::{DataType, Property, PropertyKind};
use crate::sparkplug::findings::Finding;
use crate::twin::Twin;
use crate::twin::counts::Dropped;
use crate::twin::mapping;
use crate::twin::plan::step::Step;

/// Names that are printed of a list; the rest is counted.
const NAMES: usize = 10;
/// A rate heard for less than this is not worth a month's bill.
const LEAST: Duration = Duration::from_secs(10);
/// The month that costs are told for.
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the bridge would do, and what it would cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What the plant said.
    pub heard: Heard,
    /// Models that would be created or grow, in the order of the writes.
    pub models: Vec<ModelChange>,
    /// Assets that would be created: the names by model, in the order of the writes.
    pub assets: Vec<(String, Vec<String>)>,
    /// Assets that would be put under another.
    pub associations: usize,
    /// How long that takes at the account's rates.
    pub takes: Duration,
    /// What stands in the way: a model, an asset or a value, and why.
    pub conflicts: Vec<(String, String)>,
    /// Rules that would turn further flat metrics into assets.
    pub rules: Vec<Suggestion>,
    /// What ingest would cost; none where the capture has no times.
    pub cost: Option<Cost>,
}

/// What the plant said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
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
    /// Models of assets that get a place under its own.
    pub places: Vec<String>,
}

/// A rule for `TWIN_RULES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Ready to paste.
    pub rule: String,
    /// How many assets it would make.
    pub assets: usize,
    /// How many members these have.
    pub members: usize,
}

/// What ingest costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How long was listened.
    pub listened: Duration,
    /// Values that came as data meanwhile.
    pub values: u64,
    /// Messages that these are billed as, at each of [`LINGERS`].
    pub messages: [u64; LINGERS.len()],
}

impl Report {
    pub(super) fn new(
        told: &Told,
        twin: &Twin,
        writes: &[Step],
        differences: &BTreeSet<String>,
        takes: Duration,
        cost: Option<Cost>,
    ) -> Self {
        let name_of = |id: Uuid| twin.model_name(id).unwrap_or_default().to_owned();
        let mut changes = Changes::default();
        for step in writes {
            changes.add(step, &name_of);
        }
        let mut conflicts: Vec<_> =
            twin.plan().problems().map(|(what, why)| (what.to_owned(), why.to_owned())).collect();
        let capped = twin.counts().dropped(Dropped::Capped);
        if capped > 0 {
            let why = "TWIN_MAX_MODELS, TWIN_MAX_ASSETS or TWIN_MAX_PROPERTIES is reached";
            conflicts.push((format!("{capped} values"), why.to_owned()));
        }
        let words = Finding::DefinitionsDiffer.words();
        conflicts.extend(differences.iter().map(|what| (what.clone(), words.to_owned())));
        let born = |is_device: bool| {
            let births = told.births().filter(|birth| birth.source.device.is_some() == is_device);
            let sources: BTreeSet<_> = births.map(|birth| birth.source.to_string()).collect();
            sources.len()
        };
        Self {
            heard: Heard { nodes: born(false), devices: born(true), unborn: told.unborn.clone() },
            models: changes.models,
            assets: changes.assets,
            associations: changes.associations,
            takes,
            conflicts,
            rules: folders::suggestions(told.births(), twin.rules()),
            cost,
        }
    }

    /// Whether anything would be written to the control plane.
    pub fn changes(&self) -> bool {
        !self.models.is_empty() || !self.assets.is_empty() || self.associations > 0
    }

    /// The same for machines, in one line.
    pub fn json(&self) -> String {
        json::of(self).to_string()
    }
}

impl Cost {
    /// Messages a month at each of [`LINGERS`]; none if too little was heard to tell.
    pub fn monthly(&self) -> Option<[u64; LINGERS.len()]> {
        (self.listened >= LEAST && self.values > 0).then(|| {
            let scale = MONTH.as_secs_f64() / self.listened.as_secs_f64();
            self.messages.map(|messages| (messages as f64 * scale).round() as u64)
        })
    }

    /// Values a second.
    pub fn rate(&self) -> f64 {
        self.values as f64 / self.listened.as_secs_f64().max(0.001)
    }
}

#[derive(Default)]
struct Changes {
    models: Vec<ModelChange>,
    assets: Vec<(String, Vec<String>)>,
    associations: usize,
}

impl Changes {
    fn add(&mut self, step: &Step, name_of: &impl Fn(Uuid) -> String) {
        let places = |hierarchies: &[crate::sitewise::api::Hierarchy]| -> Vec<String> {
            hierarchies.iter().map(|place| place.name.clone()).collect()
        };
        match step {
            Step::CreateModel(create) => {
                let change = self.model(&create.name);
                change.is_new = true;
                change.properties.extend_from_slice(&create.properties);
                change.places.extend(places(&create.hierarchies));
            }
            Step::GrowModel(growth) => {
                let change = self.model(&name_of(growth.id));
                change.properties.extend_from_slice(&growth.properties);
                change.places.extend(places(&growth.hierarchies));
            }
            Step::CreateComposite(create) => {
                self.model(&name_of(create.model)).add_composite(&create.properties);
            }
            Step::GrowComposite(growth) => {
                self.model(&name_of(growth.model)).add_composite(&growth.properties);
            }
            Step::CreateAsset(create) => {
                let model = name_of(create.model);
                match self.assets.iter_mut().find(|(name, _)| *name == model) {
                    Some((_, names)) => names.push(create.name.clone()),
                    None => self.assets.push((model, vec![create.name.clone()])),
                }
            }
            Step::Associate(_) => self.associations += 1,
            Step::ListModels(_)
            | Step::DescribeModel(_)
            | Step::ListAssets(..)
            | Step::DescribeAsset(_)
            | Step::ListChildren(..)
            | Step::ReadBooleans(_) => {}
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Heard { nodes, devices, unborn } = &self.heard;
        writeln!(
            f,
            "Heard the births of {} and {}.",
            count(*nodes, "edge node"),
            count(*devices, "device")
        )?;
        if !unborn.is_empty() {
            writeln!(f, "Without a birth, and so without a plan: {}", names(unborn))?;
        }
        self.write_changes(f)?;
        if !self.conflicts.is_empty() {
            writeln!(f, "\nConflicts")?;
            for (what, why) in &self.conflicts {
                writeln!(f, "  ! {what}: {why}")?;
            }
        }
        if !self.rules.is_empty() {
            writeln!(f, "\nFlat metrics that look like machines; as rules for TWIN_RULES:")?;
            for Suggestion { rule, assets, members } in &self.rules {
                writeln!(f, "  {rule}")?;
                let (assets, members) = (count(*assets, "asset"), count(*members, "member"));
                writeln!(f, "    {assets} of {members}")?;
            }
        }
        self.write_cost(f)
    }
}

impl Report {
    fn write_changes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.changes() {
            return writeln!(f, "\nNothing would change in SiteWise.");
        }
        if !self.models.is_empty() {
            writeln!(f, "\nModels")?;
        }
        for model in &self.models {
            let (sign, what) = if model.is_new { ('+', "created") } else { ('~', "grows") };
            writeln!(f, "  {sign} {} ({what})", model.name)?;
            for property in model.properties.iter().take(NAMES) {
                writeln!(f, "      + {}", Shown(property))?;
            }
            if let Some(more) = model.properties.len().checked_sub(NAMES).filter(|more| *more > 0) {
                writeln!(f, "      + {more} more")?;
            }
            if model.in_composites > 0 {
                writeln!(f, "      {} of these in composite models", model.in_composites)?;
            }
            if !model.places.is_empty() {
                writeln!(f, "      + places for assets of {}", names(&model.places))?;
            }
        }
        if !self.assets.is_empty() {
            writeln!(f, "\nAssets")?;
        }
        for (model, assets) in &self.assets {
            writeln!(f, "  + {} of {model}: {}", assets.len(), names(assets))?;
        }
        let models = count(self.models.len(), "model");
        let assets = count(self.assets.iter().map(|(_, names)| names.len()).sum(), "asset");
        let places = count(self.associations, "association");
        writeln!(
            f,
            "\n{models}, {assets} and {places}: {} at the account's rates.",
            Span(self.takes)
        )
    }

    fn write_cost(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cost) = &self.cost else {
            return writeln!(f, "\nThe capture has no times: what ingest costs cannot be told.");
        };
        let listened = Span(cost.listened);
        let Some(monthly) = cost.monthly() else {
            let heard = count(usize::try_from(cost.values).unwrap_or(usize::MAX), "value");
            return writeln!(
                f,
                "\n{heard} within {listened}: too little to tell what ingest costs."
            );
        };
        writeln!(
            f,
            "\nIngest, from {:.1} values a second heard for {listened}, in messages of 30 days:",
            cost.rate()
        )?;
        for (linger, messages) in LINGERS.iter().zip(monthly) {
            writeln!(
                f,
                "  INGEST_LINGER={:<4} {:>15}",
                format!("{}s", linger.as_secs()),
                grouped(messages)
            )?;
        }
        Ok(())
    }
}

/// A property in a line.
struct Shown<'a>(&'a Property);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(property) = self;
        write!(f, "{} {}", property.name, type_name(property.data_type))?;
        if let Some(unit) = &property.unit {
            write!(f, " [{unit}]")?;
        }
        match &property.kind {
            PropertyKind::Attribute { default: Some(default) } => {
                write!(f, ", attribute, {default}")
            }
            PropertyKind::Attribute { default: None } => write!(f, ", attribute"),
            PropertyKind::Measurement => Ok(()),
        }
    }
}

pub(super) fn type_name(data_type: DataType) -> &'static str {
    mapping::type_name(data_type)
}

/// A span of time as people say it.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            ..1.0 => write!(f, "less than a second"),
            ..1.5 => write!(f, "1 second"),
            ..120.0 => write!(f, "{seconds:.0} seconds"),
            ..7200.0 => write!(f, "{:.0} minutes", seconds / 60.0),
            _ => write!(f, "{:.1} hours", seconds / 3600.0),
        }
    }
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The first names of a list.
fn names(all: &[String]) -> String {
    let shown = all.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(NAMES) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Assets by model, for JSON.
pub(super) fn by_model(assets: &[(String, Vec<String>)]) -> BTreeMap<&str, &[String]> {
    assets.iter().map(|(model, names)| (model.as_str(), names.as_slice())).collect()
}
