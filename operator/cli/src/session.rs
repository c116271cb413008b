//! The one way to the API server: every call has a deadline, and none is repeated behind the person's back.

use std::fmt::Debug;
use std::io::IsTerminal;
use std::time::Duration;

use changeover_crds::{ExchangeRelease, names};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::Value;

use crate::args::{Connection, Output};
use crate::problem::{Problem, Request, chain};

/// Longest time one call may take.
const CALL: Duration = Duration::from_secs(10);
/// Field manager of what the plugin writes.
const MANAGER: &str = "kubectl-exr";
/// As RBAC names it.
pub(crate) const RELEASES: &str = "exchangereleases.changeover.dev";

/// A connection, and how its findings are shown.
pub(crate) struct Session {
    client: Client,
    /// Where.
    pub(crate) namespace: String,
    /// For people or for programs.
    pub(crate) output: Output,
    /// Whether a person looks at a terminal, so that a screen can be drawn over the last one.
    pub(crate) terminal: bool,
}

impl Session {
    /// As the person, by the rules of kubectl.
    ///
    /// # Errors
    /// When there is no usable kubeconfig.
    pub(crate) async fn connect(connection: &Connection, output: Output) -> Result<Self, Problem> {
        let mut config = config(connection).await?;
        config.connect_timeout = Some(CALL);
        // The client's own policy would repeat a refused call for minutes.
        config.default_retry = false;
        let namespace = connection.namespace.clone();
        Ok(Self {
            namespace: namespace.unwrap_or_else(|| config.default_namespace.clone()),
            client: changeover_client::connect(config).map_err(|error| unusable(&error))?,
            output,
            terminal: std::io::stdout().is_terminal(),
        })
    }

    pub(crate) fn releases(&self) -> Api<ExchangeRelease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn all_pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A request about one release, for error messages.
    pub(crate) fn about<'a>(
        &'a self,
        what: &'a str,
        verb: &'a str,
        name: Option<&'a str>,
    ) -> Request<'a> {
        Request {
            what,
            verb,
            resource: RELEASES,
            namespace: &self.namespace,
            name,
        }
    }

    pub(crate) async fn release(&self, name: &str) -> Result<ExchangeRelease, Problem> {
        let request = self.about("see the release", "get", Some(name));
        bounded(&request, self.releases().get(name)).await
    }

    /// The pods of a release.
    pub(crate) async fn pods(&self, release: &str) -> Result<Vec<Pod>, Problem> {
        let params = ListParams::default().labels(&format!("{}={release}", names::RELEASE));
        let pods = bounded(&self.about_pods(), self.all_pods().list(&params)).await?;
        Ok(pods.items)
    }

    pub(crate) fn about_pods(&self) -> Request<'_> {
        Request {
            what: "see the pods",
            verb: "list",
            resource: "pods",
            namespace: &self.namespace,
            name: None,
        }
    }

    /// Who the API server takes the person for; `None` where it does not say.
    pub(crate) async fn whoami(&self) -> Result<Option<String>, Problem> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let request = Request {
            what: "ask who you are",
            verb: "create",
            resource: "selfsubjectreviews.authentication.k8s.io",
            namespace: &self.namespace,
            name: None,
        };
        let review = SelfSubjectReview::default();
        let params = PostParams::default();
        match bounded(&request, reviews.create(&params, &review)).await {
            Ok(review) => {
                let user = review.status.and_then(|status| status.user_info);
                Ok(user.and_then(|user| user.username))
            }
            Err(unreachable @ Problem::Unreachable(_)) => Err(unreachable),
            Err(_) => Ok(None),
        }
    }

    /// A merge patch, as `kubectl annotate` sends it.
    pub(crate) async fn patch(
        &self,
        what: &str,
        name: &str,
        patch: &Value,
    ) -> Result<ExchangeRelease, Problem> {
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let request = self.about(what, "patch", Some(name));
        let releases = self.releases();
        bounded(
            &request,
            releases.patch(name, &params, &Patch::Merge(patch)),
        )
        .await
    }
}

/// By the flags, else $KUBECONFIG, else ~/.kube/config, else the pod's service account.
async fn config(connection: &Connection) -> Result<Config, Problem> {
    let options = KubeConfigOptions {
        context: connection.context.clone(),
        ..KubeConfigOptions::default()
    };
    if let Some(path) = &connection.kubeconfig {
        let kubeconfig = Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        return config.map_err(|error| unusable(&error));
    }
    if connection.context.is_some() {
        let config = Config::from_kubeconfig(&options).await;
        return config.map_err(|error| unusable(&error));
    }
    Config::infer().await.map_err(|error| unusable(&error))
}

fn unusable(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::Unreachable(format!(
        "the kubeconfig cannot be used (`kubectl config view` shows it): {}",
        chain(error)
    ))
}

async fn bounded<T: Debug>(
    request: &Request<'_>,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(CALL, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(request.failed(&error)),
        Err(_) => Err(Problem::unreachable(&format!("no answer within {CALL:?}"))),
    }
}
