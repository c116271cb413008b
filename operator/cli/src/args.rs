use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::wait::Target;

/// See and steer releases of an exchange (ExchangeRelease). Commands only annotate, with your own rights.
#[derive(Clone, Debug, Parser)]
#[command(name = "kubectl exr", bin_name = "kubectl exr", version, about)]
pub struct Cli {
    /// Where, and as whom.
    #[command(flatten)]
    pub connection: Connection,
    /// What comes out.
    #[arg(short, long, global = true, value_enum, default_value = "text")]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags of kubectl that say where, and as whom.
#[derive(Clone, Debug, Default, Args)]
pub struct Connection {
    /// Namespace; the context's if not given
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// Kubeconfig file; else $KUBECONFIG, else ~/.kube/config, else the pod's service account
    #[arg(long, global = true)]
    pub kubeconfig: Option<PathBuf>,
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs; the shape is in docs/plugin.md.
    Json,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show a release on one screen
    Get {
        /// Name of the release
        name: String,
        /// Draw it anew at every change
        #[arg(short, long)]
        watch: bool,
    },
    /// Approve the candidate's revision, in your name
    Promote {
        /// The revision you saw, whole or in its short form; refused if the candidate has another
        #[arg(long)]
        revision: Option<String>,
        /// What every request has.
        #[command(flatten)]
        ask: Ask,
    },
    /// Give up the release that goes on; clients stay on, or go back to, the old colour
    Abort(Ask),
    /// Send clients back to the warm colour
    Rollback(Ask),
    /// Try a rejected revision again
    Retry(Ask),
    /// Take no forward step until `resume`; deadlines stand still
    Pause(Ask),
    /// Go on after `pause`
    Resume(Ask),
    /// Show the last ten releases
    History {
        /// Name of the release
        name: String,
    },
    /// Wait until a release is where you want it; the exit code says what came of it
    Wait {
        /// Name of the release
        name: String,
        /// live, verified, approval, rejected, rolledback, settled, or condition=TYPE[=STATUS]
        #[arg(long = "for", value_name = "WHAT")]
        target: Target,
        /// How long
        #[arg(long, default_value = "10m", value_parser = duration)]
        timeout: SignedDuration,
    },
}

/// A request to the operator.
#[derive(Clone, Debug, Args)]
pub struct Ask {
    /// Name of the release
    pub name: String,
    /// Do not wait until the operator has seen to it
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait until the operator has seen to it
    #[arg(long, default_value = "15s", value_parser = duration)]
    pub timeout: SignedDuration,
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let duration: SignedDuration = text
        .parse()
        .map_err(|_| "write a duration such as 30s, 10m or 1h30m".to_owned())?;
    if duration.is_negative() {
        return Err("write a duration such as 30s, 10m or 1h30m".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_those_of_kubectl() {
        assert_eq!(duration("1h30m"), Ok(SignedDuration::from_secs(5400)));
        assert_eq!(duration("0s"), Ok(SignedDuration::ZERO));
        assert!(duration("soon").is_err());
        assert!(duration("-5s").is_err());
    }

    #[test]
    fn flags_of_kubectl_stand_anywhere() {
        let cli = Cli::parse_from(["kubectl exr", "abort", "exchange", "-n", "prod"]);
        assert_eq!(cli.connection.namespace.as_deref(), Some("prod"));
        assert!(matches!(cli.command, Command::Abort(ask) if ask.name == "exchange"));
    }

    #[test]
    fn a_wrong_target_is_a_usage_error() {
        let error =
            Cli::try_parse_from(["kubectl exr", "wait", "exchange", "--for=happy"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
