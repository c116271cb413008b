//! Kubeconfigs: how programs find the API server and say who they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::pki::Identity;

/// A kubeconfig that holds all it needs, so that it can be copied elsewhere.
pub fn render(cluster: &str, server: &str, authority: &str, identity: &Identity) -> String {
    let [authority, certificate, key] =
        [authority, &identity.certificate, &identity.key].map(|pem| STANDARD.encode(pem));
    format!(
        "apiVersion: v1
kind: Config
current-context: {cluster}
clusters:
  - name: {cluster}
    cluster:
      server: {server}
      certificate-authority-data: {authority}
users:
  - name: {cluster}
    user:
      client-certificate-data: {certificate}
      client-key-data: {key}
contexts:
  - name: {cluster}
    context: {{ cluster: {cluster}, user: {cluster} }}
"
    )
}
