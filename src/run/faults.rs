//! Faults that tests make: places before and after each durable step at which the process dies or the disk is full.
//! Nothing in the program as it is built for use.

use std::io;

/// Whatever a test wants to happen here: `GYRE_FAULTS="remap: before a sync=kill:4;files: before a sync=full:2-9"` kills
/// the process the fourth time it comes by the one, and finds the disk full the second to ninth time at the other.
///
/// # Errors
/// That the disk is full.
#[cfg(feature = "failpoints")]
pub fn point(name: &'static str) -> io::Result<()> {
    made::point(name)
}

/// Nothing happens here.
///
/// # Errors
/// None.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn point(_name: &'static str) -> io::Result<()> {
    Ok(())
}

#[cfg(feature = "failpoints")]
mod made {
    use std::collections::BTreeMap;
    use std::io;
    use std::ops::RangeInclusive;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use rustix::process::{Signal, getpid, kill_process};

    struct Fault {
        place: String,
        kills: bool,
        times: RangeInclusive<u64>,
    }

    static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(|| {
        let said = std::env::var("GYRE_FAULTS").unwrap_or_default();
        said.split(';').filter_map(read).collect()
    });
    static PASSED: Mutex<BTreeMap<&str, u64>> = Mutex::new(BTreeMap::new());

    fn read(fault: &str) -> Option<Fault> {
        let (place, what) = fault.split_once('=')?;
        let (what, times) = what.split_once(':')?;
        let (first, last) = times.split_once('-').unwrap_or((times, times));
        let times = first.parse().ok()?..=last.parse().ok()?;
        Some(Fault { place: place.to_owned(), kills: what == "kill", times })
    }

    pub fn point(name: &'static str) -> io::Result<()> {
        let time = {
            let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
            let time = passed.entry(name).or_default();
            *time += 1;
            *time
        };
        match FAULTS.iter().find(|fault| fault.place == name && fault.times.contains(&time)) {
            None => Ok(()),
            Some(fault) if fault.kills => {
                let _ = kill_process(getpid(), Signal::KILL);
                loop {
                    std::thread::park();
                }
            }
            Some(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}
