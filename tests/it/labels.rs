//! Aliases over real sockets: set, read back, found in the console and in dead letters.

use std::time::Duration;

use sitewise_local::Options;
use sparkwise::outbox::dead_letters::files;
use sparkwise::sparkplug::edge::{Metric, Template};

use crate::console::json;
use crate::support::{Emulator, Scene, eventually, now};

const TEMPLATE: &str = "/{group}/{node}/{device}/{asset}/{member}";

fn speed(value: f64) -> Metric {
    Metric::template("T7", Template::instance("Turbine").member(Metric::new("Speed", value)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_is_found_by_its_alias_in_sitewise_console_and_dead_letters() {
    let folder = std::env::temp_dir().join(format!("sparkwise-labels-{}", std::process::id()));
    let outbox = folder.display().to_string();
    let variables = [("TWIN_ALIASES", TEMPLATE), ("OUTBOX_DIR", &outbox)];
    let emulator = Emulator::start(Options::default());
    let reader = emulator.reader();
    let mut scene = Scene::start_with(emulator, &variables, || speed(1.0)).await;
    let definition = Template::definition().member(Metric::new("Speed", 0.0));
    let births = [Metric::template("_types_/Turbine", definition), speed(12.0)];
    scene.publish_birth(births).await;

    let alias = "/Nordsee/gw/T7/Speed";
    let value = eventually("the alias", || async {
        let read = reader.get_asset_property_value().property_alias(alias).send().await;
        read.ok()?.property_value?.value?.double_value
    });
    assert_eq!(value.await, 12.0);
    let found = json(scene.console, "/api/search?q=%2FNordsee%2Fgw%2FT7%2FSpeed").await;
    let rows = found["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["property"]["name"]), (1, &"Speed".into()));
    let found = json(scene.console, "/api/search?q=T7").await;
    assert_ne!(found["rows"].as_array().unwrap().len(), 0, "other words find what they did");
    assert_eq!(json(scene.console, "/api/labels").await["rows"], serde_json::json!([]));

    let old = now().minus(Duration::from_secs(8 * 24 * 3600));
    scene.publish_data(old, [speed(1.0)]).await;
    eventually("the dead letter", || async {
        let refusals = json(scene.console, "/api/refusals").await;
        (!refusals["rows"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    scene.stop().await;
    let letters = files::read(&folder.join("dead-letters"));
    std::fs::remove_dir_all(folder).unwrap();
    let aliases: Vec<_> = letters.values().map(|letter| letter.alias.as_deref()).collect();
    assert_eq!(aliases, [Some(alias)]);
}
