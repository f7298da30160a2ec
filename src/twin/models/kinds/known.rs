//! Kinds that SiteWise has at the start.

use uuid::Uuid;

use super::{BUCKETS, DeviceKind, FOUNDED, FOUNDER, KindScope, NameSketch, OLD_NAMES};
use crate::sitewise::api;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::ValueForm;
use crate::twin::models::{DesiredModels, ModelIx};
use crate::twin::property::DesiredProperty;
use crate::twin::world::{GAPS, ONLINE};

impl DesiredModels {
    /// The kind of an existing model, by its description; its tags are not known yet.
    pub(in crate::twin::models) fn known_kind(
        &self,
        id: Uuid,
        name: &str,
        description: Option<&str>,
    ) -> Option<DeviceKind> {
        let sketch = NameSketch([0; BUCKETS]);
        if let Some(founded_by) = description.and_then(|text| text.strip_prefix(FOUNDER)) {
            let (address, count) = founded_by.strip_suffix(" tags")?.rsplit_once(" with ")?;
            let mut parts = address.split('/');
            let (group, node, device) = (parts.next()?, parts.next()?, parts.next());
            let founder =
                Source { edge: EdgeNode::new(group, node), device: device.map(Into::into) };
            let founder_tags = count.parse().ok()?;
            let scope = KindScope::source(&founder);
            let kind = DeviceKind { scope, founder_tags, is_unsure: false, sketch, renamed: 0 };
            let founded = (1..=FOUNDED).map(|number| self.namespace.kind(&founder, number));
            return founded.into_iter().any(|founded| founded == id).then_some(kind);
        }
        // Those of an earlier version were called by a hash of their founder's tags.
        let bare = name.strip_prefix(self.prefix.as_str())?;
        let (_, scope) = OLD_NAMES.into_iter().find(|(begin, _)| {
            bare.strip_prefix(begin).is_some_and(|hash| {
                hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        })?;
        let kind =
            DeviceKind { scope, founder_tags: usize::MAX, is_unsure: true, sketch, renamed: 0 };
        (self.namespace.model(name) == id).then_some(kind)
    }

    /// A kind whose description people have changed: a model of ours with the presence of nodes or
    /// devices that is none of those made by name.
    pub(in crate::twin::models) fn recognize_kind(&mut self, ix: ModelIx, described: &api::Model) {
        let model = self.get(ix);
        let by_name = self.namespace.model(&model.name) == model.id;
        let about = model.description.as_deref().unwrap_or_default();
        if model.kind.is_some()
            || by_name
            || about.starts_with(FOUNDER)
            || self.is_built_in(ix)
            || self.presence_models.contains(&model.id)
            || !self.namespace.owns(described.id, described.external_id.as_deref())
        {
            return;
        }
        let has = |(name, form)| {
            let role = PropertyRole::Presence;
            model.property_ix(self.namespace.property(model.id, role, &[name], form)).is_some()
        };
        if !has((ONLINE, ValueForm::Boolean)) {
            return;
        }
        let scope = match has((GAPS, ValueForm::Integer)) {
            true => KindScope::Node,
            false => KindScope::Device,
        };
        let (sketch, founder_tags) = (NameSketch([0; BUCKETS]), usize::MAX);
        if self.is_part_of_any(model.id) {
            return;
        }
        let kind = DeviceKind { scope, founder_tags, is_unsure: true, sketch, renamed: 0 };
        self.get_mut(ix).kind = Some(Box::new(kind));
    }

    /// Takes the tags of a kind from the properties that SiteWise has.
    pub(in crate::twin::models) fn import_kind(&mut self, ix: ModelIx) {
        let namespace = self.namespace;
        let model = self.get_mut(ix);
        let Some(kind) = model.kind.as_deref_mut() else { return };
        let members = model.properties.iter();
        let members = members.filter(|property| property.role == PropertyRole::Member);
        kind.founder_tags = kind.founder_tags.min(members.clone().count());
        let members = members.take(kind.founder_tags);
        let is_tags_name = |member: &&DesiredProperty| {
            let name = [&*member.name];
            !member.imported
                || member.id == namespace.property(model.id, member.role, &name, member.form)
        };
        let named = members.clone().filter(is_tags_name).count();
        let names = members.filter(is_tags_name).map(|property| &*property.name);
        (kind.sketch, kind.renamed) = (NameSketch::of(names), kind.founder_tags - named);
    }
}
