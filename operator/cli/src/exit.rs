use std::process::ExitCode;

/// How a command ends. The numbers are part of the contract: docs/plugin.md lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or what was waited for is reached.
    Done = 0,
    /// Anything that no other code names.
    Error = 1,
    /// The command line is wrong. clap ends with this code itself.
    Usage = 2,
    /// Not reached in time; a release goes on.
    TimedOut = 3,
    /// Ended otherwise, or there was nothing to do.
    Otherwise = 4,
    /// No such release.
    NotFound = 5,
    /// The person may not do this.
    Forbidden = 6,
    /// The API server cannot be reached.
    Unreachable = 7,
}

impl Exit {
    /// All of them, by number.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Error,
        Self::Usage,
        Self::TimedOut,
        Self::Otherwise,
        Self::NotFound,
        Self::Forbidden,
        Self::Unreachable,
    ];

    /// What the code means, in the words of docs/plugin.md.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; what was waited for is reached",
            Self::Error => "an error that no other code names",
            Self::Usage => "the command line is wrong",
            Self::TimedOut => "not reached in time, or the operator did not answer in time",
            Self::Otherwise => {
                "ended otherwise (Rejected while waiting for live, say), or there was nothing to do"
            }
            Self::NotFound => "no such release",
            Self::Forbidden => "you may not do this; the message names the right that is missing",
            Self::Unreachable => {
                "the API server cannot be reached, or the kubeconfig cannot be used"
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
