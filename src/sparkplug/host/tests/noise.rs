//! What nobody should send.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_not_sparkplug_is_counted_and_ignored() {
    let mut stage = Stage::new();
    let message = |topic: &str, payload: &[u8]| Message {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
        qos: Qos::AtMostOnce,
        retain: false,
    };
    stage.send(&message("spBv1.0/g/NDATA/n/d", b""));
    stage.send(&message("other", b""));
    stage.send(&message("spBv1.0/g/NCMD/n", b"\xff"));
    stage.send(&message("spBv1.0/g/NDATA/n", b"\xff"));
    stage.send(&message("spBv1.0/g/NDATA/n", &vec![0; limits::PAYLOAD_BYTES + 1]));
    stage.check(&[]);
    stage.check_found(&[
        (Finding::WrongTopic, 2),
        (Finding::Undecodable, 1),
        (Finding::TooLarge, 1),
    ]);
    let found: Vec<_> = stage.host.findings().collect();
    assert_eq!((found[0].edge, found[0].finding, found[0].count), (None, Finding::WrongTopic, 2));
    assert_eq!((found[0].example, found[0].last), ("spBv1.0/g/NDATA/n/d", stage.now.wall));
    assert_eq!(found[1].edge.unwrap().to_string(), "g/n");
    assert_eq!((found[1].finding, found[1].example), (Finding::Undecodable, "spBv1.0/g/NDATA/n"));
}

#[test]
fn payloads_ndata_retain() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let birth = edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]);
    let data = edge.ndata(stage.time(), [Metric::new("a", 2_i32)]);
    stage.send_retained(&birth);
    stage.send_retained(&data);
    stage.pass(ms(0));
    stage.check(&["rebirth 0 g/n"]);
    stage.send(&birth);
    stage.send_retained(&data);
    stage.send(&data);
    stage.check(&["birth g/n: a#2=1", "data g/n: #2=2"]);
    let mut old = edge.clone();
    stage.send_retained(&old.reconnect());
    stage.check(&[]);
    stage.send_retained(&edge.will());
    stage.check(&["death g/n certificate @1000000"]);
    stage.check_found(&[(Finding::Retained, 5)]);
}

#[test]
fn nodes_are_bounded() {
    let mut stage = Stage::new();
    for node in 0..=limits::NODES {
        let topic = format!("spBv1.0/g/NDEATH/{node}");
        stage.host.handle_message(SERVER, &topic, b"", false, stage.now);
    }
    assert_eq!(stage.host.counters().findings.count(Finding::TooManyNodes), 1);
}

#[test]
fn templates_that_multiply_stop_at_the_limit() {
    let mut stage = Stage::new();
    // Twelve levels of ten would be a million million leaves.
    let level = |level: usize| {
        let members = (0..10).map(|member| match level {
            11 => Metric::new(&format!("m{member}"), 1_i32),
            _ => {
                let inner = Template::instance(&format!("L{}", level + 1));
                Metric::template(&format!("m{member}"), inner)
            }
        });
        Metric::template(&format!("L{level}"), Template::definition().members(members))
    };
    let top = Metric::template("top", Template::instance("L0"));
    stage.send(&edge().nbirth(stage.time(), (0..12).map(level).chain([top])));
    let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
        panic!("a birth");
    };
    assert!(birth.slots as usize <= limits::LEAVES);
}

#[test]
fn templates_within_themselves_end() {
    let mut stage = Stage::new();
    let own = |of: &str, inner: &str| {
        let inner = Metric::template("inner", Template::instance(inner));
        let definition = Template::definition().member(Metric::new("m", 1_i32)).member(inner);
        Metric::template(of, definition)
    };
    let top = Metric::template("top", Template::instance("A"));
    stage.send(&edge().nbirth(stage.time(), [own("A", "B"), own("B", "A"), top]));
    stage.check(&["birth g/n defines A defines B: top:A{m#2=absent, inner:B{m#3=absent}}"]);
    stage.check_found_of(Finding::TemplateCycle, 1);
}

#[test]
fn a_birth_is_bounded() {
    let mut stage = Stage::new();
    let metrics = (0..=limits::LEAVES).map(|m| Metric::new(&m.to_string(), 1_i32));
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), metrics));
    let last = Metric::new(&limits::LEAVES.to_string(), 1_i32);
    stage.send(&edge.ndata(stage.time(), [last]));
    stage.pass(secs(60));
    assert_eq!(stage.look().len(), 1, "what was left out is no reason for a rebirth");
    assert_eq!(stage.host.counters().findings.count(Finding::TooManyLeaves), 3);
    assert_eq!(stage.host.counters().findings.count(Finding::UnknownMetric), 1);
}

fn verbs() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "NBIRTH/n",
        "NDATA/n",
        "NDEATH/n",
        "DBIRTH/n/d",
        "DDATA/n/d",
        "DDEATH/n/d",
    ])
}

/// A well-formed message that noise is laid over.
fn seed() -> Vec<u8> {
    let member = Metric::new("m", -5_i8).alias(7).quality(500);
    let template = Template::instance("T").version("1").parameter("p", 1.5).member(member);
    let definition = Template::definition().member(Metric::new("m", 1_i8));
    let metrics = [
        Metric::template("T", definition),
        Metric::template("i", template),
        Metric::new("s", "text").content_type("Alarm").historical(),
    ];
    edge().nbirth(Timestamp::from_millis(1), metrics).payload
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_it_panic(
        messages in prop::collection::vec((verbs(), prop::collection::vec(any::<u8>(), 0..64)), 0..20),
        wounds in prop::collection::vec((verbs(), any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let mut stage = Stage::new();
        for (verb, payload) in &messages {
            let topic = format!("spBv1.0/g/{verb}");
            stage.host.handle_message(SERVER, &topic, payload, false, stage.now);
        }
        for (verb, place, byte) in &wounds {
            let mut payload = seed();
            let place = place.index(payload.len());
            payload[place] ^= byte;
            let kind = verb.split('/').next().unwrap();
            let topic = format!("spBv1.0/g/{verb}");
            stage.host.handle_message(SERVER, &topic, &payload, kind == "NDEATH", stage.now);
            stage.pass(ms(500));
        }
        stage.pass(secs(600));
    }
}

#[test]
fn a_finding_is_told_once_and_counted_always() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), []));
    let told = |stage: &mut Stage| -> Vec<String> {
        let outputs = std::iter::from_fn(|| stage.host.poll_output());
        outputs
            .filter(|output| matches!(output, Output::Finding { .. }))
            .map(|o| told(&o))
            .collect()
    };
    told(&mut stage);
    for millis in [1, 2] {
        stage.pass(ms(millis));
        edge.skip(1);
        stage.send(&edge.ndata(stage.time(), []));
        stage.pass(secs(2));
        stage.host.handle_qos("spBv1.0/g/NDATA/n", 1, stage.time());
        stage.host.handle_qos("spBv1.0/g/NDEATH/n", 1, stage.time());
        stage.host.handle_qos("spBv1.0/g/NDATA/unknown", 1, stage.time());
        let first = ["found gap seq 1 did not come before 2", "found wrong_qos spBv1.0/g/NDATA/n"];
        assert_eq!(told(&mut stage), if millis == 1 { &first[..] } else { &[] });
    }
    let found: Vec<_> = stage.host.findings().collect();
    assert_eq!(found.iter().map(|f| f.count).collect::<Vec<_>>(), [2, 2]);
    assert!(found.iter().all(|f| f.last == stage.time()), "{found:?}");
    assert_eq!(found[0].finding.tck_id(), Some("topics-nbirth-mqtt"));
}

/// What is found of two senders with these bdSeq.
fn two_senders(bd_seqs: [u8; 2], turns: &[usize]) -> Stage {
    let mut stage = Stage::new();
    let mut senders = bd_seqs.map(|bd_seq| Edge::new(edge().node().clone(), bd_seq));
    let a = |value: i32| [Metric::new("a", value)];
    // What both say alike at one time is one message, with one number.
    let apart = if bd_seqs[0] == bd_seqs[1] { 100 } else { 0 };
    for sender in &mut senders {
        stage.send(&sender.nbirth(stage.time(), a(0)));
        stage.pass(secs(1));
    }
    // Each is read by the birth of the other, until a message seems to be missing.
    for second in 0..20 {
        for sender in turns {
            let value = second + apart * *sender as i32;
            stage.send(&senders[*sender].ndata(stage.time(), a(value)));
        }
        stage.pass(secs(1));
        if stage.look().contains(&"rebirth 0 g/n".to_owned()) {
            for sender in &mut senders {
                stage.send(&sender.nbirth(stage.time(), a(second)));
                stage.pass(ms(10));
            }
        }
    }
    stage
}

#[test]
fn two_senders_of_one_edge_node_are_found() {
    let stage = two_senders([7, 90], &[0, 1, 1]);
    let found = stage.host.findings().find(|found| found.finding == Finding::TwoSenders);
    let found = found.expect("two senders");
    assert_eq!((found.example, found.edge), ("spBv1.0/g/NBIRTH/n", Some(edge().node())));
}

/// Two boxes fresh from the factory both began at bdSeq 0: it was nothing but a gap.
#[test]
fn two_senders_whose_births_look_alike_are_found_by_their_numbers() {
    for turns in [&[0, 1][..], &[0, 1, 1], &[1, 0, 0, 0]] {
        let stage = two_senders([0, 0], turns);
        let found = |finding| stage.host.findings().any(|found| found.finding == finding);
        assert!(found(Finding::DoubledNumbers) && !found(Finding::TwoSenders), "{turns:?}");
    }
    assert!(Finding::DoubledNumbers.description().contains("perhaps two senders"));
}
