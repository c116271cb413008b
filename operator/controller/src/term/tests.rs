use std::convert::Infallible;
use std::future::pending;
use std::sync::Mutex;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tower::service_fn;

use super::*;
use crate::ask::Http;
use crate::cache::Caches;
use crate::leader::Lost;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::wake::Waker;

/// A write of the lease.
#[derive(Clone, Debug, PartialEq)]
struct Write {
    holder: Value,
    /// Whether this replica led, and whether its work went on.
    leads: bool,
    works: bool,
}

/// A term of which every write of the lease is seen.
struct Story {
    writes: Arc<Mutex<Vec<Write>>>,
    working: Arc<()>,
    leading: watch::Receiver<bool>,
    term: Term,
}

impl Story {
    /// The API server answers so many requests.
    fn begin(answers: usize) -> Self {
        let (lead, leading) = watch::channel(false);
        let (writes, working) = (Arc::<Mutex<Vec<Write>>>::default(), Arc::new(()));
        let client = {
            let (writes, leading) = (writes.clone(), leading.clone());
            let working = Arc::downgrade(&working);
            let mut asked = 0;
            let service = service_fn(move |request: Request<Body>| {
                asked += 1;
                let is_silent = asked > answers;
                let (writes, leads) = (writes.clone(), *leading.borrow());
                let works = working.strong_count() > 1;
                async move {
                    if is_silent {
                        pending::<()>().await;
                    }
                    let sent = request.into_body().collect().await.unwrap().to_bytes();
                    if let Ok(lease) = serde_json::from_slice::<Value>(&sent) {
                        let holder = lease["spec"]["holderIdentity"].clone();
                        writes.lock().unwrap().push(Write {
                            holder,
                            leads,
                            works,
                        });
                    }
                    let lease =
                        json!({"metadata": {"name": "lease"}, "spec": {"holderIdentity": "me"}});
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(lease.to_string()))))
                }
            });
            Client::new(service, "default")
        };
        let term = Term {
            election: Election::new(client.clone(), "default", "lease", "me"),
            ctx: Arc::new(Context {
                client,
                caches: Caches::default(),
                memory: Memory::default(),
                http: Http::new().unwrap(),
                waker: Waker::open().0,
                metrics: Arc::new(Metrics::new()),
                instance: "me".to_owned(),
                approvers_verified: false,
                leading: leading.clone(),
            }),
            lead,
            stop: watch::Sender::new(false),
        };
        Self {
            writes,
            working,
            leading,
            term,
        }
    }

    /// SIGTERM comes after so long, while something is in progress that does not end.
    async fn until_terminated(self, after: Duration) -> (Result<(), RunError>, Vec<Write>) {
        let working = self.working.clone();
        let work = async move {
            let _working = working;
            pending::<()>().await;
        };
        let ended = self.term.serve(work, sleep(after)).await;
        assert!(!*self.leading.borrow());
        let writes = self.writes.lock().unwrap().clone();
        (ended, writes)
    }
}

#[tokio::test]
async fn the_lease_is_held_while_work_is_finished_and_given_back_after_it() {
    let began = Instant::now();
    let story = Story::begin(usize::MAX);
    let (ended, writes) = story.until_terminated(Duration::from_millis(100)).await;
    assert!(ended.is_ok() && began.elapsed() >= GRACE, "{ended:?}");
    let (last, held) = writes.split_last().unwrap();
    let given = Write {
        holder: Value::Null,
        leads: false,
        works: false,
    };
    assert_eq!(*last, given);
    assert!(held.iter().all(|write| write.holder == "me"), "{held:?}");
    assert!(held.len() >= 5, "a renewal each two seconds: {held:?}");
}

#[tokio::test]
async fn a_lease_that_is_lost_while_work_is_finished_ends_it_at_once() {
    // It is won and renewed once, with a read before each write.
    let story = Story::begin(4);
    let (ended, writes) = story.until_terminated(Duration::from_secs(2)).await;
    assert!(
        matches!(ended, Err(RunError::Lost(Lost::Silent(_)))),
        "{ended:?}"
    );
    assert_eq!(writes.len(), 2, "{writes:?}");
}
