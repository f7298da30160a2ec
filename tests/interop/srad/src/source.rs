//! The node or a device: its metrics as they are now, and how to publish them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use srad::eon::{
    BirthInitializer, DeviceMetricManager, MessageMetrics, MetricManager, NodeHandle,
    NodeMetricManager, PublishMetric,
};
use srad::types::MetricId;

use crate::metric::{Metric, Publisher};
use crate::tell;

#[derive(Clone)]
pub struct Source {
    device: Option<String>,
    state: Arc<Mutex<State>>,
}

struct State {
    metrics: Vec<Metric>,
    publishers: HashMap<String, Publisher>,
}

impl Source {
    pub fn new(device: Option<String>, metrics: Vec<Metric>) -> Self {
        let state = State { metrics, publishers: HashMap::new() };
        Self { device, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// What is to be published when metrics have changed.
    pub fn changed(&self, changes: &[Metric]) -> Result<Vec<PublishMetric>, String> {
        let state = self.state();
        let publish = |change: &Metric| {
            let known = state.metrics.iter().find(|metric| metric.name == change.name);
            let publisher = state.publishers.get(&change.name);
            let (Some(known), Some(publisher)) = (known, publisher) else {
                return Err(format!("{} is not born", change.name));
            };
            change.publish(publisher, &known.value)
        };
        changes.iter().map(publish).collect()
    }

    /// Keeps what has changed for the next birth.
    pub fn keep(&self, changes: Vec<Metric>) {
        let mut state = self.state();
        for change in changes.into_iter().filter(|change| !change.is_historical()) {
            let known = state.metrics.iter_mut().find(|metric| metric.name == change.name);
            known.expect("what is published is known").update(change);
        }
    }

    pub fn first(&self) -> Result<Metric, String> {
        self.state().metrics.first().cloned().ok_or_else(|| "there are no metrics".to_owned())
    }
}

impl MetricManager for Source {
    fn initialise_birth(&self, birth: &mut BirthInitializer) {
        let mut state = self.state();
        let State { metrics, publishers } = &mut *state;
        for metric in metrics {
            match metric.register(birth) {
                Ok(publisher) => drop(publishers.insert(metric.name.clone(), publisher)),
                Err(error) => eprintln!("{}: {error}", metric.name),
            }
        }
        tell(&json!({ "event": "birth", "device": self.device }));
    }
}

impl DeviceMetricManager for Source {}

impl NodeMetricManager for Source {
    fn on_ncmd<'life, 'future>(
        &'life self,
        _node: NodeHandle,
        metrics: MessageMetrics,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        let metrics: Vec<Value> = metrics
            .into_iter()
            .map(|metric| {
                let name = match metric.id {
                    MetricId::Name(name) => json!(name),
                    MetricId::Alias(alias) => json!(alias),
                };
                let value = metric.value.map(|value| match f64::try_from(value.clone()) {
                    Ok(number) => json!(number),
                    Err(_) => json!(bool::try_from(value).ok()),
                });
                json!({ "name": name, "value": value })
            })
            .collect();
        tell(&json!({ "event": "ncmd", "metrics": metrics }));
        Box::pin(async {})
    }
}
