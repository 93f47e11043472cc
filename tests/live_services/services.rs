//! The servers: where they are, and how they are stopped and started.

use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Where the servers are.
pub struct Services {
    /// `host:port`.
    pub kafka: String,
    /// A URL with its password.
    pub postgres: String,
}

static SERVICES: LazyLock<Services> = LazyLock::new(|| {
    let told = std::env::var("GYRE_TEST_KAFKA").ok().zip(std::env::var("GYRE_TEST_POSTGRES").ok());
    let (kafka, postgres) = told.unwrap_or_else(|| {
        run("start", None);
        let lines = run("env", None);
        let value = |name: &str| {
            let start = format!("export {name}=");
            lines.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
        };
        (value("GYRE_TEST_KAFKA"), value("GYRE_TEST_POSTGRES"))
    });
    Services { kafka, postgres }
});

/// Whoever stops a server has it alone.
static ALONE: RwLock<()> = RwLock::new(());

/// The servers, which stay up while the guard is held.
pub fn up() -> (&'static Services, RwLockReadGuard<'static, ()>) {
    let guard = ALONE.read().unwrap_or_else(PoisonError::into_inner);
    (&SERVICES, guard)
}

/// The servers, for somebody who will stop them; they are up again when the guard is dropped.
pub fn alone() -> (&'static Services, Alone) {
    let guard = ALONE.write().unwrap_or_else(PoisonError::into_inner);
    (&SERVICES, Alone { _guard: guard })
}

/// See [`alone`].
pub struct Alone {
    _guard: RwLockWriteGuard<'static, ()>,
}

impl Alone {
    /// `stop`, `kill` or `start` one of them.
    pub fn act(&self, what: &str, which: &str) {
        run(what, Some(which));
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // What failed before tells more than a second panic, which would take the other tests with it.
        if let Err(why) = try_run("start", None) {
            assert!(std::thread::panicking(), "{why}");
            let _ = writeln!(std::io::stderr(), "{why}");
        }
    }
}

fn run(what: &str, which: Option<&str>) -> String {
    try_run(what, which).unwrap_or_else(|why| panic!("{why}"))
}

fn try_run(what: &str, which: Option<&str>) -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services");
    let output = Command::new(script).arg(what).args(which).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("tests/services {what} {which:?}: {said}"));
    }
    Ok(String::from_utf8(output.stdout).unwrap())
}

/// A name that nobody else has.
pub fn fresh(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
