//! Processes that are remembered across runs, and found again without mistake.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::wait;

/// A process as it was when it was recorded. A process number alone is not
/// enough to end something: the number may belong to another process by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    pub pid: i32,
    /// Ticks after boot at which it started.
    start: u64,
    /// The boot that the ticks count from.
    boot: String,
}

/// What `/proc/PID/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    parent: i32,
    threads: u32,
    start: u64,
}

impl Stat {
    /// Whether any of it still runs. A program's first thread can be a zombie before the others have
    /// ended, and with the last of them goes what the kernel ends with a process: of the first in a
    /// process namespace, all others in it (`pid_namespaces(7)`).
    fn is_running(&self) -> bool {
        self.state != 'Z' || self.threads > 1
    }
}

/// A process of a cluster.
#[derive(Clone, Debug)]
pub struct Member {
    pub pid: i32,
    /// The first word of its command line.
    pub program: String,
}

impl ProcessRecord {
    /// Records a process that runs now.
    pub fn of(pid: i32) -> Result<Self> {
        let stat = stat(pid).with_context(|| format!("process {pid} ended at once"))?;
        Ok(Self {
            pid,
            start: stat.start,
            boot: boot()?,
        })
    }

    /// Whether this very process, not a later one with its number, still runs.
    pub fn is_alive(&self) -> bool {
        let same_boot = boot().is_ok_and(|boot| boot == self.boot);
        same_boot && stat(self.pid).is_some_and(|now| now.start == self.start && now.is_running())
    }

    /// Ends it, and returns once it is gone.
    pub fn end(&self, signal: Signal) -> Result<()> {
        if self.is_alive() {
            // ESRCH: it ended between the look and the signal.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
        let what = format!("process {} to end after {signal}", self.pid);
        wait::until(&what, Duration::from_secs(20), || Ok(!self.is_alive()))
    }
}

/// The child of `parent`, once it runs `program`.
pub fn child_of(parent: i32, program: &str) -> Option<i32> {
    pids().find(|pid| {
        stat(*pid).is_some_and(|s| s.parent == parent)
            && program_of(*pid).is_some_and(|p| p == program)
    })
}

/// Every process in the process namespace of `init`.
pub fn members(init: i32) -> Vec<Member> {
    let namespace = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let Some(wanted) = namespace(init) else {
        return Vec::new();
    };
    pids()
        .filter(|pid| namespace(*pid).as_ref() == Some(&wanted))
        .filter_map(|pid| {
            Some(Member {
                pid,
                program: program_of(pid)?,
            })
        })
        .collect()
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn program_of(pid: i32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let first = line
        .split(|byte| *byte == 0)
        .next()
        .filter(|word| !word.is_empty())?;
    Some(String::from_utf8_lossy(first).into_owned())
}

fn boot() -> Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .context("cannot read the boot id")?
        .trim()
        .to_owned())
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// proc(5): the second field is the program's name in parentheses, which may
/// hold spaces and parentheses itself; the fields count from after the last one.
fn parse_stat(line: &str) -> Option<Stat> {
    let (_, after_name) = line.rsplit_once(") ")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use nix::sys::signal::Signal;

    use super::{ProcessRecord, Stat, child_of, parse_stat};
    use crate::wait;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 10 18446744073709551615";
        assert_eq!(
            parse_stat(line),
            Some(Stat {
                state: 'S',
                parent: 7,
                threads: 1,
                start: 987_654
            })
        );
    }

    #[test]
    fn a_process_runs_until_its_last_thread_has_ended() {
        let is_running = |state: char, threads: u32| {
            let line = format!(
                "42 (a) {state} 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 {threads} 0 987654"
            );
            parse_stat(&line).unwrap().is_running()
        };
        assert!(is_running('S', 1));
        assert!(
            is_running('Z', 2),
            "the first thread has ended, another has not"
        );
        assert!(!is_running('Z', 1));
    }

    #[test]
    fn another_process_with_the_same_number_is_not_taken_for_the_recorded_one() {
        let own = ProcessRecord::of(std::process::id() as i32).unwrap();
        assert!(own.is_alive());
        let predecessor = ProcessRecord {
            start: own.start - 1,
            ..own.clone()
        };
        assert!(!predecessor.is_alive());
        let before_reboot = ProcessRecord {
            boot: "another boot".into(),
            ..own
        };
        assert!(!before_reboot.is_alive());
    }

    #[test]
    fn a_recorded_process_is_found_as_a_child_and_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let record = ProcessRecord::of(child.id() as i32).unwrap();
        // A process that was just started has no command line for a moment.
        let own = std::process::id() as i32;
        let is_found = || Ok(child_of(own, "sleep") == Some(record.pid));
        wait::until("the child to be found", Duration::from_secs(5), is_found).unwrap();
        record.end(Signal::SIGKILL).unwrap();
        assert!(!record.is_alive());
        child.wait().unwrap();
    }
}
