use super::Given;

const LEASE: &str = "dynamodb://sparkwise/Nordsee";

#[test]
fn without_a_lease_the_bridge_acts_alone() {
    assert_eq!(Given::complete().load().lease, None);
    let lease = Given::complete().set("LEASE", LEASE).load().lease.unwrap();
    assert_eq!(lease.to_string(), LEASE);
}

#[test]
fn a_wrong_lease_is_refused_in_words() {
    for (text, words) in [
        ("sparkwise/Nordsee", "dynamodb://TABLE/NAME"),
        ("dynamodb://sparkwise", "dynamodb://TABLE/NAME"),
        ("dynamodb://my table/Nordsee", "3 to 255 letters"),
        ("dynamodb://sparkwise/", "1 to 2048 bytes"),
        ("kubernetes://sparkwise/Nordsee", "dynamodb://TABLE/NAME"),
    ] {
        let faults = Given::complete().set("LEASE", text).faults();
        assert!(faults.contains("LEASE") && faults.contains(words), "{text}: {faults}");
    }
}

#[test]
fn what_two_bridges_cannot_do_yet_is_refused() {
    let commands = Given::complete()
        .set("LEASE", LEASE)
        .set("COMMANDS_ALLOW", "Turbine/Limit = 0..90")
        .set("COMMANDS_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/requests");
    let faults = commands.faults();
    assert!(faults.contains("LEASE cannot be combined with COMMANDS_ALLOW yet"), "{faults}");
    let late = Given::complete()
        .set("LEASE", LEASE)
        .set("OUTBOX_DIR", "/var/lib/sparkwise")
        .set("LATE_BUCKET", "late-values")
        .set("LATE_ROLE_ARN", "arn:aws:iam::123456789012:role/sparkwise-late");
    let faults = late.faults();
    assert!(faults.contains("LEASE cannot be combined with LATE_BUCKET yet"), "{faults}");
}
