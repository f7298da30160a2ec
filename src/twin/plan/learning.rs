//! The initial sync: what exists in SiteWise, read in pages.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::presence::{self, PresenceRead, PriorPresence};
use super::state::Backoff;
use super::step::CallResult;
use super::unread::assets_of;
use super::{Output, Plan, ProvisioningJob};
use crate::delivery::point::Gate;
use crate::sitewise::api::{ApiFault, Asset, ModelSummary, Page, ResourceState};
use crate::sparkplug::address::Source;
use crate::time::{Instant, Timestamp};
use crate::twin::assets::DesiredAssets;
use crate::twin::models::{DesiredModels, ModelIx};

/// An asset that SiteWise had before it was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAsset {
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: Uuid,
    /// The node or device that it stands for, if it stands for one.
    pub(super) source: Option<Source>,
    /// Whether that was online when last written.
    pub(super) online: PriorPresence,
    /// When that was written, if known.
    pub(super) presence_time: Option<Timestamp>,
    pub(super) active: bool,
}

impl KnownAsset {
    /// The node or device that it stands for, if it stands for one.
    pub fn stands_for(&self) -> Option<&Source> {
        self.source.as_ref()
    }
}

/// The pages that are read at the start.
#[derive(Debug, Default)]
pub(super) struct InitialSync {
    /// The page of models that comes next.
    pub(super) models: Option<String>,
    pub(super) models_done: bool,
    /// Models of which it is not known what they have.
    pub(super) undescribed: BTreeSet<ModelIx>,
    pub(super) assets: Vec<AssetList>,
    /// How many of these were not read to their end when all the rest was, and still are not.
    pub(super) unlisted: usize,
    /// Some model was described, or some of its assets listed: SiteWise can be reached.
    pub(super) any_read: bool,
    /// Assets that became known after all the rest was.
    pub(super) known_late: Vec<Uuid>,
    /// Listed assets of nodes and devices whose presence is still to be read.
    pub(super) presence_unread: Vec<Uuid>,
    pub(super) presence: Vec<PresenceRead>,
    /// Listed assets of instances, until the first birth of their node or device.
    pub(super) instances: FxHashMap<Source, Vec<Uuid>>,
    pub(super) done: bool,
    pub(super) tries: Backoff,
}

/// The assets of one model.
#[derive(Debug)]
pub(super) struct AssetList {
    pub(super) model: Uuid,
    /// The page that comes next.
    pub(super) token: Option<String>,
    pub(super) done: bool,
    /// It is read once more, to see whether the model is still there.
    pub(super) again: bool,
    /// SiteWise says that it does not know the model.
    pub(super) missing: bool,
    pub(super) tries: Backoff,
}

impl Plan {
    /// Whether what SiteWise has is known: before, no asset may be wanted.
    pub fn is_synced(&self) -> bool {
        self.learning.done
    }

    /// The asset with this id, if SiteWise had it at the start.
    pub fn known_asset(&self, id: Uuid) -> Option<&KnownAsset> {
        self.known_assets.get(&id)
    }

    /// All assets that SiteWise had at the start.
    pub fn known_assets(&self) -> impl Iterator<Item = &KnownAsset> {
        self.known_assets.values()
    }

    /// Whether all models that SiteWise had at the start are known.
    pub fn models_known(&self) -> bool {
        self.learning.models_done
    }

    /// Whether SiteWise had a model at the start, ready to be used.
    pub fn is_known_usable(&self, id: Uuid) -> bool {
        self.known_models.get(&id).is_some_and(|model| model.state == ResourceState::Active)
    }

    /// The name of a model that SiteWise had at the start.
    pub fn known_model_name(&self, id: Uuid) -> Option<&str> {
        self.known_models.get(&id).map(|model| model.name.as_str())
    }

    pub(super) fn models_listed(
        &mut self,
        answer: Result<CallResult, ApiFault>,
        models: &mut DesiredModels,
        now: Instant,
    ) {
        match answer {
            Ok(CallResult::Models(Page { items, next })) => {
                self.learning.tries = Backoff::default();
                self.learning.models_done = next.is_none();
                self.learning.models = next;
                for model in items {
                    self.model_learned(model, models);
                }
                if self.learning.models_done {
                    // Once all are known: a hierarchy is ours if its child is.
                    let listed: Vec<_> = self.learning.undescribed.iter().copied().collect();
                    listed.into_iter().for_each(|ix| self.mark_dirty(ProvisioningJob::Model(ix)));
                }
                self.finish_learning();
            }
            Ok(_) => {}
            Err(fault) => {
                let tries = Backoff { count: self.learning.tries.count, at: now };
                self.learning.tries = self.backoff(tries, now);
                self.add_problem("list asset models".into(), fault.told());
            }
        }
    }

    fn model_learned(&mut self, model: ModelSummary, models: &mut DesiredModels) {
        if self.namespace.owns(model.id, model.external_id.as_deref()) {
            let ix = models.get_or_import(model.id, &model.name, model.description.as_deref());
            self.known_models.insert(model.id, model.clone());
            self.follow_models(ix, models);
            self.learning.undescribed.insert(ix);
            let list = AssetList {
                model: model.id,
                token: None,
                done: false,
                again: false,
                missing: false,
                tries: Backoff::default(),
            };
            self.mark_dirty(ProvisioningJob::ListAssets(self.learning.assets.len() as u32));
            self.learning.assets.push(list);
        }
    }

    pub(super) fn assets_listed(
        &mut self,
        list: usize,
        answer: Result<CallResult, ApiFault>,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(state) = self.learning.assets.get_mut(list) else {
            return;
        };
        match answer {
            // It is there: what it has was read before.
            Ok(CallResult::Assets(_)) if state.done => state.again = false,
            Ok(CallResult::Assets(Page { items, next })) => {
                let failed = std::mem::take(&mut state.tries).count > 0;
                (state.missing, state.again) = (false, false);
                state.done = next.is_none();
                state.token = next;
                let (model, done) = (state.model, state.done);
                for asset in items {
                    self.import_asset(asset, assets);
                }
                self.learning.any_read = true;
                if failed {
                    let name = self.known_models.get(&model).map(|model| assets_of(&model.name));
                    name.map(|subject| self.problems.remove(&subject));
                    if self.learning.done {
                        self.read_again(now);
                    }
                }
                if done || !self.learning.done {
                    self.finish_learning();
                }
            }
            Ok(_) => {}
            Err(fault) => self.unlisted(list, fault, models, now),
        }
    }

    /// SiteWise has an asset.
    pub(super) fn import_asset(&mut self, asset: Asset, assets: &DesiredAssets) {
        let Asset { id, name, model, description, state, .. } = asset;
        // What was made meanwhile is known.
        if self.learning.done && assets.by_id(id).is_some() {
            return;
        }
        // An asset that is locked by an update of its model accepts values nevertheless.
        let active = matches!(state, ResourceState::Active | ResourceState::Updating);
        let source = presence::source(self.namespace, id, description.as_deref());
        let stands = source.is_some();
        let of = match stands {
            true => None,
            false => presence::instance_of(self.namespace, id, description.as_deref()),
        };
        let online = PriorPresence::Offline;
        let known = KnownAsset { name, model, source, online, presence_time: None, active };
        // A page may repeat items of an earlier one.
        if let Entry::Vacant(place) = self.known_assets.entry(id) {
            place.insert(known);
            self.learning.presence_unread.extend(stands.then_some(id));
            if let Some(of) = of {
                self.learning.instances.entry(of).or_default().push(id);
            }
            if self.learning.done {
                self.learning.known_late.push(id);
                // An earlier process may have left values for it.
                self.outputs.extend(active.then_some(Output::Open(Gate::Asset(id))));
            }
        }
    }

    /// All is known, or all but what cannot be read.
    pub(super) fn finish_learning(&mut self) {
        let unlisted = || self.learning.assets.iter().filter(|list| !list.done);
        let mut undescribed =
            self.learning.undescribed.iter().filter_map(|ix| self.models.get(ix.0 as usize));
        let listed = self.learning.models_done
            && unlisted().all(|list| self.tried_enough(&list.tries))
            && undescribed.all(|state| self.tried_enough(&state.tries));
        let count = unlisted().count();
        self.ask_presence(listed || self.learning.done);
        if self.learning.done {
            self.learning.unlisted = count;
            self.tell_more();
        } else if listed && self.presence_known() {
            self.learning.done = true;
            self.learning.unlisted = count;
            self.problems.remove("list asset models");
            self.outputs.push_back(Output::Learned);
        }
    }
}
