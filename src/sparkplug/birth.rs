//! A birth payload becomes a tree with numbered leaves, and a table for the data to come.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::address::Source;
use super::datatype::DataType;
use super::event::{Birth, Content, Instance, Member, MemberKind, Metric, Quality, Sample, Slot};
use super::findings::{Finding, Findings};
use super::limits;
use super::metric::{self, Inherited};
use super::proto::Payload;
use super::proto::payload as wire;
use super::table::{InstanceId, Table, Target};
use super::template::{self, Definitions};
use super::value::Arm;
use crate::time::Timestamp;

/// What a birth payload gives.
#[derive(Debug)]
pub(crate) struct Born {
    pub(crate) birth: Birth,
    /// Values of leaves that the payload names more than once: those after the first.
    pub(crate) more: Vec<(Slot, Sample)>,
}

/// What a birth is read for.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) source: Source,
    pub(crate) arrival: Timestamp,
    /// How many leaves and instances it may have.
    pub(crate) room: usize,
}

/// Reads a birth, no more of it than there is room for; definitions among its metrics join `definitions`.
pub(crate) fn read(
    scope: Scope,
    payload: &Payload,
    definitions: &mut Definitions,
    findings: &mut Findings,
) -> (Born, Table) {
    let Scope { source, arrival, room } = scope;
    let time = metric::time(payload.timestamp).unwrap_or(arrival);
    let read = definitions.read(&payload.metrics, findings);
    let mut reader = Reader {
        definitions,
        findings,
        table: Table::with_room(room),
        more: Vec::new(),
        within: Vec::new(),
    };
    let top = Place { owner: None, inherited: Inherited::from_payload(time) };
    let metrics = reader.metrics(top, &payload.metrics, None);
    let Reader { table, more, .. } = reader;
    let slots = table.slots();
    let birth = Birth { source, time, definitions: read, metrics, slots };
    (Born { birth, more }, table)
}

/// The bdSeq among the metrics of a birth or death, whatever its type
/// [payloads-nbirth-bdseq].
pub(crate) fn bd_seq(payload: &Payload, alias: Option<u64>) -> Option<(u64, Option<u64>)> {
    let by_name = |metric: &&wire::Metric| metric.name.as_deref() == Some(super::edge::BD_SEQ);
    let by_alias = |metric: &&wire::Metric| metric.name.is_none() && metric.alias == alias;
    let metrics = &payload.metrics;
    let metric = metrics.iter().find(by_name);
    let metric = metric.or_else(|| alias.and_then(|_| metrics.iter().find(by_alias)))?;
    let value = Arm::of_metric(metric.value.as_ref()?).integer()?;
    // A byte that counts around; the type and the arm differ between senders.
    Some((value, metric.alias))
}

/// Where in the tree the reader stands.
#[derive(Clone, Copy)]
struct Place {
    /// The instance whose members are read; none for the payload's own metrics.
    owner: Option<InstanceId>,
    inherited: Inherited,
}

struct Reader<'a> {
    definitions: &'a Definitions,
    findings: &'a mut Findings,
    table: Table,
    more: Vec<(Slot, Sample)>,
    /// Names of the definitions that the instance at hand is within, outermost first.
    within: Vec<Arc<str>>,
}

impl Reader<'_> {
    /// The metrics of a payload, or the members of an instance with what its definition has
    /// beyond them.
    fn metrics(
        &mut self,
        place: Place,
        wired: &[wire::Metric],
        defined: Option<&[Member]>,
    ) -> Vec<Metric> {
        let mut metrics = Vec::with_capacity(wired.len().min(limits::LEAVES));
        let kinds: FxHashMap<&str, &MemberKind> =
            defined.unwrap_or_default().iter().map(|m| (&*m.name, &m.kind)).collect();
        // Alarms go by the name of their tag, and must not take its place.
        let (alarms, values): (Vec<_>, Vec<_>) = wired.iter().partition(|m| metric::is_alarm(m));
        for wire in values.into_iter().chain(alarms) {
            let definition = template::definition(wire).is_some();
            if definition && place.owner.is_none() {
                continue;
            }
            if wire.name.is_none() && wire.alias.is_some() {
                self.findings.note(Finding::UnknownAlias);
                continue;
            }
            let Some(name) = metric::name(wire.name.as_deref(), self.findings) else {
                continue;
            };
            if let Some(known) = self.table.named(place.owner, &name) {
                self.again(known, wire, place.inherited);
                continue;
            }
            let kind = kinds.get(&*name).copied();
            if defined.is_some() && kind.is_none() {
                self.findings.note(Finding::SpareMember);
            }
            if let Some(metric) = self.metric(place, name, wire, kind) {
                metrics.push(metric);
            }
        }
        if let Some(members) = defined {
            self.fill(place, &mut metrics, members);
        }
        metrics
    }

    fn metric(
        &mut self,
        place: Place,
        name: Arc<str>,
        wire: &wire::Metric,
        defined: Option<&MemberKind>,
    ) -> Option<Metric> {
        let properties = metric::properties(wire, self.findings);
        let (target, content) = self.content(place, &name, wire, defined)?;
        self.table.add_name(place.owner, Arc::clone(&name), target);
        if let Some(alias) = wire.alias {
            self.table.add_alias(alias, target, self.findings);
        }
        Some(Metric { name, properties, content })
    }

    /// What a metric holds; none past the limits.
    fn content(
        &mut self,
        place: Place,
        name: &Arc<str>,
        wire: &wire::Metric,
        defined: Option<&MemberKind>,
    ) -> Option<(Target, Content)> {
        if !self.table.has_room() {
            self.findings.note(Finding::TooManyLeaves);
            return None;
        }
        match (&wire.value, defined) {
            (Some(wire::metric::Value::TemplateValue(value)), _) => {
                self.instance(name, value, place.inherited.by(wire))
            }
            // A nested instance of which the birth says nothing but that it is there.
            (None, Some(MemberKind::Template { template, .. })) => {
                self.instance(name, &without_members(template), place.inherited.by(wire))
            }
            (_, Some(MemberKind::Leaf(_) | MemberKind::Template { .. }) | None) => {
                let datatype = match defined {
                    // What the definition says comes before what the arm suggests.
                    Some(MemberKind::Leaf(Some(defined)))
                        if DataType::declared(wire.datatype).is_none() =>
                    {
                        self.findings.note(Finding::NoDatatype);
                        Some(*defined)
                    }
                    _ => metric::datatype(wire, self.findings),
                };
                let slot = self.table.add_leaf(datatype);
                let sample = metric::sample(wire, datatype, place.inherited, self.findings);
                Some((Target::Leaf(slot), Content::Leaf { slot, datatype, sample }))
            }
        }
    }

    /// Another value of a leaf that the payload has named before.
    fn again(&mut self, known: Target, wire: &wire::Metric, inherited: Inherited) {
        let Target::Leaf(slot) = known else {
            self.findings.note(Finding::RepeatedMetric);
            return;
        };
        if let Some(alias) = wire.alias {
            self.table.add_alias(alias, known, self.findings);
        }
        let datatype = self.table.datatype(slot);
        let sample = metric::sample(wire, datatype, inherited, self.findings);
        self.more.push((slot, sample));
    }

    fn instance(
        &mut self,
        name: &Arc<str>,
        value: &wire::Template,
        inherited: Inherited,
    ) -> Option<(Target, Content)> {
        if self.within.len() >= limits::TEMPLATE_DEPTH {
            self.findings.note(Finding::TooManyLeaves);
            self.table.truncate();
            return None;
        }
        // An instance that names no template is one of its own kind.
        let template: Arc<str> = template::reference(value).unwrap_or(name).into();
        let definitions = self.definitions;
        let definition = definitions.resolve(&template);
        if definition.is_none() {
            self.findings.note(Finding::UnknownTemplate);
        }
        // What a definition has beyond the instance is filled in, unless it leads back to a
        // definition that is being filled in already.
        let around = definition.is_some_and(|found| self.within.contains(&found.name));
        let defined = definition.filter(|_| !around).map(|found| &*found.members);
        let id = self.table.open_instance(Arc::clone(&template));
        self.within.push(definition.map_or_else(|| Arc::clone(&template), |d| d.name.clone()));
        let members = self.metrics(Place { owner: Some(id), inherited }, &value.metrics, defined);
        self.within.pop();
        self.table.close_instance(id);
        let instance = Instance {
            definition: definition.map(|found| Arc::clone(&found.name)),
            version: value.version.as_deref().map(Into::into),
            parameters: template::parameters(value, self.findings),
            template,
            members,
        };
        Some((Target::Instance(id), Content::Instance(instance)))
    }

    /// Adds what the definition has and the instance lacks: leaves without a sample, so that
    /// later data finds them [payloads-template-instance-members-birth].
    fn fill(&mut self, place: Place, metrics: &mut Vec<Metric>, defined: &[Member]) {
        for member in defined {
            if self.table.named(place.owner, &member.name).is_some() || !self.table.has_room() {
                continue;
            }
            self.findings.note(Finding::MissingMember);
            let name = Arc::clone(&member.name);
            let (target, content) = match &member.kind {
                MemberKind::Template { template, .. } => {
                    let value = without_members(template);
                    let read = self.instance(&name, &value, place.inherited);
                    let Some(read) = read else { continue };
                    read
                }
                MemberKind::Leaf(datatype) => {
                    let slot = self.table.add_leaf(*datatype);
                    let sample = absent(place.inherited.time);
                    (Target::Leaf(slot), Content::Leaf { slot, datatype: *datatype, sample })
                }
            };
            self.table.add_name(place.owner, Arc::clone(&name), target);
            metrics.push(Metric { name, properties: Vec::new(), content });
        }
    }
}

/// An instance of `template` of which nothing else is known.
fn without_members(template: &str) -> wire::Template {
    wire::Template { template_ref: Some(template.to_owned()), ..wire::Template::default() }
}

fn absent(time: Timestamp) -> Sample {
    Sample {
        time,
        value: None,
        quality: Quality::Good,
        historical: false,
        transient: false,
        alarm: false,
        absent: true,
    }
}
