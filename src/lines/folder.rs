//! Which files of a folder are input, and how each is packed.

use std::path::{Path, PathBuf};
use std::{fs, io};

use gyre_domain::records::Topic;

use crate::config::nearest;
use crate::error::{Domain, Error, Result, unreadable};
use crate::texts::{Key, Phrase};

/// Topics of which one must be there.
const FACTS: [Topic; 3] = [Topic::Wagers, Topic::Outcomes, Topic::Payments];

/// How a file is packed, by its ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// `.jsonl`
    Plain,
    /// `.jsonl.gz`, one or more members.
    Gzip,
    /// `.jsonl.zst`, one or more frames.
    Zstd,
}

const SPELLINGS: [(&str, Packing); 3] =
    [("jsonl", Packing::Plain), ("jsonl.gz", Packing::Gzip), ("jsonl.zst", Packing::Zstd)];

/// The file of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Whose records it holds.
    pub topic: Topic,
    /// Where it is.
    pub path: PathBuf,
    /// How it is packed.
    pub packing: Packing,
}

impl Input {
    /// The file's name, as positions (`wagers.jsonl:17`) begin.
    pub fn file_name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// The files of a folder, in the order of [`Topic::ALL`].
///
/// # Errors
/// Exit 2 where there is no such folder, none of wagers, outcomes and payments is there, or one topic is there in two
/// spellings; exit 3 where the folder cannot be read.
pub fn find(folder: &Path) -> Result<Vec<Input>> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            let what = Phrase::new(Key::InputNotFolder).with("path", folder.display());
            return Err(Error::usage(Domain::Input, what).help(Key::InputFolderHelp));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let what = Phrase::new(Key::InputFolderMissing).with("path", folder.display());
            return Err(Error::usage(Domain::Input, what).help(Key::InputFolderHelp));
        }
        Err(error) => return Err(unreadable(folder, &error)),
    }
    let mut inputs: Vec<Input> = Vec::new();
    for topic in Topic::ALL {
        let before = inputs.len();
        for (ending, packing) in SPELLINGS {
            let path = folder.join(format!("{}.{ending}", topic.name()));
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => {
                    let what = Phrase::new(Key::InputNotFile).with("path", path.display());
                    return Err(Error::usage(Domain::Input, what).help(Key::InputFolderHelp));
                }
                Ok(_) => inputs.push(Input { topic, path, packing }),
                // A link to nowhere is a file that cannot be read, not one that is absent.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        if inputs.len() - before > 1 {
            let files: Vec<String> = inputs[before..].iter().map(Input::file_name).collect();
            let what =
                Phrase::new(Key::InputTwice).with("topic", topic.name()).with("files", files.join(", "));
            return Err(Error::usage(Domain::Input, what).at(folder.display()).help(Key::InputTwiceHelp));
        }
    }
    if !inputs.iter().any(|input| FACTS.contains(&input.topic)) {
        let what = Phrase::new(Key::InputNothing).with("path", folder.display());
        return Err(
            Error::usage(Domain::Input, what).help(misspelt(folder).unwrap_or(Key::InputNothingHelp.into()))
        );
    }
    Ok(inputs)
}

/// A file that was likely meant to be one of ours.
fn misspelt(folder: &Path) -> Option<Phrase> {
    let wanted: Vec<String> = FACTS
        .iter()
        .flat_map(|topic| SPELLINGS.iter().map(|(ending, _)| format!("{}.{ending}", topic.name())))
        .collect();
    let mut found: Vec<String> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.retain(|name| {
        // A file that is one of ours already is not meant to be another.
        let stem = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
        Topic::ALL.iter().all(|topic| topic.name() != stem)
    });
    found.sort_unstable();
    found.iter().find_map(|name| {
        let meant = nearest(name, wanted.iter().map(String::as_str))?;
        Some(Phrase::new(Key::InputNothingNear).with("found", name).with("meant", meant))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::texts::Lang;

    #[test]
    fn folders_that_are_wrong_say_how() {
        let said = |folder: &Path| {
            let error = find(folder).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage);
            error.render(Lang::En)
        };
        let folder = tempfile::tempdir().unwrap();
        assert!(said(&folder.path().join("none")).contains("there is no folder"));
        assert!(said(folder.path()).contains("nothing to read"));
        fs::write(folder.path().join("wager.jsonl"), "").unwrap();
        assert!(said(folder.path()).contains("wager.jsonl looks like wagers.jsonl"));
        assert!(said(&folder.path().join("wager.jsonl")).contains("is not a folder"));
        fs::write(folder.path().join("games.jsonl"), "").unwrap();
        assert!(said(folder.path()).contains("nothing to read"));
        fs::write(folder.path().join("payments.jsonl"), "").unwrap();
        assert_eq!(find(folder.path()).unwrap().len(), 2);
        fs::write(folder.path().join("payments.jsonl.gz"), "").unwrap();
        assert!(
            said(folder.path())
                .contains("payments is there more than once: payments.jsonl, payments.jsonl.gz")
        );
        fs::remove_file(folder.path().join("payments.jsonl.gz")).unwrap();
        fs::create_dir(folder.path().join("outcomes.jsonl")).unwrap();
        assert!(said(folder.path()).contains("is a folder, not a file"));
    }
}
