//! What is logged and told of the variables, whatever they are set to.

use super::*;

/// All that is shown of the configuration, or of what is wrong with it.
fn told(given: &Given) -> String {
    match Config::load(given) {
        Ok(config) => {
            let shown = config.effective.iter().map(ToString::to_string).chain(config.warnings);
            shown.collect::<Vec<_>>().join("\n")
        }
        Err(faults) => faults.to_string(),
    }
}

/// The private key was logged as `MQTT_CERT=-----BEGIN PRIVATE KEY-----` where two paths were
/// swapped, and as MQTT_CA.
#[test]
fn no_key_or_password_is_shown_whichever_variable_is_set_to_it() {
    let url = "https://ada:hunter2@host/path?token=hunter2";
    let list = "x => y, https://ada:hunter2@host";
    for var in sections().iter().flat_map(|section| section.vars) {
        for value in [KEY, &format!("{PEM}{KEY}"), url, list] {
            let told = told(&Given::complete().set(var.name, value));
            assert!(!told.contains("hunter2"), "{} set to {value}:\n{told}", var.name);
            if !var.file {
                continue;
            }
            let name = var.file_name();
            let file = Given::complete().set(&name, "/file").file("/file", value);
            for given in [file, Given::complete().set(&name, value)] {
                let told = self::told(&given);
                assert!(!told.contains("hunter2"), "{name} set to {value}:\n{told}");
            }
        }
    }
    // The password itself in the place of its file.
    let told = told(&Given::complete().set("MQTT_PASSWORD_FILE", "hunter2"));
    assert!(told.contains("MQTT_PASSWORD_FILE cannot be read") && !told.contains("hunter2"));
}

#[test]
fn certificates_are_shown_as_how_many_they_are_in_one_line() {
    let given = Given::complete()
        .set("MQTT_URL", "mqtts://host")
        .set("MQTT_CA", &format!("{PEM}{PEM}"))
        .set("MQTT_CERT", PEM)
        .set("MQTT_KEY", KEY);
    let config = given.load();
    let shown: Vec<String> = config.effective.iter().map(ToString::to_string).collect();
    for line in
        ["MQTT_CA=(2 certificates) [environment]", "MQTT_CERT=(1 certificate) [environment]"]
    {
        assert!(shown.iter().any(|shown| shown == line), "{shown:?}");
    }
    assert!(!shown.iter().any(|line| line.contains(['\n', '\r']) || line.contains("BEGIN")));
}

#[test]
fn a_certificate_and_a_key_that_are_swapped_are_refused_by_name() {
    let encrypted = KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nhunter2\n";
    for (name, value, hint) in [
        ("MQTT_CA", KEY, "MQTT_CA holds a private key, where certificates belong"),
        ("MQTT_CERT", KEY, "MQTT_CERT holds a private key, where certificates belong"),
        ("MQTT_KEY", PEM, "MQTT_KEY holds certificates and no private key"),
        ("MQTT_KEY", encrypted.as_str(), "MQTT_KEY holds a private key that is encrypted"),
        ("MQTT_KEY", old, "decrypt it with `openssl pkey"),
        ("COMMANDS_IOT_CERT", KEY, "has it been swapped with COMMANDS_IOT_KEY?"),
        ("COMMANDS_IOT_KEY", PEM, "has it been swapped with COMMANDS_IOT_CERT?"),
        ("MQTT_CERT", "-----BEGIN X509 CRL-----\n", "MQTT_CERT is PEM of another kind"),
    ] {
        let told = told(&Given::complete().set("MQTT_URL", "mqtts://host").set(name, value));
        assert!(told.contains(hint), "{name}: {told}");
        assert!(told.contains("cannot start"), "{told}");
    }
    // Both in one file are common, and the key in it is shown nowhere.
    let both = format!("{PEM}{KEY}");
    let given = Given::complete().set("MQTT_URL", "mqtts://host");
    given.set("MQTT_CERT", &both).set("MQTT_KEY", &both).load();
}
