//! Which models' assets are below which: within SiteWise's limits of a tree.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::{DesiredModels, ModelIx};
use crate::sitewise::api::Hierarchy;
use crate::sitewise::limits;
use crate::twin::caps::Cap;
use crate::twin::names;

/// Why a model cannot be below another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeFull {
    /// The parent's model has 30 hierarchies, or 29 and the last is for an overflow level.
    Hierarchies,
    /// The tree has 100 models.
    Models,
    /// The child's model is an ancestor of the parent's.
    Cycle,
}

impl DesiredModels {
    /// Makes a place for children of `child` under assets of `parent`; true if it was made.
    ///
    /// # Errors
    ///
    /// The tree's limits. The last hierarchy of a model is kept for
    /// [`ensure_level`](Self::ensure_level).
    pub fn ensure_hierarchy(&mut self, parent: ModelIx, child: ModelIx) -> Result<bool, TreeFull> {
        if self.hierarchy_id(parent, child).is_some() {
            return Ok(false);
        }
        let (has, foreign) =
            (&self.get(parent).hierarchies, self.get(parent).foreign_counts.1 as usize);
        let level = self.known_level(parent);
        let kept = match level {
            Some(level) if child == level || self.hierarchy_id(parent, level).is_some() => 0,
            Some(_) | None => 1,
        };
        if has.len() + foreign + kept >= limits::HIERARCHIES_PER_MODEL {
            return Err(TreeFull::Hierarchies);
        }
        if self.reaches(child, parent) {
            return Err(TreeFull::Cycle);
        }
        if self.tree_of_both(parent, child) > limits::MODELS_PER_TREE {
            return Err(TreeFull::Models);
        }
        let (child_id, child_name) = {
            let child = self.get(child);
            (child.id, child.name.clone())
        };
        let namespace = self.namespace;
        let parent = self.get_mut(parent);
        let id = namespace.hierarchy(parent.id, child_id);
        let words = format!("{}/{child_name}", parent.name);
        // A child's model may have been called otherwise when its place was made.
        let taken = |name: &str| parent.hierarchies.iter().any(|(_, has)| has.name == name);
        let child_name = match taken(&child_name) {
            true => names::with_hash(&child_name, id),
            false => child_name,
        };
        parent.hierarchies.push((
            child,
            Hierarchy {
                id,
                external_id: namespace.external_id(&words, id),
                name: child_name,
                child_model: child_id,
            },
        ));
        Ok(true)
    }

    /// The hierarchy of `parent` that holds assets of `child`.
    pub fn hierarchy_id(&self, parent: ModelIx, child: ModelIx) -> Option<Uuid> {
        let hierarchies = &self.get(parent).hierarchies;
        hierarchies.iter().find(|(ix, _)| *ix == child).map(|(_, hierarchy)| hierarchy.id)
    }

    /// The model of the assets that hold what assets of `above` have no place for; true if it
    /// was made.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_MODELS` is reached.
    pub fn ensure_level(&mut self, above: ModelIx) -> Result<(ModelIx, bool), Cap> {
        let (base, number) = self.level_below(above);
        let id = self.namespace.level(self.get(base).id, number);
        let known = self.by_id(id);
        if known.is_none() && self.is_full() {
            return Err(Cap::Models);
        }
        let ix = known.unwrap_or_else(|| {
            let name = names::level(&self.get(base).name, number);
            let about = format!("Overflow level for child assets of {}", self.get(base).name);
            let name = self.free_model_name(name, id);
            self.insert(id, name, names::description(&about))
        });
        self.get_mut(ix).level_of = Some((base, number));
        Ok((ix, known.is_none()))
    }

    /// Where the model of [`ensure_level`](Self::ensure_level) is, if there is one.
    fn known_level(&self, above: ModelIx) -> Option<ModelIx> {
        let (base, number) = self.level_below(above);
        self.by_id(self.namespace.level(self.get(base).id, number))
    }

    /// The model that the levels below `above` began with, and the number of the next.
    fn level_below(&self, above: ModelIx) -> (ModelIx, usize) {
        self.get(above).level_of.map_or((above, 1), |(base, number)| (base, number + 1))
    }

    /// Whether `to` is `from`, or may be below it.
    pub fn reaches(&self, from: ModelIx, to: ModelIx) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(ix) = next.pop() {
            if ix == to {
                return true;
            }
            if seen.insert(ix) {
                next.extend(self.get(ix).hierarchies.iter().map(|(child, _)| *child));
            }
        }
        false
    }

    /// How many models the tree has once `parent` and `child` are joined.
    fn tree_of_both(&self, parent: ModelIx, child: ModelIx) -> usize {
        let mut neighbours: FxHashMap<ModelIx, Vec<ModelIx>> = FxHashMap::default();
        for (ix, model) in self.iter() {
            for (below, _) in &model.hierarchies {
                neighbours.entry(ix).or_default().push(*below);
                neighbours.entry(*below).or_default().push(ix);
            }
        }
        let mut seen = BTreeSet::new();
        let mut next = vec![parent, child];
        while let Some(ix) = next.pop() {
            if seen.insert(ix) {
                next.extend(neighbours.get(&ix).into_iter().flatten());
            }
        }
        seen.len()
    }
}
