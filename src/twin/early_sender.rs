//! Sends values of template instances before the assets are listed.
//!
//! The initial sync takes a page for every 250 assets. The ids of an instance follow from its
//! address and its template alone, so that its values need not wait so long: they are sent as soon
//! as the model is known to exist. That is a guess: the asset may not exist, or have kept another
//! model. So the events are buffered as well and processed after the sync: values that went to the
//! right property are not written again, the others are.

use rustc_hash::FxHashMap;

use super::event_buffer::EarlySend;
use super::identity::{Address, Namespace, PropertyRole};
use super::layout::{self, form};
use super::mapping::{self, ValueForm};
use super::models::DesiredModels;
use super::plan::Plan;
use super::{Config, Nested, Twin, in_window, names};
use crate::delivery::point::{Class, Key, Point, Stream};
use crate::sitewise::api::Tqv;
use crate::sparkplug::address::Source;
use crate::sparkplug::event::{Birth, BirthMetric, Content, Data, Event, Instance};
use crate::sparkplug::event::{Sample, Slot};
use crate::time::{Now, Timestamp};

/// Where a leaf's values probably go.
#[derive(Clone, Copy, Debug)]
struct GuessedTarget {
    stream: Stream,
    form: ValueForm,
}

/// The guessed targets of the sources that were born already.
#[derive(Debug, Default)]
pub(super) struct EarlySender {
    /// By slot.
    sources: FxHashMap<Source, Vec<Option<GuessedTarget>>>,
}

impl EarlySender {
    /// The points of an event that can go now, each at the place of its sample.
    pub(super) fn points(
        &mut self,
        event: &Event,
        config: &Config,
        plan: &Plan,
        now: Now,
    ) -> Vec<Option<Point>> {
        match event {
            Event::Birth(birth) => {
                let guesses = Guessing::of(birth, config, plan);
                let usual = if in_window(birth.time, now) { birth.time } else { now.wall };
                let mut leaves = Vec::new();
                layout::leaves(&birth.metrics, &mut leaves);
                let points = leaves.into_iter().map(|(slot, sample)| {
                    let time = match sample.historical {
                        true => sample.time,
                        false if in_window(sample.time, now) => sample.time,
                        false => usual,
                    };
                    let class = if sample.historical { Class::History } else { Class::Birth };
                    point(&guesses, slot, sample, (time, class), now)
                });
                let points = points.collect();
                self.sources.insert(birth.source.clone(), guesses);
                points
            }
            Event::Data(Data { source, samples, order, .. }) => {
                let Some(guesses) = self.sources.get(source) else { return Vec::new() };
                let points = samples.iter().map(|(slot, sample)| {
                    let past = sample.historical || order.is_past();
                    let class = if past { Class::History } else { Class::Live };
                    point(guesses, *slot, sample, (sample.time, class), now)
                });
                points.collect()
            }
            Event::Death(_) => Vec::new(),
        }
    }
}

fn point(
    guesses: &[Option<GuessedTarget>],
    slot: Slot,
    sample: &Sample,
    (time, class): (Timestamp, Class),
    now: Now,
) -> Option<Point> {
    let GuessedTarget { stream, form } = (*guesses.get(slot.0 as usize)?)?;
    let unfit =
        sample.without_value || sample.alarm || sample.transient || sample.rejected_value.is_some();
    if unfit || !in_window(time, now) {
        return None;
    }
    let converted = mapping::convert(sample.value.as_ref(), sample.quality, form).ok()?;
    let Tqv { time, quality, value } =
        Tqv { time, quality: converted.quality, value: converted.value };
    Some(Point { stream, time, quality, value, class })
}

struct Guessing<'a> {
    config: &'a Config,
    plan: &'a Plan,
    source: &'a Source,
    guesses: Vec<Option<GuessedTarget>>,
}

/// An instance's asset and model.
#[derive(Clone, Copy)]
struct GuessedAsset<'a> {
    asset: uuid::Uuid,
    model: uuid::Uuid,
    /// From the source to the asset.
    asset_path: &'a [&'a str],
}

impl<'a> Guessing<'a> {
    fn of(birth: &'a Birth, config: &'a Config, plan: &'a Plan) -> Vec<Option<GuessedTarget>> {
        let guesses = vec![None; birth.slots as usize];
        let mut guessing = Self { config, plan, source: &birth.source, guesses };
        for metric in &birth.metrics {
            if let Content::Instance(instance) = &metric.content {
                guessing.instance(&[], &metric.name, instance);
            }
        }
        guessing.guesses
    }

    fn namespace(&self) -> Namespace {
        self.config.namespace
    }

    fn instance(&mut self, above: &[&str], name: &str, instance: &Instance) {
        let mut asset_path = above.to_vec();
        asset_path.push(name);
        let reference = &instance.template;
        let name =
            names::model(instance.definition.as_deref(), reference, instance.version.as_deref());
        let name = names::fit_bytes(&format!("{}{name}", self.config.model_prefix));
        let model = self.namespace().model(&name);
        let name = self.plan.known_model_name(model).unwrap_or(&name);
        // Where there is a second model, the address does not tell which one an asset has.
        let second = DesiredModels::part_name(name, 2, self.config.assets_per_model);
        let mut second =
            [self.namespace().part(model, 2), self.namespace().model(&second)].into_iter();
        let usable = self.plan.is_known_usable(model)
            && second.all(|second| self.plan.known_model_name(second).is_none());
        let asset = self.namespace().asset(&Address::Instance(self.source, &asset_path));
        let place = GuessedAsset { asset, model, asset_path: &asset_path };
        for member in &instance.members {
            self.member(place, &[], member, usable);
        }
    }

    fn member(
        &mut self,
        place: GuessedAsset<'_>,
        path: &[&str],
        metric: &BirthMetric,
        usable: bool,
    ) {
        let mut path = path.to_vec();
        path.push(&metric.name);
        match &metric.content {
            Content::Leaf { slot, datatype, .. } if usable => {
                let Some(form) = form(self.config, *datatype) else { return };
                let role = PropertyRole::Member;
                let property = self.namespace().property(place.model, role, &path, form);
                if let Some(guess) = self.guesses.get_mut(slot.0 as usize) {
                    let stream = Stream { asset: place.asset, property };
                    *guess = Some(GuessedTarget { stream, form });
                }
            }
            Content::Leaf { .. } => {}
            Content::Instance(instance) if self.config.nested == Nested::Child => {
                self.instance(place.asset_path, &metric.name, instance);
            }
            Content::Instance(instance) => {
                for member in &instance.members {
                    self.member(place, &path, member, usable);
                }
            }
        }
    }
}

/// The keys of the values that were sent early, in the order of the event's samples.
pub(super) fn keys(points: &[Option<Point>]) -> Vec<Option<Key>> {
    points.iter().map(|point| point.as_ref().map(Point::key)).collect()
}

impl Twin {
    /// Sends what can be sent before the assets are listed.
    pub(super) fn send_early(&mut self, now: Now) {
        let Self { buffer, early, writer, config, .. } = self;
        if !writer.world.plan.models_known() || writer.world.plan.is_synced() {
            return;
        }
        for (event, early_send) in buffer.untried() {
            let points = early.points(event, config, &writer.world.plan, now);
            *early_send = EarlySend::Tried(keys(&points));
            writer.send_early(points.into_iter().flatten());
        }
    }
}
