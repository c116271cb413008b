//! The images of the demo and of the tests: Changeover's operator, three versions of the exchange, PostgreSQL.
//!
//! Each is an OCI archive in `<cache>/images`, built again only when what it is made from has changed. buildah and mmdebstrap come from Debian;
//! no container engine runs and no registry is contacted.

mod buildah;
mod catalogue;
mod postgres;
mod store;
mod tools;

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::buildah::Workshop;
use crate::catalogue::{Recipe, catalogue};
use crate::store::Store;

/// An image that is ready to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Fully qualified, for example `localhost/exchange-user:1.0.0`. The archive carries it as `org.opencontainers.image.ref.name`.
    pub name: String,
    /// An OCI archive.
    pub archive: PathBuf,
    /// Of the manifest. No two images share one: container runtimes mix names of one digest up when one of them is removed.
    pub digest: String,
}

/// Builds every image from the binaries in the given directory, or finds it built. Blocks; says on standard error what it does.
///
/// # Errors
/// If a binary is missing, or a program that is needed is neither there nor can be installed. The message says what to do.
pub fn build_all(binaries: &Path) -> Result<Vec<Image>> {
    build(&cache_directory()?, binaries, &catalogue())
}

/// Where Changeover keeps what it has built, outside the checkout: `$CHANGEOVER_CACHE`, else `~/.cache/changeover`.
///
/// # Errors
/// If neither `CHANGEOVER_CACHE` nor `HOME` is set.
pub fn cache_directory() -> Result<PathBuf> {
    if let Some(cache) = env::var_os("CHANGEOVER_CACHE").filter(|value| !value.is_empty()) {
        return Ok(cache.into());
    }
    let home =
        env::var_os("HOME").context("set CHANGEOVER_CACHE or HOME: images are kept there")?;
    Ok(Path::new(&home).join(".cache/changeover"))
}

fn build(cache: &Path, binaries: &Path, recipes: &[Recipe]) -> Result<Vec<Image>> {
    let store = Store::open(&cache.join("images"))?;
    let mut workshop = None;
    let mut images = Vec::new();
    for recipe in recipes {
        let inputs = store::inputs(recipe, binaries)?;
        let archive = store.archive(recipe);
        let digest = match store.current(recipe, &inputs) {
            Some(digest) => digest,
            None => {
                let workshop = match &workshop {
                    Some(open) => open,
                    None => workshop.insert(open_workshop(cache)?),
                };
                store.begin(recipe);
                let digest = workshop.build(recipe, binaries, &archive)?;
                store.finish(recipe, inputs, digest.clone())?;
                tools::say(&format!("built {}", recipe.name));
                digest
            }
        };
        images.push(Image {
            name: recipe.name.clone(),
            archive,
            digest,
        });
    }
    distinct(&images)?;
    Ok(images)
}

fn open_workshop(cache: &Path) -> Result<Workshop> {
    tools::require(&["buildah"])?;
    ensure!(
        nix::unistd::geteuid().is_root(),
        "run as root: buildah and mmdebstrap make files of other users and mount file systems"
    );
    Workshop::open(&cache.join("buildah"))
}

fn distinct(images: &[Image]) -> Result<()> {
    let mut names = HashMap::new();
    for image in images {
        let other = names.insert(&image.digest, &image.name);
        ensure!(
            other.is_none(),
            "{} and {} have the same content ({}). Give one of them a difference, such as its version",
            image.name,
            other.map_or("", |name| name),
            image.digest
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
