//! What a notification is, without HTTP or SQL.

pub mod announcement;
pub mod event;
pub mod retention;
pub mod sse;
