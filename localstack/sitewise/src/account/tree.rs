//! The trees: hierarchies between models, associations between assets.
//!
//! Source: API Reference, `AssociateAssets`, `DisassociateAssets`; quotas of the General Reference.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::asset::Link;
use super::definition::Definition;
use super::states::Phase;
use crate::wire::error::{Error, Kind, Result};
use crate::wire::reference::Reference;
use crate::wire::time::Moment;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Association {
    asset_id: Reference,
    hierarchy_id: Reference,
    child_asset_id: Reference,
}

impl Account {
    /// Checks the quotas of the tree that model `id` stands in, were `definition` its content.
    ///
    /// # Errors
    ///
    /// `LimitExceededException`, or `InvalidRequestException` for a ring.
    pub(super) fn check_model_tree(&self, id: Uuid, definition: &Definition) -> Result<()> {
        let limits = &self.setting.limits;
        let own_children: HashSet<Uuid> =
            definition.hierarchies.iter().map(|hierarchy| hierarchy.child_model).collect();
        if own_children.is_empty() {
            return Ok(());
        }
        for child in &own_children {
            if self.model(*child)?.kind == super::model::ModelKind::ComponentModel {
                return Err(Error::invalid("A component model cannot be the child of a hierarchy"));
            }
            if !self.model(*child)?.usable() && *child != id {
                return Err(self
                    .model_conflict(*child, "The child asset model of a hierarchy is not ACTIVE"));
            }
        }
        let mut children: HashMap<Uuid, HashSet<Uuid>> = HashMap::new();
        for model in self.state.models.values() {
            let below = model.latest.hierarchies.iter().map(|hierarchy| hierarchy.child_model);
            children.insert(model.id, below.collect());
        }
        children.insert(id, own_children);
        let mut parents: HashMap<Uuid, HashSet<Uuid>> = HashMap::new();
        for (parent, below) in &children {
            for child in below {
                parents.entry(*child).or_default().insert(*parent);
            }
        }
        if parents.values().any(|parents| parents.len() > limits.parents_per_model) {
            return Err(Error::limit(format!(
                "An asset model has more than {} parents",
                limits.parents_per_model
            )));
        }
        let (above, height) = reach(id, &parents)?;
        let (_, depth) = reach(id, &children)?;
        if height + depth - 1 > limits.hierarchy_depth {
            return Err(Error::limit(format!(
                "The hierarchy is deeper than {}",
                limits.hierarchy_depth
            )));
        }
        let roots = above.iter().filter(|model| parents.get(model).is_none_or(HashSet::is_empty));
        for root in roots {
            let (tree, _) = reach(*root, &children)?;
            if tree.len() > limits.models_per_tree {
                return Err(Error::limit(format!(
                    "The hierarchy has more than {} asset models",
                    limits.models_per_tree
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn associate_assets(&mut self, input: Association, now: Moment) -> Result<Value> {
        let (parent, child) =
            (self.asset_id(&input.asset_id)?, self.asset_id(&input.child_asset_id)?);
        let (hierarchy, child_model) = self.hierarchy(parent, &input.hierarchy_id)?;
        self.check_asset_active(parent)?;
        self.check_asset_active(child)?;
        if self.asset(child)?.model != child_model {
            return Err(Error::invalid(format!(
                "Asset {child} is not of the hierarchy's child asset model"
            )));
        }
        if let Some(link) = self.asset(child)?.parent {
            let message = if link == (Link { asset: parent, hierarchy }) {
                format!("Asset {child} is already associated with asset {parent}")
            } else {
                format!(
                    "Asset {child} is already associated with another parent asset {}",
                    link.asset
                )
            };
            return Err(Error::about(
                Kind::ResourceAlreadyExists,
                self.asset_resource(child),
                message,
            ));
        }
        let siblings = &self.asset(parent)?.children;
        if siblings.len() >= self.setting.limits.children_per_asset {
            let most = self.setting.limits.children_per_asset;
            return Err(Error::limit(format!("Asset {parent} has more than {most} child assets")));
        }
        let name = &self.asset(child)?.name;
        if siblings
            .iter()
            .any(|link| self.asset(link.asset).is_ok_and(|sibling| sibling.name == *name))
        {
            return Err(Error::invalid(format!(
                "Asset {parent} already has a child asset with the name {name}"
            )));
        }
        let mut above = Some(parent);
        while let Some(next) = above {
            if next == child {
                return Err(Error::invalid(format!("Asset {child} stands above asset {parent}")));
            }
            above = self.asset(next)?.parent.map(|link| link.asset);
        }
        let parent_asset = self.asset_mut(parent)?;
        parent_asset.children.push(Link { asset: child, hierarchy });
        parent_asset.updated = now;
        let child_asset = self.asset_mut(child)?;
        child_asset.parent = Some(Link { asset: parent, hierarchy });
        child_asset.updated = now;
        self.index.roots.remove(&child);
        Ok(json!({}))
    }

    pub(crate) fn disassociate_assets(&mut self, input: Association, now: Moment) -> Result<Value> {
        let (parent, child) =
            (self.asset_id(&input.asset_id)?, self.asset_id(&input.child_asset_id)?);
        let (hierarchy, _) = self.hierarchy(parent, &input.hierarchy_id)?;
        self.check_asset_active(parent)?;
        self.check_asset_active(child)?;
        if self.asset(child)?.parent != Some(Link { asset: parent, hierarchy }) {
            return Err(Error::not_found(format!(
                "Asset {child} is not associated with asset {parent}"
            )));
        }
        self.disassociate_where(parent, |link| link.asset == child);
        self.asset_mut(parent)?.updated = now;
        self.asset_mut(child)?.updated = now;
        Ok(json!({}))
    }

    /// Ends those associations of `parent` with its children that `ends` picks.
    pub(super) fn disassociate_where(&mut self, parent: Uuid, ends: impl Fn(&Link) -> bool) {
        let Some(asset) = self.state.assets.get_mut(&parent) else { return };
        let mut ended = Vec::new();
        asset.children.retain(|link| {
            let end = ends(link);
            if end {
                ended.push(link.asset);
            }
            !end
        });
        for child in ended {
            if let Some(child_asset) = self.state.assets.get_mut(&child) {
                child_asset.parent = None;
                self.index.roots.insert(child);
            }
        }
    }

    /// A hierarchy of an asset's model and the child model it leads to.
    pub(super) fn hierarchy(&self, asset: Uuid, reference: &Reference) -> Result<(Uuid, Uuid)> {
        let definition = self.model(self.asset(asset)?.model)?.in_force();
        let found = definition.hierarchies.iter().find(|hierarchy| match reference {
            Reference::Id(id) => hierarchy.id == *id,
            Reference::External(external) => hierarchy.external_id.as_ref() == Some(external),
        });
        found
            .map(|hierarchy| (hierarchy.id, hierarchy.child_model))
            .ok_or_else(|| Error::not_found(format!("Hierarchy {reference} not found")))
    }

    pub(super) fn check_asset_active(&self, id: Uuid) -> Result<()> {
        match self.asset_phase(self.asset(id)?) {
            Phase::Active => Ok(()),
            phase => {
                Err(self.asset_conflict(id, format!("The asset is in state {}", phase.name())))
            }
        }
    }
}

/// Everything that can be reached from `start`, itself included, and the length of the longest way.
fn reach(start: Uuid, next: &HashMap<Uuid, HashSet<Uuid>>) -> Result<(HashSet<Uuid>, usize)> {
    let mut seen = HashSet::from([start]);
    let mut level = HashSet::from([start]);
    let mut depth = 0;
    while !level.is_empty() {
        depth += 1;
        if depth > next.len() + 1 {
            return Err(Error::invalid("The hierarchies form a ring"));
        }
        level = level.iter().filter_map(|model| next.get(model)).flatten().copied().collect();
        seen.extend(level.iter().copied());
    }
    Ok((seen, depth))
}
