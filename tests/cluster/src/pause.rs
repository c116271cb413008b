//! The image of the pause container, which every pod starts with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Its name, as containerd's configuration pins it.
const NAME: &str = "localhost/changeover-pause:1";

/// Where the archive lies: beside the programs.
pub fn archive(bin: &Path) -> Result<PathBuf> {
    Ok(bin
        .parent()
        .context("the cache has no directory above its programs")?
        .join("pause.tar"))
}

/// Packs the program as a Docker archive with one layer.
pub fn write_image(program: &Path, archive: &Path) -> Result<()> {
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, "pause", 0o755, &fs::read(program)?)?;
    let layer = layer.into_inner()?;
    let digest: String = Sha256::digest(&layer)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Entrypoint": ["/pause"], "User": "65535:65535" },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
    });
    let manifest =
        json!([{ "Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"] }]);

    let mut image = tar::Builder::new(File::create(archive)?);
    append(
        &mut image,
        "config.json",
        0o644,
        config.to_string().as_bytes(),
    )?;
    append(&mut image, "layer.tar", 0o644, &layer)?;
    append(
        &mut image,
        "manifest.json",
        0o644,
        manifest.to_string().as_bytes(),
    )?;
    image.into_inner()?.sync_all()?;
    Ok(())
}

fn append(
    to: &mut tar::Builder<impl std::io::Write>,
    path: &str,
    mode: u32,
    data: &[u8],
) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(data.len() as u64);
    header.set_mode(mode);
    header.set_cksum();
    to.append_data(&mut header, path, data)
        .with_context(|| format!("cannot pack {path}"))
}
