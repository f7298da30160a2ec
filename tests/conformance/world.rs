//! What the recorded scenarios are made of: the bridge, SiteWise, and a reader of both.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_iotsitewise::Client;
use aws_sdk_iotsitewise::types::Quality;
use sitewise_local::Options;
use sparkwise::app::{self, Ledger};
use sparkwise::config::Config;
use sparkwise::sitewise::aws::AwsSiteWise;
use sparkwise::sparkplug::address::Source;
use sparkwise::sparkplug::message::{Message, Qos};
use sparkwise::twin::identity::{Address, Namespace};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::sdk;
use crate::server::{PATIENCE, Server};

/// The host application's id in all scenarios, with what an id may hold.
pub(crate) const HOST: &str = "Leitstand 1.ü";

/// How long a gap is waited for where it matters.
pub(crate) const REORDER: Duration = Duration::from_millis(300);

/// SiteWise, emulated in the process.
pub(crate) struct SiteWise {
    endpoint: String,
    _stop: oneshot::Sender<()>,
}

impl SiteWise {
    pub(crate) fn start() -> Self {
        let server =
            sitewise_local::Server::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let endpoint = format!("http://{}", server.local_addr());
        tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { endpoint, _stop: stop }
    }

    /// What a property of a node or device was over time, once `wanted` likes it.
    pub(crate) async fn until(
        &self,
        source: &Source,
        property: &str,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let reader = sdk::reader(&self.endpoint);
        let reading = async {
            loop {
                if let Some(history) = history(&reader, source, property).await
                    && wanted(&history)
                {
                    return history;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        read.unwrap_or_else(|_| panic!("{property} of {source}: not within {PATIENCE:?}"))
    }
}

/// A value as SiteWise has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    /// Milliseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) quality: Quality,
    /// Numbers as they are, Booleans as 0 and 1.
    pub(crate) number: f64,
}

async fn history(reader: &Client, source: &Source, property: &str) -> Option<Vec<Value>> {
    let asset = Namespace::new("test").asset(&Address::Source(source)).to_string();
    let model = reader.describe_asset().asset_id(&asset).send().await.ok()?.asset_model_id;
    let properties = reader.list_asset_model_properties().asset_model_id(model).max_results(250);
    let properties = properties.send().await.ok()?.asset_model_property_summaries;
    let found = properties.into_iter().find(|found| found.name == property)?;
    let history = reader
        .get_asset_property_value_history()
        .asset_id(asset)
        .property_id(found.id?)
        .max_results(100);
    let values = history.send().await.ok()?.asset_property_value_history.into_iter();
    let value = |value: aws_sdk_iotsitewise::types::AssetPropertyValue| {
        let (time, is) = (value.timestamp?, value.value?);
        let millis = i64::from(time.offset_in_nanos.unwrap_or_default()) / 1_000_000;
        let number = is.double_value.or(is.integer_value.map(f64::from));
        Some(Value {
            time: time.time_in_seconds * 1_000 + millis,
            quality: value.quality?,
            number: number.or(is.boolean_value.map(|b| f64::from(u8::from(b))))?,
        })
    };
    values.map(value).collect()
}

/// The bridge, in the process.
pub(crate) struct Bridge {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Ledger, app::Error>>,
}

impl Bridge {
    pub(crate) fn start(
        servers: &[&Server],
        sitewise: &SiteWise,
        variables: &[(&str, &str)],
    ) -> Self {
        let urls: Vec<_> = servers.iter().map(|server| server.url()).collect();
        let reorder = format!("{}ms", REORDER.as_millis());
        let mut source: BTreeMap<String, String> = BTreeMap::from([
            ("CONSOLE_ADDR".into(), "off".into()),
            ("MQTT_URL".into(), urls.join(",")),
            ("AWS_REGION".into(), "eu-west-1".into()),
            ("INGEST_LINGER".into(), "20ms".into()),
            ("SPARKPLUG_HOST_ID".into(), HOST.into()),
            ("SPARKPLUG_REORDER_TIMEOUT".into(), reorder),
            ("TWIN_STALE_AFTER".into(), "0s".into()),
        ]);
        source.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let config = Config::load(&source).unwrap();
        let sitewise = AwsSiteWise::new(&sdk::config(&sitewise.endpoint)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            Box::pin(app::run_with(config, sitewise, "test", stopped)).await
        });
        Self { stop, task }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("the bridge does not end").unwrap().unwrap();
    }
}

impl Server {
    /// Tells the client what an edge node says.
    pub(crate) fn plant(&self, message: &Message) {
        let qos = match message.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => 1,
        };
        self.tell(&message.topic, &message.payload, qos, message.retain);
    }
}
