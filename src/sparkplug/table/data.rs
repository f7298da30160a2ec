//! Reading data by the table of its birth.

use rustc_hash::FxHashSet;

use super::*;
use crate::sparkplug::event::AttributeKind;
use crate::sparkplug::value::WireField;

pub(super) struct DataReader<'a> {
    pub(super) table: &'a mut BirthTable,
    pub(super) findings: &'a mut FindingCounts,
    pub(super) read: DataRead,
    /// How many leaves may yet be null because an instance of theirs is: each costs the sender
    /// nothing.
    pub(super) nulls_left: usize,
    /// It was sent before the birth, so that aliases mean nothing.
    pub(super) sent_before_birth: bool,
}

impl BirthTable {
    /// Reads an instance that a birth has once more, as data is read. `nulls_left` is for the birth
    /// as a whole.
    pub(crate) fn read_repeated(
        &mut self,
        id: InstanceId,
        metric: &wire::Metric,
        inherited: Inherited,
        (nulls_left, findings): (&mut usize, &mut FindingCounts),
    ) -> DataRead {
        let mut reader = DataReader {
            table: self,
            findings,
            read: DataRead::default(),
            nulls_left: *nulls_left,
            sent_before_birth: false,
        };
        reader.read_instance(id, metric, inherited);
        *nulls_left = reader.nulls_left;
        reader.read
    }

    /// Whether a metric is, by what it declares and refers to, an instance of the same template.
    pub(crate) fn is_instance_alike(&self, id: InstanceId, metric: &wire::Metric) -> bool {
        let Some(instance) = self.instances.get(id.0 as usize) else { return false };
        let declared = DataType::declared(metric.datatype);
        match &metric.value {
            _ if declared.is_some_and(|datatype| datatype != DataType::Template) => false,
            Some(wire::metric::Value::TemplateValue(value)) => {
                let reference = template::reference(value, &mut FindingCounts::default());
                reference.is_none_or(|name| *name == *instance.template)
            }
            Some(_) => metric.is_null == Some(true),
            None => true,
        }
    }
}

impl DataReader<'_> {
    pub(super) fn read_metric(&mut self, metric: &wire::Metric, inherited: Inherited) {
        if template::definition(metric).is_some() {
            self.findings.note(Finding::DefinitionPlace);
            return;
        }
        let named = metric.name.as_deref().filter(|name| !name.is_empty());
        let target = named.and_then(|name| self.table.find(None, name, self.findings));
        self.read_target(target, metric, inherited);
    }

    /// Goes on with what a metric's name means, else with what its alias does.
    fn read_target(
        &mut self,
        named: Option<NameTarget>,
        metric: &wire::Metric,
        inherited: Inherited,
    ) {
        let alias = metric.alias.filter(|_| !self.sent_before_birth);
        let target = named.or_else(|| {
            let aliased = *self.table.aliases.get(&alias?)?;
            if aliased.is_none() {
                self.findings.note(Finding::AliasCollision);
            }
            Some(aliased.unwrap_or(NameTarget::Ambiguous))
        });
        let name = metric.name.as_deref().filter(|name| !name.is_empty());
        match (target, name, metric.alias) {
            (Some(NameTarget::Leaf(slot)), name, alias)
                if self.is_instance_of_null(slot, metric) =>
            {
                self.read.skipped += metric::values(metric);
                let trigger = match (name, alias) {
                    (None, Some(alias)) => RebirthTrigger::UnknownAlias(alias),
                    (name, _) => {
                        let name = name.unwrap_or_default();
                        RebirthTrigger::metric(&String::from_utf8_lossy(name))
                    }
                };
                self.unknown(Finding::UnknownMetric, metric, trigger);
            }
            (Some(NameTarget::Leaf(slot)), _, _) => self.read_leaf(slot, metric, inherited),
            (Some(NameTarget::Instance(id)), _, _) => self.read_instance(id, metric, inherited),
            (Some(NameTarget::Ambiguous), _, _) => self.read.skipped += metric::values(metric),
            (Some(NameTarget::Excluded), _, _) => self.read.excluded += 1,
            (None, Some(name), _) => {
                self.read.skipped += metric::values(metric);
                self.unknown(
                    Finding::UnknownMetric,
                    metric,
                    RebirthTrigger::metric(&String::from_utf8_lossy(name)),
                )
            }
            (None, None, Some(_)) if self.sent_before_birth => {
                self.read.skipped += metric::values(metric);
                self.findings.note(Finding::BeforeBirth);
            }
            (None, None, Some(alias)) => {
                self.read.skipped += metric::values(metric);
                self.unknown(Finding::UnknownAlias, metric, RebirthTrigger::UnknownAlias(alias));
            }
            (None, None, None) => {
                self.read.skipped += metric::values(metric);
                self.findings.note(Finding::Nameless);
            }
        }
    }

    /// Whether a metric is an instance whose members nobody knows: its birth said that it was null,
    /// and not of which template, or of no type at all.
    fn is_instance_of_null(&self, slot: Slot, metric: &wire::Metric) -> bool {
        let born = self.table.datatype(slot);
        born.is_none_or(|born| born == DataType::Template) && metric::template(metric).is_some()
    }

    fn read_leaf(&mut self, slot: Slot, metric: &wire::Metric, inherited: Inherited) {
        let declared = DataType::declared(metric.datatype);
        let born = self.table.datatype(slot);
        if declared.is_some() && born.is_some() && declared != born && !metric::is_alarm(metric) {
            self.findings.note_with_example(Finding::ChangedDatatype, || metric::label(metric));
        }
        // What the birth could not tell, data tells.
        let suggested = || WireField::of_metric(metric.value.as_ref()?).inferred();
        let told = if born.is_none() { declared.or_else(suggested) } else { None };
        let mut sample = match metric::is_quality_of_leaf(metric) {
            true => metric::quality_of_leaf(metric, inherited, self.findings),
            false => metric::sample(metric, born.or(told), inherited, self.findings),
        };
        sample.datatype = told.filter(|_| sample.value.is_some());
        if sample.without_value && sample.historical {
            self.read.skipped += 1;
            return self.findings.note_with_example(Finding::NoValue, || metric::label(metric));
        }
        if metric.properties.is_some() && !sample.alarm && !sample.historical {
            let properties = metric::properties(metric, self.findings);
            let holder = (AttributeHolder::Leaf(slot), AttributeKind::Property);
            self.add_attributes(holder, sample.time, properties);
        }
        self.read.samples.push((slot, sample));
    }

    /// Takes note of parameters or static properties.
    fn add_attributes(
        &mut self,
        (holder, kind): (AttributeHolder, AttributeKind),
        time: Timestamp,
        properties: Vec<StaticProperty>,
    ) {
        let attributes = properties.into_iter();
        let attributes =
            attributes.map(|property| AttributeSample { holder, kind, time, property });
        self.read.attributes.extend(attributes);
    }

    fn read_instance(&mut self, id: InstanceId, metric: &wire::Metric, inherited: Inherited) {
        let Some(members) = self.table.instances.get(id.0 as usize) else {
            return;
        };
        match &metric.value {
            _ if metric::says_quality_alone(metric) && !inherited.historical => {
                self.quality_of_instance(id, metric, inherited);
            }
            // A null instance is null in every leaf.
            _ if metric.is_null == Some(true) => {
                let Some(left) = self.nulls_left.checked_sub(members.leaves.len()) else {
                    return self.findings.note(Finding::TooManyLeaves);
                };
                self.nulls_left = left;
                let leaves = members.leaves.clone();
                let own = inherited.by(metric, self.findings);
                if !own.historical {
                    self.note_instance(id, metric, &own);
                }
                let null = wire::Metric { value: None, ..shallow(metric) };
                for slot in leaves.map(Slot) {
                    let sample = metric::sample(&null, None, inherited, self.findings);
                    self.read.samples.push((slot, sample));
                }
            }
            Some(wire::metric::Value::TemplateValue(value)) => {
                let reference = template::reference(value, self.findings);
                if reference.is_some_and(|name| *name != *members.template) {
                    self.findings.note(Finding::ChangedTemplate);
                }
                let own = inherited.by(metric, self.findings);
                let changed = !own.historical && self.note_instance(id, metric, &own);
                let before = self.read.samples.len();
                self.read.samples.reserve(value.metrics.len());
                for member in &value.metrics {
                    self.read_member(id, member, own);
                }
                if changed {
                    self.quality_of_the_rest(id, &own, before);
                }
            }
            Some(_) => {
                self.read.skipped += 1;
                self.findings.note_with_example(Finding::WrongValue, || metric::label(metric));
            }
            None => {
                self.read.skipped += 1;
                self.findings.note_with_example(Finding::NoValue, || metric::label(metric));
            }
        }
    }

    /// Takes note of an instance's own quality, parameters and static properties. True if it says
    /// another quality than it said last.
    fn note_instance(&mut self, id: InstanceId, metric: &wire::Metric, own: &Inherited) -> bool {
        let changed = self.table.set_quality(id, own, metric::says_quality(metric));
        let holder = AttributeHolder::Instance(id.0);
        if let Some(wire::metric::Value::TemplateValue(value)) = &metric.value {
            let parameters = template::parameters(value, None, self.findings);
            self.add_attributes((holder, AttributeKind::Parameter), own.time, parameters);
        }
        let properties = metric::properties(metric, self.findings);
        self.add_attributes((holder, AttributeKind::Property), own.time, properties);
        changed
    }

    /// An instance says its quality, and nothing of its members: theirs follows.
    fn quality_of_instance(&mut self, id: InstanceId, metric: &wire::Metric, around: Inherited) {
        let own = around.by(metric, self.findings);
        if own.historical {
            self.read.skipped += 1;
            return self.findings.note_with_example(Finding::NoValue, || metric::label(metric));
        }
        self.note_instance(id, metric, &own);
        let from = self.read.samples.len();
        self.quality_of_the_rest(id, &own, from);
    }

    /// The quality of an instance for its members that are not among the samples `from` there on.
    fn quality_of_the_rest(&mut self, id: InstanceId, own: &Inherited, from: usize) {
        let count = self.table.leaf_count(id);
        let Some(left) = self.nulls_left.checked_sub(count) else {
            return self.findings.note(Finding::TooManyLeaves);
        };
        self.nulls_left = left;
        let said = self.read.samples.iter().skip(from);
        let said = said.filter(|(_, sample)| !sample.historical && !sample.alarm);
        let said: FxHashSet<Slot> = said.map(|(slot, _)| *slot).collect();
        let rest = self.table.qualities(id).into_iter().filter(|(slot, _)| !said.contains(slot));
        for (slot, quality) in rest {
            let (quality, transient) = (quality.max(own.quality), own.transient);
            let sample = Sample {
                time: own.time,
                quality,
                transient,
                without_value: true,
                ..Sample::default()
            };
            self.read.samples.push((slot, sample));
        }
    }

    fn read_member(&mut self, owner: InstanceId, member: &wire::Metric, inherited: Inherited) {
        let named = member.name.as_deref().filter(|name| !name.is_empty());
        let target = named.and_then(|name| self.table.find(Some(owner), name, self.findings));
        self.read_target(target, member, inherited);
    }

    fn unknown(&mut self, finding: Finding, metric: &wire::Metric, trigger: RebirthTrigger) {
        self.findings.note_with_example(finding, || metric::label(metric));
        self.read.unknown.get_or_insert_with(|| metric::label(metric).into());
        let triggers = &mut self.read.triggers;
        let room = triggers.len() < limits::TRIGGERS && !self.table.truncated;
        if room && !triggers.contains(&trigger) {
            triggers.push(trigger);
        }
    }
}

/// A metric without what is nested in it.
fn shallow(metric: &wire::Metric) -> wire::Metric {
    wire::Metric {
        timestamp: metric.timestamp,
        is_historical: metric.is_historical,
        is_transient: metric.is_transient,
        is_null: metric.is_null,
        properties: metric.properties.clone(),
        ..wire::Metric::default()
    }
}
