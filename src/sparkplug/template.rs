//! Template definitions: read from births in any order, found under the names that real
//! senders use, with what they inherit.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::datatype::DataType;
use super::event::{Definition, Member, MemberKind, StaticProperty};
use super::findings::{Finding, FindingCounts};
use super::proto::payload as wire;
use super::{limits, memory, metric, text};

mod nested;
pub(crate) mod ring;

/// The folder that some senders put their definitions into.
const FOLDER: &str = "_types_/";

/// The definitions of an edge node.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateDefinitions {
    by_name: BTreeMap<Arc<str>, Arc<Definition>>,
    bytes: usize,
}

impl TemplateDefinitions {
    /// Takes in the definitions among a birth's `metrics` and returns them complete: with
    /// what they inherit, and with the names that their nested members resolve to. Those for whose
    /// members there is no `room` are left out.
    pub(crate) fn read(
        &mut self,
        metrics: &[wire::Metric],
        room: usize,
        findings: &mut FindingCounts,
    ) -> Vec<Definition> {
        let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
        let mut room_left = room;
        for wire in metrics {
            let Some(template) = definition(wire) else {
                continue;
            };
            let Some(name) = metric::name(wire.name.as_deref(), findings) else {
                continue;
            };
            let name: Arc<str> = name.into();
            if !seen.insert(Arc::clone(&name)) {
                findings.note(Finding::RepeatedMetric);
                continue;
            }
            if self.by_name.len() >= limits::DEFINITIONS && !self.by_name.contains_key(&name) {
                findings.note(Finding::TooManyLeaves);
                continue;
            }
            let definition = read(Arc::clone(&name), template, findings);
            let Some(left) = room_left.checked_sub(size(&definition)) else {
                findings.note(Finding::TooManyLeaves);
                continue;
            };
            room_left = left;
            self.by_name.insert(Arc::clone(&name), Arc::new(definition));
            names.push(name);
        }
        if names.is_empty() {
            return Vec::new();
        }
        // References point in any direction, so they are followed once all names are known.
        let resolved: Vec<_> = names.iter().filter_map(|name| self.resolved(name)).collect();
        for definition in resolved {
            self.by_name.insert(Arc::clone(&definition.name), Arc::new(definition));
        }
        // One budget for all: a long line of heirs must not multiply what one birth holds.
        let mut room = limits::LEAVES.min(room_left);
        let complete: Vec<_> =
            names.iter().filter_map(|name| self.inherited(name, &mut room, findings)).collect();
        for definition in complete {
            self.by_name.insert(Arc::clone(&definition.name), Arc::new(definition));
        }
        self.break_rings(&names, findings);
        self.define_nested(room, findings);
        let all = self.by_name.values().map(|definition| memory::definition(definition));
        self.bytes = all.sum();
        let read = names.iter().filter_map(|name| self.by_name.get(name));
        read.map(|definition| Definition::clone(definition)).collect()
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The definition that `reference` means: the name itself, the name within or without
    /// the folder, or the name before a version [payloads-template-ref-instance].
    pub(crate) fn resolve(&self, reference: &str) -> Option<&Arc<Definition>> {
        let plain = |name: &str| {
            self.by_name
                .get(name)
                .or_else(|| self.by_name.get(format!("{FOLDER}{name}").as_str()))
                .or_else(|| self.by_name.get(name.strip_prefix(FOLDER)?))
        };
        plain(reference).or_else(|| plain(reference.rsplit_once(':')?.0))
    }

    fn resolved(&self, name: &str) -> Option<Definition> {
        let mut definition = Definition::clone(self.by_name.get(name)?);
        if let Some(parent) = &definition.parent {
            match self.resolve(parent) {
                Some(parent) if parent.name == definition.name => definition.parent = None,
                Some(parent) => definition.parent = Some(Arc::clone(&parent.name)),
                None => {}
            }
        }
        for member in &mut definition.members {
            if let MemberKind::Template { template, definition, .. } = &mut member.kind {
                *definition = self.resolve(template).map(|found| Arc::clone(&found.name));
            }
        }
        Some(definition)
    }

    /// The definition with what its ancestors have and it does not repeat.
    fn inherited(
        &self,
        name: &str,
        room: &mut usize,
        findings: &mut FindingCounts,
    ) -> Option<Definition> {
        let mut definition = Definition::clone(self.by_name.get(name)?);
        let mut visited = vec![Arc::clone(&definition.name)];
        let mut parent = definition.parent.clone();
        while let Some(ancestor) = parent.as_deref().and_then(|name| self.by_name.get(name)) {
            let known = visited.contains(&ancestor.name);
            // Noted once for all definitions of the cycle.
            if ancestor.name == definition.name && visited.iter().min() == Some(&ancestor.name) {
                let path = visited.iter().map(|name| &**name);
                findings.note_with_example(Finding::TemplateCycle, || {
                    ring::words(path, &ancestor.name)
                });
            }
            visited.push(Arc::clone(&ancestor.name));
            if known || visited.len() > limits::TEMPLATE_DEPTH || *room == 0 {
                break;
            }
            let members: BTreeSet<_> = definition.members.iter().map(|m| m.name.clone()).collect();
            let parameters: BTreeSet<_> =
                definition.parameters.iter().map(|p| p.name.clone()).collect();
            let missing_members = ancestor.members.iter().filter(|m| !members.contains(&m.name));
            definition.members.extend(missing_members.take(*room).cloned());
            let missing_parameters =
                ancestor.parameters.iter().filter(|p| !parameters.contains(&p.name));
            definition.parameters.extend(missing_parameters.take(*room).cloned());
            *room = room.saturating_sub(ancestor.members.len() + ancestor.parameters.len());
            parent = ancestor.parent.clone();
        }
        Some(definition)
    }
}

fn size(definition: &Definition) -> usize {
    let said = definition.members.iter().filter_map(|member| match &member.kind {
        MemberKind::Template { said, .. } => said.as_deref(),
        MemberKind::Leaf(_) => None,
    });
    definition.members.len() + definition.parameters.len() + said.map(size).sum::<usize>()
}

/// The definition in a metric, if it holds one
/// [payloads-template-definition-is-definition].
pub(crate) fn definition(metric: &wire::Metric) -> Option<&wire::Template> {
    metric::template(metric).filter(|template| template.is_definition == Some(true))
}

/// `template_ref` where it says anything.
pub(crate) fn reference<'a>(
    template: &'a wire::Template,
    findings: &mut FindingCounts,
) -> Option<Cow<'a, str>> {
    let reference = template.template_ref.as_deref().filter(|reference| !reference.is_empty());
    reference.map(|reference| text::name(reference, findings))
}

/// `version`, where there is one.
pub(crate) fn version(template: &wire::Template, findings: &mut FindingCounts) -> Option<Arc<str>> {
    template.version.as_deref().map(|version| text::name(version, findings).into())
}

fn read(name: Arc<str>, template: &wire::Template, findings: &mut FindingCounts) -> Definition {
    let parent = reference(template, findings);
    if parent.is_some() {
        findings.note(Finding::Inheritance);
    }
    let mut members: Vec<Member> = Vec::new();
    let mut names = BTreeSet::new();
    for wire in &template.metrics {
        let Some(name) = metric::name(wire.name.as_deref(), findings) else {
            continue;
        };
        if members.len() >= limits::LEAVES {
            findings.note(Finding::TooManyLeaves);
            break;
        }
        let name: Arc<str> = name.into();
        if names.insert(Arc::clone(&name)) {
            members.push(member(name, wire, findings));
        } else {
            findings.note(Finding::RepeatedMetric);
        }
    }
    Definition {
        name,
        version: version(template, findings),
        parent: parent.map(Into::into),
        parameters: parameters(template, None, findings),
        members,
        base: None,
    }
}

fn member(name: Arc<str>, wire: &wire::Metric, findings: &mut FindingCounts) -> Member {
    let kind = match metric::template(wire) {
        Some(nested) => MemberKind::Template {
            template: reference(nested, findings).map_or_else(|| Arc::clone(&name), Into::into),
            definition: None,
            said: said(nested, findings),
            own: None,
        },
        None => match metric::datatype(wire, findings) {
            // A nested template that is null says of itself only that it is one.
            Some(DataType::Template) => MemberKind::Leaf(None),
            datatype => MemberKind::Leaf(datatype),
        },
    };
    Member { properties: metric::properties(wire, findings), name, kind }
}

/// What a definition says of an instance within it, if that is anything.
fn said(nested: &wire::Template, findings: &mut FindingCounts) -> Option<Arc<Definition>> {
    let parameters = parameters(nested, None, findings);
    let mut members: Vec<Member> = Vec::new();
    for wire in nested.metrics.iter().take(limits::LEAVES) {
        if let Some(name) = metric::name(wire.name.as_deref(), findings) {
            let member = member(name.into(), wire, findings);
            let is_said = !member.properties.is_empty()
                || matches!(member.kind, MemberKind::Template { said: Some(_), .. });
            members.extend(is_said.then_some(member));
        }
    }
    let any = !parameters.is_empty() || !members.is_empty();
    let name = Arc::from("");
    any.then(|| {
        Arc::new(Definition { name, version: None, parent: None, parameters, members, base: None })
    })
}

/// The parameters of a template [payloads-template-definition-parameters]. Those of an instance that
/// say no type are of the one that its definition declares.
pub(crate) fn parameters(
    template: &wire::Template,
    definition: Option<&Definition>,
    findings: &mut FindingCounts,
) -> Vec<StaticProperty> {
    let mut parameters = Vec::with_capacity(template.parameters.len());
    for wire in &template.parameters {
        let Some(name) = wire.name.as_deref().filter(|name| !name.is_empty()) else {
            findings.note(Finding::NamelessParameter);
            continue;
        };
        let Some(name) = metric::name(Some(name), findings) else {
            continue;
        };
        let arm = wire.value.as_ref().map(super::value::WireField::of_parameter);
        let declared = DataType::declared(wire.r#type).or_else(|| {
            let mut defined = definition?.parameters.iter();
            defined.find(|defined| *defined.name == *name)?.datatype
        });
        parameters.push(metric::property(name.into(), declared, arm, findings));
    }
    parameters
}

#[cfg(test)]
mod tests;
