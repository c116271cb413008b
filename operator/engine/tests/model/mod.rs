//! A Kubernetes that fits into memory, and an operator in it.

mod api;
mod bugs;
mod checker;
mod cluster;
mod controllers;
mod decisions;
mod digest;
mod faults;
mod fixture;
mod gates;
mod keeping;
mod outcome;
mod people;
mod pods;
mod reading;
mod rest;
mod seen;
mod shell;
mod story;
mod trail;
mod world;

pub use bugs::Bug;
pub use cluster::Fate;
pub use decisions::Decisions;
pub use digest::State;
pub use faults::Fault;
pub use fixture::{SERVICES, exchange, live, spec, warm};
pub use outcome::{MADE, difference, outcome};
pub use pods::TYPO;
pub use shell::Pass;
pub use story::{Point, Story};
pub use trail::{Known, Trail};
pub use world::{RELEASE, World};
