//! A process of a cluster, and the one that started it.

use std::path::PathBuf;

use rustix::process::getppid;

use crate::error::{Domain, Error, Result};
use crate::texts::Key;

/// The very same program, also where its file was replaced meanwhile.
pub fn own_program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { running } else { std::env::current_exe().unwrap_or(running) }
}

/// From now on this process ends with the one that started it, however that ends.
///
/// # Errors
/// Exit 3 where that is gone already.
pub fn end_with(parent: u32) -> Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(Error::bug)?;
    let is_there = getppid().is_some_and(|pid| pid.as_raw_nonzero().get() == parent as i32);
    if is_there { Ok(()) } else { Err(Error::unreachable(Domain::Config, Key::ClusterGone)) }
}
