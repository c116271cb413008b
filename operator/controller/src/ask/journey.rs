//! Walks a journey: sends what the engine says, waits when it says so.

use std::time::Instant;

use changeover_engine::JourneyRun;
use changeover_engine::journey::{Next, Outgoing, Walk};

use super::http::{Call, Http, blame};

/// One run, with values that no other run has.
pub async fn walk(http: &Http, run: &JourneyRun) -> Result<(), String> {
    let began = Instant::now();
    let mut walk = Walk::new(run.clone(), rand::random());
    let mut read = 0;
    loop {
        // First: a step's patience begins with it.
        let place = http.check().await;
        match walk.next(began.elapsed()) {
            Next::Passed => return Ok(()),
            Next::Failed(why) => return Err(blame(why, read)),
            Next::Wait(until) => {
                drop(place);
                tokio::time::sleep_until((began + until).into()).await;
            }
            Next::Send(request) => {
                let reply = http.send(&call(&request), request.timeout).await;
                read = reply.as_ref().map_or(0, |reply| reply.body.len());
                walk.answered(reply, began.elapsed());
            }
        }
    }
}

fn call(request: &Outgoing) -> Call<'_> {
    Call {
        host: &request.host,
        port: request.port,
        method: request.method,
        path: &request.path,
        headers: &request.headers,
        body: request.body.as_deref(),
    }
}
