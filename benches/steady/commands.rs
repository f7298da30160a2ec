//! A thousand requests a second to write to the plant, beside the values of a steady load.
//!
//! They come over the connection to AWS IoT. One in ten asks for what is allowed. The plant does not
//! obey, so that the answer to a command takes a second; five such requests a second are for the same
//! turbine, so that one of them is sent to it, and the other four are refused meanwhile: one in fifty
//! of all is a command. The nine others are refused, each for another reason. The same run has a half
//! without requests, and the way of a value must take no longer beside them.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use super::LINGER;
use super::farm;
use super::figures::{Latencies, figure, judged};
use super::link::Link;
use super::mqtt::put_publish;
use super::stamps::{Stamps, Taken};
use super::waits::Waits;

/// Requests a second.
pub(super) const RATE: f64 = 1_000.0;
/// How much more the slowest values may take beside them than without: the noise of two halves of
/// one run.
const RATIO: f64 = 1.05;
/// The same on a machine that is busy with other things, in milliseconds beyond the ratio, once the
/// time is taken out for which the processes were kept waiting. A value that waits for requests, of
/// which one comes each millisecond, takes longer than that.
const NOISE_MS: f64 = 50.0;
/// Within this time all are answered: a command's answer takes a second.
const PATIENCE: Duration = Duration::from_secs(10);

const THING: &str = "bench";
/// What the bridge is started with; its connection is to the port of [`Requests::bind`].
pub(super) const ALLOW: (&str, &str) =
    ("COMMANDS_ALLOW", "Turbine/Blade pitch = 0..90 step 0.5\n*/Wind speed = never");

/// What is asked for, in turn: asset, property and value.
const ASKED: [(&str, &str, &str); 10] = [
    ("Nordsee/gateway 0/Turbine 0", "Blade pitch", "42.5"),
    ("Nordsee/gateway 0/Turbine 0", "Blade pitch", "91"),
    ("Nordsee/gateway 0/Turbine 0", "Blade pitch", "\"steep\""),
    ("Nordsee/gateway 0/Turbine 0", "Active power", "1"),
    ("Nordsee/gateway 0/Turbine 0", "Wind speed", "1"),
    ("Nordsee/gateway 0/Turbine 0", "Nothing", "1"),
    ("Nordsee/gateway 0/Nobody", "Blade pitch", "1"),
    ("Nordsee/gateway 9/Turbine 0", "Blade pitch", "1"),
    ("0a1b2c3d-0000-4000-8000-000000000000", "Blade pitch", "1"),
    ("Nordsee/gateway 0/Turbine 0", "Blade pitch", "12, \"more\": 1"),
];

/// Whoever asks.
#[derive(Debug)]
pub(super) struct Requests(TcpListener);

impl Requests {
    pub(super) async fn bind() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).await.unwrap())
    }

    /// The variables for a bridge that hears them.
    pub(super) fn variables(&self) -> [(&'static str, String); 3] {
        let port = self.0.local_addr().unwrap().port();
        [
            (ALLOW.0, ALLOW.1.to_owned()),
            ("COMMANDS_THING", THING.to_owned()),
            ("COMMANDS_IOT_URL", format!("mqtt://127.0.0.1:{port}")),
        ]
    }

    pub(super) async fn accept(&self) -> Link {
        Link::accept_iot(&self.0).await
    }
}

/// Asks for so long, after a pause as long; how many requests that were, and when the first came.
pub(super) async fn ask(link: &Link, length: Duration) -> (u64, Instant) {
    tokio::time::sleep(length).await;
    let began = Instant::now();
    let many = (RATE * length.as_secs_f64()) as u64;
    farm::pace(link, RATE, |bytes, number, _| {
        let (asset, property, value) = ASKED[usize::try_from(number).unwrap() % ASKED.len()];
        // Each in its turn to one of twenty turbines, which are then busy for a second.
        let turbine = format!("Turbine {}", number / 10 % 20);
        let asset = asset.replace("Turbine 0", &turbine);
        let payload = format!(
            r#"{{"asset": "{asset}", "property": "{property}", "value": {value}, "timeout": 2}}"#
        );
        let topic = format!("$aws/commands/things/{THING}/executions/e-{number}/request/json");
        put_publish(bytes, &topic, payload.as_bytes());
        number + 1 < many
    })
    .await;
    (many, began)
}

/// Waits for the last answers.
pub(super) async fn answered(link: &Link, many: u64) -> u64 {
    let began = Instant::now();
    while link.answers() < many && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    link.answers()
}

/// Whether the way of a value took no longer beside the requests, and all requests were answered. It
/// is judged twice: as it was, which holds on a machine of its own alone, and without the time for
/// which the bridge or this process waited for a processor. Returns whether the latter holds.
pub(super) fn judge(
    stamps: &Stamps,
    waits: &Waits,
    began: Instant,
    asked: (u64, Instant),
    answers: u64,
) -> bool {
    let (many, first) = asked;
    let all = stamps.all_stamped();
    let (first, began) = (stamps.since_start(first), stamps.since_start(began));
    // The first second of either half is not counted: in it the linger fills.
    let second = Duration::from_secs(1);
    let within = |from: Duration, to: Duration| {
        let range = from + second..to;
        let values = all.iter().filter(|value| range.contains(&value.published));
        let ran = values.clone().map(|value| {
            let took = waits.less(value.published, value.took, LINGER);
            Taken { took, ..*value }
        });
        (Latencies::of(values.copied()).millis(0.99), Latencies::of(ran).millis(0.99))
    };
    let ((without, ran_without), (beside, ran_beside)) =
        (within(began, first), within(first, Duration::MAX));
    figure("ms from due to taken, p99 without requests", without);
    figure("ms from due to taken, p99 beside requests", beside);
    let ratio = beside / without;
    judged("beside requests, times as long", ratio, ratio <= RATIO, &format!("{RATIO} or less"));
    figure("ms less waits for a processor, without", ran_without);
    let most = ran_without * RATIO + NOISE_MS;
    let holds = ran_beside <= most;
    judged("ms less waits, beside requests", ran_beside, holds, &format!("{most:.0} or less"));
    let wanted = format!("all {many}, once each");
    judged("requests answered", answers as f64, answers == many, &wanted);
    holds
}
