//! A wager in a checkpoint: its records as a list, whether it is simple or not. Numbers and places are a worker's own.

use serde::{Deserialize, Serialize};

use super::Wagers;
use super::slot::{MANY, Slot};
use crate::Tick;
use crate::checkpoint::Whose;
use crate::matching::many::Filed;
use crate::matching::saved::{self, Own};
use crate::rows::Wanted;

/// See the module.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    is_simple: bool,
    records: Vec<Filed>,
}

impl Wagers {
    pub(super) fn saved(&mut self, slot: &Slot) -> Kept {
        let is_simple = !slot.has(MANY);
        let records = if is_simple { self.records_of(slot) } else { self.list(slot).to_vec() };
        let tied =
            if is_simple { self.tied(slot) } else { self.tell_list(slot, 0, Wanted::default()).0.tied };
        self.writer.ties.borrow_mut().save(tied.as_deref());
        Kept { is_simple, records }
    }

    /// A wager that was saved, as it stood after `at`.
    pub(super) fn brought_back(&mut self, kept: Kept, at: Tick) -> Slot {
        let slot = if kept.is_simple { self.slot_of(&kept.records) } else { self.list_back(kept.records) };
        let tied = if slot.has(MANY) {
            self.tell_list(&slot, at, Wanted::default()).0.tied
        } else {
            self.tied(&slot)
        };
        self.writer.ties.borrow_mut().back(tied.as_deref(), at);
        slot
    }

    fn list_back(&mut self, records: Vec<Filed>) -> Slot {
        for filed in records.iter().filter(|filed| !filed.is_outcome) {
            let wager = filed.packed().wager();
            let head = self.head_of_wager(&wager);
            self.number_account_and_game(&head, wager.currency, filed.packed());
        }
        let slot = self.slot_of_list(records);
        self.number_brought(&slot);
        slot
    }

    /// What is saved beside the wagers.
    pub(super) fn saved_beside(&self) -> Vec<(Whose, Own)> {
        let rows = self.directory.saved().map(|(whose, kept)| (whose, Own::Directory(kept)));
        let may_hold = (Whose::Same, Own::MayHold(self.may_hold));
        rows.chain([may_hold]).chain(saved::decided(&self.directives, &self.faults)).collect()
    }

    pub(super) fn brought_back_beside(&mut self, own: Own) {
        match own {
            Own::Directory(kept) => self.directory.back(kept),
            Own::Directives(kept) => self.directives.back(kept),
            Own::MayHold(may_hold) => self.may_hold |= may_hold,
            Own::EntersUntil(tick) => self.faults.enter_until(tick),
            Own::Tie(key, records) => self.writer.ties.borrow_mut().forgotten_back(key, records),
        }
    }
}
