//! What is remembered of a cluster between commands.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::Mode;
use crate::keeper::Keeper;

/// What is remembered of a running cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) mode: Mode,
    /// Whether it was given a node of kwok: its pods do not stay as whoever comes next makes them.
    #[serde(default)]
    pub(super) is_played: bool,
    pub(super) bin: PathBuf,
    pub(super) keeper: Keeper,
}

impl Record {
    pub(super) fn read(state: &Path) -> Result<Option<Self>> {
        let path = file(state);
        match fs::read(&path) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                    format!("{} is damaged", path.display())
                })?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => bail!("cannot read {}: {error}", path.display()),
        }
    }

    pub(super) fn write(&self, state: &Path) -> Result<()> {
        let path = file(state);
        fs::write(&path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn file(state: &Path) -> PathBuf {
    state.join("cluster.json")
}
