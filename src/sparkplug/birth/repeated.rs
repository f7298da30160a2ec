//! Metrics of a birth whose name another one has.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::datatype::DataType;
use super::super::event::{
    AttributeHolder, AttributeKind, AttributeSample, BirthMetric, Content, Sample, Slot,
    StaticProperty,
};
use super::super::findings::{Finding, FindingCounts};
use super::super::limits;
use super::super::metric::{self, Inherited};
use super::super::proto::payload as wire;
use super::super::table::{DataRead, InstanceId, NameTarget};
use super::super::template;
use super::BirthReader;

/// The metrics of a birth in the order in which they are read. The first of a name says what there
/// is: alarms go by the name of their tag, and an instance of the past may have few of its members,
/// so neither takes the place of the present.
pub(super) fn in_reading_order(metrics: &[wire::Metric]) -> impl Iterator<Item = &wire::Metric> {
    let place = |metric: &wire::Metric| match &metric.value {
        _ if metric::is_alarm(metric) => 2,
        Some(wire::metric::Value::TemplateValue(_)) if metric.is_historical == Some(true) => 1,
        _ => 0,
    };
    (0..=2).flat_map(move |at| metrics.iter().filter(move |metric| place(metric) == at))
}

/// Metrics of other occurrences of an instance, by name: together they say what it has.
#[derive(Debug, Default)]
pub(super) struct OtherOccurrences<'a> {
    by_name: FxHashMap<&'a [u8], Vec<&'a wire::Metric>>,
    /// The first of each name.
    firsts: Vec<&'a wire::Metric>,
}

impl<'a> OtherOccurrences<'a> {
    fn add(&mut self, metric: &'a wire::Metric) {
        let Some(name) = metric.name.as_deref().filter(|_| !metric::is_alarm(metric)) else {
            return;
        };
        let known = self.by_name.entry(name).or_default();
        if known.is_empty() {
            self.firsts.push(metric);
        }
        known.push(metric);
    }

    /// With the instances that `metrics` have more than once, if there are any.
    pub(super) fn with_repeated(&self, metrics: &'a [wire::Metric]) -> Option<Self> {
        let instances = || metrics.iter().filter(|metric| is_instance(metric));
        instances().nth(1)?;
        let mut names = FxHashSet::default();
        let repeated: FxHashSet<_> = instances()
            .filter_map(|metric| metric.name.as_deref())
            .filter(|name| !names.insert(*name))
            .collect();
        if repeated.is_empty() {
            return None;
        }
        let mut all = Self { by_name: self.by_name.clone(), firsts: self.firsts.clone() };
        for metric in instances() {
            if metric.name.as_deref().is_some_and(|name| repeated.contains(name)) {
                all.add(metric);
            }
        }
        Some(all)
    }

    /// The members that others of the instance called `name` have, if they are of this template.
    pub(super) fn within(&self, name: &str, template: &str, this: &wire::Template) -> Self {
        let mut members = Self::default();
        let Some(others) = self.by_name.get(name.as_bytes()) else { return members };
        let others = others.iter().filter_map(|metric| metric::template(metric));
        for other in others.filter(|other| !std::ptr::eq(*other, this)) {
            let reference = template::reference(other, &mut FindingCounts::default());
            if reference.is_none_or(|reference| *reference == *template) {
                other.metrics.iter().for_each(|member| members.add(member));
            }
        }
        members
    }

    /// The first metric of each name.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &'a wire::Metric> {
        self.firsts.iter().copied()
    }
}

fn is_instance(metric: &wire::Metric) -> bool {
    metric::template(metric).is_some_and(|template| template.is_definition != Some(true))
}

/// What a birth says of its metrics beyond the first of each name.
#[derive(Debug)]
pub(super) struct Repeated {
    values: Vec<(Slot, Sample)>,
    /// Parameters and static properties of later occurrences that are not of the past.
    statics: Vec<AttributeSample>,
    /// Leaves whose first value is of the past.
    pub(super) past_slots: BTreeSet<Slot>,
    /// How many leaves may yet get samples because of an instance around them.
    nulls_left: usize,
}

impl Default for Repeated {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            statics: Vec::new(),
            past_slots: BTreeSet::new(),
            nulls_left: limits::LEAVES,
        }
    }
}

impl BirthReader<'_> {
    /// A further value of a leaf, or another occurrence of an instance, that came before in the
    /// payload. One that is declared as something else is another metric by the same name: the
    /// first one counts.
    pub(super) fn repeated_metric(
        &mut self,
        name: &str,
        known: NameTarget,
        wire: &wire::Metric,
        inherited: Inherited,
    ) {
        let is_other = match known {
            NameTarget::Leaf(slot) => self.is_other(slot, wire),
            NameTarget::Instance(id) => {
                metric::is_alarm(wire) || !self.table.is_instance_alike(id, wire)
            }
            NameTarget::Excluded => false,
            NameTarget::Ambiguous => true,
        };
        let past = &self.repeated.past_slots;
        let first_is_past = matches!(known, NameTarget::Leaf(slot) if past.contains(&slot));
        let in_past = first_is_past || wire.is_historical == Some(true);
        // Alarms and values of the past stand beside their metric's.
        if is_other || !(in_past || metric::is_alarm(wire) || known == NameTarget::Excluded) {
            let Self { findings, source, .. } = self;
            findings.note_with_example(Finding::RepeatedMetric, || format!("{source}/{name}"));
        }
        if let Some(alias) = wire.alias
            && known != NameTarget::Ambiguous
            && !(is_other && self.table.has_alias(alias))
        {
            let target = if is_other { NameTarget::Ambiguous } else { known };
            self.table.add_alias(alias, target, self.findings);
        }
        if is_other && let NameTarget::Leaf(slot) = known {
            self.ambiguous.push(slot);
        }
        match known {
            NameTarget::Leaf(slot) if !is_other => self.repeated_leaf(slot, wire, inherited),
            NameTarget::Instance(id) if !is_other => self.repeated_instance(id, wire, inherited),
            NameTarget::Excluded => self.excluded += 1,
            NameTarget::Leaf(_) | NameTarget::Instance(_) | NameTarget::Ambiguous => {
                self.skipped += metric::values(wire);
            }
        }
    }

    fn repeated_leaf(&mut self, slot: Slot, wire: &wire::Metric, inherited: Inherited) {
        let datatype = self.table.datatype(slot);
        let sample = metric::sample(wire, datatype, inherited, self.findings);
        if wire.properties.is_some() && !sample.alarm && !sample.historical {
            let (holder, time) = (AttributeHolder::Leaf(slot), sample.time);
            let properties = metric::properties(wire, self.findings).into_iter();
            let kind = AttributeKind::Property;
            let of = |property| AttributeSample { holder, kind, time, property };
            self.repeated.statics.extend(properties.map(of));
        }
        self.repeated.values.push((slot, sample));
    }

    /// Its members are those that the first occurrence has, as in data.
    fn repeated_instance(&mut self, id: InstanceId, wire: &wire::Metric, inherited: Inherited) {
        let Self { table, findings, repeated, .. } = self;
        let left = (&mut repeated.nulls_left, &mut **findings);
        let DataRead { samples, attributes, excluded, skipped, .. } =
            table.read_repeated(id, wire, inherited, left);
        repeated.values.extend(samples);
        repeated.statics.extend(attributes);
        self.excluded += excluded;
        self.skipped += skipped;
    }

    /// Whether a metric is declared as something else than the leaf of its name.
    fn is_other(&self, slot: Slot, wire: &wire::Metric) -> bool {
        let (declared, born) = (DataType::declared(wire.datatype), self.table.datatype(slot));
        let differs = declared.is_some() && born.is_some() && declared != born;
        let instance = matches!(wire.value, Some(wire::metric::Value::TemplateValue(_)));
        !metric::is_alarm(wire) && (differs || instance)
    }
}

/// Statics by what has them.
type Statics = FxHashMap<(AttributeHolder, AttributeKind), Vec<StaticProperty>>;

impl Repeated {
    /// The values after the first of each leaf. What is said later of parameters and static
    /// properties becomes that of `metrics`: what an occurrence of the past said of them is past.
    pub(super) fn into_values(self, metrics: &mut [BirthMetric]) -> Vec<(Slot, Sample)> {
        if !self.statics.is_empty() {
            let mut statics = Statics::default();
            for AttributeSample { holder, kind, property, .. } in self.statics {
                statics.entry((holder, kind)).or_default().push(property);
            }
            apply(&mut statics, metrics);
        }
        self.values
    }
}

fn apply(statics: &mut Statics, metrics: &mut [BirthMetric]) {
    for BirthMetric { properties, content, .. } in metrics {
        let holder = match content {
            Content::Leaf { slot, .. } => AttributeHolder::Leaf(*slot),
            Content::Instance(instance) => {
                let holder = AttributeHolder::Instance(instance.number);
                let parameters = statics.remove(&(holder, AttributeKind::Parameter));
                replace(&mut instance.parameters, parameters.unwrap_or_default());
                apply(statics, &mut instance.members);
                holder
            }
        };
        let later = statics.remove(&(holder, AttributeKind::Property));
        replace(properties, later.unwrap_or_default());
    }
}

/// Of two of one name the later one stays.
fn replace(properties: &mut Vec<StaticProperty>, later: Vec<StaticProperty>) {
    if later.is_empty() {
        return;
    }
    let places = properties.iter().zip(0_usize..).map(|(has, at)| (has.name.clone(), at));
    let mut places: FxHashMap<_, _> = places.collect();
    for property in later {
        let at = *places.entry(property.name.clone()).or_insert(properties.len());
        match properties.get_mut(at) {
            Some(has) => *has = property,
            None => properties.push(property),
        }
    }
}
