//! Further models like one that has as many assets as SiteWise allows.
//!
//! The id of each hangs on the first one's id, since people may call both otherwise. In an earlier
//! version it hung on the first one's name: such a model is found as well.

use std::iter;

use uuid::Uuid;

use super::{DesiredModels, ModelIx, PropertyRequest};
use crate::twin::caps::Cap;
use crate::twin::names;

/// What stands before the number of its first asset.
const FROM: &str = "(from asset ";

impl DesiredModels {
    /// The name of the `number`th model for what `base` has no room for, of whose assets there
    /// are `each` in a model. The number of its first asset tells people why it is there.
    pub fn part_name(base: &str, number: usize, each: usize) -> String {
        let first = each.saturating_mul(number.saturating_sub(1)).saturating_add(1);
        names::with_suffix(base, &format!("{FROM}{first})"))
    }

    /// The `number`th model like `base`, made with all its properties if there is none; true
    /// if it was made.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_MODELS` is reached. It keeps none like the bridge's own away.
    pub fn ensure_part(
        &mut self,
        base: ModelIx,
        number: usize,
        each: usize,
    ) -> Result<(ModelIx, bool), Cap> {
        let (part, made) = match self.part(base, number, each) {
            Some(ix) => (ix, false),
            None if self.is_full() && !self.is_built_in(base) => return Err(Cap::Models),
            None => {
                let base = self.get(base);
                let id = self.namespace.part(base.id, number);
                let name = Self::part_name(&base.name, number, each);
                let description = base.description.clone();
                (self.insert(id, self.free_model_name(name, id), description), true)
            }
        };
        let copied = self.get(part).copied_properties;
        let has = &self.get(base).properties;
        // Of what was imported and nobody has asked for yet, the path is not known.
        let known = has.iter().position(|property| property.imported).unwrap_or(has.len());
        let properties: Vec<_> = has.iter().skip(copied).cloned().collect();
        self.get_mut(part).copied_properties = known;
        for property in properties.into_iter().filter(|property| !property.imported) {
            let wanted = PropertyRequest {
                role: property.role,
                path: &property.path().collect::<Vec<_>>(),
                name: Some(&property.name),
                form: property.form,
                unit: property.unit.as_deref(),
                default: property.default(),
            };
            // Both have the same cap.
            let _ = self.ensure_property(part, wanted);
        }
        Ok((part, made))
    }

    /// The `number`th model like `base`, if there is one.
    fn part(&self, base: ModelIx, number: usize, each: usize) -> Option<ModelIx> {
        let base = self.get(base);
        let former = self.former_names.get(&base.id).map(|name| &**name);
        let names = iter::once(base.name.as_str()).chain(former);
        self.by_id(self.namespace.part(base.id, number)).or_else(|| {
            let mut ids =
                names.map(|name| self.namespace.model(&Self::part_name(name, number, each)));
            ids.find_map(|id| self.by_id(id))
        })
    }

    /// The models like `base` that there are besides it.
    pub fn parts(&self, base: ModelIx, each: usize) -> impl Iterator<Item = ModelIx> + '_ {
        (2..).map_while(move |number| self.part(base, number, each))
    }

    /// Whether a model is one of those like `base` besides it. Its name says which it would be, so
    /// that this costs the same however many there are, as long as people do not change it.
    pub fn is_part(&self, model: ModelIx, base: ModelIx, each: usize) -> bool {
        let first = self.get(model).name.rsplit_once(FROM).map(|(_, first)| first);
        let first = first.and_then(|first| first.strip_suffix(')')?.parse::<usize>().ok());
        let number = first.map_or(0, |first| first.saturating_sub(1) / each.max(1) + 1);
        number > 1 && self.part(base, number, each) == Some(model)
            || self.parts(base, each).any(|part| part == model)
    }

    /// Whether a model is like another one for what that has no room for, by its id.
    pub(super) fn is_part_of_any(&self, id: Uuid) -> bool {
        self.list.iter().any(|base| {
            let parts = (2..).map(|number| self.namespace.part(base.id, number));
            parts.take_while(|part| self.by_id.contains_key(part)).any(|part| part == id)
        })
    }

    /// A model that SiteWise has may be a part by its name: notes what its first one was called
    /// then.
    pub(super) fn note_part(&mut self, id: Uuid, name: &str) {
        let base = name.rsplit_once(FROM).map(|(base, _)| base.trim_end());
        if let Some(base) = base.filter(|_| self.namespace.model(name) == id) {
            self.former_names.insert(self.namespace.model(base), base.into());
        }
    }
}
