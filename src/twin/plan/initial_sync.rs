//! The initial sync: what exists in SiteWise, read in pages.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::api_call::CallResult;
use super::asset_checks::assets_of;
use super::presence::{self, PresenceRead, PriorPresence};
use super::state::Backoff;
use super::{Output, Plan, ProvisioningJob, pages};
use crate::delivery::point::Gate;
use crate::sitewise::api::{ApiFault, Asset, ModelSummary, Page, ResourceState};
use crate::sparkplug::address::Source;
use crate::sparkplug::filter::Heard;
use crate::time::{Instant, Timestamp};
use crate::twin::assets::DesiredAssets;
use crate::twin::identity::Namespace;
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
    /// The namespace is not known yet: without it nothing that SiteWise has is recognised.
    pub(super) is_unnamed: bool,
    /// What this bridge hears.
    pub(super) heard: Heard,
    /// The page of models that comes next.
    pub(super) models: Option<String>,
    pub(super) models_done: bool,
    /// Models of which it is not known what they have.
    pub(super) undescribed: BTreeSet<ModelIx>,
    pub(super) assets: Vec<AssetList>,
    /// Lists that were skipped to complete the sync, and are still unread.
    pub(super) unlisted: usize,
    /// Some model was described, or some of its assets listed: SiteWise can be reached.
    pub(super) is_reachable: bool,
    /// Assets that became known after the sync was complete.
    pub(super) newly_known: Vec<Uuid>,
    /// Assets that were known, and of which it became known since that they are offline.
    pub(super) found_offline: Vec<Uuid>,
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
    pub(super) next_token: Option<String>,
    pub(super) done: bool,
    /// It is read once more, to see whether the model is still there.
    pub(super) is_reread: bool,
    /// SiteWise says that it does not know the model.
    pub(super) missing: bool,
    pub(super) tries: Backoff,
}

/// What the problem is about as long as the namespace is not known.
const NAMESPACE: &str = "determine the AWS account";

impl Plan {
    /// Asks SiteWise nothing until the namespace is known.
    pub(in crate::twin) fn await_namespace(&mut self) {
        self.initial_sync.is_unnamed = true;
    }

    /// Why the namespace is not known yet.
    pub(in crate::twin) fn namespace_unknown(&mut self, why: &str) {
        if self.initial_sync.is_unnamed {
            self.set_problem(NAMESPACE, Some(why.to_owned()));
        }
    }

    /// The namespace that was awaited.
    pub(in crate::twin) fn handle_namespace(&mut self, namespace: Namespace) {
        self.namespace = namespace;
        self.initial_sync.is_unnamed = false;
        self.set_problem(NAMESPACE, None);
    }

    /// Whether the namespace is not known yet.
    pub fn is_unnamed(&self) -> bool {
        self.initial_sync.is_unnamed
    }

    /// Whether what SiteWise has is known: before, no asset may be wanted.
    pub fn is_synced(&self) -> bool {
        self.initial_sync.done
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
        self.initial_sync.models_done
    }

    /// Whether SiteWise had a model at the start, ready to be used.
    pub fn is_known_usable(&self, id: Uuid) -> bool {
        self.known_models.get(&id).is_some_and(|model| model.state == ResourceState::Active)
    }

    /// The name of a model that SiteWise had at the start.
    pub fn known_model_name(&self, id: Uuid) -> Option<&str> {
        self.known_models.get(&id).map(|model| model.name.as_str())
    }

    pub(super) fn handle_models_result(
        &mut self,
        answer: Result<CallResult, ApiFault>,
        models: &mut DesiredModels,
        now: Instant,
    ) {
        match pages::checked(answer, self.initial_sync.models.as_deref()) {
            Ok(CallResult::Models(Page { items, next })) => {
                self.initial_sync.tries = Backoff::default();
                self.problems.remove("list asset models");
                self.initial_sync.models_done = next.is_none();
                self.initial_sync.models = next;
                for model in items {
                    self.import_model(model, models);
                }
                if self.initial_sync.models_done {
                    // Once all are known: a hierarchy is ours if its child is.
                    let listed: Vec<_> = self.initial_sync.undescribed.iter().copied().collect();
                    listed.into_iter().for_each(|ix| self.mark_dirty(ProvisioningJob::Model(ix)));
                }
                self.finish_sync();
            }
            Ok(_) => {}
            Err(fault) => {
                let count = self.initial_sync.tries.count;
                self.initial_sync.tries = self.backoff(Backoff { count, at: now }, now);
                self.initial_sync.models.take_if(|_| !pages::keeps_token(&fault, count));
                self.add_read_problem("list asset models", None, &fault);
            }
        }
    }

    fn import_model(&mut self, model: ModelSummary, models: &mut DesiredModels) {
        // The list may have been begun anew.
        let is_new = !self.known_models.contains_key(&model.id);
        if is_new && self.namespace.owns(model.id, model.external_id.as_deref()) {
            let ix = models.get_or_import(model.id, &model.name, model.description.as_deref());
            self.known_models.insert(model.id, model.clone());
            self.follow_models(ix, models);
            self.initial_sync.undescribed.insert(ix);
            let list = AssetList {
                model: model.id,
                next_token: None,
                done: false,
                is_reread: false,
                missing: false,
                tries: Backoff::default(),
            };
            self.mark_dirty(ProvisioningJob::ListAssets(self.initial_sync.assets.len() as u32));
            self.initial_sync.assets.push(list);
        }
    }

    pub(super) fn handle_assets_result(
        &mut self,
        list: usize,
        answer: Result<CallResult, ApiFault>,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(state) = self.initial_sync.assets.get_mut(list) else {
            return;
        };
        match pages::checked(answer, state.next_token.as_deref()) {
            // It is there: what it has was read before.
            Ok(CallResult::Assets(_)) if state.done => state.is_reread = false,
            Ok(CallResult::Assets(Page { items, next })) => {
                let failed = std::mem::take(&mut state.tries).count > 0;
                (state.missing, state.is_reread) = (false, false);
                state.done = next.is_none();
                state.next_token = next;
                let (model, done) = (state.model, state.done);
                for asset in items {
                    self.import_asset(asset, assets);
                }
                self.initial_sync.is_reachable = true;
                if failed {
                    let name = self.known_models.get(&model).map(|model| assets_of(&model.name));
                    name.map(|subject| self.problems.remove(&subject));
                    if self.initial_sync.done {
                        self.retry_failed_reads(now);
                    }
                }
                if done || !self.initial_sync.done {
                    self.finish_sync();
                }
            }
            Ok(_) => {}
            Err(fault) => self.list_failed(list, fault, models, now),
        }
    }

    /// SiteWise has an asset.
    pub(super) fn import_asset(&mut self, asset: Asset, assets: &DesiredAssets) {
        let Asset { id, name, model, description, state, .. } = asset;
        // What was made meanwhile is known.
        if self.initial_sync.done && assets.by_id(id).is_some() {
            return;
        }
        // An asset that is locked by an update of its model accepts values nevertheless.
        let active = matches!(state, ResourceState::Active | ResourceState::Updating);
        let source = presence::source(self.namespace, id, description.as_deref());
        let of = match &source {
            Some(_) => None,
            None => presence::instance_of(self.namespace, id, description.as_deref()),
        };
        // Whether a machine is online that cannot be heard, or what an instance says that is left
        // out, is not for this bridge to say: another may hear it.
        let heard = self.heard();
        let source = source.filter(|source| heard.source(source));
        let is_taken = || description.as_deref().is_some_and(|path| heard.filter.may_take(path));
        let of = of.filter(|source| heard.source(source) && is_taken());
        let stands = source.is_some();
        let online = PriorPresence::Offline;
        let known = KnownAsset { name, model, source, online, presence_time: None, active };
        // A page may repeat items of an earlier one.
        if let Entry::Vacant(place) = self.known_assets.entry(id) {
            place.insert(known);
            self.initial_sync.presence_unread.extend(stands.then_some(id));
            if let Some(of) = of {
                self.initial_sync.instances.entry(of).or_default().push(id);
            }
            if self.initial_sync.done {
                self.initial_sync.newly_known.push(id);
                // An earlier process may have left values for it.
                self.outputs.extend(active.then_some(Output::Open(Gate::Asset(id))));
            }
        }
    }

    /// All is known, or all but what cannot be read.
    pub(super) fn finish_sync(&mut self) {
        let unlisted = || self.initial_sync.assets.iter().filter(|list| !list.done);
        let mut undescribed =
            self.initial_sync.undescribed.iter().filter_map(|ix| self.models.get(ix.0 as usize));
        let listed = self.initial_sync.models_done
            && unlisted().all(|list| self.is_out_of_retries(&list.tries))
            && undescribed.all(|state| self.is_out_of_retries(&state.tries));
        let count = unlisted().count();
        self.request_presence_reads(listed || self.initial_sync.done);
        if self.initial_sync.done {
            self.initial_sync.unlisted = count;
            self.emit_sync_progress();
        } else if listed && self.presence_known() {
            self.initial_sync.done = true;
            self.initial_sync.unlisted = count;
            self.problems.remove("list asset models");
            self.outputs.push_back(Output::SyncComplete);
        }
    }
}
