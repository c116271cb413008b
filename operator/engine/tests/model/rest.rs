//! The checker's last part: what must be so when nothing moves any more (I1, I2, I9, I10).

use serde_json::Value;

use super::api::{Api, name_of};
use super::checker::Checker;
use super::controllers::selects;
use super::keeping::is_of;
use super::reading::Reading;

impl Checker {
    /// What people asked for was seen to.
    fn obeyed(&mut self, read: Reading<'_>) {
        let annotations = &read.release()["metadata"]["annotations"];
        for verb in ["abort", "rollback", "retry", "promote"] {
            let asked = annotations[format!("changeover.dev/{verb}")].as_str();
            let asked = asked.filter(|token| !token.is_empty());
            let handled = read.status()["handled"][verb].as_str();
            // A retry waits for the end of a pause.
            let waits = verb == "retry" && annotations["changeover.dev/pause"] == "true";
            if asked.is_some() && asked != handled && !waits {
                self.violation(format!("I7 converge: {verb} was not seen to"));
            }
        }
    }

    /// I10 bounded: every Deployment is of a role, but for those that a failed first install leaves to clients.
    fn no_strays(&mut self, read: Reading<'_>) {
        let status = read.status();
        let roles = [&status["live"], &status["warm"], &status["candidate"]];
        for deployment in read.api.list("Deployment") {
            let labels = &deployment["spec"]["selector"]["matchLabels"];
            let is_selected = read
                .live_services()
                .any(|s| selects(&s["spec"]["selector"], labels));
            if !is_selected && !roles.iter().any(|role| is_of(role, labels)) {
                let name = name_of(deployment);
                self.violation(format!("I10 bounded: {name} is of no role"));
            }
        }
    }

    /// I1 routable: every live Service selects a colour that stands, whoever wrote it last.
    fn routable(&mut self, read: Reading<'_>) {
        for service in read.live_services() {
            let selector = &service["spec"]["selector"];
            let mut deployments = read.api.list("Deployment");
            if !deployments.any(|d| selects(selector, &d["spec"]["selector"]["matchLabels"])) {
                let name = name_of(service);
                self.violation(format!("I1 routable: {name} rests on {selector}"));
            }
        }
    }

    /// I9 truth: `Ready` while each live Service leads clients to a pod, until a release ends otherwise.
    fn ready_is_so(&mut self, read: Reading<'_>) {
        let status = read.status();
        let names = services_of(&status["live"]).filter_map(|s| s["name"].as_str());
        // A way back that is held leaves clients on the other colour.
        let led = |name| {
            let selector = &read.live_service(name)?["spec"]["selector"];
            Some((name, selector["changeover.dev/colour"].as_str()?))
        };
        let led: Option<Vec<(&str, &str)>> = names.map(led).collect();
        let has_ended = status["phase"] == "Rejected" || status["phase"] == "RolledBack";
        let led = led.filter(|led| !led.is_empty() && !has_ended);
        let serves = |serve: &dyn Fn(&str, &str) -> bool| {
            let led = led.as_ref();
            led.is_some_and(|led| led.iter().all(|(name, colour)| serve(name, colour)))
        };
        let one = serves(&|name, colour| !read.ready(name, colour).is_empty());
        let half = serves(&|name, colour| read.can_serve(name, colour));
        let is_ready = is_true(status, "Ready");
        if is_ready && !one || half && !is_ready {
            self.violation(format!(
                "I9 truth: Ready is {is_ready} in {}",
                status["phase"]
            ));
        }
    }

    /// I1 routable, I2 together, I9 truth, I10 bounded: nothing moves any more.
    pub fn settled(&mut self, api: &Api) {
        let read = Reading { api };
        let release = read.release();
        if release.is_null() || !release["metadata"]["deletionTimestamp"].is_null() {
            return;
        }
        self.edited.clear();
        self.obeyed(read);
        let status = read.status();
        if status["phase"] != "RollingBack" {
            self.together(read);
        }
        self.no_strays(read);
        self.routable(read);
        self.ready_is_so(read);
        let ends = ["Live", "Warm", "Rejected", "RolledBack", "AwaitingApproval"];
        let paused = !status["pausedSince"].is_null();
        let stalled = is_true(status, "Stalled");
        if !ends.iter().any(|end| status["phase"] == *end) && !stalled && !paused {
            self.violation(format!(
                "I10 bounded: settled in {} and not stalled",
                status["phase"]
            ));
        }
        for service in services_of(&status["live"]) {
            let name = service["name"].as_str().unwrap_or_default();
            if read.live_service(name).is_none() {
                self.violation(format!("I2 together: {name} has no live Service"));
            }
        }
        self.counts_are_so(read);
    }

    /// I9 truth: of each role as many pods are ready as it says.
    fn counts_are_so(&mut self, read: Reading<'_>) {
        for role in ["live", "warm", "candidate"] {
            let role = &read.status()[role];
            let colour = role["colour"].as_str().unwrap_or_default();
            for service in services_of(role) {
                let name = service["name"].as_str().unwrap_or_default();
                let ready = read.ready(name, colour).len();
                if service["ready"] != ready {
                    let what = format!("{colour}: {service} but {ready} are ready");
                    self.violation(format!("I9 truth: {what}"));
                }
            }
        }
    }
}

fn services_of(role: &Value) -> impl Iterator<Item = &Value> {
    role["services"].as_array().into_iter().flatten()
}

fn is_true(status: &Value, condition: &str) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|c| c["type"] == condition && c["status"] == "True")
}
