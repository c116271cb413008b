//! Switch and way back, again and again, while clients trade and follow their streams: nothing lost, nothing
//! doubled, and no service grows. `SOAK_ROUNDS=<count>` (`make soak`: 50); 2 in an ordinary run.

use std::collections::BTreeMap;

use changeover_crds::Phase;
use changeover_e2e::{Load, Stage, say};
use changeover_figures::Figures;
use serde_json::{Value, json};

use crate::common::{annotate, finish_without_loss, lab, until, version, with_first_release};

/// Most memory of a service's container in MiB, as the kubelet would evict by it. Argon2 needs its own in user.
const MOST: [(&str, f64); 3] = [("user", 64.0), ("trade", 25.0), ("notification", 25.0)];

#[tokio::test(flavor = "multi_thread")]
async fn switches_and_rollbacks_in_a_row_lose_nothing() {
    let rounds = std::env::var("SOAK_ROUNDS").map_or(2, |rounds| rounds.parse().unwrap());
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "soak").await;
    let load = Load::start(&stage).await.unwrap();
    // Longer than a round: the way back is the person's.
    let second = version("2.0.0").with("/spec/rollbackWindow", json!("10m"));
    stage.apply(&second.unwrap()).unwrap();
    let mut memory = BTreeMap::new();
    for round in 1..=rounds {
        until(&stage, Phase::Warm, "2.0.0").await;
        annotate(&stage, &format!("rollback=round-{round}"));
        until(&stage, Phase::RolledBack, "1.0.0").await;
        measure(&stage, &mut memory);
        say(format!("round {round} of {rounds}: {memory:.1?} MiB"));
        if round < rounds {
            annotate(&stage, &format!("retry=round-{round}"));
        }
    }
    finish_without_loss(&stage, load).await;

    let mut figures = Figures::of("cluster", "memory under load");
    for (service, most) in MOST {
        let used = memory[service];
        figures.put(&format!("{service} MiB"), format_args!("{used:.1}"));
        assert!(used <= most, "{service} takes {used:.1} MiB, not {most}");
    }
    figures.tell().unwrap();
}

/// Notes the most that a pod of each service was seen to take.
fn measure(stage: &Stage<'_>, most: &mut BTreeMap<String, f64>) {
    let node = [
        "get",
        "nodes",
        "--output=jsonpath={.items[0].metadata.name}",
    ];
    let node = stage.kubectl(&node).unwrap();
    let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
    let summary = stage.kubectl(&["get", "--raw", &path]).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    for pod in summary["pods"].as_array().unwrap() {
        let name = pod["podRef"]["name"].as_str().unwrap();
        let is_ours = pod["podRef"]["namespace"] == stage.namespace();
        let service = MOST
            .iter()
            .find(|(s, _)| name.starts_with(&format!("exchange-{s}-")));
        let bytes = pod["containers"][0]["memory"]["workingSetBytes"].as_f64();
        if let (true, Some((service, _)), Some(bytes)) = (is_ours, service, bytes) {
            let used = most.entry((*service).to_owned()).or_default();
            *used = used.max(bytes / f64::from(1 << 20));
        }
    }
}
