//! Values: streams of them, how they are written in batches, and how they are read.

pub(crate) mod aggregate;
pub(crate) mod batch;
pub(crate) mod batch_read;
pub(crate) mod import;
pub(crate) mod interpolate;
mod notify;
pub(crate) mod point;
pub(crate) mod read;
pub(crate) mod stream;
pub(crate) mod write;
