//! The edge's side, for simulators and tests: an edge node that keeps its sequence.
//!
//! ```
//! use sparkwise::sparkplug::address::EdgeNode;
//! use sparkwise::sparkplug::edge::{Edge, Metric, Template};
//! use sparkwise::time::Timestamp;
//!
//! let mut edge = Edge::new(EdgeNode::new("Farm", "Gateway"), 0);
//! let will = edge.will();
//! assert_eq!(will.topic, "spBv1.0/Farm/NDEATH/Gateway");
//!
//! let turbine = Template::definition()
//!     .parameter("Serial", "")
//!     .member(Metric::new("Speed", 0.0_f32).property("engUnit", "rpm"));
//! let birth = edge.nbirth(Timestamp::from_millis(1), [Metric::template("Turbine", turbine)]);
//! assert_eq!(birth.topic, "spBv1.0/Farm/NBIRTH/Gateway");
//!
//! let seven = Template::instance("Turbine").member(Metric::new("Speed", 12.5_f32));
//! let data = edge.ndata(Timestamp::from_millis(2), [Metric::template("Turbine 7", seven)]);
//! assert_eq!(data.topic, "spBv1.0/Farm/NDATA/Gateway");
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::address::{EdgeNode, Source};
use super::message::{Message, Qos};
use super::payload::{self, Compression};
use super::proto::Payload;
use super::proto::payload as wire;
use super::topic::{self, MessageType, Topic};
use crate::time::Timestamp;

mod metric;

pub use metric::{Metric, Template, Typed};

/// The metric by which an edge node is asked for its births
/// [operational-behavior-data-commands-rebirth-name].
pub const REBIRTH: &str = "Node Control/Rebirth";

/// Whether a metric belongs to the session and to commands, not to the plant.
pub fn is_control(name: &str) -> bool {
    name == BD_SEQ || name.starts_with("Node Control/") || name.starts_with("Device Control/")
}

/// The metric that ties a death to its birth [payloads-nbirth-bdseq].
pub const BD_SEQ: &str = "bdSeq";

/// A command to an edge node or device: NCMD or DCMD with `metrics`, at QoS 0, not retained, with
/// the time of sending and without a sequence number [payloads-ncmd-seq, payloads-dcmd-seq].
pub fn command(to: &Source, time: Timestamp, metrics: impl IntoIterator<Item = Metric>) -> Message {
    let payload = Payload {
        timestamp: u64::try_from(time.as_millis()).ok(),
        metrics: metrics.into_iter().map(Metric::into_wire).collect(),
        ..Payload::default()
    };
    Message {
        topic: topic::of_source(to, MessageType::Command),
        payload: payload::encode(&payload),
        qos: Qos::AtMostOnce,
        retain: false,
    }
}

/// Aliases by device and name.
type Aliases = BTreeMap<(Option<Arc<str>>, Bytes), u64>;

/// The session of an edge node as the node itself has it.
#[derive(Clone, Debug)]
pub struct Edge {
    node: EdgeNode,
    bd_seq: u8,
    /// The number of the next message.
    seq: u8,
    aliases: Option<Aliases>,
    datatypes: bool,
    compression: Option<Compression>,
}

impl Edge {
    /// An edge node about to connect with `bd_seq`.
    pub fn new(node: EdgeNode, bd_seq: u8) -> Self {
        Self { node, bd_seq, seq: 0, aliases: None, datatypes: true, compression: None }
    }

    /// Births give every metric an alias; data carries aliases alone
    /// [payloads-alias-data-cmd-requirement].
    pub fn with_aliases(mut self) -> Self {
        self.aliases = Some(BTreeMap::new());
        self
    }

    /// Data carries no datatypes [payloads-metric-datatype-not-req].
    pub fn without_datatypes(mut self) -> Self {
        self.datatypes = false;
        self
    }

    /// Payloads are compressed, the will excepted.
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Who this is.
    pub fn node(&self) -> &EdgeNode {
        &self.node
    }

    /// The bdSeq of this connection.
    pub fn bd_seq(&self) -> u8 {
        self.bd_seq
    }

    /// The sequence number that the next message will carry.
    pub fn next_seq(&self) -> u8 {
        self.seq
    }

    /// Loses `count` messages: their sequence numbers are never sent.
    pub fn skip(&mut self, count: u8) {
        self.seq = self.seq.wrapping_add(count);
    }

    /// Begins another connection: bdSeq goes up by one [topics-nbirth-bdseq-increment].
    /// Returns the will for it.
    pub fn reconnect(&mut self) -> Message {
        self.bd_seq = self.bd_seq.wrapping_add(1);
        self.will()
    }

    /// The will to be given in CONNECT; published by hand, the node's death.
    pub fn will(&self) -> Message {
        let payload = Payload { metrics: vec![self.bd_seq_metric()], ..Payload::default() };
        Message {
            topic: topic::of_source(&self.source(None), MessageType::Death),
            payload: payload::encode(&payload),
            qos: Qos::AtLeastOnce,
            retain: false,
        }
    }

    /// NDEATH: the will, sent before an intended disconnect
    /// [operational-behavior-edge-node-intentional-disconnect-ndeath].
    pub fn ndeath(&self) -> Message {
        self.will()
    }

    /// NBIRTH with `metrics`; bdSeq and `Node Control/Rebirth` are added. The sequence starts
    /// again, the bdSeq stays [operational-behavior-data-commands-rebirth-action-3].
    pub fn nbirth(
        &mut self,
        time: Timestamp,
        metrics: impl IntoIterator<Item = Metric>,
    ) -> Message {
        self.seq = 0;
        if let Some(aliases) = &mut self.aliases {
            aliases.clear();
        }
        let mut all = vec![self.bd_seq_metric(), Metric::new(REBIRTH, false).into_wire()];
        all.extend(self.with_alias_names(None, metrics));
        self.numbered(None, MessageType::Birth, time, all)
    }

    /// DBIRTH of `device` with `metrics`.
    pub fn dbirth(
        &mut self,
        device: &str,
        time: Timestamp,
        metrics: impl IntoIterator<Item = Metric>,
    ) -> Message {
        let metrics = self.with_alias_names(Some(device), metrics);
        self.numbered(Some(device), MessageType::Birth, time, metrics)
    }

    /// NDATA with `metrics`.
    pub fn ndata(&mut self, time: Timestamp, metrics: impl IntoIterator<Item = Metric>) -> Message {
        let metrics = self.of_data(None, metrics);
        self.numbered(None, MessageType::Data, time, metrics)
    }

    /// DDATA of `device` with `metrics`.
    pub fn ddata(
        &mut self,
        device: &str,
        time: Timestamp,
        metrics: impl IntoIterator<Item = Metric>,
    ) -> Message {
        let metrics = self.of_data(Some(device), metrics);
        self.numbered(Some(device), MessageType::Data, time, metrics)
    }

    /// DDEATH of `device`.
    pub fn ddeath(&mut self, device: &str, time: Timestamp) -> Message {
        self.numbered(Some(device), MessageType::Death, time, Vec::new())
    }

    /// The topic to subscribe to for commands to this node.
    pub fn command_topic(&self) -> String {
        topic::node_command(&self.node)
    }

    /// Whether a message asks this node for its births.
    pub fn is_rebirth(&self, topic: &str, payload: &[u8]) -> bool {
        let to_us = match Topic::parse(topic) {
            Ok(Topic::Edge(to)) => {
                to.verb == MessageType::Command
                    && to.device.is_none()
                    && to.group == &*self.node.group
                    && to.node == &*self.node.node
            }
            Ok(Topic::State { .. }) | Err(_) => false,
        };
        to_us
            && payload::decode(payload).is_ok_and(|payload| {
                payload.metrics.iter().any(|metric| {
                    metric.name.as_deref() == Some(REBIRTH.as_bytes())
                        && metric.value == Some(wire::metric::Value::BooleanValue(true))
                })
            })
    }

    fn source(&self, device: Option<&str>) -> Source {
        Source { edge: self.node.clone(), device: device.map(Into::into) }
    }

    fn bd_seq_metric(&self) -> wire::Metric {
        Metric::new(BD_SEQ, i64::from(self.bd_seq)).into_wire()
    }

    fn with_alias_names(
        &mut self,
        device: Option<&str>,
        metrics: impl IntoIterator<Item = Metric>,
    ) -> Vec<wire::Metric> {
        let mut wired: Vec<_> = metrics.into_iter().map(Metric::into_wire).collect();
        if let Some(aliases) = &mut self.aliases {
            for metric in &mut wired {
                let Some(name) = &metric.name else { continue };
                let next = aliases.len() as u64;
                let key = (device.map(Arc::from), name.clone());
                metric.alias = Some(*aliases.entry(key).or_insert(next));
            }
        }
        wired
    }

    fn of_data(
        &self,
        device: Option<&str>,
        metrics: impl IntoIterator<Item = Metric>,
    ) -> Vec<wire::Metric> {
        let mut wired: Vec<_> = metrics.into_iter().map(Metric::into_wire).collect();
        for metric in &mut wired {
            if let (Some(aliases), Some(name)) = (&self.aliases, &metric.name) {
                let key = (device.map(Arc::from), name.clone());
                if let Some(alias) = aliases.get(&key) {
                    metric.alias = Some(*alias);
                    metric.name = None;
                }
            }
            if !self.datatypes {
                metric::strip_datatypes(metric);
            }
        }
        wired
    }

    fn numbered(
        &mut self,
        device: Option<&str>,
        verb: MessageType,
        time: Timestamp,
        metrics: Vec<wire::Metric>,
    ) -> Message {
        let payload = Payload {
            timestamp: u64::try_from(time.as_millis()).ok(),
            seq: Some(u64::from(self.seq)),
            metrics,
            ..Payload::default()
        };
        self.seq = self.seq.wrapping_add(1);
        Message {
            topic: topic::of_source(&self.source(device), verb),
            payload: match self.compression {
                None => payload::encode(&payload),
                Some(compression) => payload::encode_compressed(&payload, compression),
            },
            qos: Qos::AtMostOnce,
            retain: false,
        }
    }
}

#[cfg(test)]
mod tests;
