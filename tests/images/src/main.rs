//! Builds the images: `changeover-images [--binaries DIRECTORY]`. Prints the name and the archive of each.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

/// Builds the images of the demo and of the tests as OCI archives.
#[derive(Parser)]
struct Arguments {
    /// Where the programs are; without it, where this program is.
    #[arg(long)]
    binaries: Option<PathBuf>,
}

fn main() -> Result<()> {
    let binaries = match Arguments::parse().binaries {
        Some(directory) => directory,
        None => beside_this_program()?,
    };
    for image in changeover_images::build_all(&binaries)? {
        println!("{}\t{}", image.name, image.archive.display());
    }
    Ok(())
}

fn beside_this_program() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let directory = program
        .parent()
        .context("this program has no directory; give --binaries")?;
    Ok(directory.to_owned())
}
