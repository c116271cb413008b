//! What a notification is, without HTTP or SQL.

pub mod event;
pub mod sse;
