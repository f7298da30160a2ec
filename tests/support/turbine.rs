//! The plant of a suite: one edge node with one turbine, whose members are numbered.

use std::time::{SystemTime, UNIX_EPOCH};

use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;

pub(crate) fn node() -> EdgeNode {
    EdgeNode::new("Nordsee", "gw")
}

pub(crate) fn member(number: usize) -> String {
    format!("M{number}")
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// The birth of the node, with the members of the turbine as they are now.
pub(crate) fn birth(edge: &mut Edge, members: Vec<Metric>) -> Message {
    let definition = (0..members.len()).map(|number| Metric::new(&member(number), 0.0));
    edge.nbirth(
        now(),
        [
            Metric::template("_types_/Turbine", Template::definition().members(definition)),
            Metric::template("T7", Template::instance("Turbine").members(members)),
        ],
    )
}

/// Data with some members of the turbine.
pub(crate) fn data(
    edge: &mut Edge,
    time: Timestamp,
    members: impl IntoIterator<Item = Metric>,
) -> Message {
    edge.ndata(time, [Metric::template("T7", Template::instance("Turbine").members(members))])
}
