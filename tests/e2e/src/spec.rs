//! ExchangeReleases, derived from the one that people are told to apply.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::checkout::root;

/// An ExchangeRelease to apply.
#[derive(Clone, Debug)]
pub struct Spec(Value);

impl Spec {
    /// `docs/examples/exchange.yaml` at a version, with short windows.
    ///
    /// # Errors
    /// If the example cannot be read.
    pub fn version(version: &str) -> Result<Self> {
        let mut spec = Self::example("exchange.yaml")?;
        spec.set("/spec/version", json!(version))?;
        spec.set("/spec/rollbackWindow", json!("5s"))?;
        spec.set("/spec/verification/bake", json!("3s"))?;
        spec.set("/spec/drain", json!({"quiet": "2s", "deadline": "15s"}))?;
        for service in spec.services()? {
            let name = service["name"].as_str().unwrap_or_default().to_owned();
            service["image"] = json!(format!("localhost/exchange-{name}:{version}"));
            let config = service.get_mut("config").and_then(Value::as_object_mut);
            let config = config.context("a service of the example has no config")?;
            config.insert("LAME_DUCK_SECONDS".to_owned(), json!("4"));
            if let Some(expected) = service.pointer_mut("/smoke/0/expect/json/$.version") {
                *expected = json!(version);
            }
        }
        Ok(spec)
    }

    /// A file of `docs/examples` as it stands there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn example(file: &str) -> Result<Self> {
        let objects = documents(file)?;
        let only = objects.into_iter().next();
        Ok(Self(only.with_context(|| format!("{file} is empty"))?))
    }

    /// With another value at a place that the example has, such as `/spec/switchDeadline`.
    ///
    /// # Errors
    /// If there is no such place.
    pub fn with(mut self, place: &str, value: Value) -> Result<Self> {
        self.set(place, value)?;
        Ok(self)
    }

    /// With another value of a service's field.
    ///
    /// # Errors
    /// If there is no such service.
    pub fn with_service(mut self, name: &str, field: &str, value: Value) -> Result<Self> {
        let service = self
            .services()?
            .iter_mut()
            .find(|service| service["name"] == name)
            .with_context(|| format!("no service {name}"))?;
        service[field] = value;
        Ok(self)
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Value {
        &self.0
    }

    fn set(&mut self, place: &str, value: Value) -> Result<()> {
        let slot = self
            .0
            .pointer_mut(place)
            .with_context(|| format!("the example has no {place}"))?;
        *slot = value;
        Ok(())
    }

    fn services(&mut self) -> Result<&mut Vec<Value>> {
        let services = self.0.pointer_mut("/spec/services");
        services
            .and_then(Value::as_array_mut)
            .context("the example has no services")
    }
}

/// The objects of a file in `docs/examples`.
///
/// # Errors
/// If it cannot be read.
pub fn documents(file: &str) -> Result<Vec<Value>> {
    let path = root().join("docs/examples").join(file);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read the example {}", path.display()))?;
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| Ok(serde::Deserialize::deserialize(document)?))
        .collect()
}
