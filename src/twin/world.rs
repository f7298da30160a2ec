//! The desired world: models, assets and the plan that brings them about, kept in step.

use std::collections::BTreeSet;

use super::assets::{self, AssetIx, Assets};
use super::counts::Counts;
use super::identity::{Address, PropertyRole};
use super::models::{self, Cap, ModelIx, Models, PropertyIx};
use super::plan::Plan;
use super::{Config, names};
use crate::sitewise::api::DataType;
use crate::sparkplug::address::Source;
use crate::time::Instant;

/// Model of every group.
const GROUP_MODEL: &str = "Sparkplug Group";
/// Model of edge nodes without plain metrics, and the beginning of the names of others.
const NODE_MODEL: &str = "Sparkplug Edge Node";
/// Model of devices without plain metrics, and the beginning of the names of others.
const DEVICE_MODEL: &str = "Sparkplug Device";
/// Model of the bridge's own asset.
const BRIDGE_MODEL: &str = "Sparkwise Bridge";

/// The property by which a node or device tells that it is alive.
pub(super) const ONLINE: &str = "Online";

/// Desired models and assets, and the plan.
#[derive(Debug)]
pub(super) struct World {
    pub models: Models,
    pub assets: Assets,
    pub plan: Plan,
    pub counts: Counts,
    assets_per_model: usize,
    changed: BTreeSet<ModelIx>,
}

/// The properties by which a node or device tells that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PresenceProperties {
    pub online: PropertyIx,
    pub last_birth: PropertyIx,
    pub last_death: PropertyIx,
    /// Sequence gaps and rebirths, of an edge node.
    pub session: Option<(PropertyIx, PropertyIx)>,
}

impl World {
    pub(super) fn new(config: &Config, seed: u64) -> Self {
        Self {
            models: Models::new(
                config.namespace,
                config.model_prefix.clone(),
                config.max_models,
                config.max_properties,
            ),
            assets: Assets::new(config.namespace, config.max_assets),
            plan: Plan::new(config.namespace, config.rates, seed),
            counts: Counts::default(),
            assets_per_model: config.assets_per_model,
            changed: BTreeSet::new(),
        }
    }

    /// Takes the names that SiteWise's assets have already.
    pub(super) fn take_known_names(&mut self) {
        for asset in self.plan.known_assets() {
            if let Some(model) = self.models.by_id(asset.model) {
                self.assets.is_there(model, &asset.name);
            }
        }
    }

    /// Tells the plan what changed since the last time.
    pub(super) fn settle_changes(&mut self, now: Instant) {
        for model in std::mem::take(&mut self.changed) {
            self.models.shrink(model);
            self.plan.model_wanted(model, &self.models, now);
        }
    }

    /// The model of a template, or one of the built-in ones.
    pub(super) fn model(&mut self, name: &str, description: Option<&str>) -> Result<ModelIx, Cap> {
        let models = self.models.iter().count();
        let ix = self.models.named(name, description)?;
        if ix.0 as usize >= models {
            self.changed.insert(ix);
        }
        Ok(ix)
    }

    /// A property of a model.
    pub(super) fn property(
        &mut self,
        model: ModelIx,
        wanted: models::Wanted<'_>,
    ) -> Result<PropertyIx, Cap> {
        let (property, made) = self.models.property(model, wanted)?;
        if made {
            self.changed.insert(model);
        }
        Ok(property)
    }

    /// A property by which the bridge tells what it knows itself.
    pub(super) fn presence(
        &mut self,
        model: ModelIx,
        name: &str,
        data_type: DataType,
        unit: Option<&str>,
    ) -> Result<PropertyIx, Cap> {
        let path = &[name];
        let role = PropertyRole::Presence;
        self.property(
            model,
            models::Wanted { role, path, name: None, data_type, unit, default: None },
        )
    }

    /// An asset, under its parent if the tree has a place for it.
    pub(super) fn asset(&mut self, wanted: assets::Wanted<'_>) -> Result<AssetIx, Cap> {
        let id = self.assets.id(wanted.address);
        let known = self.plan.known_asset(id).cloned();
        let mut wanted = wanted;
        if let Some(known) = &known {
            let name = self.plan.known_model_name(known.model).unwrap_or("");
            wanted.model = self.models.known(known.model, name);
            self.changed.insert(wanted.model);
        } else if self.assets.by_id(id).is_none() {
            wanted.model = self.roomy(wanted.model)?;
        }
        let (ix, made) =
            self.assets.want(wanted, known.as_ref().map(|known| known.name.as_str()))?;
        if made {
            self.plan.asset_wanted(ix, &self.assets);
            if let Some(parent) = wanted.parent {
                let above = self.assets.get(parent).model;
                let below = self.assets.get(ix).model;
                self.place(above, below);
            }
        }
        Ok(ix)
    }

    /// The model, or the first one like it that has room for another asset.
    fn roomy(&mut self, base: ModelIx) -> Result<ModelIx, Cap> {
        let each = self.assets_per_model;
        let mut model = base;
        let mut number = 1;
        while self.assets.of_model(model) >= each {
            number += 1;
            let (part, made) = self.models.part(base, number, each)?;
            if made {
                self.changed.insert(part);
                let below: Vec<_> =
                    self.models.get(base).hierarchies.iter().map(|(child, _)| *child).collect();
                for child in below {
                    self.place(part, child);
                }
            }
            model = part;
        }
        Ok(model)
    }

    /// A model, and those like it for which it has no room.
    pub(super) fn with_parts(&self, base: ModelIx) -> Vec<ModelIx> {
        let parts = self.models.parts(base, self.assets_per_model);
        std::iter::once(base).chain(parts).collect()
    }

    /// Makes a place for a model's assets under another's.
    pub(super) fn place(&mut self, above: ModelIx, below: ModelIx) {
        match self.models.hierarchy(above, below) {
            Ok(true) => {
                // The one below is looked at as well, for the other waits until it is usable.
                self.changed.extend([above, below]);
            }
            Ok(false) => {}
            Err(_) => self.counts.tree_full += 1,
        }
    }

    /// The asset of the bridge itself, with its heartbeat.
    pub(super) fn bridge(&mut self, host_id: &str) -> Result<(AssetIx, PropertyIx), Cap> {
        let about = "Sparkwise bridges; the heartbeat is written once a minute";
        let model = self.model(BRIDGE_MODEL, Some(about))?;
        let address = Address::Bridge(host_id);
        let asset =
            self.asset(assets::Wanted { address: &address, name: host_id, model, parent: None })?;
        let model = self.assets.get(asset).model;
        let heartbeat = self.presence(model, "Heartbeat", DataType::Double, Some("ms"))?;
        Ok((asset, heartbeat))
    }

    /// The asset of an edge node or device, with all that is above it.
    ///
    /// `plain` are the names and types of its plain metrics: they pick the model of an asset
    /// that is not there yet.
    pub(super) fn source(
        &mut self,
        source: &Source,
        plain: &[(&str, DataType)],
    ) -> Result<AssetIx, Cap> {
        let (kind, parent, name) = match &source.device {
            None => (NODE_MODEL, self.group(&source.edge.group)?, &source.edge.node),
            Some(device) => {
                let node = Source { edge: source.edge.clone(), device: None };
                (DEVICE_MODEL, self.source(&node, &[])?, device)
            }
        };
        let address = Address::Source(source);
        let id = self.assets.id(&address);
        let model = match (self.assets.by_id(id), self.plan.known_asset(id)) {
            (Some(ix), _) => return Ok(ix),
            // It keeps the model that it was created with.
            (None, Some(known)) => {
                let name = self.plan.known_model_name(known.model).unwrap_or("");
                self.models.known(known.model, name)
            }
            (None, None) if plain.is_empty() => self.model(kind, None)?,
            (None, None) => {
                let (name, about) = names::model_of_set(kind, plain);
                self.model(&name, Some(&about))?
            }
        };
        self.asset(assets::Wanted { address: &address, name, model, parent: Some(parent) })
    }

    fn group(&mut self, group: &str) -> Result<AssetIx, Cap> {
        let model = self.model(GROUP_MODEL, None)?;
        let address = Address::Group(group);
        self.asset(assets::Wanted { address: &address, name: group, model, parent: None })
    }

    /// The presence of a node's or device's asset.
    pub(super) fn presence_of(
        &mut self,
        asset: AssetIx,
        is_node: bool,
    ) -> Result<PresenceProperties, Cap> {
        let model = self.assets.get(asset).model;
        let online = self.presence(model, ONLINE, DataType::Boolean, None)?;
        let last_birth = self.presence(model, "Last birth", DataType::Double, Some("ms"))?;
        let last_death = self.presence(model, "Last death", DataType::Double, Some("ms"))?;
        let session = if is_node {
            let gaps = self.presence(model, "Sequence gaps", DataType::Integer, None)?;
            let rebirths = self.presence(model, "Rebirths", DataType::Integer, None)?;
            Some((gaps, rebirths))
        } else {
            None
        };
        Ok(PresenceProperties { online, last_birth, last_death, session })
    }
}
