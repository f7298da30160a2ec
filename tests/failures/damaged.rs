//! Flipped bytes at random places of an outbox in which many values wait.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sitewise_local::{Options, Server as SiteWise};
use sparkwise::delivery::point::{Class, Point, Stream};
use sparkwise::outbox::disk::DiskOutbox;
use sparkwise::outbox::{Outbox, QueuedPoint};
use sparkwise::sitewise::api::{Quality, Variant};
use sparkwise::time::Timestamp;
use tokio::sync::Notify;
use tokio::time::interval;
use uuid::Uuid;

use super::plant::{MEMBERS, Server, member};
use super::program::{Bridge, Folder};
use super::reader::Reader;

/// Values of each member: 200,000 in all with `FAILURES_SIZE=whole`, else a tenth.
fn each() -> i64 {
    let is_whole = std::env::var("FAILURES_SIZE").is_ok_and(|size| size == "whole");
    if is_whole { 2_000 } else { 200 }
}
/// Places that are hit, and what they follow from.
const HITS: usize = 100;
const SEED: u64 = 13;
const PATIENCE: Duration = Duration::from_secs(180);
/// The share of a core that a bridge may take which has nothing to do but what the plant sends.
const IDLE: f64 = 0.5;

/// Fills an outbox as a bridge that is killed would leave it; the times of its values, and how many
/// others were there before.
async fn fill(
    folder: &Path,
    asset: &str,
    properties: &[String],
) -> (BTreeSet<(usize, i64)>, usize) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = i64::try_from(now.as_millis()).unwrap() - 86_400_000;
    let asset = Uuid::parse_str(asset).unwrap();
    let mut disk = DiskOutbox::open(folder, 8 << 30, Arc::new(Notify::new())).unwrap();
    let before = disk.len();
    let mut pause = interval(Duration::from_millis(5));
    let mut times = BTreeSet::new();
    for number in 0..each() {
        let points = properties.iter().enumerate().map(|(at, property)| {
            let time = first + 1_000 * number;
            times.insert((at, time));
            let point = Point {
                stream: Stream { asset, property: Uuid::parse_str(property).unwrap() },
                time: Timestamp::from_millis(time),
                quality: Quality::Good,
                value: Variant::Double(number as f64),
                class: Class::Live,
            };
            QueuedPoint { point, gate: None }
        });
        assert!(disk.put(points.collect()).is_empty());
        while disk.poll_event().is_some() {}
        while disk.disk().unwrap().unsaved > 20_000 {
            pause.tick().await;
            while disk.poll_event().is_some() {}
        }
    }
    while disk.disk().unwrap().unsaved > 0 {
        pause.tick().await;
        while disk.poll_event().is_some() {}
    }
    disk.close(Duration::from_secs(30));
    (times, before)
}

/// Files of the store with the bytes that are written of each: logs are allocated ahead.
fn files(folder: &Path, found: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().is_some_and(|name| name != "lock") {
            let bytes = fs::read(&path).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                found.push((path, end as u64));
            }
        }
    }
}

/// Flips bits at random places, as many as there are bytes to hit.
fn hit(folder: &Path) {
    let mut found = Vec::new();
    files(&folder.join("points"), &mut found);
    found.sort();
    let all: u64 = found.iter().map(|(_, size)| size).sum();
    let mut random = fastrand::Rng::with_seed(SEED);
    for _ in 0..HITS {
        let mut at = random.u64(..all);
        let (path, _) = found
            .iter()
            .find(|(_, size)| {
                let is_here = at < *size;
                at = if is_here { at } else { at - size };
                is_here
            })
            .unwrap();
        let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ (1 << random.u32(..8))], at).unwrap();
    }
}

/// Seconds of a core that a process has used so far.
fn cpu(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|at| fields[*at].parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_read_of_a_damaged_outbox_is_delivered_and_the_rest_counted() {
    let _turn = super::alone().await;
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let at = sitewise.local_addr().port();
    tokio::spawn(sitewise.run(std::future::pending()));
    let mut server = Server::start().await;
    let mqtt = server.port;
    let outbox = Folder::new();
    let start = || Bridge::start(mqtt, at, &[("OUTBOX_DIR", outbox.path().as_os_str())]);
    let reader = Reader::new(at);

    // The machine comes about.
    let bridge = start();
    bridge.learned().await;
    server.born(1).await;
    let mut pause = interval(Duration::from_millis(200));
    let until = Instant::now() + PATIENCE;
    let properties = loop {
        pause.tick().await;
        let known = reader.properties().await;
        let names: Option<Vec<String>> =
            (0..MEMBERS).map(|of| known.get(&member(of)).cloned()).collect();
        if let Some(names) = names {
            break names;
        }
        assert!(Instant::now() < until, "the machine is not made");
    };
    bridge.terminate().await;

    let (owed, others) = fill(outbox.path(), reader.asset(), &properties).await;
    hit(outbox.path());

    let bridge = start();
    bridge.learned().await;
    let until = Instant::now() + PATIENCE;
    let (delivered, unreadable) = loop {
        pause.tick().await;
        let mut has = BTreeSet::new();
        for (at, property) in properties.iter().enumerate() {
            let history = reader.history(property).await;
            has.extend(history.into_iter().map(|(time, _)| (at, time)));
        }
        let delivered = owed.intersection(&has).count();
        let unreadable =
            bridge.metric("sparkwise_values_discarded_total{reason=\"outbox_unreadable\"}").await;
        if delivered + unreadable as usize >= owed.len() {
            break (delivered, unreadable as usize);
        }
        let log = bridge.log().await;
        assert!(
            Instant::now() < until,
            "{delivered} delivered, {unreadable} unreadable of {}: {log:#?}",
            owed.len()
        );
    };
    // Every hit costs what it hits: a block or a batch, not all that lies behind it.
    assert!(delivered + unreadable <= owed.len() + others, "{others} others");
    assert!(unreadable > 0, "no hit was felt");
    assert!(delivered > owed.len() / 4, "{delivered} of {}", owed.len());

    let before = (cpu(bridge.id()), Instant::now());
    tokio::time::sleep_until((Instant::now() + Duration::from_secs(4)).into()).await;
    let used = (cpu(bridge.id()) - before.0) / before.1.elapsed().as_secs_f64();
    assert!(used < IDLE, "{used} of a core burns");

    let log = bridge.terminate().await;
    let told = log.iter().filter(|line| line.contains("were unreadable and are lost")).count();
    assert_eq!(told, 1, "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
    println!("{delivered} of {} delivered, {unreadable} counted as unreadable", owed.len());
}
