//! Filing: a record joins the others of its wager, in the slot while that is simple, in a list where it is not.

use gyre_domain::currency::Currency;
use gyre_domain::lifecycle::Life;
use gyre_domain::records::{Outcome, Record, Wager};

use super::Wagers;
use super::slot::{self, CLAIMS, FREE_ROUND, KNOWS, MANY, PLAIN, SETTLED, Slot, WAGER};
use crate::batch::{Batch, Head, Kind};
use crate::matching::log::Place;
use crate::matching::many::{self, Filed};
use crate::packed::{CLAIM, ECHO, FREE, KNOWN, Kept, Packed, TIED, pack};

impl Wagers {
    pub(super) fn currency_number(&mut self, currency: Currency) -> u16 {
        let found = self.currencies.iter().position(|other| *other == currency);
        found.unwrap_or_else(|| {
            self.currencies.push(currency);
            self.currencies.len() - 1
        }) as u16
    }

    pub(super) fn number_account_and_game(
        &mut self,
        head: &Head,
        currency: Currency,
        packed: Packed<'_>,
    ) -> (u32, u32) {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let account = self.directory.account(head.account, currency, || {
            let [tenant, _, _, account] = packed.leading_texts::<4>();
            (text(tenant), text(account))
        });
        let game = self.directory.game(head.game, || {
            let [tenant, provider, _, _, game] = packed.leading_texts::<5>();
            (text(tenant), text(provider), text(game))
        });
        (account, game)
    }

    /// Files a wager as a simple key's first record, if it may stand.
    pub(super) fn file_wager(&mut self, slot: &mut Slot, head: &Head, packed: Packed<'_>) -> bool {
        let Some(currency) = head.currency else { return false };
        let (account, game) = self.number_account_and_game(head, currency, packed);
        if slot.flags() != 0
            || head.diff < 0
            || self.directory.refuses(account, Some(game), head.at_ms).is_some()
        {
            return false;
        }
        let mut flags = WAGER;
        if packed.flags() & FREE != 0 {
            flags |= FREE_ROUND;
        }
        if packed.flags() & CLAIM != 0 {
            flags |= CLAIMS;
        }
        if packed.flags() & TIED != 0 {
            flags |= slot::TIED;
        }
        let currency = self.currency_number(currency);
        *slot = Slot {
            wager: self.keep(&packed.kept_wager()),
            settle: Place::default(),
            account,
            game,
            stake: head.amount,
            payout: 0,
            placed: head.at_ms << 16 | u64::from(flags),
            settled: u64::from(currency),
        };
        true
    }

    /// Files a settle with a simple key's wager, if it agrees with it.
    pub(super) fn file_settle(&mut self, slot: &mut Slot, head: &Head, packed: Packed<'_>) -> bool {
        if slot.flags() & (WAGER | SETTLED | MANY) != WAGER || head.diff < 0 {
            return false;
        }
        let agrees = head.currency == Some(self.currencies[slot.currency()])
            && head.at_ms.saturating_add(self.settings.skew_ms_max) >= slot.at_ms()
            && (packed.flags() & ECHO == 0 || self.echoes(slot, &packed.outcome()));
        if !agrees {
            return false;
        }
        let mut flags = SETTLED;
        if packed.flags() & CLAIM != 0 {
            flags |= CLAIMS;
        }
        if packed.flags() & KNOWN != 0 {
            flags |= KNOWS;
        }
        let kept = packed.kept_settle();
        slot.settle = match u32::try_from(kept.position) {
            Ok(position) if kept.is_plain_settle() => {
                flags |= PLAIN;
                Place(position)
            }
            _ => self.keep(&kept),
        };
        slot.payout = head.amount;
        slot.placed |= u64::from(flags);
        slot.settled |= head.at_ms << 16;
        true
    }

    pub(super) fn echoes(&self, slot: &Slot, outcome: &Outcome<'_>) -> bool {
        let [_, _, account, game] = self.directory.names(slot.account, slot.game);
        let exponent = self.currencies[slot.currency()].exponent();
        outcome.account.as_ref().is_none_or(|echo| echo == account)
            && outcome.game.as_ref().is_none_or(|echo| echo == game)
            && outcome.stake.is_none_or(|echo| echo.minor(exponent) == Some(slot.stake))
    }

    fn keep(&mut self, kept: &Kept<'_>) -> Place {
        self.scratch.clear();
        kept.write(&mut self.scratch);
        self.log.push(&self.scratch)
    }

    /// Frees what the log keeps of a simple key, once the tick is over.
    pub(super) fn free_kept(&mut self, slot: &Slot) {
        if slot.has(WAGER) {
            self.freed.push(slot.wager);
        }
        if slot.has(SETTLED) && !slot.has(PLAIN) {
            self.freed.push(slot.settle);
        }
    }

    /// Turns a simple key into a list.
    pub(super) fn make_list(&mut self, slot: &mut Slot) {
        let records = self.records_of(slot);
        self.free_kept(slot);
        *slot = self.slot_of_list(records);
    }

    /// The records of a simple key, as they would be filed in a list.
    pub(super) fn records_of(&self, slot: &Slot) -> Vec<Filed> {
        let mut records = Vec::new();
        let mut packed = Vec::new();
        if slot.has(WAGER) {
            pack(&Record::Wager(self.wager_of(slot)), self.kept_wager(slot).position, &mut packed);
            records.push(Filed::from_packed(false, Packed(&packed)));
        }
        if slot.has(SETTLED) {
            packed.clear();
            pack(&Record::Outcome(self.settle_of(slot)), self.kept_settle(slot).position, &mut packed);
            records.push(Filed::from_packed(true, Packed(&packed)));
        }
        records
    }

    /// The slot of a key whose records are a list.
    pub(super) fn slot_of_list(&mut self, records: Vec<Filed>) -> Slot {
        let number = self.free_lists.pop().unwrap_or_else(|| {
            self.lists.push(Vec::new());
            self.lists.len() as u32 - 1
        });
        self.lists[number as usize] = records;
        Slot { account: number, placed: u64::from(MANY), ..Slot::default() }
    }

    /// Files a record in a key's list, which a simple key becomes.
    pub(super) fn file_in_list(&mut self, slot: &mut Slot, batch: &Batch, at: usize) {
        if !slot.has(MANY) {
            self.make_list(slot);
        }
        let is_outcome = batch.head(at).kind != Kind::Wager;
        many::file(&mut self.lists[slot.account as usize], is_outcome, batch, at);
    }

    /// Makes a list simple again, if it can be; an empty one is no key.
    pub(super) fn simplify(&mut self, slot: &mut Slot, life: &Life) {
        let records = &self.lists[slot.account as usize];
        let is_simple = match (records.len(), life.wager, &life.settles[..]) {
            (0, ..) => true,
            (1, Some(_), []) => life.rejects.is_empty(),
            (2, Some(_), [_]) => life.rejects.is_empty() && life.cancel.is_none(),
            _ => false,
        };
        if !is_simple || records.iter().any(|filed| filed.duplicates() > 0 || filed.is_brought()) {
            return;
        }
        let number = slot.account;
        let records = std::mem::take(&mut self.lists[number as usize]);
        self.free_lists.push(number);
        *slot = self.slot_of(&records);
    }

    /// The slot of a key that is simple.
    pub(super) fn slot_of(&mut self, records: &[Filed]) -> Slot {
        let mut slot = Slot::default();
        let at = |is_outcome| records.iter().find(|filed| filed.is_outcome == is_outcome);
        if let Some(wager) = at(false) {
            let head = self.head_of_wager(&wager.packed().wager());
            self.file_wager(&mut slot, &head, Packed(&wager.only_copy()));
        }
        if let Some(settle) = at(true) {
            let head = head_of_settle(&settle.packed().outcome());
            self.file_settle(&mut slot, &head, Packed(&settle.only_copy()));
        }
        slot
    }

    pub(super) fn head_of_wager(&self, wager: &Wager<'_>) -> Head {
        let (tenant, provider) = (&*wager.origin.tenant, &*wager.origin.provider);
        let keys = &self.settings.keys;
        let mut head = Head::blank(Kind::Wager);
        head.account = keys.of(&[tenant, &wager.account, wager.currency.code()]);
        head.game = keys.of(&[tenant, provider, &wager.game]);
        (head.at_ms, head.amount, head.currency) = (wager.at_ms, wager.stake, Some(wager.currency));
        head
    }
}

fn head_of_settle(settle: &Outcome<'_>) -> Head {
    let minor =
        settle.payout.zip(settle.currency).and_then(|(payout, currency)| payout.minor(currency.exponent()));
    let mut head = Head::blank(Kind::Settle);
    (head.at_ms, head.amount, head.currency) = (settle.at_ms, minor.unwrap_or_default(), settle.currency);
    head
}
