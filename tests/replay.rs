//! The program as a whole: `gyre replay` of folders as they come, and what it leaves behind.
//!
//! Every test makes a folder of records ([`Feed`]), runs the real program on it and reads what stands in the output
//! folder ([`Books`]). Nothing of the engine is called.

#[path = "replay/commands.rs"]
mod commands;
#[path = "replay/contract.rs"]
mod contract;
#[path = "replay/feed.rs"]
mod feed;
#[path = "replay/flags.rs"]
mod flags;
#[path = "replay/forgetting.rs"]
mod forgetting;
#[path = "replay/hostile.rs"]
mod hostile;
#[path = "replay/laws.rs"]
mod laws;
#[path = "replay/lines.rs"]
mod lines;
#[path = "replay/rules.rs"]
mod rules;
#[path = "replay/what_if.rs"]
mod what_if;
#[path = "replay/whole.rs"]
mod whole;
