//! Alert rules: a machine that is offline, a bridge that is silent.
//!
//! A rule has no variables, and the plugin names the machines of an answer in no label. So each
//! machine that is known has a rule of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::literal::{annotated, provisioned, templated};
use super::{BridgeAsset, DATASOURCE, FOLDER, MARK, MAX_ALERTS, Machine, Plant};

/// Where the rules are written.
pub(super) const PATH: &str = "provisioning/alerting/sparkwise.yaml";
/// Seconds between two looks at a machine: each is a query message.
const EVERY: &str = "5m";
/// For how long it must be so.
const FOR: &str = "5m";
/// Seconds without a heartbeat, which is written once a minute. With the time between two looks and
/// that for which it must be so, the rule fires ten to fifteen minutes after the last one.
const SILENCE: u32 = 300;
/// The form of an answer that Grafana's expressions take: times and numbers, the quality as a label.
const SERIES: &str = "timeseries";
/// The data source of Grafana's own expressions.
const EXPRESSION: &str = "__expr__";
/// The expression that decides.
const CONDITION: &str = "C";
/// Bytes of a rule's title at most.
const MAX_TITLE: usize = 190;

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
    let uids: BTreeSet<&str> =
        rules_of(&groups).filter_map(|rule| rule.get("uid")?.as_str()).collect();
    let former = plant.former_rules.iter().map(Uuid::to_string);
    let ended = former.filter(|uid| !uids.contains(uid.as_str())).take(MAX_ALERTS);
    let ended: BTreeSet<String> = ended.collect();
    let ended: Vec<_> = ended.iter().map(|uid| json!({"orgId": 1, "uid": uid})).collect();
    let mut json = json!({"apiVersion": 1, "groups": groups});
    if let (Some(json), false) = (json.as_object_mut(), ended.is_empty()) {
        json.insert("deleteRules".into(), ended.into());
    }
    format!("# {MARK}. JSON, which is YAML as well.\n{}", super::pretty(&json))
}

/// The rules of a file's groups.
pub(super) fn rules_of(groups: &[Value]) -> impl Iterator<Item = &Value> {
    let lists = groups.iter().filter_map(|group| group.get("rules")?.as_array());
    lists.flatten()
}

/// The uid of the rule of a bridge's asset.
pub(super) fn uid_of_bridge(asset: Uuid) -> Uuid {
    Uuid::new_v5(&asset, b"silent")
}

/// A machine is dead if its last death is later than its last birth. `Online` cannot be used: Grafana's
/// alerting only takes numbers.
fn silent_machine(machine: &Machine) -> Value {
    let latest = |ref_id: &str, property: Uuid| {
        json!({
            "refId": ref_id,
            "queryType": "PropertyValue",
            "region": "",
            "assetIds": [machine.asset],
            "propertyIds": [property],
            "responseFormat": SERIES,
        })
    };
    let label = |name: &str| provisioned(&templated(name));
    let mut labels = json!({"group": label(&machine.group), "node": label(&machine.node)});
    if let (Some(labels), Some(device)) = (labels.as_object_mut(), &machine.device) {
        labels.insert("device".into(), label(device).into());
    }
    let what = if machine.device.is_some() { "device" } else { "edge node" };
    let uid = Uuid::new_v5(&machine.asset, b"offline");
    rule(
        uid,
        &title(&machine.address, "is offline", uid),
        vec![
            (DATASOURCE, latest("A", machine.last_death)),
            (DATASOURCE, latest("B", machine.last_birth)),
            (EXPRESSION, reduced("death", "A", "last")),
            (EXPRESSION, reduced("birth", "B", "last")),
            (EXPRESSION, later_death()),
        ],
        // A machine that has never died has no value of its last death, and Grafana calls the empty
        // answer an error. Where it really fails, the bridge's rule says so.
        "OK",
        &labels,
        &format!(
            "The {what} {} has been offline for more than {FOR}. Its values in SiteWise are old.",
            annotated(&machine.address)
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
        "responseFormat": SERIES,
    });
    let uid = uid_of_bridge(bridge.asset);
    rule(
        uid,
        &title(&bridge.name, "is silent", uid),
        vec![
            (DATASOURCE, query),
            (EXPRESSION, reduced("B", "A", "count")),
            (EXPRESSION, below_one()),
        ],
        // An answer without a heartbeat is empty, which Grafana calls an error.
        "Alerting",
        &json!({}),
        "The bridge has written no heartbeat for ten minutes or more: it is not running, or cannot \
         reach SiteWise; or Grafana cannot read SiteWise. Until it is back no value in SiteWise is \
         current.",
    )
}

/// One number of the values that a query has read.
fn reduced(ref_id: &str, query: &str, by: &str) -> Value {
    json!({
        "refId": ref_id,
        "type": "reduce",
        "datasource": expression(),
        "expression": query,
        "reducer": by,
        "settings": {"mode": "dropNN"},
    })
}

/// Whether there is none.
fn below_one() -> Value {
    json!({
        "refId": CONDITION,
        "type": "threshold",
        "datasource": expression(),
        "expression": "B",
        "conditions": [{"evaluator": {"type": "lt", "params": [1]}}],
    })
}

/// Whether it died after it was born. Grafana reads no environment in a query's model, so these
/// dollar signs stand alone.
fn later_death() -> Value {
    json!({
        "refId": CONDITION,
        "type": "math",
        "datasource": expression(),
        "expression": "$death > $birth",
    })
}

/// Grafana's own expressions.
fn expression() -> Value {
    json!({"type": EXPRESSION, "uid": EXPRESSION})
}

/// A title that Grafana takes: a long name is cut, and a part of the rule's uid tells it from others.
fn title(name: &str, is: &str, uid: Uuid) -> String {
    let whole = format!("{name} {is}");
    if whole.len() <= MAX_TITLE {
        return whole;
    }
    let end = format!("… {:08x} {is}", uid.as_fields().0);
    let cut = name.floor_char_boundary(MAX_TITLE.saturating_sub(end.len()));
    format!("{}{end}", name.get(..cut).unwrap_or_default())
}

/// `without` is the rule's state both where there is nothing, and where Grafana cannot tell.
fn rule(
    uid: Uuid,
    title: &str,
    data: Vec<(&str, Value)>,
    without: &str,
    labels: &Value,
    summary: &str,
) -> Value {
    let range = json!({"from": SILENCE, "to": 0});
    let data = data.into_iter().map(|(datasource, model)| {
        json!({
            "refId": model.get("refId"),
            "relativeTimeRange": range,
            "datasourceUid": datasource,
            "model": model,
        })
    });
    json!({
        "uid": uid.to_string(),
        "title": provisioned(title),
        "condition": CONDITION,
        "data": data.collect::<Vec<_>>(),
        "noDataState": without,
        "execErrState": without,
        "for": FOR,
        "labels": labels,
        "annotations": {"summary": summary},
        "isPaused": false,
    })
}
