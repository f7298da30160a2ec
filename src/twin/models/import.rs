//! Models as SiteWise has them at the start.
//!
//! Their properties are known before the first birth is followed. So what a model has counts
//! against its cap over restarts, a name that clashes is told apart as it was before, and a new
//! device finds the kind that it belongs to.

use uuid::Uuid;

use super::{DesiredModel, DesiredModels, ModelIx, PropertyIx, PropertyRequest};
use crate::sitewise::api::{self, Hierarchy, PropertyKind};
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::{SECONDS_UNIT, ValueForm};
use crate::twin::property::{DesiredProperty, UncommonParts};
use crate::twin::world::PRESENCE;

impl DesiredModels {
    /// The model that SiteWise has under `id`, whatever it is called there by now.
    pub fn get_or_import(&mut self, id: Uuid, name: &str, description: Option<&str>) -> ModelIx {
        match self.by_id.get(&id) {
            Some(ix) => *ix,
            None => {
                let ix = self.insert(id, name.to_owned(), description.map(str::to_owned));
                self.note_part(id, name);
                self.get_mut(ix).kind = self.known_kind(id, name, description).map(Box::new);
                ix
            }
        }
    }

    /// Takes what SiteWise has of a model.
    pub fn import(&mut self, ix: ModelIx, described_model: &api::Model) {
        // Of one that an asset was found on nothing else was known.
        if self.get(ix).name.is_empty() {
            self.rename(ix, described_model.name.clone());
        }
        let (namespace, model_id) = (self.namespace, self.get(ix).id);
        let role = |property: &api::ModelProperty| match &property.kind {
            PropertyKind::Attribute { .. } => PropertyRole::Property,
            PropertyKind::Measurement => {
                let of = |(name, form): &(&str, ValueForm)| {
                    namespace.property(model_id, PropertyRole::Presence, &[*name], *form)
                };
                match PRESENCE.iter().map(of).any(|id| id == property.id) {
                    true => PropertyRole::Presence,
                    false => PropertyRole::Member,
                }
            }
        };
        let mut foreign = (0, 0);
        for property in &described_model.properties {
            let known = self.get(ix).property_ix(property.id).is_some();
            // What people added has no id that we would have given.
            if !known && !namespace.owns(property.id, property.external_id.as_deref()) {
                foreign.0 += 1;
                self.get_mut(ix).foreign_names.insert(property.name.as_str().into());
                continue;
            }
            if known {
                self.import_property(ix, property);
                continue;
            }
            let role = role(property);
            let form = match (property.data_type, property.unit.as_deref()) {
                (api::PropertyDataType::Double, Some(SECONDS_UNIT)) => {
                    seconds_or_double(namespace, model_id, role, property)
                }
                (data_type, _) => data_type.into(),
            };
            let default = match &property.kind {
                PropertyKind::Attribute { default } => default.as_deref().map(Into::into),
                PropertyKind::Measurement => None,
            };
            let alike = self.get(ix).index.by_name(&property.name, &self.get(ix).properties);
            self.get_mut(ix).append(DesiredProperty {
                id: property.id,
                name: property.name.as_str().into(),
                unit: property.unit.as_deref().map(Into::into),
                uncommon: UncommonParts::of(default, None),
                source: None,
                role,
                form,
                imported: true,
            });
            if let Some(alike) = alike {
                self.get_mut(ix).rename(alike);
            }
        }
        for api::ModelHierarchy { id, child_model: child_id, .. } in &described_model.hierarchies {
            let ours = namespace.hierarchy(model_id, *child_id) == *id;
            match self.by_id(*child_id).filter(|_| ours) {
                Some(child) if self.hierarchy_id(ix, child).is_none() => {
                    let name = self.get(child).name.clone();
                    let words = format!("{}/{name}", self.get(ix).name);
                    let hierarchy = Hierarchy {
                        id: *id,
                        external_id: namespace.external_id(&words, *id),
                        name,
                        child_model: *child_id,
                    };
                    self.get_mut(ix).hierarchies.push((child, hierarchy));
                }
                Some(_) => {}
                None => foreign.1 += 1,
            }
        }
        self.get_mut(ix).foreign_counts = foreign;
        self.recognize_kind(ix, described_model);
        self.import_kind(ix);
        self.shrink(ix);
    }

    /// The points in time of a model, each with the id that it had in 0.1.0, in milliseconds.
    pub fn in_milliseconds(
        &self,
        ix: ModelIx,
    ) -> impl Iterator<Item = (PropertyIx, &DesiredProperty, Uuid)> {
        let model = self.get(ix);
        let all = (0..).map(PropertyIx).zip(&model.properties);
        all.filter(|(_, has)| has.form == ValueForm::Seconds).map(|(seconds, has)| {
            let path: Vec<_> = has.path().collect();
            let id = self.namespace.property(model.id, has.role, &path, ValueForm::Double);
            (seconds, has, id)
        })
    }

    /// What SiteWise has of a property is what its assets show, whatever was asked for: another
    /// birth may have come between a creation and its answer.
    fn import_property(&mut self, ix: ModelIx, described: &api::ModelProperty) {
        let Some(place) = self.get(ix).property_ix(described.id) else { return };
        let Some(has) = self.get_mut(ix).properties.get_mut(place.0 as usize) else { return };
        let mut changed = has.unit.as_deref() != described.unit.as_deref();
        if changed {
            has.unit = described.unit.as_deref().map(Into::into);
        }
        if let PropertyKind::Attribute { default } = &described.kind
            && has.default() != default.as_deref()
        {
            let path = has.uncommon.take().and_then(|uncommon| uncommon.path);
            has.uncommon = UncommonParts::of(default.as_deref().map(Into::into), path);
            changed = true;
        }
        self.corrections += u32::from(changed);
    }

    /// A birth asks for what was imported: from now on it is known what it stands for.
    pub(super) fn confirm(
        &mut self,
        ix: ModelIx,
        property: super::PropertyIx,
        wanted: PropertyRequest<'_>,
    ) {
        let model = self.get_mut(ix);
        let Some(has) = model.properties.get_mut(property.0 as usize) else { return };
        if !has.imported {
            return;
        }
        has.imported = false;
        has.role = wanted.role;
        has.form = wanted.form;
        let path = || wanted.path.iter().map(|name| Box::from(*name)).collect();
        let default = has.default().map(Box::from);
        let is_name = *wanted.path == [&*has.name];
        has.uncommon = UncommonParts::of(default, (!is_name).then(path));
        model.index.add_path(property, &model.properties);
    }
}

impl DesiredModel {
    /// Another property has this one's name in SiteWise, and a birth asked for this one before
    /// that was known: it gets the name that it would have had.
    fn rename(&mut self, property_ix: PropertyIx) {
        let Some(has) = self.properties.get(property_ix.0 as usize) else { return };
        let path: Vec<Box<str>> = has.path().map(Into::into).collect();
        let words: Vec<&str> = path.iter().map(|name| &**name).collect();
        let (role, form, unit, default) = (has.role, has.form, None, None);
        let wanted = PropertyRequest { role, path: &words, name: None, form, unit, default };
        let name = self.free_name(&wanted, has.id);
        self.index.remove_name(property_ix, &self.properties);
        if let Some(has) = self.properties.get_mut(property_ix.0 as usize) {
            has.name = name.into();
            let default = has.default().map(Box::from);
            has.uncommon = UncommonParts::of(default, Some(path.into()));
        }
        self.index.add_name(property_ix, &self.properties);
    }
}

/// The form of a double whose unit is that of seconds: that of a member is a point in time if its
/// id says so.
fn seconds_or_double(
    namespace: crate::twin::identity::Namespace,
    model: Uuid,
    role: PropertyRole,
    property: &api::ModelProperty,
) -> ValueForm {
    let id = namespace.property(model, role, &[&property.name], ValueForm::Seconds);
    if id == property.id { ValueForm::Seconds } else { ValueForm::Double }
}
