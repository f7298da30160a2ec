use std::time::Duration;

use super::Given;
use crate::config::Late;

const ROLE: &str = "arn:aws:iam::123456789012:role/sparkwise-late";

fn given() -> Given {
    Given::complete()
        .set("OUTBOX_DIR", "/var/lib/sparkwise")
        .set("LATE_BUCKET", "late-values")
        .set("LATE_ROLE_ARN", ROLE)
}

#[test]
fn late_values_are_off_until_a_bucket_is_named() {
    assert_eq!(Given::complete().load().late, None);
    let expected = Late {
        bucket: "late-values".to_owned(),
        prefix: "sparkwise".to_owned(),
        role_arn: ROLE.to_owned(),
        every: Duration::from_secs(3_600),
        max_bytes: 1 << 30,
    };
    assert_eq!(given().load().late, Some(expected));
    let prefix = given().set("LATE_PREFIX", "/a/b/").load().late.unwrap().prefix;
    assert_eq!(prefix, "a/b");
}

#[test]
fn late_values_need_a_disk_and_a_role() {
    let faults = given().without("OUTBOX_DIR").faults();
    assert!(faults.contains("LATE_BUCKET needs OUTBOX_DIR"), "{faults}");
    let faults = given().without("LATE_ROLE_ARN").faults();
    assert!(faults.contains("LATE_BUCKET needs LATE_ROLE_ARN"), "{faults}");
    let lone = Given::complete().set("LATE_ROLE_ARN", ROLE).load();
    assert!(lone.warnings.iter().any(|line| line.contains("LATE_ROLE_ARN")), "{:?}", lone.warnings);
}

#[test]
fn buffered_properties_need_a_bucket() {
    let none = given().load().delivery;
    assert_eq!((none.buffered, none.buffered_every), (None, Duration::from_secs(900)));
    let some = given().set("INGEST_BUFFERED", "*/Temp*,Nordsee/gw1").load().delivery;
    let globs = some.buffered.unwrap();
    for (address, expected) in [
        ("Nordsee/gw2/T7/Temperature", true),
        ("Nordsee/gw1/T7/Speed", true),
        ("Nordsee/gw2/T7/Speed", false),
    ] {
        assert_eq!(globs.matches(address), expected, "{address}");
    }
    let faults = Given::complete().set("INGEST_BUFFERED", "*").faults();
    assert!(faults.contains("INGEST_BUFFERED needs LATE_BUCKET"), "{faults}");
    let faults = given().set("INGEST_BUFFERED_EVERY", "10s").faults();
    assert!(faults.contains("INGEST_BUFFERED_EVERY"), "{faults}");
}

#[test]
fn wrong_names_of_late_values_are_refused() {
    for (name, value) in [
        ("LATE_BUCKET", "s3://late-values"),
        ("LATE_BUCKET", "Late"),
        ("LATE_BUCKET", "-late"),
        ("LATE_PREFIX", "a b"),
        ("LATE_PREFIX", "a//b"),
        ("LATE_ROLE_ARN", "sparkwise-late"),
        ("LATE_ROLE_ARN", "arn:aws:iam::123456789012:user/me"),
        ("LATE_EVERY", "1s"),
        ("LATE_MAX_BYTES", "1MiB"),
    ] {
        let faults = given().set(name, value).faults();
        assert!(faults.contains(name), "{name}={value}: {faults}");
    }
}
