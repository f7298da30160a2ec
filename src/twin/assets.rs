//! Desired assets: one for every group, node, device and template instance.

mod alive;

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;

use super::caps::Cap;
use super::identity::{Address, Namespace, short_hash};
use super::models::ModelIx;
use super::names;
use crate::sparkplug::address::Source;
use crate::sparkplug::text::shown;

/// Index of an asset among the desired ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetIx(pub u32);

/// An asset as wanted.
#[derive(Debug)]
pub struct DesiredAsset {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: Arc<str>,
    /// Its address, slashes between its parts.
    pub address: Box<str>,
    /// What SiteWise says of it, where the address could not be read from itself there.
    pub description: Option<Box<str>>,
    /// Its model.
    pub model: ModelIx,
    /// The asset above it.
    pub parent: Option<AssetIx>,
    /// What it stands for.
    pub kind: AssetKind,
    /// How many assets are right below it.
    pub children: u32,
    /// Whether SiteWise had it at the start.
    pub known: AtStart,
}

/// Whether SiteWise had an asset at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtStart {
    /// It is made here.
    No,
    /// It had, and what it shows of its attributes has not been read.
    Unread,
    /// It had, and that has been read.
    Read,
}

/// What an asset stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetKind {
    /// The bridge itself.
    Bridge,
    /// A Sparkplug group.
    Group,
    /// An edge node or a device.
    Source(Box<Source>),
    /// A template instance, or what a node or device has besides.
    Instance,
    /// The overflow level of this number below an asset.
    Level(AssetIx, usize),
}

impl AssetKind {
    /// Whether no value is ever written to it.
    pub fn is_without_values(&self) -> bool {
        match self {
            Self::Group | Self::Level(..) => true,
            Self::Bridge | Self::Source(_) | Self::Instance => false,
        }
    }
}

/// A request for an asset.
#[derive(Clone, Debug)]
pub struct AssetRequest<'a> {
    /// Its address.
    pub address: &'a Address<'a>,
    /// What people call it.
    pub name: &'a str,
    /// Its model, if it has to be made.
    pub model: ModelIx,
    /// The asset above it.
    pub parent: Option<AssetIx>,
    /// Its kind.
    pub kind: AssetKind,
}

/// All desired assets.
#[derive(Debug)]
pub struct DesiredAssets {
    namespace: Namespace,
    max: usize,
    /// How many SiteWise has, or will have.
    existing: usize,
    /// Whether the cap is ignored: the ancestors of an existing asset are always created.
    pub ignore_cap: bool,
    list: Vec<DesiredAsset>,
    by_id: FxHashMap<Uuid, AssetIx>,
    of_model: BTreeSet<(ModelIx, Arc<str>)>,
    /// How many assets each model has in SiteWise, or will have.
    count: FxHashMap<ModelIx, usize>,
    /// Every asset under its parent; those without one under none.
    of_parent: BTreeSet<(Option<AssetIx>, Arc<str>, AssetIx)>,
    /// Nodes and devices that have died since.
    dead: FxHashSet<AssetIx>,
}

impl DesiredAssets {
    /// None yet; at most `max`.
    pub fn new(namespace: Namespace, max: usize) -> Self {
        Self {
            namespace,
            max,
            existing: 0,
            ignore_cap: false,
            list: Vec::new(),
            by_id: FxHashMap::default(),
            of_model: BTreeSet::new(),
            count: FxHashMap::default(),
            of_parent: BTreeSet::new(),
            dead: FxHashSet::default(),
        }
    }

    /// The namespace, which was not known; no asset is wanted yet.
    pub fn set_namespace(&mut self, namespace: Namespace) {
        self.namespace = namespace;
    }

    /// The id of the asset for an address, whether it is wanted or not.
    pub fn id(&self, address: &Address<'_>) -> Uuid {
        self.namespace.asset(address)
    }

    /// How many assets of `model` SiteWise has, or will have.
    pub fn of_model(&self, model: ModelIx) -> usize {
        self.count.get(&model).copied().unwrap_or_default()
    }

    /// Remembers that SiteWise has an asset of `model` already that is called `name`.
    pub fn note_existing(&mut self, model: ModelIx, name: &str) {
        *self.count.entry(model).or_default() += 1;
        self.existing += 1;
        self.of_model.insert((model, name.into()));
    }

    /// Whether another one can be made: what SiteWise had at the start counts as well.
    pub fn has_room(&self) -> bool {
        self.ignore_cap || self.existing < self.max
    }

    /// The asset for an address, made if there is none; true if it was made.
    ///
    /// `existing` is the name it has in SiteWise, if it is there.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_ASSETS` is reached.
    pub fn get_or_create(
        &mut self,
        wanted: AssetRequest<'_>,
        existing: Option<&str>,
    ) -> Result<(AssetIx, bool), Cap> {
        let id = self.id(wanted.address);
        if let Some(ix) = self.by_id.get(&id) {
            return Ok((*ix, false));
        }
        if existing.is_none() && !self.has_room() {
            return Err(Cap::Assets);
        }
        let (address, description) = match wanted.kind {
            AssetKind::Level(above, number) => {
                (names::level(&self.get(above).address, number), None)
            }
            _ => {
                let text = text(wanted.address);
                (shown(&text).into_owned(), names::escaped_address(&text).map(Into::into))
            }
        };
        let name: Arc<str> = match existing {
            Some(name) => name.into(),
            None => {
                *self.count.entry(wanted.model).or_default() += 1;
                self.existing += 1;
                self.free_name(&wanted, &address, id).into()
            }
        };
        self.of_model.insert((wanted.model, Arc::clone(&name)));
        let ix = AssetIx(self.list.len() as u32);
        self.of_parent.insert((wanted.parent, Arc::clone(&name), ix));
        if let Some(parent) = wanted.parent {
            self.get_mut(parent).children += 1;
        }
        self.list.push(DesiredAsset {
            id,
            name,
            address: address.into(),
            description,
            model: wanted.model,
            parent: wanted.parent,
            kind: wanted.kind,
            children: 0,
            known: if existing.is_some() { AtStart::Unread } else { AtStart::No },
        });
        self.by_id.insert(id, ix);
        Ok((ix, true))
    }

    /// Puts an asset under another one.
    pub fn move_under(&mut self, ix: AssetIx, parent: AssetIx) {
        let asset = self.get_mut(ix);
        let (old, name) = (asset.parent.replace(parent), Arc::clone(&asset.name));
        self.of_parent.remove(&(old, Arc::clone(&name), ix));
        self.of_parent.insert((Some(parent), name, ix));
        if let Some(old) = old {
            let old = self.get_mut(old);
            old.children = old.children.saturating_sub(1);
        }
        self.get_mut(parent).children += 1;
    }

    /// An asset turned out to be on another model. Returns the one that it was to have.
    pub fn move_to_model(&mut self, ix: AssetIx, to: ModelIx) -> ModelIx {
        let asset = self.get_mut(ix);
        let from = std::mem::replace(&mut asset.model, to);
        let name = Arc::clone(&asset.name);
        if let Some(count) = self.count.get_mut(&from) {
            *count = count.saturating_sub(1);
        }
        *self.count.entry(to).or_default() += 1;
        self.of_model.insert((to, name));
        from
    }

    /// Gives an asset another name: SiteWise says that the one it has is taken. False if it has had
    /// every name that there is for it.
    pub fn rename(&mut self, ix: AssetIx) -> bool {
        let asset = self.get_mut(ix);
        let old = (asset.parent, Arc::clone(&asset.name), ix);
        let by_address = names::clean(&asset.address);
        let hashed = names::with_suffix(&by_address, &short_hash(&[&asset.id.to_string()]));
        if *asset.name == *hashed {
            return false;
        }
        let name = if *asset.name == *by_address { hashed } else { by_address };
        asset.name = name.into();
        let (model, parent, name) = (asset.model, asset.parent, Arc::clone(&asset.name));
        self.of_parent.remove(&old);
        self.of_parent.insert((parent, Arc::clone(&name), ix));
        self.of_model.insert((model, name));
        true
    }

    /// The asset at `ix`.
    pub fn get(&self, ix: AssetIx) -> &DesiredAsset {
        // An index comes from this list alone, and nothing is ever taken out of it.
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        &self.list[ix.0 as usize]
    }

    /// The external id of an asset.
    pub fn external_id(&self, asset: &DesiredAsset) -> String {
        self.namespace.external_id(&asset.address, asset.id)
    }

    /// The asset at `ix`, to be changed.
    pub fn get_mut(&mut self, ix: AssetIx) -> &mut DesiredAsset {
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        &mut self.list[ix.0 as usize]
    }

    /// The asset with this id.
    pub fn by_id(&self, id: Uuid) -> Option<AssetIx> {
        self.by_id.get(&id).copied()
    }

    /// All assets, in the order in which they were first wanted.
    pub fn iter(&self) -> impl Iterator<Item = (AssetIx, &DesiredAsset)> {
        self.list.iter().enumerate().map(|(ix, asset)| (AssetIx(ix as u32), asset))
    }

    /// The assets right below `parent`, or without one, by name; those after `after` alone,
    /// which is one of them.
    pub fn children(
        &self,
        parent: Option<AssetIx>,
        after: Option<AssetIx>,
    ) -> impl Iterator<Item = (AssetIx, &DesiredAsset)> {
        let from = match after {
            Some(ix) => Bound::Excluded((parent, Arc::clone(&self.get(ix).name), ix)),
            None => Bound::Included((parent, "".into(), AssetIx(0))),
        };
        let below = self.of_parent.range((from, Bound::Unbounded));
        below.take_while(move |(of, ..)| *of == parent).map(|(_, _, ix)| (*ix, self.get(*ix)))
    }

    fn has_child(&self, parent: AssetIx, name: &str) -> bool {
        let from = (Some(parent), name.into(), AssetIx(0));
        let next = self.of_parent.range(from..).next();
        next.is_some_and(|(of, found, _)| *of == Some(parent) && **found == *name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// SiteWise's scope of unique asset names is not documented: among siblings and within a
    /// model is assumed, and kept.
    fn free_name(&self, wanted: &AssetRequest<'_>, address: &str, id: Uuid) -> String {
        let free = |name: &String| {
            !self.of_model.contains(&(wanted.model, name.as_str().into()))
                && !wanted.parent.is_some_and(|ix| self.has_child(ix, name))
        };
        let taken = |name: &str| !free(&name.to_owned());
        let hashed = || names::with_suffix(&names::clean(address), &short_hash(&[&id.to_string()]));
        [
            Some(names::clean(wanted.name)),
            names::with_hex_bytes(wanted.name, taken),
            Some(names::clean(address)),
        ]
        .into_iter()
        .flatten()
        .find(free)
        .unwrap_or_else(hashed)
    }
}

/// An address in words: the parts of a Sparkplug topic cannot hold a slash, so the first three
/// can be told apart.
pub(super) fn text(address: &Address<'_>) -> String {
    match address {
        Address::Bridge(host_id) => (*host_id).to_owned(),
        Address::Group(group) => (*group).to_owned(),
        Address::Source(source) => source.to_string(),
        Address::Instance(source, path) => format!("{source}/{}", path.join("/")),
        Address::Tags(source) => names::tags(&source.to_string()),
        Address::Level(above, number) => names::level(&above.to_string(), *number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::address::{EdgeNode, Source};

    #[test]
    fn a_name_that_is_taken_gets_its_address_and_then_a_hash() {
        let mut assets = DesiredAssets::new(Namespace::new("test"), 10);
        let model = ModelIx(0);
        let sources =
            ["a", "b", "c"].map(|node| Source { edge: EdgeNode::new("farm", node), device: None });
        assets.note_existing(model, "farm/c/T1");
        let names: Vec<_> = sources
            .iter()
            .map(|source| {
                let address = Address::Instance(source, &["T1"]);
                let wanted = AssetRequest {
                    address: &address,
                    name: "T1",
                    model,
                    parent: None,
                    kind: AssetKind::Instance,
                };
                let (ix, made) = assets.get_or_create(wanted.clone(), None).unwrap();
                assert!(made);
                assert_eq!(assets.get_or_create(wanted, None), Ok((ix, false)));
                assets.get(ix).name.clone()
            })
            .collect();
        assert_eq!([&*names[0], &*names[1]], ["T1", "farm/b/T1"]);
        assert!(names[2].starts_with("farm/c/T1 "), "{names:?}");
    }

    /// They differ in a byte that nobody can be shown.
    #[test]
    fn of_assets_that_look_alike_the_second_is_told_by_its_bytes() {
        let mut assets = DesiredAssets::new(Namespace::new("test"), 10);
        let source = Source { edge: EdgeNode::new("farm", "gw"), device: None };
        let names = ["T\u{10fee4}", "T\u{10fee5}"].map(|name| {
            let path = [name];
            let address = Address::Instance(&source, &path);
            let wanted = AssetRequest {
                address: &address,
                name,
                model: ModelIx(0),
                parent: None,
                kind: AssetKind::Instance,
            };
            let (ix, _) = assets.get_or_create(wanted, None).unwrap();
            assets.get(ix).name.to_string()
        });
        assert_eq!(names, ["T\u{fffd}", "T\u{fffd} (e5)"]);
    }

    #[test]
    fn a_sibling_of_another_model_keeps_its_name_to_itself() {
        let mut assets = DesiredAssets::new(Namespace::new("test"), 10);
        let parents = ["one", "two"].map(|group| {
            let (address, model) = (Address::Group(group), ModelIx(0));
            let wanted = AssetRequest {
                address: &address,
                name: group,
                model,
                parent: None,
                kind: AssetKind::Group,
            };
            assets.get_or_create(wanted, None).unwrap().0
        });
        let source = Source { edge: EdgeNode::new("farm", "gw"), device: None };
        let mut name = |path: &[&str], model, parent| {
            let address = Address::Instance(&source, path);
            let (model, parent) = (ModelIx(model), Some(parent));
            let wanted = AssetRequest {
                address: &address,
                name: "T1",
                model,
                parent,
                kind: AssetKind::Instance,
            };
            let (ix, _) = assets.get_or_create(wanted, None).unwrap();
            assets.get(ix).name.to_string()
        };
        assert_eq!(name(&["a"], 1, parents[0]), "T1");
        assert_eq!(name(&["b"], 2, parents[1]), "T1");
        assert_eq!(name(&["c"], 3, parents[0]), "farm/gw/c");
    }

    #[test]
    fn an_asset_that_moves_is_a_child_of_its_new_parent_alone() {
        let mut assets = DesiredAssets::new(Namespace::new("test"), 10);
        let mut want = |name: &str, parent| {
            let (address, model) = (Address::Group(name), ModelIx(0));
            let wanted =
                AssetRequest { address: &address, name, model, parent, kind: AssetKind::Group };
            assets.get_or_create(wanted, None).unwrap().0
        };
        let parents @ [old, new] = ["old", "new"].map(|name| want(name, None));
        let moves = want("moves", Some(old));
        want("stays", Some(old));
        assets.move_under(moves, new);
        let below = parents.map(|parent| {
            let names = assets.children(Some(parent), None).map(|(_, child)| &*child.name);
            (assets.get(parent).children, names.collect::<Vec<_>>())
        });
        assert_eq!(below, [(1, vec!["stays"]), (1, vec!["moves"])]);
        assert_eq!(assets.get(moves).parent, Some(new));
    }

    #[test]
    fn a_refused_name_is_changed_twice() {
        let mut assets = DesiredAssets::new(Namespace::new("test"), 1);
        let address = Address::Group("Nordsee");
        let wanted = AssetRequest {
            address: &address,
            name: "N",
            model: ModelIx(0),
            parent: None,
            kind: AssetKind::Group,
        };
        let (ix, _) = assets.get_or_create(wanted.clone(), None).unwrap();
        assert!(assets.rename(ix));
        assert_eq!(&*assets.get(ix).name, "Nordsee");
        assert!(assets.rename(ix));
        assert!(assets.get(ix).name.starts_with("Nordsee "));
        assert!(!assets.rename(ix), "there is no other");
        let other = Address::Group("Alpen");
        let other = AssetRequest { address: &other, ..wanted };
        assert_eq!(assets.get_or_create(other.clone(), None), Err(Cap::Assets));
        // What SiteWise has is never shut out, and counts.
        assert!(assets.get_or_create(other, Some("Alpen")).is_ok());
        let mut assets = DesiredAssets::new(Namespace::new("test"), 2);
        assets.note_existing(ModelIx(0), "a");
        assets.note_existing(ModelIx(0), "b");
        let new = Address::Group("new");
        let new = AssetRequest {
            address: &new,
            name: "n",
            model: ModelIx(0),
            parent: None,
            kind: AssetKind::Group,
        };
        assert_eq!(assets.get_or_create(new, None), Err(Cap::Assets));
    }
}
