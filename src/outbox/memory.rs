//! The outbox in memory.
