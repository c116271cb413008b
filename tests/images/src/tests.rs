//! Builds real archives from stand-in binaries, in a cache of their own.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::catalogue::Content;

/// A cache and a directory of stand-in binaries.
struct Bench {
    area: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            area: TempDir::new().unwrap(),
        };
        fs::create_dir(bench.binaries()).unwrap();
        for binary in [
            "changeover-operator",
            "user-service",
            "trade-service",
            "notification-service",
        ] {
            bench.program(binary, binary);
        }
        bench
    }

    fn binaries(&self) -> PathBuf {
        self.area.path().join("binaries")
    }

    fn program(&self, binary: &str, content: &str) {
        fs::write(self.binaries().join(binary), content).unwrap();
    }

    /// Everything but PostgreSQL, which takes half a minute and has nothing to do with binaries.
    fn build(&self) -> Vec<Image> {
        let recipes: Vec<_> = catalogue()
            .into_iter()
            .filter(|recipe| recipe.content != Content::Postgres)
            .collect();
        build(&self.area.path().join("cache"), &self.binaries(), &recipes).unwrap()
    }
}

fn image<'a>(images: &'a [Image], name: &str) -> &'a Image {
    images.iter().find(|image| image.name == name).unwrap()
}

fn entry(archive: &Path, path: &str) -> Value {
    let tar = Command::new("tar")
        .args(["--extract", "--to-stdout", "--file"])
        .arg(archive)
        .arg(path)
        .output()
        .unwrap();
    assert!(
        tar.status.success(),
        "{}",
        String::from_utf8_lossy(&tar.stderr)
    );
    serde_json::from_slice(&tar.stdout).unwrap()
}

fn blob(archive: &Path, digest: &Value) -> Value {
    entry(
        archive,
        &format!("blobs/{}", digest.as_str().unwrap().replace(':', "/")),
    )
}

fn manifest(archive: &Path) -> Value {
    blob(
        archive,
        &entry(archive, "index.json")["manifests"][0]["digest"],
    )
}

fn config(archive: &Path) -> Value {
    blob(archive, &manifest(archive)["config"]["digest"])["config"].clone()
}

fn written(images: &[Image]) -> Vec<SystemTime> {
    images
        .iter()
        .map(|image| fs::metadata(&image.archive).unwrap().modified().unwrap())
        .collect()
}

#[test]
fn an_archive_carries_name_version_and_a_numeric_user() {
    let bench = Bench::new();
    let images = bench.build();
    let user = image(&images, "localhost/exchange-user:2.0.0");
    let index = entry(&user.archive, "index.json");
    assert_eq!(
        index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"],
        "localhost/exchange-user:2.0.0"
    );
    assert_eq!(index["manifests"][0]["digest"], user.digest.as_str());
    assert_eq!(
        manifest(&user.archive)["layers"].as_array().unwrap().len(),
        1
    );
    let config = config(&user.archive);
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], serde_json::json!(["/program"]));
    let env = config["Env"].as_array().unwrap();
    assert!(env.contains(&"EXCHANGE_VERSION=2.0.0".into()), "{env:?}");
    assert!(
        env.contains(&"EXCHANGE_FEATURES=limit-orders,member-since".into()),
        "{env:?}"
    );
    assert!(
        !env.iter()
            .any(|line| line.as_str().unwrap().starts_with("EXCHANGE_FAULT")),
        "{env:?}"
    );
}

#[test]
fn the_broken_release_says_so_in_its_environment() {
    let bench = Bench::new();
    let images = bench.build();
    let env = |name| config(&image(&images, name).archive)["Env"].to_string();
    assert!(env("localhost/exchange-user:3.0.0").contains("EXCHANGE_FAULT=wrong-version"));
    assert!(!env("localhost/exchange-trade:3.0.0").contains("EXCHANGE_FAULT"));
}

#[test]
fn only_images_whose_binary_changed_are_built_again() {
    let bench = Bench::new();
    let first = bench.build();
    let before = written(&first);
    assert_eq!(written(&bench.build()), before, "nothing had changed");

    bench.program("trade-service", "another trade");
    let second = bench.build();
    for ((old, new), image) in before.iter().zip(written(&second)).zip(&second) {
        assert_eq!(
            *old != new,
            image.name.contains("exchange-trade"),
            "{}",
            image.name
        );
    }
}

#[test]
fn the_same_input_gives_the_same_digest() {
    let digests = |images: Vec<Image>| {
        images
            .into_iter()
            .map(|image| image.digest)
            .collect::<Vec<_>>()
    };
    assert_eq!(digests(Bench::new().build()), digests(Bench::new().build()));
}

#[test]
fn a_missing_binary_is_named_with_the_command_that_builds_it() {
    let bench = Bench::new();
    fs::remove_file(bench.binaries().join("user-service")).unwrap();
    let error = build(
        &bench.area.path().join("cache"),
        &bench.binaries(),
        &catalogue()[2..],
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("user-service is missing") && error.contains("cargo build"),
        "{error}"
    );
}

#[test]
fn two_names_of_one_digest_are_refused() {
    let named = |name: &str| Image {
        name: name.to_owned(),
        archive: PathBuf::new(),
        digest: "sha256:0".to_owned(),
    };
    let error = distinct(&[named("localhost/a:1"), named("localhost/b:1")])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("localhost/a:1") && error.contains("localhost/b:1"),
        "{error}"
    );
}
