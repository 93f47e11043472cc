//! Where rows end: final states and change logs, all of them or none.
//!
//! ```text
//!  workers ─▶ FinalFile  (runs, loose rows ─▶ merge) ─┐
//!  workers ─▶ ChangeLog  (rows of closed ticks)      ─┼─▶ .partial-…/ ── commit ──▶ out/<output>.jsonl …
//!  summary ───────────────────────────────────────────┘    (fsync)      (rename all, fsync the folder)
//! ```
//!
//! Until [`OutputFolder::commit`] nothing stands under a final name, and what an earlier run left stays as it was.

mod changes;
mod finals;
mod folder;
pub mod live;
mod net;
mod order;
mod runs;

pub use changes::ChangeLog;
pub use finals::{FinalFile, LOOSE_BYTES_MAX, RunWriter};
pub use folder::{Abandon, OutputFolder};
pub use net::{NetChange, RowChange, net_changes};
pub(crate) use order::key_of;
pub use order::{Output, changes_file, final_file, key_fields};

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, unwritable};

/// What is gathered before it goes to the system in one call.
const BUFFER_BYTES: usize = 256 << 10;

/// A file being written. Its errors know the path and how much was still to be written.
struct Writer {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

impl Writer {
    /// Creates (or empties) the file at `path`.
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| unwritable(path, 0, &error))?;
        Ok(Self { path: path.to_owned(), file, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush(bytes.len())?;
        }
        if bytes.len() >= BUFFER_BYTES {
            return self.file.write_all(bytes).map_err(|error| self.failed(bytes.len(), &error));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Hands the buffer to the system; `more` bytes are to follow it.
    fn flush(&mut self, more: usize) -> Result<()> {
        let result = self.file.write_all(&self.buffer);
        result.map_err(|error| self.failed(self.buffer.len() + more, &error))?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is left; the file is not yet safe from a loss of power.
    fn close(mut self) -> Result<()> {
        self.flush(0)
    }

    /// Writes what is left, and waits until the disk has it.
    fn close_synced(mut self) -> Result<()> {
        self.flush(0)?;
        self.file.sync_all().map_err(|error| self.failed(0, &error))
    }

    fn failed(&self, needed: usize, error: &std::io::Error) -> Error {
        unwritable(&self.path, needed as u64, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::texts::Lang;

    #[test]
    fn a_full_disk_is_an_error_that_says_how_much() {
        // The device that is always full.
        let mut writer = Writer::create(Path::new("/dev/full")).unwrap();
        writer.write(b"small").unwrap();
        let error = writer.write(&vec![b'x'; 2_000_000]).unwrap_err();
        assert_eq!(error.exit(), Exit::Unreachable);
        let said = error.render(Lang::En);
        assert!(said.starts_with("error: the disk is full: 2.0 MB more were needed and "), "{said}");
        assert!(writer.close().is_err());
    }
}
