//! Commands as a gateway reads them: which metrics of a DCMD tell a turbine something. Pure.

use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::payload;
use sparkwise::sparkplug::proto::payload as wire;
use sparkwise::sparkplug::proto::payload::metric::Value;
use sparkwise::sparkplug::topic::{MessageType, Topic};

use crate::model::Order;
use crate::signal::{DERATE, PITCH_LIMIT, RESET};

/// An order to a turbine of a device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TurbineOrder {
    pub(crate) device: String,
    pub(crate) turbine: String,
    pub(crate) order: Order,
}

/// The orders in a message, if it is a command to a device of `node`: members of partial instances,
/// or metrics with flat names such as `T01/Derate`. What means nothing here is left out.
pub(crate) fn decode(node: &EdgeNode, topic: &str, payload: &[u8]) -> Vec<TurbineOrder> {
    let device = match Topic::parse(topic) {
        Ok(Topic::Edge(to))
            if to.verb == MessageType::Command
                && to.group == &*node.group
                && to.node == &*node.node =>
        {
            to.device
        }
        _ => None,
    };
    let (Some(device), Ok(payload)) = (device, payload::decode(payload)) else {
        return Vec::new();
    };
    let mut orders = Vec::new();
    for metric in &payload.metrics {
        let name = text(metric);
        let mut push_order = |turbine: &str, member: &str, value: Option<&Value>| {
            if let Some(order) = value.and_then(|value| order(member, value)) {
                let (device, turbine) = (device.to_owned(), turbine.to_owned());
                orders.push(TurbineOrder { device, turbine, order });
            }
        };
        match &metric.value {
            Some(Value::TemplateValue(instance)) => {
                for member in &instance.metrics {
                    push_order(&name, &text(member), member.value.as_ref());
                }
            }
            value => {
                if let Some((turbine, member)) = name.split_once('/') {
                    push_order(turbine, member, value.as_ref());
                }
            }
        }
    }
    orders
}

fn text(metric: &wire::Metric) -> String {
    String::from_utf8_lossy(metric.name.as_deref().unwrap_or_default()).into_owned()
}

fn order(member: &str, value: &Value) -> Option<Order> {
    match (member, value) {
        (PITCH_LIMIT, Value::DoubleValue(angle)) => Some(Order::PitchLimit(*angle)),
        (PITCH_LIMIT, Value::FloatValue(angle)) => Some(Order::PitchLimit((*angle).into())),
        (DERATE, Value::BooleanValue(is_derated)) => Some(Order::Derate(*is_derated)),
        (RESET, Value::BooleanValue(true)) => Some(Order::Reset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sparkwise::sparkplug::address::Source;
    use sparkwise::sparkplug::edge::{self, Metric, Template};
    use sparkwise::time::Timestamp;

    use super::*;

    fn decoded(device: Option<&str>, metrics: Vec<Metric>) -> Vec<(String, Order)> {
        let node = EdgeNode::new("Nordsee", "Gateway Nord");
        let to = Source { edge: node.clone(), device: device.map(Into::into) };
        let command = edge::command(&to, Timestamp::from_millis(1), metrics);
        let orders = decode(&node, &command.topic, &command.payload);
        assert!(orders.iter().all(|order| Some(&*order.device) == device));
        orders.into_iter().map(|order| (order.turbine, order.order)).collect()
    }

    #[test]
    fn orders_are_read_from_partial_instances_and_flat_names() {
        let instance = Template::instance("WindTurbine")
            .member(Metric::new("Derate", true))
            .member(Metric::new("Pitch Limit", 42.5));
        assert_eq!(
            decoded(Some("Row 1"), vec![Metric::template("T01", instance)]),
            [("T01".to_owned(), Order::Derate(true)), ("T01".to_owned(), Order::PitchLimit(42.5))]
        );
        let flat = vec![Metric::new("T02/Reset", true), Metric::new("T02/Derate", false)];
        assert_eq!(
            decoded(Some("Row 1"), flat),
            [("T02".to_owned(), Order::Reset), ("T02".to_owned(), Order::Derate(false))]
        );
    }

    #[test]
    fn what_means_nothing_is_left_out() {
        let unknown = || {
            vec![
                Metric::new("Derate", true),
                Metric::new("T01/Power", 1.0),
                Metric::new("T01/Derate", 1.0),
                Metric::new("T01/Reset", false),
                Metric::new("T01/Pitch Limit", "flat"),
            ]
        };
        assert_eq!(decoded(Some("Row 1"), unknown()), []);
        assert_eq!(decoded(None, vec![Metric::new("T01/Derate", true)]), []);
        let node = EdgeNode::new("Nordsee", "Gateway Nord");
        let to = Source { edge: EdgeNode::new("Nordsee", "Other"), device: Some("Row 1".into()) };
        let metric = Metric::new("T01/Derate", true);
        let foreign = edge::command(&to, Timestamp::from_millis(1), [metric]);
        assert_eq!(decode(&node, &foreign.topic, &foreign.payload), []);
        assert_eq!(decode(&node, "spBv1.0/Nordsee/DCMD/Gateway Nord/Row 1", b"\xff\xff"), []);
    }
}
