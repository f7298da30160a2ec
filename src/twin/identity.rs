//! Identity: every id in SiteWise is a UUIDv5 of what it stands for, so that nothing has to
//! be looked up and nothing can be created twice.
//!
//! The inputs of these ids are a promise: changing one would orphan every twin there is.

use uuid::Uuid;

use super::mapping::ValueForm;
use super::names;
use crate::sitewise::api::PropertyDataType;
use crate::sitewise::limits;
use crate::sparkplug::address::Source;

/// Root of all Sparkwise ids: UUIDv5 of the name `sparkwise` in the DNS namespace.
const ROOT: Uuid = Uuid::from_u128(0x3199_81cc_448e_5b8a_9246_3ec6_5dcc_811d);

/// Slashes of a property's name of which each may stand between two names.
const SLASHES: usize = 8;

/// What an asset stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address<'a> {
    /// The bridge with this host id.
    Bridge(&'a str),
    /// A Sparkplug group.
    Group(&'a str),
    /// An edge node or a device.
    Source(&'a Source),
    /// A template instance: the metric's name, then the names of the members down to it.
    Instance(&'a Source, &'a [&'a str]),
    /// The tags of an edge node or device, where they came after its template instances and have no
    /// place on its own asset.
    Tags(&'a Source),
    /// The `n`th overflow level below the asset with this id, for what has no place right below it.
    Level(Uuid, usize),
}

/// The role of a property on its model; part of its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PropertyRole {
    /// A metric: a member of a template, or a plain metric of a node or device.
    Member,
    /// A template parameter.
    Parameter,
    /// A static property of a metric; its path ends with the property's name.
    Property,
    /// What the bridge itself knows: whether the machine is alive.
    Presence,
}

impl PropertyRole {
    /// Each of them.
    const ALL: [Self; 4] = [Self::Member, Self::Parameter, Self::Property, Self::Presence];

    /// The word that tells clashing names apart.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Parameter => "parameter",
            Self::Property => "property",
            Self::Presence => "presence",
        }
    }
}

/// The namespace of one deployment: an account and region, or what `TWIN_NAMESPACE` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace(Uuid);

impl Namespace {
    /// The namespace named `name`; for an account and region that is `<account>/<region>`.
    pub fn new(name: &str) -> Self {
        Self(derive(ROOT, &["namespace", name]))
    }

    /// Id of the model called `name`, prefix included.
    pub fn model(self, name: &str) -> Uuid {
        derive(self.0, &["model", name])
    }

    /// Id of a property of a model.
    pub fn property(self, model: Uuid, role: PropertyRole, path: &[&str], form: ValueForm) -> Uuid {
        let mut parts = Vec::with_capacity(path.len() + 3);
        parts.extend_from_slice(&["property", role.as_str(), form.as_str()]);
        parts.extend_from_slice(path);
        // The model's id derives from the namespace and its name, so it can stand for both.
        derive(model, &parts)
    }

    /// What a property that SiteWise has under this name stands for, as its id says: its role, the names
    /// down to it, and the form of its values. None if its name is not these names with slashes between
    /// them.
    pub fn recognised(
        self,
        model: Uuid,
        id: Uuid,
        name: &str,
        data_type: PropertyDataType,
    ) -> Option<(PropertyRole, Vec<&str>, ValueForm)> {
        let words: Vec<&str> = name.split('/').collect();
        let slashes = words.len() - 1;
        // Of a name with more slashes only those that stand for members alone, or for none, are tried.
        let tried = 1_u32 << slashes.min(SLASHES);
        let forms = ValueForm::ALL.into_iter().filter(|form| form.data_type() == data_type);
        let forms: Vec<_> = forms.collect();
        (0..tried).find_map(|cuts| {
            let path = match (cuts, slashes > SLASHES) {
                (0, _) => vec![name],
                (1, true) => words.clone(),
                (_, true) => return None,
                (cuts, false) => split(name, cuts),
            };
            let of = |role| {
                let is = |form: &&ValueForm| self.property(model, role, &path, **form) == id;
                forms.iter().find(is).map(|form| (role, *form))
            };
            let (role, form) = PropertyRole::ALL.into_iter().find_map(of)?;
            Some((role, path, form))
        })
    }

    /// Id of the model of the kind that `founder` was the first of. `number` counts the kinds that
    /// it founded, from 1.
    pub fn kind(self, founder: &Source, number: usize) -> Uuid {
        match number {
            1 => self.first_kind(founder),
            number => derive(self.first_kind(founder), &["again", &number.to_string()]),
        }
    }

    fn first_kind(self, founder: &Source) -> Uuid {
        let edge = &founder.edge;
        match &founder.device {
            None => derive(self.0, &["model", "of node", &edge.group, &edge.node]),
            Some(device) => {
                derive(self.0, &["model", "of device", &edge.group, &edge.node, device])
            }
        }
    }

    /// Id of the model of the `number`th level below assets of `parent`.
    pub fn level(self, parent: Uuid, number: usize) -> Uuid {
        derive(parent, &["level", &number.to_string()])
    }

    /// Id of the `number`th model like `base`, for what that has no room for.
    pub fn part(self, base: Uuid, number: usize) -> Uuid {
        derive(base, &["part", &number.to_string()])
    }

    /// Id of the hierarchy of `parent` that holds assets of `child`.
    pub fn hierarchy(self, parent: Uuid, child: Uuid) -> Uuid {
        let mut buffer = Uuid::encode_buffer();
        derive(parent, &["hierarchy", child.hyphenated().encode_lower(&mut buffer)])
    }

    /// Id of the composite model of `model` that holds what its root has no room for.
    pub fn composite(self, model: Uuid, number: usize) -> Uuid {
        derive(model, &["composite", &number.to_string()])
    }

    /// Id of the asset that stands for `address`.
    pub fn asset(self, address: &Address<'_>) -> Uuid {
        match address {
            Address::Bridge(host_id) => derive(self.0, &["asset", "bridge", host_id]),
            Address::Level(above, number) => {
                let mut buffer = Uuid::encode_buffer();
                let above = above.hyphenated().encode_lower(&mut buffer);
                derive(self.0, &["asset", "level", above, &number.to_string()])
            }
            Address::Group(group) => derive(self.0, &["asset", "group", group]),
            Address::Source(source) => match &source.device {
                None => derive(self.0, &["asset", "node", &source.edge.group, &source.edge.node]),
                Some(device) => derive(
                    self.0,
                    &["asset", "device", &source.edge.group, &source.edge.node, device],
                ),
            },
            Address::Tags(Source { edge, device }) => match device {
                None => derive(self.0, &["asset", "node tags", &edge.group, &edge.node]),
                Some(device) => {
                    derive(self.0, &["asset", "device tags", &edge.group, &edge.node, device])
                }
            },
            Address::Instance(source, path) => {
                let edge = &source.edge;
                let mut parts = match &source.device {
                    None => vec!["asset", "node instance", &*edge.group, &*edge.node],
                    Some(device) => {
                        vec!["asset", "device instance", &*edge.group, &*edge.node, &**device]
                    }
                };
                parts.extend_from_slice(path);
                derive(self.0, &parts)
            }
        }
    }

    /// An external id for `id`: a readable slug of `words`, and a mark by which
    /// [`owns`](Self::owns) knows it again.
    pub fn external_id(self, words: &str, id: Uuid) -> String {
        let mark = self.mark(id);
        let room = limits::EXTERNAL_ID_CHARS - mark.len() - 1;
        let slug = names::slug(words, room);
        format!("{slug}.{mark}")
    }

    /// Whether `external_id` of `id` was made by [`external_id`](Self::external_id) in this
    /// namespace.
    pub fn owns(self, id: Uuid, external_id: Option<&str>) -> bool {
        external_id.is_some_and(|external| external.ends_with(&self.mark(id)))
    }

    fn mark(self, id: Uuid) -> String {
        let mut buffer = Uuid::encode_buffer();
        let mark = derive(self.0, &["mark", id.hyphenated().encode_lower(&mut buffer)]);
        let mut text = mark.simple().to_string();
        text.truncate(12);
        text
    }
}

/// A name cut at some of its slashes: the `n`th if the `n`th bit is set.
pub(super) fn split(name: &str, cuts: u32) -> Vec<&str> {
    let (mut path, mut rest, mut from) = (Vec::new(), name, 0);
    for (number, (at, _)) in name.match_indices('/').enumerate() {
        if cuts >> number & 1 == 1 {
            path.extend(name.get(from..at));
            (from, rest) = (at + 1, name.get(at + 1..).unwrap_or_default());
        }
    }
    path.push(rest);
    path
}

/// A short text that tells apart what its parts tell apart.
pub fn short_hash(parts: &[&str]) -> String {
    let mut text = derive(ROOT, parts).simple().to_string();
    text.truncate(8);
    text
}

/// UUIDv5 of the parts, each behind its length, so that no two lists of parts collide.
fn derive(namespace: Uuid, parts: &[&str]) -> Uuid {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&namespace, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::address::EdgeNode;

    fn source(device: Option<&str>) -> Source {
        Source { edge: EdgeNode::new("Nordsee", "gw"), device: device.map(Into::into) }
    }

    #[test]
    fn root_is_the_uuid_of_sparkwise_in_the_dns_namespace() {
        assert_eq!(ROOT, Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"sparkwise"));
    }

    /// These ids stand in people's accounts: a change here orphans their twins.
    #[test]
    fn ids_never_change() {
        let namespace = Namespace::new("123456789012/eu-west-1");
        let model = namespace.model("WindTurbine");
        let ids = [
            model,
            namespace.property(model, PropertyRole::Member, &["Rotor Speed"], ValueForm::Double),
            namespace.hierarchy(model, namespace.model("Gearbox")),
            namespace.asset(&Address::Group("Nordsee")),
            namespace.asset(&Address::Source(&source(None))),
            namespace.asset(&Address::Source(&source(Some("T01")))),
            namespace.asset(&Address::Instance(&source(None), &["T01", "Gearbox"])),
            namespace.asset(&Address::Bridge("sparkwise")),
            namespace.property(model, PropertyRole::Presence, &["Last birth"], ValueForm::Seconds),
            namespace.kind(&source(None), 1),
            namespace.kind(&source(Some("T01")), 1),
            namespace.level(model, 1),
            namespace.asset(&Address::Level(model, 1)),
            namespace.asset(&Address::Tags(&source(None))),
            namespace.asset(&Address::Tags(&source(Some("T01")))),
        ];
        let text: Vec<_> = ids.iter().map(Uuid::to_string).collect();
        assert_eq!(
            text,
            [
                "d712e3e1-9b80-5338-a230-ce832850fb9a",
                "8b56e0cf-7ab2-57ba-8b45-0369e9c2445b",
                "5e711c6c-9bc2-5c67-abe5-fc0e6b1336bb",
                "55d73d6c-cb0b-501b-a9c9-83575b726b9c",
                "f2646791-d03a-5d39-b9dc-42ceaefde12d",
                "ea4ad00c-565b-5766-b238-f86ad4d7b3da",
                "72b6cd3b-307a-5b8a-b412-c54fd87b8db1",
                "30e53e60-3a94-5ca7-ad51-e7e6299342f4",
                "2fd950fb-3dd1-51a8-beb3-33ce2efe523c",
                "1a3aa282-33a9-5cb0-81cf-02cbc2c66a92",
                "5096b014-818c-55d1-87ee-5a9a2a0e734c",
                "732461ea-5c91-57c4-8ad5-48fc3598ca54",
                "e358210f-5e76-5fba-83d2-729b96eee49d",
                "2ec3bbdf-d689-5946-8117-99d584cb8c21",
                "68ecea50-98ad-5ebb-acb7-a39da4988efc",
            ]
        );
    }

    /// What no birth has asked for since the start has a name alone: of a range that has no path no line
    /// is drawn.
    #[test]
    fn a_property_says_by_its_id_what_its_name_was_made_of() {
        let namespace = Namespace::new("a");
        let model = namespace.model("m");
        let long = "a/b/c/d/e/f/g/h/i/j/k";
        for (role, path, form) in [
            (PropertyRole::Member, vec!["Power"], ValueForm::Double),
            (PropertyRole::Member, vec!["Gear/Oil", "Temp"], ValueForm::Integer),
            (PropertyRole::Property, vec!["Gear/Oil", "Temp", "engHigh"], ValueForm::Double),
            (PropertyRole::Member, vec!["Serviced"], ValueForm::Seconds),
            (PropertyRole::Presence, vec!["Last birth"], ValueForm::Seconds),
            (PropertyRole::Parameter, vec!["Serial"], ValueForm::String),
            (PropertyRole::Member, vec![long], ValueForm::Double),
            (PropertyRole::Member, long.split('/').collect(), ValueForm::Double),
            (PropertyRole::Member, vec!["", "/"], ValueForm::Boolean),
        ] {
            let id = namespace.property(model, role, &path, form);
            let name = path.join("/");
            let told = namespace.recognised(model, id, &name, form.data_type());
            assert_eq!(told, Some((role, path, form)), "{name}");
            assert_eq!(namespace.recognised(model, id, "other", form.data_type()), None);
        }
    }

    #[test]
    fn parts_that_join_alike_stay_apart() {
        let namespace = Namespace::new("a");
        let both = source(None);
        assert_ne!(
            namespace.asset(&Address::Instance(&both, &["a/b"])),
            namespace.asset(&Address::Instance(&both, &["a", "b"])),
        );
        assert_ne!(
            namespace.asset(&Address::Instance(&source(Some("a")), &["b"])),
            namespace.asset(&Address::Instance(&both, &["a", "b"])),
        );
    }

    #[test]
    fn external_ids_fit_their_alphabet_and_are_known_again() {
        let namespace = Namespace::new("a");
        let id = namespace.model("Größe / 7");
        let external = namespace.external_id("Größe / 7", id);
        assert!(external.len() <= limits::EXTERNAL_ID_CHARS);
        assert!(external.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c)));
        assert!(namespace.owns(id, Some(&external)));
        assert!(!Namespace::new("b").owns(id, Some(&external)));
        assert!(!namespace.owns(id, None));
        let long = namespace.external_id(&"x/".repeat(300), id);
        assert_eq!(long.len(), limits::EXTERNAL_ID_CHARS);
    }

    /// The user guide wants a letter or a digit at both ends, the API model takes `_` as well.
    #[test]
    fn external_ids_begin_and_end_with_a_letter_or_a_digit() {
        let namespace = Namespace::new("a");
        let id = namespace.model("x");
        for words in ["_types_/Motor", "__", "_", "", "-", "/_/", "\u{e9}_\u{e9}", "a_", ":._-"] {
            let external = namespace.external_id(words, id);
            let ends = [external.chars().next(), external.chars().last()];
            let fit = ends.iter().flatten().all(char::is_ascii_alphanumeric);
            assert!(fit, "{words:?} became {external}");
        }
        // One that was made before is known again nevertheless.
        let before = format!("_types_-Motor.{}", namespace.mark(id));
        assert!(namespace.owns(id, Some(&before)));
    }
}
