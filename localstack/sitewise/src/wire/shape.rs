//! Shapes of requests and the check of a JSON value against one.
//!
//! The constraints are those of the service model: presence, type, length, range, pattern, choice.
//! A member that is `null` counts as absent, an unknown member is ignored, as AWS services do.

use std::fmt::Write as _;

use serde_json::Value;

use super::error::{Error, Result};
use super::pattern::Pattern;
use super::time::Moment;

/// What a value must look like.
#[derive(Debug)]
pub enum Shape {
    /// Text of so many characters, that a pattern may cover.
    Text { min: usize, max: usize, pattern: Option<Pattern> },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// An integer, both ends included.
    Integer { min: i64, max: i64 },
    /// A finite number, or one of the words that restJson1 has for the others.
    Double,
    /// True or false.
    Boolean,
    /// A point in time.
    Timestamp,
    /// A list of so many items.
    List { of: &'static Shape, min: usize, max: usize },
    /// A map of so many entries.
    Map { key: &'static Shape, value: &'static Shape, min: usize, max: usize },
    /// An object with these members.
    Structure(&'static [Member]),
}

/// One member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Its name on the wire.
    pub name: &'static str,
    /// What its value must look like.
    pub shape: &'static Shape,
    /// Whether it must be present.
    pub required: bool,
}

/// A member that must be present.
pub const fn must(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: true }
}

/// A member that may be absent.
pub const fn may(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: false }
}

/// Faults past this number are counted in the message but not spelled out.
const FAULTS_SHOWN: usize = 10;

/// The faults found in one request.
#[derive(Debug, Default)]
pub struct Faults {
    shown: Vec<String>,
    count: usize,
}

impl Faults {
    /// Notes that the value at `path` breaks `rule`.
    pub fn add(&mut self, path: &str, rule: &str) {
        self.count += 1;
        if self.shown.len() < FAULTS_SHOWN {
            self.shown.push(format!("Value at '{path}' failed to satisfy constraint: {rule}"));
        }
    }

    /// # Errors
    ///
    /// `InvalidRequestException` when there is any fault.
    pub fn check(self) -> Result<()> {
        match self.count {
            0 => Ok(()),
            1 => Err(Error::invalid(format!(
                "1 validation error detected: {}",
                self.shown.join("; ")
            ))),
            count => Err(Error::invalid(format!(
                "{count} validation errors detected: {}",
                self.shown.join("; ")
            ))),
        }
    }
}

impl Shape {
    /// Checks `value`, which stands at `path`, and notes what is wrong with it.
    pub fn check(&self, value: &Value, path: &mut String, faults: &mut Faults) {
        match self {
            Self::Text { min, max, pattern } => match value.as_str() {
                Some(text) => check_text(text, (*min, *max), pattern.as_ref(), path, faults),
                None => faults.add(path, "Member must be a string"),
            },
            Self::Choice(choices) => match value.as_str() {
                Some(text) if choices.contains(&text) => {}
                _ => faults.add(
                    path,
                    &format!("Member must satisfy enum value set: [{}]", choices.join(", ")),
                ),
            },
            Self::Integer { min, max } => match value.as_i64() {
                Some(number) if number < *min => {
                    faults.add(
                        path,
                        &format!("Member must have value greater than or equal to {min}"),
                    );
                }
                Some(number) if number > *max => {
                    faults
                        .add(path, &format!("Member must have value less than or equal to {max}"));
                }
                Some(_) => {}
                None => faults.add(path, "Member must be an integer"),
            },
            Self::Double if is_double(value) => {}
            Self::Double => faults.add(path, "Member must be a number"),
            Self::Boolean if value.is_boolean() => {}
            Self::Boolean => faults.add(path, "Member must be a boolean"),
            Self::Timestamp if Moment::from_json(value).is_some() => {}
            Self::Timestamp => faults.add(path, "Member must be a timestamp"),
            Self::List { of, min, max } => match value.as_array() {
                Some(items) => {
                    check_length(items.len(), *min, *max, path, faults);
                    for (at, item) in items.iter().enumerate() {
                        within(path, &format!(".{}.member", at + 1), |path| {
                            of.check(item, path, faults)
                        });
                    }
                }
                None => faults.add(path, "Member must be a list"),
            },
            Self::Map { key, value: of, min, max } => match value.as_object() {
                Some(entries) => {
                    check_length(entries.len(), *min, *max, path, faults);
                    for (name, item) in entries {
                        within(path, ".key", |path| {
                            key.check(&Value::String(name.clone()), path, faults)
                        });
                        within(path, ".value", |path| of.check(item, path, faults));
                    }
                }
                None => faults.add(path, "Member must be a map"),
            },
            Self::Structure(members) => match value.as_object() {
                Some(object) => {
                    for member in *members {
                        let name = member.name;
                        let deeper =
                            if path.is_empty() { name.to_owned() } else { format!(".{name}") };
                        within(path, &deeper, |path| match object.get(name) {
                            None | Some(Value::Null) if member.required => {
                                faults.add(path, "Member must not be null")
                            }
                            None | Some(Value::Null) => {}
                            Some(item) => member.shape.check(item, path, faults),
                        });
                    }
                }
                None => faults.add(path, "Member must be an object"),
            },
        }
    }
}

fn is_double(value: &Value) -> bool {
    value.is_number() || matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity"))
}

fn check_text(
    text: &str,
    (min, max): (usize, usize),
    pattern: Option<&Pattern>,
    path: &str,
    faults: &mut Faults,
) {
    check_length(text.chars().count(), min, max, path, faults);
    if let Some(pattern) = pattern
        && !(pattern.matches)(text)
    {
        faults.add(
            path,
            &format!("Member must satisfy regular expression pattern: {}", pattern.text),
        );
    }
}

fn check_length(length: usize, min: usize, max: usize, path: &str, faults: &mut Faults) {
    if length < min {
        faults.add(path, &format!("Member must have length greater than or equal to {min}"));
    }
    if length > max {
        faults.add(path, &format!("Member must have length less than or equal to {max}"));
    }
}

/// Runs `check` with `path` lengthened by `deeper`.
fn within(path: &mut String, deeper: &str, check: impl FnOnce(&mut String)) {
    let length = path.len();
    let _ = path.write_str(deeper);
    check(path);
    path.truncate(length);
}
