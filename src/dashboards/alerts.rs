//! Alert rules: a machine that is offline, a bridge that is silent.
//!
//! A rule has no variables, and the plugin names the machines of an answer in no label. So each
//! machine that is known has a rule of its own.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{BridgeAsset, DATASOURCE, FOLDER, MARK, MAX_ALERTS, Machine, Plant};

/// Seconds between two looks at a machine: each is a query message.
const EVERY: &str = "5m";
/// For how long it must be so.
const FOR: &str = "5m";
/// Seconds without a heartbeat, which is written once a minute.
const SILENCE: u32 = 600;

/// The file of rules: JSON, which is YAML as well.
pub(super) fn rules(plant: &Plant, remarks: &mut Vec<String>) -> String {
    let mut machines: Vec<_> = plant.machines.iter().collect();
    machines.sort_by(|a, b| (&a.address, a.asset).cmp(&(&b.address, b.asset)));
    if machines.len() > MAX_ALERTS {
        remarks.push(format!(
            "{} edge nodes and devices have no alert rule: there are at most {MAX_ALERTS}",
            machines.len() - MAX_ALERTS
        ));
        machines.truncate(MAX_ALERTS);
    }
    let bridge = plant.bridge.iter().map(silent_bridge);
    let rules: Vec<_> = bridge.chain(machines.into_iter().map(silent_machine)).collect();
    let groups = match rules.is_empty() {
        true => Vec::new(),
        false => vec![json!({
            "orgId": 1,
            "name": "Sparkwise",
            "folder": FOLDER,
            "interval": EVERY,
            "rules": rules,
        })],
    };
    let json = json!({"apiVersion": 1, "groups": groups});
    format!("# {MARK}. JSON, which is YAML as well.\n{}", super::pretty(&json))
}

fn silent_machine(machine: &Machine) -> Value {
    let query = json!({
        "refId": "A",
        "queryType": "PropertyValue",
        "region": "",
        "assetIds": [machine.asset],
        "propertyIds": [machine.online],
    });
    let mut labels = json!({"group": machine.group, "node": machine.node});
    if let (Some(labels), Some(device)) = (labels.as_object_mut(), &machine.device) {
        labels.insert("device".into(), device.as_str().into());
    }
    let what = if machine.device.is_some() { "device" } else { "edge node" };
    rule(
        Uuid::new_v5(&machine.asset, b"offline"),
        &format!("{} is offline", machine.address),
        [query, reduced("last"), below_one()],
        // A machine that has never told anything is not a silent one.
        "OK",
        &labels,
        &format!(
            "The {what} {} has been offline for more than {FOR}. Its values in SiteWise are old.",
            machine.address
        ),
    )
}

fn silent_bridge(bridge: &BridgeAsset) -> Value {
    let query = json!({
        "refId": "A",
        "queryType": "PropertyValueHistory",
        "region": "",
        "assetIds": [bridge.asset],
        "propertyIds": [bridge.heartbeat],
        "quality": "GOOD",
        "timeOrdering": "ASCENDING",
        "lastObservation": false,
    });
    rule(
        Uuid::new_v5(&bridge.asset, b"silent"),
        &format!("{} is silent", bridge.name),
        [query, reduced("count"), below_one()],
        "Alerting",
        &json!({}),
        &format!(
            "The bridge has written no heartbeat for {} minutes: it does not run, or reaches no \
             SiteWise. Until it is back nothing in SiteWise is current.",
            SILENCE / 60
        ),
    )
}

/// One number of the values that were read. A Boolean counts as 1 or 0.
fn reduced(by: &str) -> Value {
    json!({
        "refId": "B",
        "type": "reduce",
        "datasource": expression(),
        "expression": "A",
        "reducer": by,
        "settings": {"mode": "dropNN"},
    })
}

/// Whether that is nought.
fn below_one() -> Value {
    json!({
        "refId": "C",
        "type": "threshold",
        "datasource": expression(),
        "expression": "B",
        "conditions": [{"evaluator": {"type": "lt", "params": [1]}}],
    })
}

/// Grafana's own expressions.
fn expression() -> Value {
    json!({"type": "__expr__", "uid": "__expr__"})
}

fn rule(
    uid: Uuid,
    title: &str,
    [query, reduce, threshold]: [Value; 3],
    no_data: &str,
    labels: &Value,
    summary: &str,
) -> Value {
    let range = json!({"from": SILENCE, "to": 0});
    let data = [(DATASOURCE, query), ("__expr__", reduce), ("__expr__", threshold)];
    let data = data.map(|(datasource, model)| {
        json!({
            "refId": model.get("refId"),
            "relativeTimeRange": range,
            "datasourceUid": datasource,
            "model": model,
        })
    });
    json!({
        "uid": uid.to_string(),
        // A dollar sign would be read as a variable of the environment.
        "title": title.replace('$', "$$"),
        "condition": "C",
        "data": data,
        "noDataState": no_data,
        "execErrState": "Error",
        "for": FOR,
        "labels": labels,
        "annotations": {"summary": summary.replace('$', "$$")},
        "isPaused": false,
    })
}
