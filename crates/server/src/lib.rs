//! HTTP API, console, alerts, configuration, and the wiring of the five flows.
//!
//! [`Engine`] opens a data directory and offers the verbs that HTTP handlers and the command line share; [`AppState`] adds what
//! serving needs; [`app`] is the router; [`serve`] listens and stops gracefully. A handler extracts, calls one verb, wraps.
//! Computations run on blocking threads behind bounded queues ([`gate`]).
//!
//! Only [`config`] reads the environment; only [`error`] knows HTTP statuses.

pub mod access;
mod app;
pub mod backup;
pub mod config;
mod dispatcher;
mod drain;
pub mod engine;
pub mod error;
mod extract;
pub mod gate;
mod handlers;
mod idempotency;
mod json_values;
mod multipart;
mod observe;
pub mod openapi;
mod outbound;
mod serve;
mod state;
mod workers;

pub use access::{Caller, Role};
pub use app::app;
pub use config::{Config, ConfigError};
pub use engine::Engine;
pub use error::ApiError;
pub use handlers::diagnosis::{RepairRow, csv_rows, json_rows};
pub use serve::{serve, stop_signal};
pub use state::AppState;
