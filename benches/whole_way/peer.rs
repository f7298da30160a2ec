//! The other process: the plant behind an MQTT server, and the stub before the emulator.
//!
//! Its time is not the bridge's, so it runs apart. It says a line when something has happened
//! and is told by a line to go on; it ends with its input.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sitewise_local::{Options, Server};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::link::Link;
use super::load::Load;
use super::plan::{Plan, WINDOW};
use super::stub;
use super::taken::Taken;

/// Messages written at once.
const CHUNK: usize = 64;
/// After the last value of the births, before data begins.
const QUIET: Duration = Duration::from_millis(500);
/// Without a value for so long, no more are expected.
const STUCK: Duration = Duration::from_secs(5);
/// Models and assets are created at the account's rates: a thousand assets take 20 s.
const BIRTH: Duration = Duration::from_secs(120);

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

pub(crate) fn run(plan: Plan) {
    let (go, told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for _line in std::io::stdin().lock().lines() {
            let _ = go.send(());
        }
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(plan, told));
}

#[expect(clippy::print_stdout, reason = "the line to the parent")]
fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

async fn serve(plan: Plan, mut told: mpsc::UnboundedReceiver<()>) {
    let load = Load::new(&plan);
    let emulator = Server::bind(LOOPBACK.into(), Options::default()).unwrap();
    let emulator_at = emulator.local_addr();
    tokio::spawn(emulator.run(std::future::pending()));

    let taken = Arc::new(Taken::default());
    let http = TcpListener::bind(SocketAddr::from(LOOPBACK)).await.unwrap();
    let http_at = http.local_addr().unwrap();
    tokio::spawn(stub::serve(http, emulator_at, Arc::clone(&taken)));

    let mqtt = TcpListener::bind(SocketAddr::from(LOOPBACK)).await.unwrap();
    say(&format!("ready {} {}", mqtt.local_addr().unwrap().port(), http_at.port()));
    loop {
        let link = Link::accept(&mqtt).await;
        round(link, &plan, &load, &taken, &mut told).await;
    }
}

/// One connection of a bridge: births, and when told so, the data.
async fn round(
    link: Link,
    plan: &Plan,
    load: &Load,
    taken: &Taken,
    told: &mut mpsc::UnboundedReceiver<()>,
) {
    let before = taken.values();
    link.write(&load.births).await.unwrap();
    let born = timeout(BIRTH, births_taken(plan, taken, before)).await;
    say(&format!("born {} {}", u8::from(born.is_ok()), taken.values() - before));
    told.recv().await;

    let (values, requests, began) = (taken.values(), taken.requests(), Instant::now());
    let all = values + plan.values() as u64;
    let sending = pump(load, plan, &link, taken);
    let arriving = arrived(taken, all);
    let ((), ended) = tokio::join!(sending, arriving);
    say(&format!(
        "done {} {} {} {}",
        taken.values() - values,
        taken.requests() - requests,
        ended.duration_since(began).as_micros(),
        link.rebirths()
    ));
    link.ended().await;
}

/// Until every property has its first value, and nothing more comes.
async fn births_taken(plan: &Plan, taken: &Taken, before: u64) {
    loop {
        let seen = taken.values();
        tokio::time::sleep(QUIET).await;
        if seen == taken.values() && seen - before >= plan.properties() as u64 {
            return;
        }
    }
}

/// Writes the data as fast as the socket takes it, within the window.
async fn pump(load: &Load, plan: &Plan, link: &Link, taken: &Taken) {
    let values_per_message = (plan.values() / load.ends.len()) as u64;
    let before = taken.values();
    let (mut from, mut sent) = (0, 0);
    for ends in load.ends.chunks(CHUNK) {
        sent += ends.len() as u64 * values_per_message;
        loop {
            let more = taken.more.notified();
            if sent <= taken.values() - before + WINDOW {
                break;
            }
            if timeout(STUCK, more).await.is_err() {
                return;
            }
        }
        let end = ends.last().copied().unwrap_or(from);
        if link.write(&load.data[from..end]).await.is_err() {
            return;
        }
        from = end;
    }
}

/// Until the stub has taken `all` values, or none come any more; tells when the last came.
async fn arrived(taken: &Taken, all: u64) -> Instant {
    let mut last = Instant::now();
    loop {
        let more = taken.more.notified();
        if taken.values() >= all || timeout(STUCK, more).await.is_err() {
            return last;
        }
        last = Instant::now();
    }
}
