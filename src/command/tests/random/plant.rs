//! The plant: its metrics, what may be written of them by the operator's own list, and what its
//! machines do with a command.

use crate::sparkplug::edge::{Metric, REBIRTH, Template, Typed};
use crate::sparkplug::message::Message;
use crate::sparkplug::payload;
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::topic::{MessageType, Topic};
use crate::time::Timestamp;

pub(super) const ALLOW: &str = "Turbine/Limit = 0..90 step 0.5 rate 3/1m
    Blade/Angle = -10..10 rate 1/30s
    Nordsee/gw/D1/Setpoint = 0..1000
    Skid/Derate = on, off
    Nordsee/gw/Node Control/Reboot = true pulse
    Nordsee/*/Test = never
    */Open = 0..5
    */Test = 0..5";

pub(super) const RULES: &str = "Skids/{asset}/{member} => Skid";

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Float,
    Int16,
    Boolean,
}

/// Why a value that is told is not the metric's next one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stray {
    Historical,
    /// It is of this time.
    Older(i64),
}

/// A metric of the plant.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) device: Option<&'static str>,
    /// Names of instances with their templates.
    pub(super) levels: &'static [(&'static str, &'static str)],
    pub(super) name: &'static str,
    /// How people ask for it.
    pub(super) asset: &'static str,
    pub(super) property: &'static str,
    pub(super) kind: Kind,
    /// What may be written, by the operator's list; none where nothing may.
    pub(super) listed: Option<(f64, f64)>,
    pub(super) pulse: bool,
    /// What its birth says: it changes.
    pub(super) eng_high: Option<f64>,
    pub(super) read_only: bool,
    pub(super) good: bool,
    pub(super) value: f64,
    /// Whether births have it.
    pub(super) there: bool,
    pub(super) stray: Option<Stray>,
}

const A: (&str, &str) = ("A", "Turbine");
const B: (&str, &str) = ("B", "Turbine");
const PITCH: (&str, &str) = ("Pitch", "Pitch");
const BLADE: (&str, &str) = ("B1", "Blade");

pub(super) fn tags() -> Vec<Tag> {
    let tag = |device, levels, name, asset, kind, listed| Tag {
        device,
        levels,
        name,
        asset,
        property: name,
        kind,
        listed,
        pulse: false,
        eng_high: None,
        read_only: false,
        good: true,
        value: 0.0,
        there: true,
        stray: None,
    };
    let of_node = |levels, name, asset, kind, listed| tag(None, levels, name, asset, kind, listed);
    let limit = Some((0.0, 90.0));
    let angle = Some((-10.0, 10.0));
    vec![
        of_node(&[A], "Limit", "Nordsee/gw/A", Kind::Double, limit),
        of_node(&[A], "Hidden", "Nordsee/gw/A", Kind::Double, None),
        of_node(&[A, PITCH, BLADE], "Angle", "Nordsee/gw/A/Pitch/B1", Kind::Float, angle),
        of_node(&[B], "Limit", "Nordsee/gw/B", Kind::Double, limit),
        of_node(&[B, PITCH, BLADE], "Angle", "Nordsee/gw/B/Pitch/B1", Kind::Float, angle),
        tag(Some("D1"), &[], "Setpoint", "Nordsee/gw/D1", Kind::Int16, Some((0.0, 1_000.0))),
        tag(Some("D1"), &[A], "Limit", "Nordsee/gw/D1/A", Kind::Double, limit),
        Tag {
            property: "Derate",
            ..of_node(
                &[],
                "Skids/S1/Derate",
                "Nordsee/gw/Skids/S1",
                Kind::Boolean,
                Some((0.0, 1.0)),
            )
        },
        of_node(&[], "Open", "Nordsee/gw", Kind::Double, Some((0.0, 5.0))),
        of_node(&[], "Speed", "Nordsee/gw", Kind::Double, None),
        Tag {
            pulse: true,
            ..of_node(&[], "Node Control/Reboot", "Nordsee/gw", Kind::Boolean, Some((1.0, 1.0)))
        },
        of_node(&[], REBIRTH, "Nordsee/gw", Kind::Boolean, None),
        Tag {
            read_only: true,
            ..tag(Some("D2"), &[], "Open", "Nordsee/gw/D2", Kind::Double, Some((0.0, 5.0)))
        },
        tag(Some("D2"), &[], "Test", "Nordsee/gw/D2", Kind::Double, None),
    ]
}

impl Tag {
    /// How often it may be written, by the operator's list: so often in so many milliseconds.
    pub(super) fn rate(&self) -> Option<(usize, i64)> {
        match self.name {
            "Limit" => Some((3, 60_000)),
            "Angle" => Some((1, 30_000)),
            _ => None,
        }
    }

    /// How near a value must come to the one that was sent, by the operator's list.
    pub(super) fn is_near(&self, value: f64, wanted: f64) -> bool {
        let apart = (value - wanted).abs();
        apart <= 1e-6 * value.abs().max(wanted.abs()) || self.name == "Limit" && apart < 0.5
    }

    /// What may be written of it now; none where nothing may.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let (low, high) = self.listed.filter(|_| !self.read_only)?;
        Some((low, self.eng_high.map_or(high, |own| high.min(own))))
    }

    fn typed(&self) -> Typed {
        match self.kind {
            Kind::Double => self.value.into(),
            Kind::Float => (self.value as f32).into(),
            Kind::Int16 => (self.value as i16).into(),
            Kind::Boolean => (self.value != 0.0).into(),
        }
    }

    /// Its own metric, without the instances around it.
    fn leaf(&self, is_birth: bool) -> Metric {
        let mut metric = Metric::new(self.name, self.typed());
        if !self.good {
            metric = metric.quality(0);
        }
        metric = match self.stray {
            Some(Stray::Historical) => metric.historical(),
            Some(Stray::Older(at)) => metric.at(Timestamp::from_millis(at)),
            None => metric,
        };
        if is_birth {
            metric = metric.property("readOnly", self.read_only);
            if let Some(high) = self.eng_high {
                metric = metric.property("engHigh", high);
            }
        }
        metric
    }

    /// As data tells it.
    pub(super) fn metric(&self) -> Metric {
        let metric = self.leaf(false);
        self.levels.iter().rev().fold(metric, |inner, (name, template)| {
            Metric::template(name, Template::instance(template).member(inner))
        })
    }

    /// Whether a command is for it; the value that it writes then, Booleans as 0 and 1.
    pub(super) fn written(&self, command: &Command) -> Option<f64> {
        let path = self.levels.iter().map(|(name, _)| *name).chain([self.name]);
        let is_it = command.device.as_deref() == self.device
            && path.eq(command.path.iter().map(String::as_str));
        is_it.then_some(command.value)
    }
}

/// The metrics of a birth of a node or device: tags of one instance are members of one.
pub(super) fn birth(tags: &[Tag], device: Option<&str>) -> Vec<Metric> {
    let own: Vec<_> = tags
        .iter()
        .filter(|tag| tag.there && tag.device == device && tag.name != REBIRTH)
        .collect();
    level(&own, 0)
}

fn level(tags: &[&Tag], depth: usize) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut done: Vec<&str> = Vec::new();
    for tag in tags {
        match tag.levels.get(depth) {
            None => metrics.push(tag.leaf(true)),
            Some((name, _)) if done.contains(name) => {}
            Some((name, template)) => {
                done.push(name);
                let same: Vec<_> = tags
                    .iter()
                    .filter(|other| other.levels.get(depth) == Some(&(name, template)))
                    .copied()
                    .collect();
                let instance = Template::instance(template).members(level(&same, depth + 1));
                metrics.push(Metric::template(name, instance));
            }
        }
    }
    metrics
}

/// A command as a machine reads it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) device: Option<String>,
    pub(super) path: Vec<String>,
    pub(super) value: f64,
}

/// Reads a command as a machine does: by its topic and the one name in it.
pub(super) fn read(message: &Message) -> Result<Command, String> {
    let Ok(Topic::Edge(topic)) = Topic::parse(&message.topic) else {
        return Err(format!("the topic {}", message.topic));
    };
    if (topic.group, topic.node, topic.verb) != ("Nordsee", "gw", MessageType::Command) {
        return Err(format!("the topic {}", message.topic));
    }
    let payload = payload::decode(&message.payload).map_err(|error| error.to_string())?;
    if payload.seq.is_some() || payload.timestamp.is_none() || message.retain {
        return Err("a payload with a seq or without a time, or retained".to_owned());
    }
    let mut path = Vec::new();
    let mut metrics = payload.metrics;
    loop {
        let [metric] = metrics.as_slice() else { return Err(format!("{metrics:?}")) };
        let name = metric.name.as_deref().ok_or("a metric without a name")?;
        path.push(String::from_utf8_lossy(name).into_owned());
        use wire::metric::Value as V;
        let value = match metric.value.clone() {
            Some(V::TemplateValue(template)) => {
                metrics = template.metrics;
                continue;
            }
            Some(V::DoubleValue(value)) => value,
            Some(V::FloatValue(value)) => f64::from(value),
            Some(V::IntValue(value)) => f64::from(value as i32),
            Some(V::BooleanValue(value)) => f64::from(u8::from(value)),
            other => return Err(format!("{other:?}")),
        };
        let device = topic.device.map(str::to_owned);
        return Ok(Command { device, path, value });
    }
}
