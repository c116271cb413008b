//! Carries out requests, each as the engine wrote it. What the API server answers is known from then on.

use std::borrow::Cow;

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, names};
use changeover_engine::{Child, Failure, Flipped, Kind, Request, Standing, Target};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Value, json};

use crate::cache::Kept;
use crate::client::{CallError, bounded};
use crate::context::Scope;
use crate::metrics::{GET, STATUS};

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// At least one object changed.
    pub progress: bool,
    /// At least one request rested on a state that is over.
    pub is_stale: bool,
    /// What else was refused.
    pub failures: Vec<Failure>,
    /// Live Services that were pointed somewhere, by service name.
    pub flipped: Vec<(String, Flipped)>,
}

/// Sends a batch, all at once. What is refused of it is refused at one time: so it is tried again together.
pub async fn carry_out(scope: Scope<'_>, requests: &[&Request]) -> Outcome {
    let metrics = &scope.ctx.metrics;
    let answers = futures::future::join_all(requests.iter().map(async |request| {
        let (sent, answer) = scope.send(request).await;
        (*request, sent, answer, Timestamp::now())
    }))
    .await;
    let over = Timestamp::now();
    let mut outcome = Outcome::default();
    for (wanted, request, answer, at) in answers {
        let (verb, kind, name) = (request.verb(), request.kind().as_str(), request.name());
        let failure = match answer {
            Ok(changed) => {
                tracing::info!(verb, kind, name, changed, "carried out");
                outcome.progress |= changed;
                outcome.flipped.extend(request.flipped(at));
                (!changed && verb == "apply").then(|| Failure::in_vain(wanted, over))
            }
            Err(error) => {
                tracing::warn!(verb, kind, name, %error, "refused");
                metrics.refused(verb, error.reason());
                let is_stale = matches!(error.code(), 404 | 409) && verb != "create";
                outcome.is_stale |= is_stale;
                (!is_stale).then(|| error.explains(Failure::of(wanted, over)))
            }
        };
        outcome.failures.extend(failure);
    }
    outcome
}

/// Replaces the status if the release still is as it was observed; the release as it is then.
pub async fn write_status(
    scope: Scope<'_>,
    release: &ExchangeRelease,
    status: &ExchangeReleaseStatus,
) -> Result<ExchangeRelease, CallError> {
    let api = scope.api::<ExchangeRelease>();
    let replaced = ExchangeRelease {
        metadata: release.metadata.clone(),
        spec: release.spec.clone(),
        status: Some(status.clone()),
    };
    scope.ctx.metrics.request(STATUS, "ExchangeRelease");
    bounded(api.replace_status(&release.name_any(), &posted(), &replaced)).await
}

/// Where requests go, and what learns of the answers.
impl Scope<'_> {
    /// Sends one request; what was sent in the end, and whether the object changed.
    async fn send<'r>(&self, request: &'r Request) -> (Cow<'r, Request>, Result<bool, CallError>) {
        match request.kind() {
            Kind::ControllerRevision => self.send_as::<ControllerRevision>(request).await,
            Kind::ConfigMap => self.send_as::<ConfigMap>(request).await,
            Kind::Service => self.send_as::<Service>(request).await,
            Kind::Deployment => self.send_as::<Deployment>(request).await,
            Kind::PodDisruptionBudget => self.send_as::<PodDisruptionBudget>(request).await,
        }
    }

    async fn send_as<'r, K: Kept>(
        &self,
        request: &'r Request,
    ) -> (Cow<'r, Request>, Result<bool, CallError>) {
        let answer = self.try_as::<K>(request).await;
        let is_refused = |error: &CallError| matches!(error.code(), 409 | 422);
        if request.verb() != "create" || !answer.as_ref().is_err_and(is_refused) {
            return (Cow::Borrowed(request), answer);
        }
        match self.standing::<K>(request).await {
            Some(Standing::Lost(reclaim)) => {
                let answer = self.try_as::<K>(&reclaim).await;
                (Cow::Owned(reclaim), answer)
            }
            Some(Standing::Made) => (Cow::Borrowed(request), Ok(true)),
            Some(Standing::Foreign) | None => (Cow::Borrowed(request), answer),
        }
    }

    async fn try_as<K: Kept>(&self, request: &Request) -> Result<bool, CallError> {
        let metrics = &self.ctx.metrics;
        metrics.request(request.verb(), request.kind().as_str());
        match request {
            Request::Create(child) => self.create::<K>(child).await,
            Request::Reclaim(target) => {
                let labels = json!({names::RELEASE: self.of.name});
                self.label::<K>(target, labels).await
            }
            Request::Apply { target, child } => {
                let mut manifest = child.manifest.clone();
                if let Some(Value::Object(metadata)) = manifest.pointer_mut("/metadata") {
                    metadata.extend(pinned(target));
                }
                let params = PatchParams::apply(names::MANAGER).force();
                let patch = Patch::Apply(manifest);
                self.patch::<K>(target, &params, &patch).await
            }
            Request::Stamp { target, epoch } => {
                let labels = json!({names::EPOCH: epoch.to_string()});
                self.label::<K>(target, labels).await
            }
            Request::Flip { target, patch, .. } => {
                let patch = Patch::Merge(patch.clone());
                self.patch::<K>(target, &params(), &patch).await
            }
            Request::Delete(target) => self.delete::<K>(target).await,
        }
    }

    /// The manifest goes out as it is, not as our types understand it.
    async fn create<K: Kept>(&self, child: &Child) -> Result<bool, CallError> {
        let manifest = serde_json::to_vec(&child.manifest).map_err(kube::Error::SerdeError)?;
        let request = kube::core::Request::new(K::url_path(&(), Some(self.namespace())));
        let request = request.create(&posted(), manifest);
        let request = request.map_err(kube::Error::BuildRequest)?;
        let made = bounded(self.ctx.client.request::<K>(request)).await?;
        K::shelf(self.cache).learn(made);
        Ok(true)
    }

    /// What holds the name, or the address, of a child that cannot be made may be what watches do not show, or not yet:
    /// the child.
    async fn standing<K: Kept>(&self, refused: &Request) -> Option<Standing> {
        let (kind, name) = (refused.kind().as_str(), refused.name());
        self.ctx.metrics.request(GET, kind);
        let object = bounded(self.api::<K>().get(name)).await.ok()?;
        let standing = refused.standing(&object);
        if matches!(standing, Standing::Made) {
            K::shelf(self.cache).learn(object);
        }
        Some(standing)
    }

    async fn label<K: Kept>(&self, target: &Target, labels: Value) -> Result<bool, CallError> {
        let mut metadata = pinned(target);
        metadata.insert("labels".to_owned(), labels);
        let patch = Patch::Merge(json!({"metadata": metadata}));
        self.patch::<K>(target, &params(), &patch).await
    }

    async fn patch<K: Kept>(
        &self,
        target: &Target,
        params: &PatchParams,
        patch: &Patch<Value>,
    ) -> Result<bool, CallError> {
        let patched = bounded(self.api::<K>().patch(&target.name, params, patch)).await?;
        let changed = patched.resource_version().as_ref() != Some(&target.resource_version);
        K::shelf(self.cache).learn(patched);
        Ok(changed)
    }

    async fn delete<K: Kept>(&self, target: &Target) -> Result<bool, CallError> {
        let preconditions = Preconditions {
            uid: Some(target.uid.clone()),
            resource_version: Some(target.resource_version.clone()),
        };
        let params = DeleteParams::background().preconditions(preconditions);
        bounded(self.api::<K>().delete(&target.name, &params)).await?;
        K::shelf(self.cache).remove(self.of, target);
        Ok(true)
    }
}

fn posted() -> PostParams {
    PostParams {
        field_manager: params().field_manager,
        ..PostParams::default()
    }
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(names::MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// Identity and state: the API server answers 409 if either is another.
fn pinned(target: &Target) -> serde_json::Map<String, Value> {
    let [uid, version] = [&target.uid, &target.resource_version].map(|text| text.clone().into());
    [
        ("uid".to_owned(), uid),
        ("resourceVersion".to_owned(), version),
    ]
    .into_iter()
    .collect()
}
