//! Where a property of a model is: by its id, by its name, and by what a birth calls it.
//!
//! There may be as many properties as there are metrics, so each table holds their places alone,
//! and reads from the properties what they are found by. A birth looks up all that it has: by its
//! own words, for an id would have to be derived from them first, which takes much longer.

use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use uuid::Uuid;

use super::{PropertyIx, PropertyRequest};
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::ValueForm;
use crate::twin::property::DesiredProperty;

/// Indexes of a model's properties, which every method is given.
#[derive(Debug, Default)]
pub(super) struct PropertyIndex {
    ids: HashTable<PropertyIx>,
    names: HashTable<PropertyIx>,
    /// By role, form and path: those whose path is known.
    paths: HashTable<PropertyIx>,
}

impl PropertyIndex {
    /// Adds the property at `ix`.
    pub(super) fn add(&mut self, ix: PropertyIx, properties: &[DesiredProperty]) {
        let Some(property) = ix.of(properties) else { return };
        add(&mut self.ids, ix, properties, |property| hash(property.id));
        self.add_name(ix, properties);
        if !property.imported {
            self.add_path(ix, properties);
        }
    }

    /// Adds the name of the property at `ix`.
    pub(super) fn add_name(&mut self, ix: PropertyIx, properties: &[DesiredProperty]) {
        add(&mut self.names, ix, properties, |property| hash(&*property.name));
    }

    /// Removes the name of a property that is about to be renamed.
    pub(super) fn remove_name(&mut self, ix: PropertyIx, properties: &[DesiredProperty]) {
        let Some(property) = ix.of(properties) else { return };
        let found = self.names.find_entry(hash(&*property.name), |place| *place == ix);
        if let Ok(entry) = found {
            entry.remove();
        }
    }

    /// Adds the path of the property at `ix`, which was not known.
    pub(super) fn add_path(&mut self, ix: PropertyIx, properties: &[DesiredProperty]) {
        add(&mut self.paths, ix, properties, |property| {
            hash_of_path(property.role, property.form, property.path())
        });
    }

    /// The property with this id.
    pub(super) fn by_id(&self, id: Uuid, properties: &[DesiredProperty]) -> Option<PropertyIx> {
        find(&self.ids, hash(id), properties, |property| property.id == id)
    }

    /// Whether a property is called so.
    pub(super) fn is_named(&self, name: &str, properties: &[DesiredProperty]) -> bool {
        self.by_name(name, properties).is_some()
    }

    /// The property that is called so.
    pub(super) fn by_name(&self, name: &str, properties: &[DesiredProperty]) -> Option<PropertyIx> {
        find(&self.names, hash(name), properties, |property| *property.name == *name)
    }

    /// The property that a birth asks for, if its path is known.
    pub(super) fn by_path(
        &self,
        PropertyRequest { role, form, path, .. }: PropertyRequest<'_>,
        properties: &[DesiredProperty],
    ) -> Option<PropertyIx> {
        let path = path.iter().copied();
        find(&self.paths, hash_of_path(role, form, path.clone()), properties, |property| {
            property.role == role && property.form == form && property.path().eq(path.clone())
        })
    }
}

impl PropertyIx {
    fn of(self, properties: &[DesiredProperty]) -> Option<&DesiredProperty> {
        properties.get(self.0 as usize)
    }
}

fn add(
    table: &mut HashTable<PropertyIx>,
    ix: PropertyIx,
    properties: &[DesiredProperty],
    hash: impl Fn(&DesiredProperty) -> u64,
) {
    let rehash = |ix: &PropertyIx| ix.of(properties).map_or(0, &hash);
    table.insert_unique(rehash(&ix), ix, rehash);
}

fn find(
    table: &HashTable<PropertyIx>,
    hash: u64,
    properties: &[DesiredProperty],
    is_it: impl Fn(&DesiredProperty) -> bool,
) -> Option<PropertyIx> {
    table.find(hash, |ix| ix.of(properties).is_some_and(&is_it)).copied()
}

fn hash(of: impl Hash) -> u64 {
    FxBuildHasher.hash_one(of)
}

fn hash_of_path<'a>(
    role: PropertyRole,
    form: ValueForm,
    path: impl Iterator<Item = &'a str>,
) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    (role, form).hash(&mut hasher);
    for name in path {
        name.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_roles_and_forms_are_told_apart_by_their_hashes() {
        let paths: [&[&str]; 3] = [&["Speed"], &["Speed", "engHigh"], &["Power"]];
        let roles = [PropertyRole::Member, PropertyRole::Property];
        let hashes = paths.iter().flat_map(|path| {
            let of = move |role, form| hash_of_path(role, form, path.iter().copied());
            roles.into_iter().flat_map(move |role| {
                [ValueForm::Double, ValueForm::Seconds].map(|form| of(role, form))
            })
        });
        assert_eq!(hashes.collect::<std::collections::BTreeSet<_>>().len(), 12);
        assert_ne!(hash("Speed"), hash("Power"));
    }
}
