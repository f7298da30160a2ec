//! The program's arguments.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sitewise_local::program::{self, Command};
use sitewise_local::{Options, Quotas};

pub(crate) const HELP: &str = "\
sitewise-local: AWS IoT SiteWise on one machine

Usage: sitewise-local [options]

  --listen ADDR:PORT        where to listen (127.0.0.1:4567; port 0 takes a free one)
  --create-delay TIME       how long models and assets stay CREATING (200ms)
  --update-delay TIME       how long updates and deletions take (200ms)
  --conflict-delay TIME     how long CreateAsset conflicts after its model is ACTIVE (0)
  --read-delay TIME         how long a value that was taken cannot be read yet (0)
  --import-delay TIME       how long a bulk import job takes (1s)
  --s3-endpoint URL         where bulk imports find their objects (nowhere: each job fails)
  --denied-for TIME         how long everything is denied after the start (0)
  --account NUMBER          the account in ARNs (123456789012)
  --region NAME             the region in ARNs (us-east-1)
  --history COUNT           values kept of each stream (10000)
  --quotas aws|off          rates of requests and values as a new account has them (off)
  --rate OPERATION=NUMBER   requests a second of one operation; may be repeated
  --values-per-second N     values a second of the account
  --double-limit NUMBER     the largest magnitude of a double (1e10)
  --notify mqtt://HOST:PORT publish notifications on this MQTT server (nowhere)
  --data-dir PATH           keep the state there across restarts (kept nowhere)
  --help                    this text

Times are written as 0, 200ms, 5s. RUST_LOG sets what is logged (info).
";

#[derive(Debug)]
pub(crate) struct Serve {
    pub(crate) listen: SocketAddr,
    pub(crate) options: Options,
    /// The MQTT server for notifications.
    pub(crate) notify: Option<(String, u16)>,
}

/// Reads the arguments.
///
/// # Errors
///
/// What is wrong with them, for people.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command<Serve>, String> {
    let delay = Duration::from_millis(200);
    let mut serve = Serve {
        listen: SocketAddr::from(([127, 0, 0, 1], 4567)),
        options: Options {
            create_delay: delay,
            update_delay: delay,
            import_delay: Duration::from_secs(1),
            ..Options::default()
        },
        notify: None,
    };
    let mut rates: Vec<(String, f64)> = Vec::new();
    let mut values = None;
    let mut words = program::words(arguments);
    while let Some(name) = words.next() {
        if name == "--help" || name == "-h" {
            return Ok(Command::Help);
        }
        let mut value = || words.next().ok_or_else(|| format!("{name} needs a value"));
        let options = &mut serve.options;
        match name.as_str() {
            "--listen" => serve.listen = program::value(&name, &value()?)?,
            "--create-delay" => options.create_delay = program::duration(&name, &value()?)?,
            "--update-delay" => options.update_delay = program::duration(&name, &value()?)?,
            "--conflict-delay" => options.conflict_delay = program::duration(&name, &value()?)?,
            "--read-delay" => options.read_delay = program::duration(&name, &value()?)?,
            "--import-delay" => options.import_delay = program::duration(&name, &value()?)?,
            "--s3-endpoint" => options.s3_endpoint = Some(value()?),
            "--denied-for" => options.denied_for = program::duration(&name, &value()?)?,
            "--account" => options.account = value()?,
            "--region" => options.region = value()?,
            "--history" => options.history_per_stream = program::value(&name, &value()?)?,
            "--double-limit" => options.double_limit = program::value(&name, &value()?)?,
            "--notify" => serve.notify = Some(program::mqtt_server(&name, &value()?)?),
            "--data-dir" => options.data_dir = Some(PathBuf::from(value()?)),
            "--values-per-second" => values = Some(program::value(&name, &value()?)?),
            "--quotas" => {
                options.quotas = match value()?.as_str() {
                    "aws" => Quotas::aws(),
                    "off" => Quotas::default(),
                    other => return Err(format!("--quotas takes aws or off, not {other}")),
                }
            }
            "--rate" => {
                let value = value()?;
                let (operation, rate) = value
                    .split_once('=')
                    .ok_or_else(|| format!("--rate takes OPERATION=NUMBER, not {value}"))?;
                rates.push((operation.to_owned(), program::value(&name, rate)?));
            }
            _ => return Err(format!("unknown option {name}")),
        }
    }
    // Single rates are set over the whole, in whatever order they were given.
    for (operation, rate) in rates {
        serve.options.quotas = serve.options.quotas.with_requests(&operation, rate);
    }
    if let Some(values) = values {
        serve.options.quotas = serve.options.quotas.with_values(values);
    }
    Ok(Command::Serve(Box::new(serve)))
}
