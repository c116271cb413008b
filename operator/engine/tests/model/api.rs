//! The API server of a world: every write of the operator is judged, and noted for people.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use changeover_kubernetes_model::{Object, Refusal, Server};

pub use changeover_kubernetes_model::{CHANGES, Call, Verb, name_of, uid_of};

use super::checker::Checker;

#[derive(Clone, Default)]
pub struct Api {
    server: Server,
    /// Children of which no change is taken, by name: with 403 by a policy, with 429 by an API server that has no time.
    pub denied: BTreeMap<&'static str, u16>,
    /// Images that an admission webhook puts into Deployments, by name.
    pub images: BTreeMap<&'static str, &'static str>,
    /// Children that may not be deleted, by name.
    pub kept: BTreeSet<String>,
    /// The release as its operator knows it, where that is not as it is.
    pub behind: Option<Arc<Object>>,
    /// The namespace is being deleted.
    pub is_terminating: bool,
    /// Writes of the operator that were carried out, for people who read a failure.
    pub log: Vec<Arc<str>>,
    pub checker: Checker,
    /// Creates and deletes of the operator that were carried out, by what and whose they were.
    pub counts: BTreeMap<String, u32>,
}

impl Api {
    /// A write of the operator: refused or carried out, and then judged.
    pub fn call(&mut self, call: &Call, now: &str) -> Result<(), Refusal> {
        let mut checker = std::mem::take(&mut self.checker);
        checker.gates.now = now.parse().unwrap();
        let known = checker.violations.len();
        checker.before(call, self);
        let before = self.objects.of(call.kind).get(&*call.name).cloned();
        let changes = matches!(call.verb, Verb::Create | Verb::Apply | Verb::Merge);
        let is_kept = call.verb == Verb::Delete && self.kept.contains(&*call.name);
        let denied = self.denied.get(&*call.name).filter(|_| changes);
        let result = if let Some(code) = denied.copied().or(is_kept.then_some(403)) {
            Err(Refusal {
                code,
                message: "denied by a policy".to_owned(),
            })
        } else if call.verb == Verb::Create && self.is_terminating {
            Err(Refusal {
                code: 403,
                message: "the namespace is being terminated".to_owned(),
            })
        } else {
            self.server.send(&self.admitted(call), now)
        };
        if result.is_ok() {
            let line = format!("{now} {:?} {} {}", call.verb, call.kind, call.name);
            self.log.push(line.into());
            if matches!(call.verb, Verb::Create | Verb::Delete) {
                let what = format!("{:?} {} {}", call.verb, call.kind, call.name);
                *self.counts.entry(what).or_default() += 1;
            }
            checker.after(call, before.as_deref().map(|o| &**o), self);
        }
        let phase = self.phase();
        let found = checker.violations.iter().skip(known);
        self.log
            .extend(found.map(|v| format!("^^^ {v} in {phase}").into()));
        self.checker = checker;
        result
    }

    /// Whether no admission policy or webhook is in the way.
    pub fn takes_all(&self) -> bool {
        self.denied.is_empty() && self.kept.is_empty() && self.images.is_empty()
    }

    /// What admission webhooks make of a request.
    fn admitted<'c>(&self, call: &'c Call) -> Cow<'c, Call> {
        let sets = call.kind == "Deployment" && matches!(call.verb, Verb::Create | Verb::Apply);
        let image = self.images.get(&*call.name).filter(|_| sets);
        image.map_or(Cow::Borrowed(call), |image| {
            let mut call = call.clone();
            let container = call.body.pointer_mut("/spec/template/spec/containers/0");
            container.unwrap()["image"] = (*image).into();
            Cow::Owned(call)
        })
    }

    fn phase(&self) -> String {
        let release = self.list("ExchangeRelease").next();
        release.map_or(String::new(), |r| r["status"]["phase"].to_string())
    }
}

impl Deref for Api {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Api {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}
