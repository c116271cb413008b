//! The archives that are already there, and whether they still hold what they should.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::buildah::DOCKERFILE;
use crate::catalogue::{Content, Recipe};
use crate::{postgres, tools};

/// A directory of archives. One process at a time builds into it.
pub struct Store {
    directory: PathBuf,
    _lock: File,
}

/// What is written beside an archive.
#[derive(Serialize, Deserialize)]
struct Label {
    inputs: String,
    digest: String,
}

impl Store {
    /// Opens the directory, and waits while another process builds into it.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn open(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        let lock = File::create(directory.join(".lock"))?;
        if lock.try_lock().is_err() {
            tools::say("another process is building images; waiting for it");
            lock.lock()?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// Where the archive of a recipe stands, or will.
    pub fn archive(&self, recipe: &Recipe) -> PathBuf {
        self.directory.join(recipe.archive())
    }

    /// The digest of the archive, if it was built from these inputs.
    pub fn current(&self, recipe: &Recipe, inputs: &str) -> Option<String> {
        let label: Label = serde_json::from_slice(&fs::read(self.label(recipe)).ok()?).ok()?;
        (label.inputs == inputs && self.archive(recipe).is_file()).then_some(label.digest)
    }

    /// Takes the label away while the archive is written anew: a build that was cut short is then repeated.
    pub fn begin(&self, recipe: &Recipe) {
        let _ = fs::remove_file(self.label(recipe));
    }

    /// Notes what an archive was built from.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn finish(&self, recipe: &Recipe, inputs: String, digest: String) -> Result<()> {
        let label = serde_json::to_vec_pretty(&Label { inputs, digest })?;
        fs::write(self.label(recipe), label).context("labelling an archive")
    }

    fn label(&self, recipe: &Recipe) -> PathBuf {
        self.archive(recipe).with_extension("json")
    }
}

/// A hash of everything that an image is built from.
///
/// # Errors
/// If the binary is not there.
pub fn inputs(recipe: &Recipe, binaries: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    add(&mut hash, format!("{recipe:?}").as_bytes());
    match &recipe.content {
        Content::Program { binary, .. } => {
            let path = binaries.join(binary);
            ensure!(
                path.is_file(),
                "{} is missing. Build it: cargo build --release --workspace --bins",
                path.display()
            );
            add(&mut hash, DOCKERFILE.as_bytes());
            add(&mut hash, &fs::read(&path)?);
        }
        Content::Postgres => postgres::INPUTS
            .iter()
            .for_each(|part| add(&mut hash, part.as_bytes())),
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// With the length in front, so that no two lists of parts run together.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update(part.len().to_le_bytes());
    hash.update(part);
}
