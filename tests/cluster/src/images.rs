//! Images of the node: archives in, no registry.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::containers::{ctr, run};
use crate::inside::Inside;
use crate::wait;

/// containerd's label on images that the kubelet's side knows.
const KNOWN_TO_KUBELET: &str = "io.cri-containerd.image=managed";

/// Imports every image of an OCI or Docker archive, and returns once the
/// kubelet can start pods from them.
pub fn load(inside: Inside, archive: &Path) -> Result<()> {
    // As standard input, because the cluster's own directories may hide the file.
    let file = File::open(archive)
        .with_context(|| format!("cannot read the image {}", archive.display()))?;
    run(ctr(inside).args(["images", "import", "-"]).stdin(file))
        .with_context(|| format!("cannot import {}", archive.display()))?;
    wait::until(
        "the imported images to be known to the kubelet",
        Duration::from_secs(30),
        || {
            let list = run(ctr(inside).args(["images", "list"]))?;
            Ok(list
                .lines()
                .skip(1)
                .all(|line| line.contains(KNOWN_TO_KUBELET)))
        },
    )
}

/// Whether containerd answers.
pub fn ready(inside: Inside) -> Result<bool> {
    Ok(ctr(inside)
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?
        .success())
}
