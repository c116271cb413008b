//! Labels that someone edits, and what is told by names, owners and selectors instead.

use serde_json::Value;

use crate::model::{Story, World, exchange, live, spec, warm};

use super::stories;

stories!(
    live_service_labelled_as_of_a_colour,
    service_with_the_name_of_a_colour,
    live_service_without_its_service,
    way_back_without_the_service_of_a_live_service,
    orphans_of_a_release_before,
    every_child_without_its_release,
    live_service_without_its_release_in_the_switch,
    live_service_without_its_release_on_the_way_back,
    candidate_without_its_release,
);

const LIVE: &str = "shop-user";

/// `kubectl label`, or without a value, `kubectl label NAME key-`.
fn label(w: &mut World, key: &str, value: Value) {
    w.edit("Service", LIVE, |service| {
        let labels = service["metadata"]["labels"].as_object_mut().unwrap();
        let key = format!("changeover.dev/{key}");
        match value {
            Value::Null => labels.remove(&key),
            value => labels.insert(key, value),
        };
    });
}

fn of_user(w: &World) -> &Value {
    &w.raw("Service", LIVE)["metadata"]["labels"]["changeover.dev/service"]
}

fn was_deleted(w: &World) -> bool {
    let gone = format!("Delete Service {LIVE}");
    w.api.log.iter().any(|line| line.ends_with(&gone))
}

fn live_service_labelled_as_of_a_colour() -> Story {
    Story::given("live Service labelled as of a colour", live())
        .when(|w| label(w, "colour", "green".into()))
        .then("it is kept", |w| assert!(!was_deleted(w)))
        .when(|w| label(w, "revision", "elsewhere".into()))
        .when(|w| w.apply(exchange("2")))
        .then("and moves with the others", |w| {
            assert!(!was_deleted(w));
            assert_eq!((w.phase().as_str(), version(w).as_str()), ("Warm", "2"));
        })
}

fn service_with_the_name_of_a_colour() -> Story {
    Story::given("service with the name of a colour", live())
        .when(|w| {
            w.apply(spec("2", |s| {
                let mut service = s["services"][2].clone();
                service["name"] = "blue".into();
                s["services"].as_array_mut().unwrap().push(service);
            }));
        })
        .after(1801)
        .then("its live Service is of no colour", |w| {
            assert!(!w.raw("Service", "shop-blue").is_null());
            let log = w.api.log.join("\n");
            assert!(!log.contains("Delete Service shop-blue\n"), "{log}");
            assert_eq!((w.phase().as_str(), version(w).as_str()), ("Live", "2"));
        })
}

fn version(w: &World) -> String {
    w.status().live.unwrap().version
}

fn live_service_without_its_service() -> Story {
    Story::given("live Service without its service", live())
        .when(|w| label(w, "service", Value::Null))
        .then("the label is put back", |w| assert_eq!(of_user(w), "user"))
        .when(|w| label(w, "service", "trade".into()))
        .when(|w| w.apply(exchange("2")))
        .then("and a release goes on", |w| {
            assert_eq!(of_user(w), "user");
            assert_eq!((w.phase().as_str(), version(w).as_str()), ("Warm", "2"));
        })
}

fn way_back_without_the_service_of_a_live_service() -> Story {
    Story::given("way back without the service of a live Service", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            w.annotate("abort", "1");
            label(w, "service", "trade".into());
        })
        .then("the label stands in no way", |w| {
            assert_eq!(
                (w.phase().as_str(), version(w).as_str()),
                ("RolledBack", "1")
            );
        })
}

/// `kubectl delete --cascade=orphan`, and the release is made again.
fn orphans_of_a_release_before() -> Story {
    Story::given("orphans of a release before", live())
        .when(|w| {
            each_child(w, |w, kind, name| {
                w.edit(kind, name, |child| {
                    child["metadata"]["ownerReferences"] = Value::Array(Vec::new());
                });
            });
            w.replace_release(exchange("1"));
            for _ in 0..30 {
                w.step();
            }
            let (reason, message) = w.condition("Stalled").unwrap();
            let found = (w.phase(), reason);
            assert_eq!(found, ("Preparing".to_owned(), "NameTaken".to_owned()));
            assert!(message.contains("is not this release's"), "{message}");
            assert_eq!(w.cluster.made(), 5, "no pod went");
            each_child(w, |w, kind, name| w.delete(kind, name));
        })
        .then("it goes on once the names are free", |w| {
            assert_eq!((w.phase().as_str(), version(w).as_str()), ("Live", "1"));
        })
}

/// `kubectl label KIND NAME changeover.dev/release-`: no watch of the operator shows it any more.
fn hide(w: &mut World, kind: &'static str, name: &str) {
    w.edit(kind, name, |child| {
        let labels = child["metadata"]["labels"].as_object_mut().unwrap();
        labels.remove("changeover.dev/release").unwrap();
    });
}

fn is_whole(w: &World) -> bool {
    CHILDREN.iter().all(|kind| {
        let mut children = w.api.list(kind);
        children.all(|c| c["metadata"]["labels"]["changeover.dev/release"] == "shop")
    })
}

/// All of one kind at a time: with everything hidden, a release that has a status is one whose children are gone.
fn every_child_without_its_release() -> Story {
    Story::given("every child without its release", warm())
        .when(|w| each_of(w, "ControllerRevision", hide))
        .then("stored revisions get it back", |w| assert!(is_whole(w)))
        .when(|w| each_of(w, "ConfigMap", hide))
        .then("ConfigMaps too", |w| assert!(is_whole(w)))
        .when(|w| each_of(w, "Service", hide))
        .then("Services too", |w| assert!(is_whole(w)))
        .when(|w| each_of(w, "Deployment", hide))
        .then("Deployments too", |w| assert!(is_whole(w)))
        .when(|w| each_of(w, "PodDisruptionBudget", hide))
        .then("each gets it back", |w| {
            assert!(is_whole(w));
            assert_eq!(w.phase(), "Warm");
            assert!(!w.api.log.iter().any(|line| line.contains("Delete")));
        })
}

fn live_service_without_its_release_in_the_switch() -> Story {
    Story::given("live Service without its release in the switch", live())
        .when(|w| w.apply(exchange("2")))
        .during("Switching", |w| hide(w, "Service", LIVE))
        .then("it gets it back, and moves with the others", |w| {
            assert!(is_whole(w) && !was_deleted(w));
            assert_eq!((w.phase().as_str(), version(w).as_str()), ("Warm", "2"));
        })
}

fn live_service_without_its_release_on_the_way_back() -> Story {
    Story::given("live Service without its release on the way back", live())
        .when(|w| w.apply(exchange("2")))
        .during("Baking", |w| {
            w.annotate("abort", "1");
            hide(w, "Service", LIVE);
        })
        .then("it gets it back, and goes with the others", |w| {
            assert!(is_whole(w) && !was_deleted(w));
            let found = (w.phase(), version(w));
            assert_eq!(found, ("RolledBack".to_owned(), "1".to_owned()));
        })
}

fn candidate_without_its_release() -> Story {
    Story::given("candidate without its release", live())
        .when(|w| w.apply(exchange("2")))
        .during("Verifying", |w| hide(w, "Deployment", "shop-user-green"))
        .then("it gets it back, and is released", |w| {
            assert!(is_whole(w));
            assert_eq!((w.phase().as_str(), version(w).as_str()), ("Warm", "2"));
        })
}

const CHILDREN: [&str; 5] = [
    "ControllerRevision",
    "ConfigMap",
    "Service",
    "Deployment",
    "PodDisruptionBudget",
];

fn each_child(w: &mut World, act: fn(&mut World, &'static str, &str)) {
    for kind in CHILDREN {
        each_of(w, kind, act);
    }
}

fn each_of(w: &mut World, kind: &'static str, act: fn(&mut World, &'static str, &str)) {
    let names: Vec<String> = w.api.list(kind).map(World::name_of).collect();
    for name in names {
        act(w, kind, &name);
    }
}
