//! Specs that the schema lets in and that cannot be carried out.

use serde_json::json;

use changeover_crds::names;
use changeover_engine::revision_of;

use crate::model::{Story, World, exchange, live, spec, warm};

use super::lost::lose;
use super::{stories, until_idle};

stories!(
    path_that_runs_away,
    scale_in_a_spec_that_cannot_be_carried_out,
    status_lost_beside_a_spec_that_cannot_be_carried_out,
    port_moved_while_warm,
    port_moved_in_two_steps_before_the_switch,
    admin_port_moved_while_warm,
    revision_that_begins_as_another,
);

fn is_stalled(w: &World, words: &str) {
    let (reason, message) = w.condition("Stalled").unwrap();
    assert_eq!(reason, "InvalidSpec");
    assert!(message.contains(words), "{message}");
}

fn path_that_runs_away() -> Story {
    Story::given("path that runs away", live())
        .when(|w| {
            let path = format!("$[?{}@{}]", "@[?".repeat(60), "]".repeat(60));
            w.apply(spec("2", |s| {
                s["services"][0]["smoke"][0]["expect"]["json"] = json!({path: 1});
            }));
        })
        .then("it is refused, and live stays as it is", |w| {
            is_stalled(w, "service user: smoke of /version: ");
            is_stalled(w, "has a filter within a filter");
            assert_eq!(w.status().live.unwrap().version, "1");
        })
        .when(|w| w.delete("Service", "shop-user"))
        .then("live is repaired all the same", |w| {
            assert!(!w.raw("Service", "shop-user").is_null());
        })
}

/// All of a spec is carried out, or nothing.
fn scale_in_a_spec_that_cannot_be_carried_out() -> Story {
    Story::given("scale in a spec that cannot be carried out", warm())
        .when(|w| {
            w.apply(spec("2", |s| {
                s["services"][0]["replicas"] = 1.into();
                s["services"][1]["config"]["USER_URL"] = "http://elsewhere".into();
            }));
        })
        .then("no colour is scaled", |w| {
            is_stalled(w, "USER_URL is set by the operator");
            for name in ["shop-user-blue", "shop-user-green"] {
                assert_eq!(w.raw("Deployment", name)["spec"]["replicas"], 2, "{name}");
            }
        })
}

/// How many pods there should be, then only the Deployments know.
fn status_lost_beside_a_spec_that_cannot_be_carried_out() -> Story {
    Story::given(
        "status lost beside a spec that cannot be carried out",
        live(),
    )
    .when(|w| w.apply(spec("1", |s| s["services"][0]["replicas"] = 3.into())))
    .then("it is scaled", |w| {
        assert_eq!(w.raw("Deployment", "shop-user-blue")["spec"]["replicas"], 3);
    })
    .when(|w| {
        w.apply(spec("2", |s| {
            s["services"][1]["config"]["USER_URL"] = "http://elsewhere".into();
        }));
        lose(w);
    })
    .then("it stays at its scale", |w| {
        is_stalled(w, "USER_URL is set by the operator");
        assert_eq!(w.raw("Deployment", "shop-user-blue")["spec"]["replicas"], 3);
    })
}

fn without_user(w: &mut World) {
    w.apply(spec("2", |s| {
        s["services"].as_array_mut().unwrap().remove(0);
        s["verification"]["journeys"] = json!([]);
    }));
}

fn with_user(w: &mut World, field: &str, port: i64) {
    w.apply(spec("3", |s| s["services"][0][field] = port.into()));
}

fn on_another_port(w: &mut World) {
    with_user(w, "port", 8081);
}

fn refuses_the_port(w: &World) {
    is_stalled(w, "service user: port cannot change from 8080 to 8081");
    is_stalled(w, "once Service shop-user has gone");
    assert_eq!(
        w.raw("Service", "shop-user")["spec"]["ports"][0]["port"],
        8080
    );
}

fn serves_on_the_new_port(w: &World) {
    assert_eq!(w.status().live.unwrap().version, "3");
    assert_eq!(
        w.raw("Service", "shop-user")["spec"]["ports"][0]["port"],
        8081
    );
}

fn port_moved_while_warm() -> Story {
    Story::given("port moved while warm", live())
        .when(without_user)
        .during("Warm", |w| {
            on_another_port(w);
            until_idle(w);
            refuses_the_port(w);
            assert_eq!(w.status().live.unwrap().version, "2");
        })
        .after(1801)
        .during("Preparing", |w| {
            let stands = !w.raw("Service", "shop-user").is_null();
            assert!(w.phase() != "Preparing" || !stands, "with the old port");
        })
        .then(
            "once the old Service has gone, it is released",
            serves_on_the_new_port,
        )
}

fn port_moved_in_two_steps_before_the_switch() -> Story {
    Story::given("port moved in two steps before the switch", live())
        .when(without_user)
        .during("Preparing", on_another_port)
        .then("it is refused, and clients stay where they are", |w| {
            refuses_the_port(w);
            assert_eq!(w.status().live.unwrap().version, "1");
        })
        .when(|w| w.apply(exchange("3")))
        .then("with the old port it is released", |w| {
            assert_eq!(w.status().live.unwrap().version, "3");
        })
}

fn admin_port_moved_while_warm() -> Story {
    Story::given("admin port moved while warm", live())
        .when(without_user)
        .during("Warm", |w| {
            with_user(w, "adminPort", 9091);
            until_idle(w);
            is_stalled(w, "service user: adminPort cannot change from 9090 to 9091");
        })
}

/// Someone found two specs whose hashes begin alike, and had the other stored before.
fn revision_that_begins_as_another() -> Story {
    Story::given("revision that begins as another", live())
        .when(|w| {
            let revision = revision_of(&serde_json::from_value(exchange("2")).unwrap());
            let mut stored = w.api.list("ControllerRevision").next().unwrap().clone();
            stored["metadata"] = json!({"namespace": "shop",
                "ownerReferences": stored["metadata"]["ownerReferences"],
                "labels": stored["metadata"]["labels"]});
            let short = names::short_revision(&revision);
            stored["metadata"]["labels"]["changeover.dev/revision"] = short.clone().into();
            stored["data"]["revision"] = format!("v1:{short}0123456789").into();
            let key = (
                "ControllerRevision",
                names::stored_revision("shop", &revision),
            );
            let now = w.now();
            w.api.create(key, stored, &now).unwrap();
            w.apply(exchange("2"));
        })
        .then("it is not begun, and says what to change", |w| {
            is_stalled(w, "set spec.restart to any other text");
            assert_eq!(w.status().live.unwrap().version, "1");
        })
        .when(|w| w.apply(spec("2", |s| s["restart"] = "now".into())))
        .then("under another hash it is released", |w| {
            assert_eq!(w.status().live.unwrap().version, "2");
        })
}
