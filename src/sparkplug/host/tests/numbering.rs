//! Senders that number their messages otherwise than by one counter for the node and its devices.

use std::collections::BTreeMap;

use super::*;

/// The seq of a source's message, by how many the node has sent before it.
type Numbering = fn(&str, u64) -> u64;

/// A node with devices, each of which sends its own values; how they are numbered is said by `number`
/// of the source, and how many messages of it came before.
struct Sender {
    edge: Edge,
    devices: &'static [&'static str],
    number: Numbering,
    sent: BTreeMap<String, u64>,
}

impl Sender {
    fn new(devices: &'static [&'static str], number: Numbering) -> Self {
        Self { edge: edge(), devices, number, sent: BTreeMap::new() }
    }

    fn numbered(&mut self, message: Message) -> Message {
        let source = message.topic.split('/').nth(4).unwrap_or("").to_owned();
        let mut payload = payload::decode(&message.payload).unwrap();
        let sent = self.sent.entry(source.clone()).or_default();
        payload.seq = Some((self.number)(&source, *sent) % 256);
        *sent += 1;
        Message { payload: payload::encode(&payload), ..message }
    }

    fn births(&mut self, stage: &mut Stage) {
        self.sent.clear();
        let birth = self.edge.nbirth(stage.time(), [Metric::new("a", -1_i32)]);
        let birth = self.numbered(birth);
        stage.send(&birth);
        for device in self.devices {
            let birth = self.edge.dbirth(device, stage.time(), [Metric::new("a", -1_i32)]);
            let birth = self.numbered(birth);
            stage.send(&birth);
        }
    }

    fn data(&mut self, stage: &mut Stage, value: i32) {
        let metrics = || [Metric::new("a", value)];
        let own = self.edge.ndata(stage.time(), metrics());
        let own = self.numbered(own);
        stage.send(&own);
        for device in self.devices {
            let data = self.edge.ddata(device, stage.time(), metrics());
            let data = self.numbered(data);
            stage.send(&data);
        }
    }
}

/// What is told of each source in `rounds` of messages, how often it was asked for births, and the
/// stage.
fn heard(
    sender: &mut Sender,
    rounds: i32,
    pause: Duration,
) -> (BTreeMap<String, Vec<i32>>, usize, Stage) {
    let mut stage = Stage::new();
    let (mut told, mut asked) = (BTreeMap::<_, Vec<i32>>::new(), 0);
    sender.births(&mut stage);
    for round in 0..rounds {
        sender.data(&mut stage, round);
        stage.pass(pause);
        for line in stage.look() {
            if line.starts_with("rebirth") {
                asked += 1;
                sender.births(&mut stage);
            }
            let Some((_, data)) = line.split_once("data ") else { continue };
            let (source, value) = data.split_once(": ").unwrap();
            let value = value.split_once('=').unwrap().1.parse().unwrap();
            told.entry(source.to_owned()).or_default().push(value);
        }
    }
    (told, asked, stage)
}

/// Its values waited behind gaps without end, births of its devices were thrown away as late, and it
/// was asked for births in vain. So did one that does not count at all.
#[test]
fn who_counts_for_each_device_or_not_at_all_loses_nothing_and_is_told_once() {
    let kinds: [(Numbering, &str); 5] = [
        (|_, sent| sent, "counts seq per device"),
        (|source, sent| sent + 40 * source.bytes().map(u64::from).sum::<u64>(), "per device"),
        (|_, sent| sent + 250, "counts seq per device"),
        (|_, _| 0, "the same seq"),
        (|_, _| 7, "the same seq"),
    ];
    for (kind, (number, words)) in kinds.into_iter().enumerate() {
        for (devices, pause) in
            [(&["d", "e", "f"][..], ms(100)), (&["d", "e", "f"], secs(5)), (&["d"], ms(900))]
        {
            let mut sender = Sender::new(devices, number);
            let (told, asked, stage) = heard(&mut sender, 300, pause);
            let why = format!("{kind} {} {pause:?}", devices.len());
            assert_eq!(told.len(), devices.len() + 1, "{why}");
            for (source, values) in &told {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..300).collect::<Vec<_>>(), "{why} {source}");
                assert_eq!(values[60..], sorted[60..], "{why} {source}");
            }
            assert!(asked <= 4, "{why}: asked {asked} times");
            assert_eq!(stage.host.counters().skipped_values, [0; SkipReason::ALL.len()], "{why}");
            assert_eq!(stage.host.problems().count(), 0, "{why}");
            let findings: Vec<_> = stage.host.findings().collect();
            let told = findings.iter().find(|record| record.finding == Finding::SeqNumbering);
            assert!(told.is_some_and(|told| told.count == 1), "{why} {findings:?}");
            assert!(told.unwrap().example.contains(words), "{why} {findings:?}");
        }
    }
}

/// They, too, send a number twice: one of each device, or always the same.
#[test]
fn who_numbers_otherwise_is_not_taken_for_two_senders() {
    let kinds: [Numbering; 4] = [|_, sent| sent, |_, sent| sent + 250, |_, _| 0, |_, _| 7];
    for (kind, number) in kinds.into_iter().enumerate() {
        for devices in [&[][..], &["d"], &["d", "e", "f"]] {
            for pause in [ms(100), ms(900), secs(5), secs(60)] {
                let mut sender = Sender::new(devices, number);
                let (.., stage) = heard(&mut sender, 60, pause);
                let found = stage.host.counters().findings.count(Finding::DoubledNumbers);
                assert_eq!(found, 0, "{kind} {} {pause:?}", devices.len());
            }
        }
    }
}

/// What was found as time passed was shown without an example.
#[test]
fn a_gap_is_told_with_the_number_that_is_missing() {
    let mut stage = Stage::new();
    let mut edge = order::online(&mut stage);
    edge.skip(1);
    stage.send(&order::node(&mut edge, &stage, 4));
    stage.pass(secs(3));
    let gap = stage.host.findings().find(|record| record.finding == Finding::Gap).unwrap();
    assert_eq!(gap.example, "seq 3 did not come before 4");
}

/// Sends `data` messages of the device after each of the node, all with one counter, as `arrive` lets
/// them come; how often its numbering was found wrong.
fn found_wrong(data: usize, arrive: impl Fn(&mut Vec<Message>, Message) -> Vec<Message>) -> u64 {
    let mut stage = Stage::new();
    let mut edge = order::online(&mut stage);
    let mut sent = Vec::new();
    for scan in 0..150_i32 {
        for place in 0..=data {
            let metrics = [Metric::new("a", scan)];
            let message = match place {
                0 => edge.ndata(stage.time(), metrics),
                _ => edge.ddata("d", stage.time(), metrics),
            };
            for message in arrive(&mut sent, message) {
                stage.send(&message);
            }
            stage.pass(ms(10));
        }
    }
    let findings = stage.host.findings();
    findings.filter(|record| record.finding == Finding::SeqNumbering).map(|found| found.count).sum()
}

/// A copy of the node's message between two of a device looked like a counter for each.
#[test]
fn copies_of_messages_say_nothing_of_how_their_sender_counts() {
    for (data, lag) in [(2, 1), (3, 1), (3, 2), (3, 5)] {
        let copied = |sent: &mut Vec<Message>, message: Message| {
            sent.push(message.clone());
            let copy = sent.len().checked_sub(lag + 1).and_then(|place| sent.get(place)).cloned();
            std::iter::once(message).chain(copy).collect()
        };
        assert_eq!(found_wrong(data, copied), 0, "{data} {lag}");
    }
}

/// So did a source whose messages each come one later than another's.
#[test]
fn a_source_that_is_always_late_has_the_counter_of_all() {
    for data in [2, 3, 9] {
        let late = |held: &mut Vec<Message>, message: Message| {
            let is_device = message.topic.contains("/DDATA/");
            match is_device {
                true => std::iter::once(message).chain(held.pop()).collect(),
                false => {
                    held.push(message);
                    Vec::new()
                }
            }
        };
        assert_eq!(found_wrong(data, late), 0, "{data}");
    }
}

/// Each sender of a node goes on or begins anew by itself: the aliases that a device had before were
/// taken for those of now, because its node went on.
#[test]
fn after_a_drop_the_numbers_of_one_sender_say_nothing_of_the_aliases_of_another() {
    let mut stage = Stage::with(|config| config.rebirth.reasons = "off".parse().unwrap());
    let mut sender = Sender::new(&[], |_, sent| sent);
    sender.edge = edge().with_aliases();
    let all = |names: [&str; 2]| names.map(|name| Metric::new(name, 1_i32));
    let message = sender.edge.nbirth(stage.time(), all(["a", "b"]));
    let birth = sender.numbered(message);
    stage.send(&birth);
    let message = sender.edge.dbirth("d", stage.time(), all(["a", "b"]));
    let birth = sender.numbered(message);
    stage.send(&birth);
    for value in 0..40 {
        for device in [None, Some("d")] {
            let metrics = [Metric::new("a", value)];
            let message = match device {
                None => sender.edge.ndata(stage.time(), metrics),
                Some(device) => sender.edge.ddata(device, stage.time(), metrics),
            };
            let message = sender.numbered(message);
            stage.send(&message);
            stage.pass(ms(100));
        }
    }
    stage.check_found_of(Finding::SeqNumbering, 1);
    stage.host.handle_disconnected(SERVER, stage.now);
    // Unheard: the device is born anew.
    let mut anew = edge().with_aliases();
    let _node = anew.nbirth(stage.time(), all(["x", "y"]));
    let _unheard = anew.dbirth("d", stage.time(), all(["b", "a"]));
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.look();
    let message = sender.edge.ndata(stage.time(), [Metric::new("a", 100)]);
    let message = sender.numbered(message);
    stage.send(&message);
    let message = anew.ddata("d", stage.time(), [Metric::new("b", 200)]);
    stage.send(&message);
    stage.pass(secs(5));
    let told = stage.look().join("\n");
    assert!(!told.contains("200"), "{told}");
    // What goes by its name is read.
    let named = edge().ddata("d", stage.time(), [Metric::new("b", 300)]);
    stage.send(&named);
    stage.pass(secs(5));
    let told = stage.look().join("\n");
    assert!(told.contains("data g/n/d: #1=300"), "{told}");
}
