//! What `gyre run` goes by beside the rules: where records come from and where changes go.

use std::path::Path;

use crate::texts::Key;

/// What `gyre run` goes by beside the rules. Of sources one is named; of sinks any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// What the job is called where sinks keep its progress.
    pub job: String,
    /// Bytes of rows that may wait for a sink before sources are held up.
    pub held_bytes_max: u64,
    /// Folder of growing `.jsonl` files; empty where that is not the source.
    pub source_folder: String,
    /// Folder that changes are written to; empty where none are.
    pub sink_files: String,
    /// For how long changes are gathered into one segment of it.
    pub sink_files_gather_ms: u64,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            job: "gyre".to_owned(),
            held_bytes_max: 256 << 20,
            source_folder: String::new(),
            sink_files: String::new(),
            sink_files_gather_ms: 1_000,
        }
    }
}

impl Live {
    /// Paths of a config file are said from where it lies.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        for path in [&mut self.source_folder, &mut self.sink_files] {
            if !path.is_empty() {
                *path = folder.join(&*path).display().to_string();
            }
        }
    }
}

/// What is wrong with a job's name: it becomes part of names in other systems.
pub(super) fn job_name(name: &str) -> Option<Key> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_sound = (1..=64).contains(&name.len()) && name.bytes().all(fits);
    (!is_sound).then_some(Key::BadNameHelp)
}

/// Any text will do: what it names shows itself when it is used.
pub(super) fn any_text(_: &str) -> Option<Key> {
    None
}
