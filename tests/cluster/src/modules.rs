//! What is built: pinned Go modules, carried inside this library, so that it
//! needs no checkout and its cache key is exactly what it builds.

use sha2::{Digest, Sha256};

/// A Go module of ours with its pinned dependencies.
pub struct Module {
    pub name: &'static str,
    /// Name and content of each file.
    pub files: &'static [(&'static str, &'static str)],
    pub targets: &'static [Target],
}

/// One `go build`.
pub struct Target {
    /// What a person reads while it runs.
    pub title: &'static str,
    pub packages: &'static [&'static str],
    /// A file in the output directory, or nothing: then each package has its own name.
    pub output: &'static str,
    /// Builds with cgo and these tags; without cgo when absent.
    pub cgo_tags: Option<&'static str>,
    pub ldflags: &'static str,
}

macro_rules! module_files {
    ($directory:literal: $($file:literal),+) => {
        &[$(($file, include_str!(concat!("../go/", $directory, "/", $file)))),+]
    };
}

const PLAIN: &str = "-s -w";

/// In the order in which they are built: quick ones first, so that a missing
/// compiler shows at once.
pub const MODULES: &[Module] = &[
    Module {
        name: "keeper",
        files: module_files!("keeper": "go.mod", "main.go"),
        targets: &[Target {
            title: "keeper",
            packages: &["."],
            output: "keeper",
            cgo_tags: None,
            ldflags: PLAIN,
        }],
    },
    Module {
        name: "pause",
        files: module_files!("pause": "go.mod", "main.go"),
        targets: &[Target {
            title: "pause",
            packages: &["."],
            output: "pause",
            cgo_tags: None,
            ldflags: PLAIN,
        }],
    },
    Module {
        name: "containers",
        files: module_files!("containers": "go.mod", "go.sum"),
        targets: &[
            Target {
                title: "runc 1.5.2",
                packages: &["github.com/opencontainers/runc"],
                output: "",
                // Without seccomp every pod fails: the runtime's default profile is a seccomp one.
                cgo_tags: Some("seccomp"),
                ldflags: PLAIN,
            },
            Target {
                title: "containerd 2.3.7 and CNI plugins 1.9.1",
                packages: &[
                    "github.com/containerd/containerd/v2/cmd/containerd",
                    "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
                    "github.com/containerd/containerd/v2/cmd/ctr",
                    "github.com/containernetworking/plugins/plugins/ipam/host-local",
                    "github.com/containernetworking/plugins/plugins/main/bridge",
                    "github.com/containernetworking/plugins/plugins/main/loopback",
                    "github.com/containernetworking/plugins/plugins/meta/portmap",
                ],
                output: "",
                cgo_tags: None,
                ldflags: "-s -w -X github.com/containerd/containerd/v2/version.Version=v2.3.7",
            },
        ],
    },
    Module {
        name: "kubernetes",
        files: module_files!("kubernetes": "go.mod", "go.sum", "main.go"),
        targets: &[Target {
            title: "Kubernetes 1.36.3 and etcd 3.6.8 (the longest part)",
            packages: &["."],
            output: "kubernetes",
            cgo_tags: None,
            ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/client-go/pkg/version.gitVersion=v1.36.3",
        }],
    },
    Module {
        name: "coredns",
        files: module_files!("coredns": "go.mod", "go.sum", "main.go"),
        targets: &[Target {
            title: "CoreDNS 1.14.1",
            packages: &["."],
            output: "coredns",
            cgo_tags: None,
            ldflags: PLAIN,
        }],
    },
    Module {
        name: "helm",
        files: module_files!("helm": "go.mod", "go.sum"),
        targets: &[Target {
            title: "helm 3.22.0",
            packages: &["helm.sh/helm/v3/cmd/helm"],
            output: "",
            cgo_tags: None,
            ldflags: "-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0",
        }],
    },
    Module {
        name: "kwok",
        files: module_files!("kwok": "go.mod", "go.sum", "main.go"),
        targets: &[Target {
            title: "kwok 0.8.0",
            packages: &["."],
            output: "kwok",
            cgo_tags: None,
            ldflags: PLAIN,
        }],
    },
];

/// The names under which the binary `kubernetes` is called.
pub const KUBERNETES_LINKS: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
];

/// Raised when the cache entry itself changes: its links, the pause image.
const LAYOUT: &str = "layout 2";

/// Names the cache entry: the same sources by the same compiler, the same key.
pub fn cache_key(go_version: &str) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        // The length keeps "ab" + "c" and "a" + "bc" apart.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    };
    add(LAYOUT);
    add(go_version);
    for module in MODULES {
        for (name, content) in module.files {
            add(module.name);
            add(name);
            add(content);
        }
        for target in module.targets {
            target.packages.iter().for_each(|package| add(package));
            [
                target.output,
                target.cgo_tags.unwrap_or("no cgo"),
                target.ldflags,
            ]
            .into_iter()
            .for_each(&mut add);
        }
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MODULES, cache_key};

    #[test]
    fn the_key_depends_on_the_compiler_and_nothing_random() {
        assert_eq!(cache_key("go1"), cache_key("go1"));
        assert_ne!(cache_key("go1"), cache_key("go2"));
    }

    #[test]
    fn every_module_with_dependencies_pins_their_checksums() {
        for module in MODULES {
            let file = |name| {
                module
                    .files
                    .iter()
                    .find(|(file, _)| *file == name)
                    .map(|(_, content)| *content)
            };
            let has_dependencies = file("go.mod").unwrap().contains("require");
            assert_eq!(
                has_dependencies,
                file("go.sum").is_some(),
                "{}",
                module.name
            );
        }
    }
}
