//! Definitions that lead back to themselves by their members: there is no end to such an
//! instance, and no tree of models for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::TemplateDefinitions;
use crate::sparkplug::event::MemberKind;
use crate::sparkplug::findings::{Finding, FindingCounts};

/// Names that the words for a ring show.
const SHOWN: usize = 8;

impl TemplateDefinitions {
    /// Takes the members that close a ring out of the definitions `names` and of those that they
    /// hold.
    pub(super) fn break_rings(&mut self, names: &[Arc<str>], findings: &mut FindingCounts) {
        let (mut done, mut within) = (FxHashSet::default(), FxHashSet::default());
        let mut closing = BTreeSet::new();
        for name in names {
            if done.contains(name) {
                continue;
            }
            // From the outermost definition to the one at hand, each with its next member.
            let mut path = vec![(Arc::clone(name), 0)];
            within.insert(Arc::clone(name));
            while let Some((owner, next)) = path.last_mut() {
                let (owner, index) = (Arc::clone(owner), *next);
                *next += 1;
                let definition = self.by_name.get(&owner);
                let Some(member) = definition.and_then(|found| found.members.get(index)) else {
                    within.remove(&owner);
                    done.insert(owner);
                    path.pop();
                    continue;
                };
                let MemberKind::Template { definition: Some(inner), .. } = &member.kind else {
                    continue;
                };
                if within.contains(inner) {
                    let ring_path = path.iter().map(|(name, _)| &**name);
                    findings.note_with_example(Finding::TemplateCycle, || words(ring_path, inner));
                    closing.insert((owner, index));
                } else if !done.contains(inner) {
                    within.insert(Arc::clone(inner));
                    path.push((Arc::clone(inner), 0));
                }
            }
        }
        let owners: BTreeSet<_> = closing.iter().map(|(owner, _)| Arc::clone(owner)).collect();
        for owner in owners {
            let Some(definition) = self.by_name.get_mut(&owner).map(Arc::make_mut) else {
                continue;
            };
            let mut index = 0..;
            let closes = |index: Option<usize>| {
                index.is_some_and(|index| closing.contains(&(Arc::clone(&owner), index)))
            };
            definition.members.retain(|_| !closes(index.next()));
        }
    }
}

/// The ring that `last` closes, being within `path` already: `A > B > A`.
pub(crate) fn words<'a>(path: impl Iterator<Item = &'a str>, last: &str) -> String {
    let mut ring: Vec<_> = path.skip_while(|name| *name != last).collect();
    let more = ring.len().saturating_sub(SHOWN);
    ring.truncate(SHOWN);
    if more > 0 {
        ring.push("...");
    }
    ring.push(last);
    ring.join(" > ")
}
