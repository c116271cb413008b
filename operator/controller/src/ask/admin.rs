//! Calls of a pod's admin port: the drain lease, and the role of its colour.

use std::time::Duration;

use changeover_engine::{AdminCall, AdminTarget, Clients, Finding};
use serde_json::json;

use super::http::{Call, Http};

/// How long a pod may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A way back never waits longer for a pod to hear that it drains no more.
const UNDRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// One call. A pod that knows no such path takes no part in this.
pub async fn call(http: &Http, target: &AdminTarget) -> Result<Finding, String> {
    let undrain;
    let (method, path, body, limit) = match target.call {
        AdminCall::Drain { epoch, ttl } => {
            let body = json!({"epoch": epoch, "ttl": format!("{ttl}s")});
            ("PUT", "/drain", Some(body.to_string()), TIMEOUT)
        }
        AdminCall::Undrain { epoch } => {
            undrain = format!("/drain?epoch={epoch}");
            ("DELETE", undrain.as_str(), None, UNDRAIN_TIMEOUT)
        }
        AdminCall::Role { epoch, live } => {
            let body = json!({"epoch": epoch, "live": live});
            ("PUT", "/role", Some(body.to_string()), TIMEOUT)
        }
    };
    let _place = match target.call {
        AdminCall::Undrain { .. } => None,
        AdminCall::Drain { .. } | AdminCall::Role { .. } => http.notice().await,
    };
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let call = Call {
        host: &target.ip,
        port: target.port,
        method,
        path,
        headers: if body.is_some() { &headers } else { &[] },
        body: body.as_deref(),
    };
    let reply = http.send(&call, limit).await.map_err(|none| none.why)?;
    match (reply.status, &target.call) {
        (404 | 405, _) => Ok(Finding::Unknown),
        (200..=299, AdminCall::Drain { .. }) => {
            let clients: Clients = serde_json::from_slice(&reply.body).map_err(|_| {
                "answered PUT /drain without inFlight and openConnections".to_owned()
            })?;
            Ok(Finding::Clients(clients))
        }
        (200..=299, _) => Ok(Finding::Fine),
        (status, _) => Err(format!("answered {method} {path} with {status}")),
    }
}
