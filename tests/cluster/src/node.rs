//! What makes the machine a node: containerd, the kubelet, kube-proxy and the
//! pods' network.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::cgroups;
use crate::inside::path as inside;
use crate::settings::{NODE, NODE_IP, render};

/// Writes the configuration of everything on the node.
pub fn write_configuration(cluster: &str, state: &Path) -> Result<()> {
    let cgroup = cgroups::name(cluster);
    for directory in ["config", "cni", "node/kubelet"] {
        fs::create_dir_all(state.join(directory))?;
    }
    let files = [
        (
            "config/containerd.toml",
            include_str!("../config/containerd.toml"),
        ),
        (
            "config/kubelet.yaml",
            include_str!("../config/kubelet.yaml"),
        ),
        (
            "config/kube-proxy.yaml",
            include_str!("../config/kube-proxy.yaml"),
        ),
        ("config/Corefile", include_str!("../config/Corefile")),
        ("cni/pods.conflist", include_str!("../config/pods.conflist")),
        // Pods inherit what is not the cluster's: nothing.
        ("resolv.conf", ""),
    ];
    for (path, template) in files {
        fs::write(state.join(path), render(template, &cgroup))?;
    }
    Ok(())
}

/// Arguments of containerd.
pub fn containerd() -> Vec<String> {
    vec![
        format!("--config={}", inside("config/containerd.toml")),
        "--log-level=warn".into(),
    ]
}

/// Arguments of the kubelet.
pub fn kubelet() -> Vec<String> {
    vec![
        format!("--config={}", inside("config/kubelet.yaml")),
        format!("--kubeconfig={}", inside("config/kubelet.kubeconfig")),
        format!("--root-dir={}", inside("node/kubelet")),
        format!("--hostname-override={NODE}"),
        format!("--node-ip={NODE_IP}"),
    ]
}

/// Arguments of kube-proxy.
pub fn proxy() -> Vec<String> {
    vec![
        format!("--config={}", inside("config/kube-proxy.yaml")),
        format!("--hostname-override={NODE}"),
    ]
}
