//! The report as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::buffered;
use super::report::{IngestCost, ModelChange, PlanReport};
use crate::command::survey::{RuleSurvey, WriteSurvey};
use crate::delivery::whatif::LINGERS;
use crate::labels::{LabelSurvey, Remark};
use crate::sitewise::api::{Property, PropertyKind};
use crate::twin::mapping;

pub(super) fn of(report: &PlanReport) -> Value {
    json!({
        "changes": report.changes(),
        "withoutAws": report.without_aws,
        "heard": {
            "nodes": report.received.nodes,
            "devices": report.received.devices,
            "withoutBirth": report.received.unborn,
        },
        "models": report.models.iter().map(model).collect::<Vec<_>>(),
        "assets": assets(&report.assets),
        "shared": report.shared.iter()
            .map(|(model, sources)| json!({ "model": model, "sources": sources }))
            .collect::<Vec<_>>(),
        "associations": report.associations,
        "units": report.units,
        "seconds": report.duration.as_secs_f64(),
        "conflicts": report.conflicts.iter()
            .map(|(what, why)| json!({ "what": what, "why": why }))
            .collect::<Vec<_>>(),
        "rules": report.rules.iter()
            .map(|rule| json!({
                "rule": rule.rule, "assets": rule.assets, "members": rule.members,
            }))
            .collect::<Vec<_>>(),
        "writable": report.writable.as_ref().map(writable),
        "labels": report.labels.as_ref().map(labels),
        "ingest": report.cost.as_ref().map(cost),
        "buffered": report.buffered.as_ref().map(buffered::json),
        "storageTiers": report.tiers.as_ref().map(buffered::tiers_name),
    })
}

fn labels(survey: &LabelSurvey) -> Value {
    let remark = |remark: &Remark| json!({ "kind": remark.kind.name(), "property": remark.property, "assetId": remark.asset(), "modelId": remark.model(), "propertyId": remark.ids.map(|(_, property)| property), "why": remark.reason });
    json!({
        "aliases": survey.aliases,
        "notifications": survey.notifications,
        "calls": survey.property_calls(),
        "seconds": survey.property_duration().as_secs_f64(),
        "tagged": survey.tagged,
        "tagCalls": survey.tag_calls(),
        "tagSeconds": survey.tag_duration().as_secs_f64(),
        "left": survey.remarks.iter().map(remark).collect::<Vec<_>>(),
        "allLeft": survey.remark_count,
    })
}

fn writable(survey: &WriteSurvey) -> Value {
    let rule = |of: &RuleSurvey| {
        let metrics = of.metrics.iter().map(|metric| {
            let (values, why) = match &metric.values {
                Ok(values) => (Some(values), None),
                Err(why) => (None, Some(why)),
            };
            json!({ "metric": metric.address, "values": values, "whyNot": why })
        });
        let metrics: Vec<_> = metrics.collect();
        json!({ "rule": of.rule, "metrics": metrics, "forbidden": of.forbidden })
    };
    json!({
        "rules": survey.rules.iter().map(rule).collect::<Vec<_>>(),
        "leftOut": survey.left_out,
    })
}

fn assets(assets: &[(String, Vec<String>)]) -> BTreeMap<&str, &[String]> {
    assets.iter().map(|(model, names)| (model.as_str(), names.as_slice())).collect()
}

fn model(model: &ModelChange) -> Value {
    json!({
        "name": model.name,
        "new": model.is_new,
        "properties": model.properties.iter().map(property).collect::<Vec<_>>(),
        "inCompositeModels": model.in_composites,
        "places": model.places,
    })
}

fn property(property: &Property) -> Value {
    let (kind, default) = match &property.kind {
        PropertyKind::Attribute { default } => ("attribute", default.as_deref()),
        PropertyKind::Measurement => ("measurement", None),
    };
    json!({
        "id": property.id.to_string(),
        "name": property.name,
        "type": mapping::type_name(property.data_type),
        "kind": kind,
        "unit": property.unit,
        "default": default,
    })
}

fn cost(cost: &IngestCost) -> Value {
    let monthly = cost.monthly().map(|monthly| {
        let each = LINGERS.iter().zip(monthly);
        each.map(|(linger, messages)| (format!("{}s", linger.as_secs()), json!(messages)))
            .collect::<serde_json::Map<_, _>>()
    });
    json!({
        "listenedSeconds": cost.listened.as_secs_f64(),
        "values": cost.values,
        "messagesInThirtyDaysByLinger": monthly,
    })
}
