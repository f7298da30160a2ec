//! Wrong configurations, one at a time: each names the variable and says what to do.

use super::Given;

/// A name for people, what is set besides the least, the variable at fault, and the remedy.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

const WRONG: &[Case] = &[
    ("no server", &[("MQTT_URL", "")], "MQTT_URL is not set", "mqtt://host:1883"),
    ("no region", &[("AWS_REGION", "")], "AWS_REGION is not set", "AWS_REGION is not set: "),
    ("no scheme", &[("MQTT_URL", "broker:1883")], "MQTT_URL", "write mqtt://host"),
    ("http", &[("MQTT_URL", "http://broker")], "MQTT_URL", "use mqtt, mqtts, ws or wss"),
    ("no host", &[("MQTT_URL", "mqtt://")], "MQTT_URL", "write mqtt://host:1883"),
    ("port 0", &[("MQTT_URL", "mqtt://broker:0")], "MQTT_URL", "a number from 1 to 65535"),
    ("IPv6", &[("MQTT_URL", "mqtt://fe80::1")], "MQTT_URL", "write mqtt://[::1]:1883"),
    ("open bracket", &[("MQTT_URL", "mqtt://[::1")], "MQTT_URL", "write mqtt://[::1]:1883"),
    ("a path", &[("MQTT_URL", "mqtt://broker/spb")], "MQTT_URL", "remove it, or write ws://"),
    (
        "credentials in the address",
        &[("MQTT_URL", "mqtt://user:secret@broker")],
        "MQTT_URL",
        "set MQTT_USERNAME and MQTT_PASSWORD",
    ),
    ("only commas", &[("MQTT_URL", ",,")], "MQTT_URL", "name at least one"),
    ("a password alone", &[("MQTT_PASSWORD", "hunter2")], "MQTT_PASSWORD", "MQTT_USERNAME: set it"),
    (
        "password and its file",
        &[("MQTT_PASSWORD", "a"), ("MQTT_PASSWORD_FILE", "/b"), ("MQTT_USERNAME", "u")],
        "MQTT_PASSWORD",
        "choose one",
    ),
    (
        "a file that is not there",
        &[("MQTT_PASSWORD_FILE", "/nowhere"), ("MQTT_USERNAME", "u")],
        "MQTT_PASSWORD_FILE (`/nowhere`)",
        "or set MQTT_PASSWORD instead",
    ),
    (
        "a path in place of PEM",
        &[("MQTT_CA", "/etc/ca.pem")],
        "MQTT_CA",
        "for a path append _FILE to the name",
    ),
    ("a certificate alone", &[("MQTT_CERT", super::PEM)], "MQTT_CERT", "needs MQTT_KEY: set both"),
    ("a key alone", &[("MQTT_KEY", super::KEY)], "MQTT_KEY", "needs MQTT_CERT: set both"),
    ("half seconds", &[("MQTT_KEEP_ALIVE", "1500ms")], "MQTT_KEEP_ALIVE", "must be whole seconds"),
    ("no unit", &[("MQTT_KEEP_ALIVE", "30")], "MQTT_KEEP_ALIVE", "write 250ms, 5s, 2m or 1h"),
    ("a size without unit", &[("MQTT_MAX_PACKET", "16")], "MQTT_MAX_PACKET", "write 64KiB"),
    (
        "a size too small",
        &[("MQTT_MAX_PACKET", "1KiB")],
        "MQTT_MAX_PACKET",
        "must be from 16KiB to just under 256MiB",
    ),
    ("a host id of levels", &[("SPARKPLUG_HOST_ID", "a/b")], "SPARKPLUG_HOST_ID", "no `/`"),
    ("a group wildcard", &[("SPARKPLUG_GROUPS", "A,#")], "SPARKPLUG_GROUPS", "no `/`, `+`, `#`"),
    ("an open glob", &[("SPARKPLUG_INCLUDE", "A/[")], "SPARKPLUG_INCLUDE", "`[[]` for a bracket"),
    ("no glob", &[("SPARKPLUG_EXCLUDE", " , ")], "SPARKPLUG_EXCLUDE", "write at least one glob"),
    ("a reason", &[("SPARKPLUG_REBIRTH", "on")], "SPARKPLUG_REBIRTH", "must be auto, off, or some"),
    ("bdSeq", &[("SPARKPLUG_BDSEQ", "on")], "SPARKPLUG_BDSEQ", "one of: verify, strict, off"),
    (
        "a rule without member",
        &[("TWIN_RULES", "T/{asset} => Turbine")],
        "TWIN_RULES",
        "write FOLDER/{asset}/{member} => MODEL",
    ),
    ("a kind", &[("TWIN_KINDS", "Pump => Pump")], "TWIN_KINDS", "write GROUP/NODE/DEVICE => MODEL"),
    ("nesting", &[("TWIN_NESTED", "tree")], "TWIN_NESTED", "one of: child, flatten"),
    ("no models", &[("TWIN_MAX_MODELS", "0")], "TWIN_MAX_MODELS", "whole number from 1 to 100000"),
    (
        "more properties than SiteWise has",
        &[("TWIN_MAX_PROPERTIES", "9000")],
        "TWIN_MAX_PROPERTIES",
        "whole number from 1 to 5000",
    ),
    ("a linger", &[("INGEST_LINGER", "5 parsecs")], "INGEST_LINGER", "write 250ms, 5s, 2m or 1h"),
    ("a long linger", &[("INGEST_LINGER", "2h")], "INGEST_LINGER", "must be from 0s to 1h"),
    ("an outbox of nothing", &[("OUTBOX_MAX_BYTES", "1KiB")], "OUTBOX_MAX_BYTES", "must be from"),
    ("a port alone", &[("CONSOLE_ADDR", "8080")], "CONSOLE_ADDR", "write 127.0.0.1:8080"),
    (
        "a console for everybody",
        &[("CONSOLE_ADDR", "0.0.0.0:8080")],
        "CONSOLE_ADDR",
        "requires CONSOLE_TOKEN; set one, or listen on 127.0.0.1:8080",
    ),
    ("a short token", &[("CONSOLE_TOKEN", "short")], "CONSOLE_TOKEN", "openssl rand -hex 24"),
    (
        "a token with blanks",
        &[("CONSOLE_TOKEN", "0123456789 abcdef")],
        "CONSOLE_TOKEN",
        "visible ASCII characters without spaces",
    ),
    ("a price in words", &[(PRICE, "one dollar")], PRICE, "write the price alone, such as 1.00"),
    ("a price below nothing", &[(PRICE, "-1")], PRICE, "must be from 0 to 1000000"),
    (
        "a namespace with blanks",
        &[("TWIN_NAMESPACE", " x ")],
        "TWIN_NAMESPACE",
        "begins or ends with a blank: write it without. Every id derives from it",
    ),
    (
        "a region without its number",
        &[("AWS_REGION", "eu-west")],
        "AWS_REGION (`eu-west`) is not an AWS region",
        "with its number, like eu-central-1",
    ),
    (
        "a console at a foreign address",
        &[("CONSOLE_ADDR", "10.255.255.1:8080")],
        "CONSOLE_ADDR",
        "requires CONSOLE_TOKEN; set one, or listen on 127.0.0.1:8080 (any other address must be one \
         of this host's own)",
    ),
    ("EMF", &[("METRICS_EMF", "yes")], "METRICS_EMF", "one of: on, off"),
    ("a log format", &[("LOG_FORMAT", "xml")], "LOG_FORMAT", "one of: text, json"),
    ("a log level", &[("RUST_LOG", "verbose")], "RUST_LOG", "use error, warn, info, debug"),
    ("a log filter", &[("RUST_LOG", "sparkwise=loud")], "RUST_LOG", "info,sparkwise=debug"),
    (
        "an endpoint without scheme",
        &[("AWS_ENDPOINT_URL_IOTSITEWISE", "localhost:4566")],
        "AWS_ENDPOINT_URL_IOTSITEWISE",
        "write http://host:port",
    ),
    (
        "authorities that are not there",
        &[("AWS_CA_BUNDLE", "/nowhere")],
        "AWS_CA_BUNDLE (`/nowhere`)",
        "name a readable file, or unset it",
    ),
    ("bytes", &[("TWIN_NAMESPACE", "\u{fffd}")], "TWIN_NAMESPACE", "write it in UTF-8"),
];

const PRICE: &str = "PRICE_PER_MILLION_MESSAGES";

#[test]
fn each_wrong_configuration_names_the_variable_and_says_what_to_do() {
    assert!(WRONG.len() >= 30);
    for (what, set, name, remedy) in WRONG {
        let given =
            set.iter().fold(Given::complete(), |given, (name, value)| given.set(name, value));
        let told = given.faults();
        let lines: Vec<&str> = told.lines().filter(|line| line.starts_with("  ")).collect();
        let [line] = lines[..] else { panic!("{what}: one fault, not {told}") };
        let line = line.trim();
        assert!(line.starts_with(name), "{what}: {name} does not begin {line}");
        assert!(line.contains(remedy), "{what}: {remedy} is not in {line}");
        assert!(!told.contains("secret") && !told.contains("hunter2"), "{what}: {told}");
    }
}
