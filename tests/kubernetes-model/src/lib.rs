//! What of the Kubernetes API the operator uses, in memory: fast enough for millions of schedules.
//!
//! Objects are raw JSON. There are identities, versions, preconditions, generations, merge patch,
//! server-side apply with the ownership of one manager, PUT of the status, fields that cannot change, and
//! addresses of Services. There are no defaults and no validation.
//!
//! The engine tier plays its stories against it; the api-server tier (`tests/apiserver/tests/parity`)
//! sends the same requests to it and to a real API server, and compares answers and objects.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a part of tests, which fail by panicking"
)]

mod history;
mod merge;
mod owned;
mod rules;
mod server;
mod store;

pub use history::{CHANGES, History};
pub use merge::patch;
pub use server::{Call, Key, Refusal, Server, Verb};
pub use store::{KINDS, Named, Object, Store, name_of, uid_of};
