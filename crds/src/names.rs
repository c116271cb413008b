//! Names, labels and annotations that people, services and other tools may rely on.

use crate::Colour;

/// The API group, and the prefix of our labels and annotations.
pub const GROUP: &str = "changeover.dev";
/// Field manager of every write.
pub const MANAGER: &str = "changeover";

/// Label: the release's name.
pub const RELEASE: &str = "changeover.dev/release";
/// Label: the service's name.
pub const SERVICE: &str = "changeover.dev/service";
/// Label: `blue` or `green`; absent on live Services.
pub const COLOUR: &str = "changeover.dev/colour";
/// Label: the revision in its short form (label values cannot hold a colon).
pub const REVISION: &str = "changeover.dev/revision";
/// On live Services as an annotation, the epoch of the last switch that touched them; on the children of a colour
/// as a label, that of their colour. An annotation of a Deployment goes on to its ReplicaSets, which takes two more writes each;
/// labels of a Service go on to its EndpointSlices.
pub const EPOCH: &str = "changeover.dev/epoch";
/// Label of a Deployment: the `metadata.generation` of the release whose scale it has. Each new one is a write,
/// so a scale that a replaced leader decided on an older spec and sends late is refused.
pub const GENERATION: &str = "changeover.dev/generation";
/// Annotation of a stored revision: how it is judged and drained, as JSON, where that has changed since it was stored.
/// What a ControllerRevision holds cannot be changed.
pub const PLAN: &str = "changeover.dev/plan";
/// Label: which kind of Service this is, [`ROLE_LIVE`] or [`ROLE_PINNED`].
pub const ROLE: &str = "changeover.dev/role";
/// Value of [`ROLE`]: what clients use.
pub const ROLE_LIVE: &str = "live";
/// Value of [`ROLE`]: one colour only; probes and calls inside a colour use it.
pub const ROLE_PINNED: &str = "pinned";

/// What a person asks for: let this revision go live. The value is the revision, optionally with `@` and
/// any token behind it, which approves the same revision once more.
pub const PROMOTE: &str = "changeover.dev/promote";
/// Beside [`PROMOTE`]: the name of the person who approves.
pub const PROMOTE_BY: &str = "changeover.dev/promote-by";
/// What a person asks for: give up the release that goes on. The value is any new token.
pub const ABORT: &str = "changeover.dev/abort";
/// What a person asks for: back to the warm colour. The value is any new token.
pub const ROLLBACK: &str = "changeover.dev/rollback";
/// What a person asks for: no forward step while the value is `true`.
pub const PAUSE: &str = "changeover.dev/pause";
/// What a person asks for: try a rejected revision again. The value is any new token.
pub const RETRY: &str = "changeover.dev/retry";

/// The live Service of a service: what clients use.
#[must_use]
pub fn live_service(release: &str, service: &str) -> String {
    format!("{release}-{service}")
}

/// Deployment, pinned Service and PodDisruptionBudget of one service in one colour.
#[must_use]
pub fn coloured(release: &str, service: &str, colour: Colour) -> String {
    format!("{release}-{service}-{colour}")
}

/// The ConfigMap of one service in one revision.
#[must_use]
pub fn config_map(release: &str, service: &str, revision: &str) -> String {
    format!("{release}-{service}-{}", short_revision(revision))
}

/// The ControllerRevision that stores a revision.
#[must_use]
pub fn stored_revision(release: &str, revision: &str) -> String {
    format!("{release}-{}", short_revision(revision))
}

/// Ten hexadecimal digits of `v1:<hash>`, for names and label values.
#[must_use]
pub fn short_revision(revision: &str) -> String {
    let hash = revision.split_once(':').map_or(revision, |(_, hash)| hash);
    hash.chars().take(10).collect()
}

/// `trade` becomes `TRADE_URL`, `order-book` becomes `ORDER_BOOK_URL`.
#[must_use]
pub fn url_variable(service: &str) -> String {
    format!("{}_URL", service.to_ascii_uppercase().replace('-', "_"))
}
