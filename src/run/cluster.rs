//! Several processes that keep the books of one job together.
//!
//! ```text
//!                 ┌── hello, welcome ──┐     ┌─ again, close tick ─▶┐
//!  process 0 leads│                    │1, 2…│                      │ each reads its partitions, and says how far
//!                 └── timely's mesh ───┘     └◀── closed, places ───┘ they are: one row of the remap log for all
//! ```
//! Process 0 holds the state and the sinks, and closes ticks. The others have nothing that must be remembered. All that
//! take part in a start of the job have agreed on it (its generation) before timely connects them, and share its fate:
//! where one dies, hangs or is cut off, the others notice within seconds and begin again by themselves, as the next
//! generation. What a dead generation left half done is what a killed process leaves: sound.
//!
//! Between machines the records travel as they are. That is refused unless it is said that the network is trusted, or
//! the addresses are ends of tunnels on this machine.

use std::net::{IpAddr, TcpListener, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::cli::RunArgs;
use crate::error::{Domain, Error, Result};
use crate::source::Share;
use crate::texts::{Key, Phrase};

pub mod follower;
pub mod leader;
pub mod loss;
mod meet;
pub mod own;
pub mod wire;

pub use meet::{Mesh, Terms};

/// How long our own name may take to be known after its machine began.
const NAMED_WITHIN: Duration = Duration::from_secs(10);

/// Who takes part, and which of them this process is.
pub struct Team {
    /// Which, from 0.
    pub process: usize,
    /// Where each listens, for the others alone.
    pub addresses: Vec<String>,
    /// Workers of each process.
    pub workers: usize,
    listener: TcpListener,
}

impl Team {
    /// The team that flags tell of, with our own address opened; nothing where the process is alone.
    ///
    /// # Errors
    /// Exit 2 where the flags contradict each other or the network is not trusted; exit 3 where the address is taken.
    pub fn of(args: &RunArgs) -> Result<Option<Self>> {
        if args.cluster.len() < 2 {
            return Ok(None);
        }
        let processes = args.cluster.len();
        let process = usize::from(args.process);
        let Some(own) = args.cluster.get(process) else {
            let what =
                Phrase::new(Key::ClusterNoProcess).with("process", process).with("processes", processes);
            return Err(Error::usage(Domain::Config, what).help(Key::ClusterNoProcessHelp));
        };
        if let Some(far) = args.cluster.iter().find(|address| !args.trusted_network && !is_near(address)) {
            let what = Phrase::new(Key::ClusterNotTrusted).with("at", far);
            return Err(Error::usage(Domain::Config, what).help(Key::ClusterNotTrustedHelp));
        }
        let until = Instant::now() + NAMED_WITHIN;
        let listener = meet::retried(|| TcpListener::bind(own), until).map_err(|error| {
            let what = Phrase::new(Key::ClusterAddressTaken).with("at", own);
            Error::unreachable(Domain::Config, what).cause(error).help(Key::ClusterAddressTakenHelp)
        })?;
        Ok(Some(Self { process, addresses: args.cluster.clone(), workers: args.workers(), listener }))
    }

    /// Whether this is the process that holds state and sinks.
    pub fn leads(&self) -> bool {
        self.process == 0
    }

    /// Which of the job's workers are of this process.
    pub fn seats(&self) -> Seats {
        Seats {
            first: self.process * self.workers,
            here: self.workers,
            all: self.addresses.len() * self.workers,
        }
    }

    /// Which partitions this process reads.
    pub fn share(&self) -> Share {
        Share { process: self.process, processes: self.addresses.len() }
    }
}

/// Whether an address is of this machine.
fn is_near(address: &str) -> bool {
    address.to_socket_addrs().is_ok_and(|mut found| found.all(|at| is_loopback(at.ip())))
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Which of the job's workers are of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seats {
    /// The number of the first of them.
    pub first: usize,
    /// How many they are.
    pub here: usize,
    /// How many workers the job has, in all processes.
    pub all: usize,
}

impl Seats {
    /// All workers of a job are here.
    pub fn alone(workers: usize) -> Self {
        Self { first: 0, here: workers, all: workers }
    }

    /// Whether there are no other processes.
    pub fn are_all(self) -> bool {
        self.here == self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_need_no_trust() {
        for near in ["127.0.0.1:1", "[::1]:2", "127.8.9.1:3", "[::ffff:127.0.0.1]:4"] {
            assert!(is_near(near), "{near}");
        }
        for far in ["10.0.0.1:1", "0.0.0.0:2", "[2001:db8::1]:3", "nonsense", "127.0.0.1"] {
            assert!(!is_near(far), "{far}");
        }
    }
}
