//! Data sets → tables of quality and latency, by the same public functions that the server calls.
//!
//! A task takes paths and models, and gives a [`Report`] with the contract's fields. Nothing here is tuned: what a task
//! measures is what a user would get.

pub mod answers;
pub mod data;
pub mod duplicates;
mod exact;
pub mod fault_trees;
pub mod inspection;
pub mod kits;
pub mod load;
pub mod metrics;
pub mod ocr;
pub mod parts;
pub mod questions;
pub mod quotes;
mod report;
pub mod retrieval;
pub mod shots;
pub mod simulate;
pub mod tickets;

pub use report::Report;

use std::time::Instant;

/// Runs `work` and gives its result with the milliseconds it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed().as_secs_f64() * 1000.0)
}
