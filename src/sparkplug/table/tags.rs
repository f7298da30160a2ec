//! The tags of a birth by their names, for who looks for one.

use super::{BirthTable, InstanceId, NameTarget};
use crate::sparkplug::event::Slot;

/// What is at hand: a tag, and where its values are numbered.
pub(crate) type TagVisitor<'a> = dyn FnMut(&str, Option<Slot>) + 'a;

impl BirthTable {
    /// Whether the filter leaves out any tag of it.
    pub(crate) fn has_excluded(&self) -> bool {
        self.excluded > 0
    }

    /// Shows each tag by its path, with its slot; none where the filter leaves it out. One that data
    /// named by a path into an instance comes twice.
    pub(crate) fn each_tag(&self, visit: &mut TagVisitor<'_>) {
        self.tags_of(None, &mut String::new(), visit);
    }

    fn tags_of(&self, owner: Option<InstanceId>, path: &mut String, visit: &mut TagVisitor<'_>) {
        let members = match owner {
            None => &self.names,
            Some(id) => match self.instances.get(id.0 as usize) {
                Some(members) => &*members.names,
                None => return,
            },
        };
        for name in members.keys() {
            let before = path.len();
            if owner.is_some() {
                path.push('/');
            }
            path.push_str(name);
            match self.named(owner, name) {
                Some(NameTarget::Leaf(slot)) => visit(path, Some(slot)),
                Some(NameTarget::Excluded) => visit(path, None),
                Some(NameTarget::Instance(id)) => self.tags_of(Some(id), path, visit),
                Some(NameTarget::Ambiguous) | None => {}
            }
            path.truncate(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_tag_is_shown_by_its_path_and_what_the_filter_leaves_out_has_no_slot() {
        let mut table = BirthTable::with_room(100);
        let speed = table.add_leaf(None);
        table.add_name(None, "Speed".into(), NameTarget::Leaf(speed));
        let pump = table.open_instance("Pump".into());
        table.add_name(None, "P1".into(), NameTarget::Instance(pump));
        let oil = table.add_leaf(None);
        table.add_name(Some(pump), "Oil".into(), NameTarget::Leaf(oil));
        let left_out = table.exclude_leaf();
        table.add_name(Some(pump), "Noise".into(), left_out);
        table.close_instance(pump);

        let mut tags = BTreeMap::new();
        table.each_tag(&mut |path, slot| {
            tags.insert(path.to_owned(), slot);
        });
        let expected = [("P1/Noise", None), ("P1/Oil", Some(oil)), ("Speed", Some(speed))];
        assert_eq!(tags, expected.map(|(path, slot)| (path.to_owned(), slot)).into());
        assert!(table.has_excluded());
    }
}
