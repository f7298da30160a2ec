//! Tags of what is there.

use super::*;

impl FakeSiteWise {
    pub(super) fn tags_of(&mut self, of: Taggable) -> Result<&mut Tags, ApiFault> {
        let is_there = match of {
            Taggable::Asset(id) => self.assets.contains_key(&id),
            Taggable::Model(id) => self.models.contains_key(&id),
        };
        match is_there {
            true => Ok(self.tags.entry(of).or_default()),
            false => Err(fault(ApiFaultKind::NotFound, of.to_string())),
        }
    }

    pub(super) fn put_tags(&mut self, of: Taggable, tags: Tags) -> Result<CallResult, ApiFault> {
        let unwritable = self.unwritable;
        let has = self.tags_of(of)?;
        if let Some(kind) = unwritable {
            return Err(fault(kind, "it cannot be tagged"));
        }
        has.extend(tags);
        Ok(CallResult::Accepted)
    }
}
