//! An open-loop client of the exchange that accounts for every request it sent.
//!
//! Requests start on a schedule, whether or not earlier ones are answered; each gets exactly one
//! [`Outcome`]; and after the run the orders the exchange accepted are looked up in its database.
//! The [`Report`] is what the tests and the demo read.

mod answer;
mod clients;
mod ledger;
mod outcome;
mod progress;
mod recorder;
mod report;
mod run;
mod schedule;
mod summary;
mod target;
mod traffic;

pub use outcome::Outcome;
pub use report::{
    FailureSample, Figures, Kind, LedgerFigures, Report, Second, StreamFigures, VersionSpan,
};
pub use run::{LONGEST_RUN, Plan, Shares, Stop, run};
pub use target::{Target, Targets};
