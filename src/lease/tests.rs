//! The lease, step by step, and in random lives.

mod lives;
mod process;
mod steps;
mod store;
mod world;
