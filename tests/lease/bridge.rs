//! One bridge's end of the lease: what the shell does, and nothing besides.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sparkwise::dynamodb::LeaseTable;
use sparkwise::lease::{Ability, Answer, CallId, Lease, Output, Sense};
use sparkwise::time::Instant;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use crate::proxy::Proxy;

pub(crate) const ABLE: Ability = Ability { hears: Sense::Yes, reaches: Sense::Yes };

/// The clock of all bridges of a test: each has its own, but they are one machine's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(tokio::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn now(self) -> Instant {
        Instant::from_start(self.0.elapsed())
    }
}

/// What a bridge said, and when.
pub(crate) type OutputLog = Vec<(Instant, Output)>;

pub(crate) struct Bridge {
    pub(crate) proxy: Proxy,
    pub(crate) lease: Arc<Mutex<Lease>>,
    pub(crate) log: Arc<Mutex<OutputLog>>,
    changed: Arc<Notify>,
    asleep: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Bridge {
    /// A bridge that can do all there is, on a way of its own to the store.
    pub(crate) async fn start(
        id: &str,
        item: &str,
        store: std::net::SocketAddr,
        clock: Clock,
    ) -> Self {
        let proxy = Proxy::start(store).await;
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(format!("http://{}", proxy.address))
            .build();
        let at = format!("dynamodb://{}/{item}", crate::TABLE).parse().unwrap();
        let table = LeaseTable::new(&config, at).unwrap();
        let now = clock.now();
        let mut lease = Lease::new(id, fastrand::u64(..), now);
        lease.handle_ability(ABLE, now);
        let lease = Arc::new(Mutex::new(lease));
        let log = Arc::default();
        let (asleep, sleeps) = watch::channel(false);
        let changed = Arc::new(Notify::new());
        let shell = Shell {
            lease: Arc::clone(&lease),
            log: Arc::clone(&log),
            table: Arc::new(table),
            clock,
            changed: Arc::clone(&changed),
        };
        let task = tokio::spawn(shell.run(sleeps));
        Self { proxy, lease, log, changed, asleep, task }
    }

    /// Says something to the lease.
    pub(crate) fn tell(&self, say: impl FnOnce(&mut Lease)) {
        say(&mut self.lease.lock().unwrap());
        self.changed.notify_one();
    }

    pub(crate) fn acts(&self, now: Instant) -> bool {
        self.lease.lock().unwrap().acts(now)
    }

    pub(crate) fn sleep(&self, is_asleep: bool) {
        self.asleep.send_replace(is_asleep);
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }

    pub(crate) fn log(&self) -> OutputLog {
        self.log.lock().unwrap().clone()
    }
}

struct Shell {
    lease: Arc<Mutex<Lease>>,
    log: Arc<Mutex<OutputLog>>,
    table: Arc<LeaseTable>,
    clock: Clock,
    changed: Arc<Notify>,
}

impl Shell {
    async fn run(self, mut sleeps: watch::Receiver<bool>) {
        let (answered, mut answers) = mpsc::unbounded_channel::<(CallId, Answer)>();
        loop {
            let due = self.drain(&answered);
            let start = self.clock.0;
            tokio::select! {
                Some((id, answer)) = answers.recv() => {
                    Self::wake(&mut sleeps).await;
                    self.lease.lock().unwrap().handle_answer(id, answer, self.clock.now());
                }
                () = tokio::time::sleep_until(start + due.since_start()) => {
                    Self::wake(&mut sleeps).await;
                    self.lease.lock().unwrap().handle_timeout(self.clock.now());
                }
                () = self.changed.notified() => {}
            }
        }
    }

    /// Waits until the process is no longer asleep.
    async fn wake(sleeps: &mut watch::Receiver<bool>) {
        let _ = sleeps.wait_for(|is_asleep| !is_asleep).await;
    }

    /// Does what the lease wants. Returns when it wants to be called again.
    fn drain(&self, answered: &mpsc::UnboundedSender<(CallId, Answer)>) -> Instant {
        let mut lease = self.lease.lock().unwrap();
        while let Some(output) = lease.poll_output() {
            match output {
                Output::Call(id, call) => {
                    let (table, answered) = (Arc::clone(&self.table), answered.clone());
                    tokio::spawn(async move {
                        let answer = table.perform(&call).await.unwrap_or(Answer::Failed);
                        let _ = answered.send((id, answer));
                    });
                }
                output => self.log.lock().unwrap().push((self.clock.now(), output)),
            }
        }
        let far = self.clock.now() + Duration::from_secs(3_600);
        lease.poll_timeout().unwrap_or(far)
    }
}
