//! What is held against input that nobody should send: the pure modules alone, as the bridge has
//! them (`sparkplug`, `time` and `globs` are links to its sources). The AWS SDK and the rest of the
//! program take minutes to build under a sanitizer.

#![allow(
    dead_code,
    missing_docs,
    unfulfilled_lint_expectations,
    unused_imports,
    reason = "the modules are those of the bridge, which uses more of them"
)]

pub mod decode;
pub mod packets;
pub mod session;

mod globs;
mod sparkplug;
mod time;
