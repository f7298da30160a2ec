//! Compiles the Sparkplug B schema without a protobuf compiler of the system.

use std::error::Error;

const SCHEMA: &str = "proto/sparkplug_b.proto";

/// Large and rare, so boxed: a metric of plain data stays small.
const BOXED: &[&str] = &[
    "Metric.metadata",
    "Metric.properties",
    "Metric.dataset_value",
    "Metric.template_value",
    "PropertyValue.propertyset_value",
    "PropertyValue.propertysets_value",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={SCHEMA}");
    let descriptors = protox::compile([SCHEMA], ["proto"])?;
    let mut config = prost_build::Config::new();
    for field in BOXED {
        let (message, name) = field.split_once('.').unwrap_or((field, ""));
        let oneof = if name.ends_with("_value") { "value." } else { "" };
        config.boxed(format!(".org.eclipse.tahu.protobuf.Payload.{message}.{oneof}{name}"));
    }
    config.compile_fds(descriptors)?;
    Ok(())
}
