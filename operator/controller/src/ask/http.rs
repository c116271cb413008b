//! HTTP to our own pods and Services: no redirect, no proxy, no connection kept, bounded in time and size.

use std::net::IpAddr;
use std::time::Duration;

use changeover_engine::journey::{NoReply, Reply};
use reqwest::{Client, Method, Url, redirect};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests of one kind are under way at the same time, of all releases: each is an open file, of which a
/// process may have 1024 where nobody allows more.
const AT_ONCE: usize = 256;

/// Most of an answer's body that is read.
const BODY_LIMIT: usize = 64 * 1024;

/// Most that a connection may take: time for one packet to be sent again. A connection that was opened before
/// kube-proxy knew the Service stays lost, whatever it learns since: only a new one gets through.
const CONNECT: Duration = Duration::from_millis(1500);

/// Sends requests.
#[derive(Debug)]
pub struct Http {
    client: Client,
    checks: Semaphore,
    notices: Semaphore,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// A pod's or a Service's address, or a Service's name.
    pub host: &'a str,
    pub port: i32,
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(String, String)],
    pub body: Option<&'a str>,
}

impl Http {
    /// A client.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::with_places(AT_ONCE)
    }

    /// One that has so many requests of one kind under way at the same time.
    pub(super) fn with_places(places: usize) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("changeover-operator/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            checks: Semaphore::new(places),
            notices: Semaphore::new(places),
        })
    }

    /// Waits for a place among the probes and the steps of journeys, kept until it is dropped.
    pub async fn check(&self) -> Option<SemaphorePermit<'_>> {
        self.checks.acquire().await.ok()
    }

    /// Waits for a place among what pods are told, which no probe holds up.
    pub async fn notice(&self) -> Option<SemaphorePermit<'_>> {
        self.notices.acquire().await.ok()
    }

    /// Sends a request and reads the answer, within a time limit for both.
    ///
    /// # Errors
    /// Says why no answer came.
    pub async fn send(&self, call: &Call<'_>, limit: Duration) -> Result<Reply, NoReply> {
        match tokio::time::timeout(limit, self.exchange(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(lost(format!("no answer within {limit:?}"))),
        }
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Reply, NoReply> {
        let method = Method::from_bytes(call.method.as_bytes())
            .map_err(|_| lost(format!("{} is no method", call.method)))?;
        let mut request = self.client.request(method, url(call).map_err(lost)?);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        if let Some(body) = call.body {
            request = request.body(body.to_owned());
        }
        let mut response = request.send().await.map_err(|error| no_reply(&error))?;
        let headers = response.headers().iter();
        let headers =
            headers.filter_map(|(k, v)| Some((k.to_string(), v.to_str().ok()?.to_owned())));
        let headers = headers.collect();
        let mut body = Vec::new();
        while body.len() < BODY_LIMIT
            && let Some(chunk) = response
                .chunk()
                .await
                .map_err(|error| lost(cause(&error)))?
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(BODY_LIMIT);
        Ok(Reply {
            status: response.status().as_u16(),
            headers,
            body,
        })
    }
}

/// Why an answer is not as expected; where the rest of its body would be needed to tell, that too.
pub fn blame(why: String, body_bytes: usize) -> String {
    if body_bytes < BODY_LIMIT {
        return why;
    }
    format!("{why} (of a body no more than {BODY_LIMIT} bytes are read)")
}

fn no_reply(error: &reqwest::Error) -> NoReply {
    let is_unsent = error.is_connect();
    let why = if is_unsent && error.is_timeout() {
        format!("no connection within {CONNECT:?}")
    } else {
        cause(error)
    };
    NoReply { why, is_unsent }
}

/// The service may have seen the request.
fn lost(why: String) -> NoReply {
    NoReply {
        why,
        is_unsent: false,
    }
}

/// The host is the one that was named, whatever the path holds.
fn url(call: &Call<'_>) -> Result<Url, String> {
    let host = match call.host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Err(_) => call.host.to_owned(),
    };
    let url = Url::parse(&format!("http://{host}:{}{}", call.port, call.path))
        .map_err(|error| format!("{} is no path: {error}", call.path))?;
    let is_same = url.host_str() == Some(host.as_str())
        && url.port_or_known_default().map(i32::from) == Some(call.port)
        && url.username().is_empty();
    is_same
        .then_some(url)
        .ok_or_else(|| format!("{}:{}{} is no address", call.host, call.port, call.path))
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
    use super::{Call, url};

    fn call<'a>(host: &'a str, path: &'a str) -> Call<'a> {
        Call {
            host,
            port: 8080,
            method: "GET",
            path,
            headers: &[],
            body: None,
        }
    }

    #[test]
    fn no_path_leads_away_from_the_host() {
        for host in ["10.0.0.7", "exchange-user-blue.exchange.svc"] {
            for path in [
                "/version",
                "//evil.example/x",
                "/@evil.example/",
                "/..//evil",
                "/a?b=http://evil",
            ] {
                let url = url(&call(host, path)).unwrap();
                assert_eq!(url.host_str(), Some(host), "{path}");
                assert_eq!(url.port(), Some(8080), "{path}");
            }
            for path in ["@evil.example/", "0/", ".evil.example/"] {
                assert!(url(&call(host, path)).is_err(), "{path}");
            }
        }
        assert!(url(&call("user@evil.example", "/version")).is_err());
        assert_eq!(
            url(&call("fd00::1", "/v")).unwrap().as_str(),
            "http://[fd00::1]:8080/v"
        );
    }
}
