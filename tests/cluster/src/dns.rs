//! Names inside the cluster: CoreDNS as a process on the node, and the Service
//! through which pods reach it.

use crate::inside::path as inside;
use crate::settings::render;

/// Arguments of CoreDNS.
pub fn coredns() -> Vec<String> {
    vec![
        format!("-conf={}", inside("config/Corefile")),
        "-quiet".into(),
    ]
}

/// The Service, its endpoint and the permission to read what has a name.
pub fn manifest() -> String {
    render(include_str!("../config/dns.yaml"), "")
}
