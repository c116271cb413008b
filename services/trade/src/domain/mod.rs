//! Trading without HTTP or SQL: what may be ordered, what matches, and what it does to balances.

pub mod ledger;
pub mod matching;
pub mod money;
pub mod order;
pub mod retention;
pub mod settlement;
