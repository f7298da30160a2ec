//! Asynchronous states: what becomes of a model or an asset after a while.
//!
//! Source: "Asset and model states" in the AWS IoT SiteWise User Guide. While a model is UPDATING
//! or PROPAGATING its assets are UPDATING, and writes to them are refused.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Account;
use super::model::AssetModel;
use crate::wire::time::Moment;

/// The state of a model or an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Phase {
    Creating,
    Active,
    Updating,
    Propagating,
    Deleting,
    Failed,
}

impl Phase {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Propagating => "PROPAGATING",
            Self::Deleting => "DELETING",
            Self::Failed => "FAILED",
        }
    }
}

/// One thing that becomes due. The version tells a step from one that a later change replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Step {
    ModelPropagates(Uuid, u64),
    ModelReady(Uuid, u64),
    ModelFails(Uuid, u64),
    ModelGone(Uuid),
    AssetReady(Uuid),
    AssetGone(Uuid),
    JobRuns(Uuid),
}

impl Account {
    /// Carries out every step that is due.
    pub(crate) fn settle(&mut self, now: Moment) {
        while let Some(Reverse((due, _, step))) = self.state.steps.peek().copied()
            && due <= now
        {
            self.state.steps.pop();
            self.changes += 1;
            self.take(step, due);
        }
        let most = self.setting.history_per_stream;
        while let Some((_, key, point)) =
            self.state.unreadable.pop_front_if(|(due, ..)| *due <= now)
        {
            // A stream that went meanwhile takes its values with it.
            if let Some(stream) = self.state.streams.by_key.get_mut(&key) {
                stream.put(point, most);
                self.changes += 1;
            }
        }
    }

    pub(crate) fn plan(&mut self, due: Moment, step: Step) {
        self.state.steps_made += 1;
        self.state.steps.push(Reverse((due, self.state.steps_made, step)));
    }

    fn take(&mut self, step: Step, now: Moment) {
        match step {
            Step::ModelPropagates(id, version) => {
                if let Some(model) = self.model_at(id, version) {
                    model.phase = Phase::Propagating;
                }
            }
            Step::ModelReady(id, version) => {
                if let Some(model) = self.model_at(id, version) {
                    model.phase = Phase::Active;
                    model.ready = Some(now);
                    let latest = model.latest.clone();
                    if let Some(before) = model.active.replace(latest.clone()) {
                        self.drop_removed(id, &before, &latest);
                    }
                }
            }
            Step::ModelFails(id, version) => {
                if let Some(model) = self.model_at(id, version) {
                    model.phase = Phase::Failed;
                }
            }
            Step::ModelGone(id) => self.remove_model(id),
            Step::AssetReady(id) => {
                if let Some(asset) = self.state.assets.get_mut(&id)
                    && matches!(asset.phase, Phase::Creating | Phase::Updating)
                {
                    asset.phase = Phase::Active;
                }
            }
            Step::AssetGone(id) => self.remove_asset(id),
            Step::JobRuns(id) => self.job_runs(id, now),
        }
    }

    fn model_at(&mut self, id: Uuid, version: u64) -> Option<&mut AssetModel> {
        self.state
            .models
            .get_mut(&id)
            .filter(|model| model.latest.version == version && model.phase != Phase::Deleting)
    }

    /// An asset's state as it is seen from outside.
    pub(crate) fn asset_phase(&self, asset: &super::Asset) -> Phase {
        let locked = self
            .state
            .models
            .get(&asset.model)
            .is_some_and(|model| matches!(model.phase, Phase::Updating | Phase::Propagating));
        if asset.phase == Phase::Active && locked { Phase::Updating } else { asset.phase }
    }
}
