//! Connections to the MQTT servers.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::parse::{duration_within, list, size_within, text_up_to};
use super::pem;
use super::reader::VariableReader;
use super::secret::Secret;
use super::source::VariableSource;
use super::url::ServerUrl;
use super::variable::{DefaultValue, Section, Variable};

const URL: Variable = Variable {
    name: "MQTT_URL",
    default: DefaultValue::Required,
    form: "mqtt://host:1883, or mqtts, ws, wss; several separated by commas",
    doc: "The MQTT servers of one Sparkplug infrastructure. Sparkwise connects to all of them at once. \
          Ports default to 1883, 8883, 80 and 443, the path of a WebSocket to /mqtt.",
    secret: false,
    file: false,
};

const USERNAME: Variable = Variable {
    name: "MQTT_USERNAME",
    default: DefaultValue::Words("none"),
    form: "text",
    doc: "User name for the servers.",
    secret: false,
    file: false,
};

const PASSWORD: Variable = Variable {
    name: "MQTT_PASSWORD",
    default: DefaultValue::Words("none"),
    form: "text",
    doc: "Password for the servers. A file is read again for each connection.",
    secret: true,
    file: true,
};

const CLIENT_ID: Variable = Variable {
    name: "MQTT_CLIENT_ID",
    default: DefaultValue::Words("SPARKPLUG_HOST_ID"),
    form: "text",
    doc: "Client identifier at the servers. A server closes the older of two connections with the \
          same identifier: two bridges with one identifier disconnect each other again and again.",
    secret: false,
    file: false,
};

const CA: Variable = Variable {
    name: "MQTT_CA",
    default: DefaultValue::Words("the system's certificate authorities"),
    form: "PEM",
    doc: "Certificate authorities to trust for mqtts and wss, replacing the system's. A file is \
          read again for each connection.",
    secret: false,
    file: true,
};

const CERT: Variable = Variable {
    name: "MQTT_CERT",
    default: DefaultValue::Words("none"),
    form: "PEM",
    doc: "Client certificate with its chain, together with MQTT_KEY. Files are read again for each \
          connection.",
    secret: false,
    file: true,
};

const KEY: Variable = Variable {
    name: "MQTT_KEY",
    default: DefaultValue::Words("none"),
    form: "PEM",
    doc: "Private key of the client certificate.",
    secret: true,
    file: true,
};

const KEEP_ALIVE: Variable = Variable {
    name: "MQTT_KEEP_ALIVE",
    default: DefaultValue::Value("30s"),
    form: "duration in whole seconds",
    doc: "Keep-alive interval: how long a connection may be idle before a ping. The server drops \
          the connection after one and a half times as long.",
    secret: false,
    file: false,
};

const MAX_PACKET: Variable = Variable {
    name: "MQTT_MAX_PACKET",
    default: DefaultValue::Value("16MiB"),
    form: "size",
    doc: "Largest packet that is accepted: larger messages are skipped, counted and logged. Births \
          of large gateways take megabytes. AWS IoT Core itself stops at 128KiB.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "MQTT",
    doc: "Connections to the MQTT servers.",
    vars: &[&URL, &USERNAME, &PASSWORD, &CLIENT_ID, &CA, &CERT, &KEY, &KEEP_ALIVE, &MAX_PACKET],
};

/// How often the server of a connection of its own is pinged: what TCP delivers late is at most about so
/// old. AWS IoT itself waits for thirty seconds at least.
const OWN_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// The largest packet that MQTT can express.
const MQTT_LARGEST_PACKET: u64 = 268_435_455;

/// The longest text that MQTT can express, in bytes.
const LONGEST_TEXT: usize = 65_535;

/// The longest id of a client or host, in bytes. Servers need not take more than 23.
pub(super) const LONGEST_ID: usize = 1_024;

/// What the names of these variables begin with.
pub(crate) const PREFIX: &str = "MQTT_";

/// Connections to the MQTT servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mqtt {
    /// The servers; at least one.
    pub servers: Vec<ServerUrl>,
    /// User name.
    pub username: Option<String>,
    /// Password; only with a user name.
    pub password: Option<Secret>,
    /// Client identifier; none means the host id.
    pub client_id: Option<String>,
    /// Certificate authorities as PEM; none means the system's.
    pub ca: Option<String>,
    /// The client certificate.
    pub client: Option<ClientCertificate>,
    /// Keep-alive interval, in whole seconds.
    pub keep_alive: Duration,
    /// Bytes of the largest packet that is accepted.
    pub max_packet: usize,
    /// What the names of its variables begin with.
    pub prefix: &'static str,
    /// The files that values were read from.
    files: Files,
}

/// Files that are read again for each connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    password: Option<PathBuf>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// A client certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Certificate chain as PEM.
    pub cert: String,
    /// Private key as PEM.
    pub key: Secret,
}

impl Mqtt {
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let servers = reader.value(&URL, list(ServerUrl::from_str));
        let username = reader.optional(&USERNAME, text_up_to(LONGEST_TEXT));
        let password = reader.optional(&PASSWORD, secret);
        let client_id = reader.optional(&CLIENT_ID, text_up_to(LONGEST_ID));
        for (var, value) in [(&USERNAME, &username), (&CLIENT_ID, &client_id)] {
            reader.warn_of_blanks(var, value.as_ref().and_then(Option::as_deref));
        }
        let ca = reader.optional(&CA, pem::certificates(&KEY));
        let cert = reader.optional(&CERT, pem::certificates(&KEY));
        let pem_key = pem::key(&CERT);
        let key = reader.optional(&KEY, |value| pem_key(value).map(Secret::new));
        let keep_alive = reader.value(&KEEP_ALIVE, keep_alive);
        let max_packet = reader.value(&MAX_PACKET, size_within(16 << 10, MQTT_LARGEST_PACKET));

        if let (Some(None), Some(Some(_))) = (&username, &password) {
            reader.fault(
                &PASSWORD,
                "requires MQTT_USERNAME: set it too; MQTT 3.1.1 has no password without a user name",
            );
        }
        let client = match (cert?, key?) {
            (Some(cert), Some(key)) => Some(ClientCertificate { cert, key }),
            (Some(_), None) => {
                reader.fault(&CERT, "needs MQTT_KEY: set both, or neither");
                return None;
            }
            (None, Some(_)) => {
                reader.fault(&KEY, "needs MQTT_CERT: set both, or neither");
                return None;
            }
            (None, None) => None,
        };
        let files = Files {
            password: reader.file_of(&PASSWORD),
            ca: reader.file_of(&CA),
            cert: reader.file_of(&CERT),
            key: reader.file_of(&KEY),
        };
        let (servers, ca) = (servers?, ca?);
        let servers = deduplicate(servers, reader);
        if (ca.is_some() || client.is_some()) && !servers.iter().any(|url| url.scheme.is_secure()) {
            reader.warn("MQTT_CA, MQTT_CERT and MQTT_KEY have no effect: no server in MQTT_URL is mqtts or wss");
        }
        Some(Self {
            servers,
            username: username?,
            password: password?,
            client_id: client_id?,
            ca,
            client,
            keep_alive: keep_alive?,
            max_packet: usize::try_from(max_packet?).unwrap_or(usize::MAX),
            prefix: PREFIX,
            files,
        })
    }

    /// A connection of its own, whose variables begin with `prefix`; `files` are those of
    /// authorities, certificate and key.
    pub(super) fn of_its_own(
        prefix: &'static str,
        (url, client_id): (ServerUrl, String),
        (ca, client): (Option<String>, Option<ClientCertificate>),
        [ca_file, cert, key]: [Option<PathBuf>; 3],
        max_packet: usize,
    ) -> Self {
        Self {
            servers: vec![url],
            username: None,
            password: None,
            client_id: Some(client_id),
            ca,
            client,
            keep_alive: OWN_KEEP_ALIVE,
            max_packet,
            prefix,
            files: Files { password: None, ca: ca_file, cert, key },
        }
    }

    /// The same with the current content of its files; none where nothing came from a file.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or holds what cannot be used.
    pub fn reload(&self, source: &impl VariableSource) -> Option<Result<Self, String>> {
        (self.files != Files::default()).then(|| self.with_current_files(source))
    }

    fn with_current_files(&self, source: &impl VariableSource) -> Result<Self, String> {
        let read = |var: &Variable, path: &Option<PathBuf>, parse: &ParseText| {
            let Some(path) = path else { return Ok(None) };
            let text = source.file(path).map_err(|error| format!("cannot be read: {error}"));
            let parsed = text.and_then(|text| parse(text.trim_end_matches(['\r', '\n'])));
            let own = |text: String| text.replace(PREFIX, self.prefix);
            let name = own(var.file_name());
            let named = |reason| format!("{name} (`{}`) {}", path.display(), own(reason));
            parsed.map(Some).map_err(named)
        };
        let mut reloaded = self.clone();
        let any = |text: &str| Ok(text.to_owned());
        if let Some(password) = read(&PASSWORD, &self.files.password, &any)? {
            reloaded.password = Some(Secret::new(password));
        }
        if let Some(ca) = read(&CA, &self.files.ca, &pem::certificates(&KEY))? {
            reloaded.ca = Some(ca);
        }
        if let Some(client) = &mut reloaded.client {
            if let Some(cert) = read(&CERT, &self.files.cert, &pem::certificates(&KEY))? {
                client.cert = cert;
            }
            if let Some(key) = read(&KEY, &self.files.key, &pem::key(&CERT))? {
                client.key = Secret::new(key);
            }
        }
        Ok(reloaded)
    }
}

/// Parses the text of a file.
type ParseText = dyn Fn(&str) -> Result<String, String>;

/// The servers without those that are listed before: their sessions would take one client
/// identifier from each other for ever.
fn deduplicate(servers: Vec<ServerUrl>, reader: &mut VariableReader<'_>) -> Vec<ServerUrl> {
    let is_one = |one: &ServerUrl, other: &ServerUrl| {
        let path = |url: &ServerUrl| url.path.split('?').next().unwrap_or_default().to_owned();
        one.host.eq_ignore_ascii_case(&other.host)
            && one.port == other.port
            && path(one) == path(other)
    };
    let mut once: Vec<ServerUrl> = Vec::new();
    for url in servers {
        match once.iter().any(|before| is_one(before, &url)) {
            true => reader.warn(format!(
                "MQTT_URL lists {url} more than once: the bridge connects to it once, as one \
                 client identifier can have one session at a server"
            )),
            false => once.push(url),
        }
    }
    once
}

fn secret(value: &str) -> Result<Secret, String> {
    text_up_to(LONGEST_TEXT)(value).map(Secret::new)
}

fn keep_alive(value: &str) -> Result<Duration, String> {
    let duration = duration_within(Duration::from_secs(1), Duration::from_secs(65_535))(value)?;
    if duration.subsec_nanos() != 0 {
        return Err("must be whole seconds".to_owned());
    }
    Ok(duration)
}
