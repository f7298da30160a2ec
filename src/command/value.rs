//! Values: from a request's JSON to the metric's type, and back from the plant.

use serde_json::Value as Json;

use super::answer::{Code, Refusal};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::value::Value;

/// Relative tolerance for numbers that count as the same: a Float has seven digits.
const SAME: f64 = 1e-6;

/// Integers up to here are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The value that JSON means for a metric of this type. Numbers, true and false may be written as
/// text.
///
/// # Errors
///
/// It is of another type, or the type does not hold it.
pub(super) fn typed(json: &Json, datatype: DataType) -> Result<Value, Refusal> {
    use DataType as D;
    match datatype {
        D::Int8 => signed(json, datatype, 8),
        D::Int16 => signed(json, datatype, 16),
        D::Int32 => signed(json, datatype, 32),
        D::Int64 => signed(json, datatype, 64),
        D::UInt8 => unsigned(json, datatype, 8).map(Value::UInt),
        D::UInt16 => unsigned(json, datatype, 16).map(Value::UInt),
        D::UInt32 => unsigned(json, datatype, 32).map(Value::UInt),
        D::UInt64 => unsigned(json, datatype, 64).map(Value::UInt),
        D::DateTime => unsigned(json, datatype, 63).map(Value::DateTime),
        D::Float => {
            let number = number(json).ok_or_else(|| wrong(json, datatype))?;
            match number as f32 {
                float if float.is_finite() => Ok(Value::Float(float)),
                _ => Err(outside(json, datatype)),
            }
        }
        D::Double => number(json).map(Value::Double).ok_or_else(|| wrong(json, datatype)),
        D::Boolean => boolean(json).map(Value::Boolean).ok_or_else(|| wrong(json, datatype)),
        D::String | D::Text | D::Uuid => match json {
            Json::String(text) => Ok(Value::String(text.as_str().into())),
            _ => Err(wrong(json, datatype)),
        },
        D::Unknown
        | D::DataSet
        | D::Bytes
        | D::File
        | D::Template
        | D::PropertySet
        | D::PropertySetList
        | D::Int8Array
        | D::Int16Array
        | D::Int32Array
        | D::Int64Array
        | D::UInt8Array
        | D::UInt16Array
        | D::UInt32Array
        | D::UInt64Array
        | D::FloatArray
        | D::DoubleArray
        | D::BooleanArray
        | D::StringArray
        | D::DateTimeArray => Err(Refusal::new(
            Code::WrongType,
            format!("a metric of type {} cannot be written", datatype.name()),
        )),
    }
}

/// The number that JSON means, as it was written; none for what is none.
pub(super) fn number(json: &Json) -> Option<f64> {
    let number = match json {
        Json::Number(number) => number.as_f64()?,
        Json::String(text) => text.parse().ok()?,
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    number.is_finite().then_some(number)
}

/// The number that a value is, for ranges; none for text, Booleans and what cannot be written.
pub(super) fn of_value(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Int(number) => *number as f64,
        Value::UInt(number) | Value::DateTime(number) => *number as f64,
        Value::Float(number) => f64::from(*number),
        Value::Double(number) => *number,
        Value::Boolean(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::DataSet(_)
        | Value::Array(_) => return None,
    })
}

/// The number that a value says as the least, which may be text. One that is no double is rounded
/// up, so that nothing below it is within.
pub(super) fn lower_bound(value: &Value) -> Option<f64> {
    rounded(value, |number, exact| if (number as i128) < exact { number.next_up() } else { number })
}

/// The number that a value says as the greatest. One that is no double is rounded down.
pub(super) fn upper_bound(value: &Value) -> Option<f64> {
    rounded(
        value,
        |number, exact| if (number as i128) > exact { number.next_down() } else { number },
    )
}

fn rounded(value: &Value, inward: impl Fn(f64, i128) -> f64) -> Option<f64> {
    let text = match value {
        Value::String(text) => Some(text.trim()),
        _ => None,
    };
    let exact = text.map_or_else(|| integer(value), |text| text.parse::<i128>().ok());
    let number = match text {
        Some(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        None => of_value(value),
    };
    number.map(|number| exact.map_or(number, |exact| inward(number, exact)))
}

/// Whether two values are the very same, to the last digit.
pub(super) fn equal(one: &Value, other: &Value) -> bool {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other,
        _ => false,
    }
}

/// Whether a value is the number that a rule lists, as the value's type holds it.
pub(super) fn is_listed(value: &Value, listed: &str) -> bool {
    if let (Some(number), Ok(listed)) = (integer(value), listed.parse::<i128>()) {
        return number == listed;
    }
    let Ok(listed) = listed.parse::<f64>() else { return false };
    match (integer(value), value) {
        // The cast stops at the ends of i128, which no value reaches.
        (Some(number), _) => listed.fract() == 0.0 && listed as i128 == number,
        (None, Value::Float(number)) => *number == listed as f32,
        (None, Value::Double(number)) => *number == listed,
        (None, _) => false,
    }
}

/// Whether a number is from `low` to `high`: integers exactly; a Float with both ends as a Float
/// holds them, since its own range comes in its own type.
pub(super) fn is_within(value: &Value, low: f64, high: f64) -> bool {
    if low.is_nan() || high.is_nan() {
        return false;
    }
    match (integer(value), value) {
        // The casts stop at the ends of i128.
        (Some(number), _) => low.ceil() as i128 <= number && number <= high.floor() as i128,
        (None, Value::Float(number)) => low as f32 <= *number && *number <= high as f32,
        (None, Value::Double(number)) => low <= *number && *number <= high,
        (None, _) => false,
    }
}

/// The same for a rule's range, and for the number that was asked for: the one that a Float was
/// rounded from must be within as well.
pub(super) fn is_rounded_within((value, requested): (&Value, f64), low: f64, high: f64) -> bool {
    let is_rounded = matches!(value, Value::Float(_));
    is_within(value, low, high) && (!is_rounded || low <= requested && requested <= high)
}

/// Whether values of a type can be written at all.
pub(super) fn is_writable(datatype: DataType) -> bool {
    use DataType as D;
    matches!(
        datatype,
        D::Int8
            | D::Int16
            | D::Int32
            | D::Int64
            | D::UInt8
            | D::UInt16
            | D::UInt32
            | D::UInt64
            | D::DateTime
            | D::Float
            | D::Double
            | D::Boolean
            | D::String
            | D::Text
            | D::Uuid
    )
}

/// Whether values of a type are numbers.
pub(super) fn is_number(datatype: DataType) -> bool {
    use DataType as D;
    is_writable(datatype) && !matches!(datatype, D::Boolean | D::String | D::Text | D::Uuid)
}

/// The least and the greatest number of a numeric type.
pub(super) fn bounds(datatype: DataType) -> (f64, f64) {
    use DataType as D;
    let signed = |bits: i32| (-(2_f64.powi(bits - 1)), 2_f64.powi(bits - 1) - 1.0);
    let unsigned = |bits: i32| (0.0, 2_f64.powi(bits) - 1.0);
    match datatype {
        D::Int8 => signed(8),
        D::Int16 => signed(16),
        D::Int32 => signed(32),
        D::Int64 => signed(64),
        D::UInt8 => unsigned(8),
        D::UInt16 => unsigned(16),
        D::UInt32 => unsigned(32),
        D::UInt64 => unsigned(64),
        D::DateTime => unsigned(63),
        D::Float => (f64::from(f32::MIN), f64::from(f32::MAX)),
        _ => (f64::MIN, f64::MAX),
    }
}

/// Whether a value that came back is the one that was sent: integers, Booleans and text exactly,
/// other numbers to one part in a million; or both within `step` of each other, which itself is too
/// far.
pub(super) fn same(one: &Value, other: &Value, step: Option<f64>) -> bool {
    let near = |apart: f64| step.is_some_and(|step| apart < step * (1.0 - SAME));
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => return one == other || near((one - other).abs() as f64),
        (None, None) => {}
        _ => return false,
    }
    match (of_value(one), of_value(other)) {
        (Some(one), Some(other)) => {
            let apart = (one - other).abs();
            apart <= SAME * one.abs().max(other.abs()) || near(apart)
        }
        _ => one == other,
    }
}

/// A value in words.
pub(super) fn display_text(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::UInt(number) | Value::DateTime(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::String(text) => format!("\"{}\"", text.chars().take(100).collect::<String>()),
        Value::Bytes(_) | Value::DataSet(_) | Value::Array(_) => {
            "bytes, a data set or an array".to_owned()
        }
    }
}

/// True or false, as a request and a rule may write it.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "on" => Some(true),
        "false" | "off" => Some(false),
        _ => None,
    }
}

fn boolean(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(flag) => Some(*flag),
        Json::String(text) => flag(text),
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::UInt(number) | Value::DateTime(number) => Some(i128::from(*number)),
        _ => None,
    }
}

/// A whole number, also one that is written as `72.0`.
fn whole(json: &Json) -> Option<i128> {
    let exact = match json {
        Json::Number(number) => {
            number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
        }
        Json::String(text) => text.parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    let written = || number(json).filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
    exact.or_else(|| written().map(|number| number as i128))
}

fn signed(json: &Json, datatype: DataType, bits: u32) -> Result<Value, Refusal> {
    let number = whole(json).ok_or_else(|| wrong(json, datatype))?;
    let limit = 1_i128 << (bits - 1);
    match i64::try_from(number) {
        Ok(fits) if (-limit..limit).contains(&number) => Ok(Value::Int(fits)),
        _ => Err(outside(json, datatype)),
    }
}

fn unsigned(json: &Json, datatype: DataType, bits: u32) -> Result<u64, Refusal> {
    let number = whole(json).ok_or_else(|| wrong(json, datatype))?;
    match u64::try_from(number) {
        Ok(fits) if number < 1_i128 << bits => Ok(fits),
        _ => Err(outside(json, datatype)),
    }
}

fn wrong(json: &Json, datatype: DataType) -> Refusal {
    let reason = format!("{} is not a value of type {}", short(json), datatype.name());
    Refusal::new(Code::WrongType, reason)
}

fn outside(json: &Json, datatype: DataType) -> Refusal {
    let reason = format!("{} does not fit the type {}", short(json), datatype.name());
    Refusal::new(Code::OutOfRange, reason)
}

/// JSON in words, no more than people read.
fn short(json: &Json) -> String {
    json.to_string().chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, datatype: DataType) -> Result<Value, Code> {
        let json = serde_json::from_str(json).unwrap();
        typed(&json, datatype).map_err(|refusal| refusal.code)
    }

    #[test]
    fn json_is_read_by_the_type_of_the_metric() {
        use DataType as D;
        let (wrong, range) = (Err(Code::WrongType), Err(Code::OutOfRange));
        for (json, datatype, expected) in [
            ("72", D::Int16, Ok(Value::Int(72))),
            ("\"72\"", D::Int16, Ok(Value::Int(72))),
            ("72.0", D::Int16, Ok(Value::Int(72))),
            ("-128", D::Int8, Ok(Value::Int(-128))),
            ("-129", D::Int8, range.clone()),
            ("72.5", D::Int16, wrong.clone()),
            ("true", D::Int16, wrong.clone()),
            ("255", D::UInt8, Ok(Value::UInt(255))),
            ("256", D::UInt8, range.clone()),
            ("-1", D::UInt8, range.clone()),
            ("18446744073709551615", D::UInt64, Ok(Value::UInt(u64::MAX))),
            ("18446744073709551616", D::UInt64, wrong.clone()),
            ("\"18446744073709551615\"", D::UInt64, Ok(Value::UInt(u64::MAX))),
            ("-9223372036854775808", D::Int64, Ok(Value::Int(i64::MIN))),
            ("1790000000000", D::DateTime, Ok(Value::DateTime(1_790_000_000_000))),
            ("1.5", D::Float, Ok(Value::Float(1.5))),
            ("1e39", D::Float, range.clone()),
            ("\"NaN\"", D::Float, wrong.clone()),
            ("\"inf\"", D::Double, wrong.clone()),
            ("1e39", D::Double, Ok(Value::Double(1e39))),
            ("true", D::Boolean, Ok(Value::Boolean(true))),
            ("\"off\"", D::Boolean, Ok(Value::Boolean(false))),
            ("1", D::Boolean, wrong.clone()),
            ("\"Auto\"", D::Text, Ok(Value::String("Auto".into()))),
            ("5", D::String, wrong.clone()),
            ("\"5\"", D::DataSet, wrong.clone()),
            ("\"5\"", D::Int8Array, wrong.clone()),
            ("\"5\"", D::Unknown, wrong),
        ] {
            assert_eq!(read(json, datatype), expected, "{json} {datatype:?}");
        }
    }

    #[test]
    fn the_types_that_can_be_written_are_those_that_json_is_read_for() {
        for datatype in DataType::ALL {
            let all = ["1", "true", "\"text\""];
            let is_read = all.iter().any(|json| read(json, datatype).is_ok());
            assert_eq!(is_writable(datatype), is_read, "{datatype:?}");
        }
    }

    #[test]
    fn integers_are_within_a_range_exactly_and_floats_as_their_type_has_its_ends() {
        let big = 9_007_199_254_740_992.0;
        for (value, low, high, expected) in [
            (Value::Int(9_007_199_254_740_993), 0.0, big, false),
            (Value::Int(9_007_199_254_740_992), 0.0, big, true),
            (Value::Int(-9_007_199_254_740_993), -big, 0.0, false),
            (Value::UInt(u64::MAX), 0.0, f64::INFINITY, true),
            (Value::Int(1), 0.5, 1.5, true),
            (Value::Int(2), 0.5, 1.5, false),
            (Value::Int(0), 0.5, 1.5, false),
            (Value::Int(0), f64::NAN, 1.5, false),
            (Value::Float(90.1), 0.0, f64::from(90.1_f32), true),
            (Value::Float(90.1), 0.0, 90.1, true),
            (Value::Float(90.2), 0.0, 90.1, false),
            (Value::Double(90.1), 0.0, 90.1, true),
            (Value::Double(90.100_000_001), 0.0, 90.1, false),
            (Value::Boolean(true), 0.0, 1.0, false),
        ] {
            assert_eq!(is_within(&value, low, high), expected, "{value:?} {low}..{high}");
        }
    }

    #[test]
    fn values_are_the_same_to_a_millionth_or_nearer_than_a_step() {
        let double = Value::Double;
        for (one, other, step, expected) in [
            (double(12.0), double(12.0), None, true),
            (Value::Float(0.1), double(0.1), None, true),
            (double(12.0), double(12.1), None, false),
            (double(0.0), double(1e-9), None, false),
            (double(12.0), double(12.4), Some(0.5), true),
            // One step away is another value.
            (double(12.0), double(12.5), Some(0.5), false),
            (Value::Int(3), Value::Int(3), None, true),
            (Value::Int(3), Value::Int(4), None, false),
            (Value::Int(3), Value::Int(4), Some(1.0), false),
            (Value::Int(3), Value::Int(4), Some(5.0), true),
            (Value::UInt(u64::MAX), Value::UInt(u64::MAX - 1), None, false),
            (Value::Int(1), Value::Boolean(true), None, false),
            (Value::Boolean(true), Value::Boolean(true), None, true),
            (Value::String("a".into()), Value::String("b".into()), Some(5.0), false),
            (double(f64::NAN), double(f64::NAN), Some(5.0), false),
        ] {
            assert_eq!(same(&one, &other, step), expected, "{one:?} {other:?} {step:?}");
        }
    }
}
