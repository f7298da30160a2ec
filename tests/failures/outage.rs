//! A gateway that was cut off for ten days sends its history, while the bridge is killed and S3 fails.
//!
//! What is older than seven days travels by bulk import, the rest by SiteWise's usual call, and
//! current values keep coming beside it. 200 properties; with `FAILURES_SIZE=whole` 2,000. Once all is
//! delivered the gateway sends as much again, and then twice as much: how long current values take
//! until SiteWise has them is held against the same with nothing beside them, and the program's memory
//! with twice the history against that with once. Printed are both, and what was doubled.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_iotsitewise::Client;
use sparkwise::sparkplug::address::Source;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;
use sparkwise::twin::identity::{Address, Namespace};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval};

use super::beside::{self, Live};
use super::late::{Cloud, DAY, now, rows, rows_on_disk};
use super::memory;
use super::mqtt::{Published, Reader as MqttReader, put_publish};
use super::plant;
use super::program::{Bridge, Folder};
use super::sdk;
use super::stub;
use super::turn::{self, Shared};

/// Members of a machine, and of the machine that has current values.
const MEMBERS: usize = 20;
const CURRENT: &str = "Now";
/// The number that births have.
const BIRTH: f64 = 0.5;
const KILLS: usize = 5;
/// What was read so long before a kill is safe, on a machine and a disk that nobody else keeps busy:
/// what the bridge waited for either is added.
const SAFE: Duration = Duration::from_millis(200);
/// How long a part of the history takes to be sent.
const PART: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(240);
/// Messages of the past that may lie in flight at a kill: ten are told within `SAFE`, and more on a
/// busy machine before they are read; those that were told after the reading was looked at come on top.
const IN_FLIGHT_MESSAGES: usize = 110;
/// From one message of the past to the next.
const PACE: Duration = Duration::from_millis(20);
/// How long current values are measured with nothing beside them.
const ALONE: Duration = Duration::from_secs(6);
/// By how much later than the history those are that are told once it is delivered, in milliseconds:
/// one, and then two. No value of them is within an hour of the end of SiteWise's window.
const ONCE: [i64; 1] = [DAY / 48];
const TWICE: [i64; 2] = [DAY / 24, DAY / 16];

/// A value of the past: machine, member, time and number.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Past {
    machine: usize,
    member: usize,
    time: i64,
    value: f64,
}

fn machine(number: usize) -> String {
    format!("T{number}")
}

/// Forty-two values of each property, six hours apart, the oldest first; none within three hours of
/// the end of SiteWise's window, which moves on while this runs.
fn history(machines: usize) -> Vec<Past> {
    let begin = now() - 10 * DAY - DAY / 8 * 3;
    let mut pasts = Vec::new();
    for step in 0..42_u32 {
        for machine in 0..machines {
            for member in 0..MEMBERS {
                // Each property has its own milliseconds.
                let time = begin + i64::from(step) * DAY / 4 + (machine * MEMBERS + member) as i64;
                pasts.push(Past { machine, member, time, value: f64::from(step) + 0.25 });
            }
        }
    }
    pasts
}

/// What the edge is to send, and what it has written to a socket.
#[derive(Debug, Default)]
struct Script {
    machines: usize,
    to_send: VecDeque<Past>,
    /// Values of each message.
    at_once: usize,
    /// With the number of their message on its connection.
    written: Vec<(u64, Past)>,
    /// When current values were told.
    current: Vec<i64>,
}

/// An MQTT server with an edge node behind it: births for each bridge that comes, then the history
/// that is asked for, and current values all the time.
async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = tell(socket, &script).await;
    }
}

async fn tell(socket: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let (read, write) = socket.into_split();
    let write = Arc::new(tokio::sync::Mutex::new(write));
    let mut edge = Edge::new(plant::node(), 0);
    let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let answers = Arc::clone(&write);
    tokio::spawn(async move {
        let mut reader = MqttReader::new(read);
        while let Ok(Some(message)) = reader.next(&answers).await {
            if heard.send(message).is_err() {
                return;
            }
        }
    });
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut online, mut tick, mut messages) = (false, 0_u64, 0);
    loop {
        tokio::select! {
            message = hears.recv() => {
                let Some(Published { topic, payload }) = message else { return Ok(()) };
                let comes = topic.starts_with("spBv1.0/STATE/")
                    && payload.windows(4).any(|word| word == b"true");
                if comes || edge.is_rebirth(&topic, &payload) {
                    let machines = script.lock().unwrap().machines;
                    send(&write, birth(&mut edge, machines)).await?;
                    messages += 1;
                    online = true;
                }
            }
            _ = pace.tick(), if online => {
                tick += 1;
                let pasts: Vec<Past> = {
                    let mut script = script.lock().unwrap();
                    let most = script.at_once.min(script.to_send.len());
                    script.to_send.drain(..most).collect()
                };
                if !pasts.is_empty() {
                    messages += 1;
                    let message = told(&mut edge, &pasts);
                    // Before it is written: the socket may end meanwhile.
                    let noted = pasts.into_iter().map(|past| (messages, past));
                    script.lock().unwrap().written.extend(noted);
                    send(&write, message).await?;
                }
                // One member after the other: each ten times in four seconds.
                let time = now();
                let member = plant::member(usize::try_from(tick).unwrap() % MEMBERS);
                let member = Metric::new(&member, tick as f64);
                let current = Template::instance("Turbine").member(member);
                let message =
                    edge.ndata(Timestamp::from_millis(time), [Metric::template(CURRENT, current)]);
                messages += 1;
                send(&write, message).await?;
                script.lock().unwrap().current.push(time);
            }
        }
    }
}

fn birth(edge: &mut Edge, machines: usize) -> Message {
    let members = || (0..MEMBERS).map(|of| Metric::new(&plant::member(of), BIRTH));
    let definition = Template::definition().members(members());
    let mut metrics = vec![Metric::template("_types_/Turbine", definition)];
    for name in (0..machines).map(machine).chain([CURRENT.to_owned()]) {
        let instance = Template::instance("Turbine").members(members());
        metrics.push(Metric::template(&name, instance));
    }
    edge.nbirth(Timestamp::from_millis(now()), metrics)
}

fn told(edge: &mut Edge, pasts: &[Past]) -> Message {
    let metrics = pasts.iter().map(|past| {
        let metric = Metric::new(&plant::member(past.member), past.value);
        let metric = metric.at(Timestamp::from_millis(past.time)).historical();
        Metric::template(&machine(past.machine), Template::instance("Turbine").member(metric))
    });
    edge.ndata(Timestamp::from_millis(now()), metrics)
}

async fn send(write: &tokio::sync::Mutex<OwnedWriteHalf>, message: Message) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    put_publish(&mut bytes, &message.topic, &message.payload);
    write.lock().await.write_all(&bytes).await
}

/// At how many kills a value lay in flight, by machine, member and time: told by the edge, and not
/// yet safe with the bridge.
type InFlight = BTreeMap<(usize, usize, i64), u32>;

/// Reads back what SiteWise has.
struct History(Client);

impl History {
    fn asset(name: &str) -> String {
        let source = Source { edge: plant::node(), device: None };
        Namespace::new("test").asset(&Address::Instance(&source, &[name])).to_string()
    }

    /// Ids of the properties of all machines, which are of one model.
    async fn properties(&self) -> BTreeMap<String, String> {
        let described = self.0.describe_asset().asset_id(Self::asset("T0")).send().await.unwrap();
        described.asset_properties.into_iter().map(|of| (of.name, of.id)).collect()
    }

    /// Times and numbers of a property.
    async fn of(&self, machine: usize, property: &str) -> BTreeSet<(i64, u64)> {
        let asset = Self::asset(&self::machine(machine));
        let asked = self.0.get_asset_property_value_history().asset_id(asset);
        let asked = asked.property_id(property).max_results(1_000);
        let Ok(answer) = asked.send().await else { return BTreeSet::new() };
        let values = answer.asset_property_value_history.into_iter();
        let values = values.filter_map(|value| {
            let (time, number) = (value.timestamp?, value.value?.double_value?);
            let millis = i64::from(time.offset_in_nanos.unwrap_or_default()) / 1_000_000;
            Some((time.time_in_seconds * 1_000 + millis, number.to_bits()))
        });
        values.collect()
    }

    /// Waits until all of these are there.
    async fn has(&self, all: &[Past], properties: &BTreeMap<String, String>, bridge: &Bridge) {
        let mut owed: BTreeMap<(usize, usize), BTreeSet<(i64, u64)>> = BTreeMap::new();
        for past in all {
            let of = owed.entry((past.machine, past.member)).or_default();
            of.insert((past.time, past.value.to_bits()));
        }
        let until = Instant::now() + PATIENCE;
        while !owed.is_empty() {
            let mut left = BTreeMap::new();
            for ((machine, member), values) in owed {
                let has = self.of(machine, &properties[&plant::member(member)]).await;
                if !values.is_subset(&has) {
                    left.insert((machine, member), values);
                }
            }
            owed = left;
            let late = bridge.metric("sparkwise_values_waiting_late").await;
            let log = || bridge.log();
            let missing = owed.len();
            assert!(Instant::now() < until, "{missing} missing, {late} late: {:#?}", log().await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Waits until no value waits for its job.
async fn no_file_is_left(bridge: &Bridge) {
    let until = Instant::now() + PATIENCE;
    while bridge.metric("sparkwise_values_waiting_late").await > 0.0 {
        assert!(Instant::now() < until, "{:#?}", bridge.log().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Lets the gateway tell these as well, and waits until each is in SiteWise or in a file.
async fn tell_more(
    more: &[Past],
    oldest: i64,
    bridge: &Bridge,
    script: &Mutex<Script>,
    live: &Live,
) {
    let of = async |name: &str| bridge.metric(name).await;
    let in_files = async || {
        of("sparkwise_values_waiting_late").await
            + of("sparkwise_values_delivered_late_total").await
    };
    let old = more.iter().filter(|past| past.time < oldest).count();
    let taken = live.keys.lock().unwrap().len() + more.len() - old;
    let filed = in_files().await + old as f64;
    script.lock().unwrap().to_send.extend(more);
    let until = Instant::now() + PATIENCE;
    while live.keys.lock().unwrap().len() < taken || in_files().await < filed {
        assert!(Instant::now() < until, "{:#?}", bridge.log().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_days_of_history_arrive_with_five_kills_and_current_values_beside_them() {
    let _turn = super::alone().await;
    let whole = std::env::var_os("FAILURES_SIZE").is_some_and(|size| size == "whole");
    let machines = if whole { 100 } else { 10 };
    let cloud = Cloud::start().await;
    let live = Arc::new(Live::new(BIRTH));
    let http = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let sitewise = http.local_addr().unwrap().port();
    let emulator = SocketAddr::from(([127, 0, 0, 1], cloud.sitewise));
    tokio::spawn(stub::serve(http, emulator, Arc::clone(&live)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mqtt = listener.local_addr().unwrap().port();
    let all = history(machines);
    let oldest = now() - 7 * DAY;
    let part = all.len() / KILLS + 1;
    let ticks = PART.as_millis() / PACE.as_millis();
    let at_once = part / usize::try_from(ticks).unwrap() + 1;
    let script = Arc::new(Mutex::new(Script { machines, at_once, ..Script::default() }));
    tokio::spawn(serve(listener, Arc::clone(&script)));
    let outbox = Folder::new();
    let start = || Bridge::start(mqtt, sitewise, &cloud.variables(&outbox));

    let (mut again, mut peaks, mut in_flight) = (Vec::new(), Vec::new(), InFlight::new());
    let mut parts = all.chunks(part);
    for life in 1..=KILLS {
        let bridge = start();
        bridge.learned().await;
        script.lock().unwrap().written.clear();
        let pasts: Vec<Past> =
            again.drain(..).chain(parts.next().unwrap().iter().copied()).collect();
        script.lock().unwrap().to_send.extend(pasts);
        if life < KILLS {
            // In the midst of it.
            tokio::time::sleep(PART * 3 / 4).await;
        } else {
            // All that is old is in a file, or its object, before the last kill: the next life closes
            // the file, which would be open for an hour.
            let old = all.iter().filter(|past| past.time < oldest).count();
            let on_its_way = || {
                let on_disk = rows_on_disk(&outbox);
                let objects = rows(&cloud.objects.lock().unwrap());
                on_disk.into_iter().chain(objects.into_keys()).collect::<BTreeSet<_>>().len()
            };
            let until = Instant::now() + PATIENCE;
            while !script.lock().unwrap().to_send.is_empty() || on_its_way() < old {
                assert!(
                    Instant::now() < until,
                    "{} of {old}: {:#?}",
                    on_its_way(),
                    bridge.log().await
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        peaks.extend(memory::peak(bridge.id()));
        // On a busy machine what was written may not be read for long: a count says what was.
        let count = bridge.metric("sparkwise_sparkplug_messages_total").await as u64;
        let read = count - replayed(&bridge.log().await);
        let looked = turn::kill(bridge, SAFE, Shared::ProcessorAndDisk(outbox.path())).await;
        let since = usize::try_from(looked.elapsed().as_millis() / PACE.as_millis()).unwrap();
        let mut script = script.lock().unwrap();
        let written = std::mem::take(&mut script.written).into_iter();
        let unsafe_ones = written.filter(|(message, _)| *message > read);
        again.extend(unsafe_ones.map(|(_, past)| past));
        for past in &again {
            *in_flight.entry((past.machine, past.member, past.time)).or_default() += 1;
        }
        // A bound: otherwise what is doubled could hide among them.
        let most = at_once * (IN_FLIGHT_MESSAGES + since);
        assert!(again.len() <= most, "{} values in flight at kill {life}", again.len());
        again.extend(script.to_send.drain(..));
    }
    let bridge = start();
    bridge.learned().await;
    script.lock().unwrap().to_send.extend(again);

    // All of it arrives.
    let history = History(sdk::reader(&format!("http://127.0.0.1:{}", cloud.sitewise)));
    let properties = history.properties().await;
    history.has(&all, &properties, &bridge).await;

    let went =
        |all: &[Past]| where_they_went(all, oldest, &properties, &in_flight, (&cloud, &live));
    let doubled = went(&all);
    no_file_is_left(&bridge).await;
    peaks.extend(memory::peak(bridge.id()));
    print(&peaks, (all.len(), &in_flight, &doubled));

    // Nothing beside current values, then as much history again, and then twice as much.
    let current = |during: (i64, i64)| {
        let script = script.lock().unwrap();
        script.current.iter().filter(|time| (during.0..during.1).contains(time)).count()
    };
    let id = bridge.id();
    let (_, alone) = beside::watch(tokio::time::sleep(ALONE), id, &live, current).await;
    let (once, twice) = (later(&all, &ONCE), later(&all, &TWICE));
    let tell = |more| tell_more(more, oldest, &bridge, &script, &live);
    let (_, beside_once) = beside::watch(tell(&once), id, &live, current).await;
    let (_, beside_twice) = beside::watch(tell(&twice), id, &live, current).await;
    balanced(&bridge.terminate().await);
    // The next process closes the file, which would be open for an hour.
    let bridge = start();
    bridge.learned().await;
    for more in [&once, &twice] {
        history.has(more, &properties, &bridge).await;
        assert_eq!(went(more), []);
    }
    no_file_is_left(&bridge).await;
    balanced(&bridge.terminate().await);
    beside::judge(&live, whole, [&alone, &beside_once, &beside_twice]);
}

/// The same so much later.
fn later(all: &[Past], shifts: &[i64]) -> Vec<Past> {
    let shifted = |shift: &i64| {
        let shift = *shift;
        all.iter().map(move |past| Past { time: past.time + shift, ..*past })
    };
    shifts.iter().flat_map(shifted).collect()
}

fn balanced(log: &[String]) {
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
}

/// What is old is in exactly one object, what is not in none, and nothing went both ways. What lay in
/// flight at a kill was told again, so it may be in one object more for each such kill: which ones are.
fn where_they_went(
    all: &[Past],
    oldest: i64,
    properties: &BTreeMap<String, String>,
    in_flight: &InFlight,
    (cloud, live): (&Cloud, &Live),
) -> Vec<Past> {
    let in_files = rows(&cloud.objects.lock().unwrap());
    let taken = live.keys.lock().unwrap().clone();
    let mut doubled = Vec::new();
    for past in all {
        let key = (properties[&plant::member(past.member)].clone(), past.time);
        let files = in_files.get(&key).copied().unwrap_or_default();
        let kills = in_flight.get(&(past.machine, past.member, past.time)).copied();
        let is_live = taken.contains(&key);
        assert_eq!(past.time < oldest, files > 0, "{past:?} is in {files} objects");
        assert_eq!(past.time >= oldest, is_live, "{past:?} went the wrong way, or both");
        assert!(files <= 1 + kills.unwrap_or_default(), "{past:?} is in {files} objects");
        if files > 1 {
            doubled.push(*past);
        }
    }
    doubled
}

/// Messages that an earlier process had stored before it knew what SiteWise has, and that are read
/// again: the count of messages has them in it.
fn replayed(log: &[String]) -> u64 {
    let told =
        log.iter().filter_map(|line| line.split_once("replaying ")?.1.split_once(" messages"));
    told.map(|(count, _)| count.parse::<u64>().unwrap()).sum()
}

#[expect(clippy::print_stdout, reason = "the figures")]
fn print(peaks: &[f64], (all, in_flight, doubled): (usize, &InFlight, &[Past])) {
    let in_flight = in_flight.len();
    println!("{all} values of the past; {in_flight} lay in flight at a kill and were sent again");
    println!("of these in two objects or more: {}", doubled.len());
    for past in doubled.iter().take(20) {
        println!("  {} {} {}", machine(past.machine), plant::member(past.member), past.time);
    }
    println!("memory, most of each life in MiB: {peaks:.0?}");
}
