//! How long it takes to learn what SiteWise has.

use super::*;
use crate::sitewise::api::{
    Asset, Model, ModelSummary, Page, Quality, ResourceState, Tqv, Variant,
};
use crate::sitewise::limits;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::time::Timestamp;
use crate::twin::identity::{Address, PropertyRole};
use crate::twin::mapping::ValueForm;
use crate::twin::plan::presence::PriorPresence;
use crate::twin::world::ONLINE;

const PAGE: usize = limits::PAGE_ITEMS as usize;
/// As far as a service in the same region is away.
const LATENCY: Duration = Duration::from_millis(50);

/// SiteWise with models of so many assets each, all of them devices; every third was online.
struct Plant {
    models: Vec<ModelSummary>,
    sizes: Vec<usize>,
}

impl Plant {
    fn new(sizes: Vec<usize>) -> Self {
        let model = |number: usize| {
            let name = format!("Device {number}");
            let id = namespace().model(&name);
            let external_id = Some(namespace().external_id(&name, id));
            ModelSummary { id, external_id, name, state: ResourceState::Active, description: None }
        };
        Self { models: (0..sizes.len()).map(model).collect(), sizes }
    }

    fn device(model: usize, number: usize) -> Source {
        let edge = EdgeNode::new("Nordsee", format!("gw{model}"));
        Source { edge, device: Some(format!("d{number}").into()) }
    }

    fn asset(&self, model: usize, number: usize) -> Asset {
        let source = Self::device(model, number);
        Asset {
            id: namespace().asset(&Address::Source(&source)),
            external_id: None,
            name: format!("d{number}"),
            model: self.models[model].id,
            description: Some(source.to_string()),
            state: ResourceState::Active,
        }
    }

    fn call(&self, call: ApiCall) -> Result<CallResult, ApiFault> {
        Ok(match call {
            ApiCall::ListModels(token) => {
                let start = token.map_or(0, |token| token.parse().unwrap());
                let items = self.models.iter().skip(start).take(PAGE).cloned().collect();
                let next = self.models.len() > start + PAGE;
                CallResult::Models(Page { items, next: next.then(|| (start + PAGE).to_string()) })
            }
            ApiCall::ListAssets(id, token) => {
                let start = token.map_or(0, |token| token.parse::<usize>().unwrap());
                let model = self.models.iter().position(|model| model.id == id).unwrap();
                let end = self.sizes[model].min(start + PAGE);
                let items = (start..end).map(|number| self.asset(model, number)).collect();
                let next = (end < self.sizes[model]).then(|| end.to_string());
                CallResult::Assets(Page { items, next })
            }
            ApiCall::ReadValues(of) => {
                assert!(of.len() <= limits::ENTRIES_PER_BATCH_READ);
                let online = |(asset, property): &(Uuid, Uuid)| {
                    let is = |model: &&ModelSummary| {
                        let role = PropertyRole::Presence;
                        let id =
                            namespace().property(model.id, role, &[ONLINE], ValueForm::Boolean);
                        id == *property
                    };
                    assert!(self.models.iter().any(|model| is(&model)));
                    Tqv {
                        time: Timestamp::from_millis(0),
                        quality: Quality::Good,
                        value: Variant::Boolean(asset.as_u128() % 3 == 0),
                    }
                };
                CallResult::Values(of.iter().map(|of| Ok(Some(online(of)))).collect())
            }
            ApiCall::DescribeModel(id) => {
                let model = self.models.iter().find(|model| model.id == id).unwrap().clone();
                CallResult::Model(Model {
                    id,
                    external_id: model.external_id,
                    name: model.name,
                    state: model.state,
                    properties: Vec::new(),
                    root: 0,
                    composites: Vec::new(),
                    hierarchies: Vec::new(),
                    usable: None,
                })
            }
            call => panic!("{call}"),
        })
    }

    /// How long it takes until all is known, and what the quota of ListAssets alone takes.
    /// Once a second the bridge is busy for as long as `busy` with what the plant says.
    fn learn(&self, busy: Duration) -> (Rig, Duration, Duration) {
        let mut rig = Rig::new(LATENCY);
        while !rig.plan.is_synced() {
            if rig.now.since_start().as_millis().is_multiple_of(1_000) {
                rig.now = rig.now + busy;
            }
            rig.pass(Duration::from_millis(1), &mut |call| self.call(call));
        }
        let pages: usize = self.sizes.iter().map(|size| size.div_ceil(PAGE).max(1)).sum();
        let quota = Duration::from_secs(pages as u64) / limits::LISTS_PER_SECOND;
        let took = rig.now.since_start();
        (rig, took, quota)
    }
}

#[test]
fn a_hundred_thousand_assets_are_learned_as_fast_as_the_quota_allows() {
    // Of even sizes, uneven as plants are, and beside a bridge that has much else to do.
    let sizes = [vec![10_000; 10], (1..=25).map(|n| n * 100).collect(), vec![10_000; 10]];
    for (sizes, busy_ms) in sizes.into_iter().zip([0, 0, 600]) {
        let plant = Plant::new(sizes);
        let (rig, took, quota) = plant.learn(Duration::from_millis(busy_ms));
        assert!(took < quota.mul_f64(1.1), "{took:?}, by the quota {quota:?}");
        let listed: usize = plant.sizes.iter().sum();
        assert_eq!(rig.plan.known_assets().count(), listed);
        let all = (0..plant.sizes.len()).flat_map(|model| {
            (0..plant.sizes[model]).map(move |number| Plant::device(model, number))
        });
        let online = all.filter(|source| {
            let id = namespace().asset(&Address::Source(source));
            let is = id.as_u128() % 3 == 0;
            assert_eq!(rig.plan.was_online(source) == PriorPresence::Online, is, "{source}");
            is
        });
        assert_eq!(online.count(), rig.plan.online().count());
    }
}
