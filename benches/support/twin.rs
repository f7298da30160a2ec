//! The twin as benchmarks set it up: the usual, with room for a million metrics.

use std::time::Duration;

use sparkwise::twin::identity::Namespace;
use sparkwise::twin::plan::rates::ProvisioningRates;
use sparkwise::twin::{Config, Int64, Kinds, Nested, Rules};

pub(crate) fn config() -> Config {
    Config {
        namespace: Namespace::new("123456789012/eu-west-1"),
        model_prefix: String::new(),
        host_id: "sparkwise".to_owned(),
        heard: sparkwise::sparkplug::filter::Heard::default(),
        nested: Nested::Child,
        rules: Rules::default(),
        kinds: Kinds::default(),
        int64: Int64::Double,
        statics: None,
        stale_after: Duration::from_secs(60),
        max_models: 10_000,
        max_assets: 1_000_000,
        max_properties: 500,
        assets_per_model: 10_000,
        rates: ProvisioningRates::default(),
    }
}
