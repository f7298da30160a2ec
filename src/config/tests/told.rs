//! What is accepted, and told.

use super::*;

fn warned(name: &str, value: &str) -> String {
    Given::complete().set(name, value).load().warnings.join("\n")
}

/// They were accepted without a word.
#[test]
fn what_is_hardly_meant_is_told() {
    for (name, value, words) in [
        (
            "TWIN_MODEL_PREFIX",
            "   ",
            "TWIN_MODEL_PREFIX has nothing but blanks: it counts as not set",
        ),
        ("OUTBOX_DIR", "\"/data\"", "OUTBOX_DIR is in quotes, which are part of its value"),
        (
            "TWIN_NAMESPACE",
            "\"plant-1\"",
            "TWIN_NAMESPACE is in quotes, which are part of its value",
        ),
        ("TWIN_MODEL_PREFIX", "'Plant 1 '", "TWIN_MODEL_PREFIX is in quotes"),
        (
            "AWS_ENDPOINT_URL_SITEWISE",
            "http://127.0.0.1:1",
            "is ignored: that of SiteWise is AWS_ENDPOINT_URL_IOTSITEWISE",
        ),
        ("OUTBOX_DIR", " ", "OUTBOX_DIR has nothing but blanks"),
        ("OUTBOX_DIR", " /data", "OUTBOX_DIR begins or ends with a blank"),
        ("MQTT_CLIENT_ID", "bridge ", "MQTT_CLIENT_ID begins or ends with a blank"),
        ("MQTT_USERNAME", " bridge", "MQTT_USERNAME begins or ends with a blank"),
        ("SPARKPLUG_HOST_ID", "bridge ", "SPARKPLUG_HOST_ID begins or ends with a blank"),
        ("SPARKPLUG_GROUPS", "a,,b", "SPARKPLUG_GROUPS has an empty part, which is ignored"),
        ("SPARKPLUG_EXCLUDE", ",a/*", "SPARKPLUG_EXCLUDE has an empty part"),
        ("MQTT_URL", "mqtt://a, ,mqtt://b", "MQTT_URL has an empty part"),
        ("HTTPS_PROXY", "socks5://user:hunter2@proxy", "HTTPS_PROXY names a proxy that is not one"),
        ("all_proxy", "socks5h://proxy", "all_proxy names a proxy that is not one of HTTP"),
    ] {
        let told = warned(name, value);
        assert!(told.contains(words), "{name}={value}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    for (name, value) in [
        ("TWIN_MODEL_PREFIX", ""),
        ("TWIN_MODEL_PREFIX", "Plant 1 "),
        ("SPARKPLUG_GROUPS", "a, b,"),
        ("SPARKPLUG_GROUPS", r"Halle 1\, Nord,b"),
        ("TWIN_RULES", "A/{asset}/{member} => A,\n\nB/{asset}/{member} => B\n"),
        ("HTTPS_PROXY", "http://proxy:3128"),
        ("HTTP_PROXY", "proxy:3128"),
    ] {
        assert_eq!(warned(name, value), "", "{name}={value}");
    }
}

/// The region of an emulator may be called anything.
#[test]
fn a_region_without_its_number_is_refused_only_for_aws_itself() {
    for region in ["eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"] {
        assert_eq!(warned("AWS_REGION", region), "");
    }
    let elsewhere = Given::complete().set("AWS_ENDPOINT_URL", "http://127.0.0.1:4567");
    elsewhere.set("AWS_REGION", "local").load();
    // The other one decides.
    Given::complete().set("AWS_DEFAULT_REGION", "local").load();
    let alone = Given::complete().without("AWS_REGION").set("AWS_DEFAULT_REGION", "eu-west");
    assert!(alone.faults().contains("AWS_DEFAULT_REGION is not an AWS region"));
}

#[test]
fn ids_are_as_long_as_servers_take_them() {
    let long = "x".repeat(1_024);
    assert_eq!(Given::complete().set("MQTT_CLIENT_ID", &long).load().mqtt.client_id, Some(long));
    let longer = "x".repeat(70_000);
    for name in ["MQTT_CLIENT_ID", "SPARKPLUG_HOST_ID", "COMMANDS_IOT_CLIENT_ID", "MQTT_USERNAME"] {
        let faults = Given::complete().set(name, &longer).faults();
        assert!(faults.contains(&format!("{name} has 70000 bytes: write at most ")), "{name}");
        assert!(faults.len() < 1_000, "{name}");
    }
}
