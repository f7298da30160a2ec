//! The members that a definition declares, beside an instance that is read.

use rustc_hash::FxHashMap;

use crate::sparkplug::event::{Member, MemberKind};

/// The members of a definition, of which no two have the same name.
#[derive(Debug)]
pub(super) struct DeclaredMembers<'a> {
    members: &'a [Member],
    /// This many of the first were found: most instances have all of them, in the same order.
    found_in_order: usize,
    /// By name, for an instance that has another order.
    by_name: FxHashMap<&'a str, &'a MemberKind>,
}

impl<'a> DeclaredMembers<'a> {
    pub(super) fn new(members: &'a [Member]) -> Self {
        Self { members, found_in_order: 0, by_name: FxHashMap::default() }
    }

    /// What the member called `name` holds, if it is declared.
    pub(super) fn find(&mut self, name: &str) -> Option<&'a MemberKind> {
        if self.by_name.is_empty() {
            let next = self.members.get(self.found_in_order);
            if let Some(member) = next.filter(|next| *next.name == *name) {
                self.found_in_order += 1;
                return Some(&member.kind);
            }
            self.by_name =
                self.members.iter().map(|member| (&*member.name, &member.kind)).collect();
        }
        self.by_name.get(name).copied()
    }

    /// All members that were not found, and perhaps some that were.
    pub(super) fn rest(&self) -> &'a [Member] {
        self.members.get(self.found_in_order..).unwrap_or_default()
    }
}
