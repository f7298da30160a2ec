//! What `COMMANDS_ALLOW` would allow to write, of the metrics in births: for `sparkwise plan`.

use serde_json::Value as Json;

use super::address::by_model;
use super::decide::within;
use super::metrics::{Metrics, Writable};
use super::rules::{AllowRule, AllowRules, WriteGuard};
use super::value;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::event::Birth;
use crate::time::Now;
use crate::twin::Twin;

/// Each rule, with the metrics for which it decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSurvey {
    /// The rules, in their order.
    pub rules: Vec<RuleSurvey>,
    /// Metrics for which there was no room: they could not be written.
    pub left_out: u64,
}

/// A rule, and the metrics for which it decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSurvey {
    /// As it is written.
    pub rule: String,
    /// Those that it allows to write, or would if nothing else spoke against it.
    pub metrics: Vec<MetricSurvey>,
    /// How many it forbids.
    pub forbidden: usize,
}

/// A metric, and what may be written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricSurvey {
    /// As `group/node/device/metric`.
    pub address: String,
    /// The values that rule, metric and datatype allow together, as a rule would write them; or why
    /// there are none.
    pub values: Values,
}

/// Values as a rule would write them, or why there are none.
pub type Values = Result<String, &'static str>;

impl WriteSurvey {
    /// Of the last birth of each source; the twin has seen them all.
    pub fn of<'a>(
        rules: &AllowRules,
        births: impl Iterator<Item = &'a Birth>,
        twin: &Twin,
    ) -> Self {
        // Also what is forbidden is looked at: a rule that forbids nothing may be misspelt. By itself,
        // so that it takes no room from what is allowed.
        let with_forbidden = rules.with_forbidden();
        let (mut metrics, mut all) = (Metrics::default(), Metrics::default());
        for birth in births {
            metrics.handle_birth(birth, rules, Now::default(), |_| {});
            all.handle_birth(birth, &with_forbidden, Now::default(), |_| {});
        }
        let mut survey = Self {
            rules: rules
                .iter()
                .map(|rule| RuleSurvey {
                    rule: rule.text.clone(),
                    metrics: Vec::new(),
                    forbidden: 0,
                })
                .collect(),
            left_out: metrics.count().1,
        };
        for metric in metrics.all() {
            if let Some((at, Some(values))) = judge(metric, rules, twin)
                && let Some(of) = survey.rules.get_mut(at)
            {
                of.metrics.push(MetricSurvey { address: metric.address.to_string(), values });
            }
        }
        for metric in all.all() {
            if let Some((at, None)) = judge(metric, rules, twin)
                && let Some(of) = survey.rules.get_mut(at)
            {
                of.forbidden += 1;
            }
        }
        for rule in &mut survey.rules {
            rule.metrics.sort_by(|one, other| one.address.cmp(&other.address));
        }
        survey
    }
}

impl RuleSurvey {
    /// Whether no metric is one for which it decides.
    pub fn is_unused(&self) -> bool {
        self.metrics.is_empty() && self.forbidden == 0
    }
}

/// The place of the rule that decides for a metric, and what may be written by it: none where it
/// forbids to write it. None at all without such a rule.
fn judge(metric: &Writable, rules: &AllowRules, twin: &Twin) -> Option<(usize, Option<Values>)> {
    let by_model = by_model(metric, twin);
    let first = |guard| rules.first(&metric.address, by_model.as_deref(), guard);
    let guard = metric.guard();
    let Some((at, rule)) = first(guard) else {
        let (at, _) = first(WriteGuard::Open).filter(|_| guard == WriteGuard::FullName)?;
        let why = "read-only, or a control: needs a rule with exactly this address";
        return Some((at, Some(Err(why))));
    };
    if rule.is_never() {
        return Some((at, None));
    }
    let values = match by_model {
        Some(_) => values(metric, rule),
        None => Err("has no property in SiteWise by which a request could name it"),
    };
    Some((at, Some(values)))
}

/// What may be written.
fn values(metric: &Writable, rule: &AllowRule) -> Values {
    let datatype = metric.datatype.ok_or("its birth does not state its datatype")?;
    let declared = (metric.low, metric.high);
    let is_number = value::is_number(datatype);
    if is_number && [declared.0, declared.1].into_iter().flatten().any(f64::is_nan) {
        return Err("its own engLow or engHigh is not a number");
    }
    if let Some((low, high)) = rule.range() {
        if !is_number {
            return Err("is not numeric: the rule must list its values");
        }
        let (least, most) = value::bounds(datatype);
        let low = declared.0.unwrap_or(f64::NEG_INFINITY).max(low).max(least);
        let high = declared.1.unwrap_or(f64::INFINITY).min(high).min(most);
        if low > high {
            return Err("the rule's range is outside of the metric's own");
        }
        if matches!(datatype, DataType::Float | DataType::Double) {
            return Ok(format!("{low}..{high}"));
        }
        // Adding 0 turns a rounded -0 into 0.
        let (low, high) = (low.ceil() + 0.0, high.floor() + 0.0);
        return match low <= high {
            true => Ok(format!("{low}..{high}")),
            false => Err("is an integer, and none is within the rule's range and its own"),
        };
    }
    let allowed = |text: &str| {
        let value = value::typed(&Json::from(text), datatype).ok()?;
        let number = value::of_value(&value);
        rule.check(&value, number).ok()?;
        number.map_or(Ok(()), |_| within(&value, declared.0, declared.1)).ok()
    };
    let listed: Vec<_> = rule.listed().filter(|text| allowed(text).is_some()).collect();
    match listed.is_empty() {
        true => Err("none of the rule's values is of its type and within its own range"),
        false => Ok(listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::METRICS;
    use super::*;
    use crate::sparkplug::address::{EdgeNode, Source};
    use crate::sparkplug::event::{BirthMetric, Content, Sample, Slot, StaticProperty};
    use crate::sparkplug::value::Value;
    use crate::time::Timestamp;
    use crate::twin::tests::config;

    fn metric(number: usize, name: &str, datatype: DataType) -> BirthMetric {
        let sample = Sample::default();
        let slot = Slot(u32::try_from(number).unwrap());
        let content = Content::Leaf { slot, datatype: Some(datatype), sample };
        BirthMetric { name: name.into(), properties: Vec::new(), content }
    }

    fn birth(metrics: Vec<BirthMetric>) -> Birth {
        Birth {
            source: Source { edge: EdgeNode::new("Nordsee", "gw"), device: None },
            time: Timestamp::default(),
            definitions: Vec::new(),
            slots: u32::try_from(metrics.len()).unwrap(),
            ambiguous: Vec::new(),
            has_repeated: false,
            metrics,
        }
    }

    /// They took the room of those that may be written, which were reported as left out.
    #[test]
    fn forbidden_metrics_take_no_room_from_those_that_may_be_written() {
        let names = (0..METRICS).map(|number| format!("Test Bench/{number}"));
        let names = names.chain(["Limit".to_owned()]);
        let metrics = names.enumerate();
        let metrics =
            metrics.map(|(number, name)| metric(number, &name, DataType::Double)).collect();
        let rules = "Nordsee/*/Test Bench/* = never\nNordsee/gw/Limit = 0..90";
        let rules = AllowRules::parse(rules).unwrap();
        let twin = Twin::new(config(), 1);
        let survey = WriteSurvey::of(&rules, std::iter::once(&birth(metrics)), &twin);
        assert_eq!(survey.left_out, 0);
        let found: Vec<_> =
            survey.rules.iter().map(|rule| (rule.forbidden, rule.metrics.len())).collect();
        assert_eq!(found, [(METRICS, 0), (0, 1)]);
    }
    /// Ranges were promised that the bridge refuses as a whole, or at their ends.
    #[test]
    fn a_range_is_one_that_the_bridge_takes() {
        let of = |datatype: DataType, rule: &str, high: Option<f64>| {
            let mut limit = metric(0, "Limit", datatype);
            limit.properties.extend(high.map(|high| StaticProperty {
                name: "engHigh".into(),
                datatype: Some(DataType::Double),
                is_typed: true,
                value: Some(Value::Double(high)),
                rejected_value: None,
            }));
            let rules = AllowRules::parse(&format!("Nordsee/gw/Limit = {rule}")).unwrap();
            let mut metrics = Metrics::default();
            metrics.handle_birth(&birth(vec![limit]), &rules, Now::default(), |_| {});
            values(metrics.all().next().unwrap(), rules.iter().next().unwrap())
        };
        let nan: Values = Err("its own engLow or engHigh is not a number");
        assert_eq!(of(DataType::Double, "0..90", Some(f64::NAN)), nan);
        assert_eq!(of(DataType::Int32, "1, 2", Some(f64::NAN)), nan);
        let ok = |range: &str| Ok(range.to_owned());
        assert_eq!(of(DataType::Double, "0.2..0.8", None), ok("0.2..0.8"));
        let none: Values = Err("is an integer, and none is within the rule's range and its own");
        assert_eq!(of(DataType::Int32, "0.2..0.8", None), none);
        assert_eq!(of(DataType::Int32, "-0.5..10.5", Some(8.5)), ok("0..8"));
    }
}
