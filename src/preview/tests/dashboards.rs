//! Dashboards of a plant of which a part is silent.

use std::collections::BTreeMap;

use super::super::plant::surveyed;
use super::*;
use crate::dashboards::render;
use crate::dashboards::survey::{Survey, survey};

const NAMESPACE: &str = "test";

fn at() -> Timestamp {
    Timestamp::from_millis(START)
}

/// A gateway with a turbine by template that has a gearbox, and a flat device.
fn gateway() -> String {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let oil = Metric::new("Oil/Temp", 40.0).property("engLow", -20.0).property("engHigh", 120.0);
    let gearbox = Template::definition().member(oil);
    let inner = |temp: f64| {
        Metric::template(
            "Gearbox",
            Template::instance("Gearbox").member(Metric::new("Oil/Temp", temp)),
        )
    };
    let turbine = Template::definition()
        .member(Metric::new("Speed", 0.0).property("engUnit", "rpm").property("engHigh", 20.0))
        .member(inner(0.0));
    let t7 = Template::instance("Turbine").member(Metric::new("Speed", 1.0)).member(inner(41.0));
    let births = vec![
        Metric::template("_types_/Gearbox", gearbox),
        Metric::template("_types_/Turbine", turbine),
        Metric::template("T7", t7),
    ];
    let mast = [
        Metric::new("Wind/Speed", 7.0).property("engUnit", "m/s").property("engHigh", 40.0),
        Metric::new("Serviced", at()),
        // A name that the bridge's own property has too: that one is called otherwise in SiteWise.
        Metric::new("Online", true),
    ];
    let mut lines = line_of(0, &edge.nbirth(at(), births));
    lines += &line_of(0, &edge.dbirth("Mast", at(), mast));
    lines
}

/// Another edge node.
fn other() -> String {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "west"), 0);
    line_of(0, &edge.nbirth(at(), [Metric::new("Load", 1.0)]))
}

async fn read<T>(
    variables: &[(&str, &str)],
    lines: &str,
    read: impl AsyncFnOnce(Config, PlanSource) -> T,
) -> T {
    let path = std::env::temp_dir().join(format!("sparkwise-eyes-{:016x}.txt", fastrand::u64(..)));
    std::fs::write(&path, lines).unwrap();
    let usual = [("MQTT_URL", "mqtt://localhost"), ("AWS_REGION", "eu-west-1")];
    let variables: BTreeMap<_, _> = usual
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let from = match lines.is_empty() {
        true => PlanSource::Account,
        false => PlanSource::Captures(vec![path.clone()]),
    };
    let told = read(Config::load(&variables).unwrap(), from).await;
    std::fs::remove_file(path).unwrap();
    told
}

/// SiteWise after the bridge has heard these births.
async fn account(lines: &str) -> FakeSiteWise {
    read(&[], lines, async |config, from| {
        let empty = Some(ReadOnly(Mutex::new(FakeSiteWise::default())));
        let observed = observe(&config, &from, empty, NAMESPACE).await.unwrap();
        let mut sitewise = FakeSiteWise::default();
        for call in observed.run.dry_run.writes() {
            sitewise.call(call.clone()).unwrap();
        }
        // What attributes hold is written as values.
        for model in survey(&observed.run.twin, NAMESPACE, &BTreeMap::new()).plant.models {
            let assets: Vec<_> = sitewise.assets.iter().map(|(id, of)| (*id, of.model)).collect();
            for (asset, _) in assets.into_iter().filter(|(_, of)| *of == model.id) {
                for has in model.properties.iter().filter(|of| of.value.is_some()) {
                    let value = Variant::Double(has.value.as_ref().unwrap().parse().unwrap());
                    let tqv = Tqv { value, time: at(), quality: Quality::Good };
                    sitewise.latest.insert((asset, has.id), tqv);
                }
            }
        }
        sitewise
    })
    .await
}

async fn seen(
    variables: &[(&str, &str)],
    lines: &str,
    sitewise: &FakeSiteWise,
    births_alone: bool,
) -> Result<Survey, PlanError> {
    let sitewise = Some(ReadOnly(Mutex::new(sitewise.clone())));
    read(variables, lines, async |config, from| {
        surveyed(&config, &from, sitewise, NAMESPACE, births_alone).await
    })
    .await
}

/// A machine that died while its dashboards were written had no alert rule any more, and no row.
#[tokio::test]
async fn a_machine_that_is_silent_keeps_its_dashboard_its_row_and_its_alert_rule() {
    let all = gateway() + &other();
    let sitewise = account(&all).await;
    let whole = seen(&[], &all, &sitewise, false).await.unwrap();
    assert_eq!(whole.silent, [""; 0]);
    let files = render(&whole.plant);
    for silent in [
        seen(&[], &other(), &sitewise, false).await.unwrap(),
        seen(&[], &gateway(), &sitewise, false).await.unwrap(),
        seen(&[], "", &sitewise, false).await.unwrap(),
    ] {
        assert!(!silent.silent.is_empty());
        for (has, wanted) in render(&silent.plant).files.iter().zip(&files.files) {
            assert_eq!(has.path, wanted.path);
            assert_eq!(has.text, wanted.text, "{} without {:?}", wanted.path, silent.silent);
        }
    }
    let silent = seen(&[], &other(), &sitewise, false).await.unwrap().silent;
    assert_eq!(silent, ["Nordsee/gw", "Nordsee/gw/Mast"]);
}

#[tokio::test]
async fn what_is_to_be_forgotten_or_is_not_heard_or_was_deleted_is_left_out() {
    let all = gateway() + &other();
    let mut sitewise = account(&all).await;
    let addresses = |of: &Survey| {
        let mut all: Vec<_> = of.plant.machines.iter().map(|has| has.address.clone()).collect();
        all.sort_unstable();
        all
    };
    let alone = seen(&[], &other(), &sitewise, true).await.unwrap();
    assert_eq!((addresses(&alone), &alone.silent), (vec!["Nordsee/west".into()], &Vec::new()));
    assert!(alone.plant.models.iter().all(|model| model.name != "Turbine"));
    let filter = [("SPARKPLUG_EXCLUDE", "Nordsee/gw/Mast")];
    let heard = seen(&filter, &other(), &sitewise, false).await.unwrap();
    assert_eq!(addresses(&heard), ["Nordsee/gw", "Nordsee/west"]);
    sitewise.assets.retain(|_, asset| asset.description.as_deref() != Some("Nordsee/gw/Mast"));
    let deleted = seen(&[], &other(), &sitewise, false).await.unwrap();
    assert_eq!(addresses(&deleted), ["Nordsee/gw", "Nordsee/west"]);
}

/// A wrong account or namespace would take away all alert rules.
#[tokio::test]
async fn an_account_without_machines_is_an_error() {
    let nothing = seen(&[], "", &FakeSiteWise::default(), false).await;
    assert!(matches!(nothing, Err(PlanError::NoMachine)), "{nothing:?}");
}

/// A list that failed five times was taken for empty, and its machines lost their alert rules.
#[tokio::test]
async fn an_account_that_is_read_in_part_is_an_error() {
    let whole = account(&(gateway() + &other())).await;
    let of_mast = |asset: &&crate::twin::tests::fake::FakeAsset| {
        asset.description.as_deref() == Some("Nordsee/gw/Mast")
    };
    let model = whole.assets.values().find(of_mast).unwrap().model;
    let mut unlisted = whole.clone();
    unlisted.unlistable.insert(model, ApiFaultKind::Unavailable);
    let mut undescribed = whole;
    undescribed.undescribable.insert(model, ApiFaultKind::Busy);
    for sitewise in [unlisted, undescribed] {
        for births in ["".to_owned(), other()] {
            let read = seen(&[], &births, &sitewise, false).await;
            assert!(matches!(read, Err(PlanError::Unread)), "{read:?}");
        }
    }
}

/// A read of values that was throttled once took the ranges of silent machines away.
#[tokio::test]
async fn ranges_of_silent_machines_are_read_again_or_the_command_fails() {
    let mut sitewise = account(&(gateway() + &other())).await;
    let whole = seen(&[], "", &sitewise, false).await.unwrap();
    sitewise.throttled_values = 3;
    assert_eq!(seen(&[], "", &sitewise, false).await.unwrap(), whole);
    let mut denied = sitewise.clone();
    denied.throttled_values = 0;
    denied.unreadable = Some(ApiFaultKind::Denied);
    let read = seen(&[], "", &denied, false).await;
    assert!(matches!(read, Err(PlanError::SiteWise(_))), "{read:?}");
    denied.unreadable = None;
    denied.unreadable_properties.insert(whole.unread[0]);
    let read = seen(&[], "", &denied, false).await;
    assert!(matches!(read, Err(PlanError::SiteWise(_))), "{read:?}");
}
