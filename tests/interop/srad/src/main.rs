//! A Sparkplug edge node on a leash, made with the crate srad: told what to do by JSON lines on
//! stdin, it tells what happens by JSON lines on stdout.

mod metric;
mod motor;
mod source;

use std::collections::BTreeMap;
use std::error::Error;

use serde::Deserialize;
use serde_json::json;
use srad::client_rumqtt::{EventLoop, MqttOptions};
use srad::eon::{DeviceHandle, EoN, EoNBuilder, MetricPublisher, NodeHandle, PublishError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::metric::Metric;
use crate::motor::{Bearing, Motor};
use crate::source::Source;

/// Messages that may wait for the connection; what is more gets lost.
const CAPACITY: usize = 16;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "lowercase")]
enum Command {
    Connect { host: String, port: u16, group: String, node: String, state: State },
    Data { device: Option<String>, metrics: Vec<Metric> },
    Lose,
    Stop,
}

#[derive(Deserialize)]
struct State {
    node: Vec<Metric>,
    devices: BTreeMap<String, Vec<Metric>>,
}

struct Node {
    handle: NodeHandle,
    source: Source,
    devices: BTreeMap<String, (DeviceHandle, Source)>,
    running: JoinHandle<()>,
}

/// One thread: between two awaits nothing else happens.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (tx, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(|line| line.ok()).all(|line| tx.send(line).is_ok())
    });
    let mut node = None;
    while let Some(line) = lines.recv().await {
        let name = serde_json::from_str::<serde_json::Value>(&line).map(|l| l["command"].clone());
        let name = name.unwrap_or_default();
        match carry_out(&line, &mut node).await {
            Ok(()) => tell(&json!({ "event": "done", "command": name })),
            Err(error) => {
                tell(&json!({ "event": "failed", "command": name, "message": error.to_string() }))
            }
        }
    }
}

fn tell(event: &serde_json::Value) {
    println!("{event}");
}

async fn carry_out(line: &str, node: &mut Option<Node>) -> Result<()> {
    match (serde_json::from_str(line)?, node) {
        (Command::Connect { host, port, group, node: id, state }, node) => {
            let mut options = MqttOptions::new(format!("edge {id}"), host, port);
            options.set_keep_alive(std::time::Duration::from_secs(10));
            *node = Some(Node::join(options, group, id, state)?);
            Ok(())
        }
        (Command::Data { device, metrics }, Some(node)) => node.data(device, metrics).await,
        (Command::Lose, Some(node)) => node.lose().await,
        (Command::Stop, Some(node)) => {
            node.handle.cancel().await;
            Ok((&mut node.running).await?)
        }
        (Command::Data { .. } | Command::Lose | Command::Stop, None) => Err("not connected".into()),
    }
}

impl Node {
    fn join(options: MqttOptions, group: String, node: String, state: State) -> Result<Self> {
        let (event_loop, client) = EventLoop::new(options, CAPACITY);
        let source = Source::new(None, state.node);
        let (eon, handle): (EoN, NodeHandle) = EoNBuilder::new(event_loop, client)
            .with_group_id(group)
            .with_node_id(node)
            .register_template::<Bearing>()
            .register_template::<Motor>()
            .with_metric_manager(source.clone())
            .build()?;
        let mut devices = BTreeMap::new();
        for (name, metrics) in state.devices {
            let source = Source::new(Some(name.clone()), metrics);
            let device = handle.register_device(name.clone(), source.clone())?;
            device.enable();
            devices.insert(name, (device, source));
        }
        Ok(Self { handle, source, devices, running: tokio::spawn(eon.run()) })
    }

    async fn data(&self, device: Option<String>, metrics: Vec<Metric>) -> Result<()> {
        match device {
            None => publish(&self.handle, &self.source, metrics).await,
            Some(name) => {
                let (handle, source) = self.devices.get(&name).ok_or("no such device")?;
                publish(handle, source, metrics).await
            }
        }
    }

    /// Publishes what the host knows already, without a pause, until a message gets lost.
    async fn lose(&self) -> Result<()> {
        let known = self.source.first()?;
        for _ in 0..=CAPACITY {
            let metrics = self.source.changed(std::slice::from_ref(&known))?;
            if self.handle.try_publish_metrics_unsorted(metrics).await.is_err() {
                return Ok(());
            }
        }
        Err("nothing gets lost".into())
    }
}

async fn publish(to: &impl MetricPublisher, source: &Source, metrics: Vec<Metric>) -> Result<()> {
    loop {
        match to.publish_metrics_unsorted(source.changed(&metrics)?).await {
            Ok(()) => {
                source.keep(metrics);
                return Ok(());
            }
            // The birth is made, but not published yet.
            Err(PublishError::State(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
}
