//! The wind farm as it speaks to a bridge: births, then messages at a pace.

use std::time::{Duration, Instant};

use sparkwise::sparkplug::edge::Edge;
use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use super::link::Link;
use super::{mqtt, plant};

/// Edge nodes.
pub(crate) const NODES: usize = 5;
/// Between two writes to the socket.
const TICK: Duration = Duration::from_millis(5);

/// Edge nodes with as many turbines each.
#[derive(Debug)]
pub(crate) struct Farm {
    edges: Vec<Edge>,
    turbines: usize,
}

impl Farm {
    pub(crate) fn new(turbines: usize) -> Self {
        Self { edges: (0..NODES).map(plant::edge).collect(), turbines }
    }

    /// Turbines of all edge nodes.
    pub(crate) fn turbines(&self) -> usize {
        NODES * self.turbines
    }

    /// Properties that get values.
    pub(crate) fn properties(&self) -> usize {
        self.turbines() * plant::MEMBERS.len()
    }

    /// The births of all edge nodes, with zeros.
    pub(crate) fn births(&mut self, time: Timestamp) -> Vec<u8> {
        let mut births = Vec::new();
        for (number, edge) in self.edges.iter_mut().enumerate() {
            let turbines = number * self.turbines..(number + 1) * self.turbines;
            let turbines = turbines.map(|turbine| plant::turbine(turbine, 0.0, time));
            push(
                &mut births,
                &edge.nbirth(time, std::iter::once(plant::turbine_type()).chain(turbines)),
            );
        }
        births
    }

    /// Appends a message in which a turbine tells a value for each member.
    pub(crate) fn say(&mut self, to: &mut Vec<u8>, turbine: usize, value: f64, time: Timestamp) {
        if let Some(edge) = self.edges.get_mut(turbine / self.turbines) {
            push(to, &edge.ndata(time, [plant::turbine(turbine, value, time)]));
        }
    }
}

fn push(to: &mut Vec<u8>, message: &Message) {
    mqtt::put_publish(to, &message.topic, &message.payload);
}

/// Writes messages at a pace, until `message` gives no more of them. Each is told its number and
/// when it is due, and appends itself. What is late is not left out: its lateness counts.
pub(crate) async fn pace(
    link: &Link,
    per_second: f64,
    mut message: impl FnMut(&mut Vec<u8>, u64, Instant) -> bool,
) {
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut number, mut bytes) = (0_u64, Vec::new());
    loop {
        ticks.tick().await;
        bytes.clear();
        let mut goes_on = true;
        while goes_on {
            let due = began + Duration::from_secs_f64(number as f64 / per_second);
            if due > Instant::now() {
                break;
            }
            goes_on = message(&mut bytes, number, due);
            number += 1;
        }
        link.write(&bytes).await.unwrap();
        if !goes_on {
            return;
        }
    }
}
