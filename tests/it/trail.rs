//! The way of a value on the page of its asset: from the birth to SiteWise, or what keeps it.

use std::net::SocketAddr;

use serde_json::Value;
use sitewise_local::{Effect, Fault, Options};
use sparkwise::sparkplug::edge::Metric;
use sparkwise::time::Timestamp;

use crate::console::json;
use crate::support::{Emulator, Scene, eventually, now};

/// The page of the edge node's asset, once a property of it is in a state.
async fn page(console: SocketAddr, property: &str, state: &str) -> (Value, Value) {
    eventually(state, || async {
        let found = json(console, "/api/search?q=Nordsee/gw").await;
        let rows = found.pointer("/rows")?.as_array()?;
        let row = rows.iter().find(|row| row.get("kind").is_some_and(|kind| kind == "node"))?;
        let id = row.get("id")?.as_str()?;
        let detail = json(console, &format!("/api/assets/{id}?q={property}")).await;
        let row = detail.pointer("/values/rows/0")?.clone();
        let is_there = row.pointer("/delivery/state").is_some_and(|found| found == state);
        is_there.then_some((detail, row))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_followed_from_its_birth_until_sitewise_took_it() {
    let mut scene = Scene::start(&[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    let born = scene.publish_birth([Metric::new("Speed", 12.0)]).await;
    let (detail, _) = page(console, "speed", "accepted").await;
    assert_eq!(detail["delivery"]["birth_topic"], "spBv1.0/Nordsee/NBIRTH/gw");
    assert_eq!(detail["presence"]["born"], born.as_millis());
    assert_eq!(detail["provisioning"], "live");
    assert_eq!(
        (&detail["delivery"]["problem"], &detail["delivery"]["aws"]),
        (&Value::Null, &Value::Null)
    );

    // From now on it is watched: it is known when SiteWise took it.
    let sent_at = now();
    scene.publish_data(sent_at, [Metric::new("Speed", 13.0)]).await;
    eventually("when it was taken", || async {
        let (detail, row) = page(console, "speed", "accepted").await;
        let taken = &row["delivery"]["accepted"];
        let watched = detail["delivery"]["watched"].as_i64().unwrap();
        let at = taken[0].as_i64()?;
        (taken[1] == sent_at.as_millis() && at >= sent_at.as_millis().min(watched)).then_some(())
    })
    .await;

    // SiteWise takes nothing that is older than seven days: rejected, with the reason and what to do.
    let old = Timestamp::from_millis(now().as_millis() - 8 * 86_400_000);
    scene.publish_birth([Metric::new("Old", 1.0)]).await;
    scene.publish_data(old, [Metric::new("Old", 5.0)]).await;
    eventually("the rejection", || async {
        let (_, row) = page(console, "old", "accepted").await;
        let refused = row["delivery"]["rejected"].clone();
        (refused["kind"] == "out_of_range"
            && refused["time"] == old.as_millis()
            && refused["remedy"].as_str()?.contains("NTP"))
        .then_some(())
    })
    .await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asset_whose_model_is_refused_is_never_being_created() {
    let emulator = Emulator::start(Options::default());
    emulator.handle.order(Fault::always(Effect::FailModel { name: None })).unwrap();
    let mut scene = Scene::start_with(emulator, &[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    scene.publish_birth([Metric::new("Speed", 12.0)]).await;
    let refusal = eventually("the refusal", || async {
        let (detail, row) = page(console, "speed", "waiting").await;
        (detail["provisioning"] == "rejected").then_some((detail, row))
    });
    let (detail, row) = refusal.await;
    let problem = detail["delivery"]["problem"].as_str().unwrap();
    assert!(problem.contains("it is retried with backoff"), "{problem}");
    let way = &row["delivery"];
    assert_eq!(way["waits_for"], "asset", "{way}");
    // Those before the birth, and the birth's.
    assert!(way["waiting"].as_u64().is_some_and(|values| values >= 1), "{way}");
    assert_eq!(way["reason"], problem);
    assert!(way["since"].is_i64(), "{way}");
    // The tree says so as well.
    eventually("all are refused", || async {
        let children = json(console, "/api/children").await;
        let rows = children["rows"].as_array()?;
        rows.iter().all(|row| row["provisioning"] == "rejected").then_some(())
    })
    .await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_with_the_same_members_are_noticed_with_the_rule_to_paste() {
    let mut scene = Scene::start(&[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    let members = (0..12).flat_map(|turbine| {
        (0..9).map(move |member| Metric::new(&format!("Turbines/T{turbine}/M{member}"), 1.0))
    });
    scene.publish_birth(members.collect::<Vec<_>>()).await;
    let row = eventually("the rule", || async {
        json(console, "/api/suggestions").await["rows"].as_array().unwrap().first().cloned()
    });
    let expected = serde_json::json!({
        "rule": "Turbines/{asset}/{member} => Turbine",
        "source": "Nordsee/gw",
        "assets": 12,
        "members": 9,
    });
    assert_eq!(row.await, expected);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_up_quota_is_told_as_one() {
    let emulator = Emulator::start(Options::default());
    let code = "LimitExceededException".to_owned();
    let effect = Effect::Error { code, carried_out: false, retry_after_milliseconds: None };
    let operations = vec!["CreateAsset".to_owned(), "CreateAssetModel".to_owned()];
    emulator.handle.order(Fault { operations, ..Fault::always(effect) }).unwrap();
    let mut scene = Scene::start_with(emulator, &[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    scene.publish_birth([Metric::new("Speed", 12.0)]).await;
    let reason = eventually("the quota", || async {
        let problems = json(console, "/api/problems").await;
        let rows = problems["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["kind"] == "problem")?;
        row["reason"].as_str().map(str::to_owned)
    });
    let reason = reason.await;
    assert!(reason.contains("have it raised in Service Quotas"), "{reason}");
    assert!(!reason.contains("correct what the message names"), "{reason}");
    scene.stop().await;
}
