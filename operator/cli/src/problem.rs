use kube::core::Status;
use kube::runtime::watcher;
use thiserror::Error;

use crate::exit::Exit;

/// Why a command did not do what was asked, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The named release is not there.
    #[error(
        "no ExchangeRelease {name:?} in namespace {namespace:?}; `kubectl get exr -n {namespace}` lists what is there, -n names another namespace"
    )]
    NoSuchRelease {
        /// As asked.
        name: String,
        /// Where.
        namespace: String,
    },
    /// The API does not know our resource.
    #[error("this cluster has no ExchangeRelease resource: install the operator's chart first")]
    NoResource,
    /// It was deleted while someone looked at it.
    #[error("{0} was deleted")]
    Deleted(String),
    /// The person may not do this.
    #[error("you may not {what}: it takes {right}. The API server says: {said}")]
    Forbidden {
        /// In plain words.
        what: String,
        /// The right that is missing.
        right: String,
        /// The answer.
        said: String,
    },
    /// There is nothing to do, or not any more.
    #[error("{0}")]
    Refused(String),
    /// No connection, or no way to make one.
    #[error("{0}")]
    Unreachable(String),
    /// The API server said no.
    #[error("the API server refused to {what}: {said}")]
    Server {
        /// In plain words.
        what: String,
        /// The answer.
        said: String,
    },
    /// What we print cannot be written.
    #[error("cannot write the output: {0}")]
    Output(String),
}

impl Problem {
    /// The exit code for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::NoSuchRelease { .. } | Self::NoResource | Self::Deleted(_) => Exit::NotFound,
            Self::Forbidden { .. } => Exit::Forbidden,
            Self::Refused(_) => Exit::Otherwise,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Server { .. } | Self::Output(_) => Exit::Error,
        }
    }

    pub(crate) fn unreachable(why: &str) -> Self {
        Self::Unreachable(format!(
            "the API server cannot be reached (`kubectl cluster-info` tries the same): {why}"
        ))
    }

    /// The same, for one who has to know that the request itself stands.
    #[must_use]
    pub fn after_writing(self, verb: &str) -> Self {
        match self {
            Self::Forbidden { what, right, said } => Self::Forbidden {
                what: format!(
                    "{what}; the {verb} itself is written, and --no-wait asks for no more"
                ),
                right,
                said,
            },
            Self::Unreachable(why) => Self::Unreachable(format!(
                "the {verb} is written; what comes of it is not known: {why}"
            )),
            other => other,
        }
    }
}

/// A request, as far as an error message speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What it is for, as in "you may not ...".
    pub what: &'a str,
    /// The verb that RBAC asks for.
    pub verb: &'a str,
    /// The resource that RBAC asks for.
    pub resource: &'a str,
    /// Where.
    pub namespace: &'a str,
    /// The release, if the request is about a single one.
    pub name: Option<&'a str>,
}

impl Request<'_> {
    /// What an answer of the API server means to a person.
    #[must_use]
    pub fn refused(&self, status: &Status) -> Problem {
        let by_policy = status.message.contains("ValidatingAdmissionPolicy");
        match (status.code, self.name) {
            // Of a path that the API server does not serve it says so in plain text, with no reason of its own.
            (404, Some(name)) if status.reason == "NotFound" => Problem::NoSuchRelease {
                name: name.to_owned(),
                namespace: self.namespace.to_owned(),
            },
            (404, _) => Problem::NoResource,
            (401, _) => Problem::Forbidden {
                what: self.what.to_owned(),
                right: "credentials that this cluster knows (`kubectl auth whoami`)".to_owned(),
                said: status.message.clone(),
            },
            (403, _) | (422, _) if status.code == 403 || by_policy => {
                self.forbidden(status, by_policy)
            }
            _ => Problem::Server {
                what: self.what.to_owned(),
                said: status.message.clone(),
            },
        }
    }

    fn forbidden(&self, status: &Status, by_policy: bool) -> Problem {
        // The custom verb is asked for by the chart's admission policy, not by RBAC's own check of the write.
        let verb = if by_policy { "approve" } else { self.verb };
        Problem::Forbidden {
            what: self.what.to_owned(),
            right: format!(
                "the verb {verb} on {} in namespace {:?}",
                self.resource, self.namespace
            ),
            said: status.message.clone(),
        }
    }

    /// What a failed call means to a person.
    #[must_use]
    pub fn failed(&self, error: &kube::Error) -> Problem {
        match error {
            kube::Error::Api(status) => self.refused(status),
            other => Problem::unreachable(&chain(other)),
        }
    }

    /// What a failed watch means; `None` if it is worth another try.
    #[must_use]
    pub fn watch_failed(&self, error: &watcher::Error) -> Option<Problem> {
        let status = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
            | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::WatchError(status) => status,
            _ => return None,
        };
        matches!(status.code, 401 | 403 | 404).then(|| self.refused(status))
    }
}

/// An error with its causes; some say nothing themselves.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if words.last().is_none_or(|last| !last.contains(&text)) {
            words.push(text);
        }
        cause = inner.source();
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: Request<'_> = Request {
        what: "promote",
        verb: "patch",
        resource: "exchangereleases.changeover.dev",
        namespace: "prod",
        name: Some("exchange"),
    };

    fn status(code: u16, message: &str) -> Status {
        Status::failure(message, "")
            .with_code(code)
            .boxed()
            .as_ref()
            .clone()
    }

    #[test]
    fn rbac_names_the_verb_of_the_request() {
        let problem = PATCH.refused(&status(403, "User \"ann\" cannot patch resource"));
        assert_eq!(problem.exit(), Exit::Forbidden);
        assert!(
            problem.to_string().contains(
                "the verb patch on exchangereleases.changeover.dev in namespace \"prod\""
            )
        );
    }

    #[test]
    fn the_admission_policy_names_approve() {
        let message = "exchangereleases.changeover.dev \"exchange\" is forbidden: ValidatingAdmissionPolicy 'changeover-approve' with binding 'changeover-approve' denied request: no";
        for code in [403, 422] {
            let problem = PATCH.refused(&status(code, message));
            assert_eq!(problem.exit(), Exit::Forbidden);
            assert!(problem.to_string().contains("the verb approve on"));
        }
    }

    #[test]
    fn a_rule_of_the_schema_is_no_matter_of_rights() {
        let problem = PATCH.refused(&status(422, "spec.version: Invalid value"));
        assert_eq!(problem.exit(), Exit::Error);
    }

    #[test]
    fn a_missing_release_and_a_missing_resource_differ() {
        let missing = |message, reason| Status::failure(message, reason).with_code(404);
        let release = missing(
            "exchangereleases.changeover.dev \"exchange\" not found",
            "NotFound",
        );
        let release = PATCH.refused(&release);
        assert!(matches!(release, Problem::NoSuchRelease { .. }));
        // What kube makes of an answer that is no Status.
        let resource = missing("404 page not found", "Failed to parse error data");
        assert_eq!(PATCH.refused(&resource), Problem::NoResource);
    }

    #[test]
    fn a_watch_without_rights_ends_and_one_that_broke_goes_on() {
        let forbidden = watcher::Error::WatchError(Box::new(status(403, "no")));
        let gone = watcher::Error::WatchError(Box::new(status(410, "too old")));
        assert!(PATCH.watch_failed(&forbidden).is_some());
        assert!(PATCH.watch_failed(&gone).is_none());
    }
}
