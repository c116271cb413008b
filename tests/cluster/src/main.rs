//! The command `changeover-cluster`: a real Kubernetes on this machine.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use changeover_cluster::{Cluster, Mode, Options, binaries};
use clap::{Args, Parser, Subcommand};

/// A real Kubernetes on this machine, in namespaces of its own
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the programs into the cache, if they are not there
    Build,
    /// Bring a cluster up; one that runs is left as it is
    Up {
        #[command(flatten)]
        cluster: Name,
        /// Only etcd, kube-apiserver and kube-controller-manager: no pods
        #[arg(long)]
        control_plane_only: bool,
    },
    /// End a cluster and leave nothing of it behind
    Down(Name),
    /// Print what to export for kubectl and helm: eval "$(changeover-cluster env)"
    Env(Name),
    /// Run a program in the cluster's network
    Exec {
        #[command(flatten)]
        cluster: Name,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        program: Vec<String>,
    },
    /// Import images from OCI or Docker archives
    Load {
        #[command(flatten)]
        cluster: Name,
        #[arg(required = true)]
        archives: Vec<PathBuf>,
    },
}

#[derive(Args)]
struct Name {
    /// Clusters with different names live side by side
    #[arg(long, default_value = "changeover")]
    name: String,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("changeover-cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Build => println!("{}", binaries()?.display()),
        Command::Up {
            cluster: Name { name },
            control_plane_only,
        } => up(name, control_plane_only)?,
        Command::Down(Name { name }) => Cluster::remove(&name)?,
        Command::Env(Name { name }) => print_environment(&Cluster::open(&name)?),
        Command::Exec {
            cluster: Name { name },
            program,
        } => exec(&Cluster::open(&name)?, &program)?,
        Command::Load {
            cluster: Name { name },
            archives,
        } => {
            let cluster = Cluster::open(&name)?;
            archives
                .iter()
                .try_for_each(|archive| cluster.load_image(archive))?;
        }
    }
    Ok(())
}

fn up(name: String, control_plane_only: bool) -> Result<()> {
    let start = Instant::now();
    let mode = if control_plane_only {
        Mode::ControlPlane
    } else {
        Mode::Full
    };
    let cluster = Cluster::up(&Options {
        name: name.clone(),
        mode,
    })?;
    println!(
        "cluster {name} is up after {:.1} s",
        start.elapsed().as_secs_f32()
    );
    println!("  kubeconfig: {}", cluster.kubeconfig().display());
    println!("  programs:   {}", cluster.bin_directory().display());
    // It need not be on anybody's PATH.
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    println!(
        "  both in your shell: eval \"$({} env --name {name})\"",
        this.display()
    );
    Ok(())
}

fn print_environment(cluster: &Cluster) {
    println!("export KUBECONFIG={:?}", cluster.kubeconfig());
    println!("export KUBECACHEDIR={:?}", cluster.kubectl_cache());
    println!("export PATH={:?}:\"$PATH\"", cluster.bin_directory());
}

/// Replaces this process, so that signals and the exit code are the program's own.
fn exec(cluster: &Cluster, program: &[String]) -> Result<()> {
    let (name, arguments) = program.split_first().context("no program given")?;
    let error = cluster.command(name).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {name}"))
}
