//! How many aliases and notifications there would be.

use super::*;
use crate::labels::RemarkKind;

const TEMPLATE: &str = "/{group}/{node}/{device}/{asset}/{member}";

#[tokio::test]
async fn the_report_says_how_many_aliases_and_notifications_there_are_and_how_long_they_take() {
    let variables = [("TWIN_ALIASES", TEMPLATE), ("TWIN_NOTIFY", "Turbine/*")];
    let report = planned_with(&variables, &captured(), FakeSiteWise::default()).await;
    // Five of presence, four of pumps, and the turbine's speed.
    let labels = report.labels.clone().unwrap();
    assert_eq!((labels.aliases, labels.notifications, labels.assets), (10, 1, 2));
    assert_eq!(
        (labels.property_calls(), labels.property_duration()),
        (22, Duration::from_millis(200))
    );
    assert_eq!(labels.remarks, []);
    let text = report.to_string();
    let expected = "\
Aliases and notifications (TWIN_ALIASES, TWIN_NOTIFY)
  10 aliases and 1 notification, set in the background after all else: less than a second at half
  of the default quota, with 22 calls; what SiteWise has of them already is only read
";
    assert!(text.contains(expected), "{text}");
    assert!(report.json().contains(r#""labels":{"aliases":10,"#), "{}", report.json());
    let without = planned(&captured(), FakeSiteWise::default()).await;
    assert_eq!(without.labels, None);
    assert!(without.json().contains(r#""labels":null"#));
}

#[tokio::test]
async fn the_report_says_how_many_models_and_assets_get_tags_and_how_long_that_takes() {
    let variables = [("TWIN_TAGS", "team=ot,node={node}")];
    let report = planned_with(&variables, &captured(), FakeSiteWise::default()).await;
    let labels = report.labels.clone().unwrap();
    assert_eq!((labels.aliases, labels.assets, labels.tag_calls()), (0, 0, 2 * labels.tagged));
    let twin = &report;
    let (models, assets) =
        (twin.models.len() as u64, twin.assets.iter().map(|(_, names)| names.len() as u64));
    assert_eq!(labels.tagged, models + assets.sum::<u64>());
    let text = report.to_string();
    assert!(!text.contains("TWIN_ALIASES"), "{text}");
    let expected = format!("Tags (TWIN_TAGS)\n  {} models and assets are tagged", labels.tagged);
    assert!(text.contains(&expected), "{text}");
    assert!(report.json().contains(&format!(r#""tagged":{}"#, labels.tagged)), "{}", report.json());
}

/// A node's metric of two levels and a member of its instance have the same address.
#[tokio::test]
async fn two_properties_with_one_alias_are_named_beforehand() {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let births = [
        Metric::template(
            "_types_/Turbine",
            Template::definition().member(Metric::new("Speed", 0.0)),
        ),
        Metric::template("T7", Template::instance("Turbine").member(Metric::new("Speed", 1.0))),
        Metric::new("T7/Speed", 2.0),
    ];
    let lines = line_of(0, &edge.nbirth(Timestamp::from_millis(START), births));
    let report = planned_with(&[("TWIN_ALIASES", TEMPLATE)], &lines, FakeSiteWise::default()).await;
    let labels = report.labels.clone().unwrap();
    let kinds: Vec<_> = labels.remarks.iter().map(|remark| remark.kind).collect();
    assert_eq!((kinds, labels.remark_count), (vec![RemarkKind::AliasTaken], 1));
    let told = report.to_string();
    assert!(told.contains("  ! Nordsee/gw/T7/Speed: property "), "{told}");
    // Their addresses are the same: the ids tell them apart.
    let remark = labels.remarks.first().unwrap();
    let (asset, property) = remark.ids.unwrap();
    let (wants, has) =
        remark.reason.split_once(" has the same alias `/Nordsee/gw/T7/Speed` as ").unwrap();
    assert_eq!(wants, format!("property {property} of asset {asset}"));
    assert!(has.starts_with("property ") && !has.contains(&property.to_string()), "{has}");
}
