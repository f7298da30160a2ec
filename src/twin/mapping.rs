//! From Sparkplug's types and values to SiteWise's: the one place where both meet.

use crate::sitewise::api::{PropertyDataType, Quality, Text, Variant};
use crate::sitewise::limits;
use crate::sparkplug::datatype::DataType as SparkplugType;
use crate::sparkplug::event::SparkplugQuality;
use crate::sparkplug::value::{DataSet, Value};
use crate::time::Timestamp;
use std::fmt::Write as _;

/// How integers past 32 bits are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Int64 {
    /// As doubles: exact to 2^53, rounded and UNCERTAIN beyond.
    #[default]
    Double,
    /// As strings: always exact, never charted.
    String,
}

/// What was done to a value so that SiteWise takes it; counted, never silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Adjustment {
    /// An integer past 2^53 was rounded to a double and marked UNCERTAIN.
    Rounded,
    /// A number SiteWise has no form for became a null of quality BAD.
    NotFinite,
    /// Control characters in a string were replaced.
    Cleaned,
    /// A string was cut at 1,024 bytes.
    Truncated,
}

impl Adjustment {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Rounded, Self::NotFinite, Self::Cleaned, Self::Truncated];

    /// As a label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Rounded => "rounded",
            Self::NotFinite => "not_finite",
            Self::Cleaned => "cleaned",
            Self::Truncated => "cut",
        }
    }
}

/// A value as SiteWise takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The value.
    pub value: Variant,
    /// Its quality.
    pub quality: Quality,
    /// What was done to it.
    pub adjusted: Option<Adjustment>,
}

impl Converted {
    /// The best quality that a value can have after its conversion, whatever its sender says.
    pub fn best_quality(&self) -> Quality {
        match (&self.value, self.adjusted) {
            (Variant::Null(_), _) => Quality::Bad,
            (_, Some(Adjustment::Rounded)) => Quality::Uncertain,
            _ => Quality::Good,
        }
    }
}

/// A value that has no form in SiteWise.
#[derive(Clone, Debug, PartialEq)]
pub enum Unmappable {
    /// A data set or array whose JSON is longer than a string may be: the JSON.
    TooLong(String),
    /// The value is not of the type that the property was made for.
    OtherType,
}

/// Unit of every point in time.
pub const SECONDS_UNIT: &str = "s";

/// How a property stores a value: SiteWise's data type, and whether it is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueForm {
    /// As an integer.
    Integer,
    /// As a double.
    Double,
    /// As a Boolean.
    Boolean,
    /// As a string.
    String,
    /// A point in time, as a double: seconds since 1970, with their fraction. Milliseconds would
    /// be past the 10^10 that the API reference allows.
    Seconds,
}

impl ValueForm {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Integer, Self::Double, Self::Boolean, Self::String, Self::Seconds];

    /// The type of the property.
    pub fn data_type(self) -> PropertyDataType {
        match self {
            Self::Integer => PropertyDataType::Integer,
            Self::Double | Self::Seconds => PropertyDataType::Double,
            Self::Boolean => PropertyDataType::Boolean,
            Self::String => PropertyDataType::String,
        }
    }

    /// As a part of a property's id, and where names clash.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "SECONDS",
            other => type_name(other.data_type()),
        }
    }
}

impl From<PropertyDataType> for ValueForm {
    fn from(data_type: PropertyDataType) -> Self {
        match data_type {
            PropertyDataType::Integer => Self::Integer,
            PropertyDataType::Double => Self::Double,
            PropertyDataType::Boolean => Self::Boolean,
            PropertyDataType::String => Self::String,
        }
    }
}

/// A time as a property holds it: seconds since 1970.
pub fn seconds(time: Timestamp) -> Variant {
    Variant::Double(time.as_millis() as f64 / 1_000.0)
}

/// The form of the property for a Sparkplug type; none for what is not carried.
pub fn form(datatype: SparkplugType, int64: Int64) -> Option<ValueForm> {
    use SparkplugType as S;
    Some(match datatype {
        S::Int8 | S::Int16 | S::Int32 | S::UInt8 | S::UInt16 => ValueForm::Integer,
        S::UInt32 => ValueForm::Double,
        S::Int64 | S::UInt64 => match int64 {
            Int64::Double => ValueForm::Double,
            Int64::String => ValueForm::String,
        },
        S::Float | S::Double => ValueForm::Double,
        S::DateTime => ValueForm::Seconds,
        S::Boolean => ValueForm::Boolean,
        S::String | S::Text | S::Uuid | S::DataSet => ValueForm::String,
        S::Int8Array
        | S::Int16Array
        | S::Int32Array
        | S::Int64Array
        | S::UInt8Array
        | S::UInt16Array
        | S::UInt32Array
        | S::UInt64Array
        | S::FloatArray
        | S::DoubleArray
        | S::BooleanArray
        | S::StringArray
        | S::DateTimeArray => ValueForm::String,
        S::Unknown | S::Bytes | S::File | S::Template | S::PropertySet | S::PropertySetList => {
            return None;
        }
    })
}

/// Quality as SiteWise names it.
pub fn quality(quality: SparkplugQuality) -> Quality {
    match quality {
        SparkplugQuality::Good => Quality::Good,
        SparkplugQuality::Uncertain => Quality::Uncertain,
        SparkplugQuality::Bad => Quality::Bad,
    }
}

/// A value for a property of this form; none is null, which is BAD.
///
/// # Errors
///
/// What has no form in SiteWise.
pub fn convert(
    value: Option<&Value>,
    quality: SparkplugQuality,
    form: ValueForm,
) -> Result<Converted, Unmappable> {
    let quality = self::quality(quality);
    let Some(value) = value else {
        return Ok(Converted {
            value: Variant::Null(form.data_type()),
            quality: Quality::Bad,
            adjusted: None,
        });
    };
    let as_is = |value| Ok(Converted { value, quality, adjusted: None });
    match form {
        ValueForm::Integer => match integer(value).and_then(|number| i32::try_from(number).ok()) {
            Some(number) => as_is(Variant::Integer(number)),
            None => Err(Unmappable::OtherType),
        },
        ValueForm::Boolean => match value {
            Value::Boolean(flag) => as_is(Variant::Boolean(*flag)),
            _ => Err(Unmappable::OtherType),
        },
        ValueForm::Double => double(value, quality),
        ValueForm::Seconds => {
            let millis = integer(value).and_then(|millis| i64::try_from(millis).ok());
            let millis = millis.ok_or(Unmappable::OtherType)?;
            as_is(seconds(Timestamp::from_millis(millis)))
        }
        ValueForm::String => string(value, quality),
    }
}

/// A rejected value, to be looked at: a number, a Boolean or text as it came, anything else as
/// text that people can read.
pub fn as_it_came(value: Option<&Value>) -> Variant {
    let text = |text: String| Variant::String(text.into());
    match value {
        None => Variant::Null(PropertyDataType::String),
        Some(Value::Boolean(flag)) => Variant::Boolean(*flag),
        Some(Value::Float(number)) => Variant::Double(f64::from(*number)),
        Some(Value::Double(number)) => Variant::Double(*number),
        Some(Value::Int(number)) => match i32::try_from(*number) {
            Ok(number) => Variant::Integer(number),
            Err(_) => text(number.to_string()),
        },
        Some(Value::UInt(number) | Value::DateTime(number)) => match i32::try_from(*number) {
            Ok(number) => Variant::Integer(number),
            Err(_) => text(number.to_string()),
        },
        Some(Value::String(words)) => text(words.chars().take(limits::STRING_BYTES).collect()),
        Some(Value::DataSet(set)) => text(json_of_data_set(set)),
        Some(Value::Array(elements)) => text(json_of_array(elements)),
        Some(Value::Bytes(bytes)) => text(format!("{} bytes", bytes.len())),
    }
}

/// An attribute's default, as the text that SiteWise parses by the type of `form`; none for what
/// is null, or would be.
pub fn default_text(value: &Value, form: ValueForm) -> Option<String> {
    let text = match convert(Some(value), SparkplugQuality::Good, form).ok()?.value {
        Variant::Integer(number) => number.to_string(),
        Variant::Double(number) => number.to_string(),
        Variant::Boolean(flag) => flag.to_string(),
        Variant::String(text) => text.chars().take(limits::DEFAULT_CHARS).collect(),
        Variant::Null(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// What has to be done to a default so that SiteWise takes it.
pub fn adjustment(default: &Value, form: ValueForm) -> Option<Adjustment> {
    convert(Some(default), SparkplugQuality::Good, form).ok()?.adjusted
}

/// What a default shows, as SiteWise parses it; none for what is no value of that type.
pub fn of_default(text: &str, form: ValueForm) -> Option<Variant> {
    Some(match form.data_type() {
        PropertyDataType::Integer => Variant::Integer(text.parse().ok()?),
        PropertyDataType::Double => Variant::Double(text.parse().ok()?),
        PropertyDataType::Boolean => Variant::Boolean(text.parse().ok()?),
        PropertyDataType::String => Variant::String(text.into()),
    })
}

/// The name of a type, as SiteWise writes it.
pub fn type_name(data_type: PropertyDataType) -> &'static str {
    match data_type {
        PropertyDataType::Integer => "INTEGER",
        PropertyDataType::Double => "DOUBLE",
        PropertyDataType::Boolean => "BOOLEAN",
        PropertyDataType::String => "STRING",
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::UInt(number) | Value::DateTime(number) => Some(i128::from(*number)),
        _ => None,
    }
}

fn double(value: &Value, quality: Quality) -> Result<Converted, Unmappable> {
    let (number, adjusted) = match value {
        Value::Float(number) => (f64::from(*number), None),
        Value::Double(number) => (*number, None),
        _ => {
            let exact = integer(value).ok_or(Unmappable::OtherType)?;
            let number = exact as f64;
            (number, (number as i128 != exact).then_some(Adjustment::Rounded))
        }
    };
    if !number.is_finite() || number.abs() > limits::DOUBLE_MAGNITUDE {
        return Ok(Converted {
            value: Variant::Null(PropertyDataType::Double),
            quality: Quality::Bad,
            adjusted: Some(Adjustment::NotFinite),
        });
    }
    let quality = match adjusted {
        Some(_) => quality.max(Quality::Uncertain),
        None => quality,
    };
    Ok(Converted { value: Variant::Double(number), quality, adjusted })
}

fn string(value: &Value, quality: Quality) -> Result<Converted, Unmappable> {
    let plain =
        |text: String| Converted { value: Variant::String(text.into()), quality, adjusted: None };
    match value {
        Value::String(text) => {
            let (text, adjusted) = fit(text);
            Ok(Converted { value: Variant::String(text), quality, adjusted })
        }
        Value::Int(number) => Ok(plain(number.to_string())),
        Value::UInt(number) | Value::DateTime(number) => Ok(plain(number.to_string())),
        Value::DataSet(set) => json_that_fits(json_of_data_set(set)).map(plain),
        Value::Array(elements) => json_that_fits(json_of_array(elements)).map(plain),
        Value::Float(_) | Value::Double(_) | Value::Boolean(_) | Value::Bytes(_) => {
            Err(Unmappable::OtherType)
        }
    }
}

/// A string without control characters, cut at 1,024 bytes on a character boundary.
fn fit(text: &str) -> (Text, Option<Adjustment>) {
    let long = text.len() > limits::STRING_BYTES;
    let dirty = text.bytes().any(|byte| byte < 0x20 || byte == 0x7f);
    if !long && !dirty {
        return (text.into(), None);
    }
    let mut fit = String::with_capacity(text.len().min(limits::STRING_BYTES));
    for c in text.chars() {
        if fit.len() + c.len_utf8() > limits::STRING_BYTES {
            break;
        }
        fit.push(if c.is_ascii_control() { ' ' } else { c });
    }
    let adjusted = if long { Adjustment::Truncated } else { Adjustment::Cleaned };
    (fit.into(), Some(adjusted))
}

fn json_that_fits(json: String) -> Result<String, Unmappable> {
    if json.len() > limits::STRING_BYTES { Err(Unmappable::TooLong(json)) } else { Ok(json) }
}

/// `{"columns":[..],"rows":[[..],..]}`.
fn json_of_data_set(set: &DataSet) -> String {
    let mut json = String::from("{\"columns\":[");
    for (index, column) in set.columns.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_text(&mut json, column);
    }
    json.push_str("],\"rows\":[");
    for (index, row) in set.rows.iter().enumerate() {
        json.push_str(if index > 0 { ",[" } else { "[" });
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            match cell {
                Some(cell) => push_value(&mut json, cell),
                None => json.push_str("null"),
            }
        }
        json.push(']');
    }
    json.push_str("]}");
    json
}

fn json_of_array(elements: &[Value]) -> String {
    let mut json = String::from("[");
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_value(&mut json, element);
    }
    json.push(']');
    json
}

fn push_value(json: &mut String, value: &Value) {
    match value {
        Value::Int(number) => push_display(json, number),
        Value::UInt(number) | Value::DateTime(number) => push_display(json, number),
        Value::Float(number) if number.is_finite() => push_display(json, number),
        Value::Double(number) if number.is_finite() => push_display(json, number),
        Value::Float(number) => push_text(json, &number.to_string()),
        Value::Double(number) => push_text(json, &number.to_string()),
        Value::Boolean(flag) => push_display(json, flag),
        Value::String(text) => push_text(json, text),
        Value::Array(elements) => json.push_str(&json_of_array(elements)),
        Value::DataSet(set) => json.push_str(&json_of_data_set(set)),
        Value::Bytes(_) => json.push_str("null"),
    }
}

fn push_display(json: &mut String, value: &impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(json, "{value}");
}

/// A JSON string without any control character: SiteWise rejects them even escaped as text, so they
/// travel as `\u00xx`.
fn push_text(json: &mut String, text: &str) {
    json.push_str(&serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f"));
}

#[cfg(test)]
mod tests;
