//! Two connections to one server, and their client ids.

use super::*;

const ENDPOINT: &str = "mqtts://example-ats.iot.eu-central-1.amazonaws.com";

fn given(plant: &str, iot: &str) -> Given {
    Given::complete()
        .set("MQTT_URL", plant)
        .set("SPARKPLUG_HOST_ID", "bridge")
        .set("COMMANDS_ALLOW", "Turbine/Limit = 0..90")
        .set("COMMANDS_THING", "bridge")
        .set("COMMANDS_IOT_URL", iot)
}

/// Where the plant's server is AWS IoT Core as well, the two connections ended each other for ever.
#[test]
fn two_connections_to_one_server_do_not_share_a_client_id() {
    let wss = ENDPOINT.replace("mqtts", "wss");
    let upper = ENDPOINT.replace("example", "EXAMPLE");
    let both = format!("mqtt://localhost,{ENDPOINT}");
    for (plant, iot) in [
        (ENDPOINT, ENDPOINT),
        // Another port of the same endpoint, another spelling, one server of two.
        (ENDPOINT, wss.as_str()),
        (upper.as_str(), ENDPOINT),
        (both.as_str(), ENDPOINT),
        ("mqtt://localhost:1884", "mqtt://localhost:1884"),
    ] {
        let faults = given(plant, iot).faults();
        assert!(faults.contains("COMMANDS_IOT_CLIENT_ID is \"bridge\""), "{plant} {iot} {faults}");
    }
    let shared = given(ENDPOINT, ENDPOINT);
    assert!(shared.set("COMMANDS_IOT_CLIENT_ID", "commands").load().commands.is_some());
    let plant = given(ENDPOINT, ENDPOINT).set("MQTT_CLIENT_ID", "plant");
    assert!(plant.load().commands.is_some());
    let faults = plant.set("COMMANDS_IOT_CLIENT_ID", "plant").faults();
    assert!(faults.contains("COMMANDS_IOT_CLIENT_ID is \"plant\""), "{faults}");
    // Two servers, and one host with two.
    for plant in ["mqtts://other", "mqtt://localhost:1883"] {
        assert!(given(plant, ENDPOINT).load().commands.is_some());
        assert!(given(plant, "mqtt://localhost:1884").load().commands.is_some());
    }
}
