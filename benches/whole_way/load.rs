//! What the plant says, as bytes of MQTT: births, then data, encoded once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;

use super::mqtt;
use super::plan::{NODES, Plan};
use super::plant;

/// Between two values of a property: eight a second of timestamps, SiteWise takes ten.
const STEP: Duration = Duration::from_millis(125);
/// How long ago the plant was born: all its times lie in the past and in SiteWise's window.
const AGE: Duration = Duration::from_secs(3_600);
/// Entries of ten values: turbines begin in turns, so that entries fill evenly.
const TURNS: usize = 10;

/// Bytes to be written to the bridge's socket.
pub(crate) struct Load {
    /// The births of all edge nodes.
    pub(crate) births: Vec<u8>,
    /// One message of one turbine each, with the number of bytes up to its end.
    pub(crate) data: Vec<u8>,
    pub(crate) ends: Vec<usize>,
}

impl Load {
    /// Encodes everything that `plan` sends.
    pub(crate) fn new(plan: &Plan) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap());
        let born = now.minus(AGE);
        let mut edges: Vec<_> = (0..NODES).map(plant::edge).collect();

        let mut births = Vec::new();
        for (number, edge) in edges.iter_mut().enumerate() {
            let turbines = turbines(plan, number);
            let turbines = turbines.map(|turbine| plant::turbine(turbine, 0.0, born));
            let all = std::iter::once(plant::turbine_type()).chain(turbines);
            push(&mut births, &edge.nbirth(born, all));
        }

        let (mut data, mut ends) = (Vec::new(), Vec::new());
        for sweep in 0..plan.messages + TURNS - 1 {
            let time = born.plus(Duration::from_secs(1) + STEP * u32::try_from(sweep).unwrap());
            for (number, edge) in edges.iter_mut().enumerate() {
                for turbine in turbines(plan, number) {
                    let begins = turbine % TURNS;
                    if !(begins..begins + plan.messages).contains(&sweep) {
                        continue;
                    }
                    // Values that need their digits, as measured ones do.
                    let value = 1000.0 * (sweep as f64 + turbine as f64 / 7.0).sin();
                    push(&mut data, &edge.ndata(time, [plant::turbine(turbine, value, time)]));
                    ends.push(data.len());
                }
            }
        }
        Self { births, data, ends }
    }
}

/// The turbines of an edge node.
fn turbines(plan: &Plan, node: usize) -> std::ops::Range<usize> {
    node * plan.turbines..(node + 1) * plan.turbines
}

fn push(bytes: &mut Vec<u8>, message: &Message) {
    mqtt::put_publish(bytes, &message.topic, &message.payload);
}
