//! Both ends of a run, as the config names them.

use std::path::Path;
use std::time::Duration;

use crate::config::Live;
use crate::error::{Domain, Error, Result};
use crate::remote;
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
    match (live.source_folder.as_str(), remote::source(live)?) {
        ("", None) => Err(Error::usage(Domain::Config, Key::NoSource).help(Key::NoSourceHelp)),
        ("", Some(source)) => Ok(source),
        (folder, None) => Ok(Box::new(FolderSource::open(Path::new(folder))?)),
        (_, Some(_)) => Err(Error::usage(Domain::Config, Key::TwoSources).help(Key::TwoSourcesHelp)),
    }
}

/// The sinks that are named; at least one.
///
/// # Errors
/// Exit 2 where none is.
pub fn sinks(live: &Live) -> Result<Vec<Box<dyn LiveSink>>> {
    let mut sinks = remote::sinks(live)?;
    if !live.sink_files.is_empty() {
        let gathers_for = Duration::from_millis(live.sink_files_gather_ms);
        sinks.push(Box::new(FilesSink::new(Path::new(&live.sink_files), gathers_for)));
    }
    if sinks.is_empty() {
        return Err(Error::usage(Domain::Config, Key::NoSink).help(Key::NoSinkHelp));
    }
    Ok(sinks)
}
