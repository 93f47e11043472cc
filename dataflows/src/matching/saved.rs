//! What the folds of matching save beside their keys.

use serde::{Deserialize, Serialize};

use super::directory;
use crate::Tick;
use crate::checkpoint::Whose;
use crate::directives::{self, Directives};
use crate::faults::FaultTeller;

/// See the module.
#[derive(Serialize, Deserialize)]
pub enum Own {
    /// Of the reference rows that stand.
    Directory(directory::Kept),
    /// Of what was decided, and what was seen of that.
    Directives(directives::Kept),
    /// Some rule holds payouts, or did.
    MayHold(bool),
    /// A failed record may enter again until this tick.
    EntersUntil(Tick),
    /// So many records that are forgotten say that a tie stands: for good.
    Tie(u128, u32),
}

/// What was decided, and until when failed records enter again.
pub fn decided(directives: &Directives, faults: &FaultTeller) -> Vec<(Whose, Own)> {
    let directives = directives.saved().into_iter().map(|(whose, kept)| (whose, Own::Directives(kept)));
    directives.chain([(Whose::Everyone, Own::EntersUntil(faults.enters_until()))]).collect()
}
