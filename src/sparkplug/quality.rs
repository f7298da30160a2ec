//! Quality codes: those of the specification, and those of Ignition.

use super::event::Quality;
use super::proto::payload::PropertySet;
use super::value::Arm;

/// The property that holds a metric's quality [payloads-propertyset-quality-value-type].
pub const QUALITY: &str = "Quality";

/// Ignition's `Bad_Stale`: the source is silent, its last value is no lie.
const BAD_STALE: u32 = 0x8000_0204;

/// The quality that `code` stands for [payloads-propertyset-quality-value-value]. The three
/// codes of the specification come first; any other is Ignition's, whose top two bits are the
/// level.
pub fn of_code(code: u32) -> Quality {
    match code {
        0 => Quality::Bad,
        192 => Quality::Good,
        500 | BAD_STALE => Quality::Uncertain,
        _ => match code >> 30 {
            0 => Quality::Good,
            1 => Quality::Uncertain,
            _ => Quality::Bad,
        },
    }
}

/// The quality among `properties`; good where there is none. None for one that is no integer.
pub(crate) fn of_properties(properties: Option<&PropertySet>) -> Option<Quality> {
    let Some(set) = properties else {
        return Some(Quality::Good);
    };
    let Some(place) = set.keys.iter().position(|key| key == QUALITY) else {
        return Some(Quality::Good);
    };
    let Some(property) = set.values.get(place) else {
        return Some(Quality::Good);
    };
    match &property.value {
        Some(value) if property.is_null != Some(true) => {
            // Negative codes arrive in either arm, sign-extended or not.
            Arm::of_property(value).integer().map(|code| of_code(code as u32))
        }
        _ => Some(Quality::Good),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::edge::Metric;

    #[test]
    fn payloads_propertyset_quality_value_value() {
        let cases = [
            (192, Quality::Good),
            (200, Quality::Good),
            (0, Quality::Bad),
            (500, Quality::Uncertain),
            (1_073_742_080, Quality::Uncertain),
            (-2_147_483_136, Quality::Bad),
            (-2_147_483_132, Quality::Uncertain),
            (0x8000_0207_u32 as i32, Quality::Bad),
            (0x8000_020a_u32 as i32, Quality::Bad),
            (-1_073_741_056, Quality::Bad),
        ];
        for (code, expected) in cases {
            assert_eq!(of_code(code as u32), expected, "{code}");
            let narrow = Metric::new("m", 1_i32).quality(code).into_wire();
            assert_eq!(of_properties(narrow.properties.as_deref()), Some(expected), "{code}");
            let wide = Metric::new("m", 1_i32).property(QUALITY, i64::from(code)).into_wire();
            assert_eq!(of_properties(wide.properties.as_deref()), Some(expected), "{code}");
        }
    }

    #[test]
    fn absent_quality_is_good() {
        assert_eq!(of_properties(None), Some(Quality::Good));
        let other = Metric::new("m", 1_i32).property("engUnit", "rpm").into_wire();
        assert_eq!(of_properties(other.properties.as_deref()), Some(Quality::Good));
        let text = Metric::new("m", 1_i32).property(QUALITY, "good").into_wire();
        assert_eq!(of_properties(text.properties.as_deref()), None);
    }
}
