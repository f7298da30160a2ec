//! Quality codes: those of the specification, of Ignition, and of OPC DA.

use super::event::SparkplugQuality;
use super::findings::{Finding, FindingCounts};
use super::proto::payload::{PropertySet, PropertyValue};
use super::text;
use super::value::WireField;

/// The property that holds a metric's quality, in this spelling alone
/// [payloads-propertyset-quality-value-type].
pub const QUALITY: &str = "Quality";

/// Stale codes: the last value is not wrong, so UNCERTAIN.
const STALE: [u32; 2] = [500, 516];

/// The bits of a code that tell Ignition's levels from each other.
const LEVEL_BITS: u32 = 0xc000_0000;

/// The quality that `code` stands for [payloads-propertyset-quality-value-value]; none where it
/// is not known to stand for any.
///
/// Three families share the numbers, and do not contradict each other: those of the
/// specification with Ignition's older ones, OPC DA's eight bits, and Ignition's own of 32 bits,
/// whose top two are the level and whose low 16 say more.
pub fn of_code(code: u32) -> Option<SparkplugQuality> {
    match code & LEVEL_BITS {
        0 => of_plain(code),
        0x4000_0000 => Some(SparkplugQuality::Uncertain),
        _ if STALE.contains(&(code & 0xffff)) => Some(SparkplugQuality::Uncertain),
        _ => Some(SparkplugQuality::Bad),
    }
}

/// The quality of a code without level bits.
fn of_plain(code: u32) -> Option<SparkplugQuality> {
    match code {
        // OPC DA: bad, uncertain, reserved, good. 0 and 192 are the specification's own.
        0..=63 => Some(SparkplugQuality::Bad),
        64..=127 => Some(SparkplugQuality::Uncertain),
        128..=191 => None,
        192..=255 => Some(SparkplugQuality::Good),
        // Ignition 7 and the edges built on its vendor's libraries: unknown, provisional.
        256 => Some(SparkplugQuality::Uncertain),
        320 => Some(SparkplugQuality::Good),
        300 | 301 | 310 | 311 | 312 | 330 | 340 => Some(SparkplugQuality::Bad),
        403 | 404 | 405 | 410 => Some(SparkplugQuality::Bad),
        // Unknown, and a write on its way.
        500 | 516 | 600 | 700 => Some(SparkplugQuality::Uncertain),
        // Ignition 8's bad ones without their level.
        512..=767 => Some(SparkplugQuality::Bad),
        900..=902 | 1000 => Some(SparkplugQuality::Bad),
        _ => None,
    }
}

/// The quality that a text stands for, by its first word: `Good`, `Bad_NotConnected("...")`,
/// `UncertainLastUsableValue`.
fn of_text(text: &str) -> Option<SparkplugQuality> {
    let mut words = words(text);
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    let is = |word: &str, name: &str| word.eq_ignore_ascii_case(name);
    if is(first, "Stale") {
        return Some(SparkplugQuality::Uncertain);
    }
    let level = [
        ("Good", SparkplugQuality::Good),
        ("Uncertain", SparkplugQuality::Uncertain),
        ("Bad", SparkplugQuality::Bad),
        ("Error", SparkplugQuality::Bad),
    ];
    let level = level.into_iter().find(|(name, _)| is(first, name)).map(|(_, quality)| quality)?;
    Some(if is(second, "Stale") { SparkplugQuality::Uncertain } else { level })
}

/// The words of a text, be they parted by other characters or by their first letters' case.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_alphabetic()).filter(|part| !part.is_empty());
    parts.flat_map(|part| {
        let mut last_lower = false;
        let mut begins = part.char_indices().filter_map(move |(at, c)| {
            let begin = last_lower && c.is_uppercase();
            last_lower = c.is_lowercase();
            begin.then_some(at)
        });
        let mut rest = Some(0);
        std::iter::from_fn(move || {
            let from = rest.take()?;
            rest = begins.next();
            part.get(from..rest.unwrap_or(part.len()))
        })
    })
}

/// The integer that a number equals, as a code's 32 bits.
fn whole(number: f64) -> Option<u32> {
    let range = f64::from(i32::MIN)..=f64::from(u32::MAX);
    (number.fract() == 0.0 && range.contains(&number)).then_some(number as i64 as u32)
}

/// An integer field as a code's 32 bits. Negative codes arrive in either field, sign-extended or not.
fn bits(integer: u64) -> Option<u32> {
    let signed = integer as i64;
    u32::try_from(signed).ok().or_else(|| i32::try_from(signed).ok().map(|code| code as u32))
}

/// The quality among `properties`; good where there is none. A key that has no value beside it says
/// that there is a quality, and not which.
pub(crate) fn of_properties(
    properties: Option<&PropertySet>,
    findings: &mut FindingCounts,
) -> SparkplugQuality {
    let Some(set) = properties else { return SparkplugQuality::Good };
    let Some(place) = place(set) else { return SparkplugQuality::Good };
    match set.values.get(place) {
        Some(property) => of_property(property, findings),
        None => {
            findings.note(Finding::UnknownQuality);
            SparkplugQuality::Uncertain
        }
    }
}

/// Whether there is a quality among `properties` that can be read: not null, nor a key alone.
pub(crate) fn is_among(properties: &PropertySet) -> bool {
    let said = place(properties).and_then(|place| properties.values.get(place));
    said.is_some_and(|said| said.value.is_some() && said.is_null != Some(true))
}

fn place(set: &PropertySet) -> Option<usize> {
    set.keys.iter().position(|key| key == QUALITY.as_bytes())
}

fn of_property(property: &PropertyValue, findings: &mut FindingCounts) -> SparkplugQuality {
    let field = match &property.value {
        Some(value) if property.is_null != Some(true) => WireField::of_property(value),
        Some(_) | None => return SparkplugQuality::Good,
    };
    let (known, integer) = match field {
        WireField::Int(code) => (of_code(code), true),
        WireField::Long(code) => (bits(code).and_then(of_code), true),
        WireField::Float(number) => (whole(f64::from(number)).and_then(of_code), false),
        WireField::Double(number) => (whole(number).and_then(of_code), false),
        WireField::Boolean(true) => (Some(SparkplugQuality::Good), false),
        WireField::Boolean(false) => (Some(SparkplugQuality::Bad), false),
        WireField::String(bytes) => (of_text(&text::read(bytes, findings)), false),
        WireField::Bytes(_)
        | WireField::DataSet(_)
        | WireField::Template
        | WireField::PropertySet
        | WireField::PropertySetList
        | WireField::Extension => (None, false),
    };
    if !integer {
        findings.note(Finding::WrongQuality);
    }
    known.unwrap_or_else(|| {
        findings.note_with_example(Finding::UnknownQuality, || field.display_text());
        SparkplugQuality::Uncertain
    })
}

#[cfg(test)]
mod tests;
