//! What a definition says of an instance within it: other defaults, units and static properties
//! than that instance's own definition has.

use std::sync::Arc;

use super::TemplateDefinitions;
use crate::sparkplug::event::{Definition, Member, MemberKind, StaticProperty};
use crate::sparkplug::findings::{Finding, FindingCounts};
use crate::sparkplug::limits;

impl TemplateDefinitions {
    /// Gives each nested instance of which something is said a definition of its own. Together they
    /// take at most `room` members and parameters; one that does not fit keeps its template's.
    pub(super) fn define_nested(&mut self, mut room: usize, findings: &mut FindingCounts) {
        let names: Vec<_> = self.by_name.keys().map(Arc::clone).collect();
        for name in names {
            let Some(definition) = self.by_name.get(&name) else { continue };
            if !definition.members.iter().any(|member| said(&member.kind).is_some()) {
                continue;
            }
            let mut definition = Definition::clone(definition);
            for member in &mut definition.members {
                self.define_member(member, 0, &mut room, findings);
            }
            self.by_name.insert(name, Arc::new(definition));
        }
    }

    fn define_member(
        &self,
        member: &mut Member,
        depth: usize,
        room: &mut usize,
        findings: &mut FindingCounts,
    ) {
        let MemberKind::Template { definition, said, own, .. } = &mut member.kind else { return };
        *own = None;
        let Some(said) = said else { return };
        let Some(template) = definition.as_ref().and_then(|name| self.by_name.get(name)) else {
            return;
        };
        let size = template.members.len() + template.parameters.len() + said.parameters.len();
        let Some(left) = room.checked_sub(size).filter(|_| depth < limits::TEMPLATE_DEPTH) else {
            findings.note(Finding::TooManyLeaves);
            return;
        };
        *room = left;
        let base = Some(Arc::clone(template));
        let mut overridden = Definition { base, ..Definition::clone(template) };
        replace(&mut overridden.parameters, &said.parameters);
        for member in &mut overridden.members {
            let overriding = said.members.iter().find(|overriding| overriding.name == member.name);
            if let Some(overriding) = overriding {
                replace(&mut member.properties, &overriding.properties);
                if let MemberKind::Template { said: before, .. } = &mut member.kind
                    && let Some(after) = self::said(&overriding.kind)
                {
                    *before = Some(Arc::new(match before {
                        Some(before) => merged(before, after),
                        None => Definition::clone(after),
                    }));
                }
            }
            self.define_member(member, depth + 1, room, findings);
        }
        *own = Some(Arc::new(overridden));
    }
}

/// What is said of a nested instance.
fn said(kind: &MemberKind) -> Option<&Arc<Definition>> {
    match kind {
        MemberKind::Template { said, .. } => said.as_ref(),
        MemberKind::Leaf(_) => None,
    }
}

/// Replaces values by those of the same name, and adds the others.
fn replace(values: &mut Vec<StaticProperty>, by: &[StaticProperty]) {
    for new in by {
        match values.iter_mut().find(|value| value.name == new.name) {
            Some(value) => value.clone_from(new),
            None => values.push(new.clone()),
        }
    }
}

/// What the template's own definition says of an instance, and one around it.
fn merged(within: &Definition, around: &Definition) -> Definition {
    let mut merged = within.clone();
    replace(&mut merged.parameters, &around.parameters);
    for member in &around.members {
        let Some(known) = merged.members.iter_mut().find(|known| known.name == member.name) else {
            merged.members.push(member.clone());
            continue;
        };
        replace(&mut known.properties, &member.properties);
        if let MemberKind::Template { said: before, .. } = &mut known.kind
            && let Some(after) = said(&member.kind)
        {
            *before = Some(match before {
                Some(before) => Arc::new(self::merged(before, after)),
                None => Arc::clone(after),
            });
        }
    }
    merged
}
