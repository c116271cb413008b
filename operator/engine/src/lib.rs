//! The release as a pure state machine: `(observation, now) -> decision`.
//!
//! No I/O, no clock, no Kubernetes client. A decision is one status write, or one batch of requests
//! that commute, or one round of probes, or a wait; the shell carries it out, observes again and
//! asks again. So every point at which the operator can crash can be listed, and tested.
//!
//! Where things are: [`Observation`] is what is known, `World` reads it, `phase/` holds a file
//! for each state that moves, and one for those that rest, `upkeep` keeps the children of every colour
//! as their stored revision says, `leftovers` deletes what no role needs, `live` keeps the Services that
//! clients use, `flip` moves these.

#![deny(missing_docs)]

mod capacity;
mod commands;
mod conditions;
mod decision;
mod drain;
mod drift;
mod endpoints;
mod explain;
mod flip;
mod hash;
mod invalid;
pub mod journey;
mod jsonpath;
mod judge;
mod leftovers;
mod live;
mod machine;
mod memo;
mod moves;
mod news;
mod observation;
mod outcome;
mod phase;
mod quantity;
mod question;
mod reads;
mod reason;
mod refusal;
mod render;
mod revision;
mod roles;
mod salvage;
mod stamp;
mod template;
mod upkeep;
mod words;
mod world;

pub use decision::{Child, Decision, Kind, Notice, Request, Standing, Step, Target};
pub use hash::revision_of;
pub use judge::{Answer, judge};
pub use machine::decide;
pub use memo::Memo;
pub use news::News;
pub use observation::{Failure, Flipped, Observation};
pub use question::{
    AdminCall, AdminTarget, Ask, Clients, Finding, JourneyRun, ProbeTarget, Question, QuestionKey,
    Record, Through,
};
pub use reads::{Children, Reads};
pub use reason::Reason;
pub use revision::{Plan, Smoke, StoredRevision, StoredService, pack};
