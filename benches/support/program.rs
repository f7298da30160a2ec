//! The program, in a process of its own.

#![allow(dead_code, reason = "each user needs a part of it")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

/// How long it may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running bridge.
#[derive(Debug)]
pub(crate) struct Bridge {
    child: Child,
    /// When it knew what SiteWise has.
    learned: watch::Receiver<Option<Instant>>,
    /// Where its console is.
    console: watch::Receiver<Option<String>>,
    lines: Arc<Mutex<Vec<String>>>,
    /// Ends with its log.
    reader: JoinHandle<()>,
}

impl Bridge {
    /// Starts it between an MQTT server and SiteWise on these ports, with these variables and
    /// no others.
    pub(crate) fn start(mqtt: u16, sitewise: u16, variables: &[(&str, &OsStr)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sparkwise"))
            .env_clear()
            .env("MQTT_URL", format!("mqtt://127.0.0.1:{mqtt}"))
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL_IOTSITEWISE", format!("http://127.0.0.1:{sitewise}"))
            .env("TWIN_NAMESPACE", "test")
            .env("CONSOLE_ADDR", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (learns, learned) = watch::channel(None);
        let (listens, console) = watch::channel(None);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&lines);
        let reader = tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                if line.contains("initial sync with SiteWise complete") {
                    learns.send_replace(Some(Instant::now()));
                }
                if let Some((_, address)) = line.split_once("console listening on http://") {
                    let address = address.split_whitespace().next().unwrap_or_default();
                    listens.send_replace(Some(address.to_owned()));
                }
                kept.lock().await.push(line);
            }
        });
        Self { child, learned, console, lines, reader }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits until it knows what SiteWise has; when that was.
    pub(crate) async fn learned(&self) -> Instant {
        self.learned_within(PATIENCE).await
    }

    /// The same, where there is much to learn.
    pub(crate) async fn learned_within(&self, patience: Duration) -> Instant {
        let mut learned = self.learned.clone();
        let known = tokio::time::timeout(patience, learned.wait_for(Option::is_some)).await;
        if let Ok(Ok(at)) = known
            && let Some(at) = *at
        {
            return at;
        }
        panic!("the bridge learns nothing: {:#?}", self.lines.lock().await)
    }

    /// Address of its console.
    pub(crate) async fn console(&self) -> String {
        let mut console = self.console.clone();
        let known = tokio::time::timeout(PATIENCE, console.wait_for(Option::is_some)).await;
        if let Ok(Ok(at)) = known
            && let Some(at) = at.clone()
        {
            return at;
        }
        panic!("the bridge has no console: {:#?}", self.lines.lock().await)
    }

    /// What one of its metrics says now, by name and labels as `/metrics` has them.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        self.try_metric(name).await.unwrap_or_else(|| panic!("no {name}"))
    }

    /// The same; none where it does not answer in time.
    pub(crate) async fn try_metric(&self, name: &str) -> Option<f64> {
        let answer = self.get("/metrics").await;
        let found = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map(|found| found.parse().unwrap())
    }

    /// What its console answers, head and body.
    pub(crate) async fn get(&self, path: &str) -> String {
        let at = self.console().await;
        let mut socket = TcpStream::connect(&at).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// What it has logged so far.
    pub(crate) async fn log(&self) -> Vec<String> {
        self.lines.lock().await.clone()
    }

    /// Kills it as the kernel does; when that was.
    pub(crate) async fn kill(mut self) -> Instant {
        let at = Instant::now();
        self.child.kill().await.unwrap();
        at
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let (name, id) = (format!("-{name}"), self.id().to_string());
        let sent = Command::new("kill").args([&name, &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Ends it in order; what it logged.
    pub(crate) async fn terminate(mut self) -> Vec<String> {
        self.signal("TERM").await;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.expect("the bridge does not end").unwrap();
        // Its last lines may not have been read yet.
        tokio::time::timeout(PATIENCE, &mut self.reader).await.unwrap().unwrap();
        let lines = self.log().await;
        assert!(status.success(), "{lines:#?}");
        lines
    }
}

/// A folder that goes with its user.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sparkwise-{}-{number}", std::process::id());
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
