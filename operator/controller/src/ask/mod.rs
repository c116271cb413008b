//! Questions to our own pods. Each is asked by a task of its own, beside everything else: no decision
//! waits for a slow answer. The engine says what is asked and judges the answer.

mod admin;
mod http;
mod journey;

#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use changeover_crds::ResourceExt;
use changeover_engine::{
    Answer, Ask, Finding, Observation, ProbeTarget, Question, QuestionKey, Record, judge,
};
use futures::FutureExt;
use jiff::Timestamp;

use crate::context::Context;
use crate::memory::Heard;

pub use http::Http;

/// While others are awaited, answers are gathered for so long and looked at together.
const GATHER: Duration = Duration::from_millis(25);

/// Starts to ask what is not being asked yet; whether there was anything.
pub fn start(ctx: &Arc<Context>, seen: &Observation, questions: &[Question]) -> bool {
    let uid = seen.release.uid().unwrap_or_default();
    let mut started = false;
    for question in questions {
        started |= ctx.memory.ask(&uid, &question.key, || {
            let task = Task {
                ctx: ctx.clone(),
                uid: uid.clone(),
                namespace: seen.release.namespace().unwrap_or_default(),
                name: seen.release.name_any(),
            };
            tokio::spawn(task.run(question.clone())).abort_handle()
        });
    }
    started
}

/// One question on its way, and the release that wants to know.
struct Task {
    ctx: Arc<Context>,
    uid: String,
    namespace: String,
    name: String,
}

impl Task {
    async fn run(self, question: Question) {
        let Question { key, attempt, ask } = question;
        // A question without an answer would be waited for until its phase's deadline.
        let answer = AssertUnwindSafe(carry_out(&self.ctx.http, &ask))
            .catch_unwind()
            .await;
        let result = answer.unwrap_or_else(|_| {
            Err("the operator panicked while it asked: please report this with its log".to_owned())
        });
        self.log(&key, attempt, &result);
        self.ctx.metrics.asked(key.kind(), &result);
        let record = Record {
            attempts: attempt,
            last: Timestamp::now(),
            result,
        };
        match self.ctx.memory.hear(&self.uid, key, record) {
            Heard::Last => {}
            Heard::First => {
                tokio::time::sleep(GATHER).await;
                if !self.ctx.memory.gathered(&self.uid) {
                    return;
                }
            }
            Heard::Another => return,
        }
        self.ctx.waker.wake(&self.namespace, &self.name);
    }

    fn log(&self, key: &QuestionKey, attempt: u8, result: &Result<Finding, String>) {
        let (release, namespace, kind) = (&self.name, &self.namespace, key.kind());
        match result {
            Ok(finding) => tracing::debug!(release, namespace, kind, attempt, ?finding, "answered"),
            Err(why) => tracing::warn!(release, namespace, kind, attempt, why, "failed"),
        }
    }
}

async fn carry_out(http: &Http, ask: &Ask) -> Result<Finding, String> {
    match ask {
        Ask::Smoke(target) => smoke(http, target).await.map(|()| Finding::Fine),
        Ask::Journey(run) => journey::walk(http, run).await.map(|()| Finding::Fine),
        Ask::Admin(target) => admin::call(http, target).await,
    }
}

async fn smoke(http: &Http, target: &ProbeTarget) -> Result<(), String> {
    let probe = &target.probe;
    let call = http::Call {
        host: &target.ip,
        port: target.port,
        method: probe.method.as_str(),
        path: &probe.path,
        headers: &[],
        body: None,
    };
    let _place = http.check().await;
    let reply = http
        .send(&call, probe.timeout.into())
        .await
        .map_err(|none| none.why)?;
    let answer = Answer {
        status: reply.status,
        body: reply.body,
    };
    judge(&probe.expect, &answer).map_err(|why| http::blame(why, answer.body.len()))
}
