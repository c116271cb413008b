//! What an account is, without HTTP or SQL.

pub mod credentials;
pub mod passwords;
