//! A holder is killed that has values on its disk: the process that is started in its place finds them,
//! or the bridge that survives takes them over.

use std::time::{Duration, Instant};

use sitewise_local::{Effect, Fault, Options, Server as SiteWise};
use tokio::time::sleep;
use windfarm::Broker;

use super::pair::Pair;
use super::plant::Plant;
use super::program::Folder;
use super::reader::Reader;
use super::{AFTER_A_KILL, PATIENCE, SLACK, all_arrive, count, store};

/// Where values are queued that are on the disk: those in delivery are there until they are delivered.
const PLACES: [&str; 2] = ["outbox", "delivery"];
const RESTORED: &str = "sparkwise_outbox_restored_total";

/// Who delivers what the dead one left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heir {
    /// The process that is started in its place.
    Next,
    /// The bridge that survives, since no other is started.
    Survivor,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_holder_left_on_its_disk_is_delivered() {
    run(Heir::Next).await;
}

/// It waited for the next process, however long that took to be started.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_holder_left_on_its_disk_is_taken_over_by_the_one_that_survives() {
    run(Heir::Survivor).await;
}

/// SiteWise takes no values until `LEASE_LEFT` of them are on the disk of the bridge that acts. It is
/// killed, and its heir finds its folder.
async fn run(heir: Heir) {
    let _turn = super::alone().await;
    let left = count("LEASE_LEFT", 1_000) as f64;
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let (at, handle) = (sitewise.local_addr().port(), sitewise.handle());
    tokio::spawn(sitewise.run(std::future::pending()));
    let broker = Broker::start(0).await.unwrap();
    let outbox = Folder::new();
    let item = if heir == Heir::Next { "left" } else { "left-alone" };
    let mut pair = Pair::new(item, (broker.addr, at, store()), Some(outbox.path()));
    for _ in 0..2 {
        let member = pair.start().await;
        pair.members.push(member);
        pair.until_acts(0, AFTER_A_KILL + SLACK * 2).await;
    }
    let plant = Plant::start(broker.addr).await;
    for place in [0, 1] {
        pair.until_follows(place).await;
    }
    let code = "ServiceUnavailableException".to_owned();
    let mut fault =
        Fault::always(Effect::Error { code, carried_out: false, retry_after_milliseconds: None });
    fault.operations = vec!["BatchPutAssetPropertyValue".to_owned()];
    handle.order(fault).unwrap();
    // The lease may move once: neither can write.
    let holder = loop {
        sleep(Duration::from_millis(200)).await;
        let mut holder = None;
        for place in [0, 1] {
            let mut queued = 0.0;
            for of in PLACES {
                let name = format!("sparkwise_values_waiting{{place=\"{of}\"}}");
                queued += pair.members[place].program.metric(&name).await;
            }
            if pair.acts(place).await && queued >= left {
                holder = Some(place);
            }
        }
        if let Some(holder) = holder {
            break holder;
        }
    };
    // What was written so long before a kill is safe.
    sleep(Duration::from_secs(1)).await;
    pair.members[holder].program.signal("KILL").await;
    // The lock of its folder ends with it, and its heir finds it.
    sleep(Duration::from_secs(1)).await;
    let (old, heir, acts) = match heir {
        Heir::Next => (pair.replace(holder).await, holder, 1 - holder),
        Heir::Survivor => (pair.members.remove(holder), 0, 0),
    };
    pair.record_epochs(&old.program.log().await);
    pair.until_acts(acts, AFTER_A_KILL + SLACK).await;
    handle.clear_faults();
    let published = plant.stop().await;
    all_arrive(&Reader::new(at), &published).await;
    pair.members[heir].program.learned_within(PATIENCE).await;
    let began = Instant::now();
    let restored = loop {
        let restored = pair.members[heir].program.metric(RESTORED).await;
        if restored >= left {
            break restored;
        }
        assert!(began.elapsed() < PATIENCE, "{restored} of {left} values were found");
        sleep(Duration::from_millis(200)).await;
    };
    let unreadable = "sparkwise_values_discarded_total{reason=\"outbox_unreadable\"}";
    assert!(pair.members[heir].program.metric(unreadable).await < 1.0, "some could not be read");
    println!("{restored} values were left on the disk, of {} published", published.len());
    for member in std::mem::take(&mut pair.members) {
        let log = member.program.terminate().await;
        pair.record_epochs(&log);
        for line in log {
            assert!(!line.contains("the counts do not balance"), "{line}");
        }
    }
    pair.assert_one_writer_an_epoch();
    broker.stop().await;
}
