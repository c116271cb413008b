//! Where things are on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout this program was built from.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The directory with the programs of the same build: the one this program is in.
///
/// # Errors
/// If the running program cannot be found.
pub fn programs() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let directory = program.parent().context("this program has no directory")?;
    // Cargo puts test programs one level deeper.
    let tests = directory.file_name().is_some_and(|name| name == "deps");
    Ok(directory
        .parent()
        .filter(|_| tests)
        .unwrap_or(directory)
        .to_owned())
}
