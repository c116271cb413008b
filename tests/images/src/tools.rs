//! The programs that images are built with, and running them.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// A command that takes longer than this says that it is at work, and says it again after every pause of `NEXT_SIGNS`.
const FIRST_SIGN: Duration = Duration::from_secs(1);
const NEXT_SIGNS: Duration = Duration::from_secs(5);

/// Makes sure that the Debian packages are there whose program of the same name is needed.
///
/// # Errors
/// If one is missing and cannot be installed; the message holds the command that does it.
pub fn require(packages: &[&str]) -> Result<()> {
    let missing: Vec<_> = packages
        .iter()
        .copied()
        .filter(|name| !installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!(
        "apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    ensure!(
        installed("apt-get"),
        "images are built with {}, which this machine does not have. On Debian: {by_hand}",
        missing.join(" and ")
    );
    ensure!(nix::unistd::geteuid().is_root(), "run as root: {by_hand}");
    update_package_lists()?;
    run(
        apt()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
        &format!("installing {}", missing.join(", ")),
    )
    .with_context(|| format!("install by hand: {by_hand}"))
}

/// Fetches apt's package lists where there are none, as in a fresh container.
///
/// # Errors
/// If apt cannot reach its sources.
pub fn update_package_lists() -> Result<()> {
    let lists = Command::new("apt-get")
        .args(["indextargets", "Created-By: Packages", "Origin: Debian"])
        .output()
        .context("apt-get")?;
    if lists.stdout.is_empty() {
        run(apt().arg("update"), "fetching apt's package lists")?;
    }
    Ok(())
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    // Another package installation may be under way.
    apt.args(["--quiet", "--option", "DPkg::Lock::Timeout=300"]);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

fn installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| is_file(&directory.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file())
}

/// Runs a command to its end. If that takes long, it tells on standard error what is going on.
///
/// # Errors
/// If it fails; the message ends with what the command wrote.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let mut output = tempfile::tempfile().context("temporary file")?;
    let started = Instant::now();
    let status = wait(command, &output, what).with_context(|| format!("{what}: {command:?}"))?;
    if !status.success() {
        output.rewind()?;
        let mut text = String::new();
        output.read_to_string(&mut text)?;
        bail!("{what} failed ({status}): {command:?}\n{}", text.trim_end());
    }
    if started.elapsed() > FIRST_SIGN {
        say(&format!("{what}: {:.1} s", started.elapsed().as_secs_f32()));
    }
    Ok(())
}

fn wait(command: &mut Command, output: &File, what: &str) -> io::Result<ExitStatus> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .spawn()?;
    let started = Instant::now();
    let (ended, end) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || ended.send(child.wait()));
        let mut pause = FIRST_SIGN;
        loop {
            match end.recv_timeout(pause) {
                Ok(status) => return status,
                Err(RecvTimeoutError::Timeout) => {
                    say(&format!("{what} ... {} s", started.elapsed().as_secs()))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("nobody waits for the command"));
                }
            }
            pause = NEXT_SIGNS;
        }
    })
}

/// One line of progress.
pub fn say(line: &str) {
    eprintln!("images: {line}");
}
