//! What the plugin shows, writes and waits for, over releases in each state; no API server.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answers;
mod asks;
mod contract;
mod json;
mod screens;
mod states;
mod waits;
