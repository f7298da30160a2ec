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
            while let Some((at, next)) = path.last_mut() {
                let (at, place) = (Arc::clone(at), *next);
                *next += 1;
                let definition = self.by_name.get(&at);
                let Some(member) = definition.and_then(|found| found.members.get(place)) else {
                    within.remove(&at);
                    done.insert(at);
                    path.pop();
                    continue;
                };
                let MemberKind::Template { definition: Some(inner), .. } = &member.kind else {
                    continue;
                };
                if within.contains(inner) {
                    let whole = path.iter().map(|(name, _)| &**name);
                    findings.note_with_example(Finding::TemplateCycle, || words(whole, inner));
                    closing.insert((at, place));
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
            let mut place = 0..;
            let closes = |place: Option<usize>| {
                place.is_some_and(|place| closing.contains(&(Arc::clone(&owner), place)))
            };
            definition.members.retain(|_| !closes(place.next()));
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
