//! The OpenAPI documents: whether the one that is checked in is current, and whether its examples work.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::binaries::binary;
use crate::process::ServiceProcess;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The document that a service's binary prints.
///
/// # Errors
/// When the binary does not print one.
pub fn document(service: &str) -> Result<String> {
    let printed = Command::new(binary(service)?)
        .arg("--print-openapi")
        .env_clear()
        .output()?;
    ensure!(printed.status.success(), "{service} --print-openapi failed");
    Ok(String::from_utf8(printed.stdout)?)
}

/// Checks that `openapi.json` in the folder of the service is what its binary prints.
///
/// # Errors
/// When they differ; the message says how to write it anew.
pub fn is_checked_in(service: &str, folder: &str) -> Result<()> {
    let kept = std::fs::read_to_string(Path::new(folder).join("openapi.json")).unwrap_or_default();
    ensure!(
        kept == document(service)?,
        "openapi.json is not what the code says. Run: make openapi"
    );
    Ok(())
}

/// Sends every operation of a service's document with the examples that stand in it.
pub struct Examples<'a> {
    process: &'a ServiceProcess,
    token: &'a str,
    parameters: BTreeMap<&'a str, String>,
    skipped: Vec<&'a str>,
}

impl<'a> Examples<'a> {
    /// Examples against a process, with a token that may do everything in them.
    pub fn new(process: &'a ServiceProcess, token: &'a str) -> Self {
        Self {
            process,
            token,
            parameters: BTreeMap::new(),
            skipped: Vec::new(),
        }
    }

    /// A path parameter that must name something that exists, `id` for example, or that of one operation:
    /// `GET /v1/orders/{id}:id`.
    pub fn parameter(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.parameters.insert(name, value.into());
        self
    }

    /// An operation that has a test of its own, `GET /v1/notifications/stream` for example.
    pub fn skip(mut self, operation: &'a str) -> Self {
        self.skipped.push(operation);
        self
    }

    /// Sends them; returns how many there were.
    ///
    /// # Errors
    /// Names the first whose answer is not one of the successes in the document.
    pub async fn send(self) -> Result<usize> {
        let http = Client::new();
        let document: Value = http
            .get(self.process.url("/openapi.json"))
            .send()
            .await?
            .json()
            .await?;
        let paths = document
            .get("paths")
            .and_then(Value::as_object)
            .context("no paths")?;
        let mut sent = 0;
        for (path, item) in paths {
            for method in METHODS {
                let Some(operation) = item.get(method) else {
                    continue;
                };
                let name = format!("{} {path}", method.to_uppercase());
                if self.skipped.contains(&name.as_str()) {
                    continue;
                }
                let request = self.request(&http, &document, &name, method, path, operation)?;
                let answer = request.send().await.with_context(|| name.clone())?;
                let (status, text) = (answer.status(), answer.text().await?);
                let documented = operation.pointer(&format!("/responses/{}", status.as_u16()));
                ensure!(
                    status.is_success() && documented.is_some(),
                    "the example of {name} was answered with {status}: {text}"
                );
                sent += 1;
            }
        }
        Ok(sent)
    }

    fn request(
        &self,
        http: &Client,
        document: &Value,
        name: &str,
        method: &str,
        path: &str,
        operation: &Value,
    ) -> Result<RequestBuilder> {
        let mut path = path.to_owned();
        let mut headers = Vec::new();
        let mut query = Vec::new();
        for parameter in list(operation, "parameters") {
            let text = |field: &str| {
                parameter
                    .get(field)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let value = self.value(name, text("name"), parameter);
            match (text("in"), value) {
                ("path", Some(value)) => {
                    path = path.replace(&format!("{{{}}}", text("name")), &value)
                }
                ("path", None) => anyhow::bail!("{name}: no example for {}", text("name")),
                ("header", Some(value)) => headers.push((text("name").to_owned(), value)),
                ("query", Some(value)) => query.push((text("name").to_owned(), value)),
                _ => {}
            }
        }
        let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
        let url = Url::parse_with_params(&self.process.url(&path), &query)?;
        let mut request = http.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if operation.get("security").is_some() {
            request = request.bearer_auth(self.token);
        }
        let content = operation.pointer("/requestBody/content/application~1json");
        match content {
            Some(content) => {
                Ok(request.json(&body(document, content).with_context(|| name.to_owned())?))
            }
            None => Ok(request),
        }
    }

    /// What was given for a parameter, else its example. An idempotency key is new each time.
    fn value(&self, operation: &str, name: &str, parameter: &Value) -> Option<String> {
        if name.eq_ignore_ascii_case("idempotency-key") {
            return Some(Uuid::new_v4().to_string());
        }
        let own = format!("{operation}:{name}");
        let given = self
            .parameters
            .get(own.as_str())
            .or_else(|| self.parameters.get(name));
        let example = parameter
            .get("example")
            .or_else(|| parameter.pointer("/schema/example"));
        given.cloned().or_else(|| example.map(plain))
    }
}

/// The example of a body: that of the operation, else one put together from those of its fields.
fn body(document: &Value, content: &Value) -> Result<Value> {
    match content.get("example") {
        Some(example) => Ok(example.clone()),
        None => example(document, content.get("schema").context("no schema")?)
            .context("no example of the body"),
    }
}

fn example(document: &Value, schema: &Value) -> Option<Value> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return example(document, document.pointer(reference.strip_prefix('#')?)?);
    }
    if let Some(example) = schema
        .get("example")
        .or_else(|| schema.get("examples")?.get(0))
    {
        return Some(example.clone());
    }
    if let Some(items) = schema.get("items") {
        return Some(Value::Array(vec![example(document, items)?]));
    }
    let properties = schema.get("properties")?.as_object()?;
    let required = list(schema, "required");
    let fields = properties
        .iter()
        .filter(|(name, _)| required.iter().any(|r| r.as_str() == Some(name)));
    let fields = fields.map(|(name, field)| Some((name.clone(), example(document, field)?)));
    Some(Value::Object(fields.collect::<Option<Map<_, _>>>()?))
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
