//! Helpers of the tests that bring clusters up.

use std::fs;

use changeover_cluster::Cluster;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What kubectl prints on the machine, as the administrator.
pub fn kubectl(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = cluster
        .on_machine("kubectl")
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "kubectl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The network namespace of a cluster, as `/proc/PID/ns/net` names it.
pub fn network(cluster: &Cluster) -> String {
    let output = cluster
        .command("readlink")
        .arg("/proc/self/ns/net")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Every process in a network namespace.
pub fn processes_in(network: &str) -> Vec<i32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        fs::read_link(format!("/proc/{pid}/ns/net"))
            .is_ok_and(|link| link.to_str() == Some(network))
    })
    .collect()
}

/// What a cluster could leave on the machine. Other tests start and end
/// clusters meanwhile, so only what bears this cluster's name counts.
pub fn traces(name: &str) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mentions = |text: &str| {
        text.lines()
            .filter(|line| line.contains(name))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut traces = mentions(&mounts);
    for directory in [
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup",
        "/run/netns",
        "/sys/class/net",
    ] {
        let entries = fs::read_dir(directory).into_iter().flatten();
        traces.extend(
            entries
                .map(|entry| entry.unwrap().path().display().to_string())
                .filter(|path| path.contains(name)),
        );
    }
    traces
}

/// Ends processes as a crash would.
pub fn kill_all(pids: &[i32]) {
    for pid in pids {
        // The end of an earlier one may have taken it along.
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
}
