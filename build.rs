//! Compiles the Sparkplug B schema without a protobuf compiler of the system.

use std::error::Error;

use protox::prost_reflect::prost_types::DescriptorProto;
use protox::prost_reflect::prost_types::field_descriptor_proto::Type;

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
    let mut descriptors = protox::compile([SCHEMA], ["proto"])?;
    let mut strings = Vec::new();
    for message in descriptors.file.iter_mut().flat_map(|file| &mut file.message_type) {
        strings_as_bytes(message, &mut strings);
    }
    let mut config = prost_build::Config::new();
    // They are parts of the payload that is read, not copies.
    config.bytes(&strings);
    for field in BOXED {
        let (message, name) = field.split_once('.').unwrap_or((field, ""));
        let oneof = if name.ends_with("_value") { "value." } else { "" };
        config.boxed(format!(".org.eclipse.tahu.protobuf.Payload.{message}.{oneof}{name}"));
    }
    config.compile_fds(descriptors)?;
    Ok(())
}

/// Not all senders write UTF-8, and a message must not be lost for one byte: its strings are read
/// as they come. On the wire both kinds are the same. The fields' names join `strings`.
fn strings_as_bytes(message: &mut DescriptorProto, strings: &mut Vec<String>) {
    for field in &mut message.field {
        if field.r#type() == Type::String {
            field.set_type(Type::Bytes);
            strings.push(field.name().to_owned());
        }
    }
    for nested in &mut message.nested_type {
        strings_as_bytes(nested, strings);
    }
}
