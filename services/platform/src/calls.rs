//! Calls to other services.

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::hops::{HOPS, Hops};
use crate::problem::Problem;

/// Header by which a service tells another who calls: its hop.
pub(crate) const CALLER: &str = "x-exchange-caller";

/// Another service.
#[derive(Clone)]
pub struct Peer {
    name: &'static str,
    base: String,
    http: Client,
    headers: HeaderMap,
}

/// Why a call gave no usable answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// No answer in time.
    #[error("{name} cannot be reached: {source}")]
    Unreachable {
        /// The service that was called.
        name: &'static str,
        /// What happened.
        source: reqwest::Error,
    },
    /// An answer with a status that is not a success.
    #[error("{name} answered {status}")]
    Refused {
        /// The service that was called.
        name: &'static str,
        /// Its status.
        status: StatusCode,
    },
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused { status, .. } if status == StatusCode::UNAUTHORIZED => {
                Self::unauthorized("Log in again.")
            }
            _ => {
                tracing::warn!(%error, "call failed");
                let detail = "A service that is needed for this does not answer. Try again.";
                Self::unavailable("dependency", detail)
            }
        }
    }
}

impl Peer {
    pub(crate) fn new(name: &'static str, url: &str, http: Client, hop: &str) -> Self {
        let mut headers = HeaderMap::new();
        if let Ok(hop) = HeaderValue::from_str(hop) {
            headers.insert(CALLER, hop);
        }
        let base = url.trim_end_matches('/').to_owned();
        Self {
            name,
            base,
            http,
            headers,
        }
    }

    /// Asks for `path`, on behalf of whoever holds `token`, and adds the answer's hops to `hops`.
    ///
    /// A call that got no answer is tried once more: the pod that was asked may have just gone, and
    /// reading twice is harmless.
    ///
    /// # Errors
    /// When no answer came, or one that is not a success or not readable.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&str>,
        hops: &Hops,
    ) -> Result<T, CallError> {
        let request = || {
            let request = self.http.get(format!("{}{path}", self.base));
            match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        };
        let answer = match self.send(request(), hops).await {
            Err(CallError::Unreachable { .. }) => self.send(request(), hops).await?,
            other => other?,
        };
        answer
            .json()
            .await
            .map_err(|source| self.unreachable(source))
    }

    /// Posts a body. Not repeated here: whether that is safe is for the caller to know.
    ///
    /// # Errors
    /// When no answer came, or one that is not a success.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Result<(), CallError> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        self.send(request, &Hops::default()).await.map(|_| ())
    }

    /// Posts without a body, on behalf of whoever holds `token`. Not repeated here either.
    ///
    /// # Errors
    /// When no answer came, or one that is not a success.
    pub async fn command(&self, path: &str, token: &str, hops: &Hops) -> Result<(), CallError> {
        let request = self.http.post(format!("{}{path}", self.base));
        self.send(request.bearer_auth(token), hops)
            .await
            .map(|_| ())
    }

    async fn send(&self, request: RequestBuilder, hops: &Hops) -> Result<Response, CallError> {
        let request = request.headers(self.headers.clone());
        let answer = request
            .send()
            .await
            .map_err(|source| self.unreachable(source))?;
        if let Some(header) = answer.headers().get(HOPS).and_then(|h| h.to_str().ok()) {
            hops.extend(header);
        }
        match answer.status() {
            status if status.is_success() => Ok(answer),
            status => Err(CallError::Refused {
                name: self.name,
                status,
            }),
        }
    }

    fn unreachable(&self, source: reqwest::Error) -> CallError {
        CallError::Unreachable {
            name: self.name,
            source: source.without_url(),
        }
    }
}
