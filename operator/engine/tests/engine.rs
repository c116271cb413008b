//! The engine tier: the engine against a model of the Kubernetes API, a virtual clock, and faults.
//!
//! `model/` is the API, the cluster beside it, the shell, and the checker of the invariants;
//! `scenarios/` are stories that people understand; `faults` runs each of them under every fault;
//! `schedules` makes up stories of its own; `seeded` puts bugs in to see that the checker sees them;
//! `drawing` compares README's state machine with the transitions that were seen, `documented` docs/events.md
//! with what was told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

/// Stories run in millions of small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod documented;
mod drawing;
mod faults;
mod model;
mod parallel;
mod scenarios;
mod schedules;
mod seeded;
