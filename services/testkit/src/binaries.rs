//! Where the services' binaries are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

const SERVICES: [&str; 3] = ["user-service", "trade-service", "notification-service"];
static BUILDING: Mutex<()> = Mutex::new(());

/// The binary of a service, built now if it is older than the services' sources.
pub(crate) fn binary(service: &str) -> Result<PathBuf> {
    let _one_at_a_time = BUILDING.lock();
    // The test itself is <profile>/deps/<test>; binaries are in <profile>.
    let test = std::env::current_exe()?;
    let profile = test
        .ancestors()
        .nth(2)
        .context("the test runs outside a cargo target")?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("no parent folder")?;
    let changed = newest_source(sources)?;
    let fresh = |name: &&str| {
        let built = profile
            .join(name)
            .metadata()
            .and_then(|file| file.modified());
        built.is_ok_and(|built| built >= changed)
    };
    if !SERVICES.iter().all(fresh) {
        build(sources)?;
    }
    Ok(profile.join(service))
}

fn build(sources: &Path) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build
        .current_dir(sources)
        .args(["build", "--release", "--quiet"]);
    build.args(SERVICES.iter().flat_map(|name| ["-p", name]));
    ensure!(build.status()?.success(), "the services do not build");
    Ok(())
}

fn newest_source(folder: &Path) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let changed = if path.is_dir() && name != "tests" && name != "testkit" {
            newest_source(&path)?
        } else if name.ends_with(".rs") || name.ends_with(".sql") || name == "Cargo.toml" {
            path.metadata()?.modified()?
        } else {
            continue;
        };
        newest = newest.max(changed);
    }
    Ok(newest)
}
