//! Questions against a server on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use changeover_engine::{AdminCall, AdminTarget, Ask, Clients, Finding, JourneyRun, ProbeTarget};
use futures::future::{join, join_all};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{Http, carry_out, http};

/// Request lines and bodies.
type Heard = Arc<Mutex<Vec<(String, String)>>>;
type Answers = BTreeMap<&'static str, (u16, &'static str)>;

/// Answers each path as told, everything else with 404; what it heard.
async fn server(answers: &[(&'static str, u16, &'static str)]) -> (i32, Heard) {
    let answers: Answers = answers.iter().map(|(p, s, b)| (*p, (*s, *b))).collect();
    let heard = Heard::default();
    let hears = heard.clone();
    let port = listen(move |request| answer(request, answers.clone(), hears.clone())).await;
    (port, heard)
}

/// Answers every request so; the port.
async fn listen<R>(answer: impl Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static) -> i32
where
    R: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = i32::from(listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let server = hyper::server::conn::http1::Builder::new();
            let service = service_fn(answer.clone());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    port
}

async fn answer(
    request: Request<Incoming>,
    answers: Answers,
    heard: Heard,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let line = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    heard.lock().unwrap().push((line, body));
    let (status, body) = answers.get(path.as_str()).copied().unwrap_or((404, ""));
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status.try_into().unwrap();
    Ok(response)
}

/// Answers everything, each after a while; the most that it had to answer at the same time.
async fn slow_server(takes: Duration) -> (i32, Arc<AtomicUsize>) {
    let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let seen = most.clone();
    let port = listen(move |_| {
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let now = now.clone();
        async move {
            tokio::time::sleep(takes).await;
            now.fetch_sub(1, Ordering::Relaxed);
            Ok(Response::new(Full::new(Bytes::new())))
        }
    });
    (port.await, seen)
}

fn smoke(port: i32, probe: serde_json::Value) -> Ask {
    Ask::Smoke(ProbeTarget {
        pod: "user-1".to_owned(),
        ip: "127.0.0.1".to_owned(),
        port,
        probe: serde_json::from_value(probe).unwrap(),
    })
}

fn admin(port: i32, call: AdminCall) -> Ask {
    Ask::Admin(AdminTarget {
        pod: "user-1".to_owned(),
        ip: "127.0.0.1".to_owned(),
        port,
        call,
    })
}

async fn asked(ask: Ask) -> Result<Finding, String> {
    carry_out(&Http::new().unwrap(), &ask).await
}

#[tokio::test]
async fn a_drain_lease_comes_back_with_the_clients() {
    let state = r#"{"inFlight": 1, "openConnections": 3, "lastAcceptedSecondsAgo": null}"#;
    let (port, heard) = server(&[("/drain", 200, state)]).await;
    let found = asked(admin(port, AdminCall::Drain { epoch: 4, ttl: 15 })).await;
    let clients = Clients {
        in_flight: 1,
        open_connections: 3,
        last_accepted_seconds_ago: None,
    };
    assert_eq!(found, Ok(Finding::Clients(clients)));
    let (line, body) = heard.lock().unwrap()[0].clone();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(line, "PUT /drain");
    assert_eq!(body, json!({"epoch": 4, "ttl": "15s"}));
}

/// Of leases up to this epoch: one that is taken later is not this way back's.
#[tokio::test]
async fn a_lease_is_taken_back_by_its_epoch() {
    let (port, heard) = server(&[("/drain", 200, "")]).await;
    let found = asked(admin(port, AdminCall::Undrain { epoch: 7 })).await;
    assert_eq!(found, Ok(Finding::Fine));
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard, [("DELETE /drain?epoch=7".to_owned(), String::new())]);
}

/// Each has a limit of its own: a probe, a step of a journey, and what a pod is told.
#[tokio::test]
async fn who_does_not_answer_is_waited_for_no_longer_than_is_allowed() {
    const LONG: Duration = Duration::from_secs(20);
    let (port, _) = slow_server(2 * LONG).await;
    let steps = json!([{"service": "user", "path": "/version", "timeout": "1s"}]);
    let asks = [
        smoke(port, json!({"path": "/version", "timeout": "1s"})),
        journey(port, steps),
        admin(port, AdminCall::Undrain { epoch: 7 }),
    ];
    for found in join_all(asks.map(|ask| timeout(LONG, asked(ask)))).await {
        let why = found.expect("waited for").unwrap_err();
        assert!(why.contains("no answer within 1s"), "{why}");
    }
}

#[tokio::test]
async fn a_pod_without_the_path_takes_no_part() {
    let (port, _) = server(&[]).await;
    let role = AdminCall::Role {
        epoch: 1,
        live: true,
    };
    for call in [AdminCall::Undrain { epoch: 2 }, role] {
        assert_eq!(asked(admin(port, call)).await, Ok(Finding::Unknown));
    }
}

#[tokio::test]
async fn a_refusal_is_told() {
    let (port, _) = server(&[("/role", 409, "")]).await;
    let role = AdminCall::Role {
        epoch: 1,
        live: true,
    };
    let refused = asked(admin(port, role)).await.unwrap_err();
    assert_eq!(refused, "answered PUT /role with 409");
}

fn journey(port: i32, steps: serde_json::Value) -> Ask {
    let journey = json!({"name": "sign-up", "steps": steps});
    Ask::Journey(JourneyRun {
        journey: serde_json::from_value(journey).unwrap(),
        hosts: vec![("user".to_owned(), "127.0.0.1".to_owned(), port)],
        limit: Duration::MAX,
    })
}

#[tokio::test]
async fn a_journey_hands_on_what_it_captured() {
    let answers = [
        ("/v1/users", 201, r#"{"id": "u-7"}"#),
        ("/v1/users/u-7", 200, "{}"),
    ];
    let (port, heard) = server(&answers).await;
    let steps = json!([
        {"service": "user", "method": "POST", "path": "/v1/users",
         "body": r#"{"email": "{{ random }}@probe.invalid"}"#,
         "expect": {"status": 201}, "capture": {"id": "$.id"}},
        {"service": "user", "path": "/v1/users/{{ id }}"},
    ]);
    assert_eq!(asked(journey(port, steps)).await, Ok(Finding::Fine));
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard[1].0, "GET /v1/users/u-7");
    let body: serde_json::Value = serde_json::from_str(&heard[0].1).unwrap();
    let email = body["email"].as_str().unwrap();
    assert!(
        email.ends_with("@probe.invalid") && email.len() > 20,
        "{email}"
    );
}

#[tokio::test]
async fn a_journey_that_fails_names_the_step_and_no_body() {
    let (port, _) = server(&[("/v1/users", 500, "secret")]).await;
    let steps = json!([{"service": "user", "path": "/v1/users"}]);
    let why = asked(journey(port, steps)).await.unwrap_err();
    let step = "journey sign-up, step 1 (user GET /v1/users)";
    assert!(why.starts_with(step), "{why}");
    assert!(why.contains("500") && !why.contains("secret"), "{why}");
}

#[tokio::test]
async fn of_a_long_answer_the_beginning_is_read_and_the_status_counts() {
    let rest = "x".repeat(1 << 20);
    let long = format!(r#"{{"version": "2.0.0", "rest": "{rest}"}}"#).leak();
    let (port, _) = server(&[("/version", 200, long)]).await;
    let probe = |expect| smoke(port, json!({"path": "/version", "expect": expect}));
    let step = |expect| json!([{"service": "user", "path": "/version", "expect": expect}]);
    let status = json!({"status": 200});
    for ask in [probe(status.clone()), journey(port, step(status))] {
        assert_eq!(asked(ask).await, Ok(Finding::Fine));
    }
    let version = json!({"json": {"$.version": "2.0.0"}});
    for ask in [probe(version.clone()), journey(port, step(version))] {
        let why = asked(ask).await.unwrap_err();
        let told = "(of a body no more than 65536 bytes are read)";
        assert!(why.contains("JSON") && why.ends_with(told), "{why}");
    }
}

#[tokio::test]
async fn so_many_are_asked_at_once_and_a_way_back_waits_for_none_of_them() {
    const PLACES: usize = 4;
    let (port, most) = slow_server(Duration::from_millis(300)).await;
    let http = Http::with_places(PLACES).unwrap();
    // Those that are sent last wait for longer than an answer may take.
    let probe = smoke(port, json!({"path": "/version", "timeout": "2s"}));
    let probes = join_all((0..8 * PLACES).map(|_| carry_out(&http, &probe)));
    let all_probed = AtomicBool::new(false);
    let probed = async {
        let probed = probes.await;
        all_probed.store(true, Ordering::Relaxed);
        probed
    };
    let role = AdminCall::Role {
        epoch: 2,
        live: true,
    };
    let told = [AdminCall::Undrain { epoch: 2 }, role].map(|call| admin(port, call));
    let told = async {
        let told = join_all(told.iter().map(|ask| carry_out(&http, ask))).await;
        assert!(!all_probed.load(Ordering::Relaxed), "they waited");
        told
    };
    let (probed, told) = join(probed, told).await;
    for found in probed.into_iter().chain(told) {
        assert_eq!(found, Ok(Finding::Fine));
    }
    let most = most.load(Ordering::Relaxed);
    assert!(most <= PLACES + 2, "{most} at once");
}

/// The kernel drops what knocks at a full queue, as a node drops what goes to a Service that it does not know yet.
#[tokio::test]
async fn a_connection_that_is_dropped_is_given_up_early_and_told_as_nothing_sent() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        queued.push(stream.unwrap());
    }
    let call = http::Call {
        host: "127.0.0.1",
        port: i32::from(address.port()),
        method: "GET",
        path: "/",
        headers: &[],
        body: None,
    };
    let none = Http::new()
        .unwrap()
        .send(&call, Duration::from_secs(30))
        .await;
    let none = none.err().unwrap();
    assert_eq!(none.why, "no connection within 1.5s");
    assert!(none.is_unsent);
}
