//! A PostgreSQL that belongs to one test.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown, geteuid};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;

const INSTALL: &str =
    "PostgreSQL is needed for this test. Install it with: apt-get install -y postgresql-15";

/// A PostgreSQL on a socket in a directory of its own; gone when dropped.
pub struct Postgres {
    directory: TempDir,
    server: Option<Child>,
}

impl Postgres {
    /// Starts a server with an empty database `exchange`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the message says what to do.
    pub async fn start() -> Result<Self> {
        let directory = TempDir::with_prefix("exchange-db-")?;
        let data = directory.path().join("data");
        let mut initdb = as_user("initdb", directory.path())?;
        initdb.args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        let made = initdb.arg(&data).output().context(INSTALL)?;
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        ensure!(made.status.success(), "initdb failed: {said}");
        let mut postgres = Self {
            directory,
            server: None,
        };
        postgres.restart().await?;
        let mut admin = postgres.connect("postgres").await?;
        sqlx::query("CREATE DATABASE exchange")
            .execute(&mut admin)
            .await?;
        Ok(postgres)
    }

    /// Starts the server again after [`Postgres::stop`].
    ///
    /// # Errors
    /// When it does not answer within 20 s.
    pub async fn restart(&mut self) -> Result<()> {
        let mut server = as_user("postgres", self.directory.path())?;
        server.arg("-D").arg(self.directory.path().join("data"));
        server.arg("-k").arg(self.directory.path());
        // Nothing here outlives the test, so nothing needs to reach the disk.
        for setting in ["listen_addresses=", "fsync=off", "max_connections=100"] {
            server.args(["-c", setting]);
        }
        server.stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(server.spawn()?);
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = self.connect("postgres").await {
            if Instant::now() > deadline {
                bail!("PostgreSQL does not answer: {error}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Stops the server as an administrator would: open sessions are ended.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            if let Ok(pid) = i32::try_from(server.id()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
            }
            let _ = server.wait();
        }
    }

    /// What services take as `DATABASE_URL`.
    pub fn url(&self) -> String {
        self.url_of("exchange")
    }

    /// A connection to the services' database, for looking behind their backs.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn look(&self) -> Result<PgConnection> {
        self.connect("exchange").await
    }

    fn url_of(&self, database: &str) -> String {
        let socket = self
            .directory
            .path()
            .display()
            .to_string()
            .replace('/', "%2F");
        format!("postgres://postgres@localhost/{database}?host={socket}")
    }

    async fn connect(&self, database: &str) -> Result<PgConnection> {
        let options: sqlx::postgres::PgConnectOptions = self.url_of(database).parse()?;
        let mut connection = options.connect().await?;
        connection.ping().await?;
        Ok(connection)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A program of PostgreSQL. It refuses to run as root, so root runs it as another user.
fn as_user(program: &str, directory: &Path) -> Result<Command> {
    let mut command = Command::new(newest()?.join(program));
    command.current_dir(directory);
    if geteuid().is_root() {
        let user = ["postgres", "nobody"]
            .iter()
            .find_map(|name| User::from_name(name).ok()?);
        let user = user.context("neither a user postgres nor a user nobody exists")?;
        chown(directory, Some(user.uid), Some(user.gid))?;
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command)
}

fn newest() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").context(INSTALL)?;
    let programs = versions.flatten().map(|version| version.path().join("bin"));
    programs
        .filter(|bin| bin.join("initdb").exists())
        .max()
        .context(INSTALL)
}
