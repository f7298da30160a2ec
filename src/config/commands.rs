//! What may be written to the plant.

use std::str::FromStr;
use std::time::Duration;

use super::mqtt::{ClientCertificate, LONGEST_ID, Mqtt};
use super::parse::{duration_within, text_up_to, word};
use super::pem;
use super::reader::VariableReader;
use super::secret::Secret;
use super::sparkplug::Sparkplug;
use super::url::ServerUrl;
use super::variable::{DefaultValue, Section, Variable};
use crate::command::iot::Topics;
use crate::command::{self, AllowRules, Form};
use crate::sqs::QueueUrl;

const ALLOW: Variable = Variable {
    name: "COMMANDS_ALLOW",
    default: DefaultValue::Words("nothing"),
    form: "pattern = values, separated by line ends or semicolons",
    doc: "What may be written to the plant, and which values: Nordsee/*/Test Bench/* = never; \
          WindTurbine/Pitch Limit = 0..90 step 0.5 rate 1/10s; Nordsee/*/Derate = on, off; \
          Press/Reset = true pulse. A pattern is model/member, or the address as in \
          SPARKPLUG_INCLUDE; * also matches slashes. The first match wins, so list the more \
          specific first; never as the values excludes. Node Control/..., Device Control/... and \
          read-only metrics are allowed only by a pattern without wildcards. Read docs/commands.md \
          first.",
    secret: false,
    file: false,
};

const CONFIRM: Variable = Variable {
    name: "COMMANDS_CONFIRM",
    default: DefaultValue::Value("10s"),
    form: "duration",
    doc: "How long to wait until the machine reports the value that was written. The answer is \
        sent at the latest a second before the sender's own timeout.",
    secret: false,
    file: false,
};

const FORM: Variable = Variable {
    name: "COMMANDS_FORM",
    default: DefaultValue::Value("name"),
    form: "name or both",
    doc: "How a command names its metric. name: by its name. both: by its name and by the alias \
          that the birth gave, for edge nodes that read only aliases.",
    secret: false,
    file: false,
};

const THING: Variable = Variable {
    name: "COMMANDS_THING",
    default: DefaultValue::Words("none"),
    form: "name of an AWS IoT thing",
    doc: "Receives AWS IoT commands that are sent to this thing, over the connection to \
        COMMANDS_IOT_URL.",
    secret: false,
    file: false,
};

const IOT_URL: Variable = Variable {
    name: "COMMANDS_IOT_URL",
    default: DefaultValue::Words("none"),
    form: "mqtts://host:8883 or wss://host",
    doc: "The account's AWS IoT endpoint of type iot:Data-ATS, for a connection of its own: mqtts with \
          the thing's certificate, or wss, signed with the bridge's AWS credentials (its role).",
    secret: false,
    file: false,
};

const IOT_CLIENT_ID: Variable = Variable {
    name: "COMMANDS_IOT_CLIENT_ID",
    default: DefaultValue::Words("COMMANDS_THING"),
    form: "text",
    doc: "Client identifier there. Two connections must not share one.",
    secret: false,
    file: false,
};

const IOT_CA: Variable = Variable {
    name: "COMMANDS_IOT_CA",
    default: DefaultValue::Words("the system's certificate authorities"),
    form: "PEM",
    doc: "Certificate authorities to trust there, replacing the system's. A file is read again for \
          each connection.",
    secret: false,
    file: true,
};

const IOT_CERT: Variable = Variable {
    name: "COMMANDS_IOT_CERT",
    default: DefaultValue::Words("none"),
    form: "PEM",
    doc: "The thing's certificate with its chain, together with COMMANDS_IOT_KEY. Files are read \
          again for each connection.",
    secret: false,
    file: true,
};

const IOT_KEY: Variable = Variable {
    name: "COMMANDS_IOT_KEY",
    default: DefaultValue::Words("none"),
    form: "PEM",
    doc: "Private key of the thing's certificate.",
    secret: true,
    file: true,
};

const QUEUE_URL: Variable = Variable {
    name: "COMMANDS_QUEUE_URL",
    default: DefaultValue::Words("none"),
    form: "https://sqs.<region>.amazonaws.com/<account>/<name>",
    doc: "Receives requests from this SQS queue: a standard one, with a dead-letter queue, and for \
          this bridge alone. Region and endpoint are the URL's, unless AWS_ENDPOINT_URL_SQS or \
          AWS_ENDPOINT_URL is set.",
    secret: false,
    file: false,
};

const ANSWER_QUEUE_URL: Variable = Variable {
    name: "COMMANDS_ANSWER_QUEUE_URL",
    default: DefaultValue::Words("none: the log has the answers"),
    form: "https://sqs.<region>.amazonaws.com/<account>/<name>",
    doc: "Sends the answers to requests from COMMANDS_QUEUE_URL to this SQS queue.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Commands",
    doc: "What may be written to the plant, and where requests come from. Off by default.",
    vars: &[
        &ALLOW,
        &CONFIRM,
        &FORM,
        &THING,
        &IOT_URL,
        &IOT_CLIENT_ID,
        &IOT_CA,
        &IOT_CERT,
        &IOT_KEY,
        &QUEUE_URL,
        &ANSWER_QUEUE_URL,
    ],
};

/// The largest packet from there: AWS IoT's limit.
const IOT_MAX_PACKET: usize = 128 << 10;

/// Commands.
#[derive(Clone, Debug, PartialEq)]
pub struct Commands {
    /// What may be written, and how.
    pub rules: command::Config,
    /// Where AWS IoT commands come in.
    pub iot: Option<IotCommands>,
    /// The queue that they come in over.
    pub queue: Option<QueueCommands>,
}

/// Where AWS IoT commands come in.
#[derive(Clone, Debug, PartialEq)]
pub struct IotCommands {
    /// The thing's topics.
    pub topics: Topics,
    /// The connection.
    pub mqtt: Mqtt,
    /// How the bridge shows there who it is.
    pub sign_in: IotSignIn,
}

/// How the bridge shows AWS IoT who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IotSignIn {
    /// By the thing's certificate, or, to a server of a test, not at all.
    Certificate,
    /// By a WebSocket whose address is signed with its AWS credentials.
    Signature,
}

/// The queue that commands come in over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueCommands {
    /// Where requests are received from.
    pub requests: QueueUrl,
    /// Where answers are sent.
    pub answers: Option<QueueUrl>,
}

/// Commands: `Some(None)` if nothing may be written, `None` if a fault was recorded.
pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Option<Commands>> {
    let allow = reader.optional(&ALLOW, AllowRules::parse);
    let range = duration_within(Duration::from_secs(1), command::LONGEST_CONFIRM);
    let confirm = reader.value(&CONFIRM, range);
    let form = reader.value(&FORM, word(&[("name", Form::Name), ("both", Form::Both)]));
    let iot = read_iot(reader);
    let queue = read_queue(reader);
    let (allow, confirm, form, iot, queue) = (allow?, confirm?, form?, iot?, queue?);
    let Some(allow) = allow else {
        let first = match (&iot, &queue) {
            (Some(_), _) => &THING,
            (None, Some(_)) => &QUEUE_URL,
            (None, None) => return Some(None),
        };
        reader.fault(first, "needs COMMANDS_ALLOW: without rules nothing can be written");
        return None;
    };
    if iot.is_none() && queue.is_none() {
        reader.warn(
            "COMMANDS_ALLOW has no effect without COMMANDS_THING or COMMANDS_QUEUE_URL: no command \
            can arrive",
        );
    }
    let rules = command::Config { allow, confirm, form };
    Some(Some(Commands { rules, iot, queue }))
}

fn read_queue(reader: &mut VariableReader<'_>) -> Option<Option<QueueCommands>> {
    let requests = reader.optional(&QUEUE_URL, QueueUrl::from_str);
    let answers = reader.optional(&ANSWER_QUEUE_URL, QueueUrl::from_str);
    match (requests?, answers?) {
        (Some(requests), Some(answers)) if requests == answers => {
            reader.fault(&ANSWER_QUEUE_URL, "is the queue of the requests: name another one");
            None
        }
        (Some(requests), answers) => Some(Some(QueueCommands { requests, answers })),
        (None, Some(_)) => {
            reader.fault(&ANSWER_QUEUE_URL, "needs COMMANDS_QUEUE_URL");
            None
        }
        (None, None) => Some(None),
    }
}

fn read_iot(reader: &mut VariableReader<'_>) -> Option<Option<IotCommands>> {
    let topics = reader.optional(&THING, Topics::of);
    let url = reader.optional(&IOT_URL, ServerUrl::from_str);
    let client_id = reader.optional(&IOT_CLIENT_ID, text_up_to(LONGEST_ID));
    reader.warn_of_blanks(&IOT_CLIENT_ID, client_id.as_ref().and_then(Option::as_deref));
    let ca = reader.optional(&IOT_CA, pem::certificates(&IOT_KEY));
    let cert = reader.optional(&IOT_CERT, pem::certificates(&IOT_KEY));
    let pem_key = pem::key(&IOT_CERT);
    let key = reader.optional(&IOT_KEY, |value| pem_key(value).map(Secret::new));
    let (topics, url, client_id, ca) = (topics?, url?, client_id?, ca?);
    let client = match (cert?, key?) {
        (Some(cert), Some(key)) => Some(ClientCertificate { cert, key }),
        (None, None) => None,
        (Some(_), None) => {
            reader.fault(&IOT_CERT, "needs COMMANDS_IOT_KEY");
            return None;
        }
        (None, Some(_)) => {
            reader.fault(&IOT_KEY, "needs COMMANDS_IOT_CERT");
            return None;
        }
    };
    let (topics, url) = match (topics, url) {
        (Some(topics), Some(url)) => (topics, url),
        (Some(_), None) => {
            reader.fault(&THING, "needs COMMANDS_IOT_URL");
            return None;
        }
        (None, Some(_)) => {
            reader.fault(&IOT_URL, "needs COMMANDS_THING");
            return None;
        }
        (None, None) => return Some(None),
    };
    let sign_in = match url.scheme.is_websocket() {
        true => IotSignIn::Signature,
        false => IotSignIn::Certificate,
    };
    if client.is_some() && sign_in == IotSignIn::Signature {
        reader.fault(
            &IOT_CERT,
            "is not used with ws and wss, which are signed with the bridge's AWS credentials: \
             remove it together with COMMANDS_IOT_KEY, or use mqtts in COMMANDS_IOT_URL",
        );
        return None;
    }
    let client_id = client_id.unwrap_or_else(|| topics.thing().to_owned());
    let files = [&IOT_CA, &IOT_CERT, &IOT_KEY].map(|var| reader.file_of(var));
    let mqtt =
        Mqtt::of_its_own("COMMANDS_IOT_", (url, client_id), (ca, client), files, IOT_MAX_PACKET);
    Some(Some(IotCommands { topics, mqtt, sign_in }))
}

/// Two connections to one server need two client ids: it closes the older one of two with the same,
/// so that the plant's connection would end each time that the other one begins.
pub(super) fn check_client_ids(
    reader: &mut VariableReader<'_>,
    mqtt: &Mqtt,
    sparkplug: &Sparkplug,
    commands: &Commands,
) {
    let Some(iot) = &commands.iot else { return };
    let of_plant = mqtt.client_id.as_deref().unwrap_or(&sparkplug.host_id);
    let is_same = |one: &ServerUrl, other: &ServerUrl| {
        let host = one.host.to_ascii_lowercase();
        let on_aws = [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| host.ends_with(end));
        // An endpoint of AWS IoT is the same server at all of its ports.
        host == other.host.to_ascii_lowercase() && (on_aws || one.port == other.port)
    };
    let shares = mqtt.servers.iter().any(|of| iot.mqtt.servers.iter().any(|one| is_same(one, of)));
    if shares && iot.mqtt.client_id.as_deref() == Some(of_plant) {
        reader.fault(
            &IOT_CLIENT_ID,
            format!(
                "is {of_plant:?}, the client id of the plant's connection to the same server, which \
                 closes one of two connections with one id: set another one (by default it is \
                 COMMANDS_THING, and MQTT_CLIENT_ID is SPARKPLUG_HOST_ID)"
            ),
        );
    }
}
