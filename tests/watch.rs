//! The program as a whole, watched from outside: what it shows while records come, what probes are told as it begins and
//! ends, and what a real Prometheus makes of it.

#[path = "watch/demo.rs"]
mod demo;
#[path = "watch/figures.rs"]
mod figures;
#[path = "watch/gyre.rs"]
mod gyre;
#[path = "watch/hostile.rs"]
mod hostile;
#[path = "watch/listing.rs"]
mod listing;
#[path = "watch/probes.rs"]
mod probes;
#[path = "watch/prometheus.rs"]
mod prometheus;
#[path = "watch/replay.rs"]
mod replay;
#[path = "watch/stages.rs"]
mod stages;
#[path = "watch/status.rs"]
mod status;
