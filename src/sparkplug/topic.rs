//! Topics: strict parsing, exact formatting.

use std::fmt::Write;

use super::address::{EdgeNode, Source};
use super::limits;

/// The only namespace there is [topic-structure-namespace-a].
pub const NAMESPACE: &str = "spBv1.0";

/// Where a Sparkplug-aware server keeps the births it has seen, each under its own topic
/// [conformance-mqtt-aware-nbirth-mqtt-topic].
pub const CERTIFICATES: &str = "$sparkplug/certificates/";

/// What a topic says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    /// A message of, or to, an edge node or one of its devices.
    Edge(EdgeTopic<'a>),
    /// A host application's state.
    State {
        /// Whose.
        host_id: &'a str,
    },
}

/// The parts of an edge node's or device's topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeTopic<'a> {
    /// Group id.
    pub group: &'a str,
    /// Edge node id.
    pub node: &'a str,
    /// Device id; none in the node's own messages.
    pub device: Option<&'a str>,
    /// What kind of message.
    pub verb: MessageType,
}

/// The kinds of message; whether of a node or of a device, the topic's device id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageType {
    /// NBIRTH, DBIRTH.
    Birth,
    /// NDEATH, DDEATH.
    Death,
    /// NDATA, DDATA.
    Data,
    /// NCMD, DCMD.
    Command,
}

/// Why a topic is not Sparkplug's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Another namespace.
    #[error("the topic is of another namespace")]
    Namespace,
    /// A word that is no kind of message, or one that does not go with this many levels.
    #[error("the topic's message type does not match its levels")]
    Verb,
    /// Too few or too many levels.
    #[error("the topic has too few or too many levels")]
    Levels,
    /// An id that is empty, too long or holds a wildcard.
    #[error("an id in the topic is empty, too long or holds a wildcard")]
    Id,
}

impl<'a> Topic<'a> {
    /// Takes `topic` apart [topic-structure].
    pub fn parse(topic: &'a str) -> Result<Self, TopicError> {
        let mut levels = topic.split('/');
        if levels.next() != Some(NAMESPACE) {
            return Err(TopicError::Namespace);
        }
        let mut level = || levels.next();
        let (group, kind, node, device, rest) = (level(), level(), level(), level(), level());
        let (Some(group), Some(kind)) = (group, kind) else {
            return Err(TopicError::Levels);
        };
        if rest.is_some() {
            return Err(TopicError::Levels);
        }
        let Some(node) = node else {
            return match group {
                "STATE" => Ok(Self::State { host_id: id(kind)? }),
                _ => Err(TopicError::Levels),
            };
        };
        let verb = match (kind, device) {
            ("NDATA", None) | ("DDATA", Some(_)) => MessageType::Data,
            ("NBIRTH", None) | ("DBIRTH", Some(_)) => MessageType::Birth,
            ("NDEATH", None) | ("DDEATH", Some(_)) => MessageType::Death,
            ("NCMD", None) | ("DCMD", Some(_)) => MessageType::Command,
            _ => return Err(TopicError::Verb),
        };
        Ok(Self::Edge(EdgeTopic {
            group: id(group)?,
            node: id(node)?,
            device: device.map(id).transpose()?,
            verb,
        }))
    }
}

/// An id as a topic may hold it [intro-group-id-chars, intro-edge-node-id-chars,
/// intro-device-id-chars].
fn id(text: &str) -> Result<&str, TopicError> {
    let wild = |b: u8| matches!(b, b'+' | b'#');
    let fits = (1..=limits::NAME_BYTES).contains(&text.len());
    if fits && !text.bytes().any(wild) { Ok(text) } else { Err(TopicError::Id) }
}

/// The topic of a `verb` of `source`.
pub fn of_source(source: &Source, verb: MessageType) -> String {
    let kind = match (verb, &source.device) {
        (MessageType::Birth, None) => "NBIRTH",
        (MessageType::Birth, Some(_)) => "DBIRTH",
        (MessageType::Death, None) => "NDEATH",
        (MessageType::Death, Some(_)) => "DDEATH",
        (MessageType::Data, None) => "NDATA",
        (MessageType::Data, Some(_)) => "DDATA",
        (MessageType::Command, None) => "NCMD",
        (MessageType::Command, Some(_)) => "DCMD",
    };
    let mut topic = of_node(&source.edge, kind);
    if let Some(device) = &source.device {
        // Writing to a string cannot fail.
        let _ = write!(topic, "/{device}");
    }
    topic
}

/// The topic of a command to an edge node [topics-ncmd-topic].
pub fn node_command(edge: &EdgeNode) -> String {
    of_node(edge, "NCMD")
}

fn of_node(edge: &EdgeNode, kind: &str) -> String {
    format!("{NAMESPACE}/{}/{kind}/{}", edge.group, edge.node)
}

/// The topic of a host application's state [host-topic-phid-birth-topic].
pub fn state(host_id: &str) -> String {
    format!("{NAMESPACE}/STATE/{host_id}")
}

/// What a host subscribes to: its own state by its literal name, then every message of the
/// `groups`, or of all groups where none is named
/// [message-flow-phid-sparkplug-subscription]; with `certificates` first the births of these
/// that the server has stored.
pub fn filters<S: AsRef<str>>(host_id: &str, groups: &[S], certificates: bool) -> Vec<String> {
    let of_groups = |prefix: &str| -> Vec<String> {
        if groups.is_empty() {
            return vec![format!("{prefix}{NAMESPACE}/#")];
        }
        groups.iter().map(|group| format!("{prefix}{NAMESPACE}/{}/#", group.as_ref())).collect()
    };
    let mut filters = vec![state(host_id)];
    if certificates {
        filters.extend(of_groups(CERTIFICATES));
    }
    filters.extend(of_groups(""));
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_structure() {
        let edge =
            |group, verb, node, device| Ok(Topic::Edge(EdgeTopic { group, node, device, verb }));
        let cases = [
            ("spBv1.0/g/NBIRTH/n", edge("g", MessageType::Birth, "n", None)),
            ("spBv1.0/g/NDATA/n", edge("g", MessageType::Data, "n", None)),
            ("spBv1.0/g/NDEATH/n", edge("g", MessageType::Death, "n", None)),
            ("spBv1.0/g/NCMD/n", edge("g", MessageType::Command, "n", None)),
            ("spBv1.0/g/DBIRTH/n/d", edge("g", MessageType::Birth, "n", Some("d"))),
            ("spBv1.0/g/DDATA/n/d", edge("g", MessageType::Data, "n", Some("d"))),
            ("spBv1.0/g/DDEATH/n/d", edge("g", MessageType::Death, "n", Some("d"))),
            ("spBv1.0/g/DCMD/n/d", edge("g", MessageType::Command, "n", Some("d"))),
            (
                "spBv1.0/Plant 1.ü/DDATA/$n/d 1",
                edge("Plant 1.ü", MessageType::Data, "$n", Some("d 1")),
            ),
            ("spBv1.0/STATE/h 1", Ok(Topic::State { host_id: "h 1" })),
            ("spBv1.0/STATE/NDATA/n", edge("STATE", MessageType::Data, "n", None)),
            ("STATE/h", Err(TopicError::Namespace)),
            ("spAv1.0/g/NDATA/n", Err(TopicError::Namespace)),
            ("", Err(TopicError::Namespace)),
            ("spBv1.0", Err(TopicError::Levels)),
            ("spBv1.0/g/NDATA", Err(TopicError::Levels)),
            ("spBv1.0/g/DDATA/n/d/e", Err(TopicError::Levels)),
            ("spBv1.0/g/NDATA/n/d", Err(TopicError::Verb)),
            ("spBv1.0/g/DBIRTH/n", Err(TopicError::Verb)),
            ("spBv1.0/g/NMETA/n", Err(TopicError::Verb)),
            ("spBv1.0//NDATA/n", Err(TopicError::Id)),
            ("spBv1.0/g/NDATA/", Err(TopicError::Id)),
            ("spBv1.0/g/DDATA/n/", Err(TopicError::Id)),
            ("spBv1.0/+/NDATA/n", Err(TopicError::Id)),
            ("spBv1.0/STATE/", Err(TopicError::Id)),
        ];
        for (topic, expected) in cases {
            assert_eq!(Topic::parse(topic), expected, "{topic}");
        }
        // Each id is kept, and there may be many of them.
        let long = |chars| format!("spBv1.0/g/NDATA/{}", "n".repeat(chars));
        assert!(Topic::parse(&long(1_024)).is_ok());
        assert_eq!(Topic::parse(&long(1_025)), Err(TopicError::Id));
    }

    #[test]
    fn topics_ncmd_topic() {
        let edge = EdgeNode::new("Plant 1.ü", "$n");
        assert_eq!(node_command(&edge), "spBv1.0/Plant 1.ü/NCMD/$n");
    }

    #[test]
    fn topics_are_put_together_as_they_are_taken_apart() {
        let edge = EdgeNode::new("g", "n");
        for verb in
            [MessageType::Birth, MessageType::Death, MessageType::Data, MessageType::Command]
        {
            for device in [None, Some("d")] {
                let source = Source { edge: edge.clone(), device: device.map(Into::into) };
                let topic = of_source(&source, verb);
                let parts = EdgeTopic { group: "g", node: "n", device, verb };
                assert_eq!(Topic::parse(&topic), Ok(Topic::Edge(parts)));
            }
        }
    }

    #[test]
    fn message_flow_phid_sparkplug_subscription() {
        assert_eq!(filters::<&str>("h", &[], false), ["spBv1.0/STATE/h", "spBv1.0/#"]);
        assert_eq!(
            filters("h", &["a", "b c"], false),
            ["spBv1.0/STATE/h", "spBv1.0/a/#", "spBv1.0/b c/#"]
        );
        assert_eq!(
            filters::<&str>("h", &[], true),
            ["spBv1.0/STATE/h", "$sparkplug/certificates/spBv1.0/#", "spBv1.0/#"]
        );
    }
}
