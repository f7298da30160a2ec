use super::*;
use crate::sparkplug::edge::{Metric, Typed};

/// The quality of a metric with this property, and whether it was found to be no integer or
/// unknown.
fn read(quality: impl Into<Typed>) -> (SparkplugQuality, bool, bool) {
    let mut findings = FindingCounts::default();
    let wire = Metric::new("m", 1_i32).property(QUALITY, quality).into_wire();
    let quality = of_properties(wire.properties.as_deref(), &mut findings);
    let found = |finding| findings.count(finding) == 1;
    (quality, found(Finding::WrongQuality), found(Finding::UnknownQuality))
}

/// What codes stand for, by ranges.
fn table() -> Vec<(std::ops::RangeInclusive<u32>, Option<SparkplugQuality>)> {
    let (good, uncertain, bad) = (
        Some(SparkplugQuality::Good),
        Some(SparkplugQuality::Uncertain),
        Some(SparkplugQuality::Bad),
    );
    vec![
        (0..=63, bad),
        (64..=127, uncertain),
        (128..=191, None),
        (192..=255, good),
        (256..=256, uncertain),
        (257..=299, None),
        (300..=301, bad),
        (302..=309, None),
        (310..=312, bad),
        (313..=319, None),
        (320..=320, good),
        (321..=329, None),
        (330..=330, bad),
        (331..=339, None),
        (340..=340, bad),
        (341..=402, None),
        (403..=405, bad),
        (406..=409, None),
        (410..=410, bad),
        (411..=499, None),
        (500..=500, uncertain),
        (501..=511, None),
        (512..=515, bad),
        (516..=516, uncertain),
        (517..=599, bad),
        (600..=600, uncertain),
        (601..=699, bad),
        (700..=700, uncertain),
        (701..=767, bad),
        (768..=899, None),
        (900..=902, bad),
        (903..=999, None),
        (1000..=1000, bad),
        (1001..=2000, None),
        (0x3fff_ffff..=0x3fff_ffff, None),
        (0x4000_0000..=0x4000_0400, uncertain),
        (0x7fff_ffff..=0x7fff_ffff, uncertain),
        (0x8000_0000..=0x8000_01f3, bad),
        (0x8000_01f4..=0x8000_01f4, uncertain),
        (0x8000_01f5..=0x8000_0203, bad),
        (0x8000_0204..=0x8000_0204, uncertain),
        (0x8000_0205..=0x8000_0400, bad),
        (0xc000_0000..=0xc000_01f3, bad),
        (0xc000_01f4..=0xc000_01f4, uncertain),
        (0xc000_0204..=0xc000_0204, uncertain),
        (0xc000_0205..=0xc000_0400, bad),
        (0xffff_ffff..=0xffff_ffff, bad),
    ]
}

#[test]
fn payloads_propertyset_quality_value_value() {
    for (codes, known) in table() {
        for code in codes {
            let expected = (known.unwrap_or(SparkplugQuality::Uncertain), false, known.is_none());
            assert_eq!(of_code(code), known, "{code}");
            assert_eq!(read(code as i32), expected, "{code}");
            assert_eq!(read(code), expected, "{code}");
            assert_eq!(read(i64::from(code as i32)), expected, "{code}");
            assert_eq!(read(i64::from(code)), expected, "{code}");
            // Other numbers count as the integer they equal.
            let other = (expected.0, true, expected.2);
            assert_eq!(read(f64::from(code)), other, "{code}");
            assert_eq!(read(f64::from(code as i32)), other, "{code}");
        }
    }
}

#[test]
fn codes_that_edges_send_have_the_quality_of_their_names() {
    let cases = [
        ("OPC good, local override", 216, SparkplugQuality::Good),
        ("OPC bad, last known shown", 20, SparkplugQuality::Bad),
        ("OPC uncertain, sub-normal", 88, SparkplugQuality::Uncertain),
        ("Good_Provisional", 200, SparkplugQuality::Good),
        ("Uncertain", 1_073_742_080, SparkplugQuality::Uncertain),
        ("Bad", -2_147_483_136, SparkplugQuality::Bad),
        ("Bad_Stale", -2_147_483_132, SparkplugQuality::Uncertain),
        ("Bad_NotFound", 0x8000_0207_u32 as i32, SparkplugQuality::Bad),
        ("Bad_NotConnected", 0x8000_020a_u32 as i32, SparkplugQuality::Bad),
        ("Error", -1_073_741_056, SparkplugQuality::Bad),
    ];
    for (name, code, expected) in cases {
        assert_eq!(read(code), (expected, false, false), "{name}");
        assert_eq!(read(f64::from(code)), (expected, true, false), "{name}");
    }
    assert_eq!(read(192.0_f32), (SparkplugQuality::Good, true, false));
}

#[test]
fn a_quality_that_is_no_integer_is_read_by_what_it_says() {
    let cases = [
        ("Good", SparkplugQuality::Good),
        ("good", SparkplugQuality::Good),
        ("GOOD", SparkplugQuality::Good),
        (" Good ", SparkplugQuality::Good),
        ("Good_Provisional", SparkplugQuality::Good),
        ("GoodClamped", SparkplugQuality::Good),
        ("Good, local override", SparkplugQuality::Good),
        ("Uncertain", SparkplugQuality::Uncertain),
        ("Uncertain_LastKnownValue", SparkplugQuality::Uncertain),
        ("UncertainLastUsableValue", SparkplugQuality::Uncertain),
        ("Bad", SparkplugQuality::Bad),
        ("Bad_NotConnected", SparkplugQuality::Bad),
        ("Bad_NotConnected(\"no route\")", SparkplugQuality::Bad),
        ("BadNotConnected", SparkplugQuality::Bad),
        ("bad (stale sensor)", SparkplugQuality::Uncertain),
        ("Error", SparkplugQuality::Bad),
        ("Error_Configuration", SparkplugQuality::Bad),
        ("Bad_Stale", SparkplugQuality::Uncertain),
        ("BAD_STALE", SparkplugQuality::Uncertain),
        ("bad_stale(\"since Monday\")", SparkplugQuality::Uncertain),
        ("BadStale", SparkplugQuality::Uncertain),
        ("Error_Stale", SparkplugQuality::Uncertain),
        ("Stale", SparkplugQuality::Uncertain),
        ("STALE", SparkplugQuality::Uncertain),
        ("stale data", SparkplugQuality::Uncertain),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), (expected, true, false), "{text}");
    }
    assert_eq!(read(false), (SparkplugQuality::Bad, true, false));
    assert_eq!(read(true), (SparkplugQuality::Good, true, false));
}

#[test]
fn a_quality_that_means_nothing_known_is_uncertain_and_told() {
    for text in ["", "  ", "OK", "Goodness", "Badly", "Not good", "?", "Güt", "quality 192"] {
        assert_eq!(read(text), (SparkplugQuality::Uncertain, true, true), "{text}");
    }
    for number in [192.5, f64::NAN, f64::INFINITY, -1e300, 4_294_967_488.0, 12_345.0] {
        assert_eq!(read(number), (SparkplugQuality::Uncertain, true, true), "{number}");
    }
    // 192 with more above it than an Int32 has.
    for integer in [(1_i64 << 32) + 192, i64::MIN + 192, i64::MAX] {
        assert_eq!(read(integer), (SparkplugQuality::Uncertain, false, true), "{integer}");
    }
    let mut findings = FindingCounts::default();
    let wire = Metric::new("m", 1_i32).quality(777).into_wire();
    of_properties(wire.properties.as_deref(), &mut findings);
    assert_eq!(findings.take_examples(), [(Finding::UnknownQuality, "777".into())]);
}

#[test]
fn absent_quality_is_good() {
    let mut findings = FindingCounts::default();
    let mut good = |metric: Metric| {
        let wire = metric.into_wire();
        assert_eq!(
            of_properties(wire.properties.as_deref(), &mut findings),
            SparkplugQuality::Good
        );
    };
    good(Metric::new("m", 1_i32));
    good(Metric::new("m", 1_i32).property("engUnit", "rpm"));
    good(
        Metric::new("m", 1_i32)
            .property(QUALITY, Typed::null(crate::sparkplug::datatype::DataType::Int32)),
    );
    // Other spellings are other properties.
    good(Metric::new("m", 1_i32).property("quality", 0_i32).property("QUALITY", "Bad"));
    let mut keys_alone = Metric::new("m", 1_i32).quality(0).into_wire();
    keys_alone.properties.as_mut().unwrap().values.clear();
    assert_eq!(findings, FindingCounts::default());
    // There is one, and nobody knows which.
    let quality = of_properties(keys_alone.properties.as_deref(), &mut findings);
    assert_eq!(quality, SparkplugQuality::Uncertain);
    assert_eq!(findings.count(Finding::UnknownQuality), 1);
}
