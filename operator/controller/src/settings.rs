use std::net::SocketAddr;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Settings come from flags or the environment; the chart sets the environment.
#[derive(Clone, Debug, Parser)]
#[command(name = "changeover-operator", version, about)]
pub struct Settings {
    /// Namespaces to watch, separated by commas. Empty means all, which needs a ClusterRole.
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// Name of the Lease that says which replica leads.
    #[arg(long, env = "LEASE_NAME", default_value = "changeover")]
    pub lease_name: String,
    /// This replica's name in the Lease and in Events.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: String,
    /// Where the Lease stands.
    #[arg(long, env = "POD_NAMESPACE")]
    pub pod_namespace: String,
    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// An admission policy checks that changeover.dev/promote-by names who asked; the chart installs it.
    #[arg(long, env = "APPROVERS_VERIFIED", default_value_t = false, action = clap::ArgAction::Set)]
    pub approvers_verified: bool,
    /// What to log: error, warn, info, debug, or a filter such as `changeover_operator=debug`.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: String,
}

impl Settings {
    /// The namespaces to watch; none means all of them.
    pub fn namespaces(&self) -> Vec<Option<String>> {
        let named: Vec<_> = self
            .watch_namespaces
            .iter()
            .map(|n| n.trim())
            .filter(|n| !n.is_empty())
            .collect();
        if named.is_empty() {
            return vec![None];
        }
        named.into_iter().map(|n| Some(n.to_owned())).collect()
    }

    /// JSON lines on standard output.
    pub fn start_logging(&self) {
        let filter = EnvFilter::try_new(&self.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_env_filter(filter)
            .init();
    }
}
