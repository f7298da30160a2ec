//! Answers as they are written to a queue: one JSON object for each request.

use serde_json::{Map, Value as Json, json};

use super::answer::Answer;
use super::value;
use crate::sparkplug::value::Value;

/// Characters of a text in an answer at most.
const TEXT_CHARS: usize = 1_024;

/// The final answer to the request whose message has this id.
pub fn answered(id: &str, answer: &Answer) -> String {
    let mut body = Map::new();
    let mut put = |name: &str, value: Json| body.insert(name.to_owned(), value);
    put("id", json!(id));
    put("status", json!(answer.status().as_str()));
    put("code", json!(answer.code.as_str()));
    put("reason", json!(answer.reason));
    if let Some(metric) = &answer.metric {
        put("metric", json!(cut(metric)));
    }
    if let Some(value) = answer.value.as_ref() {
        put("value", plain(value));
    }
    if let Some(after) = answer.confirmed_after {
        put("after_ms", json!(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)));
    }
    // The two characters that JSON takes and a queue does not.
    let text = Json::Object(body).to_string();
    text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

/// A value as a request would write it. One that JSON has no form for is shown as text.
fn plain(of: &Value) -> Json {
    match of {
        Value::Int(number) => json!(number),
        Value::UInt(number) | Value::DateTime(number) => json!(number),
        // By its shortest text: 0.1, not 0.10000000149011612.
        Value::Float(number) => number.to_string().parse::<f64>().map_or(Json::Null, Json::from),
        Value::Double(number) => Json::from(*number),
        Value::Boolean(flag) => json!(flag),
        Value::String(text) => json!(cut(text)),
        Value::Bytes(_) | Value::DataSet(_) | Value::Array(_) => json!(value::display_text(of)),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::answer::Code;

    fn answer(code: Code, value: Option<Value>) -> Answer {
        let reason = "the \"reason\"".to_owned();
        let confirmed_after = value.as_ref().map(|_| Duration::from_millis(812));
        let metric = value.as_ref().map(|_| "Nordsee/gw/Limit".into());
        Answer { code, reason, metric, value, confirmed_after }
    }

    #[test]
    fn an_answer_has_the_value_in_its_own_type() {
        let read = |value| -> Json {
            serde_json::from_str(&answered("m-1", &answer(Code::Confirmed, Some(value)))).unwrap()
        };
        assert_eq!(
            read(Value::Double(42.5)),
            json!({
                "id": "m-1", "status": "SUCCEEDED", "code": "CONFIRMED", "reason": "the \"reason\"",
                "metric": "Nordsee/gw/Limit", "value": 42.5, "after_ms": 812,
            })
        );
        for (value, shown) in [
            (Value::Float(0.1), json!(0.1)),
            (Value::Int(-9_007_199_254_740_993), json!(-9_007_199_254_740_993_i64)),
            (Value::UInt(u64::MAX), json!(u64::MAX)),
            (Value::Boolean(true), json!(true)),
            (Value::String("Auto".into()), json!("Auto")),
        ] {
            assert_eq!(read(value)["value"], shown);
        }
        let long = read(Value::String("x".repeat(5_000).into()));
        assert_eq!(long["value"].as_str().unwrap().len(), 1_024);
    }

    #[test]
    fn what_was_not_sent_has_no_value() {
        let read: Json =
            serde_json::from_str(&answered("m-1", &answer(Code::NotAllowed, None))).unwrap();
        assert_eq!(read["status"], "REJECTED");
        assert_eq!(
            (read.get("value"), read.get("metric"), read.get("after_ms")),
            (None, None, None)
        );
    }

    /// SQS refuses a message with a character that XML does not have.
    #[test]
    fn an_answer_holds_no_character_that_a_queue_refuses() {
        let text = "a\u{0}\u{1b}\u{fffe}\u{ffff}\u{fffd}";
        let body = answered("m-1", &answer(Code::Confirmed, Some(Value::String(text.into()))));
        let may = |c: char| {
            matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
                || c >= '\u{10000}'
        };
        assert!(body.chars().all(may), "{body}");
        let read: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(read["value"], text);
    }
}
