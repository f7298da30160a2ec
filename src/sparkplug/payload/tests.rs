use super::*;
use crate::sparkplug::proto::payload::Template;

fn payload() -> Payload {
    Payload {
        timestamp: Some(5),
        seq: Some(7),
        metrics: vec![Metric {
            name: Some("a".into()),
            value: Some(Value::IntValue(1)),
            ..Metric::default()
        }],
        ..Payload::default()
    }
}

fn wrapper(body: Option<Vec<u8>>, algorithm: Option<&str>) -> Vec<u8> {
    let metric = |name: &str| Metric {
        name: Some("algorithm".into()),
        value: Some(Value::StringValue(name.to_owned().into())),
        ..Metric::default()
    };
    encode(&Payload {
        uuid: Some(COMPRESSED.into()),
        body,
        metrics: algorithm.map(metric).into_iter().collect(),
        seq: Some(9),
        ..Payload::default()
    })
}

fn body(compression: Compression, payload: &Payload) -> Vec<u8> {
    let wrapped = Payload::decode(&*encode_compressed(payload, compression)).unwrap();
    wrapped.body.unwrap()
}

#[test]
fn empty_bytes_are_an_empty_payload() {
    assert_eq!(decode(b""), Ok(Payload::default()));
}

#[test]
fn compressed_payloads_are_unwrapped_with_and_without_algorithm() {
    let plain = payload();
    for compression in [Compression::Gzip, Compression::Deflate] {
        assert_eq!(decode(&encode_compressed(&plain, compression)), Ok(plain.clone()));
        let body = body(compression, &plain);
        assert_eq!(decode(&wrapper(Some(body.clone()), None)), Ok(plain.clone()));
        let lower = compression.algorithm().to_lowercase();
        assert_eq!(decode(&wrapper(Some(body), Some(&lower))), Ok(plain.clone()));
    }
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    raw.write_all(&encode(&plain)).unwrap();
    assert_eq!(decode(&wrapper(Some(raw.finish().unwrap()), None)), Ok(plain));
}

#[test]
fn the_wrapper_lends_what_the_inner_payload_lacks() {
    let bare = Payload { seq: None, ..payload() };
    let decoded = decode(&wrapper(Some(body(Compression::Gzip, &bare)), None)).unwrap();
    assert_eq!((decoded.seq, decoded.timestamp), (Some(9), Some(5)));
}

#[test]
fn what_is_no_payload_is_named() {
    let twice = wrapper(Some(wrapper(Some(vec![]), None)), None);
    let inner = flate(&twice);
    let cases = [
        (vec![0xff, 0xff], DecodeError::Malformed),
        (wrapper(None, None), DecodeError::Compression),
        (wrapper(Some(vec![1, 2, 3]), Some("GZIP")), DecodeError::Compression),
        (wrapper(Some(vec![1, 2, 3]), Some("LZ4")), DecodeError::Compression),
        (wrapper(Some(inner), None), DecodeError::Nested),
        (vec![0; limits::PAYLOAD_BYTES + 1], DecodeError::TooLarge),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode(&bytes), Err(expected));
    }
}

fn flate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = flate(&vec![0; limits::PAYLOAD_BYTES + 1]);
    assert!(bomb.len() < 128 * 1024);
    assert_eq!(decode(&wrapper(Some(bomb), None)), Err(DecodeError::TooLarge));
}

#[test]
fn parts_are_counted_before_they_take_memory() {
    // A metric of nothing is a key and a length of zero.
    let flat = [0x12, 0x00].repeat(limits::PAYLOAD_PARTS + 1);
    assert_eq!(decode(&flat), Err(DecodeError::TooLarge));

    let member = Metric::default();
    let template = Template { metrics: vec![member; 200_000], ..Template::default() };
    let metric =
        Metric { value: Some(Value::TemplateValue(Box::new(template))), ..Metric::default() };
    let two = Payload { metrics: vec![metric.clone(); 2], ..Payload::default() };
    assert_eq!(decode(&encode(&two)).map(|p| p.metrics.len()), Ok(2));
    let three = Payload { metrics: vec![metric; 3], ..Payload::default() };
    assert_eq!(decode(&encode(&three)), Err(DecodeError::TooLarge));
}
