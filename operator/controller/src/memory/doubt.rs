//! A status whose write was not answered: it may stand. What it makes true is told when that is known.

use changeover_crds::{ExchangeRelease, ExchangeReleaseStatus, ResourceExt};
use changeover_engine::Notice;

/// A write that may have arrived.
#[derive(Debug)]
pub struct Doubt {
    /// The release's version before it.
    version: Option<String>,
    pub old: Option<ExchangeReleaseStatus>,
    pub new: ExchangeReleaseStatus,
    pub notices: Vec<Notice>,
}

impl Doubt {
    pub fn of(
        release: &ExchangeRelease,
        status: &ExchangeReleaseStatus,
        notices: Vec<Notice>,
    ) -> Self {
        Self {
            version: release.resource_version(),
            old: release.status.clone(),
            new: status.clone(),
            notices,
        }
    }

    /// Whether it arrived; unknown as long as the release is seen as it was before.
    pub fn stands(&self, release: &ExchangeRelease) -> Option<bool> {
        let is_later = release.resource_version() != self.version;
        is_later.then(|| release.status.as_ref() == Some(&self.new))
    }
}
