//! The shell around the engine, as the controller has it: observe, ask, carry out, observe again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use changeover_crds::names;
use changeover_engine::{Children, Decision, Failure, Flipped, Kind, Memo, Reads, Request, Step};
use changeover_engine::{Question, QuestionKey, Record, Standing, Target};
use changeover_kubernetes_model::{KINDS, Object};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};

use super::api::{Call, Verb, uid_of};
use super::faults::Fault;
use super::seen::{version, version_of};
use super::world::{RELEASE, World};

/// What the process remembers. A crash loses it.
#[derive(Clone, Default)]
pub struct Shell {
    pub answers: BTreeMap<QuestionKey, Record>,
    /// Asked, and not answered yet.
    pub pending: Vec<Question>,
    pub flips: BTreeMap<String, Vec<Flipped>>,
    pub written: Option<Timestamp>,
    /// The last change of its own that it knows of, by kind.
    pub learned: BTreeMap<&'static str, u64>,
    /// The version of the release that it goes on from; without one, the release is read first.
    pub known: Option<u64>,
    pub failures: Vec<Failure>,
    pub memo: Findings,
}

impl Shell {
    /// What was refused not long ago.
    pub fn standing(&self, now: Timestamp) -> impl Iterator<Item = &Failure> {
        self.failures.iter().filter(move |f| f.stands(now))
    }
}

/// What the engine worked out. Of worlds that part each has its own: they give the same versions to other objects.
#[derive(Default)]
pub struct Findings(pub Arc<Memo>);

impl Clone for Findings {
    fn clone(&self) -> Self {
        Self(Arc::new(Memo::clone(&self.0)))
    }
}

/// What the engine wants, and what is sent for it.
type Sent<'r> = (&'r Request, Cow<'r, Request>);

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
        let outruns = self.fault == Some(Fault::Outrun);
        self.pass_after(|world| {
            if outruns {
                world.tick();
            }
        })
    }

    /// A pass in which this happens between what is read and what is sent.
    pub fn pass_after(&mut self, meanwhile: impl FnOnce(&mut Self)) -> Pass {
        if version(&self.api.objects).is_none() {
            return Pass::Idle(None);
        }
        self.advance_clock(jiff::SignedDuration::from_millis(1));
        let looked = self.looked();
        let (bug, fault) = (self.bug, self.fault.take());
        meanwhile(self);
        let Some((release, decision)) = looked else {
            // A pass is over one release.
            self.crash();
            return Pass::Asked;
        };
        self.shell.known = version_of(&release);
        let is_behind = self.shell.known != version(&self.api.objects);
        self.api.behind = is_behind.then(|| release.clone());
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
                let sent = requests.iter().map(|wanted| {
                    let sent = match self.holder_of(wanted) {
                        Some(Standing::Lost(reclaim)) => Cow::Owned(reclaim),
                        _ => Cow::Borrowed(wanted),
                    };
                    let call = bug.call(&sent);
                    (Some((wanted, sent)), call)
                });
                let calls = sent.collect();
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
            Step::Wait(until) => {
                // Many rest: what is not worked on is read anew.
                self.shell.known = self.shell.known.filter(|_| until.is_some());
                Pass::Idle(*until)
            }
        };
        self.api.behind = None;
        self.tell(&decision, pass);
        pass
    }

    /// What the next pass decides.
    pub fn decision(&self) -> Arc<Decision> {
        self.looked().unwrap().1
    }

    /// The release, and what is decided once everything that it rests on was read; nothing if another one has its
    /// name by then.
    fn looked(&self) -> Option<(Arc<Object>, Arc<Decision>)> {
        let mut store = self.read();
        let uid = uid_of(&store.of("ExchangeRelease")[RELEASE]);
        let mut read = Reads::NOTHING;
        loop {
            let release = store.of("ExchangeRelease").get(RELEASE)?;
            let release = release.clone();
            if uid_of(&release) != uid {
                return None;
            }
            let decision = self.decided(&release, &store);
            if read.cover(decision.reads) {
                return Some((release, decision));
            }
            read = decision.reads;
            let kinds: &[&str] = match read.children {
                Children::Nothing => &[],
                Children::Services => &["Service"],
                Children::Readiness => &["EndpointSlice", "Pod"],
                Children::Everything => &KINDS,
            };
            let children = kinds.iter().filter(|kind| **kind != "ExchangeRelease");
            let release = read.release.then_some(&"ExchangeRelease");
            for kind in children.chain(release) {
                store.renew(&[kind], &self.api.objects);
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
    fn send(&mut self, calls: Vec<(Option<Sent<'_>>, Call)>, fault: Option<Fault>) {
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
            let (now, was) = (self.now(), self.api.version);
            let result = is_sent.then(|| self.api.call(call, &now));
            let code = answer.or(match &result {
                Some(Err(refusal)) => Some((refusal.code, refusal.message.clone())),
                _ => None,
            });
            if let Some((code, message)) = code {
                refused = true;
                // What became of a status that was not accepted is read before anything else is done.
                self.shell.known = self.shell.known.filter(|_| call.verb != Verb::Status);
                // Stale knowledge is no failure: the next observation knows better.
                if matches!(code, 404 | 409) && call.verb != Verb::Create {
                    continue;
                }
                let Some((wanted, _)) = request else {
                    continue;
                };
                // Nor is that it was made before.
                if code == 409 && self.holder_of(wanted) == Some(Standing::Made) {
                    continue;
                }
                failed.push(Failure {
                    code,
                    is_terminating: self.api.is_terminating && code == 403,
                    message,
                    ..Failure::of(wanted, self.clock)
                });
            } else if call.verb == Verb::Status {
                self.shell.written = Some(self.clock);
                self.shell.known = version(&self.api.objects);
            } else if let Some((wanted, sent)) = request {
                if call.verb == Verb::Apply && self.api.version == was {
                    refused = true;
                    failed.push(Failure::in_vain(wanted, self.clock));
                }
                self.shell.learned.insert(call.kind, self.api.version);
                if let Some((service, flip)) = sent.flipped(self.clock) {
                    flip.remember(self.shell.flips.entry(service).or_default());
                }
            }
        }
        if matches!(fault, Some(Fault::Crash(_))) {
            self.crash();
            return;
        }
        let batch = calls.iter().filter_map(|(request, _)| request.as_ref());
        let batch: Vec<&Request> = batch.map(|(wanted, _)| *wanted).collect();
        if !batch.is_empty() {
            let earlier = std::mem::take(&mut self.shell.failures);
            self.shell.failures = Failure::standing(failed, &batch, &earlier, self.clock);
        }
        if refused {
            // As the controller pauses after a refusal.
            self.advance_clock(SignedDuration::from_millis(100));
            self.tick();
        }
    }

    /// What holds the name of a POST. One that is refused changes nothing, so what may go wrong is tried with what
    /// follows it.
    fn holder_of(&self, wanted: &Request) -> Option<Standing> {
        if !matches!(wanted, Request::Create(_)) {
            return None;
        }
        let objects = self.api.objects.of(wanted.kind().as_str());
        let standing = objects.get(wanted.name())?;
        Some(match wanted.kind() {
            Kind::ControllerRevision => wanted.standing(&*standing.typed::<ControllerRevision>()),
            Kind::ConfigMap => wanted.standing(&*standing.typed::<ConfigMap>()),
            Kind::Service => wanted.standing(&*standing.typed::<Service>()),
            Kind::Deployment => wanted.standing(&*standing.typed::<Deployment>()),
            Kind::PodDisruptionBudget => wanted.standing(&*standing.typed::<PodDisruptionBudget>()),
        })
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
        Request::Reclaim(target) => {
            let label = json!({"metadata": {"labels": {names::RELEASE: RELEASE}}});
            (Verb::Merge, pinned(target, label))
        }
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
