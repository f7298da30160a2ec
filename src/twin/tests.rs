//! The twin at its boundary: events in, SiteWise's state and points out.

mod attributes;
mod caps;
pub(crate) mod fake;
mod flat;
mod follower;
mod full;
mod growth;
mod late;
mod latest;
mod left_out;
mod likeness;
mod lookups;
mod lost;
mod machines;
mod orders;
mod presence;
mod provisioning;
mod refill;
mod refusals;
mod rejected;
mod repeated;
mod restored;
mod rings;
mod start;
mod tags;
mod times;
mod units;
mod unread;
mod upgrade;
mod values;
mod view;

use std::time::Duration;

use self::fake::FakeSiteWise;
use super::*;
use crate::delivery::point::Class;
use crate::sitewise::api::{ApiFaultKind, Quality, Tqv, Variant};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::event::{
    BirthMetric, ClockSource, Content, DeathCause, Definition, Instance, Member, MemberKind,
    Sample, SequenceOrder, SessionFigures, Slot, SparkplugQuality as Sent, StaticProperty,
};
use crate::sparkplug::filter::Heard;
use crate::sparkplug::rebirth::RefreshReason;
use crate::sparkplug::value::Value;

const START: i64 = 1_790_000_000_000;

pub(crate) fn config() -> Config {
    Config {
        namespace: Namespace::new("123456789012/eu-west-1"),
        model_prefix: String::new(),
        host_id: "sparkwise".into(),
        heard: Heard::default(),
        nested: Nested::Child,
        rules: Rules::default(),
        kinds: Kinds::default(),
        int64: Int64::Double,
        statics: None,
        stale_after: Duration::from_secs(60),
        max_models: 100,
        max_assets: 10_000,
        max_properties: 500,
        assets_per_model: 10_000,
        rates: ProvisioningRates::default(),
    }
}

/// A twin, its SiteWise and its clock.
struct Rig {
    twin: Twin,
    sitewise: FakeSiteWise,
    now: Now,
    points: Vec<QueuedPoint>,
    opened: Vec<Gate>,
    refused: Vec<(Point, &'static str)>,
    grouped: Vec<EdgeNode>,
    found: Vec<(Finding, String)>,
    capped: Vec<String>,
    expected: Vec<String>,
    /// Percent of the calls that fail, whether they were carried out or not.
    weather: Option<(u8, fastrand::Rng)>,
}

impl Rig {
    fn new() -> Self {
        Self::with(config(), FakeSiteWise::default())
    }

    fn with(config: Config, sitewise: FakeSiteWise) -> Self {
        let wall = Timestamp::from_millis(START);
        Self {
            twin: Twin::new(config, 7),
            sitewise,
            now: Now { instant: Instant::START, wall },
            points: Vec::new(),
            opened: Vec::new(),
            refused: Vec::new(),
            grouped: Vec::new(),
            found: Vec::new(),
            capped: Vec::new(),
            expected: Vec::new(),
            weather: None,
        }
    }

    /// Another process, later, on the same SiteWise.
    fn restart(self) -> Self {
        self.restart_with(config())
    }

    /// As [`restart`](Self::restart), configured otherwise. What was written has arrived.
    fn restart_with(self, config: Config) -> Self {
        let mut sitewise = self.sitewise;
        sitewise.writes.clear();
        sitewise.reads = 0;
        for QueuedPoint { point, .. } in
            self.points.into_iter().filter(|point| point.gate.is_none())
        {
            let Point { stream, time, quality, value, .. } = point;
            sitewise.put(stream.asset, stream.property, Tqv { time, quality, value });
        }
        let weather = self.weather;
        let mut rig = Self::with(config, sitewise);
        rig.now.wall = self.now.wall.plus(Duration::from_secs(1));
        rig.weather = weather;
        rig
    }

    fn event(&mut self, event: Event) {
        self.twin.handle_event(event, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.twin.poll_output(self.now) {
            match output {
                Output::Call(id, call) => {
                    let answer = self.call(call);
                    self.twin.handle_result(id, answer, self.now);
                }
                Output::Store(points) => self.points.extend(points),
                Output::Open(gate) => self.open(gate),
                Output::Rejected { point, reason, .. } => self.refused.push((point, reason)),
                Output::Grouped(edge) => self.grouped.push(edge),
                Output::Finding { finding, example, .. } => self.found.push((finding, example)),
                Output::Capped { source, cap, example } => {
                    self.capped.push(format!("{source} {}: {example}", cap.label()));
                }
                Output::RequestRefresh(edge, RefreshReason::Dropped) => {
                    self.expected.push(format!("again {edge}"));
                }
                Output::RequestRefresh(edge, RefreshReason::Clock) => {
                    self.expected.push(format!("clock {edge}"));
                }
                Output::MayBeBack(edge) => self.expected.push(format!("perhaps {edge}")),
                Output::ExpectOnline { edge, devices } => {
                    self.expected.push(format!("{edge} {}", devices.join(" ")));
                }
            }
        }
    }

    fn call(&mut self, call: ApiCall) -> Result<CallResult, ApiFault> {
        let Some((percent, rng)) = &mut self.weather else { return self.sitewise.call(call) };
        if rng.u8(..100) >= *percent {
            return self.sitewise.call(call);
        }
        let kind = match rng.u8(..4) {
            0 => ApiFaultKind::Throttled,
            1 => ApiFaultKind::Changed,
            2 => ApiFaultKind::Conflict,
            _ => ApiFaultKind::Unavailable,
        };
        // An answer that is lost says nothing about what was done.
        if kind == ApiFaultKind::Unavailable && rng.bool() {
            let _ = self.sitewise.call(call);
        }
        Err(ApiFault::new(kind, "bad weather"))
    }

    /// What waited for a gate waits no longer; what is stored afterwards would wait for ever.
    fn open(&mut self, gate: Gate) {
        self.opened.push(gate);
        for waiting in &mut self.points {
            if waiting.gate == Some(gate) {
                waiting.gate = self.twin.gate(waiting.point.stream);
            }
        }
    }

    /// Lets time pass, stopping wherever something is due.
    fn pass(&mut self, duration: Duration) {
        let end = self.now.plus(duration);
        loop {
            self.drain();
            match self.twin.poll_timeout() {
                Some(at) if at <= end.instant => {
                    self.now = self.now.plus(at.since(self.now.instant));
                    self.twin.handle_timeout(self.now);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// Milliseconds since the start.
    fn offset(&self) -> i64 {
        self.now.wall.as_millis() - START
    }

    /// What SiteWise shows of a property: quality and value of the latest time.
    fn shown(&self, asset: &str, property: &str) -> Option<(Quality, Variant)> {
        let (asset, of) = self.sitewise.asset(asset);
        let model = &self.sitewise.models[&of.model];
        let id = model.all_properties().find(|p| p.name == property)?.id;
        let before = self.sitewise.latest.get(&(asset, id)).cloned();
        let written = self.points.iter().map(|waiting| &waiting.point);
        let written =
            written.filter(|point| (point.stream.asset, point.stream.property) == (asset, id));
        let written = written.map(|point| (point.time, point.quality, point.value.clone()));
        let all = before.map(|tqv| (tqv.time, tqv.quality, tqv.value)).into_iter().chain(written);
        let latest = all.reduce(|had, new| if new.0 >= had.0 { new } else { had })?;
        Some((latest.1, latest.2))
    }

    /// The names of the properties of an asset.
    fn properties(&self, asset: &str) -> Vec<&str> {
        let (_, of) = self.sitewise.asset(asset);
        self.sitewise.models[&of.model].all_properties().map(|p| &*p.name).collect()
    }

    fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    fn at(&self, offset_ms: i64) -> Timestamp {
        Timestamp::from_millis(START + offset_ms)
    }

    /// What was written so far to a property of an asset: time after the start, quality, value.
    fn written(&self, asset: &str, property: &str) -> Vec<(i64, Quality, Variant)> {
        let (asset, of) = self.sitewise.asset(asset);
        let model = &self.sitewise.models[&of.model];
        let property = model.all_properties().find(|p| p.name == property);
        let property = property.unwrap_or_else(|| panic!("no {property:?} in {model:#?}")).id;
        self.points
            .iter()
            .map(|waiting| &waiting.point)
            .filter(|point| point.stream.asset == asset && point.stream.property == property)
            .map(|point| (point.time.as_millis() - START, point.quality, point.value.clone()))
            .collect()
    }

    /// Every value that came in is accounted for.
    fn check_conservation(&self) {
        let counts = self.twin.counts();
        assert_eq!(
            counts.values,
            counts.points
                + counts.refused.total()
                + counts.dropped_in_all()
                + self.twin.buffered() as u64,
            "{counts:?}"
        );
        assert_eq!(counts.points + counts.own_points, self.points.len() as u64);
    }
}

fn node() -> Source {
    Source { edge: EdgeNode::new("Nordsee", "gw"), device: None }
}

fn device(name: &str) -> Source {
    Source { device: Some(name.into()), ..node() }
}

fn sample(offset_ms: i64, value: impl Into<Option<Value>>) -> Sample {
    Sample {
        time: Timestamp::from_millis(START + offset_ms),
        value: value.into(),
        ..Sample::default()
    }
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn property(name: &str, datatype: DataType, value: impl Into<Option<Value>>) -> StaticProperty {
    let (datatype, value) = (Some(datatype), value.into());
    StaticProperty { name: name.into(), datatype, is_typed: true, value, rejected_value: None }
}

fn leaf(slot: u32, name: &str, datatype: DataType, sample: Sample) -> BirthMetric {
    let content = Content::Leaf { slot: Slot(slot), datatype: Some(datatype), sample };
    BirthMetric { name: name.into(), properties: Vec::new(), content }
}

fn instance(name: &str, template: &str, members: Vec<BirthMetric>) -> BirthMetric {
    let instance = Instance {
        template: template.into(),
        definition: Some(format!("_types_/{template}").into()),
        version: None,
        parameters: Vec::new(),
        members,
        number: 0,
        defined: None,
    };
    BirthMetric { name: name.into(), properties: Vec::new(), content: Content::Instance(instance) }
}

/// Turbine: Speed, Power, a nested Gearbox with Temp; parameter Serial.
fn definitions() -> Vec<Definition> {
    let member = |name: &str, unit: &str| Member {
        name: name.into(),
        properties: vec![property("engUnit", DataType::String, text(unit))],
        kind: MemberKind::Leaf(Some(DataType::Double)),
    };
    let mut speed = member("Speed", "rpm");
    speed.properties.push(property("engHigh", DataType::Double, Value::Double(20.0)));
    vec![
        Definition {
            name: "_types_/Turbine".into(),
            version: None,
            parent: None,
            base: None,
            parameters: vec![property("Serial", DataType::String, text("unknown"))],
            members: vec![
                speed,
                member("Power", "kW"),
                Member {
                    name: "Gearbox".into(),
                    properties: Vec::new(),
                    kind: MemberKind::Template {
                        template: "Gearbox".into(),
                        definition: Some("_types_/Gearbox".into()),
                        said: None,
                        own: None,
                    },
                },
            ],
        },
        Definition {
            name: "_types_/Gearbox".into(),
            version: None,
            parent: None,
            base: None,
            parameters: Vec::new(),
            members: vec![member("Temp", "°C")],
        },
    ]
}

fn turbine(name: &str, first_slot: u32, speed: f64, offset_ms: i64) -> BirthMetric {
    let double = |slot, name: &str, value| {
        leaf(first_slot + slot, name, DataType::Double, sample(offset_ms, Value::Double(value)))
    };
    instance(
        name,
        "Turbine",
        vec![
            double(0, "Speed", speed),
            double(1, "Power", 2_000.0),
            instance("Gearbox", "Gearbox", vec![double(2, "Temp", 60.0)]),
        ],
    )
}

fn birth(source: Source, definitions: Vec<Definition>, metrics: Vec<BirthMetric>) -> Event {
    birth_at(0, source, definitions, metrics)
}

fn birth_at(
    offset_ms: i64,
    source: Source,
    definitions: Vec<Definition>,
    metrics: Vec<BirthMetric>,
) -> Event {
    let mut found = Vec::new();
    layout::leaves(&metrics, &mut found);
    let slots = found.iter().map(|(slot, _)| slot.0 + 1).max().unwrap_or(0);
    let time = Timestamp::from_millis(START + offset_ms);
    let ambiguous = Vec::new();
    let has_repeated = false;
    Event::Birth(Birth { source, time, definitions, metrics, slots, ambiguous, has_repeated })
}

fn data(source: Source, samples: Vec<(u32, Sample)>) -> Event {
    let samples = samples.into_iter().map(|(slot, sample)| (Slot(slot), sample)).collect();
    let (attributes, order) = (Vec::new(), SequenceOrder::InOrder);
    Event::Data(Data { source, samples, attributes, order, sent: None })
}

/// As [`data`], of a payload that has this time.
fn data_sent(offset_ms: i64, source: Source, samples: Vec<(u32, Sample)>) -> Event {
    let Event::Data(data) = data(source, samples) else { unreachable!("it is data") };
    Event::Data(Data { sent: Some(Timestamp::from_millis(START + offset_ms)), ..data })
}

fn death(source: Source, offset_ms: i64) -> Event {
    let time = Timestamp::from_millis(START + offset_ms);
    let clock = source.device.as_ref().map_or(ClockSource::Host, |_| ClockSource::Sender);
    Event::Death(Death { source, time, clock, cause: DeathCause::Certificate })
}
