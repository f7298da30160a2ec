//! Parses a birth payload into a tree with numbered leaves, and a table for the data that follows.

mod declared;
mod missing;
mod repeated;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use self::declared::DeclaredMembers;
use self::repeated::{OtherOccurrences, Repeated};
use super::address::Source;
use super::case_folded::CaseFoldedNames;
use super::datatype::DataType;
use super::event::{
    Birth, BirthMetric, Content, Definition, Instance, Member, MemberKind, Sample, Slot,
};
use super::filter::Filter;
use super::findings::{Finding, FindingCounts};
use super::limits;
use super::metric::{self, Inherited};
use super::names::NameInterner;
use super::proto::Payload;
use super::proto::payload as wire;
use super::table::{BirthTable, InstanceId, NameTarget};
use super::template::{self, TemplateDefinitions};
use super::text;
use super::value::WireField;
use crate::time::Timestamp;

/// A parsed birth payload.
#[derive(Debug)]
pub(crate) struct ParsedBirth {
    pub(crate) birth: Birth,
    /// Values of leaves that the payload names more than once: those after the first.
    pub(crate) repeated_values: Vec<(Slot, Sample)>,
    /// Whether anything of it is included by the filter, if only its presence.
    pub(crate) included: bool,
    /// Whether anything of it is included that the plant has: more than what every node has.
    pub(crate) keeps_some: bool,
    /// How many of its values the filter excludes.
    pub(crate) excluded_values: u64,
    /// How many of its values are skipped: unreadable or past a limit.
    pub(crate) skipped_values: u64,
    /// Whether definitions are among its metrics.
    pub(crate) defines: bool,
}

/// Inputs for parsing a birth.
#[derive(Debug)]
pub(crate) struct BirthScope<'a> {
    pub(crate) source: Source,
    pub(crate) arrival: Timestamp,
    pub(crate) filter: &'a Filter,
    pub(crate) names: &'a mut NameInterner,
    /// How many leaves and instances it may have.
    pub(crate) room: usize,
}

/// Reads a birth, no more of it than there is room for; definitions among its metrics join `definitions`.
pub(crate) fn read(
    scope: BirthScope<'_>,
    payload: &Payload,
    definitions: &mut TemplateDefinitions,
    findings: &mut FindingCounts,
) -> (ParsedBirth, BirthTable) {
    let BirthScope { source, arrival, filter, names, room } = scope;
    let time = metric::time(payload.timestamp).unwrap_or(arrival);
    let read = definitions.read(&payload.metrics, room, findings);
    let mut reader = BirthReader {
        definitions,
        findings,
        names,
        filter: Some(filter).filter(|filter| !filter.is_open()),
        path: source.to_string(),
        folded: CaseFoldedNames::default(),
        table: BirthTable::with_room(room),
        ambiguous: Vec::new(),
        repeated: Repeated::default(),
        source: &source,
        keeps_some: false,
        excluded: 0,
        skipped: 0,
        enclosing_definitions: Vec::new(),
    };
    let others = &OtherOccurrences::default();
    let top = TreePosition { owner: None, inherited: Inherited::from_payload(time), others };
    let mut metrics = reader.metrics(top, &payload.metrics, None);
    let BirthReader {
        filter,
        path,
        mut table,
        mut ambiguous,
        repeated,
        keeps_some,
        excluded: excluded_values,
        skipped,
        ..
    } = reader;
    let repeated_values = repeated.into_values(&mut metrics);
    table.trim();
    table.born = metric::time(payload.timestamp);
    let slots = table.slots();
    let defines = !read.is_empty();
    let read = match filter {
        None => read,
        Some(_) => definitions.used(&metrics),
    };
    let taken = slots > 0 || filter.is_none_or(|filter| filter.takes(&path));
    ambiguous.sort_unstable();
    ambiguous.dedup();
    let has_repeated = !repeated_values.is_empty();
    let birth = Birth { source, time, definitions: read, metrics, slots, ambiguous, has_repeated };
    (
        ParsedBirth {
            birth,
            repeated_values,
            included: taken,
            keeps_some,
            excluded_values,
            skipped_values: skipped,
            defines,
        },
        table,
    )
}

/// The bdSeq among the metrics of a birth or death, whatever its type
/// [payloads-nbirth-bdseq].
pub(crate) fn bd_seq(payload: &Payload, alias: Option<u64>) -> Option<(u64, Option<u64>)> {
    let by_name =
        |metric: &&wire::Metric| metric.name.as_deref() == Some(super::edge::BD_SEQ.as_bytes());
    let by_alias = |metric: &&wire::Metric| metric.name.is_none() && metric.alias == alias;
    let metrics = &payload.metrics;
    let metric = metrics.iter().find(by_name);
    let metric = metric.or_else(|| alias.and_then(|_| metrics.iter().find(by_alias)))?;
    let value = WireField::of_metric(metric.value.as_ref()?).integer()?;
    // A byte that counts around; the type and the field differ between senders.
    Some((value, metric.alias))
}

/// The reader's position in the tree.
#[derive(Clone, Copy)]
struct TreePosition<'a> {
    /// The instance whose members are read; none for the payload's own metrics.
    owner: Option<InstanceId>,
    inherited: Inherited,
    /// What other occurrences of the instance have.
    others: &'a OtherOccurrences<'a>,
}

struct BirthReader<'a> {
    definitions: &'a TemplateDefinitions,
    findings: &'a mut FindingCounts,
    names: &'a mut NameInterner,
    /// None if everything is included.
    filter: Option<&'a Filter>,
    /// What the filter knows the source, or the instance at hand, by.
    path: String,
    folded: CaseFoldedNames,
    table: BirthTable,
    /// Leaves by whose name there is another metric of another type.
    ambiguous: Vec<Slot>,
    repeated: Repeated,
    /// Whose birth it is.
    source: &'a Source,
    keeps_some: bool,
    excluded: u64,
    skipped: u64,
    /// Names of the definitions that the instance at hand is within, outermost first.
    enclosing_definitions: Vec<Arc<str>>,
}

impl BirthReader<'_> {
    /// The metrics of a payload, or the members of an instance with what its definition has
    /// beyond them.
    fn metrics(
        &mut self,
        position: TreePosition<'_>,
        wire_metrics: &[wire::Metric],
        defined: Option<&[Member]>,
    ) -> Vec<BirthMetric> {
        let with_repeated = position.others.with_repeated(wire_metrics);
        let others = with_repeated.as_ref().unwrap_or(position.others);
        let position = TreePosition { others, ..position };
        let room = wire_metrics.len().min(self.table.room_left());
        let aliases =
            wire_metrics.iter().take(room).filter(|metric| metric.alias.is_some()).count();
        self.table.reserve(position.owner, room, aliases);
        self.folded.reserve(room);
        let mut metrics = Vec::with_capacity(room);
        let mut declared = defined.map(DeclaredMembers::new);
        for wire in repeated::in_reading_order(wire_metrics) {
            let definition = template::definition(wire).is_some();
            if definition && position.owner.is_none() {
                continue;
            }
            if wire.name.is_none() && wire.alias.is_some() {
                self.findings.note(Finding::UnknownAlias);
                self.skipped += metric::values(wire);
                continue;
            }
            let Some(name) = metric::name(wire.name.as_deref(), self.findings) else {
                self.skipped += metric::values(wire);
                continue;
            };
            let name = self.names.get(&name);
            if let Some(known) = self.table.named(position.owner, &name) {
                self.repeated_metric(&name, known, wire, position.inherited);
                continue;
            }
            if self.folded.clashes(position.owner, &name) {
                self.findings.note(Finding::CaseCollision);
            }
            let kind = declared.as_mut().and_then(|declared| declared.find(&name));
            if declared.is_some() && kind.is_none() {
                self.findings.note(Finding::UndeclaredMember);
            }
            match self.metric(position, name, wire, kind) {
                Some(Some(metric)) => metrics.push(metric),
                Some(None) => {}
                None => self.skipped += metric::values(wire),
            }
        }
        if let Some(declared) = declared {
            self.add_missing_members(position, &mut metrics, declared.rest());
        }
        self.add_others(position, &mut metrics);
        metrics
    }

    /// A metric; the inner none if it is excluded, the outer none past the limits.
    fn metric(
        &mut self,
        place: TreePosition<'_>,
        name: Arc<str>,
        wire: &wire::Metric,
        defined: Option<&MemberKind>,
    ) -> Option<Option<BirthMetric>> {
        let properties = metric::properties(wire, self.findings);
        let (target, content) = self.content(place, &name, wire, defined)?;
        self.table.add_name(place.owner, Arc::clone(&name), target);
        if let Some(alias) = wire.alias {
            self.table.add_alias(alias, target, self.findings);
        }
        Some(content.map(|content| BirthMetric { name, properties, content }))
    }

    /// Whether a metric, or a member of the instance at hand, is included.
    fn takes(&mut self, name: &str) -> bool {
        let Some(filter) = self.filter else {
            return true;
        };
        let before = self.enter(name);
        let takes = filter.takes(&self.path);
        self.path.truncate(before);
        takes
    }

    /// Adds a name to the path. Returns where it is to be cut again.
    fn enter(&mut self, name: &str) -> usize {
        let before = self.path.len();
        if self.filter.is_some() {
            self.path.push('/');
            self.path.push_str(&text::shown(name));
        }
        before
    }

    /// A metric's target, and its content if it is included; none past the limits.
    fn content(
        &mut self,
        place: TreePosition<'_>,
        name: &Arc<str>,
        wire: &wire::Metric,
        defined: Option<&MemberKind>,
    ) -> Option<(NameTarget, Option<Content>)> {
        if !self.table.has_room() {
            self.findings.note(Finding::TooManyLeaves);
            return None;
        }
        match content_of(wire, defined) {
            MetricContent::Instance(value) => {
                let inherited = place.inherited.by(wire, self.findings);
                self.instance(TreePosition { inherited, ..place }, name, value, own(defined))
            }
            MetricContent::Bare(template) => {
                if wire.value.is_some() && wire.is_null != Some(true) {
                    let label = || metric::label(wire);
                    self.findings.note_with_example(Finding::WrongValue, label);
                }
                let inherited = place.inherited.by(wire, self.findings);
                let (place, value) =
                    (TreePosition { inherited, ..place }, without_members(template));
                self.instance(place, name, &value, own(defined))
            }
            MetricContent::Leaf if !self.takes(name) => {
                self.excluded += 1;
                Some((self.table.exclude_leaf(), None))
            }
            MetricContent::Leaf => {
                let datatype = match defined {
                    // What the definition says comes before what the field suggests.
                    Some(MemberKind::Leaf(Some(defined)))
                        if DataType::declared(wire.datatype).is_none() =>
                    {
                        self.findings.note(Finding::NoDatatype);
                        Some(*defined)
                    }
                    _ => metric::datatype(wire, self.findings),
                };
                self.keeps_some |= !super::edge::is_control(name);
                let slot = self.table.add_leaf(datatype);
                let sample = metric::sample(wire, datatype, place.inherited, self.findings);
                if sample.historical {
                    self.repeated.past_slots.insert(slot);
                }
                Some((NameTarget::Leaf(slot), Some(Content::Leaf { slot, datatype, sample })))
            }
        }
    }

    /// An instance; `place` has what it inherits.
    fn instance(
        &mut self,
        place: TreePosition<'_>,
        name: &Arc<str>,
        value: &wire::Template,
        own: Option<&Arc<Definition>>,
    ) -> Option<(NameTarget, Option<Content>)> {
        if self.enclosing_definitions.len() >= limits::TEMPLATE_DEPTH {
            self.findings.note(Finding::TooManyLeaves);
            self.table.truncate();
            return None;
        }
        // An instance that names no template is one of its own kind.
        let template = match template::reference(value, self.findings) {
            Some(template) => self.names.get(&template),
            None => Arc::clone(name),
        };
        let definitions = self.definitions;
        let definition = definitions.resolve(&template);
        // What the definition around it says of it, unless it is of another template after all.
        let definition =
            definition.map(|found| own.filter(|own| own.name == found.name).unwrap_or(found));
        if definition.is_none() {
            self.findings.note(Finding::UnknownTemplate);
        }
        // What a definition has beyond the instance is filled in, unless it leads back to a
        // definition that is being filled in already.
        let kind = definition.map_or_else(|| Arc::clone(&template), |found| found.name.clone());
        let is_cycle = self.enclosing_definitions.contains(&kind);
        if is_cycle {
            let path = self.enclosing_definitions.iter().map(|name| &**name);
            self.findings
                .note_with_example(Finding::TemplateCycle, || template::ring::words(path, &kind));
        }
        let defined = definition.filter(|_| !is_cycle).map(|found| &*found.members);
        let id = self.table.open_instance(Arc::clone(&template));
        let inherited = place.inherited;
        self.table.set_quality(id, &inherited, true);
        self.enclosing_definitions.push(kind);
        let (before, leaves) = (self.enter(name), self.table.slots());
        let others = &place.others.within(name, &template, value);
        let within = TreePosition { owner: Some(id), inherited, others };
        let members = self.metrics(within, &value.metrics, defined);
        self.enclosing_definitions.pop();
        self.table.close_instance(id);
        let empty = self.table.slots() == leaves;
        let excluded = empty && self.filter.is_some_and(|filter| !filter.takes(&self.path));
        self.path.truncate(before);
        if excluded {
            return Some((NameTarget::Instance(id), None));
        }
        let instance = Instance {
            definition: definition.map(|found| Arc::clone(&found.name)),
            version: template::version(value, self.findings),
            parameters: template::parameters(
                value,
                definition.map(|found| &**found),
                self.findings,
            ),
            template,
            members,
            number: id.0,
            defined: definition.cloned(),
        };
        Some((NameTarget::Instance(id), Some(Content::Instance(instance))))
    }
}

impl TemplateDefinitions {
    /// What instances among `metrics` use of the definitions: of each its parameters, and the
    /// included members.
    fn used(&self, metrics: &[BirthMetric]) -> Vec<Definition> {
        let mut members = BTreeMap::new();
        collect_members(metrics, &mut members);
        let used_part = |(name, members): (&Arc<str>, BTreeSet<&Arc<str>>)| {
            let mut definition = Definition::clone(self.resolve(name)?);
            definition.members.retain(|member| members.contains(&member.name));
            Some(definition)
        };
        members.into_iter().filter_map(used_part).collect()
    }
}

/// The names of members, by the definition of their instance.
fn collect_members<'a>(
    metrics: &'a [BirthMetric],
    members: &mut BTreeMap<&'a Arc<str>, BTreeSet<&'a Arc<str>>>,
) {
    for metric in metrics {
        let Content::Instance(instance) = &metric.content else { continue };
        if let Some(definition) = &instance.definition {
            let names = instance.members.iter().map(|member| &member.name);
            members.entry(definition).or_default().extend(names);
        }
        collect_members(&instance.members, members);
    }
}

/// What a metric of a birth holds.
enum MetricContent<'a> {
    Instance(&'a wire::Template),
    /// An instance of this template, of which the birth says nothing but that it is there.
    Bare(&'a str),
    Leaf,
}

/// The datatype decides, the metric's own before that of its `defined` member; the field only
/// where there is none.
fn content_of<'a>(wire: &'a wire::Metric, defined: Option<&'a MemberKind>) -> MetricContent<'a> {
    let datatype = DataType::declared(wire.datatype).or(match defined {
        Some(MemberKind::Leaf(datatype)) => *datatype,
        Some(MemberKind::Template { .. }) => Some(DataType::Template),
        None => None,
    });
    match (&wire.value, defined) {
        _ if datatype.is_some_and(|datatype| datatype != DataType::Template) => MetricContent::Leaf,
        (Some(wire::metric::Value::TemplateValue(value)), _) => MetricContent::Instance(value),
        (_, Some(MemberKind::Template { template, .. })) => MetricContent::Bare(template),
        (_, Some(MemberKind::Leaf(_)) | None) => MetricContent::Leaf,
    }
}

/// The definition of a nested instance, with what the one around it says.
fn own(defined: Option<&MemberKind>) -> Option<&Arc<Definition>> {
    match defined {
        Some(MemberKind::Template { own, .. }) => own.as_ref(),
        _ => None,
    }
}

/// An instance of `template` of which nothing else is known.
fn without_members(template: &str) -> wire::Template {
    wire::Template {
        template_ref: Some(Bytes::copy_from_slice(template.as_bytes())),
        ..wire::Template::default()
    }
}
