//! What the tests of the api-server tier share.
//!
//! Real are etcd, the API server, the controller manager and the operator, which runs with exactly the rights that the chart
//! gives it. There is no kubelet: [`Kubelet`] makes the pods Ready when a test lets it, and one small program answers for all of them.

mod addresses;
mod environment;
mod guard;
mod kubelet;
mod operator;
mod person;
mod proxy;
mod release;
mod sandbox;
mod state;
mod usage;
mod wait;

pub use hyper::Method;

pub use environment::{cluster, examples, rendered, test_client};
pub use guard::{Guard, Judged};
pub use kubelet::Kubelet;
pub use operator::Operator;
pub use person::{Person, Said};
pub use proxy::{Calls, Hold, Proxy, Requests, Spoil, Watches};
pub use release::{NAME, SERVICES, baking, exchange, patient, placed, with_tag};
pub use sandbox::Sandbox;
pub use state::{Children, message, phase_is, selected};
pub use wait::until;
