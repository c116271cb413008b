use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use kube_derive::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Colour, Duration, HistoryEntry, Rejection, schema};

/// Where the release is. Everything needed to go on after a crash stands here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(crates(kube_core = "::kube_core"))]
pub struct ExchangeReleaseStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The state of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// When this phase began; its deadline counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_since: Option<MicroTime>,
    /// For how long pauses that are over held up this phase. Its deadline is so much later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_for: Option<Duration>,
    /// When this phase ends by itself, or what is kept for its logs goes. A pause that goes on makes it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<MicroTime>,
    /// The colour that clients use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<ColourStatus>,
    /// The colour that is being built, judged or switched to; in RollingBack the one that is left. In RolledBack,
    /// Rejected and Live what was left or refused, kept for `keepFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<ColourStatus>,
    /// The colour that clients used before, kept for an instant way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<ColourStatus>,
    /// When the warm colour may be collected; where the spec has gone back to it, until when a rollback need not wait for
    /// its gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_until: Option<MicroTime>,
    /// The journal of the switch in progress, or the record of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchStatus>,
    /// What was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The revision that is not tried again until the spec names another, or someone asks for a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
    /// The approval of the candidate, or of what went live with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Since when no forward step is taken. Deadlines stand still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_since: Option<MicroTime>,
    /// How the new colour has done since the switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<BakeStatus>,
    /// How far clients have left the old colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainStatus>,
    /// What people asked for and was seen to, whether or not there was anything to do.
    #[serde(default, skip_serializing_if = "Handled::is_empty")]
    pub handled: Handled,
    /// The last ten releases, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Ready, Reconciling and Stalled as kstatus reads them; Verified, Switched and Drained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl ExchangeReleaseStatus {
    /// For how long a pause that goes on has held up the clock of this phase. What moves goes on: a switch is never
    /// left half done.
    #[must_use]
    pub fn stood_still(&self, now: Timestamp) -> Option<SignedDuration> {
        if matches!(self.phase, Some(Phase::Switching | Phase::RollingBack)) {
            return None;
        }
        let paused = self.paused_since.as_ref()?.0;
        let since = self.phase_since.as_ref().map_or(paused, |t| t.0);
        let still = now.duration_since(paused.max(since));
        Some(still.max(SignedDuration::ZERO))
    }
}

/// The state of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = schema::with_meanings)]
pub enum Phase {
    /// Nothing is live or begun: waits for a spec that can be carried out, or for the end of a pause.
    Pending,
    /// Builds the idle colour and waits until it is ready.
    Preparing,
    /// Probes every pod of the idle colour, and runs the journeys.
    Verifying,
    /// Verified; waits for a person.
    AwaitingApproval,
    /// Moves the Services to the new colour.
    Switching,
    /// The new colour is live and watched.
    Baking,
    /// The new colour is live, the old one is kept for a way back.
    Warm,
    /// Settled: clients use the live colour, and no release goes on.
    Live,
    /// Moves the Services back.
    RollingBack,
    /// Went back; the revision left behind is rejected.
    RolledBack,
    /// The candidate was refused before any client saw it. Reason NothingToGoBackTo: a first release failed in its switch
    /// or after it; where clients can reach it, it stays live.
    Rejected,
}

/// One colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColourStatus {
    /// Which.
    pub colour: Colour,
    /// Hash of everything that reaches its pods.
    pub revision: String,
    /// What people call it.
    pub version: String,
    /// Since when this colour has this revision. Its children carry it before any client reaches them, so that
    /// what was decided on them before comes too late.
    #[serde(default)]
    pub epoch: i64,
    /// How many pods each service has ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceStatus>,
}

/// Pods of one service in one colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceStatus {
    /// Name of the service.
    pub name: String,
    /// Ready pods that are in the EndpointSlices.
    pub ready: i32,
    /// Wanted pods.
    pub desired: i32,
    /// The last scale at which all of its pods were ready. While it is scaled up, it is judged by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<i32>,
}

impl ServiceStatus {
    /// Pods that it can be expected to have: a scale-up makes nothing of what serves worse.
    #[must_use]
    pub fn expected(&self) -> i32 {
        self.reached
            .map_or(self.desired, |reached| reached.min(self.desired))
    }
}

/// The journal of a switch: written before the first Service is touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwitchStatus {
    /// Grows with every switch; writes of an older epoch are refused.
    pub epoch: i64,
    /// The colour that was live; none on a first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Colour>,
    /// The colour that becomes live.
    pub to: Colour,
    /// When the journal was written.
    pub started_at: MicroTime,
    /// When every EndpointSlice was seen to show the new colour only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<MicroTime>,
    /// From the journal to the last verified EndpointSlice, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch_millis: Option<i64>,
    /// Between the first and the last Service, in milliseconds. Absent if the operator was restarted in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_millis: Option<i64>,
    /// From the last Service to the last verified EndpointSlice, in milliseconds. Absent if the operator was restarted in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_millis: Option<i64>,
    /// How far each Service is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceSwitch>,
}

/// How far one Service is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSwitch {
    /// Name of the service.
    pub name: String,
    /// Whether its selector names the new colour.
    pub switched: bool,
    /// Its address, given back to it should someone delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<String>,
}

/// The gate: exactly this revision and these pods passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The revision that passed.
    pub revision: String,
    /// The uids of its pods.
    pub pods: Vec<String>,
    /// Hash of the smoke probes and journeys that it passed.
    pub checks: String,
    /// When.
    pub at: MicroTime,
}

/// A person's approval of one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// The revision.
    pub revision: String,
    /// Who, as `changeover.dev/promote-by` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// `verified` where an admission policy checks that `by` is who asked, else `unverified`.
    pub approver: String,
    /// When it was seen.
    pub at: MicroTime,
}

/// How the new colour has done since the switch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BakeStatus {
    /// Container restarts of its pods before the switch, by pod uid; pods without one are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub restarts: BTreeMap<String, i32>,
    /// Since when a service has too few ready pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_since: Option<MicroTime>,
}

/// How far clients have left the old colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainStatus {
    /// Epoch of the switch that it belongs to.
    pub epoch: i64,
    /// The colour that clients leave.
    pub colour: Colour,
    /// Its revision.
    pub revision: String,
    /// When it began.
    pub started_at: MicroTime,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<MicroTime>,
    /// What ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<DrainEnd>,
}

/// What ended a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DrainEnd {
    /// No client had asked anything for `drain.quiet`.
    Quiet,
    /// `drain.deadline` was over.
    Deadline,
    /// `drain.deadline` was over; a service without `adminPort` cannot be measured.
    Unmeasured,
    /// The Services go back to this colour.
    TakenBack,
    /// A newer release takes the colour.
    Superseded,
}

/// The last token of each verb that was seen to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Handled {
    /// `changeover.dev/promote`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<String>,
    /// `changeover.dev/abort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<String>,
    /// `changeover.dev/rollback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<String>,
    /// `changeover.dev/retry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<String>,
}

impl Handled {
    /// Whether nobody asked for anything yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
