//! The program as a whole: `gyre run` while records come, killed and started again, and what its sinks then hold.
//!
//! Every test makes a job ([`job::Job`]), appends to its files while the real program runs, and reads the changes that it
//! committed. What they must be says `gyre replay` over the same lines received at the same ticks, and a run that was
//! never interrupted over the same remap log.

#[path = "run/changes.rs"]
mod changes;
#[path = "run/cluster.rs"]
mod cluster;
#[path = "run/ends.rs"]
mod ends;
#[path = "run/job.rs"]
mod job;
#[path = "run/kills.rs"]
mod kills;
#[path = "run/netns.rs"]
mod netns;
#[path = "run/ports.rs"]
mod ports;
#[path = "run/story.rs"]
mod story;
#[path = "run/team.rs"]
mod team;
#[path = "run/told.rs"]
mod told;
