//! What the cluster tier and the demo share: an exchange of its own in a real cluster, released by the real operator.
//!
//! A [`Lab`] is the cluster with all images in it. A [`Stage`] is a namespace with PostgreSQL, an operator installed by Helm, and one
//! ExchangeRelease named `exchange`; it is removed when the value is dropped, after a panic too. [`Load`] sends clients' traffic meanwhile.

mod checkout;
mod diagnosis;
mod hold;
mod lab;
mod load;
mod operator;
mod person;
mod say;
mod spec;
mod stage;
mod state;
mod waiting;
mod watch;

pub use checkout::{programs, root};
pub use hold::Hold;
pub use lab::Lab;
pub use load::{Load, flaws};
pub use person::{Answer, Doors, Person};
pub use say::{during, say, while_waiting};
pub use spec::Spec;
pub use stage::{RELEASE, SERVICES, Stage};
pub use state::{Settled, is_live, is_rejected, is_settled, message};
pub use watch::pause;
