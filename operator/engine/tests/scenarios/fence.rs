//! What a leader that was stopped and replaced still had in hand, and sends late. No stories: a story is told under
//! every fault, and this is one.

use changeover_engine::{Kind, Request, Step};
use jiff::SignedDuration;
use serde_json::Value;

use crate::model::{Fault, RELEASE, World, exchange, live, spec};

/// More than a release takes to come to such a request.
const STEPS: usize = 100;

/// The leader stops as it sends the first batch with such a request in it. It goes on when the new leader has made so
/// many passes.
fn stopped_before(w: &mut World, (verb, kind): (&str, Kind), passes: u32) {
    let is_it = |r: &Request| r.kind() == kind && r.verb() == verb;
    let sends = |w: &World| match &w.decision().step {
        Step::Requests(requests) => requests.iter().any(is_it),
        _ => false,
    };
    for _ in 0..STEPS {
        if sends(w) {
            break;
        }
        w.step();
        w.tick();
    }
    assert!(sends(w), "{verb} of a {kind:?} was never sent");
    w.fault = Some(Fault::Suspended(passes));
    w.step();
}

/// How many pods the live Deployment of `user` asks for.
fn replicas(w: &World) -> i64 {
    let deployment = w.raw("Deployment", "shop-user-blue");
    deployment["spec"]["replicas"].as_i64().unwrap()
}

#[test]
fn a_scale_that_the_spec_no_longer_asks_for_is_refused() {
    let mut w = live();
    w.apply(spec("1", |s| s["services"][0]["replicas"] = 1.into()));
    stopped_before(&mut w, ("apply", Kind::Deployment), 6);
    assert_eq!(replicas(&w), 2, "the old leader has it in hand");
    w.apply(exchange("1"));
    w.settle();
    assert_eq!((w.phase().as_str(), replicas(&w)), ("Live", 2));
    assert_eq!(w.api.checker.violations, Vec::<String>::new());
    assert_eq!(w.cluster.made(), 5, "no pod went");
}

#[test]
fn a_deployment_of_a_revision_given_up_goes_again() {
    let mut w = live();
    w.apply(exchange("2"));
    w.until("Preparing");
    stopped_before(&mut w, ("create", Kind::Deployment), 6);
    w.apply(exchange("1"));
    w.settle();
    assert_eq!(w.phase(), "Live");
    assert_eq!(w.api.checker.violations, Vec::<String>::new());
    let log = w.api.log.join("\n");
    let made = log.find("Create Deployment shop-user-green");
    let gone = log.rfind("Delete Deployment shop-user-green");
    assert!(made.is_some() && made < gone, "{log}");
}

#[test]
fn a_delete_of_what_is_wanted_again_is_refused() {
    let mut w = live();
    w.answers.insert("trade:2".into(), "1".into());
    w.apply(exchange("2"));
    w.settle();
    assert_eq!(w.phase(), "Rejected");
    let made = w.cluster.made();
    w.advance_clock(SignedDuration::from_secs(601));
    stopped_before(&mut w, ("delete", Kind::Deployment), 40);
    w.answers.clear();
    w.annotate("retry", "1");
    w.settle();
    assert!(w.withheld.is_none(), "it went on after all");
    assert_eq!(w.phase(), "Warm");
    assert_eq!(w.api.checker.violations, Vec::<String>::new());
    assert_eq!(w.cluster.made(), made, "no pod went");
}

#[test]
fn a_flip_back_of_a_status_that_was_lost_is_refused_or_set_right() {
    for passes in 1..9 {
        let mut w = live();
        w.apply(exchange("2"));
        w.until("Baking");
        w.annotate("abort", "1");
        stopped_before(&mut w, ("flip", Kind::Service), passes);
        let lost = w.status().switch.unwrap().epoch;
        w.edit("ExchangeRelease", RELEASE, |r| r["status"] = Value::Null);
        w.settle();
        assert!(w.withheld.is_none(), "it went on after all");
        assert_eq!(w.api.checker.violations, Vec::<String>::new());
        let status = w.status();
        assert_eq!(status.live.unwrap().version, "2", "clients were there");
        // Two journals of one epoch could not be told apart.
        assert!(status.switch.unwrap().epoch > lost, "after {passes} passes");
    }
}
