//! Noise on the wire: whatever comes, there is an answer, and never a panic.
//!
//! `SITEWISE_FUZZ_SECONDS=60 cargo test -p sitewise-local noise --release` goes on for longer.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::{Emulator, START, measured};
use crate::options::Options;
use crate::wire::operations;
use crate::wire::time::Moment;

const MODEL: &str = "10000000-0000-4000-8000-000000000001";
const PROPERTY: &str = "20000000-0000-4000-8000-000000000001";

/// Texts that stand close to what the parser looks for.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "NaN",
    "-1",
    "1e400",
    "99999999999999999999",
    "\\ud800",
    "\u{0}",
    "assetId",
    "entries",
    "propertyValues",
    "externalId:",
    "é",
    "%",
    "%2",
    "%ff",
    "/",
    "//",
    "&",
    "=",
    "?",
    "{}",
    "[[[[",
    "2026-02-30T00:00:00Z",
    "timeInSeconds",
    "9223372036854775807",
    "-9223372036854775808",
    "\"type\":{}",
];

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => ".{0,8}",
        1 => Just(MODEL.to_owned()),
        1 => Just(PROPERTY.to_owned()),
    ];
    prop::collection::vec(word, 0..30).prop_map(|words| words.concat())
}

fn valid_bodies() -> Vec<String> {
    let value = format!(
        r#"{{"value":{{"doubleValue":1.5}},"timestamp":{{"timeInSeconds":{START},"offsetInNanos":7}},"quality":"BAD"}}"#
    );
    vec![
        format!(
            r#"{{"entries":[{{"entryId":"1","assetId":"{MODEL}","propertyId":"{PROPERTY}","propertyValues":[{value}]}}]}}"#
        ),
        format!(
            r#"{{"assetModelName":"n","assetModelProperties":[{{"name":"t","dataType":"DOUBLE","type":{{"transform":
            {{"expression":"a*1e5+'x'","variables":[{{"name":"a","value":{{"propertyId":"{PROPERTY}"}}}}]}}}}}}]}}"#
        ),
        format!(
            r#"{{"entries":[{{"entryId":"1","assetId":"{MODEL}","startDate":17.5,"endDate":"2026-01-01T00:00:00Z"}}]}}"#
        ),
        format!(r#"{{"assetName":"a","assetModelId":"{MODEL}","tags":{{"a":"b"}}}}"#),
    ]
}

/// A valid body with some bytes changed, taken out or put in.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8, words());
    (prop::sample::select(valid_bodies()), prop::collection::vec(change, 0..4)).prop_map(
        |(body, changes)| {
            let mut body = body.into_bytes();
            for (at, byte, how, word) in changes {
                let at = at.index(body.len() + 1).min(body.len());
                match how {
                    0 => body.splice(at..at, word.bytes()).for_each(drop),
                    1 => body.truncate(at),
                    _ => {
                        if let Some(slot) = body.get_mut(at) {
                            *slot = byte;
                        }
                    }
                }
            }
            body
        },
    )
}

fn targets() -> Vec<(&'static str, String)> {
    operations::all()
        .map(|operation| {
            let path: Vec<String> = operation
                .path
                .split('/')
                .map(|part| if part.starts_with('{') { MODEL.to_owned() } else { part.to_owned() })
                .collect();
            (operation.method, path.join("/"))
        })
        .collect()
}

fn requests() -> impl Strategy<Value = (&'static str, String, Vec<u8>)> {
    let body = prop_oneof![4 => mutated(), 1 => words().prop_map(String::into_bytes)];
    let query = prop_oneof![
        Just(String::new()),
        words(),
        words()
            .prop_map(|words| format!("assetId={MODEL}&propertyId={PROPERTY}&startDate={words}")),
        words().prop_map(|words| format!(
            "nextToken={words}&maxResults={words}&filter=ALL&assetModelId={MODEL}"
        )),
    ];
    let target = prop_oneof![8 => prop::sample::select(targets()), 1 => words().prop_map(|path| ("GET", path))];
    (target, query, body)
        .prop_map(|((method, path), query, body)| (method, format!("{path}?{query}"), body))
}

#[test]
fn noise_gets_an_answer() {
    let seconds =
        std::env::var("SITEWISE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let emulator = Emulator::new(Options::default());
    measured(&emulator, MODEL, PROPERTY);
    let mut runner = TestRunner::default();
    let requests = requests();
    let (mut sent, mut answered) = (0_u64, 0_u64);
    while Instant::now() < end {
        let (method, target, body) = requests.new_tree(&mut runner).expect("a request").current();
        answered += u64::from(emulator.request(method, &target, &body).is_ok());
        sent += 1;
    }
    assert!(sent > 100 && answered > 0, "{answered} of {sent} were answered");
}

proptest! {
    #[test]
    fn dates_survive_any_text(text in "[0-9TZ:.+ -]{0,40}") {
        let _ = Moment::parse(&text);
    }
}
