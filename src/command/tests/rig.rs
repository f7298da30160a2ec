//! One edge node, the bridge and SiteWise, on one clock.

use super::*;
use crate::bridge::{self, Bridge, Output as BridgeOutput};
use crate::command::answer::Output;
use crate::command::request::{CommandChannel, Sent};
use crate::delivery;
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::config as host_config;
use crate::sparkplug::edge::Edge;
use crate::sparkplug::host::{OutgoingMessage, ServerId};
use crate::sparkplug::message::Message;
use crate::sparkplug::payload;
use crate::sparkplug::proto::payload as wire;
use crate::twin::tests::config as twin_config;
use crate::twin::tests::fake::FakeSiteWise;

pub(super) const START: i64 = 1_790_000_000_000;
pub(super) const SERVER: ServerId = ServerId(0);

pub(super) struct Rig {
    pub(super) bridge: Bridge,
    pub(super) sitewise: FakeSiteWise,
    pub(super) edge: Edge,
    pub(super) now: Now,
    pub(super) uplink: Uplink,
    /// What was told to the plant, and not looked at yet.
    pub(super) published: Vec<OutgoingMessage>,
    pub(super) started: Vec<String>,
    /// Whether the client has what was told to the plant at once.
    pub(super) sends: bool,
    /// Whether SiteWise answers.
    pub(super) is_reachable: bool,
    /// Answers that were not looked at yet.
    pub(super) answers: Vec<(String, Arc<Answer>, bool)>,
}

pub(super) fn config(allow: &str) -> Config {
    let allow = AllowRules::parse(allow).unwrap();
    Config { allow, confirm: Duration::from_secs(10), form: Form::Name }
}

impl Rig {
    pub(super) fn new(allow: &str) -> Self {
        Self::with(allow, |_, _| {})
    }

    pub(super) fn with(allow: &str, set: impl FnOnce(&mut bridge::Config, &mut Config)) -> Self {
        let mut of_bridge = bridge::Config {
            host: host_config::Config::new("sparkwise"),
            twin: twin_config(),
            delivery: delivery::Config::default(),
        };
        let mut of_commands = config(allow);
        set(&mut of_bridge, &mut of_commands);
        let now = Now { instant: Instant::START, wall: Timestamp::from_millis(START) };
        let mut rig = Self {
            bridge: Bridge::new(of_bridge, 1).with_commands(of_commands, now),
            sitewise: FakeSiteWise::default(),
            edge: Edge::new(EdgeNode::new("Nordsee", "gw"), 0),
            now,
            uplink: Uplink::Open,
            published: Vec::new(),
            started: Vec::new(),
            sends: true,
            is_reachable: true,
            answers: Vec::new(),
        };
        rig.bridge.handle_connected(SERVER, now.wall, now);
        rig.drain();
        rig
    }

    /// A rig whose node has a plain metric `Limit` of 40, and whose rule allows 0..90 for it.
    pub(super) fn plain() -> Self {
        let mut rig = Self::new("Nordsee/gw/Limit = 0..90");
        rig.born([Metric::new("Limit", 40.0)]);
        rig
    }

    /// The node is born with these metrics, some time after the last message.
    pub(super) fn born(&mut self, metrics: impl IntoIterator<Item = Metric>) {
        self.pass(10);
        let birth = self.edge.nbirth(self.now.wall, metrics);
        self.send(&birth);
    }

    pub(super) fn device(&mut self, name: &str, metrics: impl IntoIterator<Item = Metric>) {
        let birth = self.edge.dbirth(name, self.now.wall, metrics);
        self.send(&birth);
    }

    pub(super) fn told(&mut self, metrics: impl IntoIterator<Item = Metric>) {
        let data = self.edge.ndata(self.now.wall, metrics);
        self.send(&data);
    }

    pub(super) fn send(&mut self, message: &Message) {
        let Message { topic, payload, .. } = message;
        self.bridge.handle_message(SERVER, topic, payload, false, self.now);
        self.drain();
    }

    /// Lets so many milliseconds pass, stopping wherever something is due.
    pub(super) fn pass(&mut self, millis: u64) {
        let end = self.now.plus(Duration::from_millis(millis));
        while let Some(at) = self.bridge.poll_timeout().filter(|at| *at <= end.instant) {
            self.now = self.now.plus(at.since(self.now.instant));
            self.bridge.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Hands over a request.
    pub(super) fn request(&mut self, id: &str, request: &serde_json::Value) {
        self.request_of(id, None, request.to_string().as_bytes());
    }

    pub(super) fn request_of(&mut self, id: &str, sent_at: Option<Timestamp>, payload: &[u8]) {
        // AWS's clock and this host's show the same.
        let start = Some(Timestamp::from_millis(START));
        let sent = sent_at.map_or(Sent::OnArrival(self.now.wall), |at| Sent::Before {
            at,
            start,
            taken: None,
        });
        self.request_sent(id, sent, payload);
    }

    pub(super) fn request_sent(&mut self, id: &str, sent: Sent, payload: &[u8]) {
        let envelope = Envelope { key: RequestKey::new(CommandChannel::Queue, id), sent };
        self.bridge.handle_request(envelope, payload, &[self.uplink], self.now);
        self.drain();
    }

    /// Hands over a request with an id of its own, and says how it was answered at once.
    pub(super) fn ask(
        &mut self,
        asset: &str,
        property: &str,
        value: impl Into<Json>,
    ) -> Option<Code> {
        let request = json!({ "asset": asset, "property": property, "value": value.into() });
        self.ask_with(&request)
    }

    pub(super) fn ask_with(&mut self, request: &Json) -> Option<Code> {
        let id = format!(
            "r{}",
            self.bridge.commands().unwrap().figures().answers.values().sum::<u64>()
                + self.bridge.commands().unwrap().figures().in_flight as u64
        );
        self.request(&id, request);
        self.answered(&id).map(|answer| answer.code)
    }

    /// The answer to a request, taken.
    pub(super) fn answered(&mut self, id: &str) -> Option<Arc<Answer>> {
        let at = self.answers.iter().position(|(of, ..)| of == id)?;
        Some(self.answers.remove(at).1)
    }

    /// The one message that was told to the plant, taken.
    pub(super) fn message(&mut self) -> Message {
        let mut all = std::mem::take(&mut self.published);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).message
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.bridge.poll_output(self.now) {
            if let BridgeOutput::Call(id, step) = output {
                let answer = match self.is_reachable {
                    true => self.sitewise.call(step),
                    false => Err(ApiFault::new(ApiFaultKind::Unavailable, "it is away")),
                };
                self.bridge.handle_call_result(id, answer, self.now);
            }
        }
        while let Some(output) = self.bridge.poll_command() {
            match output {
                Output::Publish(key, message) => {
                    self.published.push(message);
                    if self.sends {
                        self.bridge.handle_sending(&key, Ok(()), self.now);
                    }
                }
                Output::Started { key, .. } => self.started.push(key.id.to_string()),
                Output::Answer { key, answer, repeated } => {
                    self.answers.push((key.id.to_string(), answer, repeated));
                }
            }
        }
    }
}

pub(super) type Json = serde_json::Value;

/// A command in short: topic, then metrics with alias, datatype and value.
pub(super) fn gist(message: &Message) -> String {
    let payload = payload::decode(&message.payload).unwrap();
    assert_eq!(payload.seq, None, "a command has no sequence number");
    assert!(payload.timestamp.is_some());
    let metrics: Vec<_> = payload.metrics.iter().map(metric_gist).collect();
    format!("{} {}", message.topic, metrics.join(" "))
}

fn metric_gist(metric: &wire::Metric) -> String {
    use wire::metric::Value as V;
    let name = String::from_utf8(metric.name.clone().unwrap().to_vec()).unwrap();
    let alias = metric.alias.map_or_else(String::new, |alias| format!("#{alias}"));
    let datatype = metric.datatype.unwrap();
    assert!(metric.timestamp.is_some());
    let value = match metric.value.as_ref().unwrap() {
        V::TemplateValue(template) => {
            assert_eq!(template.is_definition, Some(false));
            assert_eq!(template.parameters, []);
            let text = |bytes: &Option<bytes::Bytes>| {
                bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            let members: Vec<_> = template.metrics.iter().map(metric_gist).collect();
            let version = text(&template.version).map_or_else(String::new, |v| format!("@{v}"));
            let of = text(&template.template_ref).unwrap();
            return format!("{name}{alias}:{of}{version}{{{}}}", members.join(" "));
        }
        V::IntValue(v) => (*v as i32).to_string(),
        V::LongValue(v) => v.to_string(),
        V::FloatValue(v) => v.to_string(),
        V::DoubleValue(v) => v.to_string(),
        V::BooleanValue(v) => v.to_string(),
        V::StringValue(v) => String::from_utf8_lossy(v).into_owned(),
        other => panic!("{other:?}"),
    };
    format!("{name}{alias}({datatype})={value}")
}
