//! For the tests of the services: a PostgreSQL of their own, service processes as people run them, and
//! what their OpenAPI documents promise.

mod binaries;
mod event_stream;
mod exchange;
mod interface;
mod postgres;
mod process;
mod properties;
mod relay;

pub use event_stream::{EventStream, StreamEvent};
pub use exchange::{Exchange, PASSWORD, Trader};
pub use interface::{Examples, is_checked_in};
pub use postgres::Postgres;
pub use process::{ServiceProcess, eventually};
pub use properties::keeps_its_document;
pub use relay::Relay;
