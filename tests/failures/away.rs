//! SiteWise is away while the bridge starts, and the bridge is killed before it is back.

use std::time::{Duration, Instant};

use sitewise_local::{Effect, Fault, Options, Server as SiteWise};

use super::killed::all_arrive;
use super::plant::{Server, Written};
use super::program::{Bridge, Folder};
use super::reader::Reader;
use super::turn::{self, Shared};

/// How long SiteWise is away, in three lives of the bridge; `FAILURES_SIZE=whole` makes ten minutes
/// of it.
fn away() -> Duration {
    let is_whole = std::env::var("FAILURES_SIZE").is_ok_and(|size| size == "whole");
    Duration::from_secs(if is_whole { 200 } else { 3 })
}
const LIVES: u64 = 3;
/// What was written so long before a kill is safe.
const SAFE: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_before_sitewise_was_ever_reached_outlives_a_kill() {
    let _turn = super::alone().await;
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let (at, handle) = (sitewise.local_addr().port(), sitewise.handle());
    tokio::spawn(sitewise.run(std::future::pending()));
    handle.order(Fault::always(Effect::Drop { carried_out: false })).unwrap();
    let mut server = Server::start().await;
    let mqtt = server.port;
    let outbox = Folder::new();
    let start = || Bridge::start(mqtt, at, &[("OUTBOX_DIR", outbox.path().as_os_str())]);
    let mut owed: Vec<Written> = Vec::new();
    let mut seen = 0;
    for life in 1..=LIVES {
        let bridge = start();
        server.born(life).await;
        tokio::time::sleep_until((Instant::now() + away()).into()).await;
        let safe_until = turn::kill(bridge, SAFE, Shared::Processor).await;
        let written = server.written().await;
        let safe = written[seen..].iter().filter(|written| written.at < safe_until);
        owed.extend(safe);
        seen = written.len();
    }
    assert!(owed.len() > 2_000, "there was no load: {} values", owed.len());

    handle.clear_faults();
    let bridge = start();
    bridge.learned().await;
    all_arrive(&Reader::new(at), &owed).await;
    let log = bridge.terminate().await;
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
    // It is forgotten once it is safe elsewhere.
    let left = std::fs::read_dir(outbox.path().join("heard")).unwrap().count();
    assert_eq!(left, 0);
}
