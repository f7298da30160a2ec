use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::command::{AllowRules, Form};
use crate::sparkplug::config::BdSeq;
use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};
use crate::twin::{Int64, Kinds, Nested, Rules};

mod client_ids;
mod late;
mod lease;
mod queue;
mod sdk;
mod secrets;
mod told;

/// Variables and files of a test.
#[derive(Default)]
struct Given {
    variables: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl Given {
    /// The least that is complete.
    fn complete() -> Self {
        Self::default().set("MQTT_URL", "mqtt://localhost").set("AWS_REGION", "eu-central-1")
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    fn load(&self) -> Config {
        Config::load(self).unwrap()
    }

    fn faults(&self) -> String {
        Config::load(self).unwrap_err().to_string()
    }
}

impl VariableSource for Given {
    fn get(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        match self.variables.get(name).map(String::as_str) {
            Some("\u{fffd}") => Err(NotUnicode),
            value => Ok(value.map(str::to_owned)),
        }
    }

    fn names(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        text.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn has_file(&self, path: &Path) -> bool {
        self.file(path).is_ok()
    }
}

mod wrong;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n";

#[test]
fn the_least_is_a_server_and_a_region() {
    let config = Given::complete().load();
    assert_eq!(config.mqtt.servers.len(), 1);
    assert_eq!(config.mqtt.keep_alive, Duration::from_secs(30));
    assert_eq!(config.mqtt.max_packet, 16 << 20);
    assert_eq!(config.sparkplug.host_id, "sparkwise");
    assert_eq!(config.sparkplug.reorder_timeout, Duration::from_secs(2));
    assert_eq!(
        (config.sparkplug.rebirth, config.sparkplug.bdseq),
        (RebirthReasons::ALL, BdSeq::Verify)
    );
    assert_eq!((config.twin.nested, config.twin.int64), (Nested::Child, Int64::Double));
    assert_eq!(config.twin.stale_after, Duration::from_secs(60));
    let twin = &config.twin;
    let caps = [twin.max_models, twin.max_assets, twin.max_properties];
    assert_eq!(caps.map(NonZeroU32::get), [1_000, 100_000, 5_000]);
    assert_eq!(config.delivery.linger, Duration::from_secs(1));
    assert_eq!(config.outbox.max_bytes, 256 << 20);
    assert_eq!(config.process.shutdown_grace, Duration::from_secs(20));
    assert_eq!(config.process.log_format, LogFormat::Text);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn all_faults_are_named_at_once() {
    let faults = Given::default()
        .set("MQTT_PASSWORD", "hunter2")
        .set("MQTT_KEEP_ALIVE", "1500ms")
        .set("SPARKPLUG_HOST_ID", "a/b")
        .set("SPARKPLUG_REBIRTH", "on")
        .set("SPARKPLUG_EXCLUDE", "[")
        .set("TWIN_RULES", "Turbines/{asset} => WindTurbine")
        .set("TWIN_KINDS", "Pump* => Pump")
        .set("TWIN_STATIC", "a{b")
        .set("INGEST_LINGER", "5 parsecs")
        .set("INGEST_IN_FLIGHT", "0")
        .set("RUST_LOG", "sparkwise=loud")
        .faults();
    for name in [
        "MQTT_URL is not set",
        "AWS_REGION is not set",
        "MQTT_PASSWORD requires MQTT_USERNAME",
        "MQTT_KEEP_ALIVE (`1500ms`) must be whole seconds",
        "SPARKPLUG_HOST_ID (`a/b`)",
        "SPARKPLUG_REBIRTH (`on`) must be auto, off, or some of: gap, before-birth",
        "SPARKPLUG_EXCLUDE (`[`) has an invalid glob `[`",
        "has a rule `Turbines/{asset} => WindTurbine` whose path does not end with /{member}",
        "has a kind `Pump* => Pump` with 1 levels in its pattern",
        "TWIN_STATIC",
        "INGEST_LINGER (`5 parsecs`) is not a duration",
        "INGEST_IN_FLIGHT",
        "RUST_LOG",
        "cargo demo",
    ] {
        assert!(faults.contains(name), "{name} is not in:\n{faults}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let secrets = Given::default()
        .set("MQTT_URL", "mqtt://ada:hunter2@localhost, http://x?token=hunter2")
        .set("MQTT_USERNAME", "ada")
        .set("MQTT_PASSWORD", "hunter2")
        .set("MQTT_KEY", "hunter2");
    let faults = secrets.faults();
    assert!(faults.contains("MQTT_URL") && faults.contains("MQTT_KEY"), "{faults}");
    assert!(!faults.contains("hunter2"), "{faults}");

    let config = Given::complete()
        .set("MQTT_USERNAME", "ada")
        .set("MQTT_PASSWORD", "hunter2")
        .set("MQTT_CERT", PEM)
        .set("MQTT_KEY", KEY)
        .load();
    let shown: Vec<String> = config.effective.iter().map(ToString::to_string).collect();
    assert!(shown.contains(&"MQTT_PASSWORD=*** [environment]".to_owned()), "{shown:?}");
    assert!(!format!("{shown:?}{config:?}").contains("hunter2"));
    assert_eq!(
        config.mqtt.password.map(|secret| secret.expose().to_owned()),
        Some("hunter2".to_owned())
    );
}

#[test]
fn values_come_from_files_too() {
    let given = Given::complete()
        .set("MQTT_USERNAME", "ada")
        .set("MQTT_PASSWORD_FILE", "/run/secrets/mqtt")
        .file("/run/secrets/mqtt", "hunter2\n");
    let config = given.load();
    assert_eq!(config.mqtt.password, Some(Secret::new("hunter2")));
    assert!(
        config
            .effective
            .iter()
            .any(|item| item.to_string() == "MQTT_PASSWORD=*** [file /run/secrets/mqtt]")
    );

    let both = given.set("MQTT_PASSWORD", "other").faults();
    assert!(both.contains("MQTT_PASSWORD and MQTT_PASSWORD_FILE are both set"), "{both}");

    let absent = Given::complete().set("MQTT_CA_FILE", "/nowhere").faults();
    assert!(absent.contains("MQTT_CA_FILE (`/nowhere`) cannot be read"), "{absent}");
}

#[test]
fn certificates_need_their_keys_and_a_secure_server() {
    let alone = Given::complete().set("MQTT_CERT", PEM).faults();
    assert!(alone.contains("MQTT_CERT needs MQTT_KEY"), "{alone}");
    let not_pem = Given::complete().set("MQTT_CA", "/etc/ca.pem").faults();
    assert!(not_pem.contains("MQTT_CA") && not_pem.contains("_FILE"), "{not_pem}");

    let plain = Given::complete().set("MQTT_CA", PEM).load();
    assert_eq!(plain.warnings.len(), 1);
    let secure = Given::complete().set("MQTT_URL", "mqtts://a, wss://b").set("MQTT_CA", PEM).load();
    assert!(secure.warnings.is_empty());
    assert_eq!(secure.mqtt.servers.len(), 2);
}

#[test]
fn the_region_may_come_from_a_profile() {
    let no_region = Given::complete().without("AWS_REGION");
    assert!(no_region.faults().contains("AWS_REGION is not set"));
    let with_home = no_region.set("HOME", "/home/ada").file("/home/ada/.aws/config", "[default]");
    assert!(with_home.load().warnings[0].contains("AWS_REGION"));
    assert!(
        Given::complete()
            .without("AWS_REGION")
            .set("AWS_DEFAULT_REGION", "eu-west-1")
            .load()
            .warnings
            .is_empty()
    );
}

#[test]
fn unknown_variables_are_pointed_out() {
    let config = Given::complete()
        .set("MQTT_PASSWROD", "hunter2")
        .set("MQTT_SERVICE_HOST", "10.0.0.1")
        .set("MQTT_PORT_1883_TCP", "tcp://10.0.0.1:1883")
        .set("PATH", "/bin")
        .load();
    assert_eq!(config.warnings, ["MQTT_PASSWROD is set but unknown to this version: ignored"]);
}

#[test]
fn empty_is_unset_and_foreign_bytes_are_a_fault() {
    assert_eq!(
        Given::complete().set("SPARKPLUG_HOST_ID", " ").load().sparkplug.host_id,
        "sparkwise"
    );
    let faults = Given::complete().set("TWIN_NAMESPACE", "\u{fffd}").faults();
    assert!(faults.contains("TWIN_NAMESPACE is not valid Unicode"), "{faults}");
}

#[test]
fn beyond_this_machine_the_console_needs_a_token() {
    let faults = Given::complete().set("CONSOLE_ADDR", "0.0.0.0:8080").faults();
    assert!(faults.contains("CONSOLE_ADDR"), "{faults}");
    let faults = Given::complete().set("CONSOLE_TOKEN", "short").faults();
    assert!(faults.contains("CONSOLE_TOKEN") && !faults.contains("short,"), "{faults}");
    let given = Given::complete().set("CONSOLE_ADDR", "0.0.0.0:8080");
    let console = given.set("CONSOLE_TOKEN", "0123456789abcdef").load().console;
    assert_eq!(console.addr, Some(([0, 0, 0, 0], 8080).into()));
    let console = Given::complete().set("CONSOLE_ADDR", "[::1]:0").load().console;
    assert_eq!((console.addr.unwrap().port(), console.token), (0, None));
    assert_eq!(Given::complete().set("CONSOLE_ADDR", "off").load().console.addr, None);
    assert!(Given::complete().set("CONSOLE_ADDR", "8080").faults().contains("is not an address"));
}

#[test]
fn choices() {
    let config = Given::complete()
        .set("SPARKPLUG_GROUPS", "Nordsee, Alpen Süd")
        .set("SPARKPLUG_INCLUDE", "Nordsee/*")
        .set("SPARKPLUG_EXCLUDE", "*/Diagnostics, Nordsee/Test*")
        .set("TWIN_RULES", "{asset}/{member} => Turbine")
        .set("TWIN_KINDS", "Nordsee/*/Pump* => Pump")
        .set("SPARKPLUG_BDSEQ", "strict")
        .set("SPARKPLUG_REBIRTH", "gap, probe")
        .set("SPARKPLUG_SILENCE", "10m")
        .set("TWIN_MODEL_PREFIX", "Plant 1 ")
        .set("TWIN_NESTED", "flatten")
        .set("TWIN_INT64", "string")
        .set("TWIN_STATIC", "*/engHigh, Temp*/doc*")
        .set("LOG_FORMAT", "json")
        .load();
    assert_eq!(config.sparkplug.groups, Some(vec!["Nordsee".to_owned(), "Alpen Süd".to_owned()]));
    assert_eq!(config.sparkplug.bdseq, BdSeq::Strict);
    let reasons = [RebirthReason::Gap, RebirthReason::Probe, RebirthReason::Silence]
        .into_iter()
        .fold(RebirthReasons::NONE, RebirthReasons::with);
    assert_eq!(config.sparkplug.rebirth, reasons);
    assert_eq!(config.sparkplug.silence, Some(Duration::from_secs(600)));
    let filter = &config.sparkplug.filter;
    assert!(filter.takes("Nordsee/gw/Row 1/T01/Speed") && filter.excludes("Nordsee/Test 1/gw"));
    assert!(!filter.takes("Alpen/gw/Speed") && !filter.takes("Nordsee/gw/Diagnostics/Heap"));
    assert_ne!(config.twin.rules, Rules::default());
    assert_eq!(config.twin.kinds, Kinds::parse("Nordsee/*/Pump* => Pump").unwrap());
    assert_eq!(config.twin.model_prefix, "Plant 1 ");
    assert_eq!((config.twin.nested, config.twin.int64), (Nested::Flatten, Int64::String));
    assert_eq!(config.process.log_format, LogFormat::Json);
    let statics = config.twin.statics.unwrap();
    assert!(statics.matches("Gearbox/Oil/engHigh") && statics.matches("Temperature/documentation"));
    assert!(!statics.matches("Speed/engLow"));
}

#[test]
fn every_variable_is_declared_once_and_every_default_is_valid() {
    let names: Vec<&str> =
        sections().iter().flat_map(|section| section.vars).map(|var| var.name).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());

    // Each section reads all that it declares; the AWS SDK reads its own.
    let config = Given::complete().load();
    let read: BTreeSet<&str> = config.effective.iter().map(|item| item.name).collect();
    for name in names {
        let others = name.starts_with("AWS_") || aws::OTHERS.contains(&name);
        assert!(read.contains(name) || others, "{name} is declared but not read");
        assert!(help().contains(&format!("  {name}")), "{name} is not in the help");
    }
}

#[test]
fn the_documentation_is_made_from_the_declarations() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == markdown(),
        "docs/configuration.md is out of step: run `UPDATE=1 cargo test config`"
    );
}

#[test]
fn a_map_is_a_source() {
    let map: BTreeMap<String, String> = Given::complete().variables;
    assert!(Config::load(&map).is_ok());
}

#[test]
fn a_token_in_an_address_is_never_shown() {
    let config = Given::complete()
        .set("MQTT_URL", "wss://a.example?token=hunter2, wss://b.example/x?a=1&token=hunter2")
        .load();
    let shown: Vec<String> = config.effective.iter().map(ToString::to_string).collect();
    let url = "MQTT_URL=wss://a.example?***, wss://b.example/x?*** [environment]";
    assert!(shown.iter().any(|line| line == url), "{shown:?}");
    assert!(!format!("{shown:?}{config:?}").contains("hunter2"));
    assert!(!config.mqtt.servers.iter().any(|url| url.to_string().contains("hunter2")));
    assert_eq!(config.mqtt.servers[0].path, "/mqtt?token=hunter2");
}

#[test]
fn an_empty_endpoint_is_none_and_a_wrong_one_is_told() {
    Given::complete().set("AWS_ENDPOINT_URL_IOTSITEWISE", " ").load();
    Given::complete().set("AWS_ENDPOINT_URL_IOTSITEWISE", "http://x@127.0.0.1:4567/base").load();
    let ports = ["http://127.0.0.1:99999", "http://127.0.0.1:", "http://[::1"];
    for wrong in ["localhost:4567", "http://", "https:///x", "http://a b"].into_iter().chain(ports)
    {
        let faults = Given::complete().set("AWS_ENDPOINT_URL_IOTSITEWISE", wrong).faults();
        assert!(faults.contains("AWS_ENDPOINT_URL_IOTSITEWISE"), "{wrong}: {faults}");
    }
}

#[test]
fn a_bundle_of_authorities_that_is_none_is_told_before_anything_starts() {
    let given = Given::complete().set("AWS_CA_BUNDLE", "/ca.pem");
    assert!(given.faults().contains("AWS_CA_BUNDLE (`/ca.pem`) cannot be read"));
    let given = given.file("/ca.pem", "nothing");
    assert!(given.faults().contains("AWS_CA_BUNDLE (`/ca.pem`) contains no PEM certificate"));
    given.file("/ca.pem", "-----BEGIN CERTIFICATE-----\n").load();
}

#[test]
fn what_came_from_files_is_read_again_from_there() {
    let given = Given::complete()
        .set("MQTT_URL", "mqtts://localhost")
        .set("MQTT_USERNAME", "ada")
        .set("MQTT_PASSWORD_FILE", "/password")
        .set("MQTT_CERT_FILE", "/cert")
        .set("MQTT_KEY_FILE", "/key")
        .file("/password", "hunter2\n")
        .file("/cert", PEM)
        .file("/key", KEY);
    let mqtt = given.load().mqtt;
    let later = given.file("/password", "hunter3\n").file("/cert", &format!("{PEM}2"));
    let again = mqtt.reload(&later).unwrap().unwrap();
    assert_eq!(again.password, Some(Secret::new("hunter3")));
    assert_eq!(again.client.unwrap().cert, format!("{PEM}2"));
    assert_eq!(again.servers, mqtt.servers);
    let broken = later.file("/key", "half a k");
    let why = mqtt.reload(&broken).unwrap().unwrap_err();
    assert!(why.contains("MQTT_KEY_FILE (`/key`)") && !why.contains("half"), "{why}");
    // What came from the environment stays.
    assert!(Given::complete().load().mqtt.reload(&broken).is_none());
}

#[test]
fn quotas_that_are_set_stand_above_the_account_s() {
    let config = Given::complete()
        .set("INGEST_VALUES_PER_SECOND", "5000")
        .set("TWIN_LISTS_PER_SECOND", "7")
        .load();
    let account = Quotas { values: Some(20_000), requests: Some(2_000), ..Quotas::default() };
    let quotas = config.quotas().or(account);
    assert_eq!((quotas.values, quotas.requests), (Some(5_000), Some(2_000)));
    assert_eq!((quotas.lists, quotas.describes), (Some(7), None));
}

/// A word that is no level is the name of a part, so that nothing else was logged.
#[test]
fn a_log_level_that_is_none_is_refused_with_those_there_are() {
    let with = |filter: &str| {
        let set = [("MQTT_URL", "mqtt://h"), ("AWS_REGION", "eu-west-1"), ("RUST_LOG", filter)];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Config::load(&set.into_iter().map(own).collect::<std::collections::BTreeMap<_, _>>())
    };
    for wrong in ["verbose", "info,chatty", "warning"] {
        let said = with(wrong).unwrap_err().to_string();
        assert!(said.contains("error, warn, info, debug, trace or off"), "{said}");
    }
    for right in ["info", "WARN", "off", "info,sparkwise::mqtt=debug", "sparkwise", "hyper=trace"] {
        assert!(with(right).is_ok(), "{right}");
    }
}

#[test]
fn nothing_may_be_written_to_the_plant_until_a_rule_lists_it() {
    assert_eq!(Given::complete().load().commands, None);
    // Without rules the others change nothing.
    assert_eq!(Given::complete().set("COMMANDS_FORM", "both").load().commands, None);
    let given = Given::complete().set("COMMANDS_ALLOW", "Turbine/Limit = 0..90");
    let Commands { rules: commands, iot, queue } = given.load().commands.unwrap();
    assert_eq!((iot, queue), (None, None));
    assert_eq!(commands.allow, AllowRules::parse("Turbine/Limit = 0..90").unwrap());
    assert_eq!((commands.confirm, commands.form), (Duration::from_secs(10), Form::Name));
    let given = given.set("COMMANDS_CONFIRM", "3s").set("COMMANDS_FORM", "both");
    let commands = given.load().commands.unwrap().rules;
    assert_eq!((commands.confirm, commands.form), (Duration::from_secs(3), Form::Both));
    for (name, value, reason) in [
        ("COMMANDS_ALLOW", "Turbine/Limit", "has a rule `Turbine/Limit` without `=`"),
        ("COMMANDS_CONFIRM", "6m", "must be from 1s to 5m"),
        ("COMMANDS_FORM", "alias", "COMMANDS_FORM"),
    ] {
        let faults = Given::complete().set(name, value).faults();
        assert!(faults.contains(reason), "{faults}");
    }
}

#[test]
fn the_door_of_aws_iot_commands_needs_a_thing_an_address_and_rules() {
    let pem = |what: &str| format!("-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n");
    let given = Given::complete()
        .set("COMMANDS_ALLOW", "Turbine/Limit = 0..90")
        .set("COMMANDS_THING", "plant-1")
        .set("COMMANDS_IOT_URL", "mqtts://example-ats.iot.eu-central-1.amazonaws.com");
    let door = given.load().commands.unwrap().iot.unwrap();
    assert_eq!(door.topics.thing(), "plant-1");
    assert_eq!(door.mqtt.client_id.as_deref(), Some("plant-1"));
    assert_eq!((door.mqtt.servers.len(), door.mqtt.servers[0].port), (1, 8883));
    assert_eq!((door.mqtt.ca.as_deref(), door.mqtt.client.as_ref()), (None, None));
    let secured = given
        .set("COMMANDS_IOT_CLIENT_ID", "other")
        .set("COMMANDS_IOT_CERT", &pem("CERTIFICATE"))
        .set("COMMANDS_IOT_KEY", &pem("PRIVATE KEY"));
    let door = secured.load().commands.unwrap().iot.unwrap();
    assert_eq!(door.mqtt.client_id.as_deref(), Some("other"));
    assert!(door.mqtt.client.is_some());

    let thing = ("COMMANDS_THING", "plant-1");
    let url = ("COMMANDS_IOT_URL", "mqtts://example");
    let allow = ("COMMANDS_ALLOW", "Turbine/Limit = 0..90");
    let cert = pem("CERTIFICATE");
    for (variables, reason) in [
        (vec![thing, url], "COMMANDS_THING needs COMMANDS_ALLOW"),
        (vec![allow, thing], "COMMANDS_THING needs COMMANDS_IOT_URL"),
        (vec![allow, url], "COMMANDS_IOT_URL needs COMMANDS_THING"),
        (vec![allow, ("COMMANDS_THING", "a/b"), url], "is not a valid thing name"),
        (
            vec![allow, thing, url, ("COMMANDS_IOT_CERT", cert.as_str())],
            "COMMANDS_IOT_CERT needs COMMANDS_IOT_KEY",
        ),
    ] {
        let mut given = Given::complete();
        for (name, value) in variables {
            given = given.set(name, value);
        }
        let faults = given.faults();
        assert!(faults.contains(reason), "{faults}");
    }
}
