//! The program, in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, Notify};

/// Where the program finds the world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) mqtt: u16,
    pub(crate) sitewise: u16,
    pub(crate) outbox: Folder,
}

/// A running bridge.
pub(crate) struct Bridge {
    child: Child,
    learned: Arc<Learned>,
    lines: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Default)]
struct Learned {
    yes: AtomicBool,
    told: Notify,
}

impl Bridge {
    pub(crate) fn start(world: &World) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sparkwise"))
            .env_clear()
            .env("MQTT_URL", format!("mqtt://127.0.0.1:{}", world.mqtt))
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL_IOTSITEWISE", format!("http://127.0.0.1:{}", world.sitewise))
            .env("TWIN_NAMESPACE", "test")
            .env("OUTBOX_DIR", world.outbox.path())
            .env("INGEST_LINGER", "500ms")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let learned = Arc::new(Learned::default());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (heard, kept) = (Arc::clone(&learned), Arc::clone(&lines));
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                if line.contains("what SiteWise has is known") {
                    heard.yes.store(true, Ordering::Relaxed);
                    heard.told.notify_one();
                }
                kept.lock().await.push(line);
            }
        });
        Self { child, learned, lines }
    }

    /// Waits until it knows what SiteWise has: before, values are in its memory alone.
    pub(crate) async fn learned(&self) {
        let told = async {
            while !self.learned.yes.load(Ordering::Relaxed) {
                self.learned.told.notified().await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), told).await.is_err() {
            panic!("the bridge learns nothing: {:#?}", self.lines.lock().await);
        }
    }

    /// Kills it as the kernel does; when that was.
    pub(crate) async fn kill(mut self) -> Instant {
        let at = Instant::now();
        self.child.kill().await.unwrap();
        at
    }

    /// Ends it in order; what it logged.
    pub(crate) async fn terminate(mut self) -> Vec<String> {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(sent.success());
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        let status = ended.expect("the bridge does not end").unwrap();
        let lines = self.lines.lock().await.clone();
        assert!(status.success(), "{lines:#?}");
        lines
    }
}

/// A folder that goes with the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sparkwise-failures-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
