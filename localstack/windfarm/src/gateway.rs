//! An edge node on the network: its own connection, its will, its answers to commands.

use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rumqttc::{
    AsyncClient, Event, LastWill, MqttOptions, NetworkOptions, Outgoing, Packet, PublishOptions,
    QoS, SubscribeFilter,
};
use sparkwise::config::ServerUrl;
use sparkwise::sparkplug::message::{Message, Qos};
use sparkwise::time::Timestamp;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, info, warn};

use crate::model::{Farm, Obedience};
use crate::orders::{self, TurbineOrder};
use crate::publisher::Publisher;
use crate::spelling::Spelling;

/// Messages that may wait to be sent: the births of a large farm, and some.
const WAITING: usize = 10_000;
/// Before the next try to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// For the last messages before the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a gateway is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Break or repair a gearbox's cooling.
    Gearbox { turbine: String, hot: bool },
    /// Let a turbine obey what it is told, or not.
    Obey { turbine: String, obedience: Obedience },
    /// Fall off the network, without a word.
    Lose,
    /// Come back.
    Restore,
    /// Tell times that are so far ahead.
    SetClock { ahead: Duration },
    /// Restart, and from now on speak without births.
    ForgetBirths,
}

/// Whether a gateway tells what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Births {
    Told,
    /// It publishes none, even when a rebirth is requested.
    Withheld,
}

/// What tells a gateway from another of the same farm: two senders with one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Itself,
    Impostor,
}

/// A gateway, ready to run.
pub(crate) struct Gateway {
    farm: Farm,
    publisher: Publisher,
    which: Which,
    births: Births,
    /// By how much its clock is ahead.
    ahead: Duration,
    url: ServerUrl,
    step: f64,
    tick: Interval,
    /// Closed when it shall end.
    commands: mpsc::Receiver<Command>,
}

/// Why a session ended.
enum End {
    Asked,
    Lost(String),
    Provoked,
    Restarted,
}

impl Gateway {
    /// Connects `farm` to the server at `url`, with `rate` steps a second.
    pub(crate) fn new(
        farm: Farm,
        url: ServerUrl,
        rate: f64,
        spelling: Spelling,
        which: Which,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let step = 1.0 / rate;
        let mut tick = interval(Duration::from_secs_f64(step));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let bd_seq = match which {
            Which::Itself => 0,
            Which::Impostor => 100,
        };
        let publisher = Publisher::with_bd_seq(&farm, spelling, bd_seq);
        let (births, ahead) = (Births::Told, Duration::ZERO);
        Self { publisher, which, births, ahead, farm, url, step, tick, commands }
    }

    /// Runs until its commands are closed.
    pub(crate) async fn run(mut self) {
        let mut will = self.publisher.edge().will();
        loop {
            match self.session(&will).await {
                End::Asked => return,
                End::Lost(reason) => {
                    warn!("{} is not connected: {reason}", self.farm.node);
                    if !self.idle(Some(PAUSE)).await {
                        return;
                    }
                }
                End::Restarted => info!("{} restarts and tells no birth", self.farm.node),
                End::Provoked => {
                    info!("{} has fallen off the network", self.farm.node);
                    if !self.idle(None).await {
                        return;
                    }
                }
            }
            will = self.publisher.edge().reconnect();
        }
    }

    async fn session(&mut self, will: &Message) -> End {
        let (client, mut events) =
            AsyncClient::builder(self.options(will)).capacity(WAITING).build();
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);

        let mut born = false;
        loop {
            let event = {
                let mut poll = pin!(events.poll());
                loop {
                    select! {
                        biased;
                        command = self.commands.recv() => match command {
                            Some(Command::Lose) => return End::Provoked,
                            Some(Command::ForgetBirths) => {
                                self.births = Births::Withheld;
                                return End::Restarted;
                            }
                            Some(command) => self.obey(command),
                            None if born => break None,
                            None => return End::Asked,
                        },
                        _ = self.tick.tick() => {
                            self.farm.step(self.step);
                            if born {
                                let data = self.publisher.data(&self.farm, self.now());
                                publish_all(&client, data);
                            }
                        }
                        event = &mut poll => break Some(event),
                    }
                }
            };
            match event {
                None => {
                    let farewell = self.farewell(&client, &mut events);
                    if timeout(FAREWELL, farewell).await.is_err() {
                        debug!("{} had no time to say goodbye", self.farm.node);
                    }
                    return End::Asked;
                }
                Some(Err(error)) => return End::Lost(error.to_string()),
                Some(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                    let filters = self.publisher.command_filters();
                    let filters = filters.map(|to| SubscribeFilter::new(to, QoS::AtLeastOnce));
                    if let Err(error) = client.try_subscribe_many(filters) {
                        return End::Lost(error.to_string());
                    }
                }
                Some(Ok(Event::Incoming(Packet::SubAck(_)))) => {
                    info!("{} is connected to {}", self.farm.node, self.url);
                    born = true;
                    self.be_born(&client);
                }
                Some(Ok(Event::Incoming(Packet::Publish(publish)))) => {
                    let topic = std::str::from_utf8(&publish.topic).unwrap_or_default();
                    if self.publisher.edge().is_rebirth(topic, &publish.payload) {
                        debug!("{} is asked for its births", self.farm.node);
                        self.be_born(&client);
                    }
                    self.hear(topic, &publish.payload);
                }
                Some(Ok(Event::Incoming(_) | Event::Outgoing(_))) => {}
            }
        }
    }

    fn options(&self, will: &Message) -> MqttOptions {
        // Nothing but letters, digits and a dash: some servers take no more.
        let client_id = match self.which {
            Which::Itself => format!("windfarm-{}", self.farm.group),
            Which::Impostor => format!("windfarm-{}-2", self.farm.group),
        };
        let mut options = MqttOptions::new(client_id, (self.url.host.clone(), self.url.port));
        options
            .set_clean_session(true)
            .set_keep_alive(15)
            .set_max_packet_size(1 << 20, 64 << 20)
            .set_last_will(LastWill::new(
                will.topic.as_str(),
                will.payload.clone(),
                qos(will.qos),
                will.retain,
            ));
        options
    }

    fn be_born(&mut self, client: &AsyncClient) {
        let births = self.publisher.births(&self.farm, self.now());
        match self.births {
            Births::Told => publish_all(client, births),
            Births::Withheld => {}
        }
    }

    /// By its own clock.
    fn now(&self) -> Timestamp {
        now().plus(self.ahead)
    }

    /// Passes the orders in a message on to the turbines.
    fn hear(&mut self, topic: &str, payload: &[u8]) {
        let orders = orders::decode(self.publisher.edge().node(), topic, payload);
        for TurbineOrder { device, turbine, order } in orders {
            let taken = self.farm.tell(&device, &turbine, order);
            let whether = if taken { "obeys" } else { "does not take it" };
            info!("{turbine} is told {order:?} and {whether}");
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Gearbox { turbine, hot } => {
                self.farm.set_gearbox_hot(&turbine, hot);
            }
            Command::Obey { turbine, obedience } => {
                self.farm.set_obedience(&turbine, obedience);
            }
            Command::SetClock { ahead } => self.ahead = ahead,
            Command::ForgetBirths => self.births = Births::Withheld,
            // There is nothing to come back from.
            Command::Lose | Command::Restore => {}
        }
    }

    /// Time passes without a connection, until it is to be tried again. False if it shall end.
    async fn idle(&mut self, pause: Option<Duration>) -> bool {
        let mut over = pin!(async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        });
        loop {
            select! {
                biased;
                command = self.commands.recv() => match command {
                    None => return false,
                    Some(Command::Restore) => return true,
                    Some(command) => self.obey(command),
                },
                _ = self.tick.tick() => self.farm.step(self.step),
                () = &mut over => return true,
            }
        }
    }

    /// The death by hand, then DISCONNECT [operational-behavior-edge-node-intentional-disconnect-ndeath].
    async fn farewell(&mut self, client: &AsyncClient, events: &mut rumqttc::EventLoop) {
        publish_all(client, vec![self.publisher.edge().ndeath()]);
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Packet::PubAck(_)) => {
                    if client.try_disconnect().is_err() {
                        return;
                    }
                }
                Event::Outgoing(Outgoing::Disconnect) => return,
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
        }
    }
}

fn publish_all(client: &AsyncClient, messages: Vec<Message>) {
    for message in messages {
        let options = PublishOptions::new(qos(message.qos)).retain(message.retain);
        if let Err(error) = client.try_publish(message.topic, message.payload, options) {
            debug!("a message is lost: {error}");
        }
    }
}

fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
