//! Properties that are not urgent travel by bulk import, whatever the age of their values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::late::{Cloud, DAY, PATIENCE, Server, all_arrive, history, now, rows, rows_on_disk};
use super::plant;
use super::program::{Bridge, Folder};
use super::reader::Reader;
use super::sdk;

const BUFFERED: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buffered_properties_arrive_by_jobs_with_adaptive_ingestion_and_others_live() {
    let _turn = super::alone().await;
    let cloud = Cloud::start().await;
    let mut server = Server::start().await;
    let mqtt = server.port;
    let outbox = Folder::new();
    let globs = format!("Nordsee/*/T7/{}", plant::member(BUFFERED));
    let start = || {
        let buffered = [("INGEST_BUFFERED", globs.as_ref())];
        let variables: Vec<_> = cloud.variables(&outbox).into_iter().chain(buffered).collect();
        Bridge::start(mqtt, cloud.sitewise, &variables)
    };
    let owed = history(0);
    server.history.send_replace(owed.clone());
    let bridge = start();
    bridge.learned().await;
    server.sent(owed.len()).await;
    let oldest = now() - 7 * DAY;
    let by_file = |past: &&super::late::Past| past.time < oldest || past.member == BUFFERED;
    let expected: BTreeSet<(usize, i64)> =
        owed.iter().filter(by_file).map(|past| (past.member, past.time)).collect();
    let until = Instant::now() + PATIENCE;
    // The value of the birth is buffered as well.
    while rows_on_disk(&outbox).len() < expected.len() + 1 {
        assert!(Instant::now() < until, "{:#?}", bridge.log().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The next process closes the files, which would be open for a quarter of an hour.
    bridge.kill().await;
    server.history.send_replace(Vec::new());
    let bridge = start();
    bridge.learned().await;
    let reader = Reader::new(cloud.sitewise);
    all_arrive(&reader, &owed, &bridge).await;

    let properties = reader.properties().await;
    let id = |member: usize| properties[&plant::member(member)].clone();
    let mut found = rows(&cloud.objects.lock().unwrap());
    // Values of births are newer than all of these.
    found.retain(|(_, time), _| *time < now() - DAY / 48);
    let expected = expected.into_iter().map(|(member, time)| ((id(member), time), 1));
    assert_eq!(found, expected.collect::<BTreeMap<_, _>>());
    let client = sdk::reader(&format!("http://127.0.0.1:{}", cloud.sitewise));
    let jobs = client.list_bulk_import_jobs().send().await.unwrap().job_summaries;
    let mut lanes = BTreeSet::new();
    for job in jobs {
        let told = client.describe_bulk_import_job().job_id(&job.id).send().await.unwrap();
        lanes.insert((job.name.contains("-buffered"), told.adaptive_ingestion));
    }
    assert_eq!(lanes, BTreeSet::from([(false, Some(false)), (true, Some(true))]));
    let log = bridge.terminate().await;
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
}
