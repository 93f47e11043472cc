//! Both ends of a run, as the config names them.

use std::path::Path;
use std::time::Duration;

use crate::config::Live;
use crate::error::{Domain, Error, Result};
use crate::sink::live::LiveSink;
use crate::sink::live::files::FilesSink;
use crate::source::Source;
use crate::source::folder::FolderSource;
use crate::texts::Key;

/// The source that is named.
///
/// # Errors
/// Exit 2 where none is, or it cannot be one.
pub fn source(live: &Live) -> Result<Box<dyn Source>> {
    if live.source_folder.is_empty() {
        return Err(Error::usage(Domain::Config, Key::NoSource).help(Key::NoSourceHelp));
    }
    Ok(Box::new(FolderSource::open(Path::new(&live.source_folder))?))
}

/// The sinks that are named; at least one.
///
/// # Errors
/// Exit 2 where none is.
pub fn sinks(live: &Live) -> Result<Vec<Box<dyn LiveSink>>> {
    let mut sinks: Vec<Box<dyn LiveSink>> = Vec::new();
    if !live.sink_files.is_empty() {
        let gathers_for = Duration::from_millis(live.sink_files_gather_ms);
        sinks.push(Box::new(FilesSink::new(Path::new(&live.sink_files), gathers_for)));
    }
    if sinks.is_empty() {
        return Err(Error::usage(Domain::Config, Key::NoSink).help(Key::NoSinkHelp));
    }
    Ok(sinks)
}
