//! Addresses and paths inside a cluster. They are the same in every cluster:
//! each has a network and mount namespace of its own.

/// The one node.
pub const NODE: &str = "node";
/// The node's address; the API server and DNS listen on it.
pub const NODE_IP: &str = "172.30.0.2";
/// Where the default route leads: nobody has this address.
pub const GATEWAY: &str = "172.30.0.1";
/// The API server's port on [`NODE_IP`].
pub const API_PORT: u16 = 6443;
/// Addresses of Services.
pub const SERVICE_CIDR: &str = "10.96.0.0/16";
/// The Service `kubernetes`: the first of [`SERVICE_CIDR`].
pub const KUBERNETES_IP: &str = "10.96.0.1";
/// The Service `kube-dns`.
pub const DNS_IP: &str = "10.96.0.10";
/// Addresses of pods.
pub const POD_CIDR: &str = "10.244.0.0/23";

/// The programs, as the components see them.
pub const BIN: &str = "/run/changeover/bin";
/// The cluster's directory, as the components see it.
pub const STATE: &str = "/run/changeover/state";

/// Fills the placeholders of a file in `config/`.
pub fn render(template: &str, cgroup: &str) -> String {
    [
        ("@NODE_IP@", NODE_IP),
        ("@GATEWAY@", GATEWAY),
        ("@DNS_IP@", DNS_IP),
        ("@POD_CIDR@", POD_CIDR),
        ("@CGROUP@", cgroup),
    ]
    .iter()
    .fold(template.to_owned(), |text, (placeholder, value)| {
        text.replace(placeholder, value)
    })
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn every_placeholder_of_every_file_is_filled() {
        let files = [
            include_str!("../config/node-setup.sh"),
            include_str!("../config/kubelet.yaml"),
            include_str!("../config/kube-proxy.yaml"),
            include_str!("../config/pods.conflist"),
            include_str!("../config/Corefile"),
            include_str!("../config/dns.yaml"),
        ];
        for file in files {
            let rendered = render(file, "changeover-test");
            assert!(!rendered.contains('@'), "{rendered}");
        }
    }
}
