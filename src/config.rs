//! Configuration, from the environment alone.
//!
//! Every variable is declared once, in the file of its section: name, default, form and meaning.
//! All are read and checked before anything starts, and all faults are reported together, by name
//! and never by a secret's value. `--help` and `docs/configuration.md` are made from the same
//! declarations.

mod parse;
mod pem;
mod reader;
mod secret;
mod source;
mod url;
mod variable;

mod mqtt;
mod provisioning;
mod sparkplug;
mod twin;

mod commands;
mod delivery;
mod late;
mod lease;
mod outbox;

mod aws;
mod console;
mod process;

mod fault;
mod help;

pub use commands::{Commands, IotCommands, IotSignIn, QueueCommands};
pub use console::Console;
pub use delivery::Delivery;
pub use fault::{ConfigError, ConfigErrors};
pub use help::{help, markdown};
pub use late::Late;
pub(crate) use mqtt::PREFIX as MQTT_PREFIX;
pub use mqtt::{ClientCertificate, Mqtt};
pub use outbox::Outbox;
pub use parse::duration;
pub use process::{LogFormat, Process};
pub use provisioning::Provisioning;
pub use reader::{EffectiveVariable, Origin};
pub use secret::Secret;
pub use source::{Environment, NotUnicode, VariableSource};
pub use sparkplug::Sparkplug;
pub use twin::Twin;
pub use url::{Scheme, ServerUrl};
pub use variable::{DefaultValue, Section, Variable, sections};

use std::num::NonZeroU32;

use crate::dynamodb::LeaseUrl;
use crate::sitewise::api::Quotas;
use reader::VariableReader;

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections to the MQTT servers.
    pub mqtt: Mqtt,
    /// Behaviour as a Sparkplug host application.
    pub sparkplug: Sparkplug,
    /// How Sparkplug is mapped to models and assets.
    pub twin: Twin,
    /// Rate limits of provisioning.
    pub provisioning: Provisioning,
    /// Batching and rate limits of delivery.
    pub delivery: Delivery,
    /// What may be written to the plant; none where nothing may.
    pub commands: Option<Commands>,
    /// The outbox: where values are queued.
    pub outbox: Outbox,
    /// Where late values go; none where they become dead letters.
    pub late: Option<Late>,
    /// The lease that two bridges share; none where this one acts alone.
    pub lease: Option<LeaseUrl>,
    /// The console: health, metrics and the web page.
    pub console: Console,
    /// The process itself.
    pub process: Process,
    /// The effective value of each variable and its origin; secrets are masked.
    pub effective: Vec<EffectiveVariable>,
    /// Warnings about suspicious settings, to be logged at the start.
    pub warnings: Vec<String>,
}

impl Config {
    /// Quotas that are set, which take precedence over the account's.
    pub fn quotas(&self) -> Quotas {
        let set = |name: &str| {
            let found = self.effective.iter().find(|item| item.name == name);
            found.is_some_and(|item| item.origin != Origin::Default)
        };
        let quota = |name: &str, value: NonZeroU32| set(name).then_some(value.get());
        let Provisioning { model_writes, asset_creations, associations, describes, lists } =
            self.provisioning;
        Quotas {
            requests: quota("INGEST_REQUESTS_PER_SECOND", self.delivery.requests_per_second),
            values: quota("INGEST_VALUES_PER_SECOND", self.delivery.values_per_second),
            model_writes: quota("TWIN_MODEL_WRITES_PER_SECOND", model_writes),
            asset_creations: quota("TWIN_ASSET_CREATIONS_PER_SECOND", asset_creations),
            associations: quota("TWIN_ASSOCIATIONS_PER_SECOND", associations),
            describes: quota("TWIN_DESCRIBES_PER_SECOND", describes),
            lists: quota("TWIN_LISTS_PER_SECOND", lists),
        }
    }

    /// Reads and checks every variable of `source`.
    ///
    /// # Errors
    ///
    /// All that is missing or wrong, at once.
    pub fn load(source: &impl VariableSource) -> Result<Self, ConfigErrors> {
        let mut reader = VariableReader::new(source);
        let mqtt = Mqtt::read(&mut reader);
        let sparkplug = Sparkplug::read(&mut reader);
        let twin = Twin::read(&mut reader);
        let provisioning = Provisioning::read(&mut reader);
        let delivery = Delivery::read(&mut reader);
        let commands = commands::read(&mut reader);
        if let (Some(mqtt), Some(sparkplug), Some(Some(commands))) = (&mqtt, &sparkplug, &commands)
        {
            commands::check_client_ids(&mut reader, mqtt, sparkplug, commands);
        }
        let outbox = Outbox::read(&mut reader);
        let late = Late::read(&mut reader);
        let lease = lease::read(&mut reader);
        if let Some(Some(_)) = lease {
            let (commands, late) = (commands.as_ref(), late.as_ref());
            let is_set = (commands.is_some_and(Option::is_some), late.is_some_and(Option::is_some));
            lease::check(&mut reader, is_set.0, is_set.1);
        }
        let console = Console::read(&mut reader);
        let process = Process::read(&mut reader);
        aws::check(&mut reader);
        reader.warn_of_unknown();
        reader.warn_of_quotes();

        let report = reader.finish()?;
        let stores = outbox.zip(late).zip(lease);
        match (mqtt, sparkplug, twin, provisioning, delivery, commands, stores, console, process) {
            (
                Some(mqtt),
                Some(sparkplug),
                Some(twin),
                Some(provisioning),
                Some(delivery),
                Some(commands),
                Some(((outbox, late), lease)),
                Some(console),
                Some(process),
            ) => Ok(Self {
                mqtt,
                sparkplug,
                twin,
                provisioning,
                delivery,
                commands,
                outbox,
                late,
                lease,
                console,
                process,
                effective: report.effective,
                warnings: report.warnings,
            }),
            // A section is absent only where one of its variables left a fault.
            _ => Err(ConfigErrors::default()),
        }
    }
}

#[cfg(test)]
mod tests;
