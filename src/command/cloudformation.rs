//! `COMMANDS_ALLOW` as AWS IoT commands in a CloudFormation template: AWS rejects what is out of
//! range before anything is sent, and IAM grants each command by itself.

use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::xxh3_64;

use super::rules::AllowRules;
use super::value;

/// Characters of a command's id at most; some are left for what makes it unique.
const ID_CHARS: usize = 64;
const NAME_CHARS: usize = 55;
/// Values that a condition of a parameter lists at most.
const LISTED: usize = 10;

/// What a rule allows, as far as AWS IoT can express it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AllowedValues {
    /// Numbers from the first to the second.
    Range(f64, f64),
    /// These texts, and whether each is quoted: then it is text, whatever it looks like.
    OneOf(Vec<(String, bool)>),
}

/// A metric, or several with one name, that a rule allows to write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AllowedMember {
    /// The rule as it is written.
    pub(super) rule: String,
    /// Its left side.
    pub(super) pattern: String,
    /// Its asset's address, where it names one asset.
    pub(super) asset: Option<String>,
    /// The property; none where the pattern leaves it open.
    pub(super) property: Option<String>,
    /// The values.
    pub(super) values: AllowedValues,
}

/// The template, and the rules that have no command in it, since they name no property.
pub fn template(rules: &AllowRules) -> (String, Vec<String>) {
    let mut resources = Map::new();
    let mut left_out = Vec::new();
    for member in rules.members() {
        match &member.property {
            Some(property) => {
                let (name, resource) = resource(&member, property);
                resources.insert(name, resource);
            }
            None => left_out.push(member.rule),
        }
    }
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "AWS IoT commands for what Sparkwise may write to the plant",
        "Resources": resources,
    });
    (format!("{template:#}\n"), left_out)
}

fn resource(member: &AllowedMember, property: &str) -> (String, Json) {
    let AllowedMember { rule, pattern, asset, values, .. } = member;
    let hash = format!("{:08x}", xxh3_64(pattern.as_bytes()) >> 32);
    let parameter = |name: &str| format!("${{aws:iot:commandexecution::parameter:{name}}}");
    let payload = json!({
        "asset": asset.clone().unwrap_or_else(|| parameter("asset")),
        "property": property,
        "value": parameter("value"),
        "timeout": "${aws:iot:commandexecution::executionTimeoutSec}",
    });
    let by_request = asset.is_none().then(|| json!({ "Name": "asset", "Type": "STRING" }));
    let parameters: Vec<Json> = by_request.into_iter().chain([value_parameter(values)]).collect();
    let properties = json!({
        "CommandId": command_id(pattern, &hash),
        "Description": shown(&format!("{rule} (start it with a timeout of 20 seconds)"), 2_028),
        "DisplayName": shown(pattern, ID_CHARS),
        "Namespace": "AWS-IoT",
        "MandatoryParameters": parameters,
        "PayloadTemplate": payload.to_string(),
        "Preprocessor": { "AwsJsonSubstitution": { "OutputFormat": "JSON" } },
    });
    (format!("Command{hash}"), json!({ "Type": "AWS::IoT::Command", "Properties": properties }))
}

/// The parameter for the value, with the condition that AWS checks. Booleans take none, and a list
/// only so many values: the bridge checks these alone.
fn value_parameter(values: &AllowedValues) -> Json {
    let condition = |operator: &str, operand: Json| json!([{ "ComparisonOperator": operator, "Operand": operand }]);
    let (kind, conditions) = match values {
        AllowedValues::Range(low, high) => {
            let range = json!({ "Min": low.to_string(), "Max": high.to_string() });
            ("DOUBLE", Some(condition("IN_RANGE", json!({ "NumberRange": range }))))
        }
        AllowedValues::OneOf(items) => {
            let all = |is: fn(&str) -> bool| items.iter().all(|(text, quoted)| !quoted && is(text));
            let texts: Vec<&str> = items.iter().map(|(text, _)| text.as_str()).collect();
            let listed = |name: &str| {
                (texts.len() <= LISTED).then(|| condition("IN_SET", json!({ name: texts })))
            };
            if all(|text| text.parse::<f64>().is_ok()) {
                ("DOUBLE", listed("Numbers"))
            } else if all(|text| value::flag(text).is_some()) {
                ("BOOLEAN", None)
            } else {
                ("STRING", listed("Strings"))
            }
        }
    };
    let mut parameter = json!({ "Name": "value", "Type": kind });
    if let (Some(conditions), Json::Object(fields)) = (conditions, &mut parameter) {
        fields.insert("ValueConditions".to_owned(), conditions);
    }
    parameter
}

/// The pattern's letters and digits, and a number that tells it from others of the same ones.
fn command_id(pattern: &str, hash: &str) -> String {
    let words = pattern.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    let name: String = name.chars().take(NAME_CHARS).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { format!("write-{hash}") } else { format!("{name}-{hash}") }
}

fn shown(text: &str, chars: usize) -> String {
    super::answer::shown(text).chars().take(chars).collect()
}

/// Rules of every form, for tests.
#[cfg(test)]
pub(crate) const EXAMPLE_RULES: &str = "Nordsee/*/Test Bench/* = never
WindTurbine/Pitch Limit = 0..90 step 0.5 rate 1/10s
Nordsee/*/Derate = on, off
Press/Mode = Auto, \"Slow speed\"
Press/Gear = 1, 2, 4
Press/Step = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
Press/Reset = true pulse
Nordsee/gw/T07/Öl\\* Limit = -40..120.5
Nordsee/gw/Node Control/Reboot = true pulse
Nordsee/gw/Device*/* = 0..1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_templates_are_what_aws_iot_takes() {
        let long = format!("{}/{} = 0..1", "M".repeat(300), "ü".repeat(300));
        let rules = format!("{EXAMPLE_RULES}\n{long}\nÄ/Ö = 0..1");
        let (text, _) = template(&AllowRules::parse(&rules).unwrap());
        let read: Json = serde_json::from_str(&text).unwrap();
        let resources = read["Resources"].as_object().unwrap();
        assert_eq!(resources.len(), 10);
        for resource in resources.values() {
            let of = &resource["Properties"];
            let id = of["CommandId"].as_str().unwrap();
            let may = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            assert!((1..=ID_CHARS).contains(&id.len()) && id.chars().all(may), "{id}");
            let payload = of["PayloadTemplate"].as_str().unwrap();
            let filled = payload
                .replace("${aws:iot:commandexecution::executionTimeoutSec}", "20")
                .replace("${aws:iot:commandexecution::parameter:value}", "1")
                .replace("${aws:iot:commandexecution::parameter:asset}", "A/b/c");
            let request = crate::command::request::WriteRequest::parse(filled.as_bytes()).unwrap();
            assert_eq!(request.timeout.unwrap().as_secs(), 20);
        }
    }
}
