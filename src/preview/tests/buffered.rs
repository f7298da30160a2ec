//! What bulk import would cost.

use super::*;

/// Ten devices of a thousand tags, each of which has a value a minute.
fn ten_thousand_properties() -> String {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let at = |second: usize| Timestamp::from_millis(START + second as i64 * 1000);
    let mut lines = line_of(0, &edge.nbirth(at(0), []));
    for minute in 0..=2 {
        for device in 0..10 {
            let tags = (0..1_000).map(|tag| Metric::new(&format!("M{tag}"), f64::from(minute)));
            let (name, time) = (format!("D{device}"), at(minute as usize * 60));
            let message = match minute {
                0 => edge.dbirth(&name, time, tags),
                _ => edge.ddata(&name, time, tags),
            };
            lines.push_str(&line_of(minute as usize * 60, &message));
        }
    }
    lines
}

#[tokio::test]
async fn ten_thousand_properties_at_a_value_a_minute_cost_a_sixth_of_full_entries_by_import() {
    let variables = [
        ("OUTBOX_DIR", "/var/lib/sparkwise"),
        ("LATE_BUCKET", "late-values"),
        ("LATE_ROLE_ARN", "arn:aws:iam::123456789012:role/late"),
        ("INGEST_BUFFERED", "Nordsee/*"),
    ];
    let report =
        planned_with(&variables, &ten_thousand_properties(), FakeSiteWise::default()).await;
    let estimate = report.buffered.as_ref().unwrap();
    let price = estimate.price;
    assert_eq!(price.full_entries.round(), 1_440_000.0);
    assert!(price.by_values <= 0.17 * price.full_entries, "{price:?}");
    assert!(price.by_bytes <= 0.17 * price.full_entries, "{price:?}");
    assert!(price.by_values.min(price.by_bytes) >= price.least, "{price:?}");
    let (text, json) = (report.to_string(), report.json());
    for line in [
        "  live, INGEST_LINGER=1s                 432,000,000\n",
        "  live, if each entry had 10 values       43,200,000\n",
        "  by import, a message for 60 values       7,200,000  0.17 of full entries\n",
        "  by import, a message for 5 KB            5,760,000  0.13 of full entries\n",
        "  by import, at least                      5,760,000  2000 each 15 minutes\n",
        "is not documented",
        "  It pays for these names together, but not for fewer than the first 14, because of the minimum:\n",
        "    */M0: 10 properties, 432,000 live, 7,200 by import\n",
        "    and 990 more names\n",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert!(json.contains(r#""importByValues":7200000"#), "{json}");
    assert!(json.contains(r#""importByBytes":5760000"#), "{json}");
}

/// What it would cost is asked before it is switched on: of all, where no property is named.
#[tokio::test]
async fn without_buffered_properties_all_are_priced_and_of_those_named_only_these() {
    let all = planned(&ten_thousand_properties(), FakeSiteWise::default()).await;
    assert_eq!(all.buffered.unwrap().rate.round(), 167.0);
    let variables = [
        ("OUTBOX_DIR", "/var/lib/sparkwise"),
        ("LATE_BUCKET", "late-values"),
        ("LATE_ROLE_ARN", "arn:aws:iam::123456789012:role/late"),
        ("INGEST_BUFFERED", "*/D7/M1"),
    ];
    let lines = ten_thousand_properties();
    let one = planned_with(&variables, &lines, FakeSiteWise::default()).await;
    let estimate = one.buffered.as_ref().unwrap();
    assert!((estimate.rate - 1.0 / 60.0).abs() < 1e-6, "{}", estimate.rate);
    assert_eq!(estimate.pays_for, []);
    assert!(one.to_string().contains("It does not pay"), "{one}");
}

/// The log, the console and `doctor` said what to switch on, and the plan did not.
#[tokio::test]
async fn the_storage_that_late_values_need_is_named() {
    let report = planned(&ten_thousand_properties(), FakeSiteWise::default()).await;
    assert!(!report.to_string().contains("Storage for bulk import"), "without LATE_BUCKET");
    assert!(report.json().contains(r#""storageTiers":null"#));
    for (tiers, words, name) in [
        (Ok(Tiers::Enabled), "warm tier or cold tier is enabled", "enabled"),
        (Ok(Tiers::Disabled), "enable one in SiteWise's settings", "disabled"),
        (Err("denied".to_owned()), "iotsitewise:DescribeStorageConfiguration): denied", "unknown"),
    ] {
        let report = PlanReport { tiers: Some(tiers), ..report.clone() };
        let (text, json) = (report.to_string(), report.json());
        assert!(text.contains(words), "{words} is not in {text}");
        assert!(json.contains(&format!(r#""storageTiers":"{name}""#)), "{json}");
    }
}
