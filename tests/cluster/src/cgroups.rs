//! The control groups of a cluster's pods: one root per cluster in every
//! hierarchy, whether the machine has version 1, version 2 or both.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

/// The name of a cluster's root, directly below each hierarchy.
pub fn name(cluster: &str) -> String {
    format!("changeover-{cluster}")
}

/// Makes the roots; the kubelet insists that they exist.
pub fn create(cluster: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        enable_controllers(&hierarchy);
        let root = hierarchy.join(name(cluster));
        fs::create_dir_all(&root)
            .with_context(|| format!("cannot make the control group {}", root.display()))?;
        enable_controllers(&root);
    }
    Ok(())
}

/// Removes the roots. Their processes must have been ended before.
pub fn remove(cluster: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let root = hierarchy.join(name(cluster));
        // A group is busy for a moment after its last process ended.
        let what = format!("the control group {} to become empty", root.display());
        wait::until(&what, Duration::from_secs(20), || {
            remove_tree(&root);
            Ok(!root.exists())
        })?;
    }
    Ok(())
}

/// Version 2 hands controllers down level by level. One that is missing there is
/// the kubelet's to report; version 1 has no such file.
fn enable_controllers(group: &Path) {
    for controller in ["+cpuset", "+cpu", "+io", "+memory", "+pids", "+hugetlb"] {
        let _ = fs::OpenOptions::new()
            .write(true)
            .open(group.join("cgroup.subtree_control"))
            .and_then(|mut file| {
                use std::io::Write;
                file.write_all(controller.as_bytes())
            });
    }
}

fn remove_tree(group: &Path) {
    let children = fs::read_dir(group)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    for child in children.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_tree(&child.path());
    }
    // rmdir, not a recursive delete: the files in a group are the kernel's.
    let _ = fs::remove_dir(group);
}

fn hierarchies() -> Result<Vec<PathBuf>> {
    Ok(parse_mounts(
        &fs::read_to_string("/proc/self/mounts").context("cannot read the mounts")?,
    ))
}

fn parse_mounts(mounts: &str) -> Vec<PathBuf> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (_, target, kind) = (fields.next()?, fields.next()?, fields.next()?);
            matches!(kind, "cgroup" | "cgroup2").then(|| PathBuf::from(target))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::parse_mounts;

    #[test]
    fn both_versions_are_found() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(
            parse_mounts(mounts),
            [
                PathBuf::from("/sys/fs/cgroup/cpu"),
                PathBuf::from("/sys/fs/cgroup/unified")
            ]
        );
    }
}
