//! What an operator's process takes of the machine.

use anyhow::{Context, Result};
use procfs::process::Process;

use crate::operator::Operator;

impl Operator {
    /// CPU time since it started, of its own and of the kernel for it.
    ///
    /// # Errors
    /// When it does not run.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.process()?.stat()?;
        let ticks = u32::try_from(stat.utime + stat.stime)?;
        Ok(f64::from(ticks) / f64::from(u32::try_from(procfs::ticks_per_second())?))
    }

    /// Resident memory now, in megabytes of a million bytes.
    ///
    /// # Errors
    /// When it does not run.
    pub fn memory_mb(&self) -> Result<f64> {
        megabytes(self.process()?.status()?.vmrss)
    }

    /// The most that was resident so far.
    ///
    /// # Errors
    /// When it does not run.
    pub fn peak_memory_mb(&self) -> Result<f64> {
        megabytes(self.process()?.status()?.vmhwm)
    }

    fn process(&self) -> Result<Process> {
        Ok(Process::new(i32::try_from(self.id())?)?)
    }
}

fn megabytes(kibibytes: Option<u64>) -> Result<f64> {
    let kibibytes = kibibytes.context("the process has ended")?;
    Ok(f64::from(u32::try_from(kibibytes)?) * 1024.0 / 1e6)
}
