//! From the parts of an HTTP request to one checked JSON object, from there to a typed input, and
//! from a typed output to an answer.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};

use super::error::{Error, Kind, Result};
use super::operation::{Answer, Field, Place};
use super::shape::{Faults, Shape};

/// The parts of a request that an input is bound from.
#[expect(missing_debug_implementations, reason = "a function has none")]
pub struct Parts<'a> {
    /// The path's labels with their decoded values.
    pub labels: Vec<(&'static str, String)>,
    /// The raw query.
    pub query: &'a str,
    /// A header's value by its lower-case name.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// The body, as it came.
    pub body: &'a [u8],
}

/// Binds and checks the input of an operation with these fields.
///
/// # Errors
///
/// `InvalidRequestException` naming each constraint that is not met.
pub fn input(fields: &[Field], parts: &Parts<'_>) -> Result<Value> {
    let mut body = body_object(fields, parts.body)?;
    let query = decode_query(parts.query)?;
    let mut input = Map::new();
    for field in fields {
        let name = field.member.name;
        let value = match field.place {
            Place::Path => parts
                .labels
                .iter()
                .find(|(label, _)| *label == name)
                .map(|(_, text)| Value::String(text.clone())),
            Place::Query => from_query(field.member.shape, name, &query),
            Place::Header(header) => (parts.header)(header).map(Value::String),
            Place::Body => body.remove(name),
        };
        if let Some(value) = value {
            input.insert(name.to_owned(), value);
        }
    }
    let input = Value::Object(input);
    check(fields, &input)?;
    Ok(input)
}

/// Checks the members in `input`.
fn check(fields: &[Field], input: &Value) -> Result<()> {
    let mut faults = Faults::default();
    for field in fields {
        let mut path = field.member.name.to_owned();
        match input.get(field.member.name) {
            None | Some(Value::Null) if field.member.required => {
                faults.add(&path, "Member must not be null")
            }
            None | Some(Value::Null) => {}
            Some(value) => field.member.shape.check(value, &mut path, &mut faults),
        }
    }
    faults.check()
}

/// The typed form of a checked input.
///
/// # Errors
///
/// `InvalidRequestException` for what the shape could not tell, such as a number out of range.
pub(crate) fn typed<T: DeserializeOwned>(input: Value) -> Result<T> {
    T::deserialize(input)
        .map_err(|error| Error::invalid(format!("The request is not valid: {error}")))
}

/// The answer that carries `output`.
///
/// # Errors
///
/// `InternalFailureException` if the output can't be written, which no output of ours is.
pub(crate) fn answer<T: Serialize>(output: &T) -> Result<Answer> {
    let body = serde_json::to_vec(output)
        .map_err(|error| Error::new(Kind::InternalFailure, error.to_string()))?;
    Ok(Answer { body, etag: None })
}

fn body_object(fields: &[Field], body: &[u8]) -> Result<Map<String, Value>> {
    let expected = fields.iter().any(|field| field.place == Place::Body);
    if !expected || body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::invalid("The request body must be a JSON object")),
        Err(error) => Err(Error::invalid(format!("The request body is not valid JSON: {error}"))),
    }
}

fn from_query(shape: &Shape, name: &str, query: &[(String, String)]) -> Option<Value> {
    let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if let Shape::List { of, .. } = shape {
        let items: Vec<Value> = values.map(|text| from_text(of, text)).collect();
        return (!items.is_empty()).then_some(Value::Array(items));
    }
    values.next_back().map(|text| from_text(shape, text))
}

/// A query's text in the form that `shape` expects; left as it is where it can't be that.
fn from_text(shape: &Shape, text: &str) -> Value {
    match shape {
        Shape::Integer { .. } => {
            text.parse::<i64>().ok().map(|number| Value::Number(Number::from(number)))
        }
        Shape::Boolean => text.parse::<bool>().ok().map(Value::Bool),
        _ => None,
    }
    .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn decode_query(query: &str) -> Result<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((percent_decode(&key.replace('+', " "))?, percent_decode(&value.replace('+', " "))?))
        })
        .collect()
}

/// Decodes `%41` to `A`.
///
/// # Errors
///
/// `InvalidRequestException` where the escapes are broken or the result is not UTF-8.
pub(crate) fn percent_decode(text: &str) -> Result<String> {
    let broken = || Error::invalid("The request's path or query is not correctly encoded");
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut hex = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (hex().ok_or_else(broken)?, hex().ok_or_else(broken)?);
        decoded.push(u8::try_from(high * 16 + low).map_err(|_| broken())?);
    }
    String::from_utf8(decoded).map_err(|_| broken())
}
