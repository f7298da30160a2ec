//! The shell: reads the clocks, moves bytes, and does what the bridge decides.
//!
//! A task for each MQTT server, the engine, and the calls it has in flight: all are started and
//! supervised here, and stopped in order. The console stops last, so that it shows the shutdown.

mod doors;
mod engine;
pub mod late;
mod lease;
mod ledger;
mod links;
mod request_workers;
mod servers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

pub(crate) use self::doors::signed_address;
use self::engine::{Engine, EngineResult, LateCourier, Reporting, ShutdownPatience};
use self::engine::{NamespaceRequest, log_namespace};
pub use self::ledger::{LateAccount, Ledger, MessageCounts, OutboxLosses};
use self::servers::{ServerState, ServerStates};
use crate::bridge::{self, Bridge};
use crate::config::{self, Config};
use crate::console::emf::Emf;
use crate::console::queries::{EngineQueries, QueryReceiver};
use crate::console::{self, Listener};
use crate::late::Buffered;
use crate::outbox::disk::folder::recorded_count as books_tell;
use crate::outbox::disk::late_files::LateFolder;
use crate::outbox::disk::store::StoreError as DiskFault;
use crate::outbox::disk::{DiskOutbox, LATE_FOLDER, LateFileUse};
use crate::outbox::memory::MemoryOutbox;
use crate::outbox::{DiskState, Outbox};
use crate::sitewise::aws::{AwsSiteWise, NoClient};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::config as host;
use crate::sparkplug::filter::Heard;
use crate::sparkplug::rebirth;
use crate::twin::identity::Namespace;
use crate::twin::plan::rates::ProvisioningRates;
use crate::{delivery, mqtt, twin};

/// Messages from all servers queued for the engine; further ones are dropped and counted, and the
/// gap in the sequence triggers a rebirth request.
const INBOUND: usize = 16_384;
/// Messages queued for one server's connection.
const OUTBOUND: usize = 1_024;
/// How long to wait for a folder that another process has locked.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait between two attempts to lock it.
const LOCK_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Why the bridge could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint of SiteWise, or the certificate authorities to trust, cannot be determined.
    #[error(transparent)]
    SiteWise(#[from] NoClient),
    /// The MQTT connection cannot be configured.
    #[error("MQTT cannot be set up: {0}")]
    Mqtt(#[from] mqtt::Error),
    /// The connection of AWS IoT commands cannot be configured. It is checked as those of `MQTT_*`
    /// are, under the names of its own variables.
    #[error("AWS IoT commands cannot be set up: {}", .0.to_string().replace("MQTT_", "COMMANDS_IOT_"))]
    Door(#[source] mqtt::Error),
    /// The connection of AWS IoT commands cannot be signed.
    #[error("COMMANDS_IOT_URL cannot be used: {0}")]
    Signer(#[source] NoClient),
    /// No client for the queues of commands can be built.
    #[error("COMMANDS_QUEUE_URL cannot be used: {0}")]
    Queue(#[source] NoClient),
    /// No client for the lease's table can be built.
    #[error("LEASE cannot be used: {0}")]
    Lease(#[source] NoClient),
    /// The console's address cannot be bound.
    #[error("CONSOLE_ADDR: {0}")]
    Console(#[source] std::io::Error),
    /// The outbox on disk cannot be opened.
    #[error("the outbox in OUTBOX_DIR={0} cannot be used: {1}")]
    Outbox(String, DiskFault),
    /// A task stopped unexpectedly: a bug.
    #[error("the task `{0}` stopped unexpectedly")]
    Task(&'static str),
}

/// Runs the bridge against AWS, until `shutdown`. Then it flushes the outbox, until `force_stop`
/// at most.
///
/// # Errors
///
/// It cannot start, or a task failed.
pub async fn run(
    config: Config,
    shutdown: impl Future<Output = ()>,
    force_stop: impl Future<Output = ()>,
) -> Result<Ledger, Error> {
    let listener = Listener::bind(&config.console).await.map_err(Error::Console)?;
    let console = ConsoleTask::start(listener, "the engine is not running yet");
    let sitewise = AwsSiteWise::from_env().await?;
    let endpoint = sitewise.endpoint();
    info!(sitewise.endpoint = %endpoint, "SiteWise endpoint: {endpoint}");
    let namespace = match &config.twin.namespace {
        Some(namespace) => NamespaceSource::Known(namespace.clone()),
        None => {
            let account = sitewise.account_request();
            NamespaceSource::Asked(NamespaceRequest::start(account))
        }
    };
    let courier = late_courier(&config, &sitewise);
    run_engine(config, console, (sitewise, courier), namespace, (shutdown, force_stop)).await
}

/// Where the namespace of all ids comes from.
enum NamespaceSource {
    Known(String),
    /// It is the account and region, which are asked for while the engine runs.
    Asked(NamespaceRequest),
}

/// The console's task, and the engine's end of its query channel.
struct ConsoleTask {
    queries: QueryReceiver,
    /// None where it is switched off.
    task: Option<JoinHandle<()>>,
    /// The task ends when this is dropped.
    cancel_on_drop: DropGuard,
}

impl ConsoleTask {
    /// Starts it; until the engine runs it answers with `reason`.
    fn start(listener: Option<Listener>, reason: &str) -> Self {
        let (questions, queries) = EngineQueries::new(reason);
        let end = CancellationToken::new();
        let task =
            listener.map(|listener| tokio::spawn(console::serve(listener, questions, end.clone())));
        Self { queries, task, cancel_on_drop: end.drop_guard() }
    }
}

/// The shutdown was requested before anything was read.
fn finish_early_shutdown() -> Ledger {
    let ledger = Ledger::default();
    ledger.log_final(Duration::ZERO, ShutdownPatience::None);
    ledger
}

/// Runs the bridge against any SiteWise, until `shutdown`, and returns the ledger.
///
/// # Errors
///
/// It cannot start, or a task failed.
pub async fn run_with<S: SiteWise>(
    config: Config,
    sitewise: S,
    namespace: &str,
    shutdown: impl Future<Output = ()>,
) -> Result<Ledger, Error> {
    let listener = Listener::bind(&config.console).await.map_err(Error::Console)?;
    run_with_console(config, listener, sitewise, namespace, shutdown).await
}

/// Runs the bridge as [`run_with`] does, with a console that the caller has bound.
///
/// # Errors
///
/// It cannot start, or a task failed.
pub async fn run_with_console<S: SiteWise>(
    config: Config,
    listener: Option<Listener>,
    sitewise: S,
    namespace: &str,
    shutdown: impl Future<Output = ()>,
) -> Result<Ledger, Error> {
    let console = ConsoleTask::start(listener, "the engine is not running yet");
    let end = (shutdown, std::future::pending());
    let namespace = NamespaceSource::Known(namespace.to_owned());
    run_engine(config, console, (sitewise, None), namespace, end).await
}

async fn run_engine<S: SiteWise>(
    config: Config,
    console: ConsoleTask,
    (sitewise, courier): (S, Option<LateCourier>),
    namespace: NamespaceSource,
    end: (impl Future<Output = ()>, impl Future<Output = ()>),
) -> Result<Ledger, Error> {
    let ConsoleTask { queries, task, cancel_on_drop: console } = console;
    let grace = config.process.shutdown_grace;
    let (shutdown, force_stop) = end;
    tokio::pin!(shutdown);
    let late = courier.as_ref().map_or(LateFileUse::Disabled, |_| LateFileUse::Enabled);
    let bridges = config.lease.as_ref().map_or(1, |_| lease::BRIDGES);
    let outbox = tokio::select! {
        outbox = outbox(&config.outbox, late, bridges) => outbox?,
        () = &mut shutdown => return Ok(finish_early_shutdown()),
    };
    let (inbound, messages) = mpsc::channel(INBOUND);
    let cancel = CancellationToken::new();
    let mut connections = JoinSet::new();
    let mut servers = Vec::new();
    let lease = match &config.lease {
        Some(at) => Some(lease::open(at, &config, inbound.clone(), &mut servers).await?),
        None => None,
    };
    for (server, url) in (0..).zip(&config.mqtt.servers).filter(|_| lease.is_none()) {
        let connection = mqtt::Connection::new(server, url, &config.mqtt, &config.sparkplug)?;
        let (outbound, publishes) = mpsc::channel(OUTBOUND);
        servers.push(ServerState::new(url.to_string(), outbound, connection.figures()));
        connections.spawn(connection.run(inbound.clone(), publishes, cancel.clone()));
    }
    drop(inbound);

    let (name, naming) = match namespace {
        NamespaceSource::Known(name) => {
            log_namespace(&name);
            (name, None)
        }
        NamespaceSource::Asked(request) => (String::new(), Some(request)),
    };
    let bridge = Bridge::new(bridge_config(&config, Namespace::new(&name)), rand_seed());
    let report = Reporting {
        host_id: config.sparkplug.host_id.clone(),
        outbox_max_bytes: config.outbox.max_bytes,
        linger: config.delivery.linger,
        quotas: config.quotas(),
        emf: config.console.emf.then(Emf::default),
        price: config.console.price,
    };
    let bridge = match &config.twin.labels {
        none if none.is_empty() => bridge,
        labels => bridge.with_labels(labels.clone(), rand_seed()),
    };
    let mut engine = Engine::new(bridge, outbox, sitewise, ServerStates(servers), report);
    if let Some(naming) = naming {
        engine = engine.with_naming(naming);
    }
    if let Some(commands) = &config.commands {
        let doors = doors::open(commands, &mut connections, &cancel).await?;
        engine = engine.with_commands(commands.rules.clone(), doors);
    }
    if let Some(lease) = lease {
        engine = engine.with_lease(lease);
    }
    if let Some(courier) = courier {
        engine = engine.with_late(courier, rand_seed());
    }
    let mut engine = Box::pin(engine.run(messages, queries, (shutdown, force_stop), grace));
    let EngineResult { ledger, shutdown_took, patience, links } = loop {
        tokio::select! {
            ended = &mut engine => break ended?,
            // Connections end once the engine has dropped its ends of their queues.
            Some(ended) = connections.join_next() => ended.map_err(|_| Error::Task("mqtt"))?,
        }
    };
    if patience == ShutdownPatience::None {
        // The servers publish our will.
        connections.shutdown().await;
    }
    if let Some(links) = links {
        let ended = links.finish(patience == ShutdownPatience::None).await;
        ended.map_err(|_| Error::Task("mqtt"))?;
    }
    while let Some(ended) = connections.join_next().await {
        ended.map_err(|_| Error::Task("mqtt"))?;
    }
    drop(console);
    if let Some(task) = task {
        task.await.map_err(|_| Error::Task("console"))?;
    }
    ledger.log_final(shutdown_took, patience);
    Ok(ledger)
}

/// The outbox, and the notification that it has something to be polled. It waits for a folder that
/// another process has locked: on a network file system the lock of a host that died is held for a
/// while. Of several `bridges` that share the folder each takes the first place in it that is free, so
/// that whoever comes next delivers what a dead one has left.
async fn outbox(
    config: &config::Outbox,
    late: LateFileUse,
    bridges: usize,
) -> Result<(Box<dyn Outbox>, Arc<Notify>), Error> {
    let wake = Arc::new(Notify::new());
    let Some(folder) = &config.dir else {
        let bound = usize::try_from(config.max_bytes).unwrap_or(usize::MAX);
        return Ok((Box::new(MemoryOutbox::new(bound)), wake));
    };
    let name = folder.display();
    let left = folder.join(LATE_FOLDER);
    if late == LateFileUse::Disabled
        && left.read_dir().is_ok_and(|mut files| files.next().is_some())
    {
        warn!("{} has files of late values: they are sent once LATE_BUCKET is set", left.display());
    }
    let mut places: Vec<_> = bridge_folders(folder).collect();
    for (place, count) in left_in(places.split_off(bridges).into_iter()) {
        warn!(
            "{} has {count} values that another bridge left, and no bridge without a LEASE delivers \
             them: run one with OUTBOX_DIR={0} until it has none",
            place.display()
        );
    }
    let open = || {
        let opened = places.iter().map(|place| {
            let wake = Arc::clone(&wake);
            let disk = DiskOutbox::open_as(place, config.max_bytes, wake, late);
            disk.map(|disk| (place, disk))
        });
        let mut opened = opened.skip_while(|disk| matches!(disk, Err(DiskFault::Locked)));
        opened.next().unwrap_or(Err(DiskFault::Locked))
    };
    let (folder, mut disk) = retry_while_locked(&name.to_string(), open, tokio::time::sleep)
        .await
        .map_err(|fault| Error::Outbox(name.to_string(), fault))?;
    disk.set_beside(places.iter().filter(|place| *place != folder).cloned().collect());
    let name = folder.display();
    match disk.disk().map(|disk| disk.state) {
        Some(DiskState::Unreadable(_)) => {
            let queued = books_tell(folder);
            let queued = queued
                .map_or_else(|| "an unknown number of".to_owned(), |queued| queued.to_string());
            info!(
                "outbox on disk in {name}: {queued} values queued, according to its own counts \
                (books); the outbox is damaged"
            );
        }
        _ => {
            let left = disk.len();
            info!("outbox on disk in {name}: {left} values queued by an earlier run");
        }
    }
    Ok((Box::new(disk), wake))
}

/// The places in a folder that several bridges may share: the folder itself, and those below it.
pub(crate) fn bridge_folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let below = (2..=lease::BRIDGES).map(|number| folder.join(format!("bridge-{number}")));
    [folder.to_owned()].into_iter().chain(below)
}

/// Folders in which values are queued, with how many, by their own counts.
fn left_in(places: impl Iterator<Item = PathBuf>) -> Vec<(PathBuf, u64)> {
    let left = places.filter_map(|place| Some((books_tell(&place)?, place)));
    left.filter(|(count, _)| *count > 0).map(|(count, place)| (place, count)).collect()
}

/// The result of `open`, retried after each pause while another process has locked the folder.
async fn retry_while_locked<T, P: Future<Output = ()>>(
    name: &str,
    mut open: impl FnMut() -> Result<T, DiskFault>,
    mut pause: impl FnMut(Duration) -> P,
) -> Result<T, DiskFault> {
    let mut waited = Duration::ZERO;
    loop {
        match open() {
            Err(DiskFault::Locked) if waited < LOCK_PATIENCE => {
                if waited.is_zero() {
                    warn!(
                        "the outbox in {name} is locked by another process: waiting up to \
                         {LOCK_PATIENCE:.0?} for the lock"
                    );
                }
                pause(LOCK_POLL_INTERVAL).await;
                waited += LOCK_POLL_INTERVAL;
            }
            opened => return opened,
        }
    }
}

/// Who brings late values, where that is configured.
fn late_courier(config: &Config, sitewise: &AwsSiteWise) -> Option<LateCourier> {
    let (late, folder) = (config.late.as_ref()?, config.outbox.dir.as_ref()?);
    let import = sitewise.bulk_import(&late.bucket, &late.role_arn);
    let (delivery, every) = (&config.delivery, config.delivery.buffered_every);
    let settings = crate::late::Config {
        prefix: late.prefix.clone(),
        host_id: config.sparkplug.host_id.clone(),
        every: late.every,
        max_bytes: late.max_bytes,
        buffered: delivery.buffered.clone().map(|globs| Buffered { globs, every }),
    };
    Some(LateCourier::new(import, LateFolder::new(&folder.join(LATE_FOLDER)), settings))
}

pub(crate) fn bridge_config(config: &Config, namespace: Namespace) -> bridge::Config {
    let (twin, sparkplug) = (&config.twin, &config.sparkplug);
    let usual = host::Config::new(sparkplug.host_id.clone());
    bridge::Config {
        host: host::Config {
            filter: sparkplug.filter.clone(),
            reorder_timeout: sparkplug.reorder_timeout,
            bd_seq: sparkplug.bdseq,
            rebirth: rebirth::RebirthPolicy { reasons: sparkplug.rebirth, ..usual.rebirth },
            silence: sparkplug.silence,
            servers: config.mqtt.servers.len(),
            ..usual
        },
        twin: twin::Config {
            namespace,
            model_prefix: twin.model_prefix.clone(),
            host_id: sparkplug.host_id.clone(),
            heard: Heard { groups: sparkplug.groups.clone(), filter: sparkplug.filter.clone() },
            nested: twin.nested,
            rules: twin.rules.clone(),
            kinds: twin.kinds.clone(),
            int64: twin.int64,
            statics: twin.statics.clone(),
            stale_after: twin.stale_after,
            max_models: twin.max_models.get() as usize,
            max_assets: twin.max_assets.get() as usize,
            max_properties: twin.max_properties.get() as usize,
            assets_per_model: twin.assets_per_model.get() as usize,
            rates: rates(&config.provisioning),
        },
        delivery: delivery::Config {
            linger: config.delivery.linger,
            requests_per_second: config.delivery.requests_per_second.get(),
            values_per_second: config.delivery.values_per_second.get(),
            in_flight: config.delivery.in_flight.get() as usize,
        },
    }
}

fn rates(provisioning: &config::Provisioning) -> ProvisioningRates {
    ProvisioningRates {
        model_writes: provisioning.model_writes.get(),
        asset_creations: provisioning.asset_creations.get(),
        associations: provisioning.associations.get(),
        describes: provisioning.describes.get(),
        lists: provisioning.lists.get(),
        verifications: (provisioning.lists.get() / 10).max(1),
        ..ProvisioningRates::default()
    }
}

/// Spreads the retries of several bridges: not security relevant.
fn rand_seed() -> u64 {
    fastrand::u64(..)
}

#[cfg(test)]
mod tests;
