use changeover_crds::names;
use changeover_engine::{Kind, Target};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use serde_json::{from_value, json};

use super::{Release, Shelf};
use crate::slim;

fn exchange() -> Release {
    Release::new("exchange").within("n")
}

fn service(name: &str, uid: &str, version: u64) -> Service {
    from_value(json!({"metadata": {
        "name": name, "namespace": "n", "uid": uid, "resourceVersion": version.to_string(),
        "labels": {names::RELEASE: "exchange"},
        "annotations": {"edited": version.to_string()},
        "managedFields": [{"manager": "m"}],
    }}))
    .unwrap()
}

fn user(version: u64) -> Service {
    service("user", "1", version)
}

fn deleted(name: &str, uid: &str, version: u64) -> Target {
    Target {
        kind: Kind::Service,
        name: name.to_owned(),
        uid: uid.to_owned(),
        resource_version: version.to_string(),
    }
}

/// A shelf whose watch has shown these.
fn filled(objects: &[Service]) -> Shelf<Service> {
    let shelf = Shelf::new(slim::plain);
    shelf.hear(Event::Init);
    for object in objects {
        shelf.hear(Event::InitApply(object.clone()));
    }
    shelf.hear(Event::InitDone);
    shelf
}

/// Names and versions.
fn known(shelf: &Shelf<Service>) -> Vec<String> {
    let objects = shelf.of(&exchange());
    let known = |s: &Service| format!("{} {}", s.name_any(), s.resource_version().unwrap());
    objects.iter().map(|s| known(s)).collect()
}

#[test]
fn a_shelf_is_filled_once_the_watch_has_shown_all_there_is() {
    let shelf = Shelf::new(slim::plain);
    shelf.hear(Event::Init);
    shelf.hear(Event::InitApply(user(8)));
    assert!(!shelf.is_filled());
    shelf.hear(Event::InitDone);
    assert!(shelf.is_filled());
    assert_eq!(known(&shelf), ["user 8"]);
    assert!(shelf.of(&exchange())[0].managed_fields().is_empty());
    assert!(shelf.of(&Release::new("another").within("n")).is_empty());
    assert!(shelf.of(&Release::new("exchange").within("m")).is_empty());
}

#[test]
fn a_late_watch_does_not_undo_what_an_answer_said_and_is_no_news() {
    let shelf = filled(&[user(8)]);
    shelf.learn(user(10));
    for (version, news) in [(9, vec![]), (10, vec![]), (11, vec![exchange()])] {
        assert_eq!(
            shelf.hear(Event::Apply(user(version))),
            news,
            "version {version}"
        );
    }
    assert_eq!(known(&shelf), ["user 11"]);
}

#[test]
fn a_change_of_what_is_not_kept_is_no_news() {
    let shelf = filled(&[user(8)]);
    let mut other = user(9);
    other.annotations_mut().clone_from(user(8).annotations());
    other.managed_fields_mut().clear();
    assert!(shelf.hear(Event::Apply(other)).is_empty());
    assert_eq!(known(&shelf), ["user 9"], "a write must name it");
    assert_eq!(shelf.hear(Event::Apply(user(10))), [exchange()]);
}

#[test]
fn versions_are_numbers() {
    let shelf = filled(&[user(9)]);
    shelf.learn(user(10));
    assert_eq!(known(&shelf), ["user 10"]);
}

#[test]
fn a_late_watch_does_not_bring_back_what_was_deleted() {
    let shelf = filled(&[user(8)]);
    shelf.remove(&exchange(), &deleted("user", "1", 9));
    assert!(known(&shelf).is_empty());
    assert!(shelf.hear(Event::Apply(user(9))).is_empty());
    assert!(shelf.hear(Event::Delete(user(9))).is_empty());
    assert!(known(&shelf).is_empty());
}

#[test]
fn what_a_finalizer_holds_is_shown_again() {
    let shelf = filled(&[user(8)]);
    shelf.remove(&exchange(), &deleted("user", "1", 8));
    assert_eq!(shelf.hear(Event::Apply(user(9))), [exchange()]);
    assert_eq!(known(&shelf), ["user 9"]);
}

#[test]
fn a_late_deletion_leaves_the_successor() {
    let shelf = filled(&[user(8)]);
    shelf.learn(service("user", "2", 12));
    assert!(shelf.hear(Event::Delete(user(11))).is_empty());
    assert_eq!(known(&shelf), ["user 12"]);
}

#[test]
fn a_list_is_all_there_is() {
    let shelf = filled(&[user(8), service("trade", "2", 9)]);
    shelf.learn_all(
        &exchange(),
        shelf.moment(),
        vec![user(10), service("notification", "3", 11)],
    );
    assert_eq!(known(&shelf), ["notification 11", "user 10"]);
}

#[test]
fn what_happened_while_a_list_was_on_its_way_is_kept() {
    let shelf = filled(&[user(8), service("trade", "2", 9)]);
    let sent = shelf.moment();
    shelf.learn(user(12));
    shelf.learn(service("notification", "3", 13));
    shelf.remove(&exchange(), &deleted("trade", "2", 9));
    shelf.learn_all(&exchange(), sent, vec![user(8), service("trade", "2", 9)]);
    assert_eq!(known(&shelf), ["notification 13", "user 12"]);
}

#[test]
fn a_watch_that_begins_anew_drops_what_is_gone_and_tells() {
    let shelf = filled(&[user(8), service("trade", "2", 9)]);
    shelf.hear(Event::Init);
    shelf.learn(service("notification", "3", 13));
    assert!(shelf.hear(Event::InitApply(user(8))).is_empty());
    assert_eq!(shelf.hear(Event::InitDone), [exchange()]);
    assert_eq!(known(&shelf), ["notification 13", "user 8"]);
}

/// As after a restore of its database.
#[test]
fn an_api_server_whose_versions_begin_anew_is_believed() {
    let shelf = filled(&[user(800)]);
    shelf.hear(Event::Init);
    assert_eq!(shelf.hear(Event::InitApply(user(7))), [exchange()]);
    assert_eq!(known(&shelf), ["user 7"]);
    let shelf = filled(&[user(800)]);
    shelf.learn_all(&exchange(), shelf.moment(), vec![user(7)]);
    assert_eq!(known(&shelf), ["user 7"]);
}
