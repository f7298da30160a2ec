//! A metric as told, in srad's types.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use srad::eon::{BirthInitializer, BirthMetricDetails, PublishMetric};
use srad::types::payload::DataType;
use srad::types::{PropertySet, traits};

use crate::motor;

#[derive(Clone, Deserialize)]
pub struct Metric {
    pub name: String,
    #[serde(rename = "type")]
    datatype: String,
    pub value: Value,
    timestamp: u64,
    #[serde(default)]
    properties: BTreeMap<String, Property>,
    #[serde(default, rename = "isHistorical")]
    historical: bool,
}

#[derive(Clone, Deserialize)]
struct Property {
    value: Value,
}

/// What publishes a metric that is born: from the value before and the value now.
pub type Publisher = Box<dyn Fn(&Value, &Value) -> Result<PublishMetric, String> + Send>;

impl Metric {
    /// Adds the metric to a birth.
    pub fn register(&self, birth: &mut BirthInitializer) -> Result<Publisher, String> {
        match self.datatype.as_str() {
            "Int8" => self.plain::<i8>(DataType::Int8, birth),
            "Int16" => self.plain::<i16>(DataType::Int16, birth),
            "Int32" => self.plain::<i32>(DataType::Int32, birth),
            "Int64" => self.plain::<i64>(DataType::Int64, birth),
            "UInt8" => self.plain::<u8>(DataType::UInt8, birth),
            "UInt16" => self.plain::<u16>(DataType::UInt16, birth),
            "UInt32" => self.plain::<u32>(DataType::UInt32, birth),
            "UInt64" => self.plain::<u64>(DataType::UInt64, birth),
            "Float" => self.plain::<f32>(DataType::Float, birth),
            "Double" => self.plain::<f64>(DataType::Double, birth),
            "Boolean" => self.plain::<bool>(DataType::Boolean, birth),
            "String" => self.plain::<String>(DataType::String, birth),
            "Text" => self.plain::<String>(DataType::Text, birth),
            "Template" => motor::register(&self.name, &self.value, self.timestamp, birth),
            other => Err(format!("{other} is not played")),
        }
    }

    fn plain<T>(
        &self,
        datatype: DataType,
        birth: &mut BirthInitializer,
    ) -> Result<Publisher, String>
    where
        T: traits::MetricValue + DeserializeOwned + Send + 'static,
    {
        let name = self.name.clone();
        let details = match read::<T>(&self.value)? {
            Some(value) => {
                BirthMetricDetails::new_with_initial_value_explicit_type(name, value, datatype)
            }
            None => BirthMetricDetails::new_without_initial_value(name, datatype),
        };
        let mut details = details.map_err(text)?.with_timestamp(self.timestamp);
        if !self.properties.is_empty() {
            details = details.with_properties(self.property_set()?);
        }
        let token = birth.register_metric(details).map_err(text)?;
        Ok(Box::new(move |_, value| Ok(token.create_publish_metric(read::<T>(value)?))))
    }

    /// The set has a `Quality` of its own, which nobody else can give.
    fn property_set(&self) -> Result<PropertySet, String> {
        let mut set = PropertySet::new();
        for (key, property) in self.properties.iter().filter(|(key, _)| *key != "Quality") {
            let inserted = match &property.value {
                Value::String(text) => set.insert(key.as_str(), Some(text.clone())),
                Value::Number(number) => set.insert(key.as_str(), number.as_f64()),
                other => return Err(format!("a property of {other} is not played")),
            };
            inserted.map_err(|()| format!("{key} is refused"))?;
        }
        Ok(set)
    }

    /// The metric with its time, to be published.
    pub fn publish(&self, publisher: &Publisher, before: &Value) -> Result<PublishMetric, String> {
        let metric = publisher(before, &self.value)?.timestamp(self.timestamp);
        Ok(if self.historical { metric.historical(true) } else { metric })
    }

    /// Takes the value and time of a later metric.
    pub fn update(&mut self, later: Self) {
        self.timestamp = later.timestamp;
        if self.datatype == "Template" {
            motor::update(&mut self.value, &later.value);
        } else {
            self.value = later.value;
        }
    }

    pub fn is_historical(&self) -> bool {
        self.historical
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<Option<T>, String> {
    // What JSON has no number for comes as text.
    let number = value.get("$integer").and_then(Value::as_str);
    match number {
        Some(number) => serde_json::from_str(number).map_err(text),
        None => serde_json::from_value(value.clone()).map_err(text),
    }
}

pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
