//! A real Kubernetes on this machine, for the tests and for people.
//!
//! [`Cluster::up`] builds etcd, Kubernetes, containerd, runc, CoreDNS, helm and kwok
//! from pinned Go modules (once, into a cache), and starts them as one node in
//! namespaces of their own. Nothing listens on the machine except one port on
//! 127.0.0.1 that leads to the API server.
//!
//! ```no_run
//! use changeover_cluster::{Cluster, Mode, Options};
//!
//! # fn main() -> anyhow::Result<()> {
//! let cluster = Cluster::up(&Options { name: "e2e".into(), mode: Mode::Full })?;
//! let status = cluster.command("kubectl").args(["get", "nodes"]).status()?;
//! assert!(status.success());
//! cluster.down()?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod build;
mod cgroups;
mod cluster;
mod containers;
mod control_plane;
mod dns;
mod host;
mod images;
mod inside;
mod keeper;
mod kubeconfig;
mod modules;
mod node;
mod paths;
mod pki;
mod process;
mod settings;
mod wait;

pub use archive::write_image;
pub use build::binaries;
pub use cluster::{Cluster, Mode, Options};
