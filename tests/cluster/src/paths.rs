//! Where things are kept: the cache, and one directory per cluster.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// The cache: `CHANGEOVER_CACHE`, or `~/.cache/changeover`.
pub fn cache() -> Result<PathBuf> {
    let cache = match std::env::var_os("CHANGEOVER_CACHE") {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => {
            let home = std::env::var_os("HOME")
                .context("neither CHANGEOVER_CACHE nor HOME is set; set CHANGEOVER_CACHE to a directory with 5 GB free")?;
            PathBuf::from(home).join(".cache/changeover")
        }
    };
    ensure!(
        cache.is_absolute(),
        "CHANGEOVER_CACHE must be an absolute path, not {}",
        cache.display()
    );
    // The cluster covers /run with one of its own and would not find its files.
    ensure!(
        !cache.starts_with("/run") && !cache.starts_with("/proc"),
        "CHANGEOVER_CACHE must not lie below /run or /proc"
    );
    Ok(cache)
}

/// The directory of one cluster: everything that a run of it writes.
pub fn state(name: &str) -> Result<PathBuf> {
    check_name(name)?;
    Ok(cache()?.join("clusters").join(name))
}

/// Names are directories and control groups, so they are kept plain.
fn check_name(name: &str) -> Result<()> {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if name.is_empty() || name.len() > 40 || !plain || name.starts_with('-') || name.ends_with('-')
    {
        bail!(
            "the cluster name {name:?} must be 1 to 40 lower-case letters, digits or inner dashes"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn plain_names_are_accepted() {
        for name in ["changeover", "e2e-1", "a"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn names_that_would_leave_the_directory_are_refused() {
        for name in [
            "",
            "..",
            "a/b",
            "-a",
            "a-",
            "Upper",
            "with space",
            &"x".repeat(41),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
