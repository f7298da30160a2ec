//! Everything that the demo starts, and in which order it ends.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use sitewise_local::{Options, Server, Usage};
use sparkwise::app;
use sparkwise::config::Config;
use sparkwise::console::Listener;
use sparkwise::sitewise::aws::AwsSiteWise;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use windfarm::model::Farm;
use windfarm::{Broker, Fleet, Spelling};

use crate::arguments::Arguments;
use crate::remedy::TURBINE;
use crate::story::{Act, GROUP, Plot};

/// Where all of it is.
pub(crate) const REGION: &str = "eu-central-1";
/// The thing that the bridge is for AWS IoT commands.
pub(crate) const THING: &str = "demo";
/// What may be written in the loop.
const ALLOW: &str = "WindTurbine/Derate = on, off; WindTurbine/Pitch Limit = 0..90 step 0.5; \
                     WindTurbine/Reset = true pulse";
/// How long the emulator takes to make something, as SiteWise does.
const CREATE_DELAY: Duration = Duration::from_millis(300);
/// After a death, until the last values are marked as old.
const STALE_AFTER: &str = "8s";

pub(crate) struct World {
    pub(crate) addresses: Addresses,
    pub(crate) expected: Expected,
    broker: Broker,
    fleet: Fleet,
    sitewise: sitewise_local::Handle,
    emulator: JoinHandle<std::io::Result<()>>,
    end_emulator: oneshot::Sender<()>,
    /// AWS IoT commands, in the loop.
    iot: Option<JoinHandle<std::io::Result<()>>>,
    end_iot: oneshot::Sender<()>,
    bridge: JoinHandle<Result<(), String>>,
    end_bridge: oneshot::Sender<()>,
}

/// What there is when everything is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// The groups, and the bridge's own asset.
    pub(crate) roots: usize,
    pub(crate) assets: usize,
}

/// Where to look further.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) mqtt: SocketAddr,
    pub(crate) sitewise: SocketAddr,
    /// None where `CONSOLE_ADDR` is off.
    pub(crate) console: Option<SocketAddr>,
    /// None without the loop.
    pub(crate) iot: Option<SocketAddr>,
}

impl World {
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self, String> {
        let broker = Broker::start(0).await.map_err(|error| format!("the MQTT server: {error}"))?;
        let options =
            Options { create_delay: CREATE_DELAY, region: REGION.into(), ..Options::default() };
        let emulator = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options)
            .map_err(|error| format!("the emulator: {error}"))?;
        let (end_iot, iot_ends) = oneshot::channel();
        let mut iot = None;
        let mut iot_address = None;
        if arguments.plot == Plot::Loop {
            let server = cloud(broker.addr)?;
            iot_address = Some(server.local_addr());
            iot = Some(tokio::spawn(server.run(dropped_or_sent(iot_ends))));
        }
        let config = config(&broker.url(), arguments)?;
        let listener = Listener::bind(&config.console)
            .await
            .map_err(|error| format!("the console: {error}"))?;
        let addresses = Addresses {
            mqtt: broker.addr,
            sitewise: emulator.local_addr(),
            console: listener.as_ref().map(Listener::addr),
            iot: iot_address,
        };
        let sitewise = emulator.handle();
        let (end_emulator, emulator_ends) = oneshot::channel();
        let emulator = tokio::spawn(emulator.run(dropped_or_sent(emulator_ends)));

        let (end_bridge, bridge_ends) = oneshot::channel();
        let bridge = tokio::spawn(bridge(config, listener, addresses.sitewise, bridge_ends));
        let url = broker.url().parse()?;
        let fleet =
            Fleet::start_spelled(&arguments.company, &url, arguments.rate, arguments.spelling);
        Ok(Self {
            addresses,
            expected: expected(arguments),
            broker,
            fleet,
            sitewise,
            emulator,
            end_emulator,
            iot,
            end_iot,
            bridge,
            end_bridge,
        })
    }

    /// Does something to the plant.
    pub(crate) async fn act(&self, act: Act) {
        match act {
            Act::Lose => self.fleet.lose_gateway(GROUP).await,
            Act::Restore => self.fleet.restore_gateway(GROUP).await,
            Act::BreakCooling => self.fleet.break_cooling(TURBINE).await,
        };
    }

    /// Ready only if the bridge ends by itself.
    pub(crate) async fn failure(&mut self) -> String {
        match (&mut self.bridge).await {
            Ok(Ok(())) => "the bridge ended by itself".to_owned(),
            Ok(Err(reason)) => format!("the bridge failed: {reason}"),
            Err(error) => format!("the bridge failed: {error}"),
        }
    }

    /// Ends everything, the bridge first: what it still holds is delivered. What was delivered
    /// in all.
    pub(crate) async fn stop(self) -> Result<Usage, String> {
        drop(self.end_bridge);
        let ended = self.bridge.await.map_err(|error| error.to_string())?;
        self.fleet.stop().await;
        drop(self.end_iot);
        if let Some(iot) = self.iot {
            iot.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        }
        drop(self.end_emulator);
        self.emulator
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        self.broker.stop().await;
        ended.map_err(|reason| format!("the bridge failed: {reason}"))?;
        Ok(self.sitewise.usage())
    }
}

/// AWS IoT commands, for the devices at an MQTT server.
fn cloud(mqtt: SocketAddr) -> Result<iot_local::Server, String> {
    let options = iot_local::Options {
        mqtt: (mqtt.ip().to_string(), mqtt.port()),
        region: REGION.into(),
        ..iot_local::Options::default()
    };
    iot_local::Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options)
        .map_err(|error| format!("the emulated AWS IoT: {error}"))
}

async fn bridge(
    config: Config,
    listener: Option<Listener>,
    sitewise: SocketAddr,
    end: oneshot::Receiver<()>,
) -> Result<(), String> {
    let credentials = Credentials::new("demo", "demo", None, None, "demo");
    let sdk = SdkConfig::builder()
        .region(Region::from_static(REGION))
        .endpoint_url(format!("http://{sitewise}"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let sitewise = AwsSiteWise::new(&sdk).map_err(|error| error.to_string())?;
    let run = app::run_with_console(config, listener, sitewise, "demo", dropped_or_sent(end));
    Box::pin(run).await.map(|_| ()).map_err(|error| error.to_string())
}

/// The bridge's configuration: its own variables, with the demo's addresses.
fn config(mqtt_url: &str, arguments: &Arguments) -> Result<Config, String> {
    let ours = ["TWIN_", "INGEST_", "SPARKPLUG_", "OUTBOX_", "CONSOLE_"];
    let mut variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ours.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    if arguments.plot == Plot::Loop {
        for (name, value) in [("ALLOW", ALLOW), ("THING", THING), ("IOT_URL", mqtt_url)] {
            variables.insert(format!("COMMANDS_{name}"), value.to_owned());
        }
    }
    if arguments.spelling == Spelling::Flat {
        let rules = || Spelling::RULES.to_owned();
        variables.entry("TWIN_RULES".to_owned()).or_insert_with(rules);
    }
    variables.entry("CONSOLE_ADDR".to_owned()).or_insert_with(|| "127.0.0.1:0".to_owned());
    // Sooner than in earnest, so that whoever looks sees it.
    variables.entry("TWIN_STALE_AFTER".to_owned()).or_insert_with(|| STALE_AFTER.to_owned());
    variables.insert("MQTT_URL".to_owned(), mqtt_url.to_owned());
    variables.insert("AWS_REGION".to_owned(), REGION.to_owned());
    Config::load(&variables).map_err(|faults| faults.to_string())
}

fn expected(arguments: &Arguments) -> Expected {
    let farms = arguments.company.farms();
    // Gearboxes and generators are assets of their own, unless they are flattened.
    let flat = std::env::var("TWIN_NESTED").is_ok_and(|nested| nested == "flatten");
    let per_turbine = if flat { 1 } else { 3 };
    // Group, node and mast beside rows and turbines.
    let of_farm = |farm: &Farm| 3 + farm.rows.len() + per_turbine * farm.turbines().count();
    Expected { roots: 1 + farms.len(), assets: 1 + farms.iter().map(of_farm).sum::<usize>() }
}

async fn dropped_or_sent(end: oneshot::Receiver<()>) {
    let _ = end.await;
}
