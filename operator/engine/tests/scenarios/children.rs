//! Children that someone deletes or edits.

use serde_json::{Value, json};

use crate::model::{Story, World, live, warm};

use super::stories;

stories!(
    deployments_deleted,
    pinned_services_deleted,
    budgets_deleted,
    config_maps_deleted,
    stored_revision_deleted,
    live_service_deleted,
    address_not_freed,
    replicas_edited,
    image_edited,
    labels_edited,
    revision_labels_edited,
    pinned_selector_edited,
    budget_edited,
    ports_edited,
    selector_edited,
    selector_removed,
    selector_narrowed,
    epoch_removed,
    epoch_raised,
    warm_child_deleted,
    pods_deleted,
);

/// All children as they were, whatever was done to them.
fn repaired(w: &World) {
    let fresh = if w.phase() == "Warm" { warm() } else { live() };
    let kinds = [
        "Deployment",
        "Service",
        "ConfigMap",
        "PodDisruptionBudget",
        "ControllerRevision",
    ];
    for kind in kinds {
        let read = |w: &World| -> Vec<(Value, Value, Value)> {
            let read = |o: &Value| {
                (
                    o["metadata"]["labels"].clone(),
                    o["spec"].clone(),
                    o["data"].clone(),
                )
            };
            w.api.list(kind).map(read).collect()
        };
        assert_eq!(read(w), read(&fresh), "{kind}");
    }
    assert_eq!(w.phase(), fresh.phase());
    assert!(w.condition("Ready").is_some());
    assert_eq!(
        w.status().history.len(),
        fresh.status().history.len(),
        "no release was started"
    );
}

fn deployments_deleted() -> Story {
    Story::given("Deployments deleted", live())
        .when(|w| w.delete("Deployment", "shop-user-blue"))
        .then("they are made again", repaired)
}

fn pinned_services_deleted() -> Story {
    Story::given("pinned Services deleted", live())
        .when(|w| w.delete("Service", "shop-user-blue"))
        .then("they are made again", |w| {
            assert!(!w.raw("Service", "shop-user-blue").is_null());
            assert_eq!(w.phase(), "Live");
        })
}

fn budgets_deleted() -> Story {
    Story::given("budgets deleted", live())
        .when(|w| w.delete("PodDisruptionBudget", "shop-trade-blue"))
        .then("they are made again", repaired)
}

fn config_maps_deleted() -> Story {
    Story::given("ConfigMaps deleted", live())
        .when(|w| {
            let names: Vec<String> = w.api.list("ConfigMap").map(World::name_of).collect();
            names.iter().for_each(|n| w.delete("ConfigMap", n));
        })
        .then("they are made again", repaired)
}

fn stored_revision_deleted() -> Story {
    Story::given("stored revision deleted", live())
        .when(|w| {
            let name = w
                .api
                .list("ControllerRevision")
                .map(World::name_of)
                .next()
                .unwrap();
            w.delete("ControllerRevision", &name);
        })
        .then("it is stored again", repaired)
}

fn live_service_deleted() -> Story {
    Story::given("live Service deleted", live())
        .when(|w| w.delete("Service", "shop-trade"))
        .then("it has its address again, and nobody was alarmed", |w| {
            repaired(w);
            let stalled = |w: &World| {
                let conditions = w.status().conditions;
                let stalled = conditions.into_iter().find(|c| c.type_ == "Stalled");
                stalled.unwrap().last_transition_time
            };
            assert_eq!(stalled(w), stalled(&live()));
        })
}

fn address_not_freed() -> Story {
    Story::given("address of a deleted live Service not freed", live())
        .when(|w| {
            w.cluster.keeps_addresses = true;
            w.delete("Service", "shop-trade");
        })
        .then("after ten seconds it has another, which is recorded", |w| {
            let old = live().raw("Service", "shop-trade")["spec"]["clusterIP"].clone();
            let new = &w.raw("Service", "shop-trade")["spec"]["clusterIP"];
            assert!(new.is_string() && *new != old, "{new}");
            assert!(w.clock.duration_since(live().clock).as_secs() >= 10);
            let recorded = &w.status().switch.unwrap().services[1].cluster_ip;
            assert_eq!(recorded.as_deref(), new.as_str());
        })
}

fn replicas_edited() -> Story {
    Story::given("replicas edited", live())
        .when(|w| {
            w.edit("Deployment", "shop-user-blue", |d| {
                d["spec"]["replicas"] = 0.into()
            })
        })
        .then("they are put back", repaired)
}

fn image_edited() -> Story {
    Story::given("image edited", live())
        .when(|w| {
            w.edit("Deployment", "shop-user-blue", |d| {
                d["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1".into();
            });
        })
        .then("it is put back", repaired)
}

fn labels_edited() -> Story {
    Story::given("labels edited", live())
        .when(|w| {
            for kind in ["Deployment", "Service", "PodDisruptionBudget"] {
                w.edit(kind, "shop-user-blue", |d| {
                    d["metadata"]["labels"]["changeover.dev/colour"] = "green".into();
                });
            }
        })
        .then("they are put back", repaired)
}

fn revision_labels_edited() -> Story {
    Story::given("revision labels edited", live())
        .when(|w| {
            for kind in ["Deployment", "Service", "PodDisruptionBudget"] {
                w.edit(kind, "shop-user-blue", |d| {
                    d["metadata"]["labels"]["changeover.dev/revision"] = "0123456789".into();
                });
            }
        })
        .then("they are put back, and no pod was replaced", |w| {
            repaired(w);
            assert_eq!(w.cluster.made(), 5);
        })
}

fn pinned_selector_edited() -> Story {
    Story::given("pinned selector edited", live())
        .when(|w| {
            w.edit("Service", "shop-user-blue", |s| {
                s["spec"]["selector"]["changeover.dev/revision"] = "0123456789".into();
            });
        })
        .then("it is put back", repaired)
}

fn budget_edited() -> Story {
    Story::given("budget edited", live())
        .when(|w| {
            w.edit("PodDisruptionBudget", "shop-user-blue", |b| {
                b["spec"]["maxUnavailable"] = 2.into()
            })
        })
        .then("it is put back", repaired)
}

fn ports_edited() -> Story {
    Story::given("ports edited", live())
        .when(|w| {
            w.edit("Service", "shop-user", |s| {
                s["spec"]["ports"][0]["targetPort"] = 1.into()
            })
        })
        .then("they are put back", repaired)
}

pub(super) fn select(w: &mut World, service: &str, colour: &str) {
    let selector = w.raw("Service", &format!("{service}-{colour}"))["spec"]["selector"].clone();
    w.edit("Service", service, |s| s["spec"]["selector"] = selector);
}

fn selector_edited() -> Story {
    Story::given("selector edited", warm())
        .when(|w| select(w, "shop-user", "blue"))
        .then("it is put back", |w| {
            repaired(w);
            assert_eq!(w.status().switch.unwrap().epoch, 2, "it was never a switch");
        })
}

fn selector_removed() -> Story {
    Story::given("selector removed", live())
        .when(|w| {
            w.edit("Service", "shop-user", |s| {
                s["spec"]["selector"] = Value::Null
            })
        })
        .then("it is put back", repaired)
}

fn selector_narrowed() -> Story {
    Story::given("selector narrowed", live())
        .when(|w| {
            w.edit("Service", "shop-user", |s| {
                s["spec"]["selector"]["canary"] = "yes".into()
            })
        })
        .then("it is put back", repaired)
}

fn epoch_removed() -> Story {
    Story::given("epoch removed", live())
        .when(|w| {
            w.edit("Service", "shop-user", |s| {
                s["metadata"]["annotations"] = json!({})
            })
        })
        .then("it is written again from the journal", |w| {
            let annotations = &w.raw("Service", "shop-user")["metadata"]["annotations"];
            assert_eq!(annotations["changeover.dev/epoch"], "1");
        })
}

fn epoch_raised() -> Story {
    Story::given("epoch raised", live())
        .when(|w| {
            w.edit("Service", "shop-user", |s| {
                s["metadata"]["annotations"]["changeover.dev/epoch"] = "7".into();
            });
        })
        .when(|w| w.apply(crate::model::exchange("2")))
        .then("the next switch counts on from there", |w| {
            assert_eq!(
                (w.phase().as_str(), w.status().switch.unwrap().epoch),
                ("Warm", 8)
            );
        })
}

fn warm_child_deleted() -> Story {
    Story::given("warm child deleted", warm())
        .when(|w| w.delete("Deployment", "shop-user-blue"))
        .then("it is made again", repaired)
}

fn pods_deleted() -> Story {
    Story::given("pods deleted", live())
        .when(|w| w.delete_a_pod("user", "blue"))
        .then("the Deployment makes another", repaired)
}
