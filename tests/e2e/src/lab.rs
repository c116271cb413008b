//! The cluster, with all images in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use changeover_cluster::{Cluster, Mode, Options};
use changeover_images::{Image, build_all};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use crate::checkout::programs;
use crate::say::{during, say};

/// A cluster in which the operator's, the exchange's and PostgreSQL's images can be run.
pub struct Lab {
    cluster: Cluster,
}

impl Lab {
    /// Brings the cluster up, or takes over the one that runs, and loads every image it does not hold yet. The images are built from the
    /// programs beside this one.
    ///
    /// # Errors
    /// If the machine lacks something; the message says what.
    pub fn up(name: &str) -> Result<Self> {
        let cluster = during("bringing the cluster up", || {
            Cluster::up(&Options {
                name: name.to_owned(),
                mode: Mode::Full,
            })
        })?;
        let images = during("building the images", || build_all(&programs()?))?;
        let lab = Self { cluster };
        during("loading the images", || lab.load(&images))?;
        Ok(lab)
    }

    /// The cluster itself.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A client of the API server. It belongs to the runtime that asked for it.
    ///
    /// # Errors
    /// If the cluster's kubeconfig cannot be used.
    pub async fn client(&self) -> Result<Client> {
        let kubeconfig = Kubeconfig::read_from(self.cluster.kubeconfig())?;
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(changeover_client::connect(config)?)
    }

    /// What a program of the cluster (`kubectl`, `helm`) prints.
    ///
    /// # Errors
    /// If it fails; with what it said.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        self.finish(program, arguments, None)
    }

    /// `kubectl apply` of these objects in a namespace.
    ///
    /// # Errors
    /// If the API server refuses one; with what it said.
    pub fn apply(&self, namespace: &str, objects: &[Value]) -> Result<()> {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let arguments = ["--namespace", namespace, "apply", "--filename", "-"];
        self.finish("kubectl", &arguments, Some(&serde_json::to_vec(&list)?))
            .map(drop)
    }

    fn finish(&self, program: &str, arguments: &[&str], input: Option<&[u8]>) -> Result<String> {
        let mut command: Command = self.cluster.on_machine(program);
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            stdin.write_all(input)?;
        }
        let what = format!("{program} {}", arguments.join(" "));
        let output = during(&what, || child.wait_with_output())?;
        ensure!(
            output.status.success(),
            "{what}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn load(&self, images: &[Image]) -> Result<()> {
        let mut loaded = self.loaded();
        for image in images {
            if loaded.get(&image.name) == Some(&image.digest) {
                continue;
            }
            self.cluster.load_image(&image.archive)?;
            say(format!("  loaded {}", image.name));
            loaded.insert(image.name.clone(), image.digest.clone());
            fs::write(self.record(), serde_json::to_vec_pretty(&loaded)?)?;
        }
        Ok(())
    }

    /// Digests of the images that were loaded, by name.
    fn loaded(&self) -> BTreeMap<String, String> {
        let record = fs::read(self.record()).unwrap_or_default();
        serde_json::from_slice(&record).unwrap_or_default()
    }

    /// In the cluster's own directory, so that it ends with the cluster.
    fn record(&self) -> PathBuf {
        self.cluster.kubeconfig().with_file_name("images.json")
    }
}
