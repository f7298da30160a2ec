//! Scenarios at the host's boundary: an edge sends, time passes, the outputs are read as text.

use std::time::Duration;

use super::*;
use crate::sparkplug::edge::{Edge, Metric, Template};
use crate::sparkplug::event::{Birth, BirthMetric as Born, Content, DeathCause};
use crate::sparkplug::event::{Sample, SequenceOrder, SparkplugQuality};
use crate::sparkplug::payload;
use crate::sparkplug::text::shown;
use crate::sparkplug::value::Value;

mod accounts;
mod away;
mod births;
mod bounds;
mod clocks;
mod costly;
mod crowd;
mod dated;
mod deaths;
mod ending;
mod examples;
mod filters;
mod flags;
mod kinds;
mod lost;
mod memory;
mod model;
mod moves;
mod noise;
mod numbering;
mod order;
mod prior_tables;
mod proven;
mod quiet;
mod rebirths;
mod repeated;
mod room;
mod sessions;
mod states;
mod stored;
mod strangers;
mod strings;
mod unasked;
mod unborn;
mod unreadable;
mod warm;
mod wills;

const SERVER: ServerId = ServerId(0);

/// A host, its clock, and what it has put out since the last look.
struct Stage {
    host: Host,
    now: Now,
}

impl Stage {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// A host that is connected, without chance in its requests.
    fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut stage = Self::unconnected(set);
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        stage.check(&["state 0 online @1000000"]);
        stage
    }

    fn unconnected(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("h");
        config.rebirth.jitter = Duration::ZERO;
        set(&mut config);
        let instant = Instant::START + secs(60);
        let now = Now { instant, wall: Timestamp::from_millis(1_000_000) };
        Self { host: Host::new(config, 1), now }
    }

    /// The time that edges write into their messages.
    fn time(&self) -> Timestamp {
        self.now.wall
    }

    fn send(&mut self, message: &Message) {
        self.send_via(SERVER, message);
    }

    fn send_via(&mut self, server: ServerId, message: &Message) {
        let Message { topic, payload, retain, .. } = message;
        self.host.handle_message(server, topic, payload, *retain, self.now);
    }

    fn send_retained(&mut self, message: &Message) {
        self.send(&Message { retain: true, ..message.clone() });
    }

    /// The tables of the first node are evicted.
    fn evict_tables(&mut self) {
        self.host.update_session(0, self.now, |session, context| session.evict_tables(context));
    }

    /// Lets time pass, stopping wherever the host wants to be called.
    fn pass(&mut self, duration: Duration) {
        let end = self.now.plus(duration);
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end.instant) {
            let step = due.since(self.now.instant);
            self.now = self.now.plus(step);
            self.host.handle_timeout(self.now);
            let next = self.host.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now.instant), "time stands still");
        }
        self.now = end;
    }

    fn look(&mut self) -> Vec<String> {
        let outputs = std::iter::from_fn(|| self.host.poll_output());
        // Most of these tests have no server that would deliver anything.
        let is_aside = |output: &Output| {
            matches!(output, Output::Finding { .. } | Output::NothingDelivered(_))
        };
        outputs.filter(|output| !is_aside(output)).map(|o| told(&o)).collect()
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.look(), expected);
    }

    #[track_caller]
    fn check_found(&self, expected: &[(Finding, u64)]) {
        let mut found: Vec<_> = self.host.counters().findings.iter().collect();
        // Every edge in these tests says when it sends, so this says nothing.
        found.retain(|(finding, _)| *finding != Finding::MissingMember);
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn check_found_of(&self, finding: Finding, count: u64) {
        assert_eq!(self.host.counters().findings.count(finding), count);
    }
}

fn edge() -> Edge {
    Edge::new(EdgeNode::new("g", "n"), 0)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn told(output: &Output) -> String {
    match output {
        Output::Event(Event::Birth(birth)) => told_birth(birth),
        Output::Event(Event::Data(data)) => {
            let order = match data.order {
                SequenceOrder::InOrder => "",
                SequenceOrder::AfterGap => "after gap ",
                SequenceOrder::Late => "late ",
                SequenceOrder::BeforeBirth => "before birth ",
            };
            let samples = data.samples.iter().map(|(slot, s)| format!("#{}={}", slot.0, said(s)));
            format!("{order}data {}: {}", data.source, samples.collect::<Vec<_>>().join(", "))
        }
        Output::Event(Event::Death(death)) => {
            let cause = match death.cause {
                DeathCause::Certificate => "certificate",
                DeathCause::Node => "node",
                DeathCause::ConnectionLost => "connection",
                DeathCause::Silent => "silent",
            };
            format!("death {} {cause} @{}", death.source, death.time.as_millis())
        }
        Output::Publish(publish) => told_publish(publish),
        Output::AllNodesExcluded(edge) => format!("nobody admitted, first {edge}"),
        Output::NothingDelivered(server) => format!("nothing delivered {}", server.0),
        Output::Finding { finding, example, .. } => format!("found {} {example}", finding.name()),
    }
}

fn told_birth(birth: &Birth) -> String {
    let Birth { source, definitions, metrics, .. } = birth;
    let definitions: String =
        definitions.iter().map(|definition| format!(" defines {}", definition.name)).collect();
    let metrics: Vec<_> = metrics
        .iter()
        .filter(|metric| !matches!(&*metric.name, "bdSeq" | "Node Control/Rebirth"))
        .map(told_metric)
        .collect();
    let told = format!("birth {source}{definitions}: {}", metrics.join(", "));
    shown(&told).into_owned()
}

fn told_metric(metric: &Born) -> String {
    match &metric.content {
        Content::Leaf { slot, sample, .. } => {
            format!("{}#{}={}", metric.name, slot.0, said(sample))
        }
        Content::Instance(instance) => {
            let kind = instance.definition.as_ref().unwrap_or(&instance.template);
            let members: Vec<_> = instance.members.iter().map(told_metric).collect();
            format!("{}:{kind}{{{}}}", metric.name, members.join(", "))
        }
    }
}

fn said(sample: &Sample) -> String {
    let value = match &sample.value {
        _ if sample.without_value => "absent".to_owned(),
        None => "null".to_owned(),
        Some(Value::Int(v)) => v.to_string(),
        Some(Value::UInt(v)) => v.to_string(),
        Some(Value::Float(v)) => v.to_string(),
        Some(Value::Double(v)) => v.to_string(),
        Some(Value::Boolean(v)) => v.to_string(),
        Some(Value::String(v)) => format!("{v:?}"),
        Some(other) => format!("{other:?}"),
    };
    let quality = match sample.quality {
        SparkplugQuality::Good => "",
        SparkplugQuality::Uncertain => " uncertain",
        SparkplugQuality::Bad => " bad",
    };
    let historical = if sample.historical { " historical" } else { "" };
    let transient = if sample.transient { " transient" } else { "" };
    let alarm = if sample.alarm { " alarm" } else { "" };
    format!("{value}{quality}{historical}{transient}{alarm}")
}

fn told_publish(publish: &OutgoingMessage) -> String {
    let OutgoingMessage { server, message: Message { topic, payload, qos, retain } } = publish;
    if topic == "spBv1.0/STATE/h" {
        assert_eq!((*qos, *retain), (Qos::AtLeastOnce, true));
        let json: serde_json::Value = serde_json::from_slice(payload).unwrap();
        let state = if json["online"] == true { "online" } else { "offline" };
        assert_eq!(json.as_object().unwrap().len(), 2);
        return format!("state {} {state} @{}", server.0, json["timestamp"].as_u64().unwrap());
    }
    assert_eq!((*qos, *retain), (Qos::AtMostOnce, false), "payloads_ncmd_qos, _retain");
    let parts: Vec<_> = topic.split('/').collect();
    let node = EdgeNode::new(parts[1], parts[3]);
    assert!(Edge::new(node.clone(), 0).is_rebirth(topic, payload), "{topic}");
    format!("rebirth {} {node}", server.0)
}
