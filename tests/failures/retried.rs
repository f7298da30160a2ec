//! Dead letters that are too old for SiteWise's usual call, retried: they travel by bulk import.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::late::{Cloud, DAY, PATIENCE, Server, all_arrive, history, now, rows, rows_on_disk};
use super::plant;
use super::program::{Bridge, Folder};
use super::reader::Reader;

/// What `sparkwise dead-letters` prints.
async fn dead_letters(outbox: &Folder, arguments: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sparkwise"));
    program.arg("dead-letters").args(arguments).env("OUTBOX_DIR", outbox.path());
    let output = program.output().await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_that_are_too_old_for_the_usual_call_are_retried_by_job() {
    let _turn = super::alone().await;
    let cloud = Cloud::start().await;
    let mut server = Server::start().await;
    let outbox = Folder::new();
    let owed = history(0);
    let oldest = now() - 7 * DAY;
    let old = owed.iter().filter(|past| past.time < oldest).count();
    assert!(old > 0 && old < owed.len());

    // Without a bucket they are dead letters.
    server.history.send_replace(owed.clone());
    let without = [("OUTBOX_DIR", outbox.path().as_os_str())];
    let bridge = Bridge::start(server.port, cloud.sitewise, &without);
    bridge.learned().await;
    server.sent(owed.len()).await;
    let until = Instant::now() + PATIENCE;
    loop {
        let listed = dead_letters(&outbox, &["list", "--reason", "out_of_range"]).await;
        if listed.lines().count() == old {
            break;
        }
        assert!(Instant::now() < until, "{old} are too old: {listed}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bridge.terminate().await;

    // With one they are retried, and then each is in one file.
    server.history.send_replace(Vec::new());
    let bridge = Bridge::start(server.port, cloud.sitewise, &cloud.variables(&outbox));
    bridge.learned().await;
    let said = dead_letters(&outbox, &["retry", "--all"]).await;
    assert_eq!(said, format!("done: {old} dead letters retried\n"));
    let until = Instant::now() + PATIENCE;
    while rows_on_disk(&outbox).len() < old {
        assert!(Instant::now() < until, "{:#?}", bridge.log().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The next process closes the files, which would be open for an hour.
    bridge.kill().await;
    let bridge = Bridge::start(server.port, cloud.sitewise, &cloud.variables(&outbox));
    bridge.learned().await;
    let reader = Reader::new(cloud.sitewise);
    all_arrive(&reader, &owed, &bridge).await;
    let properties = reader.properties().await;
    let expected = owed.iter().filter(|past| past.time < oldest);
    let expected =
        expected.map(|past| ((properties[&plant::member(past.member)].clone(), past.time), 1));
    let objects = Arc::clone(&cloud.objects);
    assert_eq!(rows(&objects.lock().unwrap()), expected.collect::<BTreeMap<_, _>>());
    assert_eq!(dead_letters(&outbox, &["list"]).await, "");
    let log = bridge.terminate().await;
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
}
