//! The one way to the API server: every call has a deadline, and none is retried behind our back.

use std::future::Future;
use std::time::Duration;

use changeover_engine::Failure;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Config, Resource};
use thiserror::Error;

/// Longest time one call may take. Shorter than what a fresh lease has left.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a call to the API server gave no result.
#[derive(Debug, Error)]
pub enum CallError {
    /// It answered with an error, or could not be reached.
    #[error("{}", said(.0))]
    Api(#[from] kube::Error),
    /// It did not answer in time.
    #[error("API server gave no answer within {CALL_TIMEOUT:?}")]
    Timeout,
}

impl CallError {
    /// HTTP status code; 0 when no answer came.
    pub fn code(&self) -> u16 {
        match self {
            Self::Api(kube::Error::Api(status)) => status.code,
            _ => 0,
        }
    }

    /// Whether it was refused because its namespace is being deleted.
    fn is_terminating(&self) -> bool {
        let Self::Api(kube::Error::Api(status)) = self else {
            return false;
        };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        causes
            .into_iter()
            .any(|c| c.reason == "NamespaceTerminating")
    }

    /// What came of what was asked.
    pub fn explains(&self, asked: Failure) -> Failure {
        Failure {
            code: self.code(),
            message: self.to_string(),
            is_terminating: self.is_terminating(),
            ..asked
        }
    }

    /// The stable word of the answer, for metrics.
    pub fn reason(&self) -> &'static str {
        reason_of(self.code())
    }
}

/// The stable word of an answer with this code.
pub const fn reason_of(code: u16) -> &'static str {
    match code {
        0 => "unreachable",
        401 | 403 => "forbidden",
        404 => "not_found",
        409 => "conflict",
        422 => "invalid",
        429 => "throttled",
        500.. => "server_error",
        _ => "refused",
    }
}

/// What the API server said, without the whole answer around it.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => format!("the API server cannot be reached: {other}"),
    }
}

/// Objects of one kind in a watched namespace, or in all.
pub fn within<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    namespace.map_or_else(
        || Api::all(client.clone()),
        |namespace| Api::namespaced(client.clone(), namespace),
    )
}

/// Connects with the pod's service account, or with the person's kubeconfig.
///
/// # Errors
/// When neither is there.
pub async fn connect() -> Result<Client, kube::Error> {
    let mut config = Config::infer().await.map_err(kube::Error::InferConfig)?;
    config.connect_timeout = Some(CALL_TIMEOUT);
    // The client's own policy would repeat a refused call for minutes: a decision on stale knowledge.
    config.default_retry = false;
    changeover_client::connect(config)
}

/// Bounds a call.
///
/// # Errors
/// The call's own, or [`CallError::Timeout`].
pub async fn bounded<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(CallError::Timeout),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::Lease;
    use kube::api::ListParams;
    use tokio::net::TcpListener;

    use super::*;

    /// The kernel takes the connection, and nobody reads from it.
    #[tokio::test]
    async fn an_api_server_that_hangs_is_waited_for_no_longer_than_a_call_may_take() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let config = Config::new(uri.parse().unwrap());
        let leases: Api<Lease> = within(&changeover_client::connect(config).unwrap(), None);
        let every = ListParams::default();
        let call = bounded(leases.list(&every));
        let answer = tokio::time::timeout(CALL_TIMEOUT * 2, call).await;
        assert!(matches!(answer, Ok(Err(CallError::Timeout))), "{answer:?}");
    }
}
