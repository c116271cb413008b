//! From a recipe to an OCI archive, with buildah. No engine runs and no registry is contacted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::catalogue::{Content, Recipe};
use crate::postgres;
use crate::tools;

/// The root `Dockerfile`, as it was when this program was built.
pub const DOCKERFILE: &str = include_str!("../../../Dockerfile");

/// A working area of one build: buildah's storage and the directories that images are made from. Removed at the end.
pub struct Workshop {
    area: TempDir,
}

impl Workshop {
    /// Opens one as the only content of the given directory: what a killed build left there goes.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn open(directory: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        let area = TempDir::with_prefix_in("build-", directory)?;
        Ok(Self { area })
    }

    /// Builds one image into `archive` and answers with its digest.
    ///
    /// # Errors
    /// If a program that is needed cannot be installed or fails.
    pub fn build(&self, recipe: &Recipe, binaries: &Path, archive: &Path) -> Result<String> {
        let context = self
            .area
            .path()
            .join(recipe.archive().trim_end_matches(".tar"));
        fs::create_dir(&context)?;
        self.bud(recipe, binaries, &context)?;
        fs::remove_dir_all(&context)?;
        self.export(recipe, archive)
    }

    fn bud(&self, recipe: &Recipe, binaries: &Path, context: &Path) -> Result<()> {
        let mut bud = self.buildah("bud");
        // Layers: a stage that only sets the environment adds none. No cache: buildah's takes no notice of build arguments, and would hand
        // version 1 out as version 2. A fixed time: the same input gives the same digest.
        bud.args([
            "--isolation",
            "chroot",
            "--layers",
            "--no-cache",
            "--pull-never",
            "--timestamp",
            "0",
            "--tag",
            &recipe.name,
        ]);
        let dockerfile = match &recipe.content {
            Content::Program {
                binary,
                target,
                arguments,
            } => {
                fs::copy(binaries.join(binary), context.join(binary))?;
                bud.args([
                    "--target",
                    target,
                    "--build-arg",
                    &format!("BINARY={binary}"),
                ]);
                for (name, value) in arguments {
                    bud.args(["--build-arg", &format!("{name}={value}")]);
                }
                DOCKERFILE
            }
            Content::Postgres => {
                postgres::prepare(context)?;
                postgres::DOCKERFILE
            }
        };
        let file = self.area.path().join("Dockerfile");
        fs::write(&file, dockerfile)?;
        bud.arg("--file").arg(file).arg(context);
        tools::run(&mut bud, &format!("building {}", recipe.name))
    }

    /// Written beside its place and then moved there: whoever reads archives never sees half of one.
    fn export(&self, recipe: &Recipe, archive: &Path) -> Result<String> {
        let digest = self.area.path().join("digest");
        let unfinished = archive.with_extension("tar.unfinished");
        let mut push = self.buildah("push");
        push.args(["--digestfile"]).arg(&digest);
        push.arg(&recipe.name);
        push.arg(format!(
            "oci-archive:{}:{}",
            unfinished.display(),
            recipe.name
        ));
        // buildah adds to an archive that is already there.
        let _ = fs::remove_file(&unfinished);
        tools::run(&mut push, &format!("writing {}", archive.display()))?;
        fs::rename(&unfinished, archive)?;
        Ok(fs::read_to_string(&digest)?.trim().to_owned())
    }

    fn buildah(&self, command: &str) -> Command {
        let mut buildah = Command::new("buildah");
        // vfs needs nothing of the kernel, and leaves no mount behind.
        buildah.args(["--storage-driver", "vfs"]);
        buildah.arg("--root").arg(self.storage("root"));
        buildah.arg("--runroot").arg(self.storage("run"));
        buildah.arg(command);
        buildah
    }

    fn storage(&self, part: &str) -> PathBuf {
        self.area.path().join("storage").join(part)
    }
}
