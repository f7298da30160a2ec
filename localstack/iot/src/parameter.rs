//! Parameters of a command: their types, values and the conditions on them.

use std::cmp::Ordering;

use serde_json::{Value as Json, json};

use crate::error::{Error, Result};

/// A value with its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Boolean(bool),
    /// Of 32 bits.
    Integer(i64),
    Long(i64),
    Unsigned(u64),
    Double(f64),
    /// In base64.
    Binary(String),
}

/// A number that is compared exactly where it can be.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i128),
    Real(f64),
}

#[derive(Debug, Clone)]
enum Condition {
    Compare { allowed: &'static [Ordering], with: Number },
    Numbers { among: Vec<Number>, inside: bool },
    Range { min: Number, max: Number, inside: bool },
    Texts { among: Vec<String>, inside: bool },
}

/// A parameter as a command declares it.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// `STRING` and so on; any where the command does not say.
    kind: Option<String>,
    /// For executions that give none.
    fallback: Option<Value>,
    conditions: Vec<Condition>,
}

impl Value {
    /// Reads `{"D": 42.5}`.
    pub(crate) fn read(json: &Json, path: &str) -> Result<Self> {
        let members = json.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let members: Vec<_> = members.collect();
        let [(name, value)] = members.as_slice() else {
            return Err(Error::invalid(format!("Value at '{path}' must have exactly one member")));
        };
        let text = || value.as_str().map(str::to_owned);
        let read = match name.as_str() {
            "S" => text().map(Self::Text),
            "B" => value.as_bool().map(Self::Boolean),
            "I" => value.as_i64().map(Self::Integer),
            "L" => value.as_i64().map(Self::Long),
            "D" => value.as_f64().map(Self::Double),
            "BIN" => text().map(Self::Binary),
            "UL" => value.as_str().and_then(|digits| digits.parse().ok()).map(Self::Unsigned),
            _ => None,
        };
        read.ok_or_else(|| Error::invalid(format!("Value at '{path}.{name}' is out of its range")))
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "STRING",
            Self::Boolean(_) => "BOOLEAN",
            Self::Integer(_) => "INTEGER",
            Self::Long(_) => "LONG",
            Self::Unsigned(_) => "UNSIGNEDLONG",
            Self::Double(_) => "DOUBLE",
            Self::Binary(_) => "BINARY",
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Integer(value) | Self::Long(value) => Some(Number::Whole((*value).into())),
            Self::Unsigned(value) => Some(Number::Whole((*value).into())),
            Self::Double(value) => Some(Number::Real(*value)),
            Self::Text(_) | Self::Boolean(_) | Self::Binary(_) => None,
        }
    }

    /// As text.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(value) | Self::Binary(value) => value.clone(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) | Self::Long(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Double(value) => value.to_string(),
        }
    }

    /// As JSON has it.
    pub(crate) fn typed(&self) -> Json {
        match self {
            Self::Text(value) | Self::Binary(value) => json!(value),
            Self::Boolean(value) => json!(value),
            Self::Integer(value) | Self::Long(value) => json!(value),
            Self::Unsigned(value) => json!(value),
            Self::Double(value) => json!(value),
        }
    }
}

impl Number {
    fn read(text: &str, path: &str) -> Result<Self> {
        let real = || text.parse().ok().filter(|value: &f64| value.is_finite()).map(Self::Real);
        text.parse()
            .ok()
            .map(Self::Whole)
            .or_else(real)
            .ok_or_else(|| Error::invalid(format!("Value at '{path}' is not a number: {text}")))
    }

    fn real(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "beside a double nothing is more exact")]
            Self::Whole(value) => value as f64,
            Self::Real(value) => value,
        }
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Some(one.cmp(&other)),
            _ => self.real().partial_cmp(&other.real()),
        }
    }
}

impl Condition {
    /// Reads a condition on a parameter of `kind`, whose form is that of the service model.
    fn read(json: &Json, kind: &str, path: &str) -> Result<Self> {
        let operator = json.get("comparisonOperator").and_then(Json::as_str).unwrap_or_default();
        let path = format!("{path}.operand");
        let wrong = || {
            let message = format!("Value at '{path}' is no operand of {operator} for a {kind}");
            Error::invalid(message)
        };
        let operands = json.get("operand").and_then(Json::as_object).ok_or_else(wrong)?;
        let mut operands = operands.iter().filter(|(_, value)| !value.is_null());
        let (Some((form, operand)), None) = (operands.next(), operands.next()) else {
            return Err(wrong());
        };
        let texts = || -> Vec<String> {
            let one = operand.as_str().map(str::to_owned).into_iter();
            let all = operand.as_array().into_iter().flatten().filter_map(Json::as_str);
            one.chain(all.map(str::to_owned)).collect()
        };
        let number = |text: &str| Number::read(text, &path);
        let is_number = matches!(kind, "INTEGER" | "LONG" | "UNSIGNEDLONG" | "DOUBLE");
        match (operator, form.as_str()) {
            ("EQUALS" | "NOT_EQUALS", "string") | ("IN_SET" | "NOT_IN_SET", "strings")
                if kind == "STRING" =>
            {
                let inside = !operator.starts_with("NOT_");
                Ok(Self::Texts { among: texts(), inside })
            }
            ("IN_SET" | "NOT_IN_SET", "numbers") if is_number => {
                let among = texts().iter().map(|text| number(text)).collect::<Result<_>>()?;
                Ok(Self::Numbers { among, inside: operator == "IN_SET" })
            }
            ("IN_RANGE" | "NOT_IN_RANGE", "numberRange") if is_number => {
                let end = |name: &str| {
                    number(operand.get(name).and_then(Json::as_str).unwrap_or_default())
                };
                let (min, max) = (end("min")?, end("max")?);
                if min.compare(max) == Some(Ordering::Greater) {
                    return Err(Error::invalid(format!("Value at '{path}' has min above max")));
                }
                Ok(Self::Range { min, max, inside: operator == "IN_RANGE" })
            }
            (_, "number") if is_number => {
                let allowed: &[Ordering] = match operator {
                    "EQUALS" => &[Ordering::Equal],
                    "NOT_EQUALS" => &[Ordering::Less, Ordering::Greater],
                    "LESS_THAN" => &[Ordering::Less],
                    "LESS_THAN_EQUALS" => &[Ordering::Less, Ordering::Equal],
                    "GREATER_THAN" => &[Ordering::Greater],
                    "GREATER_THAN_EQUALS" => &[Ordering::Greater, Ordering::Equal],
                    _ => return Err(wrong()),
                };
                let text = operand.as_str().unwrap_or_default();
                Ok(Self::Compare { allowed, with: number(text)? })
            }
            _ => Err(wrong()),
        }
    }

    fn holds(&self, value: &Value) -> bool {
        let compared = |with: &Number| value.number().and_then(|number| number.compare(*with));
        match self {
            Self::Compare { allowed, with } => {
                compared(with).is_some_and(|ordering| allowed.contains(&ordering))
            }
            Self::Numbers { among, inside } => {
                let is_among = among.iter().any(|one| compared(one) == Some(Ordering::Equal));
                value.number().is_some() && is_among == *inside
            }
            // Both ends are inside, also of what is excluded.
            Self::Range { min, max, inside } => {
                let above = compared(min).is_some_and(Ordering::is_ge);
                let below = compared(max).is_some_and(Ordering::is_le);
                value.number().is_some() && (above && below) == *inside
            }
            Self::Texts { among, inside } => match value {
                Value::Text(text) => among.contains(text) == *inside,
                _ => false,
            },
        }
    }
}

impl Parameter {
    /// Reads a definition whose form is that of the service model.
    pub(crate) fn read(json: &Json, path: &str) -> Result<Self> {
        let text = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
        let kind = text("type");
        let conditions = json.get("valueConditions").and_then(Json::as_array);
        let conditions = conditions.into_iter().flatten().zip(1..).map(|(condition, at)| {
            let path = format!("{path}.valueConditions.{at}.member");
            let kind = kind.as_deref().unwrap_or("parameter without a type");
            Condition::read(condition, kind, &path)
        });
        let conditions = conditions.collect::<Result<_>>()?;
        let name = text("name").unwrap_or_default();
        let mut parameter = Self { name, kind, fallback: None, conditions };
        // The value is set over the default.
        for member in ["defaultValue", "value"] {
            if let Some(given) = json.get(member).filter(|given| !given.is_null()) {
                let path = format!("{path}.{member}");
                parameter.fallback = Some(parameter.check(Value::read(given, &path)?, &path)?);
            }
        }
        Ok(parameter)
    }

    /// What an execution has for it.
    ///
    /// # Errors
    ///
    /// `ValidationException` if nothing is given, or not what the command takes.
    pub(crate) fn value(&self, given: Option<&Json>) -> Result<Value> {
        let path = format!("parameters.{}", self.name);
        match given.filter(|given| !given.is_null()) {
            Some(given) => self.check(Value::read(given, &path)?, &path),
            None => self.fallback.clone().ok_or_else(|| {
                Error::invalid(format!("The mandatory parameter {} is missing", self.name))
            }),
        }
    }

    fn check(&self, value: Value, path: &str) -> Result<Value> {
        if let Some(kind) = self.kind.as_deref().filter(|kind| *kind != value.kind()) {
            let given = value.kind();
            return Err(Error::invalid(format!("Value at '{path}' is a {given}, not a {kind}")));
        }
        if !self.conditions.iter().all(|condition| condition.holds(&value)) {
            let message = format!("Value at '{path}' does not satisfy the command's conditions");
            return Err(Error::invalid(message));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(kind: &str, operator: &str, operand: &Json) -> Result<Parameter> {
        let condition = json!({ "comparisonOperator": operator, "operand": operand });
        Parameter::read(&json!({ "name": "x", "type": kind, "valueConditions": [condition] }), "p")
    }

    /// Which of the values a condition lets through.
    fn taken(kind: &str, operator: &str, operand: &Json, values: &[Json]) -> Vec<bool> {
        let parameter = parameter(kind, operator, operand).unwrap();
        values.iter().map(|value| parameter.value(Some(value)).is_ok()).collect()
    }

    #[test]
    fn each_operator_lets_through_what_it_says() {
        let numbers = [json!({"I": 0}), json!({"I": 90}), json!({"I": 91})];
        let range = json!({"numberRange": {"min": "0", "max": "90"}});
        let number = json!({"number": "90"});
        let set = json!({"numbers": ["0", "91"]});
        for (operator, operand, wanted) in [
            ("IN_RANGE", &range, [true, true, false]),
            ("NOT_IN_RANGE", &range, [false, false, true]),
            ("IN_SET", &set, [true, false, true]),
            ("NOT_IN_SET", &set, [false, true, false]),
            ("EQUALS", &number, [false, true, false]),
            ("NOT_EQUALS", &number, [true, false, true]),
            ("LESS_THAN", &number, [true, false, false]),
            ("LESS_THAN_EQUALS", &number, [true, true, false]),
            ("GREATER_THAN", &number, [false, false, true]),
            ("GREATER_THAN_EQUALS", &number, [false, true, true]),
        ] {
            assert_eq!(taken("INTEGER", operator, operand, &numbers), wanted, "{operator}");
        }
        let texts = [json!({"S": "on"}), json!({"S": "off"})];
        let set = json!({"strings": ["on", "auto"]});
        assert_eq!(taken("STRING", "IN_SET", &set, &texts), [true, false]);
        assert_eq!(taken("STRING", "NOT_IN_SET", &set, &texts), [false, true]);
        assert_eq!(taken("STRING", "EQUALS", &json!({"string": "off"}), &texts), [false, true]);
        assert_eq!(taken("STRING", "NOT_EQUALS", &json!({"string": "off"}), &texts), [true, false]);
    }

    #[test]
    fn large_integers_are_compared_exactly() {
        let most = json!({"number": "9007199254740993"});
        let values =
            [json!({"L": 9_007_199_254_740_993_i64}), json!({"L": 9_007_199_254_740_992_i64})];
        assert_eq!(taken("LONG", "EQUALS", &most, &values), [true, false]);
        let most = json!({"number": u64::MAX.to_string()});
        assert_eq!(
            taken("UNSIGNEDLONG", "EQUALS", &most, &[json!({"UL": u64::MAX.to_string()})]),
            [true]
        );
        let parameter = parameter("UNSIGNEDLONG", "EQUALS", &most).unwrap();
        assert!(parameter.value(Some(&json!({"UL": "18446744073709551616"}))).is_err());
    }

    #[test]
    fn values_are_of_the_declared_type_and_defaults_stand_in() {
        let read = |json: Json| Parameter::read(&json, "p");
        let double = read(json!({"name": "x", "type": "DOUBLE"})).unwrap();
        assert_eq!(double.value(Some(&json!({"D": 42.5}))), Ok(Value::Double(42.5)));
        for wrong in
            [json!({"S": "42.5"}), json!({"I": 42}), json!({}), json!({"D": 1.0, "S": "1"})]
        {
            assert!(double.value(Some(&wrong)).is_err(), "{wrong}");
        }
        assert!(double.value(None).unwrap_err().message.contains("x is missing"));
        let any = read(json!({"name": "x"})).unwrap();
        assert_eq!(any.value(Some(&json!({"B": true}))), Ok(Value::Boolean(true)));

        let default = json!({"name": "x", "defaultValue": {"S": "a"}});
        assert_eq!(read(default).unwrap().value(None), Ok(Value::Text("a".into())));
        let both = json!({"name": "x", "defaultValue": {"S": "a"}, "value": {"S": "b"}});
        let both = read(both).unwrap();
        assert_eq!(both.value(None), Ok(Value::Text("b".into())));
        assert_eq!(both.value(Some(&json!({"S": "c"}))), Ok(Value::Text("c".into())));
    }

    #[test]
    fn conditions_that_mean_nothing_are_refused() {
        for (kind, operator, operand) in [
            ("BOOLEAN", "EQUALS", json!({"string": "true"})),
            ("BINARY", "EQUALS", json!({"string": "QQ=="})),
            ("STRING", "IN_RANGE", json!({"numberRange": {"min": "0", "max": "1"}})),
            ("STRING", "LESS_THAN", json!({"string": "a"})),
            ("DOUBLE", "EQUALS", json!({"string": "1"})),
            ("DOUBLE", "IN_RANGE", json!({"number": "1"})),
            ("DOUBLE", "IN_RANGE", json!({"numberRange": {"min": "1", "max": "0"}})),
            ("DOUBLE", "IN_RANGE", json!({"numberRange": {"min": "low", "max": "1"}})),
            ("DOUBLE", "LESS_THAN", json!({"number": "inf"})),
            ("DOUBLE", "LESS_THAN", json!({"number": "1", "string": "1"})),
            ("DOUBLE", "LESS_THAN", json!({})),
        ] {
            assert!(parameter(kind, operator, &operand).is_err(), "{kind} {operator} {operand}");
        }
        let untyped = json!({"name": "x", "valueConditions": [
            {"comparisonOperator": "EQUALS", "operand": {"number": "1"}}]});
        assert!(Parameter::read(&untyped, "p").is_err());
        let out_of_range = json!({"name": "x", "type": "INTEGER", "defaultValue": {"I": 2},
            "valueConditions": [{"comparisonOperator": "EQUALS", "operand": {"number": "1"}}]});
        assert!(Parameter::read(&out_of_range, "p").is_err());
    }
}
