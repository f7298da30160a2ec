//! A world for one test: servers on free ports of the loopback interface.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sitewise_local::{Handle, Options, Server};
use sparkwise::app::{self, Ledger};
use sparkwise::config::Config;
use sparkwise::console::Listener;
use sparkwise::sitewise::aws::AwsSiteWise;
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::message::{Message, Qos};
use sparkwise::time::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use windfarm::Broker;

use crate::sdk;

/// How long anything may take in a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// The emulator, in the process.
pub(crate) struct Emulator {
    pub(crate) endpoint: String,
    pub(crate) handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Emulator {
    pub(crate) fn start(options: Options) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), options).unwrap();
        let (stop, stopped) = oneshot::channel();
        let emulator = Self {
            endpoint: format!("http://{}", server.local_addr()),
            handle: server.handle(),
            _stop: stop,
        };
        tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        emulator
    }

    /// An SDK client that reads back.
    pub(crate) fn reader(&self) -> aws_sdk_iotsitewise::Client {
        sdk::reader(&self.endpoint)
    }
}

/// The bridge, in the process.
pub(crate) struct Bridge {
    console: watch::Receiver<Option<SocketAddr>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Ledger, app::Error>>,
}

impl Bridge {
    pub(crate) fn start(broker: &Broker, emulator: &Emulator, variables: &[(&str, &str)]) -> Self {
        Self::start_at(broker, &emulator.endpoint, variables)
    }

    /// With SiteWise at this URL.
    pub(crate) fn start_at(broker: &Broker, endpoint: &str, variables: &[(&str, &str)]) -> Self {
        let mut source: BTreeMap<String, String> = BTreeMap::from([
            ("MQTT_URL".into(), broker.url()),
            ("AWS_REGION".into(), "eu-west-1".into()),
            ("CONSOLE_ADDR".into(), "127.0.0.1:0".into()),
            ("INGEST_LINGER".into(), "50ms".into()),
            ("SPARKPLUG_REORDER_TIMEOUT".into(), "100ms".into()),
        ]);
        source.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let config = Config::load(&source).unwrap();
        let sitewise = AwsSiteWise::new(&sdk::config(endpoint)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (bound, console) = watch::channel(None);
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            let listener = Listener::bind(&config.console).await.map_err(app::Error::Console)?;
            bound.send_replace(listener.as_ref().map(Listener::addr));
            let run = app::run_with_console(config, listener, sitewise, "test", stopped);
            Box::pin(run).await
        });
        Self { console, stop, task }
    }

    /// Where its console is.
    pub(crate) async fn console(&self) -> SocketAddr {
        let mut console = self.console.clone();
        console.wait_for(Option::is_some).await.unwrap().unwrap()
    }

    /// Ends it in order: everything must be accounted for.
    pub(crate) async fn stop(self) -> Ledger {
        let _ = self.stop.send(());
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        let ledger = ended.expect("the bridge does not end").unwrap().unwrap();
        assert!(ledger.balances(), "{ledger:#?}");
        ledger
    }

    /// Ends it as `kill -9` would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// An edge node's connection, by the same MQTT client that the bridge uses.
pub(crate) struct Plant {
    client: rumqttc::AsyncClient,
    commands: tokio::sync::mpsc::UnboundedReceiver<(String, Vec<u8>)>,
    task: JoinHandle<()>,
}

impl Plant {
    pub(crate) async fn connect(broker: &Broker, edge: &Edge) -> Self {
        let mut options = rumqttc::MqttOptions::new(
            format!("{}-{}", edge.node().group, edge.node().node),
            (broker.addr.ip().to_string(), broker.addr.port()),
        );
        options.set_max_packet_size(1 << 20, 1 << 20);
        let will = edge.will();
        options.set_last_will(rumqttc::LastWill::new(
            will.topic,
            will.payload,
            rumqttc::QoS::AtLeastOnce,
            false,
        ));
        let (client, mut events) = rumqttc::AsyncClient::builder(options).capacity(1_000).build();
        let (heard, commands) = tokio::sync::mpsc::unbounded_channel();
        let topic = edge.command_topic();
        client.subscribe(topic, rumqttc::QoS::AtMostOnce).await.unwrap();
        let (ready, is_ready) = oneshot::channel();
        let mut ready = Some(ready);
        let task = tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                match event {
                    rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_)) => {
                        ready.take().map(|ready| ready.send(()));
                    }
                    rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) => {
                        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                        let _ = heard.send((topic, publish.payload.to_vec()));
                    }
                    _ => {}
                }
            }
        });
        is_ready.await.unwrap();
        Self { client, commands, task }
    }

    pub(crate) async fn publish(&self, message: Message) {
        let qos = match message.qos {
            Qos::AtMostOnce => rumqttc::QoS::AtMostOnce,
            Qos::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
        };
        let options = rumqttc::PublishOptions::new(qos).retain(message.retain);
        self.client.publish(message.topic, message.payload, options).await.unwrap();
    }

    /// The next command to the node.
    pub(crate) async fn next_command(&mut self) -> (String, Vec<u8>) {
        self.commands.recv().await.unwrap()
    }

    /// Waits until somebody asks for the births.
    pub(crate) async fn rebirth_asked(&mut self, edge: &Edge) {
        let asked = async {
            while let Some((topic, payload)) = self.commands.recv().await {
                if edge.is_rebirth(&topic, &payload) {
                    return;
                }
            }
            panic!("the connection has ended");
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("nobody asks for a rebirth");
    }

    /// Speaks without a birth until somebody asks for one, as any bridge does that has just
    /// come.
    pub(crate) async fn until_asked(&mut self, edge: &mut Edge, metrics: impl Fn() -> Metric) {
        loop {
            self.publish(edge.ndata(now(), [metrics()])).await;
            let asked = self.rebirth_asked(edge);
            if tokio::time::timeout(Duration::from_millis(300), asked).await.is_ok() {
                return;
            }
        }
    }

    /// Cuts the connection: the server publishes the will.
    pub(crate) fn cut(self) {
        self.task.abort();
    }
}

/// A bridge, and the edge node `Nordsee/gw`, which it has asked for its birth.
pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    pub(crate) console: SocketAddr,
    broker: Broker,
    bridge: Bridge,
    edge: Edge,
    plant: Plant,
}

impl Scene {
    /// With these variables; the node sends `tag` until it is asked.
    pub(crate) async fn start(variables: &[(&str, &str)], tag: impl Fn() -> Metric) -> Self {
        Self::start_with(Emulator::start(Options::default()), variables, tag).await
    }

    /// With this emulator.
    pub(crate) async fn start_with(
        emulator: Emulator,
        variables: &[(&str, &str)],
        tag: impl Fn() -> Metric,
    ) -> Self {
        let broker = Broker::start(0).await.unwrap();
        let bridge = Bridge::start(&broker, &emulator, variables);
        let console = bridge.console().await;
        let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
        let mut plant = Plant::connect(&broker, &edge).await;
        plant.until_asked(&mut edge, tag).await;
        Self { emulator, console, broker, bridge, edge, plant }
    }

    /// The node is born with these metrics, at the time that is given back.
    pub(crate) async fn publish_birth(
        &mut self,
        metrics: impl IntoIterator<Item = Metric>,
    ) -> Timestamp {
        let time = now();
        self.plant.publish(self.edge.nbirth(time, metrics)).await;
        time
    }

    /// The node sends these metrics with this timestamp.
    pub(crate) async fn publish_data(
        &mut self,
        time: Timestamp,
        metrics: impl IntoIterator<Item = Metric>,
    ) {
        self.plant.publish(self.edge.ndata(time, metrics)).await;
    }

    /// With another bridge in place of this one, which is killed; the node sends `tag` until it is
    /// asked.
    pub(crate) async fn restart(
        self,
        variables: &[(&str, &str)],
        tag: impl Fn() -> Metric,
    ) -> Self {
        let Self { emulator, broker, bridge, mut edge, mut plant, .. } = self;
        bridge.kill().await;
        let bridge = Bridge::start(&broker, &emulator, variables);
        let console = bridge.console().await;
        plant.until_asked(&mut edge, tag).await;
        Self { emulator, console, broker, bridge, edge, plant }
    }

    /// Ends the bridge in order: everything must be accounted for.
    pub(crate) async fn stop(self) -> Ledger {
        let ledger = self.bridge.stop().await;
        self.broker.stop().await;
        ledger
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let asking = async {
        let mut pause = tokio::time::interval(Duration::from_millis(25));
        loop {
            pause.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    answer.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
