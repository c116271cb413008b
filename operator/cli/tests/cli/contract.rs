//! What scripts rely on: exit codes, and that the guide names them. What they read is in `json`.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use changeover_cli::ask::Outcome;
use changeover_cli::wait::Ending;
use changeover_cli::{Exit, Problem};

const GUIDE: &str = include_str!("../../../../docs/plugin.md");

#[test]
fn the_guide_lists_every_exit_code() {
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit as u8, exit.meaning());
        assert!(GUIDE.contains(&row), "docs/plugin.md lacks {row}");
    }
}

#[test]
fn a_wait_says_how_it_ended() {
    assert_eq!(Ending::Reached.exit(), Exit::Done);
    assert_eq!(Ending::Otherwise.exit(), Exit::Otherwise);
    assert_eq!(Ending::TimedOut.exit(), Exit::TimedOut);
}

#[test]
fn a_request_says_what_came_of_it() {
    for done in [Outcome::Taken, Outcome::Already, Outcome::Sent] {
        assert_eq!(done.exit(), Exit::Done);
    }
    assert_eq!(Outcome::NothingToDo.exit(), Exit::Otherwise);
    assert_eq!(Outcome::Unanswered.exit(), Exit::TimedOut);
}

#[test]
fn a_problem_says_of_which_kind_it_is() {
    let gone = Problem::Deleted("shop".to_owned());
    assert_eq!(gone.exit(), Exit::NotFound);
    assert_eq!(Problem::NoResource.exit(), Exit::NotFound);
    assert_eq!(Problem::Refused(String::new()).exit(), Exit::Otherwise);
    assert_eq!(
        Problem::Unreachable(String::new()).exit(),
        Exit::Unreachable
    );
    assert_eq!(Problem::Output(String::new()).exit(), Exit::Error);
}

#[test]
fn a_server_that_does_not_answer_is_said_so() {
    // Nobody listens on a port that was free just now.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = format!(
        "clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{}}}}]\n\
         current-context: c\n"
    );
    let kubeconfig = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unreachable");
    std::fs::write(&kubeconfig, config).unwrap();
    for command in [&["get", "shop"][..], &["wait", "shop", "--for=live"]] {
        let mut exr = Command::new(env!("CARGO_BIN_EXE_kubectl-exr"));
        let exr = exr.args(command).arg("--kubeconfig").arg(&kubeconfig);
        let ended = exr.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(7), "{said}");
        assert!(
            said.contains("`kubectl cluster-info` tries the same"),
            "{said}"
        );
    }
}
