//! Two programs on one lease, each on networks of its own to the lease's store and to the MQTT server.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::PATIENCE;
use super::program::Bridge;
use crate::proxy::{Proxy, Way};

const ACTS: &str = "this bridge acts from now on";
const STOPS: [&str; 2] = ["this bridge acts no longer", "this bridge gives the lease back"];

/// So that a bridge notices within ten seconds that its MQTT server is silent.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A program, and what it reaches the others through.
pub(crate) struct Member {
    pub(crate) program: Bridge,
    pub(crate) to_store: Proxy,
    pub(crate) to_mqtt: Proxy,
}

/// Two bridges on one item.
pub(crate) struct Pair {
    mqtt: SocketAddr,
    sitewise: u16,
    store: SocketAddr,
    lease: String,
    /// The folder of both outboxes; none for outboxes in memory.
    outbox: Option<std::path::PathBuf>,
    pub(crate) members: Vec<Member>,
    /// Which epochs were taken, by members that are gone.
    taken: Vec<u64>,
}

impl Pair {
    pub(crate) fn new(
        item: &str,
        (mqtt, sitewise, store): (SocketAddr, u16, SocketAddr),
        outbox: Option<&Path>,
    ) -> Self {
        let lease = format!("dynamodb://{}/{item}-{}", crate::TABLE, std::process::id());
        let outbox = outbox.map(Path::to_owned);
        Self { mqtt, sitewise, store, lease, outbox, members: Vec::new(), taken: Vec::new() }
    }

    /// Starts a program.
    pub(crate) async fn start(&self) -> Member {
        let to_store = Proxy::start(self.store).await;
        let to_mqtt = Proxy::start(self.mqtt).await;
        let store = format!("http://{}", to_store.address);
        let keep_alive = format!("{}s", KEEP_ALIVE.as_secs());
        let mut variables: Vec<(&str, &OsStr)> = vec![
            ("LEASE", self.lease.as_ref()),
            ("AWS_ENDPOINT_URL_DYNAMODB", store.as_ref()),
            ("SPARKPLUG_HOST_ID", "plant".as_ref()),
            ("MQTT_KEEP_ALIVE", keep_alive.as_ref()),
            ("INGEST_LINGER", "500ms".as_ref()),
            ("RUST_LOG", "info".as_ref()),
        ];
        variables.extend(self.outbox.iter().map(|folder| ("OUTBOX_DIR", folder.as_os_str())));
        let program = Bridge::start(to_mqtt.address.port(), self.sitewise, &variables);
        Member { program, to_store, to_mqtt }
    }

    /// Puts a new program in the place of this one, which goes on.
    pub(crate) async fn replace(&mut self, place: usize) -> Member {
        let new = self.start().await;
        std::mem::replace(&mut self.members[place], new)
    }

    /// A program is gone that has logged this.
    pub(crate) fn record_epochs(&mut self, log: &[String]) {
        self.taken.extend(log.iter().filter_map(|line| epoch_taken(line)));
    }

    /// No epoch was taken by two, so that no two ever wrote to the control plane in one.
    pub(crate) fn assert_one_writer_an_epoch(&self) {
        let mut count: BTreeMap<u64, usize> = BTreeMap::new();
        for epoch in &self.taken {
            *count.entry(*epoch).or_default() += 1;
        }
        assert!(!count.is_empty() && count.values().all(|takers| *takers == 1), "{count:?}");
    }

    /// Whether a bridge acts, as it says.
    pub(crate) async fn acts(&self, place: usize) -> bool {
        let log = self.members[place].program.log().await;
        let last = log.iter().rev().find_map(|line| {
            let stops = STOPS.iter().any(|words| line.contains(words));
            (stops || line.contains(ACTS)).then_some(!stops)
        });
        last.unwrap_or(false)
    }

    /// Waits until this one acts; how long that took.
    pub(crate) async fn until_acts(&self, place: usize, within: Duration) -> Duration {
        let began = Instant::now();
        while !self.acts(place).await {
            let log = self.members[place].program.log().await;
            assert!(began.elapsed() < within, "nobody acts within {within:?}: {log:#?}");
            sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    }

    /// Waits until this one is connected and follows the plant in full.
    pub(crate) async fn until_follows(&self, place: usize) {
        let began = Instant::now();
        let program = &self.members[place].program;
        program.learned().await;
        loop {
            let metrics = program.get("/metrics").await;
            let is = |name: &str| {
                metrics.lines().any(|line| line.starts_with(name) && line.ends_with(" 1"))
            };
            if is("sparkwise_mqtt_connected{") && is("sparkwise_edge_nodes{phase=\"online\"}") {
                return;
            }
            let log = program.log().await;
            assert!(began.elapsed() < PATIENCE, "it does not follow: {log:#?}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Prints what the bridges cost while this passes: the holder first.
    pub(crate) async fn measure(&self, holder: usize, time: Duration) {
        let places = [holder, 1 - holder];
        let before = [self.seconds(places[0]).await, self.seconds(places[1]).await];
        sleep(time).await;
        let mut shares = Vec::new();
        for (place, before) in places.into_iter().zip(before) {
            let share = (self.seconds(place).await - before) / time.as_secs_f64();
            let bytes = self.members[place].program.metric("process_resident_memory_bytes").await;
            shares.push((share, bytes / f64::from(1 << 20)));
        }
        let [(holder, holder_mib), (follower, follower_mib)] = shares[..] else { return };
        println!(
            "holder: {:.1} % of a core, {holder_mib:.0} MiB; follower: {:.1} %, {follower_mib:.0} MiB; \
             follower to holder: CPU {:.2}, memory {:.2}",
            holder * 100.0,
            follower * 100.0,
            follower / holder,
            follower_mib / holder_mib
        );
    }

    async fn seconds(&self, place: usize) -> f64 {
        self.members[place].program.metric("process_cpu_seconds_total").await
    }

    /// Cuts or opens one network of a bridge.
    pub(crate) fn set(&self, place: usize, of: impl Fn(&Member) -> &Proxy, way: Way) {
        of(&self.members[place]).set(way);
    }
}

/// The epoch of the lease that a line says was taken.
fn epoch_taken(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("it took the lease (epoch ")?;
    rest.split_once(')')?.0.parse().ok()
}
