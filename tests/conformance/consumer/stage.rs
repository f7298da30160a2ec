//! A host without a network: messages and time in, what it makes of them as text out.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message as _;
use sparkwise::sparkplug::address::{EdgeNode, Source};
use sparkwise::sparkplug::config::Config;
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::event::{self, Content, DeathCause, Event, SequenceOrder};
use sparkwise::sparkplug::event::{Sample, Slot, SparkplugQuality};
use sparkwise::sparkplug::findings::Finding;
use sparkwise::sparkplug::host::{Host, Output, ServerId};
use sparkwise::sparkplug::message::Message;
use sparkwise::sparkplug::proto::Payload;
use sparkwise::sparkplug::value::Value;
use sparkwise::time::{Instant, Now, Timestamp};

const SERVER: ServerId = ServerId(0);

/// A connected host, its clock, and the names of what it numbers.
pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) now: Now,
    names: BTreeMap<(Source, Slot), String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("h");
        config.rebirth.jitter = Duration::ZERO;
        set(&mut config);
        let instant = Instant::from_start(Duration::from_secs(60));
        let now = Now { instant, wall: Timestamp::from_millis(1_000_000) };
        let mut host = Host::new(config, 1);
        host.handle_connected(SERVER, now.wall, now);
        let mut stage = Self { host, now, names: BTreeMap::new() };
        stage.look();
        stage
    }

    /// The time that senders write into their messages.
    pub(crate) fn time(&self) -> Timestamp {
        self.now.wall
    }

    pub(crate) fn send(&mut self, message: &Message) {
        self.raw(&message.topic, &message.payload, message.retain);
    }

    pub(crate) fn retained(&mut self, message: &Message) {
        self.raw(&message.topic, &message.payload, true);
    }

    pub(crate) fn raw(&mut self, topic: &str, payload: &[u8], retain: bool) {
        self.host.handle_message(SERVER, topic, payload, retain, self.now);
    }

    /// Sends `message` with its payload changed.
    pub(crate) fn send_with(&mut self, message: &Message, change: impl FnOnce(&mut Payload)) {
        self.send(&changed(message, change));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now.plus(duration);
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end.instant) {
            self.now = self.now.plus(due.since(self.now.instant));
            self.host.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// All that the host has put out since the last look.
    pub(crate) fn look(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(output) = self.host.poll_output() {
            lines.push(match output {
                Output::Event(event) => self.told(&event),
                Output::Publish(publish) => publish.message.topic,
                // Findings are asked for by name.
                Output::Finding { .. }
                | Output::AllNodesExcluded(_)
                | Output::NothingDelivered(_) => {
                    continue;
                }
            });
        }
        lines
    }

    #[track_caller]
    pub(crate) fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.look(), expected);
    }

    /// How often a finding was made.
    pub(crate) fn found(&self, finding: Finding) -> u64 {
        self.host.counters().findings.count(finding)
    }

    fn told(&mut self, event: &Event) -> String {
        match event {
            Event::Birth(birth) => {
                self.names.retain(|(source, _), _| *source != birth.source);
                let mut leaves = Vec::new();
                for metric in &birth.metrics {
                    self.metric(&birth.source, "", metric, &mut leaves);
                }
                format!("birth {}: {}", birth.source, leaves.join(", "))
            }
            Event::Data(data) => {
                let order = match data.order {
                    SequenceOrder::InOrder => "",
                    SequenceOrder::AfterGap => "after gap ",
                    SequenceOrder::Late => "late ",
                    SequenceOrder::BeforeBirth => "before birth ",
                };
                let name = |slot: &Slot| &self.names[&(data.source.clone(), *slot)];
                let samples =
                    data.samples.iter().map(|(s, sample)| format!("{}={}", name(s), said(sample)));
                format!("{order}data {}: {}", data.source, samples.collect::<Vec<_>>().join(", "))
            }
            Event::Death(death) => {
                let cause = match death.cause {
                    DeathCause::Certificate => "certificate",
                    DeathCause::Node => "node",
                    DeathCause::ConnectionLost => "connection",
                    DeathCause::Silent => "silent",
                };
                format!("death {} {cause} @{}", death.source, death.time.as_millis())
            }
        }
    }

    fn metric(
        &mut self,
        source: &Source,
        above: &str,
        metric: &event::BirthMetric,
        leaves: &mut Vec<String>,
    ) {
        let name = format!("{above}{}", metric.name);
        match &metric.content {
            Content::Leaf { slot, sample, .. } => {
                if !matches!(&*name, "bdSeq" | "Node Control/Rebirth") {
                    leaves.push(format!("{name}={}", said(sample)));
                }
                self.names.insert((source.clone(), *slot), name);
            }
            Content::Instance(instance) => {
                for member in &instance.members {
                    self.metric(source, &format!("{name}."), member, leaves);
                }
            }
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
    format!("{value}{quality}{}", if sample.historical { " historical" } else { "" })
}

/// `message` with its payload changed.
pub(crate) fn changed(message: &Message, change: impl FnOnce(&mut Payload)) -> Message {
    let mut payload = Payload::decode(&*message.payload).unwrap();
    change(&mut payload);
    Message { payload: payload.encode_to_vec(), ..message.clone() }
}

pub(crate) fn edge() -> Edge {
    Edge::new(EdgeNode::new("g", "n"), 0)
}

/// The metric `a`.
pub(crate) fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The request for the births of the one node.
pub(crate) const ASKED: &str = "spBv1.0/g/NCMD/n";
