//! The statements that bind senders, judged by what the host makes of their messages.

mod births;
mod data;
mod deaths;
mod metrics;
mod stage;
mod templates;
mod topics;

pub(crate) use data::{
    data_is_read_by_alias_by_name_and_by_both, data_without_datatypes_is_read_by_the_birth,
};
pub(crate) use stage::Stage;
