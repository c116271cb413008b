//! Tells people: Events, and the figures of a status that was just written.

use changeover_crds::{ExchangeReleaseStatus, Phase};
use changeover_engine::Notice;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};

use crate::client::bounded;
use crate::context::Context;
use crate::shelf::Watched;

/// Most bytes the API server takes in an Event's note.
const NOTE_LIMIT: usize = 1024;

/// Creates an Event for each notice, beside the release: nothing waits for its own news. Each
/// is an object of its own: kube's recorder counts repeats by reason alone, and a second rejection with
/// another cause must not vanish in a counter.
pub fn events(ctx: &Context, release: &Watched, notices: Vec<Notice>) {
    let namespace = release.namespace().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(ctx.client.clone(), &namespace);
    for notice in notices {
        let (reason, note) = (notice.news.as_str(), notice.note.as_str());
        tracing::info!(
            release = release.name_any(),
            namespace,
            reason,
            note,
            "event"
        );
        let (api, event) = (api.clone(), event(ctx, release, &notice));
        tokio::spawn(async move {
            if let Err(error) = bounded(api.create(&PostParams::default(), &event)).await {
                tracing::warn!(%error, reason, "the Event could not be written");
            }
        });
    }
}

fn event(ctx: &Context, release: &Watched, notice: &Notice) -> Event {
    let reason = notice.news.as_str().to_owned();
    let mut note = notice.note.clone();
    while note.len() > NOTE_LIMIT {
        note.pop();
    }
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", release.name_any())),
            namespace: release.namespace(),
            ..ObjectMeta::default()
        },
        action: Some(reason.clone()),
        event_time: Some(MicroTime(jiff::Timestamp::now())),
        note: Some(note),
        reason: Some(reason),
        regarding: Some(release.object_ref(&())),
        reporting_controller: Some("changeover.dev/operator".to_owned()),
        reporting_instance: Some(ctx.instance.clone()),
        type_: Some(notice.news.kind().to_owned()),
        ..Event::default()
    }
}

/// Figures that a status write makes true.
pub fn figures(ctx: &Context, old: Option<&ExchangeReleaseStatus>, new: &ExchangeReleaseStatus) {
    let metrics = &ctx.metrics;
    let finished = |status: &ExchangeReleaseStatus| {
        status
            .switch
            .as_ref()
            .and_then(|s| s.finished_at.as_ref().map(|_| s.epoch))
    };
    if let Some(switch) = new
        .switch
        .as_ref()
        .filter(|_| finished(new) > old.and_then(finished))
    {
        let is_back = matches!(new.phase, Some(Phase::RolledBack | Phase::Live));
        metrics.switched(switch, is_back);
    }
    let begun = |status: &ExchangeReleaseStatus| status.phase_since.as_ref().map(|at| at.0);
    let (before, since) = (old.and_then(begun), begun(new));
    if let (Some(phase), Some(before), Some(since)) = (old.and_then(|o| o.phase), before, since)
        && before != since
    {
        metrics.left(phase, since.duration_since(before));
    }
    let newest = new.history.first();
    if newest != old.and_then(|o| o.history.first())
        && let Some(entry) = newest
    {
        metrics.ended(&format!("{:?}", entry.outcome));
    }
}
