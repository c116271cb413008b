//! The plugin, as `kubectl exr`: what people see, what comes of what they ask, and what they are told where it does not work.

use std::process::Stdio;

use anyhow::{Context, Result};
use changeover_apiserver_tests::{NAME, Person, Sandbox, exchange};
use changeover_crds::{ExchangeRelease, Phase, names};
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::{status, with_first_release};

const RELEASES: &str = "exchangereleases";
const SEE: &[&str] = &["get", "list", "watch"];
const ASK: &[&str] = &["get", "list", "watch", "patch"];
const APPROVE: &[&str] = &["get", "list", "watch", "patch", "approve"];

/// Ann may do everything that the plugin does.
async fn ann(sandbox: &Sandbox) -> Result<Person> {
    sandbox
        .person("ann", &[(RELEASES, APPROVE), ("pods", SEE)])
        .await
}

/// What a program reads that runs a command and looks at its exit code.
async fn as_json(person: &Person, command: &[&str], code: i32, words: &str) -> Result<Value> {
    let command = [command, &["-o", "json"]].concat();
    let said = person.exr(&command).await?.expect(code, words)?;
    Ok(serde_json::from_str(&said.text)?)
}

/// What came of a request, as a program reads it.
#[track_caller]
fn assert_outcome(said: &Value, verb: &str, outcome: &str) {
    assert_eq!(
        (&said["verb"], &said["outcome"]),
        (&json!(verb), &json!(outcome)),
        "{said}"
    );
}

#[tokio::test]
async fn people_see_pause_approve_and_take_back_a_release() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    sandbox.check_approvals().await?;
    // From a backup, by another than who approved it then.
    let mut restored = exchange("1.0.0");
    restored["metadata"] = json!({
        "name": "restored",
        "annotations": {names::PROMOTE: "v1:0123", names::PROMOTE_BY: "ann"},
    });
    let trial = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let releases = sandbox.api::<ExchangeRelease>();
    let restored = serde_json::from_value(restored)?;
    releases.create(&trial, &restored).await?;
    let ann = ann(&sandbox).await?;
    let mallory = sandbox.person("mallory", &[(RELEASES, ASK)]).await?;

    let screen = ann
        .exr(&["get", NAME])
        .await?
        .expect(0, "Live       blue   1.0.0")?;
    assert!(
        screen.text.contains("✓ exchange-trade-blue-"),
        "{}",
        screen.text
    );
    ann.exr(&["promote", NAME])
        .await?
        .expect(4, "nothing waits to go live")?;
    ann.exr(&["abort", NAME])
        .await?
        .expect(4, "no release goes on")?;
    ann.exr(&["rollback", NAME])
        .await?
        .expect(4, "no old colour is kept")?;
    ann.exr(&["retry", NAME])
        .await?
        .expect(4, "nothing is rejected")?;

    sandbox.kubelet.let_ready(false);
    let mut asking = exchange("2.0.0");
    asking["spec"]["promotion"] = json!({"mode": "Manual"});
    sandbox.apply(&asking).await?;
    sandbox.await_phase(Phase::Preparing, Some("1.0.0")).await?;
    ann.exr(&["pause", NAME])
        .await?
        .expect(0, "paused: Preparing")?;
    ann.exr(&["pause", NAME])
        .await?
        .expect(0, "paused already")?;
    ann.exr(&["get", NAME])
        .await?
        .expect(0, "kubectl exr resume exchange")?;
    ann.exr(&["resume", NAME])
        .await?
        .expect(0, "goes on: Preparing")?;
    let waiting = ["wait", NAME, "--for=approval", "--timeout=1s"];
    ann.exr(&waiting)
        .await?
        .expect(3, "not reached within 1s")?;
    sandbox.kubelet.let_ready(true);
    ann.exr(&["wait", NAME, "--for=approval"])
        .await?
        .expect(0, "AwaitingApproval")?;

    let right = "the verb approve on exchangereleases.changeover.dev";
    mallory.exr(&["promote", NAME]).await?.expect(6, right)?;
    let other = ["promote", NAME, "--revision=0123456789"];
    ann.exr(&other).await?.expect(4, "before you approve it")?;
    let promoted = as_json(&ann, &["promote", NAME], 0, "approved by ann").await?;
    assert_outcome(&promoted, "promote", "taken");
    assert_eq!(promoted["by"], "ann", "{promoted}");
    ann.exr(&["wait", NAME, "--for=live"])
        .await?
        .expect(0, "2.0.0 is live on green")?;
    ann.exr(&["wait", NAME, "--for=live", "--timeout=0s"])
        .await?
        .expect(0, "2.0.0 is live on green")?;
    ann.exr(&["wait", NAME, "--for=rolledback", "--timeout=0s"])
        .await?
        .expect(3, "not reached within 0s")?;
    let release = sandbox.release().await?;
    let approval = status(&release)?.approval.as_ref().context("no approval")?;
    assert_eq!(approval.by.as_deref(), Some("ann"));
    let handled = &status(&release)?.handled;
    assert_eq!(handled.promote.as_deref(), promoted["token"].as_str());

    let back = as_json(&ann, &["rollback", NAME], 0, "2.0.0 is given up").await?;
    assert_outcome(&back, "rollback", "taken");
    assert!(
        back["token"].is_string() && back.get("by").is_none(),
        "{back}"
    );
    ann.exr(&["wait", NAME, "--for=rolledback"])
        .await?
        .expect(0, "1.0.0 is live")?;
    ann.exr(&["wait", NAME, "--for=live"])
        .await?
        .expect(4, "not reached: RolledBack")?;
    let again = as_json(&ann, &["retry", NAME], 0, "tried again").await?;
    assert_outcome(&again, "retry", "taken");
    ann.exr(&["abort", NAME])
        .await?
        .expect(0, "2.0.0 is given up")?;
    ann.exr(&["wait", NAME, "--for=rejected"])
        .await?
        .expect(0, "Rejected")?;

    let history = as_json(&ann, &["history", NAME], 0, "RollbackRequested").await?;
    let entries = history["history"].as_array().context("no list")?;
    let ends: Vec<_> = entries.iter().map(|e| e["outcome"].as_str()).collect();
    let wanted = ["Rejected", "RolledBack", "Live", "Live"].map(Some);
    assert_eq!(ends, wanted, "{history}");
    ann.exr(&["history", NAME])
        .await?
        .expect(0, "RollbackRequested")?;
    sandbox.finish().await
}

#[tokio::test]
async fn programs_read_the_same_as_json() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let ann = ann(&sandbox).await?;
    let screen = as_json(&ann, &["get", NAME], 0, "upToDate").await?;
    assert_eq!(screen["status"]["phase"], "Live");
    let pods = screen["services"][0]["colours"][0]["pods"].as_array();
    assert_eq!(pods.context("no pods")?.len(), 2, "{screen}");
    let paused = as_json(&ann, &["pause", NAME], 0, "paused: Live").await?;
    assert_outcome(&paused, "pause", "taken");
    let again = as_json(&ann, &["pause", NAME], 0, "paused already").await?;
    assert_outcome(&again, "pause", "already");
    let abort = ["abort", NAME, "--no-wait"];
    let aborted = as_json(&ann, &abort, 4, "no release goes on").await?;
    assert_outcome(&aborted, "abort", "nothingToDo");
    for (target, code, outcome) in [
        ("--for=condition=Ready", 0, "reached"),
        ("--for=rejected", 4, "otherwise"),
        ("--for=condition=Ready=False", 3, "timedOut"),
    ] {
        let wait = ["wait", NAME, target, "--timeout=0s"];
        let ended = as_json(&ann, &wait, code, "1.0.0 is live on blue").await?;
        assert_eq!(
            (&ended["outcome"], &ended["phase"]),
            (&json!(outcome), &json!("Live")),
            "{ended}"
        );
    }
    let resumed = as_json(&ann, &["resume", NAME], 0, "goes on: Live").await?;
    assert_outcome(&resumed, "resume", "taken");
    sandbox.finish().await
}

#[tokio::test]
async fn a_watched_screen_follows_the_release_until_it_is_deleted() -> Result<()> {
    let (sandbox, _operator) = with_first_release().await?;
    let ann = ann(&sandbox).await?;
    let watch = |more: &[&str]| Watching::of(&ann, &[&["get", NAME, "-w"], more].concat());
    let (mut people, mut programs) = (watch(&[])?, watch(&["-o", "json"])?);
    people.until("Phase      Live").await?;
    programs.until(r#""phase":"Live""#).await?;
    sandbox.apply(&exchange("2.0.0")).await?;
    people.until("Candidate  green  2.0.0").await?;
    people.until("Phase      Warm").await?;
    let warm = programs.until(r#""phase":"Warm""#).await?;
    let warm: Value = serde_json::from_str(&warm)?;
    assert_eq!(warm["status"]["phase"], "Warm");
    let now = DeleteParams::background();
    sandbox.api::<ExchangeRelease>().delete(NAME, &now).await?;
    for watching in [people, programs] {
        let (code, complaint) = watching.end().await?;
        assert_eq!(code, Some(5), "{complaint}");
        assert!(complaint.contains("exchange was deleted"), "{complaint}");
    }
    sandbox.finish().await
}

/// The plugin, whose words come in lines.
struct Watching {
    plugin: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn of(person: &Person, command: &[&str]) -> Result<Self> {
        let mut plugin = person.command(command)?.stdin(Stdio::null()).spawn()?;
        let out = plugin.stdout.take().context("no pipe")?;
        let lines = BufReader::new(out).lines();
        Ok(Self { plugin, lines })
    }

    /// The next line with these words.
    async fn until(&mut self, words: &str) -> Result<String> {
        while let Some(line) = self.lines.next_line().await? {
            if line.contains(words) {
                return Ok(line);
            }
        }
        anyhow::bail!("it ended before it showed {words:?}")
    }

    /// How it ends by itself.
    async fn end(mut self) -> Result<(Option<i32>, String)> {
        // What is drawn meanwhile must not fill the pipe.
        while self.lines.next_line().await?.is_some() {}
        let ended = self.plugin.wait_with_output().await?;
        Ok((ended.status.code(), String::from_utf8(ended.stderr)?))
    }
}

#[tokio::test]
async fn what_does_not_work_says_what_to_do() -> Result<()> {
    let (sandbox, operator) = with_first_release().await?;
    let ann = ann(&sandbox).await?;
    let nobody = sandbox.person("nobody", &[]).await?;
    let viewer = sandbox.person("viewer", &[(RELEASES, SEE)]).await?;

    let wrong_name = ann.exr(&["get", "exchnge"]).await?;
    wrong_name.expect(
        5,
        &format!("`kubectl get exr -n {}` lists", sandbox.namespace),
    )?;
    let elsewhere = ["get", NAME, "-n", "default"];
    let anywhere = sandbox.administrator()?;
    anywhere
        .exr(&elsewhere)
        .await?
        .expect(5, "-n names another namespace")?;
    ann.exr(&elsewhere)
        .await?
        .expect(6, "in namespace \"default\"")?;
    nobody
        .exr(&["get", NAME])
        .await?
        .expect(6, "the verb get on exchangereleases")?;
    viewer
        .exr(&["get", NAME])
        .await?
        .expect(0, "Pods are not shown")?;
    viewer
        .exr(&["pause", NAME])
        .await?
        .expect(6, "the verb patch on exchangereleases")?;
    let nowhere = ["get", NAME, "--context=nowhere"];
    ann.exr(&nowhere)
        .await?
        .expect(7, "the kubeconfig cannot be used")?;
    let missing = ["get", NAME, "--kubeconfig=/nowhere/config"];
    ann.exr(&missing).await?.expect(7, "/nowhere/config")?;
    ann.exr(&["wait", NAME, "--for=happy"])
        .await?
        .expect(2, "rolledback")?;
    ann.exr(&["get"]).await?.expect(2, "<NAME>")?;

    operator.kill()?;
    let pause = ["pause", NAME, "--timeout=1s"];
    let unanswered = as_json(&ann, &pause, 3, "no operator has seen it within 1s").await?;
    assert_outcome(&unanswered, "pause", "unanswered");
    let resume = ["resume", NAME, "--no-wait"];
    let sent = as_json(&ann, &resume, 0, "resume of exchange asked for").await?;
    assert_outcome(&sent, "resume", "sent");
    sandbox.finish().await
}
