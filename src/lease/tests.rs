//! The lease, step by step, and in random lives.

mod bridge;
mod lives;
mod pairs;
mod plant;
mod process;
mod steps;
mod store;
mod world;
