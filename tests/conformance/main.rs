//! The Sparkplug specification, statement by statement.
//!
//! Each test is named after the statement that it judges. What binds a host application is
//! judged by sessions that an MQTT server in this process has recorded; what binds senders, by
//! what the host makes of messages that keep to it and of messages that do not. The table in
//! [`statements`] says what there is to judge, and `docs/conformance.md` is made from it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod commands;
mod consumer;
mod host;
mod page;
mod recordings;
#[path = "../support/sdk.rs"]
mod sdk;
mod server;
mod statements;
mod world;

/// One judge for statements that say the same: a test for each, named after it.
#[macro_export]
macro_rules! judged {
    ($($statement:ident),+ => fn $judge:ident() $body:block) => {
        pub(crate) fn $judge() $body

        $(#[test]
        fn $statement() {
            $judge();
        })+
    };
}
