use anyhow::{Context, Result};
use changeover_apiserver_tests::{Sandbox, examples, placed, rendered, test_client};
use hyper::Request;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::{set, smoke, try_create, with};

const DEFINITION: &str = "exchangereleases.changeover.dev";

/// Whatever a GitOps tool applied must be what it reads afterwards.
#[tokio::test]
async fn the_definition_comes_back_as_it_was_applied() -> Result<()> {
    let client = test_client().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let wanted = changeover_crds::definition()?;
    let params = PatchParams::apply("gitops").force();
    let first = definitions
        .patch(DEFINITION, &params, &Patch::Apply(&wanted))
        .await?;
    let second = definitions
        .patch(DEFINITION, &params, &Patch::Apply(&wanted))
        .await?;
    assert_eq!(first.resource_version(), second.resource_version());
    let conditions = second
        .status
        .and_then(|status| status.conditions)
        .unwrap_or_default();
    assert!(
        conditions
            .iter()
            .any(|c| c.type_ == "Established" && c.status == "True"),
        "{conditions:?}"
    );

    // Read without types: they would write whole numbers as fractions.
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{DEFINITION}");
    let actual: Value = client.request(Request::get(path).body(Vec::new())?).await?;
    let actual = actual.get("spec").context("no spec")?;
    let wanted = wanted.get("spec").context("no spec")?;
    let versions = |spec: &Value| spec.get("versions").cloned();
    assert_eq!(versions(actual), versions(wanted));
    assert_eq!(
        actual.get("names"),
        Some(&json!({
            "kind": "ExchangeRelease", "listKind": "ExchangeReleaseList", "plural": "exchangereleases",
            "singular": "exchangerelease", "shortNames": ["exr"], "categories": ["exchange"],
        }))
    );
    Ok(())
}

#[tokio::test]
async fn people_see_version_colour_phase_and_readiness() -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(test_client().await?);
    let definition = definitions.get(DEFINITION).await?;
    let version = definition.spec.versions.first().context("no version")?;
    let columns = version
        .additional_printer_columns
        .as_deref()
        .unwrap_or_default();
    let of = |wide: bool| -> Vec<&str> {
        let in_view = columns
            .iter()
            .filter(|c| (c.priority.unwrap_or(0) > 0) == wide);
        in_view.map(|c| c.name.as_str()).collect()
    };
    assert_eq!(of(false), ["Version", "Live", "Phase", "Ready", "Age"]);
    assert_eq!(of(true), ["Candidate", "Reason", "Message"]);
    assert!(
        version
            .subresources
            .as_ref()
            .is_some_and(|s| s.status.is_some())
    );
    Ok(())
}

#[tokio::test]
async fn every_example_is_taken_and_comes_back_as_it_was_applied() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    for file in [
        "exchange.yaml",
        "exchange-2.0.0.yaml",
        "exchange-3.0.0.yaml",
    ] {
        let text = std::fs::read_to_string(examples().join(file))?;
        let example: Value = serde_yaml_ng::from_str(&text)?;
        let first = sandbox.apply(&example).await.context(file)?;
        let second = sandbox.apply(&example).await?;
        assert_eq!(
            first.resource_version(),
            second.resource_version(),
            "{file}"
        );
    }
    sandbox.finish().await
}

#[tokio::test]
async fn expected_values_of_any_kind_come_back_as_they_were_applied() -> Result<()> {
    let sandbox = Sandbox::new().await?;
    let values = json!({
        "$.a": "text", "$.b": 1, "$.c": 1.5, "$.d": true, "$.e": null,
        "$.f": [], "$.g": {}, "$.h": ["x", {"y": [], "z": 1}, [2, null]], "$.i": {"x": [1], "y": {"z": {}}}, "$.j": {"x": null, "y": {"z": null}},
    });
    let mut release = smoke(json!({"path": "/", "expect": {"status": 200, "json": values}}));
    let expect = "/spec/services/0/smoke/0/expect/json";
    let made = sandbox.apply(&release).await?;
    assert_eq!(
        serde_json::to_value(&made)?.pointer(expect),
        Some(&values),
        "as it is read with types"
    );
    let again = sandbox.apply(&release).await?;
    assert_eq!(made.resource_version(), again.resource_version());
    set(&mut release, &format!("{expect}/$.h"), json!(["x"]));
    let changed = serde_json::to_value(sandbox.apply(&release).await?)?;
    assert_eq!(changed.pointer(expect), release.pointer(expect));
    sandbox.finish().await
}

#[tokio::test]
async fn the_chart_of_an_exchange_is_taken_in_every_environment() -> Result<()> {
    let client = test_client().await?;
    let example = std::fs::read_to_string(examples().join("exchange.yaml"))?;
    let example: Value = serde_yaml_ng::from_str(&example)?;
    for (environment, mode) in [
        ("dev", "Automatic"),
        ("test", "Automatic"),
        ("production", "Manual"),
    ] {
        let manifest = rendered(&format!("values-{environment}.yaml"))?;
        let manifest: Value = serde_yaml_ng::from_slice(&manifest)?;
        let made = try_create(&client, &manifest).await?;
        let made = made.map_err(anyhow::Error::msg).context(environment)?;
        let at = |value: &Value, place: &str| value.pointer(place).cloned();
        assert_eq!(at(&made, "/spec/promotion/mode"), Some(mode.into()));
        let journeys = "/spec/verification/journeys";
        assert_eq!(at(&manifest, journeys), at(&example, journeys));
    }
    Ok(())
}

#[tokio::test]
async fn what_is_left_out_is_filled_in_as_documented() -> Result<()> {
    let client = test_client().await?;
    let least = json!({
        "apiVersion": "changeover.dev/v1alpha1", "kind": "ExchangeRelease", "metadata": {"name": "least"},
        "spec": {"version": "1", "services": [
            {"name": "user", "image": "localhost/user:1", "port": 8080, "smoke": [{"path": "/version"}]},
        ]},
    });
    let made = try_create(&client, &least).await?.unwrap();
    assert_eq!(
        made.get("spec"),
        Some(&json!({
            "version": "1",
            "services": [{
                "name": "user", "image": "localhost/user:1", "port": 8080, "replicas": 2,
                "readiness": "/readyz", "liveness": "/livez", "terminationGracePeriodSeconds": 45,
                "smoke": [{"path": "/version", "method": "GET", "expect": {"status": 200}, "timeout": "5s", "attempts": 3}],
            }],
            "verification": {"timeout": "120s", "bake": "60s"},
            "promotion": {"mode": "Automatic", "approvalTimeout": "86400s"},
            "drain": {"quiet": "10s", "deadline": "60s"},
            "progressDeadline": "600s", "switchDeadline": "30s", "rollbackWindow": "1800s", "keepFailed": "600s",
        }))
    );
    Ok(())
}

#[tokio::test]
async fn limits_themselves_are_allowed() -> Result<()> {
    let client = test_client().await?;
    let services: Vec<Value> = (0..32)
        .map(|n| json!({"name": format!("s{n}"), "image": "localhost/a:1", "port": 65535, "adminPort": 1}))
        .collect();
    let good = [
        with("/spec/services", json!(services)),
        with("/metadata/name", json!("e".repeat(51))),
        with("/spec/services/0/name", json!("bluebird")),
        with("/spec/rollbackWindow", json!("0s")),
        with("/spec/keepFailed", json!("0s")),
        with("/spec/rollbackWindow", json!("0ns")),
        with("/spec/progressDeadline", json!("600s0.001ms")),
        with("/spec/progressDeadline", json!("1h30m")),
        with("/spec/progressDeadline", json!("1.5h")),
        with("/spec/switchDeadline", json!("60s")),
        with(
            "/spec/services/0/resources",
            json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "1024Mi"}}),
        ),
        with(
            "/spec/services/0/env",
            json!([{"name": "A", "secretKeyRef": {"name": "db", "key": "url"}}]),
        ),
        with(
            "/spec/services/0/smoke",
            json!([{"path": "/", "method": "HEAD"}]),
        ),
        placed("1.0.0"),
    ];
    for release in good {
        let answer = try_create(&client, &release).await?;
        assert!(answer.is_ok(), "{answer:?} for {release}");
    }
    Ok(())
}
