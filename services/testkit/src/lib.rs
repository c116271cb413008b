//! For the tests of the services: a PostgreSQL of their own, and service processes as people run them.

mod binaries;
mod exchange;
mod postgres;
mod process;

pub use exchange::{Exchange, PASSWORD, Trader};
pub use postgres::Postgres;
pub use process::{ServiceProcess, eventually};
