//! The world around Gyre's dataflow: what reads, writes, configures and shows.
//!
//! Nothing here decides about money: that is `gyre-dataflows` and `gyre-domain`. What is here can be slow, down or
//! wrong, and says so in [`error::Error`]s.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | commands, flags, help |
//! | [`config`] | the config file: all its faults in one pass |
//! | [`demo`] | a house at play, and a run that keeps its books |
//! | [`generate`] | synthetic operators, their faults and their true books |
//! | [`lines`] | input files, plain or compressed, in blocks of lines |
//! | [`sequencer`] | files become steps, each line with its tick |
//! | [`replay`] | files through the dataflow into files |
//! | [`run`] | streams through the dataflow into sinks, for ever |
//! | [`sink`] | final states and change logs, all or nothing; where the ticks of a run go |
//! | [`source`] | where the records of a run come from |
//! | [`remote`] | ends in other systems: Kafka, PostgreSQL |
//! | [`interrupt`] | Ctrl-C leaves nothing behind |
//! | [`progress`] | how far a run is |
//! | [`summary`] | what a run came to |
//! | [`table`] | boxes and columns for people |
//! | [`sheet`] | rows for spreadsheets |
//! | [`what_if`] | the same stream under other rules |
//! | [`watch`] | what a process shows to those who watch over it |
//! | [`status`] | how a run stands, on one screen |
//! | [`top`] | how a run is at work, on one screen that stays |
//! | [`graph`] | the stages of a run, with what goes from one to the next |
//! | [`listing`] | anomalies and records in quarantine, one by one |
//! | [`bundle`] | what somebody needs who is to help with a run |
//! | [`client`] | asks a run over HTTP |
//! | [`texts`] | every word an operator reads, in English and Korean |

pub mod bundle;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod error;
pub mod generate;
pub mod graph;
pub mod interrupt;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod lines;
pub mod listing;
pub mod local_cluster;
pub mod progress;
pub mod remote;
pub mod replay;
pub mod rescale;
pub mod run;
pub mod sequencer;
pub mod sheet;
pub mod sink;
pub mod source;
pub mod status;
pub mod summary;
pub mod table;
pub mod texts;
pub mod top;
pub mod watch;
pub mod what_if;
