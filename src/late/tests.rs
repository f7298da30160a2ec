//! Late values in simulated time: an outbox and files on a disk, S3 and SiteWise that fail, and a
//! process that is killed at every point.

mod plant;
mod rules;

use std::time::Duration;

use plant::Plant;
use uuid::Uuid;

use super::Config;
use crate::delivery::point::{Class, Point, Stream};
use crate::sitewise::api::{Quality, Variant};
use crate::time::Timestamp;

/// Files that close after an hour, for the host `plant`.
pub(crate) fn config() -> Config {
    Config {
        prefix: String::new(),
        host_id: "plant".to_owned(),
        every: Duration::from_secs(3_600),
        max_bytes: 1 << 30,
        buffered: None,
    }
}

/// A good value of one property, `millis` after 1970.
pub(crate) fn point(millis: i64, value: Variant) -> Point {
    Point {
        stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
        time: Timestamp::from_millis(millis),
        quality: Quality::Good,
        value,
        class: Class::History,
    }
}

/// Each case is a run of its own: 60 with all other tests. `LATE_CASES=5000 LATE_SEED=1 cargo test
/// --lib late::tests` tries more, and others.
#[test]
fn every_row_travels_once_whatever_is_killed() {
    let number = |said: Option<&str>| said.and_then(|text| text.parse().ok());
    let (cases, first) = (number(option_env!("LATE_CASES")), option_env!("LATE_SEED"));
    let first = number(first).unwrap_or(0);
    let (mut kills, mut failed, mut refused) = (0, 0, 0);
    for seed in first..first + cases.unwrap_or(60_u64) {
        let mut plant = Plant::new(seed);
        plant.run();
        plant.check();
        kills += plant.kills;
        failed += plant.failed_jobs;
        refused += plant.dead_letters();
    }
    // A world in which nothing goes wrong would show nothing.
    assert!(kills > 0 && failed > 0 && refused > 0, "{kills} {failed} {refused}");
}
