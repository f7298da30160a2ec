//! `kill -9` at any moment.

use std::time::{Duration, Instant};

use sitewise_local::{Options, Server as SiteWise};
use tokio::time::{Instant as Later, interval, sleep_until};

use super::plant::{self, MEMBERS, Server, Written};
use super::program::{Bridge, Folder};
use super::reader::Reader;
use super::turn::{self, Shared};

const KILLS: u64 = 20;
/// What the moments of the kills follow from.
const SEED: u64 = 20_250_607;
/// What was written so long before a kill is safe.
const SAFE: Duration = Duration::from_millis(200);
/// How long the last life may take to deliver what the others left.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_written_200_ms_before_a_kill_is_lost() {
    let _turn = super::alone().await;
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let (at, handle) = (sitewise.local_addr().port(), sitewise.handle());
    tokio::spawn(sitewise.run(std::future::pending()));
    let mut server = Server::start().await;
    let mqtt = server.port;
    let outbox = Folder::new();
    let start = || {
        let variables =
            [("OUTBOX_DIR", outbox.path().as_os_str()), ("INGEST_LINGER", "500ms".as_ref())];
        Bridge::start(mqtt, at, &variables)
    };
    let reader = Reader::new(at);
    let mut random = fastrand::Rng::with_seed(SEED);

    let mut owed: Vec<Written> = Vec::new();
    let mut seen = 0;
    for life in 1..=KILLS {
        // In a third of its lives SiteWise takes no value.
        if life % 6 >= 4 {
            let code = "ServiceUnavailableException".to_owned();
            let mut fault = sitewise_local::Fault::always(sitewise_local::Effect::Error {
                code,
                carried_out: false,
                retry_after_milliseconds: None,
            });
            fault.operations = vec!["BatchPutAssetPropertyValue".to_owned()];
            handle.order(fault).unwrap();
        } else {
            handle.clear_faults();
        }
        let bridge = start();
        let learned = bridge.learned().await;
        server.born(life).await;
        let life = Duration::from_millis(random.u64(100..1_500));
        sleep_until(Later::from_std(learned + life)).await;
        let safe_until = turn::kill(bridge, SAFE, Shared::Processor).await;
        let written = server.written().await;
        let safe = |written: &&Written| written.at >= learned && written.at < safe_until;
        owed.extend(written[seen..].iter().filter(safe));
        seen = written.len();
    }
    handle.clear_faults();
    assert!(owed.len() > 2_000, "there was no load: {} values", owed.len());

    let bridge = start();
    // The lives before may have delivered all: then it would be ended before it has begun.
    bridge.learned().await;
    all_arrive(&reader, &owed).await;
    let log = bridge.terminate().await;
    assert!(log.iter().any(|line| line.contains("shutdown took")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("only in memory")), "{log:#?}");
}

/// Waits until SiteWise has all that is owed.
pub(super) async fn all_arrive(reader: &Reader, owed: &[Written]) {
    let until = Instant::now() + PATIENCE;
    let mut pause = interval(Duration::from_millis(200));
    loop {
        pause.tick().await;
        let lost = lost(reader, owed).await;
        if lost.is_empty() {
            return;
        }
        let few = &lost[..lost.len().min(10)];
        assert!(Instant::now() < until, "{} of {} are lost: {few:#?}", lost.len(), owed.len());
    }
}

/// Those values that SiteWise does not have.
async fn lost(reader: &Reader, owed: &[Written]) -> Vec<Written> {
    let properties = reader.properties().await;
    let mut lost = Vec::new();
    for number in 0..MEMBERS {
        let has = reader.values(&properties, &plant::member(number)).await;
        let of_member = owed.iter().filter(|written| written.member == number);
        let key = |of: &Written| (of.time.as_millis(), of.value.to_bits());
        lost.extend(of_member.filter(|written| !has.contains(&key(written))));
    }
    lost
}
