//! One attempt at each smoke probe. The engine says which pods, and judges.

use std::net::IpAddr;
use std::time::Duration;

use changeover_crds::HttpMethod;
use changeover_engine::{Answer, ProbeTarget, judge};
use reqwest::{Client, Method, Url, redirect};

/// Most of an answer's body that is read.
const BODY_LIMIT: usize = 64 * 1024;

/// Sends probes: no redirects, no proxy, no connection kept.
#[derive(Debug)]
pub struct Prober(Client);

impl Prober {
    /// A prober.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("changeover-operator/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }

    /// One attempt; why it failed, if it did.
    pub async fn attempt(&self, target: &ProbeTarget) -> Result<(), String> {
        let limit = Duration::from(target.probe.timeout);
        match tokio::time::timeout(limit, self.ask(target)).await {
            Ok(answer) => judge(&target.probe.expect, &answer?),
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }

    async fn ask(&self, target: &ProbeTarget) -> Result<Answer, String> {
        let method = match target.probe.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Head => Method::HEAD,
        };
        let mut response = self
            .0
            .request(method, url(target)?)
            .send()
            .await
            .map_err(|error| cause(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| cause(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_LIMIT {
                return Err(format!("the body is longer than {BODY_LIMIT} bytes"));
            }
        }
        Ok(Answer { status, body })
    }
}

/// The address is a pod's, whatever the path holds.
fn url(target: &ProbeTarget) -> Result<Url, String> {
    let ip: IpAddr = target
        .ip
        .parse()
        .map_err(|_| format!("{} is no address", target.ip))?;
    let host = if ip.is_ipv6() {
        format!("[{ip}]")
    } else {
        ip.to_string()
    };
    let url = Url::parse(&format!(
        "http://{host}:{}{}",
        target.port, target.probe.path
    ))
    .map_err(|error| format!("{} is no path: {error}", target.probe.path))?;
    let is_same = url.host_str() == Some(host.as_str()) && url.username().is_empty();
    is_same
        .then_some(url)
        .ok_or_else(|| format!("{} is no path", target.probe.path))
}

/// The innermost cause: `connection refused` says more than `error sending request`.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use changeover_engine::ProbeTarget;

    use super::url;

    fn target(ip: &str, path: &str) -> ProbeTarget {
        ProbeTarget {
            service: "user".into(),
            pod_uid: "1".into(),
            pod: "user-1".into(),
            ip: ip.into(),
            port: 8080,
            attempt: 1,
            probe: serde_json::from_value(serde_json::json!({ "path": path })).unwrap(),
        }
    }

    #[test]
    fn no_path_leads_away_from_the_pod() {
        for path in [
            "/version",
            "//evil.example/x",
            "/@evil.example/",
            "/..//evil",
            "/a?b=http://evil",
        ] {
            let url = url(&target("10.0.0.7", path)).unwrap();
            assert_eq!(url.host_str(), Some("10.0.0.7"), "{path}");
            assert_eq!(url.port(), Some(8080), "{path}");
        }
        assert!(url(&target("10.0.0.7", "@evil.example/")).is_err());
        assert!(url(&target("evil.example", "/version")).is_err());
        assert_eq!(
            url(&target("fd00::1", "/v")).unwrap().as_str(),
            "http://[fd00::1]:8080/v"
        );
    }
}
