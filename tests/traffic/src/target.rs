//! Where requests may go: plain HTTP to addresses of the run's own network, never to the world.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyper::Uri;
use tokio::net::TcpStream;

/// One service of the exchange, resolved once: the address of a live Service does not change.
#[derive(Debug, Clone)]
pub struct Target {
    /// The service's name, as reports show it.
    pub service: &'static str,
    /// The `Host` header: host and port as they were given.
    pub authority: String,
    /// Where connections go.
    pub address: SocketAddr,
}

/// The three services of the exchange.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Registration, login, standing.
    pub user: Arc<Target>,
    /// Deposits, orders, books.
    pub trade: Arc<Target>,
    /// The notifications of fills.
    pub notification: Arc<Target>,
}

impl Target {
    /// Resolves `url` (`http://host[:port]`).
    ///
    /// # Errors
    /// When the URL is not plain HTTP to a bare host, does not resolve, or names an address that
    /// is neither loopback nor private.
    pub async fn resolve(service: &'static str, url: &str) -> Result<Arc<Self>> {
        let uri: Uri = url
            .parse()
            .with_context(|| format!("the URL of {service}, {url:?}, cannot be parsed"))?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
            bail!("the URL of {service} must look like http://host:port, but is {url:?}");
        }
        let authority = uri.authority().context("the URL has no host")?;
        let host = authority.host().trim_matches(['[', ']']);
        let port = authority.port_u16().unwrap_or(80);
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
            .await
            .with_context(|| format!("{host}, the host of {service}, does not resolve"))?
            .collect();
        if let Some(public) = found.iter().find(|address| !is_own_network(address.ip())) {
            bail!(
                "{service} is at {}, which is neither loopback nor private: this client sends \
                 load to test clusters only",
                public.ip()
            );
        }
        let address = *found
            .first()
            .with_context(|| format!("{host} has no address"))?;
        Ok(Arc::new(Self {
            service,
            authority: authority.to_string(),
            address,
        }))
    }
}

/// How long a Service may need, once its endpoints are there, until the proxies know of it.
const REACHABLE: Duration = Duration::from_secs(30);

impl Targets {
    /// Waits until every service takes connections: set-up is no part of what is counted, and a
    /// node's proxy follows a new Service a moment later.
    pub(crate) async fn reachable(&self) -> Result<()> {
        for target in [&self.user, &self.trade, &self.notification] {
            let begun = Instant::now();
            while let Err(error) = TcpStream::connect(target.address).await {
                if begun.elapsed() > REACHABLE {
                    bail!("{} at {}: {error}", target.service, target.address);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Resolves all three services.
    ///
    /// # Errors
    /// As [`Target::resolve`].
    pub async fn resolve(user: &str, trade: &str, notification: &str) -> Result<Self> {
        Ok(Self {
            user: Target::resolve("user", user).await?,
            trade: Target::resolve("trade", trade).await?,
            notification: Target::resolve("notification", notification).await?,
        })
    }

    /// The services in turn.
    pub(crate) fn nth(&self, n: u64) -> &Arc<Target> {
        match n % 3 {
            0 => &self.user,
            1 => &self.trade,
            _ => &self.notification,
        }
    }
}

fn is_own_network(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_private_addresses_are_own() {
        for own in [
            "127.0.0.1",
            "10.96.0.10",
            "172.31.0.1",
            "192.168.1.1",
            "::1",
            "fd00::1",
        ] {
            assert!(is_own_network(own.parse().unwrap()), "{own}");
        }
        for foreign in [
            "8.8.8.8",
            "172.32.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "2606::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_own_network(foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[tokio::test]
    async fn a_public_address_is_refused_with_its_reason() {
        let refused = Target::resolve("user", "http://192.0.2.7:80")
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("neither loopback nor private"));
    }

    #[tokio::test]
    async fn only_plain_http_to_a_bare_host_is_accepted() {
        for bad in ["https://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1/v1"] {
            assert!(Target::resolve("user", bad).await.is_err(), "{bad}");
        }
        let good = Target::resolve("user", "http://127.0.0.1").await.unwrap();
        assert_eq!(good.address.port(), 80);
        assert_eq!(good.authority, "127.0.0.1");
    }
}
