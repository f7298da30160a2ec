use super::*;

/// A PUBLISH; with an identifier it travels at QoS 1.
fn publish(topic: &str, id: Option<u16>, payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(id.into_iter().flat_map(u16::to_be_bytes));
    body.extend(payload);
    let mut bytes = vec![if id.is_some() { 0x33 } else { 0x30 }];
    put_length(body.len(), &mut bytes);
    bytes.extend(body);
    bytes
}

fn sieved(bytes: &[u8], mark: CutMarker, chunk: usize) -> Vec<u8> {
    let mut sieve = Sieve::new(100, mark);
    let mut out = Vec::new();
    for part in bytes.chunks(chunk) {
        sieve.feed(part, &mut out);
    }
    out
}

#[test]
fn a_message_that_is_too_large_loses_its_payload_and_all_else_passes() {
    let mark = CutMarker::new();
    let (ack, ping) = ([0x40, 2, 0, 9], [0xd0, 0]);
    let fits = publish("a/b", None, &[1; 95]);
    let (large, stored) = (publish("a/b", None, &[2; 96]), publish("c", Some(7), &[3; 70_000]));
    let all = [&ack[..], &fits, &large, &ping, &stored, &stored, &fits].concat();
    let cut = |topic, id, of: &[u8]| publish(topic, id, &mark.write(of.len()));
    let (large, stored) = (cut("a/b", None, &large), cut("c", Some(7), &stored));
    let expected = [&ack[..], &fits, &large, &ping, &stored, &stored, &fits].concat();
    for chunk in [1, 2, 3, 7, 50, 1_000, 1 << 20] {
        let passed = without_pings(&sieved(&all, mark, chunk));
        assert_eq!(passed, without_pings(&expected), "in chunks of {chunk}");
    }
}

#[test]
fn the_mark_tells_the_size_and_is_nobody_elses() {
    let (mark, other) = (CutMarker::new(), CutMarker::new());
    assert_eq!(mark.read(&mark.write(17 << 20)), Some(17 << 20));
    assert_eq!(other.read(&mark.write(17 << 20)), None);
    assert_eq!(mark.read(&[]), None);
    assert_eq!(mark.read(&[&mark.write(1)[..], b"more"].concat()), None);
}

#[test]
fn the_longest_topic_passes_in_chunks() {
    let mark = CutMarker::new();
    let topic = "t".repeat(65_535);
    let large = publish(&topic, Some(1), b"payload");
    for chunk in [1, 10_000] {
        let expected = publish(&topic, Some(1), &mark.write(large.len()));
        assert_eq!(sieved(&large, mark, chunk), expected);
        assert!(expected.len() < CUT_PACKET_EXTRA);
    }
}

#[test]
fn a_server_that_sends_for_long_is_alive() {
    let mark = CutMarker::new();
    let large = publish("a", None, &vec![0; 10 * KEEP_ALIVE_BYTES]);
    let out = sieved(&large, mark, KEEP_ALIVE_BYTES / 4);
    let rest = out.strip_prefix(&publish("a", None, &mark.write(large.len()))[..]).unwrap();
    assert!(rest.chunks(2).all(|pair| pair == PING_RESPONSE));
    assert_eq!(rest.len() / 2, 9);
}

/// A slow link brings so little of it in two keep-alives of a second; the client closed the connection, and
/// began it again, for ever.
#[test]
fn a_server_that_sends_slowly_is_alive() {
    let mut sieve = Sieve::new(100, CutMarker::new());
    let large = publish("a", None, &vec![0; 1 << 20]);
    let mut out = Vec::new();
    sieve.feed(&large[..100], &mut out);
    for second in large[100..].chunks(4 << 10).take(60) {
        out.clear();
        sieve.feed(second, &mut out);
        assert!(out.ends_with(&PING_RESPONSE));
    }
}

#[test]
fn what_is_no_mqtt_passes_as_it_is() {
    // A length without an end, a topic longer than its packet.
    let endless = [&[0x30, 0xff, 0xff, 0xff, 0xff][..], &[0xff; 300]].concat();
    let beyond = [&[0x32, 0x80, 0x01, 0xff, 0xff][..], &[b't'; 126], &[0xd0, 0]].concat();
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(50);
    for bytes in [endless, beyond] {
        for chunk in [1, 4, 1_000] {
            assert_eq!(sieved(&bytes, CutMarker::new(), chunk), bytes);
        }
    }
    assert!(sieved(&http, CutMarker::new(), 5).starts_with(b"HT"));
}

/// Nothing that can be sent makes it panic, hold much, or pass a packet that is too large.
#[test]
fn nothing_that_passes_is_too_large() {
    let mut random = fastrand::Rng::with_seed(12);
    for _ in 0..2_000 {
        let mut bytes = Vec::new();
        for _ in 0..random.usize(..20) {
            match random.u8(..4) {
                0 => bytes.extend([0xd0, 0]),
                1 => bytes.extend(std::iter::repeat_with(|| random.u8(..)).take(10)),
                _ => {
                    let (size, id) = (random.usize(..400), random.bool().then_some(1));
                    bytes.extend(publish("t/t", id, &vec![1; size]));
                }
            }
        }
        let mark = CutMarker::new();
        let whole = sieved(&bytes, mark, bytes.len().max(1));
        assert_eq!(sieved(&bytes, mark, 1 + random.usize(..50)), whole);
        assert!(whole.len() <= bytes.len() + 20 * 40);
    }
}
