//! Which service, version and colour this process is.

use serde::Serialize;
use utoipa::ToSchema;

use crate::settings::{Colour, Fault, Settings};

/// Which service, version and colour this process is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name of the service, such as `trade`.
    pub service: &'static str,
    /// Version of the exchange.
    pub version: String,
    /// Colour this process serves for.
    pub colour: Colour,
    /// Revision of the release.
    pub revision: String,
    /// Features of this version.
    pub features: Vec<String>,
    fault: Fault,
}

/// What `GET /version` answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionDocument<'a> {
    service: &'static str,
    version: &'a str,
    colour: &'static str,
    revision: &'a str,
    features: &'a [String],
}

impl Identity {
    /// Takes the identity from the settings of a process.
    pub(crate) fn new(service: &'static str, settings: &Settings) -> Self {
        let features = settings.features.iter().map(|f| f.trim().to_owned());
        Self {
            service,
            version: settings.version.clone(),
            colour: settings.colour,
            revision: settings.revision.clone(),
            features: features.filter(|f| !f.is_empty()).collect(),
            fault: settings.fault,
        }
    }

    /// Whether this version has a feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }

    /// This process as a hop: `trade/2.0.0/green`.
    pub fn hop(&self) -> String {
        format!("{}/{}/{}", self.service, self.version, self.colour.as_str())
    }

    pub(crate) fn document(&self) -> VersionDocument<'_> {
        VersionDocument {
            service: self.service,
            version: match self.fault {
                Fault::None => &self.version,
                Fault::WrongVersion => "0.0.0-broken",
            },
            colour: self.colour.as_str(),
            revision: &self.revision,
            features: &self.features,
        }
    }
}
