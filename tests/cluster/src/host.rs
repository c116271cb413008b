//! What the machine must have, and how it gets it.

use std::fs::File;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Uid;

use crate::paths;

/// Something that must be there, and the Debian package that brings it.
struct Need {
    package: &'static str,
    check: fn() -> bool,
}

const RUN: &[Need] = &[
    Need {
        package: "iproute2",
        check: || finds("ip", "-V"),
    },
    Need {
        package: "util-linux",
        check: || finds("nsenter", "-V") && finds("unshare", "-V") && finds("setsid", "-V"),
    },
    Need {
        package: "mount",
        check: || finds("mount", "-V"),
    },
    // kube-proxy and the portmap plugin call nft.
    Need {
        package: "nftables",
        check: || finds("nft", "--version"),
    },
];

const BUILD: &[Need] = &[
    Need {
        package: "gcc",
        check: || finds("gcc", "--version"),
    },
    Need {
        package: "libc6-dev",
        check: || std::path::Path::new("/usr/include/stdlib.h").exists(),
    },
    Need {
        package: "pkg-config",
        check: || finds("pkg-config", "--version"),
    },
    Need {
        package: "libseccomp-dev",
        check: || finds("pkg-config", "--exists libseccomp"),
    },
];

/// Checks that a cluster can run here; installs missing Debian packages.
pub fn require_to_run() -> Result<()> {
    ensure!(
        std::env::consts::OS == "linux",
        "a cluster needs Linux (namespaces, control groups); run this in a Linux virtual machine, or install Changeover on a cluster you have (README)"
    );
    ensure!(
        Uid::effective().is_root(),
        "a cluster needs root (namespaces, mounts, control groups); run the same command as root: `sudo -E {}`, or install Changeover on a cluster you have (README)",
        std::env::args().collect::<Vec<_>>().join(" ")
    );
    install_missing(RUN)
}

/// Checks that the programs can be built here; installs missing Debian packages.
pub fn require_build_packages() -> Result<()> {
    install_missing(BUILD)
}

/// What `go version` prints.
pub fn go_version() -> Result<String> {
    let output = Command::new("go").arg("version").output().context(
        "Go is missing: install Go 1.26.8 or newer from your distribution or https://go.dev/dl, and put `go` on the PATH",
    )?;
    ensure!(
        output.status.success(),
        "`go version` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn install_missing(needs: &[Need]) -> Result<()> {
    let packages: Vec<&str> = missing(needs);
    if packages.is_empty() {
        return Ok(());
    }
    let by_hand = format!(
        "apt-get update && apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    if !Uid::effective().is_root() || !finds("apt-get", "--version") {
        bail!(
            "missing on this machine: {}. On Debian or Ubuntu run `sudo sh -c '{by_hand}'`; elsewhere install the packages of the same purpose",
            packages.join(", ")
        );
    }
    // Several clusters, and tools/require.sh, may want packages at the same time: apt-get waits for nobody.
    let cache = paths::cache()?;
    std::fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("packages.lock"))?;
    lock.lock().context("cannot lock the packages")?;
    let packages = missing(needs);
    if packages.is_empty() {
        return Ok(());
    }
    eprintln!(
        "changeover-cluster: installing {} with apt-get",
        packages.join(", ")
    );
    let status = Command::new("sh")
        .args(["-c", &format!("({by_hand}) 1>&2")])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    let still = missing(needs);
    ensure!(
        status.success() && still.is_empty(),
        "could not install {}; run `{by_hand}` and read what it says",
        still.join(", ")
    );
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs
        .iter()
        .filter(|need| !(need.check)())
        .map(|need| need.package)
        .collect()
}

fn finds(program: &str, arguments: &str) -> bool {
    Command::new(program)
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
