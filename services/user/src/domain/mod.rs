//! The rules, without HTTP or SQL.

pub mod attempts;
pub mod audit;
pub mod consents;
pub mod credentials;
pub mod key_schedule;
pub mod lookup;
pub mod passwords;
pub mod restriction;
pub mod retention;
pub mod roles;
pub mod sealing;
pub mod sessions;
