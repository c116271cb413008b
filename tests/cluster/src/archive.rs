//! Images made of one static program, without any tool.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The image that every pod starts with, as containerd's configuration pins it.
const PAUSE: &str = "localhost/changeover-pause:1";

/// Where the pause image lies: beside the programs.
pub fn pause(bin: &Path) -> Result<PathBuf> {
    Ok(bin
        .parent()
        .context("the cache has no directory above its programs")?
        .join("pause.tar"))
}

/// Packs the pause program among the programs in `bin`.
pub fn write_pause(bin: &Path) -> Result<()> {
    write_image(PAUSE, &bin.join("pause"), &pause(bin)?)
}

/// Packs one static program as an image called `name` (`localhost/...:tag`): a
/// Docker archive with one layer, in which the program is the entry point.
pub fn write_image(name: &str, program: &Path, archive: &Path) -> Result<()> {
    let mut layer = tar::Builder::new(Vec::new());
    let content =
        fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    append(&mut layer, "program", 0o755, &content)?;
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
        "config": { "Entrypoint": ["/program"], "User": "65535:65535" },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
    });
    let manifest =
        json!([{ "Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"] }]);

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
