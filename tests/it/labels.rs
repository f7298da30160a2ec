//! Aliases and tags over real sockets: set, read back, and kept where others set them.

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
    assert_eq!((&rows[0]["alias"], rows[0].get("alias_in_sitewise")), (&alias.into(), None));
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

/// Somebody's alias stays: search and dead letters named the wanted one, which leads nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_is_found_by_the_alias_that_somebody_gave_it() {
    let folder = std::env::temp_dir().join(format!("sparkwise-theirs-{}", std::process::id()));
    let outbox = folder.display().to_string();
    let emulator = Emulator::start(Options::default());
    let reader = emulator.reader();
    let mut scene = Scene::start_with(emulator, &[("OUTBOX_DIR", &outbox)], || speed(1.0)).await;
    let definition = Template::definition().member(Metric::new("Speed", 0.0));
    scene.publish_birth([Metric::template("_types_/Turbine", definition), speed(12.0)]).await;
    let row = eventually("the property", || async {
        let found = json(scene.console, "/api/search?q=T7+Speed").await;
        let row = found["rows"].as_array().unwrap().first()?.clone();
        (row["provisioning"] == "live").then_some(row)
    })
    .await;
    let (asset, property) = (row["id"].as_str().unwrap(), row["property"]["id"].as_str().unwrap());
    let theirs = "/theirs/of T7";
    let set = reader.update_asset_property().asset_id(asset).property_id(property);
    eventually("their alias", || async { set.clone().property_alias(theirs).send().await.ok() })
        .await;

    let variables = [("TWIN_ALIASES", TEMPLATE), ("OUTBOX_DIR", outbox.as_str())];
    let mut scene = scene.restart(&variables, || speed(1.0)).await;
    scene.publish_birth([speed(13.0)]).await;
    for words in ["%2Ftheirs%2Fof%20T7", "%2FNordsee%2Fgw%2FT7%2FSpeed"] {
        let path = format!("/api/search?q={words}");
        let row = eventually(words, || async {
            let found = json(scene.console, &path).await;
            let row = found["rows"].as_array().unwrap().first()?.clone();
            row.get("alias_in_sitewise").is_some().then_some(row)
        })
        .await;
        assert_eq!((&row["id"], &row["property"]["id"]), (&asset.into(), &property.into()));
        let aliases = (&row["alias"], &row["alias_in_sitewise"]);
        assert_eq!(aliases, (&"/Nordsee/gw/T7/Speed".into(), &theirs.into()));
    }
    let left = json(scene.console, "/api/labels").await;
    let left = &left["rows"][0];
    assert_eq!((&left["kind"], &left["asset"]), (&"other_alias".into(), &asset.into()), "{left}");
    assert_eq!((&left["property_id"], &left["kept"]), (&property.into(), &theirs.into()));

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
    assert_eq!(aliases, [Some(theirs)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_and_assets_are_tagged_and_a_tag_of_others_stays() {
    let variables = [("TWIN_TAGS", "team=ot,sparkplug:node={group}/{node}")];
    let emulator = Emulator::start(Options::default());
    let reader = emulator.reader();
    let mut scene = Scene::start_with(emulator, &variables, || speed(1.0)).await;
    let definition = Template::definition().member(Metric::new("Speed", 0.0));
    scene.publish_birth([Metric::template("_types_/Turbine", definition), speed(12.0)]).await;

    let tags = async |arn: &str| {
        let output = reader.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
        let mut tags: Vec<_> = output.tags.unwrap_or_default().into_iter().collect();
        tags.sort_unstable();
        tags
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = vec![pair("sparkplug:node", "Nordsee/gw"), pair("team", "ot")];
    let model = eventually("the model", || async {
        let models = reader.list_asset_models().send().await.unwrap();
        models.asset_model_summaries.into_iter().find(|model| model.name == "Turbine")
    })
    .await;
    let turbine = eventually("a tagged turbine", || async {
        let listed = reader.list_assets().asset_model_id(&model.id).send().await.unwrap();
        let asset = listed.asset_summaries.into_iter().next()?;
        (tags(&asset.arn).await == expected).then_some(asset)
    })
    .await;
    eventually("a tagged model", || async {
        (tags(&model.arn).await == [pair("team", "ot")]).then_some(())
    })
    .await;

    // Somebody takes one away and gives another a value of their own.
    reader.untag_resource().resource_arn(&turbine.arn).tag_keys("team").send().await.unwrap();
    let theirs = reader.tag_resource().resource_arn(&turbine.arn).tags("sparkplug:node", "theirs");
    theirs.send().await.unwrap();
    let mut scene = scene.restart(&variables, || speed(1.0)).await;
    scene.publish_birth([speed(13.0)]).await;
    let expected = [pair("sparkplug:node", "theirs"), pair("team", "ot")];
    eventually("the tag again", || async { (tags(&turbine.arn).await == expected).then_some(()) })
        .await;
    let left = json(scene.console, "/api/labels").await;
    assert_eq!(left["rows"][0]["kind"], "other_tag", "{left}");
    scene.stop().await;
}
