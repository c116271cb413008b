//! The shell around the engine, as the controller has it: observe, ask, carry out, observe again.

use std::collections::BTreeMap;
use std::sync::Arc;

use changeover_crds::names;
use changeover_engine::{Children, Decision, Failure, Flipped, Memo, Request, Step};
use changeover_engine::{Question, QuestionKey, Record, Target};
use changeover_kubernetes_model::Object;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::api::{Call, Verb};
use super::faults::Fault;
use super::world::{RELEASE, World};

/// What the process remembers. A crash loses it.
#[derive(Clone, Default)]
pub struct Shell {
    pub answers: BTreeMap<QuestionKey, Record>,
    /// Asked, and not answered yet.
    pub pending: Vec<Question>,
    pub flips: BTreeMap<String, Vec<Flipped>>,
    pub written: Option<Timestamp>,
    pub failures: Vec<Failure>,
    pub memo: Findings,
}

/// What the engine worked out. Of worlds that part each has its own: they give the same versions to other objects.
#[derive(Default)]
pub struct Findings(pub Arc<Memo>);

impl Clone for Findings {
    fn clone(&self) -> Self {
        Self(Arc::new(Memo::clone(&self.0)))
    }
}

/// What one pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// So many requests were sent.
    Acted(usize),
    /// Pods were asked.
    Asked,
    /// Nothing to do until something changes, or until this time.
    Idle(Option<Timestamp>),
}

impl World {
    /// One pass of the shell, under the fault that is armed, if any.
    pub fn pass(&mut self) -> Pass {
        let releases = self.api.objects.of("ExchangeRelease");
        let Some(release) = releases.get(RELEASE).cloned() else {
            return Pass::Idle(None);
        };
        self.advance_clock(jiff::SignedDuration::from_millis(1));
        let decision = self.looked(&release);
        let bug = self.bug;
        let fault = self.fault.take();
        let pass = match &decision.step {
            Step::Status(status) => {
                let body = json!({
                    "metadata": {"resourceVersion": release["metadata"]["resourceVersion"]},
                    "status": status,
                });
                let call = Call {
                    verb: Verb::Status,
                    kind: "ExchangeRelease",
                    name: RELEASE.into(),
                    body,
                };
                self.send(vec![(None, call)], fault);
                Pass::Acted(1)
            }
            Step::Requests(requests) => {
                let calls = requests.iter().map(|r| (Some(r), bug.call(r))).collect();
                self.send(calls, fault);
                Pass::Acted(requests.len())
            }
            Step::Ask(questions) => {
                self.shell.pending.extend(questions.iter().cloned());
                if matches!(fault, Some(Fault::Crash(_))) {
                    self.crash();
                }
                Pass::Asked
            }
            // What a slow watch has not shown yet follows, and is a reason to look again.
            Step::Wait(_) if fault.is_some_and(Fault::is_of_reading) => Pass::Asked,
            Step::Wait(until) => Pass::Idle(*until),
        };
        self.tell(&decision, pass);
        pass
    }

    /// What the next pass decides.
    pub fn decision(&self) -> Arc<Decision> {
        self.looked(&self.api.objects.of("ExchangeRelease")[RELEASE])
    }

    /// What is decided once everything that it rests on was read.
    fn looked(&self, release: &Arc<Object>) -> Arc<Decision> {
        let mut store = self.read();
        let mut read = Children::Nothing;
        loop {
            let decision = self.decided(release, &store);
            if read.cover(decision.reads.children) {
                return decision;
            }
            read = decision.reads.children;
            match read {
                Children::Nothing => {}
                Children::Services => store.renew(&["Service"], &self.api.objects),
                Children::Readiness => store.renew(&["EndpointSlice", "Pod"], &self.api.objects),
                Children::Everything => store = self.api.objects.clone(),
            }
        }
    }

    fn tell(&mut self, decision: &Decision, pass: Pass) {
        if matches!(decision.step, Step::Status(_)) && pass == Pass::Acted(1) {
            let words = decision
                .notices
                .iter()
                .map(|n| (n.news.as_str(), n.note.clone().into()));
            self.events.extend(words);
        }
        if let Step::Status(status) = &decision.step {
            self.note_reasons(status);
        }
    }

    /// Sends a batch, and loses, doubles or refuses what the fault says.
    fn send(&mut self, calls: Vec<(Option<&Request>, Call)>, fault: Option<Fault>) {
        if let Some(Fault::Suspended(passes)) = fault {
            // A leader that is stopped between check and send; another one takes over.
            self.withheld = Some((passes, calls.into_iter().map(|(_, call)| call).collect()));
            self.crash();
            return;
        }
        let (mut failed, mut refused) = (Vec::new(), false);
        for (index, (request, call)) in calls.iter().enumerate() {
            let (is_sent, answer) = match fault {
                Some(fault) => fault.on(index),
                None => (true, None),
            };
            let now = self.now();
            let result = is_sent.then(|| self.api.call(call, &now));
            let code = answer.or(match &result {
                Some(Err(refusal)) => Some((refusal.code, refusal.message.clone())),
                _ => None,
            });
            if let Some((code, message)) = code {
                refused = true;
                // Stale knowledge is no failure: the next observation knows better.
                if matches!(code, 404 | 409) && call.verb != Verb::Create {
                    continue;
                }
                let Some(request) = request else {
                    continue;
                };
                let failure = Failure {
                    request: request.to_string(),
                    name: call.name.clone(),
                    code,
                    is_terminating: self.api.is_terminating && code == 403,
                    message,
                    since: self.clock,
                    last: self.clock,
                };
                failed.push(failure.after(&self.shell.failures));
            } else if call.verb == Verb::Status {
                self.shell.written = Some(self.clock);
            } else if is_sent
                && let Some((service, flip)) = request.and_then(|r| r.flipped(self.clock))
            {
                flip.remember(self.shell.flips.entry(service).or_default());
            }
        }
        if matches!(fault, Some(Fault::Crash(_))) {
            self.crash();
            return;
        }
        if calls.iter().all(|(_, call)| call.verb != Verb::Status) {
            self.shell.failures = failed;
        }
        if refused {
            // As the controller pauses after a refusal.
            self.advance_clock(SignedDuration::from_millis(100));
            self.tick();
        }
    }

    /// The process dies, and starts anew with nothing but what stands in the cluster.
    pub fn crash(&mut self) {
        self.shell = Shell::default();
        self.advance_clock(SignedDuration::from_secs(2));
        self.tick();
    }
}

/// A request of the engine as it goes over the wire.
pub fn call(request: &Request) -> Call {
    let pinned = |target: &Target, mut body: Value| {
        body["metadata"]["uid"] = target.uid.clone().into();
        body["metadata"]["resourceVersion"] = target.resource_version.clone().into();
        body
    };
    let (verb, body) = match request {
        Request::Create(child) => (Verb::Create, child.manifest.clone()),
        Request::Apply { target, child } => (Verb::Apply, pinned(target, child.manifest.clone())),
        Request::Stamp { target, epoch } => {
            let stamp = json!({"metadata": {"labels": {names::EPOCH: epoch.to_string()}}});
            (Verb::Merge, pinned(target, stamp))
        }
        Request::Reclaim(_) => unreachable!("the model finds children by their owner"),
        Request::Flip { patch, .. } => (Verb::Merge, patch.clone()),
        Request::Delete(target) => (Verb::Delete, pinned(target, json!({}))),
    };
    Call {
        verb,
        kind: request.kind().as_str(),
        name: request.name().to_owned(),
        body,
    }
}
