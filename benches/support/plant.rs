//! A wind farm for benchmarks: edge nodes with turbines of ten members each, in the spellings
//! that real senders use.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::time::Duration;

use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::config::Config;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::sparkplug::event::Event;
use sparkwise::sparkplug::host::{Host, Output, ServerId};
use sparkwise::sparkplug::message::Message;
use sparkwise::time::{Instant, Now, Timestamp};

/// The only MQTT server.
pub(crate) const SERVER: ServerId = ServerId(0);

/// When everything begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Sequence numbers before they begin again.
pub(crate) const SEQUENCE: usize = 256;

/// The members of a turbine.
pub(crate) const MEMBERS: [&str; 10] = [
    "Rotor speed",
    "Generator speed",
    "Active power",
    "Reactive power",
    "Wind speed",
    "Wind direction",
    "Nacelle direction",
    "Blade pitch",
    "Gearbox oil temperature",
    "Generator bearing temperature",
];

/// The moment `elapsed` after the start.
pub(crate) fn after(elapsed: Duration) -> Now {
    Now { instant: Instant::from_start(elapsed), wall: START.plus(elapsed) }
}

/// The `number`th edge node, about to connect; its births give aliases.
pub(crate) fn edge(number: usize) -> Edge {
    Edge::new(EdgeNode::new("Nordsee", format!("gateway {number}")), 0).with_aliases()
}

/// The definition of a turbine.
pub(crate) fn turbine_type() -> Metric {
    let member = |name: &&str| Metric::new(name, 0.0).property("engUnit", "1");
    let members = MEMBERS.iter().map(member);
    Metric::template("_types_/Turbine", Template::definition().members(members))
}

/// The `number`th turbine with a value for each member.
pub(crate) fn turbine(number: usize, value: f64, time: Timestamp) -> Metric {
    let member = |name: &&str| Metric::new(name, value).at(time);
    let members = MEMBERS.iter().map(member);
    let instance = Template::instance("Turbine").members(members);
    Metric::template(&format!("Turbine {number}"), instance).at(time)
}

/// `count` plain metrics.
pub(crate) fn plain(count: usize, value: f64, time: Timestamp) -> impl Iterator<Item = Metric> {
    (0..count).map(move |number| {
        Metric::new(&format!("Turbine {}/Sensor {number}", number / 10), value).at(time)
    })
}

/// A host application connected to the server, to which `births` have been told.
pub(crate) fn host_with<'a>(births: impl IntoIterator<Item = &'a Message>) -> Host {
    let now = after(Duration::ZERO);
    let mut host = Host::new(Config::new("sparkwise"), 1);
    host.handle_connected(SERVER, now.wall, now);
    for birth in births {
        tell(&mut host, birth, now);
    }
    drain(&mut host);
    host
}

/// Hands a message to the host application.
pub(crate) fn tell(host: &mut Host, message: &Message, now: Now) {
    host.handle_message(SERVER, &message.topic, &message.payload, message.retain, now);
}

/// Takes all that the host application has to say; tells how many values were among it.
pub(crate) fn drain(host: &mut Host) -> usize {
    let mut values = 0;
    while let Some(output) = host.poll_output() {
        values += match std::hint::black_box(output) {
            Output::Event(Event::Data(data)) => data.samples.len(),
            Output::Event(Event::Birth(birth)) => birth.slots as usize,
            Output::Event(Event::Death(_))
            | Output::Publish(_)
            | Output::Finding { .. }
            | Output::AllNodesExcluded(_)
            | Output::NothingDelivered(_) => 0,
        };
    }
    values
}
