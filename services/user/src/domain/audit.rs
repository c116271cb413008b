//! What the audit log records.

/// Something that was done to a person's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Registered,
    EmailChanged,
    NameChanged,
    ConsentGiven,
    ConsentTakenBack,
    Exported,
    Restricted,
    RestrictionLifted,
    RolesSet,
    Erased,
    ErasureCompleted,
}

impl Action {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::EmailChanged => "email-changed",
            Self::NameChanged => "name-changed",
            Self::ConsentGiven => "consent-given",
            Self::ConsentTakenBack => "consent-taken-back",
            Self::Exported => "exported",
            Self::Restricted => "restricted",
            Self::RestrictionLifted => "restriction-lifted",
            Self::RolesSet => "roles-set",
            Self::Erased => "erased",
            Self::ErasureCompleted => "erasure-completed",
        }
    }
}
