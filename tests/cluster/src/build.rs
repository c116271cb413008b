//! Builds the programs of a cluster, once, into the cache.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::modules::{KUBERNETES_LINKS, MODULES, Module, Target, cache_key};
use crate::{archive, host, paths};

/// How often a person hears that a build still runs.
const PROGRESS: Duration = Duration::from_secs(3);

/// The directory of the programs; builds them when the cache has none. The
/// first time takes about ten minutes on two cores, and says so while it works.
pub fn binaries() -> Result<PathBuf> {
    let go_version = host::go_version()?;
    let entry = paths::cache()?.join("k8s").join(cache_key(&go_version));
    let bin = entry.join("bin");
    let complete = entry.join("complete");
    if complete.exists() {
        return Ok(bin);
    }
    fs::create_dir_all(&bin).with_context(|| format!("cannot make {}", bin.display()))?;
    let lock = File::create(entry.join("lock"))?;
    if lock.try_lock().is_err() {
        eprintln!("changeover-cluster: another process builds the same programs, waiting for it");
        lock.lock().context("cannot lock the cache")?;
    }
    if !complete.exists() {
        host::require_build_packages()?;
        build_all(&entry, &bin)?;
        File::create(complete)?;
    }
    Ok(bin)
}

fn build_all(entry: &Path, bin: &Path) -> Result<()> {
    let start = Instant::now();
    let steps = MODULES.iter().map(|module| module.targets.len()).sum();
    let mut step = 0;
    eprintln!(
        "changeover-cluster: building the cluster's programs into {} (once; about 10 minutes on 2 cores)",
        entry.display()
    );
    for module in MODULES {
        let source = entry.join("src").join(module.name);
        write_sources(module, &source)?;
        for target in module.targets {
            step += 1;
            Step {
                number: step,
                of: steps,
                target,
                source: &source,
                bin,
                start,
            }
            .run()?;
        }
    }
    for link in KUBERNETES_LINKS {
        let link = bin.join(link);
        let _ = fs::remove_file(&link);
        symlink("kubernetes", &link)?;
    }
    archive::write_pause(bin)?;
    eprintln!(
        "changeover-cluster: built everything in {} s",
        start.elapsed().as_secs()
    );
    Ok(())
}

fn write_sources(module: &Module, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    for (name, content) in module.files {
        fs::write(directory.join(name), content)?;
    }
    Ok(())
}

struct Step<'a> {
    number: usize,
    of: usize,
    target: &'a Target,
    source: &'a Path,
    bin: &'a Path,
    /// When the whole build began.
    start: Instant,
}

impl Step<'_> {
    fn run(&self) -> Result<()> {
        let log = self.source.join("build.log");
        self.say("building");
        let mut child = self.go_build(&log)?.spawn().context("cannot start go")?;
        let status = self.wait(&mut child)?;
        if !status.success() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("go build of {} failed:\n{said}", self.target.title);
        }
        Ok(())
    }

    fn go_build(&self, log: &Path) -> Result<Command> {
        // `nice`, because a build of ten minutes should not freeze a desktop.
        let mut command = Command::new("nice");
        command.args([
            "-n",
            "5",
            "go",
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-mod=readonly",
        ]);
        command.args(["-ldflags", self.target.ldflags]);
        if let Some(tags) = self.target.cgo_tags {
            command.args(["-tags", tags]);
        }
        // A trailing slash makes go put each program there under its own name.
        let output = format!("{}/{}", self.bin.display(), self.target.output);
        command.args(["-o", &output]).args(self.target.packages);
        command.env(
            "CGO_ENABLED",
            if self.target.cgo_tags.is_some() {
                "1"
            } else {
                "0"
            },
        );
        // Flags of a person's own environment would change what is built.
        command.env_remove("GOFLAGS").env("GOWORK", "off");
        command
            .current_dir(self.source)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log)?);
        Ok(command)
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus> {
        let mut said = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if said.elapsed() >= PROGRESS {
                self.say("building");
                said = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn say(&self, what: &str) {
        let seconds = self.start.elapsed().as_secs();
        let _ = writeln!(
            std::io::stderr(),
            "  [{}/{}] {what} {} ({seconds} s so far)",
            self.number,
            self.of,
            self.target.title
        );
    }
}
