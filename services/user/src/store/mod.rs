//! SQL, and nothing but.

pub mod accounts;
pub mod signing_keys;
