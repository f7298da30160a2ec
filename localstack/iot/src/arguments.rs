//! The program's arguments.

use std::net::SocketAddr;

use iot_local::{Options, Rendering};
use sitewise_local::program::{self, Command};

pub(crate) const HELP: &str = "\
iot-local: AWS IoT commands on one machine

Usage: iot-local [options]

  --listen ADDR:PORT        where to listen (127.0.0.1:4568; port 0 takes a free one)
  --mqtt mqtt://HOST:PORT   the MQTT server that devices are connected to (mqtt://127.0.0.1:1883)
  --account NUMBER          the account in ARNs (123456789012)
  --region NAME             the region in ARNs (us-east-1)
  --parameters text|typed   what a parameter becomes in a payload: \"42.5\" or 42.5 (text)
  --update-gap TIME         responses to one execution that come sooner are rejected (0)
  --help                    this text

Times are written as 0, 200ms, 5s. RUST_LOG sets what is logged (info).
";

#[derive(Debug)]
pub(crate) struct Serve {
    pub(crate) listen: SocketAddr,
    pub(crate) options: Options,
}

/// Reads the arguments.
///
/// # Errors
///
/// What is wrong with them, for people.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command<Serve>, String> {
    let mut serve =
        Serve { listen: SocketAddr::from(([127, 0, 0, 1], 4568)), options: Options::default() };
    let mut words = program::words(arguments);
    while let Some(name) = words.next() {
        if name == "--help" || name == "-h" {
            return Ok(Command::Help);
        }
        let mut value = || words.next().ok_or_else(|| format!("{name} needs a value"));
        let options = &mut serve.options;
        match name.as_str() {
            "--listen" => serve.listen = program::value(&name, &value()?)?,
            "--mqtt" => options.mqtt = program::mqtt_server(&name, &value()?)?,
            "--account" => options.account = value()?,
            "--region" => options.region = value()?,
            "--update-gap" => options.update_gap = program::duration(&name, &value()?)?,
            "--parameters" => {
                options.rendering = match value()?.as_str() {
                    "text" => Rendering::Text,
                    "typed" => Rendering::Typed,
                    other => return Err(format!("--parameters takes text or typed, not {other}")),
                }
            }
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(Command::Serve(Box::new(serve)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parsed(text: &str) -> Result<Serve, String> {
        match parse(text.split_whitespace().map(str::to_owned))? {
            Command::Serve(serve) => Ok(*serve),
            Command::Help => Err("help".into()),
        }
    }

    #[test]
    fn arguments_are_understood() {
        let given = "--listen 127.0.0.1:0 --mqtt=mqtt://server:1884 --region eu-west-1 --account 1 \
                     --parameters typed --update-gap 200ms";
        let Serve { listen, options } = parsed(given).unwrap();
        assert_eq!((listen.port(), options.mqtt), (0, ("server".into(), 1884)));
        assert_eq!((options.region.as_str(), options.account.as_str()), ("eu-west-1", "1"));
        assert_eq!(options.rendering, Rendering::Typed);
        assert_eq!(options.update_gap, Duration::from_millis(200));
        for wrong in [
            "--listen 1883",
            "--mqtt server:1883",
            "--mqtt mqtt://:1883",
            "--mqtt mqtt://a:b",
            "--parameters number",
            "--update-gap soon",
            "--region",
            "--other 1",
            "--help",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
