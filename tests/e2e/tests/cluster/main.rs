//! The cluster tier: Changeover as its users see it, in a real Kubernetes. Each test has a namespace of its own; two run side by side.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod approval;
mod bake;
mod broken_version;
mod common;
mod controls;
mod crash;
mod drift;
mod images;
mod missing;
mod outage;
mod personal_data;
mod release;
mod soak;
mod two_installs;
mod way_back;
