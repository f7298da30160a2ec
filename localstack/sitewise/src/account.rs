//! Everything that one AWS account holds in one region, and the operations upon it.
//!
//! An account is a plain state machine: each operation takes its typed input and the time, and
//! gives its output. It does no I/O, reads no clock and is not shared; the server holds it in a
//! mutex. Asynchronous states are steps in a queue, carried out by [`Account::settle`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::Limits;
use crate::options::{EntriesPerSecond, Notify, Options};
use crate::values::point::Point;
use crate::values::stream::{StreamKey, Streams};
use crate::wire::error::{Error, Kind, Resource, Result};
use crate::wire::reference::Reference;
use crate::wire::time::Moment;

pub(crate) mod aliases;
pub(crate) mod asset;
pub(crate) mod asset_properties;
pub(crate) mod assets;
pub(crate) mod composites;
pub(crate) mod configuration;
pub(crate) mod define;
pub(crate) mod definition;
pub(crate) mod describe_models;
pub(crate) mod expressions;
pub(crate) mod jobs;
pub(crate) mod list_assets;
pub(crate) mod model;
pub(crate) mod models;
pub(crate) mod output;
pub(crate) mod states;
pub(crate) mod tags;
pub(crate) mod time_series;
pub(crate) mod tree;
pub(crate) mod update_models;

use asset::Asset;
use model::AssetModel;
use states::Step;

/// What an account is told at its making and keeps.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) create_delay: Duration,
    pub(crate) update_delay: Duration,
    pub(crate) conflict_delay: Duration,
    pub(crate) read_delay: Duration,
    pub(crate) import_delay: Duration,
    pub(crate) limits: Limits,
    pub(crate) double_limit: f64,
    pub(crate) history_per_stream: usize,
    pub(crate) entries_per_second: EntriesPerSecond,
    pub(crate) notify: Option<Notify>,
}

/// The state that survives a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) models: BTreeMap<Uuid, AssetModel>,
    pub(crate) assets: BTreeMap<Uuid, Asset>,
    pub(crate) properties: aliases::Properties,
    pub(crate) streams: Streams,
    pub(crate) storage: configuration::Storage,
    pub(crate) logging: configuration::Logging,
    /// Steps of asynchronous states, by the time they are due.
    pub(crate) steps: BinaryHeap<Reverse<(Moment, u64, Step)>>,
    pub(crate) steps_made: u64,
    /// Values that were taken and cannot be read yet, with the time from which on they can.
    pub(crate) unreadable: VecDeque<(Moment, StreamKey, Point)>,
    /// Bulk import jobs.
    pub(crate) jobs: BTreeMap<Uuid, jobs::Job>,
}

/// Look-ups made from the state.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) model_names: HashMap<Box<str>, Uuid>,
    pub(crate) model_externals: HashMap<Box<str>, Uuid>,
    pub(crate) asset_externals: HashMap<Box<str>, Uuid>,
    /// Assets by model, then by name: names are unique within a model.
    pub(crate) model_assets: BTreeMap<Uuid, BTreeMap<Box<str>, Uuid>>,
    /// The same by id, in the order of lists.
    pub(crate) assets_of: BTreeSet<(Uuid, Uuid)>,
    /// Assets without a parent.
    pub(crate) roots: BTreeSet<Uuid>,
}

/// One account in one region.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) setting: Setting,
    pub(crate) state: State,
    pub(crate) index: Index,
    /// Jobs whose files are being read.
    pub(crate) importing: BTreeSet<Uuid>,
    /// The name of the model whose creation or update, under way now, shall end FAILED.
    pub(crate) doomed: Option<String>,
    /// Counts changes, so that an unchanged state is not written again.
    pub(crate) changes: u64,
}

impl Account {
    pub(crate) fn new(options: &Options) -> Self {
        let setting = Setting {
            account: options.account.clone(),
            region: options.region.clone(),
            create_delay: options.create_delay,
            update_delay: options.update_delay,
            conflict_delay: options.conflict_delay,
            read_delay: options.read_delay,
            import_delay: options.import_delay,
            limits: options.limits.clone(),
            double_limit: options.double_limit,
            history_per_stream: options.history_per_stream.max(1),
            entries_per_second: options.entries_per_second,
            notify: options.notify.clone(),
        };
        Self {
            setting,
            state: State::default(),
            index: Index::default(),
            importing: BTreeSet::new(),
            doomed: None,
            changes: 0,
        }
    }

    /// Takes over a state that was kept, and makes its look-ups.
    pub(crate) fn restore(&mut self, state: State) {
        let mut index = Index::default();
        for (id, model) in &state.models {
            index.model_names.insert(model.latest.name.clone(), *id);
            if let Some(external) = &model.external_id {
                index.model_externals.insert(external.clone(), *id);
            }
        }
        self.state = state;
        self.index = index;
        let ids: Vec<Uuid> = self.state.assets.keys().copied().collect();
        for id in ids {
            self.index_asset(id);
        }
        self.state.properties.index();
    }

    pub(crate) fn index_asset(&mut self, id: Uuid) {
        let Some(asset) = self.state.assets.get(&id) else { return };
        self.index.model_assets.entry(asset.model).or_default().insert(asset.name.clone(), id);
        self.index.assets_of.insert((asset.model, id));
        if let Some(external) = &asset.external_id {
            self.index.asset_externals.insert(external.clone(), id);
        }
        if asset.parent.is_none() {
            self.index.roots.insert(id);
        }
    }

    fn arn(&self, kind: &str, id: &str) -> String {
        let Setting { account, region, .. } = &self.setting;
        format!("arn:aws:iotsitewise:{region}:{account}:{kind}/{id}")
    }

    pub(crate) fn model_arn(&self, id: Uuid) -> String {
        self.arn("asset-model", &id.to_string())
    }

    pub(crate) fn asset_arn(&self, id: Uuid) -> String {
        self.arn("asset", &id.to_string())
    }

    pub(crate) fn series_arn(&self, key: StreamKey) -> String {
        self.arn("time-series", &key.series_id())
    }

    pub(crate) fn model_resource(&self, id: Uuid) -> Resource {
        Resource { id, arn: self.model_arn(id) }
    }

    pub(crate) fn asset_resource(&self, id: Uuid) -> Resource {
        Resource { id, arn: self.asset_arn(id) }
    }

    /// The id of the asset model that `reference` names.
    ///
    /// # Errors
    ///
    /// `ResourceNotFoundException`.
    pub(crate) fn model_id(&self, reference: &Reference) -> Result<Uuid> {
        match reference {
            Reference::Id(id) => self.state.models.contains_key(id).then_some(*id),
            Reference::External(external) => self.index.model_externals.get(external).copied(),
        }
        .ok_or_else(|| Error::not_found(format!("Asset model {reference} not found")))
    }

    pub(crate) fn model(&self, id: Uuid) -> Result<&AssetModel> {
        self.state
            .models
            .get(&id)
            .ok_or_else(|| Error::not_found(format!("Asset model {id} not found")))
    }

    pub(crate) fn model_mut(&mut self, id: Uuid) -> Result<&mut AssetModel> {
        self.state
            .models
            .get_mut(&id)
            .ok_or_else(|| Error::not_found(format!("Asset model {id} not found")))
    }

    /// The id of the asset that `reference` names.
    ///
    /// # Errors
    ///
    /// `ResourceNotFoundException`.
    pub(crate) fn asset_id(&self, reference: &Reference) -> Result<Uuid> {
        match reference {
            Reference::Id(id) => self.state.assets.contains_key(id).then_some(*id),
            Reference::External(external) => self.index.asset_externals.get(external).copied(),
        }
        .ok_or_else(|| Error::not_found(format!("Asset {reference} not found")))
    }

    pub(crate) fn asset(&self, id: Uuid) -> Result<&Asset> {
        self.state.assets.get(&id).ok_or_else(|| Error::not_found(format!("Asset {id} not found")))
    }

    pub(crate) fn asset_mut(&mut self, id: Uuid) -> Result<&mut Asset> {
        self.state
            .assets
            .get_mut(&id)
            .ok_or_else(|| Error::not_found(format!("Asset {id} not found")))
    }

    /// `ConflictingOperationException` about an asset model.
    pub(crate) fn model_conflict(&self, id: Uuid, message: impl Into<String>) -> Error {
        Error::about(Kind::ConflictingOperation, self.model_resource(id), message)
    }

    /// `ConflictingOperationException` about an asset.
    pub(crate) fn asset_conflict(&self, id: Uuid, message: impl Into<String>) -> Error {
        Error::about(Kind::ConflictingOperation, self.asset_resource(id), message)
    }
}
