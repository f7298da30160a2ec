//! Any order of births, failures and foreign edits ends in the same models and assets, and
//! nothing foreign is touched.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fake::{FakeAsset, FakeModel};
use super::*;
use crate::sitewise::api::{
    Property as SiteWiseProperty, PropertyDataType as SiteWiseType, PropertyKind,
};

/// Members that a definition of a turbine may have.
const MEMBERS: [(&str, DataType); 6] = [
    ("Speed", DataType::Double),
    ("Speed", DataType::String),
    ("Power", DataType::Double),
    ("Pitch", DataType::Float),
    ("Mode", DataType::Int32),
    ("Running", DataType::Boolean),
];

/// A birth: which node, which members its definition has, how many turbines.
#[derive(Clone, Debug)]
struct Told {
    node: u8,
    members: BTreeSet<usize>,
    turbines: u8,
    nested: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Birth(usize),
    /// Percent of the calls that fail.
    Weather(u8),
    /// Somebody adds a property to a model, of a name that may be wanted later.
    Property(usize, usize),
    /// Somebody makes an asset of a model.
    Asset(usize),
    Pass(u16),
    Restart,
}

fn births() -> impl Strategy<Value = Vec<Told>> {
    let told =
        (0..3_u8, prop::collection::btree_set(0..MEMBERS.len(), 1..5), 0..4_u8, any::<bool>());
    let told =
        told.prop_map(|(node, members, turbines, nested)| Told { node, members, turbines, nested });
    prop::collection::vec(told, 1..6)
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..6_usize).prop_map(Act::Birth),
        1 => (0..70_u8).prop_map(Act::Weather),
        2 => (0..8_usize, 0..MEMBERS.len()).prop_map(|(model, member)| Act::Property(model, member)),
        1 => (0..8_usize).prop_map(Act::Asset),
        6 => (0..40_000_u16).prop_map(Act::Pass),
        1 => Just(Act::Restart),
    ];
    prop::collection::vec(act, 1..40)
}

fn event(told: &Told) -> Event {
    let source =
        Source { edge: EdgeNode::new("Nordsee", format!("gw{}", told.node)), device: None };
    let members = || told.members.iter().filter_map(|place| MEMBERS.get(*place));
    let mut definition = Definition {
        name: "_types_/Turbine".into(),
        version: None,
        parent: None,
        base: None,
        parameters: Vec::new(),
        members: members()
            .map(|(name, datatype)| Member {
                name: (*name).into(),
                properties: Vec::new(),
                kind: MemberKind::Leaf(Some(*datatype)),
            })
            .collect(),
    };
    if told.nested {
        let template = "Gearbox".into();
        let kind = MemberKind::Template {
            template,
            definition: Some("_types_/Gearbox".into()),
            said: None,
            own: None,
        };
        definition.members.push(Member { name: "Gearbox".into(), properties: Vec::new(), kind });
    }
    let mut slot = 0;
    let mut next = || {
        slot += 1;
        slot - 1
    };
    let mut metrics = vec![leaf(next(), "Wind", DataType::Float, sample(0, Value::Float(7.0)))];
    for turbine in 0..told.turbines {
        let mut content: Vec<_> = members()
            .map(|(name, datatype)| leaf(next(), name, *datatype, sample(0, None)))
            .collect();
        if told.nested {
            let temp = leaf(next(), "Temp", DataType::Double, sample(0, Value::Double(60.0)));
            content.push(instance("Gearbox", "Gearbox", vec![temp]));
        }
        metrics.push(instance(&format!("T{turbine}"), "Turbine", content));
    }
    birth(source, vec![definition], metrics)
}

/// What a model has: the names and types of its properties, without what tells apart those that
/// clash. Its id, and its name, may depend on who came first.
type ModelShape = BTreeSet<(String, SiteWiseType)>;

/// A SiteWise as what its models have, which models' assets have a place under theirs, and its
/// assets.
type Shape =
    (BTreeSet<(ModelShape, BTreeSet<ModelShape>)>, BTreeMap<Uuid, (ModelShape, Option<Uuid>)>);

/// What is ours of it.
fn shape(sitewise: &FakeSiteWise) -> Shape {
    let of = |model: &Uuid| -> ModelShape {
        let properties = sitewise.models[model].all_properties();
        let ours = properties.filter(|property| !is_foreign(property));
        let name = |name: &str| name.split(" (").next().unwrap_or_default().to_owned();
        ours.map(|property| (name(&property.name), property.data_type)).collect()
    };
    let below = |model: &FakeModel| -> BTreeSet<ModelShape> {
        model.hierarchies.iter().map(|place| of(&place.child_model)).collect()
    };
    let ours = |asset: &&FakeAsset| asset.external_id.is_some();
    (
        sitewise.models.iter().map(|(id, model)| (of(id), below(model))).collect(),
        sitewise
            .assets
            .iter()
            .filter(|(_, asset)| ours(asset))
            .map(|(id, asset)| (*id, (of(&asset.model), asset.parent)))
            .collect(),
    )
}

fn is_foreign(property: &SiteWiseProperty) -> bool {
    property.external_id.is_empty()
}

impl Rig {
    fn add_property(&mut self, model: usize, member: usize, id: u128) -> Option<()> {
        let count = self.sitewise.models.len().max(1);
        let (_, model) = self.sitewise.models.iter_mut().nth(model % count)?;
        let (name, _) = MEMBERS.get(member)?;
        if model.all_properties().all(|property| property.name != *name) {
            model.properties.push(SiteWiseProperty {
                id: Uuid::from_u128(id),
                external_id: String::new(),
                name: (*name).to_owned(),
                data_type: SiteWiseType::Double,
                unit: Some("by hand".into()),
                kind: PropertyKind::Measurement,
            });
        }
        Some(())
    }

    fn add_asset(&mut self, model: usize, id: u128) -> Option<()> {
        let count = self.sitewise.models.len().max(1);
        let model = *self.sitewise.models.keys().nth(model % count)?;
        let name = format!("by hand {id}");
        let asset =
            FakeAsset { name, external_id: None, model, description: None, parent: None, looks: 0 };
        self.sitewise.assets.insert(Uuid::from_u128(id), asset);
        Some(())
    }

    fn foreign(&self) -> (Vec<SiteWiseProperty>, Vec<FakeAsset>) {
        let models = self.sitewise.models.values();
        let properties = models.flat_map(|model| &model.properties);
        let assets = self.sitewise.assets.values();
        (
            properties.filter(|property| is_foreign(property)).cloned().collect(),
            assets.filter(|asset| asset.external_id.is_none()).cloned().collect(),
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_order_ends_in_the_same_models_and_assets(
        births in births(),
        acts in acts(),
        seed in any::<u64>(),
    ) {
        let mut rig = Rig::new();
        let slowness = fastrand::Rng::with_seed(seed).u32(0..3);
        rig.sitewise.slowness = slowness;
        let (mut added, mut foreign) = (0_u128, (0, 0));
        for act in acts {
            match act {
                Act::Birth(which) => {
                    if let Some(told) = births.get(which % births.len()) {
                        rig.event(event(told));
                    }
                }
                Act::Weather(percent) => {
                    rig.weather = Some((percent, fastrand::Rng::with_seed(seed)));
                }
                Act::Property(model, member) => {
                    added += 1;
                    rig.add_property(model, member, added);
                }
                Act::Asset(model) => {
                    added += 1;
                    rig.add_asset(model, added);
                }
                Act::Pass(millis) => rig.pass(Duration::from_millis(millis.into())),
                Act::Restart => rig = rig.restart(),
            }
            let is = rig.foreign();
            prop_assert!((is.0.len(), is.1.len()) >= foreign, "something foreign is gone");
            foreign = (is.0.len(), is.1.len());
        }
        let by_hand = rig.foreign();
        rig.weather = None;
        for told in births.iter().rev() {
            rig.event(event(told));
        }
        rig.seconds(2_000);

        let mut calm = Rig::new();
        for told in &births {
            calm.event(event(told));
        }
        calm.seconds(2_000);
        prop_assert_eq!(shape(&rig.sitewise), shape(&calm.sitewise));
        prop_assert_eq!(rig.foreign(), by_hand);
        // What cannot be read is given up after some tries, and said.
        let mut problems = rig.twin.plan().problems().collect::<Vec<_>>();
        problems.retain(|(what, _)| !what.starts_with("read "));
        prop_assert!(problems.is_empty(), "{problems:?}");
        rig.check_conservation();
    }
}
