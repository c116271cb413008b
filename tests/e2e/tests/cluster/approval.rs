//! Manual approval, by name: who may, and who is who they say.

use changeover_crds::{ExchangeRelease, Phase};
use changeover_e2e::{Stage, is_live};
use serde_json::json;

use crate::common::{RELEASE, lab, version, with_first_release};

const AUTOMATIC: &str = r#"{"spec": {"promotion": {"mode": "Automatic"}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_approve_does_and_only_in_their_own_name() {
    let (lab, _turn) = lab().await;
    let stage = with_first_release(lab, "approval").await;
    allow(
        &stage,
        "release",
        "get,list,watch,patch",
        &["alice", "mallory"],
    );
    allow(&stage, "approve", "approve", &["alice"]);
    let manual = version("2.0.0").with("/spec/promotion", json!({"mode": "Manual"}));
    stage.apply(&manual.unwrap()).unwrap();
    let waits = |r: &ExchangeRelease| phase(r) == Some(Phase::AwaitingApproval);
    let waiting = stage.until("approval", RELEASE, waits).await.unwrap();
    let candidate = waiting.status.unwrap().candidate.unwrap();
    let revision = candidate.revision.as_str();

    refused(
        &stage,
        "mallory",
        revision,
        Some("mallory"),
        "may not approve",
    );
    refused(
        &stage,
        "alice",
        revision,
        Some("mallory"),
        "promote-by: alice",
    );
    refused(&stage, "alice", revision, None, "promote-by: alice");
    let waived = ["--as=mallory", "-p", AUTOMATIC];
    let waived = [&["patch", "exr", "exchange", "--type=merge"], &waived[..]].concat();
    let said = stage.kubectl(&waived).unwrap_err().to_string();
    assert!(
        said.contains("mallory may not turn spec.promotion.mode from Manual"),
        "{said}"
    );
    // Anything else that they may change is no business of the policy.
    stage
        .kubectl(&[
            "annotate",
            "exr",
            "exchange",
            "team=trading",
            "--as=mallory",
        ])
        .unwrap();
    promote(&stage, "alice", revision, Some("alice")).unwrap();
    let live = |r: &ExchangeRelease| is_live(r, "2.0.0");
    let release = stage.until("release 2.0.0", RELEASE, live).await.unwrap();

    let status = release.status.unwrap();
    let approval = status.approval.unwrap();
    assert_eq!(approval.revision, revision);
    assert_eq!(approval.by.as_deref(), Some("alice"));
    assert_eq!(approval.approver, "verified");
    assert_eq!(status.history[0].approved_by.as_deref(), Some("alice"));
    // What stands there was approved once; nobody else may put a name of theirs on it.
    let forged = ["annotate", "exr", "exchange", "--overwrite"];
    let forged = [
        &forged[..],
        &["changeover.dev/promote-by=mallory", "--as=mallory"],
    ]
    .concat();
    assert!(stage.kubectl(&forged).is_err());
}

fn phase(release: &ExchangeRelease) -> Option<Phase> {
    release.status.as_ref().and_then(|status| status.phase)
}

fn allow(stage: &Stage<'_>, role: &str, verbs: &str, users: &[&str]) {
    let verbs = format!("--verb={verbs}");
    let on = "--resource=exchangereleases.changeover.dev";
    stage
        .kubectl(&["create", "role", role, &verbs, on])
        .unwrap();
    let users: Vec<_> = users.iter().map(|user| format!("--user={user}")).collect();
    let role_of = format!("--role={role}");
    let mut binding = vec!["create", "rolebinding", role, &role_of];
    binding.extend(users.iter().map(String::as_str));
    stage.kubectl(&binding).unwrap();
}

fn promote(
    stage: &Stage<'_>,
    user: &str,
    revision: &str,
    by: Option<&str>,
) -> anyhow::Result<String> {
    let user = format!("--as={user}");
    let promote = format!("changeover.dev/promote={revision}");
    let by = by.map(|by| format!("changeover.dev/promote-by={by}"));
    let mut arguments = vec!["annotate", "exr", "exchange", &user, &promote];
    arguments.extend(by.as_deref());
    stage.kubectl(&arguments)
}

fn refused(stage: &Stage<'_>, user: &str, revision: &str, by: Option<&str>, says: &str) {
    let said = promote(stage, user, revision, by).unwrap_err().to_string();
    assert!(said.contains(says), "{said}");
}
