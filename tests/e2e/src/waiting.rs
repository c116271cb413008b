//! What a stage waits for; each time with all that a person needs to see why it was in vain.

use std::time::Duration;

use anyhow::{Context, Result};
use changeover_crds::ExchangeRelease;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

use crate::say::while_waiting;
use crate::spec::Spec;
use crate::stage::{RELEASE, Stage};
use crate::{state, watch};

impl Stage<'_> {
    /// Waits until the database takes connections.
    ///
    /// # Errors
    /// If it does not.
    pub async fn database_ready(&self) -> Result<()> {
        let available = |deployment: &Deployment| {
            deployment.status.as_ref().and_then(|s| s.ready_replicas) == Some(1)
        };
        self.until_object("postgres", "PostgreSQL", available)
            .await
            .map(drop)
    }

    /// Waits until the release is as asked.
    ///
    /// # Errors
    /// After `limit`, with all that a person needs to see why.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        holds: impl FnMut(&ExchangeRelease) -> bool,
    ) -> Result<ExchangeRelease> {
        watch::until(self.api(), RELEASE, what, limit, state::line, holds)
            .await
            .with_context(|| self.diagnosis())
    }

    /// Applies a release and waits until clients use it.
    ///
    /// # Errors
    /// If it does not become live.
    pub async fn release(&self, spec: &Spec) -> Result<ExchangeRelease> {
        self.apply(spec)?;
        let version = spec.manifest().pointer("/spec/version").cloned();
        let version = version.as_ref().and_then(|v| v.as_str());
        let version = version.unwrap_or_default();
        self.until(
            &format!("release {version}"),
            Duration::from_secs(120),
            |release| state::is_live(release, version),
        )
        .await
    }

    /// Waits until a version is live and nothing of another one is left.
    ///
    /// # Errors
    /// If this does not happen.
    pub async fn settled(&self, version: &str) -> Result<ExchangeRelease> {
        let what = format!("{version} to settle");
        let limit = Duration::from_secs(60);
        let release = self
            .until(&what, limit, |release| state::is_settled(release, version))
            .await?;
        let live = release.status.as_ref().and_then(|s| s.live.as_ref());
        let other = live.context("nothing is live")?.colour.other();
        let gone = async {
            while !self.is_gone(other.as_str()).await? {
                watch::pause().await;
            }
            Ok(release)
        };
        let what = format!("waiting for all of {other} to end");
        tokio::time::timeout(limit, while_waiting(&what, String::new, gone))
            .await
            .with_context(|| format!("{what}: in vain: {}", self.diagnosis()))?
    }

    /// Whether neither a pod nor a Service of a colour is left: the last things to go.
    async fn is_gone(&self, colour: &str) -> Result<bool> {
        let selected = ListParams::default().labels(&format!("changeover.dev/colour={colour}"));
        let services = self.api::<Service>().list(&selected).await?.items;
        Ok(services.is_empty() && self.pods(colour).await?.is_empty())
    }

    /// Waits until an object is as asked; for a minute at most.
    ///
    /// # Errors
    /// If it does not become so.
    pub async fn until_object<K>(
        &self,
        name: &str,
        what: &str,
        holds: impl FnMut(&K) -> bool,
    ) -> Result<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned
            + Send
            + 'static,
        K::DynamicType: Default,
    {
        let describe = |_: &K| format!("{name} is not so yet");
        watch::until(
            self.api(),
            name,
            what,
            Duration::from_secs(60),
            describe,
            holds,
        )
        .await
        .with_context(|| self.diagnosis())
    }
}
