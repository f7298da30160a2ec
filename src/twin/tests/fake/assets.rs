//! Assets that are made.

use super::{FakeAsset, FakeSiteWise, fault};
use crate::sitewise::api::{ApiFault, ApiFaultKind, CreateAsset};
use crate::twin::plan::api_call::CallResult;

impl FakeSiteWise {
    pub(super) fn create_asset(&mut self, create: CreateAsset) -> Result<CallResult, ApiFault> {
        match self.models.get(&create.model) {
            None => return Err(fault(ApiFaultKind::NotFound, "model")),
            Some(model) if model.looks > 0 || model.failed.is_some() && model.usable.is_none() => {
                return Err(fault(ApiFaultKind::Conflict, "model"));
            }
            Some(_) => {}
        }
        let twin = |asset: &FakeAsset| {
            asset.model == create.model && asset.name == create.name
                || asset.external_id.as_ref() == Some(&create.external_id)
        };
        if self.assets.contains_key(&create.id) || self.assets.values().any(twin) {
            return Err(fault(ApiFaultKind::AlreadyExists, "asset"));
        }
        let asset = FakeAsset {
            name: create.name,
            external_id: Some(create.external_id),
            model: create.model,
            description: create.description,
            parent: None,
            looks: self.slowness,
        };
        self.assets.insert(create.id, asset);
        Ok(CallResult::Accepted)
    }
}
