//! Which devices of plain metrics are of one kind (share a model).
//!
//! Nothing in Sparkplug says that two devices are alike, so it is inferred from their tags: a
//! device joins the model that another one founded where at least four fifths of the tags are
//! common, counted against the larger of the two sets. Names, types and units are what is compared.
//! A unit is shown for all assets of a model, so one that differs keeps a device away.
//!
//! The founder may have lacked optional tags of its kind. So a device is compared with the
//! founder's tags and with each extension of them by the tags that joined first, up to 5/4 of their
//! number: whoever joins has at least three quarters of the founder's tags, and a kind cannot
//! drift.

mod known;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::RangeInclusive;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::{DesiredModels, ModelIx};
use crate::sparkplug::address::Source;
use crate::sparkplug::text;
use crate::twin::caps::Cap;
use crate::twin::identity::{Address, PropertyRole};
use crate::twin::mapping::ValueForm;
use crate::twin::property::DesiredProperty;
use crate::twin::{assets, names};

/// Buckets of a [`NameSketch`].
const BUCKETS: usize = 64;
/// What an earlier version put before the hash that it called a kind's model.
const OLD_NAMES: [(&str, KindScope); 2] =
    [("Sparkplug Edge Node ", KindScope::Node), ("Sparkplug Device ", KindScope::Device)];

/// Whose kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KindScope {
    Node,
    Device,
}

impl KindScope {
    fn source(source: &Source) -> Self {
        if source.device.is_some() { Self::Device } else { Self::Node }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Node => "edge node",
            Self::Device => "device",
        }
    }
}

/// What the assets of a model have in common.
#[derive(Clone, Debug)]
pub(super) struct DeviceKind {
    scope: KindScope,
    /// How many tags its founder had: the first members of the model.
    founder_tags: usize,
    /// That number is not known: it is that of all members, of which the first were the founder's.
    is_unsure: bool,
    sketch: NameSketch,
    /// Those of them that are called otherwise in SiteWise than their tags, and are not in the
    /// sketch.
    renamed: usize,
}

/// Of a kind whose founder's number of tags is not known, the members are this many times as many at
/// most.
const UNSURE: usize = 4;

impl DeviceKind {
    /// How many tags its founder had at least.
    fn fewest(&self) -> usize {
        if self.is_unsure { self.founder_tags.div_ceil(UNSURE) } else { self.founder_tags }
    }

    /// How many tags the largest set has that a device is compared with, of a model with this many
    /// members.
    fn largest(&self, members: usize) -> usize {
        self.founder_tags.max(members.min(self.founder_tags.saturating_mul(5) / 4))
    }
}

/// How many tags have to be common to a set of `one` and one of `other`.
fn needed(one: usize, other: usize) -> usize {
    (one.max(other) * 4).div_ceil(5)
}

/// How many names fall into each bucket: two sets differ by at least as much as their sketches.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NameSketch([u16; BUCKETS]);

impl NameSketch {
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut places = [0_u16; BUCKETS];
        for name in names {
            let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            // Names often differ in their last byte alone, which is spread over all bits first.
            let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if let Some(place) = places.get_mut((spread >> 58) as usize) {
                *place = place.saturating_add(1);
            }
        }
        Self(places)
    }

    fn distance(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).map(|(a, b)| usize::from(a.abs_diff(*b))).sum()
    }
}

/// The plain metrics of a node or device: what its kind is recognized by.
#[derive(Debug, Default)]
pub(crate) struct Tags<'a>(FxHashMap<Cow<'a, str>, (ValueForm, Option<String>)>);

impl<'a> Tags<'a> {
    /// Of names, forms and units, the first of a name.
    pub(crate) fn new(tags: impl Iterator<Item = (&'a str, ValueForm, Option<&'a str>)>) -> Self {
        let mut all = FxHashMap::default();
        for (name, form, unit) in tags {
            // After a restart the name that people see is all that is known of those in the model.
            all.entry(text::shown(name)).or_insert_with(|| (form, unit.and_then(names::unit)));
        }
        Self(all)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Tags by the ids that they have in one model.
type TagsById<'a> = OnceCell<FxHashMap<Uuid, &'a (ValueForm, Option<String>)>>;

/// What a founder is called in the description of the model that it founded.
const FOUNDER: &str = "Founded by ";

/// Kinds of one founder that are looked for: it founds another one where its asset was deleted and
/// its tags have become others.
const FOUNDED: usize = 16;

/// Who founds a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KindCandidate<'a> {
    pub(crate) founder: &'a Source,
    pub(crate) tags: &'a Tags<'a>,
}

impl DesiredModels {
    /// The model of the kind that a node or device belongs to, if there is one.
    pub(crate) fn find_kind(
        &self,
        KindCandidate { founder, tags }: KindCandidate<'_>,
    ) -> Option<ModelIx> {
        let (of, count) = (KindScope::source(founder), tags.0.len());
        let sketch = NameSketch::of(tags.0.keys().map(|name| &**name));
        let mut best = None;
        for (ix, model) in self.iter() {
            let Some(kind) = model.kind.as_deref().filter(|kind| kind.scope == of) else {
                continue;
            };
            // The tags of a model are not known until it is described.
            if kind.founder_tags == 0 || count == 0 || kind.fewest() / 2 > count {
                continue;
            }
            // Of the tags in common, at least this many have to be among the founder's.
            let largest = kind.largest(model.properties.len());
            let required = needed(largest, count).saturating_sub(largest - kind.founder_tags);
            let is_apart = || {
                kind.founder_tags.min(count) < required
                    || kind.sketch.distance(&sketch)
                        > kind.founder_tags + count - 2 * required + kind.renamed
            };
            if !kind.is_unsure && is_apart() {
                continue;
            }
            if let Some(common) = self.common(ix, kind.fewest()..=largest, tags)
                && best.is_none_or(|(best, _)| common > best)
            {
                best = Some((common, ix));
            }
        }
        best.map(|(_, ix)| ix)
    }

    /// How many of the tags are the model's too, of its first members, as many as `sets` allows;
    /// none if these are too few in each of the sets, or if a unit differs.
    fn common(&self, ix: ModelIx, sets: RangeInclusive<usize>, tags: &Tags<'_>) -> Option<usize> {
        let (mut common, mut best, mut size) = (0, None, 0);
        let by_id = TagsById::new();
        let members = self.get(ix).properties.iter();
        let members = members.filter(|property| property.role == PropertyRole::Member);
        for member in members {
            if sets.contains(&size) && common >= needed(size, tags.0.len()) {
                best = best.max(Some(common));
            }
            size += 1;
            let Some((_, unit)) = self.tag_of(ix, member, tags, &by_id) else { continue };
            if unit.as_deref() != member.unit.as_deref() {
                return None;
            }
            common += usize::from(size <= *sets.end());
        }
        if sets.contains(&size) && common >= needed(size, tags.0.len()) {
            best = best.max(Some(common));
        }
        best
    }

    /// Whether a model has any of the tags.
    pub(crate) fn has_any(&self, ix: ModelIx, tags: &Tags<'_>) -> bool {
        let mut members = self.get(ix).properties.iter();
        members.any(|member| {
            let mut path = member.path();
            let name = path.next().filter(|_| path.next().is_none());
            member.role == PropertyRole::Member
                && name.is_some_and(|name| tags.0.contains_key(&*text::shown(name)))
        }) || self.ids(ix, tags).any(|(id, _)| self.get(ix).property_ix(id).is_some())
    }

    /// The ids that tags have in a model.
    fn ids<'a>(
        &self,
        ix: ModelIx,
        tags: &'a Tags<'_>,
    ) -> impl Iterator<Item = (Uuid, &'a (ValueForm, Option<String>))> {
        let (namespace, model) = (self.namespace, self.get(ix).id);
        tags.0.iter().map(move |(name, tag)| {
            (namespace.property(model, PropertyRole::Member, &[name], tag.0), tag)
        })
    }

    /// The tag that a member of a model stands for. What SiteWise calls it may not be the tag's name
    /// (`Online (BOOLEAN)`), and until a birth asks for it only its id tells which that is.
    fn tag_of<'a>(
        &self,
        ix: ModelIx,
        member: &DesiredProperty,
        tags: &'a Tags<'_>,
        by_id: &TagsById<'a>,
    ) -> Option<&'a (ValueForm, Option<String>)> {
        let mut path = member.path();
        let name = path.next().filter(|_| path.next().is_none())?;
        let named = tags.0.get(&*text::shown(name)).filter(|(form, _)| *form == member.form);
        if named.is_some() || !member.imported {
            return named;
        }
        by_id.get_or_init(|| self.ids(ix, tags).collect()).get(&member.id).copied()
    }

    /// Whether all that a model has is among the tags.
    fn has_only(&self, ix: ModelIx, tags: &Tags<'_>) -> bool {
        let members = self.get(ix).properties.iter();
        let mut members = members.filter(|property| property.role == PropertyRole::Member);
        let by_id = TagsById::new();
        members.all(|member| {
            let tag = self.tag_of(ix, member, tags, &by_id);
            tag.is_some_and(|(_, unit)| unit.as_deref() == member.unit.as_deref())
        })
    }

    /// The kinds to which a node or device may belong.
    pub(crate) fn kinds_for(&self, source: &Source) -> impl Iterator<Item = ModelIx> {
        let of = KindScope::source(source);
        let is_one =
            move |model: &super::DesiredModel| model.kind.as_deref().is_some_and(|k| k.scope == of);
        self.iter().filter(move |(_, model)| is_one(model)).map(|(ix, _)| ix)
    }

    /// How many tags the founder of a kind had at least; none of a model that is no kind.
    pub(crate) fn founder_tags(&self, ix: ModelIx) -> Option<usize> {
        self.get(ix).kind.as_deref().map(DeviceKind::fewest)
    }

    /// The model that people mean by `name` in `TWIN_KINDS`: the one that was made by that name, or
    /// else the kind that is called so.
    pub(crate) fn named(&self, name: &str, source: &Source) -> Option<ModelIx> {
        let shown = || names::clean(&format!("{}{name}", self.prefix));
        let called = || {
            let shown = shown();
            self.kinds_for(source).find(|ix| self.get(*ix).name == shown)
        };
        self.by_id(self.id_of(name)).or_else(called)
    }

    /// How many kinds there are of edge nodes.
    pub(crate) fn node_kinds(&self) -> usize {
        let kinds = self.list.iter().filter_map(|model| model.kind.as_deref());
        kinds.filter(|kind| kind.scope == KindScope::Node).count()
    }

    /// A model of a kind of its own for `founder`.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_MODELS` is reached.
    pub(crate) fn create_kind(
        &mut self,
        candidate: KindCandidate<'_>,
        name: &str,
    ) -> Result<ModelIx, Cap> {
        let KindCandidate { founder, tags } = candidate;
        let scope = KindScope::source(founder);
        let kind = DeviceKind {
            scope,
            founder_tags: tags.0.len(),
            is_unsure: false,
            sketch: NameSketch::of(tags.0.keys().map(|name| &**name)),
            renamed: 0,
        };
        // It may have been here before, and have founded one. With other tags it is of another kind.
        let mut id = self.namespace.kind(founder, 1);
        for number in 2.. {
            match self.by_id(id) {
                Some(ix) if self.has_only(ix, tags) => return Ok(ix),
                Some(_) => id = self.namespace.kind(founder, number),
                None => break,
            }
        }
        if self.is_full() {
            return Err(Cap::Models);
        }
        let name = self.kind_name(scope, name, id);
        let address = assets::text(&Address::Source(founder));
        let about = format!("{FOUNDER}{address} with {} tags", tags.0.len());
        let ix = self.insert(id, name, names::description(&about));
        self.get_mut(ix).kind = Some(Box::new(kind));
        Ok(ix)
    }

    /// Names a kind after what its machines' names share, as long as it is not in SiteWise.
    pub(crate) fn rename_kind(&mut self, ix: ModelIx, joined: &str) -> bool {
        let model = self.get(ix);
        let Some(of) = model.kind.as_deref().map(|kind| kind.scope) else { return false };
        let bare = model.name.strip_prefix(self.prefix.as_str()).unwrap_or(&model.name);
        let suffix = format!(" ({})", of.as_str());
        let Some(shared) = bare.strip_suffix(&suffix).and_then(|bare| names::shared(bare, joined))
        else {
            return false;
        };
        let name = self.kind_name(of, &shared, model.id);
        self.rename(ix, name);
        true
    }

    /// Gives a kind another name: SiteWise says that the one it has is taken. False for a model
    /// that is no kind, or has such a name already.
    pub(crate) fn rename_taken(&mut self, ix: ModelIx) -> bool {
        let model = self.get(ix);
        let marked = names::with_hash(&model.name, model.id);
        if model.kind.is_none() || model.name == marked {
            return false;
        }
        self.rename(ix, marked);
        true
    }

    /// Gives a model that is not in SiteWise another name, and the places for its assets with it.
    pub(super) fn rename(&mut self, ix: ModelIx, name: String) {
        let external_id = self.namespace.external_id(&name, self.get(ix).id);
        for parent in &mut self.list {
            let taken = parent.hierarchies.iter().any(|(of, has)| *of != ix && has.name == name);
            let place = parent.hierarchies.iter_mut().find(|(of, _)| *of == ix);
            match place {
                Some((_, place)) if !taken => place.name.clone_from(&name),
                // It has had none so far.
                Some((_, place)) if place.name.is_empty() => {
                    place.name = names::with_hash(&name, place.id);
                }
                Some(_) | None => {}
            }
        }
        let model = self.get_mut(ix);
        model.name = name;
        model.external_id = external_id;
    }

    /// A name for a kind that no other model has, as far as is known.
    fn kind_name(&self, of: KindScope, name: &str, id: Uuid) -> String {
        let word = format!("({})", of.as_str());
        let name = names::with_suffix(&names::clean(&format!("{}{name}", self.prefix)), &word);
        self.free_model_name(name, id)
    }

    /// The model of a kind turned out to be another one: nobody joins the first any more.
    pub fn move_kind(&mut self, from: ModelIx, to: ModelIx) {
        let kind = self.get_mut(from).kind.take();
        let to = self.get_mut(to);
        to.kind = to.kind.take().or(kind);
    }

    /// A model is not ours: nobody else joins it.
    pub fn forget_kind(&mut self, ix: ModelIx) {
        self.get_mut(ix).kind = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::address::EdgeNode;
    use crate::twin::identity::Namespace;
    use crate::twin::models::PropertyRequest;

    /// Most kinds are passed over by their sketch: names are not looked up in them.
    #[test]
    fn sketches_of_different_tags_are_apart_and_never_further_than_their_tags() {
        let names: Vec<_> = (0..200).map(|n| format!("Tag {n}")).collect();
        let of = |range: std::ops::Range<usize>| NameSketch::of(names[range].iter().map(|n| &**n));
        assert_eq!(of(0..50).distance(&of(0..50)), 0);
        assert_eq!(of(0..50).distance(&of(0..57)), 7);
        let apart = of(0..50).distance(&of(100..150));
        assert!((40..=100).contains(&apart), "{apart}");
        let places = of(0..200).0.iter().filter(|count| **count > 0).count();
        assert!(places > BUCKETS * 3 / 4, "{places}");
    }

    fn doubles(names: [&str; 5]) -> Tags<'_> {
        Tags::new(names.into_iter().map(|name| (name, ValueForm::Double, None)))
    }

    /// Not even where their names fall on the same places as those that are missing.
    #[test]
    fn what_a_kind_got_later_is_not_taken_for_what_its_founder_had() {
        let place = |name: &str| NameSketch::of(std::iter::once(name));
        let like = |name: &str| {
            let mut names = (0..10_000).map(|n| format!("x{n}"));
            names.find(|other| place(other) == place(name)).unwrap()
        };
        let (later, other) = (like("d"), like("e"));
        let mut models = DesiredModels::new(Namespace::new("test"), String::new(), 10, 10);
        let founder = Source { edge: EdgeNode::new("Nordsee", "gw"), device: Some("one".into()) };
        let founded = doubles(["a", "b", "c", "d", "e"]);
        let candidate = KindCandidate { founder: &founder, tags: &founded };
        let ix = models.create_kind(candidate, "one").unwrap();
        for name in ["a", "b", "c", "d", "e", &later] {
            let (role, path) = (PropertyRole::Member, &[name]);
            let form = ValueForm::Double;
            let wanted =
                PropertyRequest { role, path, name: None, form, unit: None, default: None };
            models.ensure_property(ix, wanted).unwrap();
        }
        let tags = doubles(["a", "b", "c", &later, &other]);
        assert_eq!(models.find_kind(KindCandidate { founder: &founder, tags: &tags }), None);
        assert_eq!(models.find_kind(candidate), Some(ix));
    }
}
