//! The folder `recollected/` of a replay: what a provider answers when failed records are asked for again.

use std::path::Path;

use gyre_dataflows::decode::Decoder;
use gyre_dataflows::decode::provider::Provider;
use gyre_domain::rules::Rules;

use crate::error::Result;
use crate::lines::{self, BlockReader};

/// The folder's name.
const FOLDER: &str = "recollected";

/// Reads the answers, if there are any. They are kept in memory: a stand-in for tests and drills, not an archive.
///
/// # Errors
/// Exit 2 where the folder holds no streams; exit 3 where one cannot be read.
pub fn read(input: &Path, decoder: Decoder, rules: &Rules) -> Result<Option<Provider>> {
    let folder = input.join(FOLDER);
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut answers = Vec::new();
    for file in lines::find(&folder)? {
        if file.topic.is_reference() {
            continue;
        }
        let mut blocks = BlockReader::open(&file)?;
        while let Some(block) = blocks.next_block()? {
            let numbered = (block.first_line..).zip(&block.lines);
            answers.extend(numbered.map(|(number, &(start, end))| {
                (block.topic, number, block.bytes[start as usize..end as usize].to_vec())
            }));
        }
    }
    Ok(Some(Provider::new(decoder, rules.clone(), answers)))
}
