//! The metrics that may be written: what the births say of them, in the births' spelling, and
//! their last values. Of all others nothing is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::rules::{AllowRules, WriteGuard, guard};
use super::value;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::event::{
    AttributeHolder, Birth, BirthMetric, Content, Data, Death, Definition, Instance, Sample,
    SequenceOrder, Slot, SparkplugQuality, StaticProperty,
};
use crate::sparkplug::host::LostSenders;
use crate::sparkplug::text;
use crate::sparkplug::value::Value;
use crate::time::{Now, Timestamp};

/// Metrics that are kept at most; what is beyond cannot be written.
pub(super) const METRICS: usize = 100_000;

/// A timestamp so far ahead of our clock is not the time of a value: the one after it counts, even
/// if it is earlier.
const AHEAD: Duration = Duration::from_secs(60);

/// What a metric is known by over births: its source and the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MetricKey {
    pub source: Source,
    pub path: Arc<[Arc<str>]>,
}

/// A template instance around a metric, as the birth spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EnclosingInstance {
    pub name: Arc<str>,
    pub template: Arc<str>,
    pub version: Option<Arc<str>>,
    /// Its number in the birth.
    pub number: u32,
}

/// A metric that a rule may be for.
#[derive(Clone, Debug)]
pub(super) struct Writable {
    pub key: MetricKey,
    pub slot: Slot,
    /// The birth's.
    pub datatype: Option<DataType>,
    /// The instances around it, outermost first.
    pub levels: Vec<EnclosingInstance>,
    /// Its own name.
    pub name: Arc<str>,
    /// As `group/node/device/name`.
    pub address: Arc<str>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub read_only: bool,
    /// Whether the birth has another metric by its name, of another type.
    pub is_ambiguous: bool,
    pub last: LastValue,
}

/// The last value of a metric.
#[derive(Clone, Debug, Default)]
pub(super) struct LastValue {
    /// None for null, and where there was none.
    pub value: Option<Value>,
    pub quality: SparkplugQuality,
    pub doubt: LastValueDoubt,
    time: Timestamp,
    /// The metric's own, without that of the instances around it.
    own_quality: SparkplugQuality,
    /// When a quality was said alone; a later value may have an earlier time of its own.
    quality_time: Timestamp,
}

/// Whether the metric may have another value than the last one that counts as its current one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LastValueDoubt {
    /// As far as is known, it has this one.
    #[default]
    None,
    /// Another value arrived late or with an older time; or a message was lost.
    ValueMissed,
    /// It comes from a birth, and is older than a value known before.
    FromOldBirth,
}

/// Whether a source can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceAvailability {
    Online,
    /// Its node was born again, and it was not yet.
    Awaited,
    Offline,
}

/// A node or device with metrics that may be written.
#[derive(Debug)]
pub(super) struct SourceMetrics {
    pub presence: SourceAvailability,
    pub metrics: Vec<Writable>,
    by_slot: FxHashMap<Slot, usize>,
}

/// A value of a metric that may be written, just arrived.
#[derive(Debug)]
pub(super) struct ArrivedValue<'a> {
    pub key: &'a MetricKey,
    pub last: &'a LastValue,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    edges: FxHashMap<EdgeNode, BTreeMap<Option<Arc<str>>, SourceMetrics>>,
    count: usize,
    over_limit: u64,
}

impl Metrics {
    /// How many are kept, and how many were left out for lack of room.
    pub(super) fn count(&self) -> (usize, u64) {
        (self.count, self.over_limit)
    }

    /// All, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Writable> {
        self.edges.values().flat_map(BTreeMap::values).flat_map(|of| &of.metrics)
    }

    /// What is known of a source.
    pub(super) fn source(&self, source: &Source) -> Option<&SourceMetrics> {
        self.edges.get(&source.edge)?.get(&source.device)
    }

    /// Applies a birth. Calls `each` for every value of a writable metric.
    pub(super) fn handle_birth(
        &mut self,
        birth: &Birth,
        rules: &AllowRules,
        now: Now,
        mut each: impl FnMut(ArrivedValue<'_>),
    ) {
        let Source { edge, device } = &birth.source;
        let before = self.edges.get_mut(edge).and_then(|of| of.remove(device));
        let before = before.map_or_else(Vec::new, |of| of.metrics);
        self.count -= before.len();
        if device.is_none()
            && let Some(devices) = self.edges.get_mut(edge)
        {
            for of in devices.values_mut().filter(|of| of.presence == SourceAvailability::Online) {
                of.presence = SourceAvailability::Awaited;
            }
        }
        let mut found = Finder {
            source: &birth.source,
            ambiguous: &birth.ambiguous,
            rules,
            levels: Vec::new(),
            path: Vec::new(),
            room: METRICS.saturating_sub(self.count),
            left_out: 0,
            found: Vec::new(),
        };
        for metric in &birth.metrics {
            found.metric(metric, &[]);
        }
        let Finder { found: mut metrics, left_out, .. } = found;
        self.over_limit += left_out;
        self.count += metrics.len();
        if metrics.is_empty() {
            if self.edges.get(edge).is_some_and(BTreeMap::is_empty) {
                self.edges.remove(edge);
            }
            return;
        }
        let known: FxHashMap<_, _> =
            before.into_iter().map(|metric| (metric.key.path, metric.last)).collect();
        for metric in &mut metrics {
            if let Some(known) = known.get(&metric.key.path) {
                metric.last.carry_over(known, now);
            }
            if metric.last.doubt != LastValueDoubt::FromOldBirth {
                each(ArrivedValue { key: &metric.key, last: &metric.last });
            }
        }
        let by_slot = metrics.iter().enumerate().map(|(at, metric)| (metric.slot, at)).collect();
        let born = SourceMetrics { presence: SourceAvailability::Online, metrics, by_slot };
        self.edges.entry(edge.clone()).or_default().insert(device.clone(), born);
    }

    /// Applies data. Calls `each` for every value of a writable metric.
    pub(super) fn handle_data(
        &mut self,
        data: &Data,
        now: Now,
        mut each: impl FnMut(ArrivedValue<'_>),
    ) {
        let Source { edge, device } = &data.source;
        let Some(sources) = self.edges.get_mut(edge) else { return };
        if data.order == SequenceOrder::AfterGap {
            // Whatever was lost may have been of any metric of the node.
            for metric in sources.values_mut().flat_map(|of| &mut of.metrics) {
                metric.last.doubt(LastValueDoubt::ValueMissed);
            }
        }
        let Some(SourceMetrics { metrics, by_slot, .. }) = sources.get_mut(device) else { return };
        let place = |slot: &Slot| by_slot.get(slot).copied();
        for attribute in data.attributes.iter().filter(|_| !data.order.is_past()) {
            if let AttributeHolder::Leaf(slot) = &attribute.holder
                && let Some(metric) = place(slot).and_then(|at| metrics.get_mut(at))
            {
                metric.limit(&attribute.property);
            }
        }
        for (slot, sample) in &data.samples {
            if let Some(metric) = place(slot).and_then(|at| metrics.get_mut(at))
                && metric.last.apply_sample(sample, data.order, now)
            {
                each(ArrivedValue { key: &metric.key, last: &metric.last });
            }
        }
    }

    /// Messages of these nodes were dropped: whatever was in them may have been of any of their metrics.
    pub(super) fn handle_lost(&mut self, lost: &LostSenders) {
        let edges = self.edges.iter_mut();
        let edges = edges.filter(|(edge, _)| lost.are_more || lost.senders.contains(*edge));
        for metric in
            edges.flat_map(|(_, sources)| sources.values_mut()).flat_map(|of| &mut of.metrics)
        {
            metric.last.doubt(LastValueDoubt::ValueMissed);
        }
    }

    /// A source died.
    pub(super) fn handle_death(&mut self, death: &Death) {
        let Source { edge, device } = &death.source;
        if let Some(of) = self.edges.get_mut(edge).and_then(|of| of.get_mut(device)) {
            of.presence = SourceAvailability::Offline;
        }
    }
}

impl Writable {
    /// Whether a rule must name it in full.
    pub(super) fn guard(&self) -> WriteGuard {
        guard(&self.key.path.join("/"), self.read_only)
    }

    /// Takes a static property that limits what may be written.
    fn limit(&mut self, property: &StaticProperty) {
        let Some(declared) = &property.value else { return };
        match &*property.name {
            "engLow" => self.low = value::lower_bound(declared).or(self.low),
            "engHigh" => self.high = value::upper_bound(declared).or(self.high),
            name if name.eq_ignore_ascii_case("readOnly") => self.read_only = is_true(declared),
            _ => {}
        }
    }
}

impl LastValue {
    /// A value that is not the metric's current one, is of another type, is null or no number, or is
    /// none, says nothing of it.
    fn of(sample: &Sample) -> Self {
        if sample.historical || sample.alarm {
            return Self { quality: SparkplugQuality::Bad, ..Self::default() };
        }
        let unknown = sample.rejected_value.is_some()
            || sample.without_value
            || !sample.value.as_ref().is_some_and(is_number);
        let quality = if unknown { SparkplugQuality::Bad } else { sample.quality };
        Self {
            value: sample.value.clone(),
            quality,
            doubt: LastValueDoubt::None,
            time: sample.time,
            own_quality: sample.own_quality,
            quality_time: Timestamp::default(),
        }
    }

    /// The same value with the quality that is said alone, by the metric or by an instance around it:
    /// nothing makes a value GOOD that is null, no number, or older than one known before.
    fn requalified(&self, sample: &Sample) -> Self {
        let own_quality = if sample.own_alone { sample.own_quality } else { self.own_quality };
        let said = sample.quality.max(own_quality);
        let quality = match self.value.as_ref().is_some_and(is_number) {
            false => SparkplugQuality::Bad,
            true if self.doubt == LastValueDoubt::FromOldBirth => {
                said.max(SparkplugQuality::Uncertain)
            }
            true => said,
        };
        Self { quality, own_quality, quality_time: sample.time, ..self.clone() }
    }

    /// Takes a value, or a quality that is said alone, if it is the metric's current one. Another
    /// one, which may be newer for all that is known, puts this one in doubt. Returns whether it is
    /// a current value.
    fn apply_sample(&mut self, sample: &Sample, order: SequenceOrder, now: Now) -> bool {
        if sample.historical || sample.alarm {
            return false;
        }
        let latest = match sample.without_value {
            true => self.time.max(self.quality_time),
            false => self.time,
        };
        let current = sample.time >= latest || self.is_ahead(now);
        let other = if sample.without_value { self.requalified(sample) } else { Self::of(sample) };
        if current && !order.is_past() {
            *self = other;
            return !sample.without_value;
        }
        let may_be_newer = match order {
            SequenceOrder::InOrder | SequenceOrder::AfterGap => true,
            SequenceOrder::Late => current,
            SequenceOrder::BeforeBirth => false,
        };
        if may_be_newer && self.differs(&other) {
            self.doubt(LastValueDoubt::ValueMissed);
        }
        false
    }

    /// Merges the value of a birth with the last one known before it. A birth may be an old one
    /// that was kept on the way: a value that differs, and is older, is not the metric's current
    /// one.
    fn carry_over(&mut self, known: &Self, now: Now) {
        let is_again = known.doubt == LastValueDoubt::FromOldBirth && self.time <= known.time;
        let is_older = self.time < known.time && !known.is_ahead(now);
        if is_again || is_older && self.differs(known) {
            self.quality = self.quality.max(SparkplugQuality::Uncertain);
            self.doubt = LastValueDoubt::FromOldBirth;
        } else if is_older {
            self.doubt = known.doubt;
        }
    }

    fn doubt(&mut self, doubt: LastValueDoubt) {
        self.doubt = self.doubt.max(doubt);
    }

    fn differs(&self, other: &Self) -> bool {
        (&self.value, self.quality) != (&other.value, other.quality)
    }

    fn is_ahead(&self, now: Now) -> bool {
        self.time > now.wall.plus(AHEAD)
    }
}

/// Finds the metrics of a birth that may be written.
struct Finder<'a> {
    source: &'a Source,
    /// Leaves whose name another metric has too.
    ambiguous: &'a [Slot],
    rules: &'a AllowRules,
    levels: Vec<EnclosingInstance>,
    path: Vec<Arc<str>>,
    room: usize,
    left_out: u64,
    found: Vec<Writable>,
}

impl Finder<'_> {
    /// A metric; `defined` is what the template's definition says of it.
    fn metric(&mut self, metric: &BirthMetric, defined: &[StaticProperty]) {
        self.path.push(Arc::clone(&metric.name));
        match &metric.content {
            Content::Leaf { slot, datatype, sample } => {
                self.leaf(metric, (*slot, *datatype, sample), defined);
            }
            Content::Instance(instance) => {
                self.levels.push(level(&metric.name, instance));
                for member in &instance.members {
                    let defined = instance.defined.as_deref();
                    let defined = defined.and_then(|defined| properties(defined, &member.name));
                    self.metric(member, defined.unwrap_or_default());
                }
                self.levels.pop();
            }
        }
        self.path.pop();
    }

    fn leaf(
        &mut self,
        metric: &BirthMetric,
        (slot, datatype, sample): (Slot, Option<DataType>, &Sample),
        defined: &[StaticProperty],
    ) {
        let address = format!("{}/{}", self.source, self.path.join("/"));
        // A name that is not UTF-8 could not be sent as it came.
        if text::broken(&address).is_some()
            || !datatype.is_none_or(value::is_writable)
            || !self.rules.may_take(&address)
            || *metric.name == *"bdSeq"
        {
            return;
        }
        if self.found.len() >= self.room {
            self.left_out += 1;
            return;
        }
        let key = MetricKey { source: self.source.clone(), path: self.path.as_slice().into() };
        let mut writable = Writable {
            key,
            slot,
            datatype,
            levels: self.levels.clone(),
            name: Arc::clone(&metric.name),
            address: address.into(),
            low: None,
            high: None,
            read_only: false,
            is_ambiguous: self.ambiguous.binary_search(&slot).is_ok(),
            last: LastValue::of(sample),
        };
        // What the instance says itself comes last, and so holds.
        for property in defined.iter().chain(&metric.properties) {
            writable.limit(property);
        }
        self.found.push(writable);
    }
}

fn level(name: &Arc<str>, instance: &Instance) -> EnclosingInstance {
    EnclosingInstance {
        name: Arc::clone(name),
        template: Arc::clone(&instance.template),
        version: instance.version.clone(),
        number: instance.number,
    }
}

fn properties<'a>(definition: &'a Definition, member: &str) -> Option<&'a [StaticProperty]> {
    let member = definition.members.iter().find(|own| *own.name == *member)?;
    Some(&member.properties)
}

/// Whether a value is not one of the numbers that are none.
fn is_number(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_finite(),
        Value::Double(number) => number.is_finite(),
        _ => true,
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Boolean(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        other => value::of_value(other).is_some_and(|number| number != 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_of_the_current_value_is_not_good() {
        let null = Sample::default();
        let quality = |sample: &Sample| LastValue::of(sample).quality;
        let said = Sample { value: Some(Value::Double(1.0)), ..null.clone() };
        assert_eq!(quality(&said), SparkplugQuality::Good);
        let rejected_value = Some(Box::new(Value::Boolean(true)));
        for sample in [
            Sample { historical: true, value: Some(Value::Double(1.0)), ..null.clone() },
            Sample { alarm: true, ..null.clone() },
            Sample { rejected_value, ..null.clone() },
            Sample { without_value: true, ..null.clone() },
            Sample { value: Some(Value::Double(f64::NAN)), ..null.clone() },
            Sample { value: Some(Value::Float(f32::INFINITY)), ..null.clone() },
            null,
        ] {
            assert_eq!(quality(&sample), SparkplugQuality::Bad, "{sample:?}");
        }
    }
}
