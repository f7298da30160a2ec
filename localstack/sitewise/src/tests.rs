//! Tests of the whole below HTTP: requests as they come off the wire, a clock that is set by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::fault::Verdict;
use crate::options::{Clock, Options};
use crate::shared::{Input, Shared};
use crate::values::batch;
use crate::wire::bind::{self, Parts};
use crate::wire::error::{Kind, Result};
use crate::wire::operation::{Answer, Call};
use crate::wire::route::route;

mod faults;
mod jobs;
mod limits;
mod noise;
mod notifications;
mod properties;
mod reference;
mod states;
mod values;

/// When the tests' clock starts.
const START: u64 = 1_800_000_000;

/// An emulator without a socket.
struct Emulator {
    shared: Shared,
    seconds: Arc<AtomicU64>,
}

impl Emulator {
    fn new(options: Options) -> Self {
        let seconds = Arc::new(AtomicU64::new(START));
        let clock = Arc::clone(&seconds);
        let clock =
            Clock::new(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)));
        Self { shared: Shared::new(Options { clock, ..options }), seconds }
    }

    fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        let since = SystemTime::duration_since(&self.shared.clock_now(), UNIX_EPOCH);
        since.map(|since| since.as_secs()).unwrap_or_default()
    }

    /// Carries out a request as the server would.
    fn request(&self, method: &str, target: &str, body: &[u8]) -> Result<Answer> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (operation, labels) = route(method, path)?;
        let header = |_: &str| None;
        let input = match operation.call {
            Call::BatchPut => batch::read(body).map(Input::Batch),
            Call::Bound(_) => {
                bind::input(operation.input, &Parts { labels, query, header: &header, body })
                    .map(Input::Bound)
            }
        };
        self.shared.perform(operation, input, &Verdict::default())
    }

    fn send(&self, method: &str, target: &str, body: &Value) -> Result<Value, Kind> {
        let answer = self
            .request(method, target, body.to_string().as_bytes())
            .map_err(|error| error.kind)?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    fn get(&self, target: &str) -> Result<Value, Kind> {
        self.send("GET", target, &Value::Null)
    }

    fn post(&self, target: &str, body: &Value) -> Result<Value, Kind> {
        self.send("POST", target, body)
    }
}

/// A model with one measurement of each kind that matters, ready to have assets.
fn measured(emulator: &Emulator, model: &str, property: &str) {
    let body = json!({
        "assetModelName": model,
        "assetModelId": model,
        "assetModelProperties": [
            { "name": "v", "id": property, "dataType": "DOUBLE", "type": { "measurement": {} } },
        ],
    });
    emulator.post("/asset-models", &body).expect("a model");
}
