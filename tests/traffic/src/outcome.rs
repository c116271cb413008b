//! What became of a request: exactly one of seven.

use std::error::Error as StdError;
use std::io::ErrorKind;

use hyper::StatusCode;

/// What became of a request. Only [`Outcome::Ok`] is not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The expected answer, read to its end.
    Ok,
    /// An answer of class 4xx where another was expected.
    ClientError,
    /// An answer of class 5xx.
    ServerError,
    /// Nobody accepted the connection.
    Refused,
    /// The connection ended before the answer did.
    Reset,
    /// No complete answer within the timeout.
    Timeout,
    /// Anything else: an unexpected 2xx or 3xx, an unreachable network.
    Other,
}

impl Outcome {
    /// Judges an answer by its status and the one that was expected.
    pub(crate) fn of_status(status: StatusCode, expected: StatusCode) -> Self {
        if status == expected {
            Self::Ok
        } else if status.is_client_error() {
            Self::ClientError
        } else if status.is_server_error() {
            Self::ServerError
        } else {
            Self::Other
        }
    }

    /// Judges the error with which a connection or a request ended without a whole answer.
    ///
    /// The cause decides, wherever it is in the chain: what wraps it differs between clients.
    pub(crate) fn of_error(error: &(dyn StdError + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            if let Some(outcome) = io.and_then(|io| Self::of_io(io.kind())) {
                return outcome;
            }
            if let Some(http) = error.downcast_ref::<hyper::Error>()
                && (http.is_incomplete_message() || http.is_canceled() || http.is_closed())
            {
                return Self::Reset;
            }
            // An I/O error's `source` skips the error it wraps.
            let wrapped = io.and_then(std::io::Error::get_ref);
            cause = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        Self::Other
    }

    fn of_io(kind: ErrorKind) -> Option<Self> {
        match kind {
            ErrorKind::ConnectionRefused => Some(Self::Refused),
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof => Some(Self::Reset),
            ErrorKind::TimedOut => Some(Self::Timeout),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_other_than_the_expected_one_is_a_failure() {
        let judge = |status| Outcome::of_status(status, StatusCode::CREATED);
        assert_eq!(judge(StatusCode::CREATED), Outcome::Ok);
        assert_eq!(judge(StatusCode::OK), Outcome::Other);
        assert_eq!(judge(StatusCode::CONFLICT), Outcome::ClientError);
        assert_eq!(judge(StatusCode::BAD_GATEWAY), Outcome::ServerError);
    }

    #[test]
    fn the_cause_decides_however_deep_it_is() {
        let inner = std::io::Error::from(ErrorKind::ConnectionRefused);
        let outer = std::io::Error::other(inner);
        assert_eq!(Outcome::of_error(&outer), Outcome::Refused);
        let unknown = std::io::Error::other("odd");
        assert_eq!(Outcome::of_error(&unknown), Outcome::Other);
    }
}
