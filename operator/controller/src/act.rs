//! Carries out requests, each as the engine wrote it.

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, names};
use changeover_engine::{Child, Failure, Kind, Request, Target};
use jiff::Timestamp;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
    Preconditions,
};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::cache::Written;
use crate::client::{CallError, bounded};
use crate::context::Context;

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// At least one object changed.
    pub progress: bool,
    /// What was refused, conflicts left out: they are answered by looking again.
    pub failures: Vec<Failure>,
    /// What the watches are to show before the cache can be used again.
    pub written: Vec<Written>,
    /// When each live Service answered, by service name.
    pub flipped: Vec<(String, i64, Timestamp)>,
}

/// Sends a batch, all at once.
pub async fn carry_out(ctx: &Context, namespace: &str, requests: &[Request]) -> Outcome {
    let answers = futures::future::join_all(requests.iter().map(|request| async move {
        ctx.metrics.request(request.verb(), request.kind().as_str());
        let answer = send(&ctx.client, namespace, request).await;
        (request, answer, Timestamp::now())
    }))
    .await;
    let mut outcome = Outcome::default();
    for (request, answer, at) in answers {
        let (verb, kind, name) = (request.verb(), request.kind().as_str(), request.name());
        match answer {
            Ok(written) => {
                let changed = written.is_some();
                tracing::info!(verb, kind, name, changed, "carried out");
                outcome.written.extend(written);
                outcome.progress |= changed;
                outcome.flipped.extend(
                    request
                        .flips()
                        .map(|(service, epoch)| (service.to_owned(), epoch, at)),
                );
            }
            Err(error) => {
                tracing::warn!(verb, kind, name, %error, "refused");
                ctx.metrics.refused(verb, error.reason());
                let is_stale = matches!(error.code(), 404 | 409) && verb != "create";
                if !is_stale {
                    outcome.failures.push(Failure {
                        request: format!("{verb} {kind} {name}"),
                        name: name.to_owned(),
                        code: error.code(),
                        message: error.to_string(),
                        since: at,
                        last: at,
                    });
                }
                outcome.progress |= is_stale;
            }
        }
    }
    outcome
}

/// Replaces the status if the release still is as it was observed.
pub async fn write_status(
    ctx: &Context,
    release: &ExchangeRelease,
    status: &ExchangeReleaseStatus,
) -> Result<(), CallError> {
    let api: Api<ExchangeRelease> =
        Api::namespaced(ctx.client.clone(), &release.namespace().unwrap_or_default());
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": release.uid()},
        {"op": "test", "path": "/metadata/resourceVersion", "value": release.resource_version()},
        {"op": "add", "path": "/status", "value": status},
    ]);
    let patch: json_patch::Patch =
        serde_json::from_value(patch).map_err(kube::Error::SerdeError)?;
    ctx.metrics.request("status", "ExchangeRelease");
    bounded(api.patch_status(&release.name_any(), &params(), &Patch::Json::<()>(patch))).await?;
    Ok(())
}

/// Sends one request; what was written, if the object changed.
async fn send(
    client: &Client,
    namespace: &str,
    request: &Request,
) -> Result<Option<Written>, CallError> {
    let api = api(client, namespace, request.kind());
    match request {
        Request::Create(child) => {
            let params = PostParams {
                field_manager: params().field_manager,
                ..PostParams::default()
            };
            let made = bounded(api.create(&params, &object(child)?)).await?;
            Ok(Some(written(child.kind, &made)))
        }
        Request::Apply { target, child } => {
            let mut manifest = child.manifest.clone();
            if let Some(Value::Object(metadata)) = manifest.pointer_mut("/metadata") {
                metadata.extend(pinned(target));
            }
            let params = PatchParams::apply(names::MANAGER).force();
            patch(&api, target, &params, &Patch::Apply(manifest)).await
        }
        Request::Stamp { target, epoch } => {
            let mut metadata = pinned(target);
            metadata.insert(
                "annotations".to_owned(),
                json!({names::EPOCH: epoch.to_string()}),
            );
            patch(
                &api,
                target,
                &params(),
                &Patch::Merge(json!({"metadata": metadata})),
            )
            .await
        }
        Request::Flip {
            target,
            patch: body,
            ..
        } => patch(&api, target, &params(), &Patch::Merge(body.clone())).await,
        Request::Delete(target) => {
            let preconditions = Preconditions {
                uid: Some(target.uid.clone()),
                resource_version: Some(target.resource_version.clone()),
            };
            bounded(api.delete(
                &target.name,
                &DeleteParams::background().preconditions(preconditions),
            ))
            .await?;
            Ok(Some(Written {
                kind: target.kind,
                name: target.name.clone(),
                uid: target.uid.clone(),
                version: None,
            }))
        }
    }
}

fn written(kind: Kind, answer: &DynamicObject) -> Written {
    Written {
        kind,
        name: answer.name_any(),
        uid: answer.uid().unwrap_or_default(),
        version: answer.resource_version(),
    }
}

async fn patch(
    api: &Api<DynamicObject>,
    target: &Target,
    params: &PatchParams,
    patch: &Patch<Value>,
) -> Result<Option<Written>, CallError> {
    let answer = bounded(api.patch(&target.name, params, patch)).await?;
    let written = written(target.kind, &answer);
    Ok(Some(written).filter(|w| w.version.as_ref() != Some(&target.resource_version)))
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(names::MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// Identity and state: the API server answers 409 if either is another.
fn pinned(target: &Target) -> serde_json::Map<String, Value> {
    [
        ("uid".to_owned(), target.uid.clone().into()),
        (
            "resourceVersion".to_owned(),
            target.resource_version.clone().into(),
        ),
    ]
    .into_iter()
    .collect()
}

fn object(child: &Child) -> Result<DynamicObject, CallError> {
    Ok(serde_json::from_value(child.manifest.clone()).map_err(kube::Error::SerdeError)?)
}

fn api(client: &Client, namespace: &str, kind: Kind) -> Api<DynamicObject> {
    let (group, version) = kind
        .api_version()
        .split_once('/')
        .unwrap_or(("", kind.api_version()));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind.as_str()));
    Api::namespaced_with(client.clone(), namespace, &resource)
}
