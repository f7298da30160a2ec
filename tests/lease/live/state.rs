//! The host's STATE as edge nodes see it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

/// For how long STATE was offline after it had been online.
pub(crate) struct States(Arc<Mutex<Offline>>);

#[derive(Default)]
struct Offline {
    since: Option<Instant>,
    longest: Duration,
}

impl States {
    pub(crate) async fn watch(broker: SocketAddr) -> Self {
        let options = MqttOptions::new("watcher", (broker.ip().to_string(), broker.port()));
        let (client, mut events) = AsyncClient::builder(options).capacity(10).build();
        client.subscribe("spBv1.0/STATE/plant", QoS::AtLeastOnce).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
        let states = Arc::new(Mutex::new(Offline::default()));
        let watched = Arc::clone(&states);
        tokio::spawn(async move {
            let _client = client;
            while let Ok(event) = events.poll().await {
                let Event::Incoming(Packet::Publish(state)) = event else { continue };
                let is_online = state.payload.windows(4).any(|word| word == b"true");
                let mut states = watched.lock().unwrap();
                match is_online {
                    true => {
                        let took = states.since.take().map_or(Duration::ZERO, |at| at.elapsed());
                        states.longest = states.longest.max(took);
                    }
                    false => {
                        states.since.get_or_insert_with(Instant::now);
                    }
                }
            }
        });
        Self(states)
    }

    /// Waits until STATE is online, or was offline for this long.
    pub(crate) async fn until_online(&self, at_most: Duration) {
        let is_over = || {
            let since = self.0.lock().unwrap().since;
            since.is_none_or(|since| since.elapsed() >= at_most)
        };
        while !is_over() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The longest time from an offline STATE to the next that was online, or to now, since this was
    /// asked last.
    pub(crate) fn take_longest_offline(&self) -> Duration {
        let mut states = self.0.lock().unwrap();
        let now = states.since.map_or(Duration::ZERO, |at| at.elapsed());
        std::mem::take(&mut states.longest).max(now)
    }
}
