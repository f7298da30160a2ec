//! What the AWS SDK reads on its own, and would pass over in silence.

use super::*;

/// One without a scheme was passed over, and values went to AWS itself.
#[test]
fn every_variable_of_an_endpoint_is_checked() {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IOTSITEWISE", "AWS_ENDPOINT_URL_STS"] {
        // An empty one beside it hides nothing.
        let given = Given::complete().set("AWS_ENDPOINT_URL_IOTSITEWISE", "");
        let faults = given.set(name, "127.0.0.1:4567").faults();
        let told = faults.contains(&format!("  {name} "));
        assert!(told && faults.contains("is not a URL"), "{faults}");
        Given::complete().set(name, "http://127.0.0.1:4567").load();
        Given::complete().set(name, "").load();
    }
}

#[test]
fn a_region_is_told_by_the_variable_that_it_came_from() {
    Given::complete().set("AWS_REGION", " eu-west-1 ").load();
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        for wrong in ["eu west-1", "EU-WEST-1", "eu-west-1;"] {
            let faults = Given::complete().set(name, wrong).faults();
            assert!(faults.contains(&format!("  {name} ")), "{faults}");
            assert!(faults.contains("like eu-central-1"), "{faults}");
        }
    }
}

#[test]
fn half_a_key_is_refused() {
    for half in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let faults = Given::complete().set(half, "hunter2").faults();
        assert!(faults.contains("AWS_ACCESS_KEY_ID is"), "{faults}");
        assert!(faults.contains("AWS_SECRET_ACCESS_KEY is"), "{faults}");
        assert!(!faults.contains("hunter2"), "{faults}");
    }
    let both = Given::complete().set("AWS_ACCESS_KEY_ID", "a").set("AWS_SECRET_ACCESS_KEY", "b");
    assert!(both.load().warnings.is_empty());
}

#[test]
fn a_profile_that_does_not_exist_is_told() {
    let with = |profile: &str| Given::complete().set("AWS_PROFILE", profile).set("HOME", "/home/a");
    let warned = |given: Given| given.load().warnings.join("\n");
    let told = warned(with("plant"));
    assert!(told.contains("AWS_PROFILE (`plant`) names a profile"), "{told}");
    let config = "[default]\nregion = x\n[ profile  plant ]\n[profile other]";
    let given = || with("plant").file("/home/a/.aws/config", config);
    assert_eq!(warned(given()), "");
    assert_eq!(warned(with("plant").file("/home/a/.aws/credentials", "[plant]\n")), "");
    assert!(warned(given().set("AWS_PROFILE", "plan")).contains("AWS_PROFILE"));
    assert!(warned(given().set("AWS_CONFIG_FILE", "/elsewhere")).contains("AWS_PROFILE"));
    assert_eq!(warned(with("default")), "");
}

/// The bridge took the session from itself for ever, and suspected another client.
#[test]
fn a_server_that_is_listed_twice_is_connected_to_once() {
    let urls = "mqtt://a, mqtts://b, mqtt://A:1883, ws://c/x?token=hunter2, ws://c/x?y, ws://c/z";
    let config = Given::complete().set("MQTT_URL", urls).load();
    let servers: Vec<String> = config.mqtt.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["mqtt://a:1883", "mqtts://b:8883", "ws://c:80", "ws://c:80"]);
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("MQTT_URL lists mqtt://A:1883 more than once"));
    assert!(!config.warnings[1].contains("hunter2"));
}
