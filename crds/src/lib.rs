//! The contract of Changeover: the `ExchangeRelease` resource as Rust types, with the rules that the
//! API server enforces. `cargo run -p changeover-crds` prints the CustomResourceDefinition as YAML.
//!
//! This crate knows no Kubernetes client: it depends on `kube-core` for the schema only.

#![deny(missing_docs)]

mod colour;
mod crd;
mod history;
mod journey;
pub mod names;
mod pod;
mod schema;
mod service;
mod smoke;
mod spec;
mod status;

pub use colour::Colour;
pub use crd::definition;
pub use history::{HistoryEntry, Outcome, Rejection};
pub use journey::{Journey, JourneyStep, StepExpectation, StepMethod};
pub use kube_core::{CustomResourceExt, Duration, Resource, ResourceExt};
pub use pod::{
    ConfigMapVolume, EmptyDirMedium, EmptyDirVolume, ImagePullSecret, SecretVolume, TaintEffect,
    Toleration, TolerationOperator, Volume,
};
pub use service::{EnvVar, Resources, SecretKey, ServiceSpec};
pub use smoke::{Expectation, HttpMethod, SmokeProbe};
pub use spec::{
    Drain, ExchangeRelease, ExchangeReleaseSpec, Promotion, PromotionMode, Verification,
};
pub use status::{
    Approval, BakeStatus, ColourStatus, DrainEnd, DrainStatus, ExchangeReleaseStatus, Handled,
    Phase, ServiceStatus, ServiceSwitch, SwitchStatus, Verdict,
};
