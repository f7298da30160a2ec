//! The wire messages, generated from `proto/sparkplug_b.proto`.

#![allow(clippy::all, missing_docs, unreachable_pub, reason = "the code is generated")]

include!(concat!(env!("OUT_DIR"), "/org.eclipse.tahu.protobuf.rs"));
