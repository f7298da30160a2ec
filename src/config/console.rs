//! The console: web page, health, metrics.

use std::net::SocketAddr;

use super::fault::ConfigErrors;
use super::parse::word;
use super::reader::VariableReader;
use super::secret::Secret;
use super::source::VariableSource;
use super::variable::{DefaultValue, Section, Variable};

/// Shorter tokens can be guessed.
const SHORTEST_TOKEN: usize = 16;

const ADDR: Variable = Variable {
    name: "CONSOLE_ADDR",
    default: DefaultValue::Value("127.0.0.1:8080"),
    form: "address:port, or off",
    doc: "Where the console listens: the page, /livez, /readyz, /metrics. Port 0 picks a free \
          port, which is logged. An address other than loopback requires CONSOLE_TOKEN.",
    secret: false,
    file: false,
};

const TOKEN: Variable = Variable {
    name: "CONSOLE_TOKEN",
    default: DefaultValue::Words("none"),
    form: "text of 16 characters or more",
    doc: "Token that the console requires, as a bearer token or as the password of any user name; \
          /livez and /readyz need none. It is sent unencrypted: put TLS in front of the console \
          where the network is not trusted.",
    secret: true,
    file: true,
};

const EMF: Variable = Variable {
    name: "METRICS_EMF",
    default: DefaultValue::Value("off"),
    form: "on or off",
    doc: "Whether metrics are logged to stderr once a minute in CloudWatch's embedded metric \
          format (EMF), for metrics and alarms without an agent. Meant for LOG_FORMAT=json.",
    secret: false,
    file: false,
};

const PRICE: Variable = Variable {
    name: "PRICE_PER_MILLION_MESSAGES",
    default: DefaultValue::Words("none"),
    form: "number",
    doc: "What AWS charges the account for a million messages to SiteWise, in any currency: the \
          console then shows what a month costs at the present rate, beside the number of \
          messages. Enter the price of the first tier from AWS's pricing page for your region.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Console",
    doc: "Health, metrics and the web page. The console is read-only.",
    vars: &[&ADDR, &TOKEN, &EMF, &PRICE],
};

/// The console: health, metrics and the web page.
#[derive(Clone, Debug, PartialEq)]
pub struct Console {
    /// Where it listens; none means nowhere.
    pub addr: Option<SocketAddr>,
    /// The token that requests must carry.
    pub token: Option<Secret>,
    /// Whether metrics are written to the log.
    pub emf: bool,
    /// What a million messages cost, in any currency.
    pub price: Option<f64>,
}

impl Console {
    /// Reads this section alone, as a probe of a running bridge needs it.
    ///
    /// # Errors
    ///
    /// What is wrong in it.
    pub fn load(source: &impl VariableSource) -> Result<Self, ConfigErrors> {
        let mut reader = VariableReader::new(source);
        let console = Self::read(&mut reader);
        reader.finish()?;
        console.ok_or_else(ConfigErrors::default)
    }

    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let addr = reader.value(&ADDR, addr);
        let token = reader.optional(&TOKEN, token);
        let emf = reader.value(&EMF, word(&[("on", true), ("off", false)]));
        let price = reader.optional(&PRICE, price);
        if let (Some(Some(addr)), Some(None)) = (&addr, &token)
            && !addr.ip().is_loopback()
        {
            reader.fault(
                &ADDR,
                format!(
                    "is not a loopback address: it requires CONSOLE_TOKEN; set one, or listen on \
                     127.0.0.1:8080{}",
                    match addr.ip().is_unspecified() {
                        true => "",
                        false => " (any other address must be one of this host's own)",
                    }
                ),
            );
        }
        Some(Self { addr: addr?, token: token?, emf: emf?, price: price? })
    }
}

fn addr(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse().map(Some).map_err(|_| {
        "is not an address and port: write 127.0.0.1:8080, [::1]:8080, 0.0.0.0:8080 or off"
            .to_owned()
    })
}

fn price(text: &str) -> Result<f64, String> {
    let price =
        text.parse::<f64>().map_err(|_| "is not a number: write the price alone, such as 1.00")?;
    match (0.0..=1e6).contains(&price) {
        true => Ok(price),
        false => Err("must be from 0 to 1000000, such as 1.00".to_owned()),
    }
}

fn token(text: &str) -> Result<Secret, String> {
    if text.chars().count() < SHORTEST_TOKEN {
        return Err(format!(
            "is shorter than {SHORTEST_TOKEN} characters: write a longer one, such as what \
             `openssl rand -hex 24` prints"
        ));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must be visible ASCII characters without spaces".to_owned());
    }
    Ok(Secret::new(text))
}
