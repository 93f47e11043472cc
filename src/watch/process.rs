//! The process as Linux tells it.

use std::fs;

use super::NONE;
use super::figures::Figures;

/// Times that Linux shows to programs are in hundredths of a second, whatever its own clock does.
const TICKS_PER_S: f64 = 100.0;

/// What is read of the process at each look.
#[derive(Clone, Copy, Default, Debug)]
pub struct Process {
    /// User and system time.
    pub cpu_s: f64,
    /// Bytes of memory that are there.
    pub resident_bytes: f64,
    virtual_bytes: f64,
    threads: f64,
    started_s: f64,
    fds: Option<(f64, f64)>,
}

impl Process {
    /// Looks now; nothing where there is no `/proc`.
    pub fn look() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name may hold anything; behind its last bracket come numbers, the third field first.
        let fields = stat.rsplit_once(") ")?.1;
        let field = |number: usize| fields.split(' ').nth(number - 3)?.parse::<f64>().ok();
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        let number = |name: &str| line(name)?.parse::<f64>().ok();
        Some(Self {
            cpu_s: (field(14)? + field(15)?) / TICKS_PER_S,
            threads: number("Threads:")?,
            started_s: booted_s()? + field(22)? / TICKS_PER_S,
            virtual_bytes: number("VmSize:")? * 1_024.0,
            resident_bytes: number("VmRSS:")? * 1_024.0,
            fds: fds(),
        })
    }

    /// Shows it.
    pub fn show(&self, figures: &Figures) {
        let cpu = figures.cpu.with_label_values(&NONE);
        cpu.inc_by((self.cpu_s - cpu.get()).max(0.0));
        figures.resident_memory.with_label_values(&NONE).set(self.resident_bytes);
        figures.virtual_memory.with_label_values(&NONE).set(self.virtual_bytes);
        figures.threads.with_label_values(&NONE).set(self.threads);
        figures.started.with_label_values(&NONE).set(self.started_s);
        if let Some((open, max)) = self.fds {
            figures.open_fds.with_label_values(&NONE).set(open);
            figures.max_fds.with_label_values(&NONE).set(max);
        }
    }
}

fn booted_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Descriptors that are open, and how many may be.
fn fds() -> Option<(f64, f64)> {
    // The one that looks is among them.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let max = line.split_whitespace().next()?.parse().unwrap_or(f64::INFINITY);
    Some((open as f64, max))
}
