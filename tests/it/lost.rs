//! A tag that is born and whose values are not in SiteWise is found by its name, with the reason;
//! and a problem leads to its machine.

use std::net::SocketAddr;

use serde_json::Value;
use sitewise_local::{Effect, Fault};
use sparkwise::sparkplug::datatype::DataType;
use sparkwise::sparkplug::edge::{Metric, Template};
use sparkwise::time::Timestamp;

use crate::console::json;
use crate::support::{Scene, eventually, now};

/// Why a tag is not in SiteWise, and the machine whose page is opened for it.
async fn why(console: SocketAddr, words: &str) -> (String, Value) {
    eventually(words, || async {
        let found = json(console, &format!("/api/search?q={words}")).await;
        let lost = found.pointer("/lost/0")?.clone();
        Some((lost.get("why")?.as_str()?.to_owned(), lost))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_filter_leaves_out_is_found_and_says_so() {
    let mut scene = Scene::start(&[("SPARKPLUG_EXCLUDE", "*/Noise,Nordsee/gw/Diag")], || {
        Metric::new("Speed", 1.0)
    })
    .await;
    let console = scene.console;
    let pump = || {
        let members = [Metric::new("Oil", 1.0), Metric::new("Noise", 2.0)];
        Metric::template("P1", Template::instance("Pump").members(members))
    };
    scene.publish_birth([Metric::new("Speed", 1.0), pump()]).await;

    let (why, row) = why(console, "p1+noise").await;
    assert!(why.contains("SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE leave it out"), "{why}");
    assert_eq!((&row["machine"], &row["name"]), (&"Nordsee/gw".into(), &"P1/Noise".into()));
    // By its topic as well, and its machine's page can be opened.
    let found = json(console, "/api/search?q=spBv1.0/Nordsee/NDATA/gw+noise").await;
    assert_eq!(found["lost"][0], row);
    let asset = json(console, &format!("/api/assets/{}", row["asset"].as_str().unwrap())).await;
    assert_eq!(asset["name"], "gw");
    // What is sent is not among them.
    let found = json(console, "/api/search?q=oil").await;
    assert_eq!(
        (&found["lost"], found["rows"].as_array().unwrap().len()),
        (&Value::Array(vec![]), 1)
    );
    // What was never looked at is told by its address alone.
    let found = json(console, "/api/search?q=Nordsee/gw/Diag/CPU").await;
    assert_eq!(found["left_out"], "Nordsee/gw/Diag/CPU", "{found}");
    let found = json(console, "/api/search?q=Nordsee/gw/CPU").await;
    assert_eq!(found["left_out"], Value::Null, "{found}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_exceeds_a_cap_or_has_no_form_is_found_and_its_problem_leads_to_the_machine() {
    let mut scene =
        Scene::start(&[("TWIN_MAX_PROPERTIES", "8")], || Metric::new("Tag 0", 1.0)).await;
    let console = scene.console;
    let picture = Metric::null("Picture", DataType::Bytes);
    let tags = (0..20).map(|number| Metric::new(&format!("Tag {number:02}"), 1.0));
    scene.publish_birth(tags.chain([picture])).await;

    let (capped, row) = why(console, "tag+19").await;
    assert!(capped.contains("it exceeds TWIN_MAX_PROPERTIES; exclude"), "{capped}");
    let (formless, _) = why(console, "picture").await;
    assert!(formless.contains("SiteWise cannot store its type"), "{formless}");
    let problems = json(console, "/api/problems").await;
    let rows = problems["rows"].as_array().unwrap();
    let capped = rows.iter().find(|row| row["kind"] == "capped_properties").unwrap();
    assert_eq!(capped["link"]["page"], "plant", "{capped}");
    assert_eq!(capped["link"]["id"], row["asset"], "{capped}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_whose_value_or_model_was_refused_says_so_where_it_is_found() {
    let mut scene = Scene::start(&[], || Metric::new("Speed", 1.0)).await;
    let console = scene.console;
    scene.publish_birth([Metric::new("Speed", 1.0)]).await;
    let problem = |words: &'static str| async move {
        let found = json(console, "/api/search?q=speed").await;
        let row = found.pointer("/rows/0")?;
        let problem = row.get("problem")?.as_str()?;
        problem.contains(words).then_some(())
    };
    eventually("the property", || async {
        let found = json(console, "/api/search?q=speed").await;
        found.pointer("/rows/0/property").map(|_| ())
    })
    .await;
    assert_eq!(problem("").await, None);
    let old = Timestamp::from_millis(now().as_millis() - 8 * 86_400_000);
    scene.publish_data(old, [Metric::new("Speed", 2.0)]).await;
    eventually("the rejection", || problem("a value was rejected at")).await;

    // The model of another is refused as a whole: it leads to the model's page.
    scene.emulator.handle.order(Fault::always(Effect::FailModel { name: None })).unwrap();
    let pump =
        Metric::template("P1", Template::instance("Pump").members([Metric::new("Oil", 1.0)]));
    scene.publish_birth([Metric::new("Speed", 1.0), pump]).await;
    eventually("the model's problem", || async {
        let problems = json(console, "/api/problems").await;
        let rows = problems["rows"].as_array()?.clone();
        let row = rows.iter().find(|row| row["subject"] == "model Pump")?;
        (row["link"]["page"] == "models").then_some(())
    })
    .await;
    scene.stop().await;
}
