//! What the PostgreSQL image is made from: Debian's packages, through the apt sources that the machine has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::tools;

pub const DOCKERFILE: &str = include_str!("../postgres/Dockerfile");
const ROOTFS: &str = include_str!("../postgres/rootfs.sh");
const START: &str = include_str!("../postgres/start.sh");

/// Everything that decides what the image holds, apart from Debian's packages themselves.
pub const INPUTS: [&str; 3] = [DOCKERFILE, ROOTFS, START];

/// Fills the directory that the image is built from.
///
/// # Errors
/// If the packages cannot be fetched.
pub fn prepare(context: &Path) -> Result<()> {
    tools::require(&["mmdebstrap"])?;
    tools::update_package_lists()?;
    let start = context.join("start.sh");
    fs::write(&start, START)?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755))?;
    tools::run(
        Command::new("sh")
            .args(["-c", ROOTFS, "rootfs.sh"])
            .arg(context),
        "fetching and unpacking PostgreSQL from Debian's packages",
    )
}
