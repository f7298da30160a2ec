//! Delivery, pure: waiting points become entries, entries requests, answers outcomes.

pub mod point;
