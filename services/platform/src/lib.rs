//! What all services of the exchange share, and nothing else: settings, telemetry, health,
//! problem documents, tokens, calls to other services, drain and shutdown.
//!
//! A service's `main` hands [`run`] its name, its migrations, its endpoints and what those share.
//! Everything a client or the operator can rely on in every service is in here.

mod admin;
mod calls;
mod colour_role;
mod database;
mod drain;
mod edge;
mod hops;
mod identity;
mod input;
mod interface;
mod key_set;
mod metrics;
mod pages;
mod platform;
mod problem;
mod readiness;
mod run;
mod runtime;
mod server;
mod settings;
mod signing;
mod telemetry;
mod tokens;
mod traffic;

pub use calls::{CallError, Peer};
pub use colour_role::ColourRole;
pub use database::{Service, rfc3339};
pub use hops::Hops;
pub use interface::Endpoints;
pub use key_set::{KeySet, KeySource, KeysUnavailable};
pub use pages::next_page;
pub use platform::Platform;
pub use problem::Problem;
pub use run::{Shared, StartError, run};
pub use settings::Settings;
pub use signing::{SigningKey, SigningKeyError};
pub use tokens::{Caller, Subject};
