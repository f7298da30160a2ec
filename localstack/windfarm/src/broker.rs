//! An MQTT server inside the process, on a loopback port, for the demo and for tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use tokio::task::JoinHandle;

/// A running MQTT server. What it retains lives as long as it does. Dropping it stops it.
pub struct Broker {
    /// Where it listens.
    pub addr: SocketAddr,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<Result<(), mqtt5::MqttError>>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Broker {
    /// Starts a server on `port` of the loopback interface; 0 takes a free one. It accepts
    /// connections when this returns.
    ///
    /// # Errors
    ///
    /// The port is taken.
    pub async fn start(port: u16) -> io::Result<Self> {
        let storage =
            StorageConfig::default().with_backend(StorageBackend::Memory).with_persistence(false);
        let mut config = BrokerConfig::default()
            .with_bind_address((Ipv4Addr::LOCALHOST, port))
            .with_storage(storage);
        config.sys_topics_enabled = false;
        config.client_channel_capacity = 100_000;

        let mut broker = MqttBroker::with_config(config).await.map_err(io::Error::other)?;
        let addr =
            broker.local_addr().ok_or_else(|| io::Error::other("the server has no address"))?;
        let shutdown = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move { broker.run().await });
        ready
            .wait_for(|ready| *ready)
            .await
            .map_err(|_| io::Error::other("the server ended before it was ready"))?;
        Ok(Self { addr, shutdown, task })
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.addr)
    }

    /// Ends all connections and the server; when this returns, its port is free.
    pub async fn stop(mut self) {
        self.shutdown.shutdown();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.task.abort();
    }
}
