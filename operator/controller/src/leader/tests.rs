use std::sync::atomic::{AtomicU32, Ordering};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use kube::client::Body;
use tower::service_fn;

use super::*;

/// An API server that answers so many requests with a lease of ours, and then none.
fn api_server(answers: u32, takes: Duration) -> Client {
    api_server_with_a_conflict(answers, takes, None)
}

/// The same; of the answers, the one of this number is a conflict.
fn api_server_with_a_conflict(answers: u32, takes: Duration, conflict: Option<u32>) -> Client {
    api_server_that(move |number| async move {
        if number >= answers {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(takes).await;
        if Some(number) == conflict {
            refusal(StatusCode::CONFLICT, "Conflict")
        } else {
            our_lease()
        }
    })
}

/// One that answers so many requests with a lease of ours, and refuses all after them at once.
fn api_server_that_breaks(answers: u32) -> Client {
    api_server_that(move |number| async move {
        if number < answers {
            our_lease()
        } else {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
    })
}

fn api_server_that<F>(answer: impl Fn(u32) -> F + Send + 'static) -> Client
where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let asked = AtomicU32::new(0);
    let service = service_fn(move |_: Request<Body>| {
        let answer = answer(asked.fetch_add(1, Ordering::Relaxed));
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    Client::new(service, "default")
}

fn our_lease() -> Response<Full<Bytes>> {
    lease("me", "2026-01-01T00:00:00.000000Z")
}

/// A lease that someone holds, as the clock of its holder says since when.
fn lease(holder: &str, renewed: &str) -> Response<Full<Bytes>> {
    let lease = serde_json::json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "lease"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed},
    });
    Response::new(Full::new(Bytes::from(lease.to_string())))
}

fn refusal(code: StatusCode, reason: &str) -> Response<Full<Bytes>> {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "reason": reason, "code": code.as_u16(),
    });
    let mut answer = Response::new(Full::new(Bytes::from(status.to_string())));
    *answer.status_mut() = code;
    answer
}

#[tokio::test]
async fn a_leader_that_cannot_renew_ends_before_another_may_lead() {
    // Each renewal takes two requests; silence may begin in the middle of one.
    futures::future::join_all([0, 1, 2, 3].map(|answers| async move {
        let client = api_server(answers, Duration::ZERO);
        let mut election = Election::new(client, "default", "lease", "me");
        let began = Instant::now();
        let lost = election.hold(began).await;
        assert!(matches!(lost, Lost::Silent(_)), "{lost}");
        let last_renewal = PERIOD * (answers / 2).saturating_sub(1);
        let silent = began.elapsed().saturating_sub(last_renewal);
        assert!(silent + CALL_TIMEOUT < DURATION, "{answers}: {silent:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_leader_whose_renewals_are_refused_at_once_ends_as_early() {
    // No round hangs: the deadline falls between two of them.
    futures::future::join_all([0, 2, 3].map(|answers| async move {
        let client = api_server_that_breaks(answers);
        let mut election = Election::new(client, "default", "lease", "me");
        let began = Instant::now();
        let lost = election.hold(began).await;
        assert!(
            matches!(lost, Lost::Silent(CallError::Api(_))),
            "why is told: {lost}"
        );
        let silent = began.elapsed();
        assert!(silent + CALL_TIMEOUT < DURATION, "{answers}: {silent:?}");
        assert!(
            silent < RENEW_DEADLINE + PERIOD / 4,
            "{answers}: {silent:?}"
        );
    }))
    .await;
}

#[tokio::test]
async fn a_renewal_that_comes_late_takes_the_lease_from_nobody() {
    // The second renewal's write meets it; the third one is answered, and then none.
    let client = api_server_with_a_conflict(6, Duration::ZERO, Some(3));
    let mut election = Election::new(client, "default", "lease", "me");
    let lost = election.hold(Instant::now()).await;
    assert!(matches!(lost, Lost::Silent(_)), "{lost}");
}

#[tokio::test]
async fn a_lease_counts_from_when_it_was_asked_for() {
    let client = api_server(2, Duration::from_secs(2));
    let mut election = Election::new(client, "default", "lease", "me");
    let began = Instant::now();
    let won = election.win().await;
    assert!(matches!(election.hold(won).await, Lost::Silent(_)));
    let held = began.elapsed();
    assert!(held + CALL_TIMEOUT < DURATION, "{held:?}");
}

/// Its holder's clock may be years behind or ahead.
#[tokio::test]
async fn a_lease_is_free_when_it_has_not_changed_for_as_long_as_it_lasts() {
    let clocks = ["1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"];
    futures::future::join_all(clocks.map(|renewed| async move {
        let client = api_server_that(move |_| async move { lease("other", renewed) });
        let mut election = Election::new(client, "default", "lease", "me");
        let began = Instant::now();
        let won = tokio::time::timeout(2 * DURATION, election.win()).await;
        assert!(won.is_ok(), "renewed {renewed}: never free");
        let waited = began.elapsed();
        assert!(
            waited > DURATION,
            "renewed {renewed}: taken after {waited:?}"
        );
    }))
    .await;
}

#[tokio::test]
async fn a_lease_that_is_renewed_is_left_to_its_holder() {
    let client = api_server_that(move |number| async move {
        lease(
            "other",
            &format!("1999-01-01T00:00:{:02}.000000Z", number % 60),
        )
    });
    let mut election = Election::new(client, "default", "lease", "me");
    let won = tokio::time::timeout(DURATION + 2 * PERIOD, election.win()).await;
    assert!(won.is_err(), "taken from a leader that renews it");
}
