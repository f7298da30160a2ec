//! Members that an instance in a birth lacks, and its definition or another occurrence of it has.

use std::sync::Arc;

use super::super::event::{BirthMetric, Content, Member, MemberKind, Sample, SparkplugQuality};
use super::super::findings::{Finding, FindingCounts};
use super::super::metric::{self, Inherited};
use super::super::proto::payload as wire;
use super::super::table::NameTarget;
use super::{BirthReader, TreePosition, without_members};

impl BirthReader<'_> {
    /// Adds what the definition has and the instance lacks: leaves without a sample, so that
    /// later data finds them [payloads-template-instance-members-birth].
    pub(super) fn add_missing_members(
        &mut self,
        place: TreePosition<'_>,
        metrics: &mut Vec<BirthMetric>,
        defined: &[Member],
    ) {
        for member in defined {
            if self.table.named(place.owner, &member.name).is_some() || !self.table.has_room() {
                continue;
            }
            self.findings.note(Finding::MissingMember);
            let name = Arc::clone(&member.name);
            let (target, content) = match &member.kind {
                MemberKind::Template { template, own, .. } => {
                    let value = without_members(template);
                    let place = TreePosition { inherited: place.inherited.unsaid(), ..place };
                    let read = self.instance(place, &name, &value, own.as_ref());
                    let Some(read) = read else { continue };
                    read
                }
                MemberKind::Leaf(_) if !self.takes(&name) => (self.table.exclude_leaf(), None),
                MemberKind::Leaf(datatype) => {
                    let slot = self.table.add_leaf(*datatype);
                    let sample = absent_sample(place.inherited);
                    let content = Content::Leaf { slot, datatype: *datatype, sample };
                    (NameTarget::Leaf(slot), Some(content))
                }
            };
            self.table.add_name(place.owner, Arc::clone(&name), target);
            if let Some(content) = content {
                metrics.push(BirthMetric { name, properties: Vec::new(), content });
            }
        }
    }

    /// Adds what other occurrences of the instance have beyond this one: leaves without a sample,
    /// which get theirs as those are read.
    pub(super) fn add_others(&mut self, place: TreePosition<'_>, metrics: &mut Vec<BirthMetric>) {
        // What is found in them is counted as they are read.
        let mut uncounted = FindingCounts::default();
        for wire in place.others.firsts() {
            let Some(name) = metric::name(wire.name.as_deref(), &mut uncounted) else { continue };
            let name = self.names.get(&name);
            if self.table.named(place.owner, &name).is_some() || !self.table.has_room() {
                continue;
            }
            let (target, content) = match metric::template(wire) {
                Some(value) => {
                    let place = TreePosition { inherited: place.inherited.unsaid(), ..place };
                    let value = wire::Template {
                        template_ref: value.template_ref.clone(),
                        ..wire::Template::default()
                    };
                    let Some(read) = self.instance(place, &name, &value, None) else { continue };
                    read
                }
                None if !self.takes(&name) => (self.table.exclude_leaf(), None),
                None => {
                    let datatype = metric::datatype(wire, &mut uncounted);
                    let slot = self.table.add_leaf(datatype);
                    let sample = absent_sample(place.inherited.unsaid());
                    (NameTarget::Leaf(slot), Some(Content::Leaf { slot, datatype, sample }))
                }
            };
            self.table.add_name(place.owner, Arc::clone(&name), target);
            if let Some(alias) = wire.alias {
                self.table.add_alias(alias, target, self.findings);
            }
            if let Some(content) = content {
                metrics.push(BirthMetric { name, properties: Vec::new(), content });
            }
        }
    }
}

/// The sample of a member that the birth lacks: null if its instance is null, else absent.
fn absent_sample(inherited: Inherited) -> Sample {
    Sample {
        time: inherited.time,
        value: None,
        rejected_value: None,
        quality: inherited.quality,
        own_quality: SparkplugQuality::Good,
        historical: inherited.historical,
        transient: inherited.transient,
        alarm: false,
        without_value: !inherited.null,
        own_alone: false,
        datatype: None,
    }
}
