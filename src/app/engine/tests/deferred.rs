//! More is read before SiteWise was ever reached than can be buffered, with a disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::app::engine::lease::LeaseParts;
use crate::app::links::{LinkFactory, Links};
use crate::delivery::point::Key;
use crate::dynamodb::LeaseTable;
use crate::twin::plan::api_call::ApiCall;
use crate::twin::tests::fake::FakeSiteWise;

/// Metrics of the node in these tests, and parts that are buffered.
const METRICS: u32 = 20;
const BUFFERED: usize = 500;
/// Metrics of a birth that are the session's.
const OF_SESSION: u32 = 2;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("sparkwise-deferred-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process on a folder, and SiteWise, which is away at first.
struct Process {
    engine: Engine<Silent>,
    published: mpsc::Receiver<Outgoing>,
    unanswered: Vec<(CallId, ApiCall)>,
    sitewise: Option<FakeSiteWise>,
    taken: BTreeSet<Key>,
}

impl Process {
    fn start(folder: &Path, bound: u64) -> Self {
        Self::start_after(folder, bound, || {})
    }

    /// The same, where something happens to the folder before the first message.
    fn start_after(folder: &Path, bound: u64, happens: impl FnOnce()) -> Self {
        Self::start_as(folder, bound, happens, |engine| engine)
    }

    /// As one of two bridges, which follows.
    fn follow(folder: &Path) -> Self {
        Self::start_as(folder, 1 << 30, || {}, |engine| engine.with_lease(lease()))
    }

    fn start_as(
        folder: &Path,
        bound: u64,
        happens: impl FnOnce(),
        role: impl FnOnce(Engine<Silent>) -> Engine<Silent>,
    ) -> Self {
        let wake = Arc::new(Notify::new());
        let disk = DiskOutbox::open(folder, bound, Arc::clone(&wake)).unwrap();
        let (engine, published) = engine_with((Box::new(disk), wake));
        let mut engine = role(engine);
        engine.catch_up.limit = BUFFERED;
        let (unanswered, taken) = (Vec::new(), BTreeSet::new());
        let mut process = Self { engine, published, unanswered, sitewise: None, taken };
        // What is asked of SiteWise first.
        process.turn();
        happens();
        process.engine.replay_stored();
        let session_time = crate::clock::wall();
        process.engine.handle_inbound(Inbound::Connected { server: 0, session_time });
        process.turn();
        process
    }

    /// Performs what is decided, as the loop does.
    fn turn(&mut self) {
        let now = self.engine.now();
        self.engine.bridge.handle_timeout(now);
        self.engine.bridge.flush(now);
        self.engine.handle_disk_events(now);
        self.engine.discard_stored();
        loop {
            while let Some(output) = self.engine.bridge.poll_output(now) {
                match output {
                    Output::Call(id, call) => self.unanswered.push((id, call)),
                    Output::Send(id, entries) => {
                        for entry in entries {
                            let stream = Stream { asset: entry.asset, property: entry.property };
                            let key = |tqv: &crate::sitewise::api::Tqv| Key {
                                stream,
                                time: tqv.time,
                                quality: tqv.quality,
                            };
                            self.taken.extend(entry.values.iter().map(key));
                        }
                        self.engine.bridge.handle_put_response(id, Ok(Vec::new()), now);
                    }
                    other => self.engine.handle_output(other, now),
                }
            }
            self.engine.log_sync_progress();
            if let Some(sitewise) = &mut self.sitewise
                && !self.unanswered.is_empty()
            {
                for (id, call) in std::mem::take(&mut self.unanswered) {
                    let answer = sitewise.call(call);
                    self.engine.bridge.handle_call_result(id, answer, now);
                }
                continue;
            }
            let room = self.engine.bridge.room();
            let mut points = self.engine.outbox.take(room);
            if points.is_empty() {
                points = self.engine.take_cold_points(now);
            }
            if points.is_empty() {
                break;
            }
            self.engine.bridge.handle_points(points, now);
        }
        self.engine.start_catch_up();
    }

    /// SiteWise is there, until this is so.
    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        self.sitewise.get_or_insert_default();
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while !is_so(self) {
            assert!(std::time::Instant::now() < end, "{:?}", self.ledger());
            let next = tokio::time::timeout(Duration::from_millis(5), self.engine.catch_up.next());
            if let Ok(lot) = next.await {
                self.engine.handle_deferred(lot);
            }
            self.turn();
        }
    }

    /// Lets time pass until the disk is in such a state; SiteWise stays away.
    async fn until_disk(&mut self, is_so: impl Fn(&DiskState) -> bool) {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while !is_so(&self.engine.outbox.disk().unwrap().state) {
            assert!(std::time::Instant::now() < end, "{:?}", self.engine.outbox.disk());
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.turn();
        }
    }

    fn is_done(&self) -> bool {
        let engine = &self.engine;
        let bridge = &engine.bridge;
        let is_empty = engine.outbox.is_empty() && bridge.is_idle();
        is_empty && engine.sync_state == SyncState::Done && !bridge.is_deferring()
    }

    fn hear(&mut self, message: Message) {
        self.engine.handle_inbound(inbound(message));
        self.turn();
    }

    fn ledger(&self) -> Ledger {
        let links = [self.engine.server_statuses().remove(0)];
        Snapshot::take(&self.engine.view(&links)).ledger
    }

    /// Ends, with what was flushed on disk.
    fn kill(mut self) -> BTreeSet<Key> {
        self.engine.outbox.close(Duration::from_secs(30));
        self.taken
    }
}

/// A lease whose table nobody reaches.
fn lease() -> LeaseParts {
    let config = config();
    let url = "dynamodb://sparkwise/Nordsee".parse().unwrap();
    let factory = LinkFactory {
        mqtt: config.mqtt,
        sparkplug: config.sparkplug,
        observer_id: "follows".into(),
        inbound: mpsc::channel(1).0,
    };
    LeaseParts {
        table: LeaseTable::unreachable(url),
        id: "one".into(),
        links: Links::open(factory).unwrap(),
        window_span: Duration::from_secs(70),
        window_bytes: 1 << 30,
    }
}

fn metrics(value: u32) -> impl Iterator<Item = Metric> {
    (0..METRICS).map(move |n| Metric::new(&format!("m{n}"), f64::from(value)))
}

/// The time of a message of these tests; every second one.
fn time(number: u32) -> Timestamp {
    let hour = Duration::from_secs(3_600);
    let start = crate::clock::wall().as_millis() / 1_000 * 1_000;
    let start = Timestamp::from_millis(start).minus(hour);
    start.plus(Duration::from_secs(number.into()))
}

/// How many properties of the node have a value of this time.
fn of(taken: &BTreeSet<Key>, time: Timestamp) -> usize {
    taken.iter().filter(|key| key.time == time && key.quality == Quality::Good).count()
}

fn heard_files(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("heard")).map_or(0, Iterator::count)
}

/// Past the bound of the buffer it was dropped, with a disk too.
#[tokio::test]
async fn what_the_buffer_has_no_room_for_waits_on_disk_until_sitewise_is_reached() {
    const MESSAGES: u32 = 400;
    let folder = Folder::new("all");
    let mut process = Process::start(&folder.0, 1 << 30);
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    let first = time(0);
    let at = |number: u32| first.plus(Duration::from_secs(number.into()));
    process.hear(edge.nbirth(at(0), metrics(0)));
    for number in 1..MESSAGES {
        process.hear(match number % 100 {
            // The order of its metrics is another one: slots mean other metrics than before.
            0 => edge.nbirth(at(number), metrics(number).collect::<Vec<_>>().into_iter().rev()),
            _ => edge.ndata(at(number), metrics(number)),
        });
    }
    assert!(process.engine.bridge.twin().buffered_parts() < 2 * BUFFERED);
    let ledger = process.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(ledger.buffered, (MESSAGES * METRICS + 4 * OF_SESSION) as usize);
    assert_eq!(ledger.lost_in_crash(), 0);
    assert_eq!(ledger.values.dropped(DropReason::BeforeSync), 0);

    process.until(|process| process.is_done()).await;
    let ledger = process.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(ledger.values.dropped(DropReason::BeforeSync), 0);
    for number in 0..MESSAGES {
        let found = of(&process.taken, at(number));
        assert!(found >= METRICS as usize, "{found} values of message {number}");
    }
    // What comes now goes as ever, and nothing is stored any more.
    process.hear(edge.ndata(at(MESSAGES), metrics(MESSAGES)));
    process.until(|process| process.is_done() && of(&process.taken, at(MESSAGES)) > 0).await;
    assert_eq!(of(&process.taken, at(MESSAGES)), METRICS as usize);
    process.kill();
    assert_eq!(heard_files(&folder.0), 0);
}

/// Nothing was said to be unsaved, while all of it was in memory alone.
#[tokio::test]
async fn what_is_buffered_is_unsaved_while_the_disk_fails() {
    let folder = Folder::new("fails");
    // The first file of messages cannot be created.
    let heard = folder.0.join("heard");
    let in_the_way = heard.join("00000001.heard");
    let mut process = Process::start_after(&folder.0, 1 << 30, || {
        for folder in [&heard.join("last.heard"), &in_the_way] {
            std::fs::create_dir_all(folder).unwrap();
        }
    });
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    process.hear(edge.nbirth(time(0), metrics(0)));
    process.until_disk(|state| matches!(state, DiskState::NotWritable(_))).await;
    process.hear(edge.ndata(time(1), metrics(1)));
    let ledger = process.ledger();
    assert_eq!(ledger.buffered, (2 * METRICS + OF_SESSION) as usize);
    assert_eq!(ledger.lost_in_crash(), ledger.buffered);

    std::fs::remove_dir(in_the_way).unwrap();
    process.until_disk(|state| *state == DiskState::Writable).await;
    assert_eq!(process.ledger().lost_in_crash(), 0);
}

/// Also where the process is killed before SiteWise is there, and while it catches up.
#[tokio::test]
async fn a_kill_before_or_while_catching_up_loses_nothing() {
    const EACH: u32 = 150;
    let folder = Folder::new("kill");
    let first = time(0);
    let at = |number: u32| first.plus(Duration::from_secs(number.into()));
    let mut taken = BTreeSet::new();
    for process_number in 0..3_u32 {
        let mut process = Process::start(&folder.0, 1 << 30);
        let mut edge = Edge::new(EdgeNode::new("g", "n"), process_number as u8);
        let numbers = process_number * EACH..(process_number + 1) * EACH;
        for number in numbers.clone() {
            process.hear(match number == numbers.start {
                true => edge.nbirth(at(number), metrics(number)),
                false => edge.ndata(at(number), metrics(number)),
            });
        }
        let ledger = process.ledger();
        assert!(ledger.balances(), "{ledger:?}");
        let births = (process_number + 1) * OF_SESSION;
        assert_eq!(ledger.buffered, (numbers.end * METRICS + births) as usize);
        if process_number == 2 {
            let before = process.engine.bridge.twin().buffered();
            process.until(|process| process.engine.bridge.twin().buffered() < before * 3 / 4).await;
            assert!(process.engine.bridge.is_deferring(), "it is in the middle of it");
        }
        taken.append(&mut process.kill());
    }
    let mut process = Process::start(&folder.0, 1 << 30);
    process.until(|process| process.is_done()).await;
    let ledger = process.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    assert_eq!(ledger.values.dropped(DropReason::BeforeSync), 0);
    taken.append(&mut process.kill());
    for number in 0..3 * EACH {
        let found = of(&taken, at(number));
        assert!(found >= METRICS as usize, "{found} values of message {number}");
    }
}

/// The bound is the outbox's: what exceeds it is counted, and asked for again afterwards.
#[tokio::test]
async fn past_the_outbox_s_own_bound_values_are_counted_and_asked_for_again() {
    const MESSAGES: u32 = 200;
    /// Values that the outbox has room for, as points.
    const ROOM: u64 = 2_000;
    let folder = Folder::new("bound");
    let mut process = Process::start(&folder.0, ROOM * 59);
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    let first = time(0);
    let at = |number: u32| first.plus(Duration::from_secs(number.into()));
    process.hear(edge.nbirth(at(0), metrics(0)));
    for number in 1..MESSAGES {
        process.hear(edge.ndata(at(number), metrics(number)));
    }
    while process.published.try_recv().is_ok() {}
    process.until(|process| process.is_done()).await;
    let ledger = process.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    let lost = ledger.values.dropped(DropReason::BeforeSync);
    let all = u64::from(MESSAGES * METRICS);
    assert!(lost > 0 && lost >= all - ROOM && lost < all - ROOM + 500, "{lost} of {all}");
    assert_eq!(of(&process.taken, at(0)), METRICS as usize);
    // Whoever said it is asked to say it again, and what it says then is shown.
    let end = std::time::Instant::now() + Duration::from_secs(30);
    let asked = |process: &mut Process| {
        let published = std::iter::from_fn(|| process.published.try_recv().ok());
        published.collect::<Vec<_>>().iter().any(|out| out.message.topic == "spBv1.0/g/NCMD/n")
    };
    while !asked(&mut process) {
        assert!(std::time::Instant::now() < end, "it is not asked");
        tokio::time::sleep(Duration::from_millis(5)).await;
        process.turn();
    }
    process.hear(edge.nbirth(at(MESSAGES), metrics(MESSAGES)));
    process.until(|process| process.is_done() && of(&process.taken, at(MESSAGES)) > 0).await;
    assert!(of(&process.taken, at(MESSAGES)) >= METRICS as usize);
    let ledger = process.ledger();
    assert!(ledger.balances(), "{ledger:?}");
}

/// They were skipped, in no account, and deleted.
#[tokio::test]
async fn what_a_server_sent_that_was_taken_out_of_mqtt_url_is_replayed() {
    const MESSAGES: u32 = 60;
    let first = time(0);
    let at = |number: u32| first.plus(Duration::from_secs(number.into()));
    // All of it is replayed at once, or some of it once there is room.
    for (name, buffered) in [("server", BUFFERED), ("server-late", METRICS as usize)] {
        let folder = Folder::new(name);
        let mut process = Process::start(&folder.0, 1 << 30);
        let (server, session_time) = (1, crate::clock::wall());
        process.engine.handle_inbound(Inbound::Connected { server, session_time });
        let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
        for number in 0..MESSAGES {
            let message = match number {
                0 => edge.nbirth(at(number), metrics(number)),
                _ => edge.ndata(at(number), metrics(number)),
            };
            process.engine.handle_inbound(inbound_of(server, message));
            process.turn();
        }
        process.kill();

        let mut process = Process::start(&folder.0, 1 << 30);
        process.engine.catch_up.limit = buffered;
        process.until(|process| process.is_done()).await;
        let ledger = process.ledger();
        assert!(ledger.balances(), "{ledger:?}");
        for number in 0..MESSAGES {
            let found = of(&process.taken, at(number));
            assert!(found >= METRICS as usize, "{name}: {found} values of message {number}");
        }
    }
}

/// They went into the window in memory, were deleted from the disk, and were let go: the other bridge
/// had heard the plant for long by then, but not while the process before ran.
#[tokio::test]
async fn a_follower_delivers_what_a_process_before_it_stored() {
    const EACH: u32 = 40;
    let folder = Folder::new("follows");
    let mut before = Process::start(&folder.0, 1 << 30);
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    let first = time(0);
    let at = |number: u32| first.plus(Duration::from_secs(number.into()));
    before.hear(edge.nbirth(at(0), metrics(0)));
    for number in 1..EACH {
        before.hear(edge.ndata(at(number), metrics(number)));
    }
    before.kill();
    let mut process = Process::follow(&folder.0);
    // SiteWise does not have the asset: only who holds the lease makes it.
    let saved = |process: &Process| {
        let engine = &process.engine;
        engine.sync_state == SyncState::Done && !engine.stores_inbound
    };
    process.until(saved).await;
    let ledger = process.ledger();
    assert!(ledger.balances(), "{ledger:?}");
    assert!(process.engine.outbox.len() >= (EACH * METRICS) as usize, "{ledger:?}");
    process.kill();
    assert_eq!(heard_files(&folder.0), 0);
}

/// A kill right after the initial sync lost what had been safe on disk.
#[tokio::test]
async fn what_is_in_a_follower_s_window_alone_stays_on_disk() {
    let folder = Folder::new("window");
    let mut process = Process::follow(&folder.0);
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    process.hear(edge.nbirth(time(0), metrics(0)));
    process.hear(edge.ndata(time(1), metrics(1)));
    process.until(|process| process.engine.sync_state == SyncState::Done).await;
    for _ in 0..10 {
        process.turn();
    }
    assert!(process.engine.stores_inbound && process.engine.outbox.is_empty());
    process.kill();
    assert!(heard_files(&folder.0) > 0);
}
