//! What was decided about a wager's records and payouts.

use gyre_domain::commands::Verdict;
use gyre_domain::lifecycle::{self, Life};
use gyre_domain::records::{Record, Topic, Wager};
use hashbrown::HashMap;

use super::Wagers;
use super::slot::{MANY, SETTLED, Slot, WAGER};
use crate::Tick;
use crate::batch::{Batch, Kind};
use crate::directives::{Directives, Sight, Target, hold_targets};
use crate::keys::Keyed;
use crate::matching::commanded::{Beside, Commanded, Given, verdict_of};
use crate::matching::many::Filed;
use crate::matching::postings;
use crate::matching::told::Told;
use crate::ops::fold_by_key::Slab;
use crate::rows::Wanted;
use crate::rows::records::AMENDED;
use crate::seams::{HoldTarget, Payable};

/// Whether accounts and games are asked about, by number; games are marked.
type Known = HashMap<(bool, u32), bool, Keyed>;

impl Wagers {
    pub(super) fn given<'a>(&'a self, filed: &'a [Filed]) -> Given<'a> {
        Given { filed, topic: Topic::Wagers, directives: &self.directives, settings: &self.settings }
    }

    pub(super) fn judge<'f>(&self, filed: &'f [Filed]) -> (Vec<Record<'f>>, Life) {
        let records: Vec<Record<'f>> = filed.iter().map(super::record_of).collect();
        let life = lifecycle::judge(&records, &self.directory, self.settings.skew_ms_max);
        (records, life)
    }

    /// Tells a list of which commands speak: its life is by the numbers of its own records.
    pub(super) fn tell_commanded(
        &self,
        filed: &[Filed],
        commanded: &Commanded,
        tick: Tick,
        wanted: Wanted,
    ) -> (Told, Life) {
        let (mut told, life) = self.tell_filed(&commanded.filed, tick, wanted);
        told.marks.duplicates = filed.iter().map(Filed::duplicates).sum();
        let verdict = |filed: &[Filed], at: usize| -> Verdict { verdict_of(&self.judge(filed).1, at) };
        told.sights.extend(self.given(filed).sights(commanded, verdict));
        (told, commanded.own_life(life))
    }

    /// The latest time among the records of a list.
    pub(super) fn latest_ms(&self, filed: &[Filed]) -> Option<u64> {
        let commanded = self.given(filed).commanded();
        let brought = commanded.iter().flat_map(Commanded::brought).map(Filed::at_ms);
        filed.iter().map(Filed::at_ms).chain(brought).max()
    }

    /// Adds what is said of a simple wager's payout; says whether commands hold it.
    pub(super) fn tell_holding(&self, slot: &Slot, told: &mut Told) -> bool {
        if self.directives.spares_payouts() && !self.may_hold {
            return false;
        }
        let wager = self.wager_of(slot);
        let (is_held, asked) = self.directives.holding_of(&wager, &self.settings.keys);
        told.sights.extend(asked.into_iter().map(Sight::standing));
        match slot.has(SETTLED) && slot.payout != 0 {
            true if is_held => told.held = Some((slot.account, slot.payout.into(), 1)),
            true if self.may_hold => told.payable = Some(self.payable(slot, &wager)),
            _ => {}
        }
        is_held
    }

    /// The payout of a simple wager, as a rule could hold it.
    fn payable(&self, slot: &Slot, wager: &Wager<'_>) -> Box<Payable> {
        let mut postings = Vec::new();
        if self.settings.wanted.postings {
            let (settle, position) = (self.settle_of(slot), self.kept_settle(slot).position);
            postings.extend(postings::of_payable(wager, &settle, position, &self.settings.places));
        }
        let latest_ms = slot.at_ms().max(slot.settled_at_ms());
        Box::new(Payable {
            of: hold_targets(wager, &self.settings.keys),
            purse: self.directory.account_key(slot.account),
            minor: slot.payout.into(),
            legs: 1,
            until: self.settings.forget_after(latest_ms, false),
            postings,
        })
    }

    /// Whether anything of a key is kept from its player: it is not forgotten before that is over.
    pub(super) fn is_held(&self, slot: &Slot) -> bool {
        if self.directives.spares_payouts() {
            return false;
        }
        match self.any_wager_of(slot) {
            Some(wager) => self.directives.holding_of(&wager, &self.settings.keys).0,
            None => false,
        }
    }

    /// A wager record of a key, if it has one.
    fn any_wager_of(&self, slot: &Slot) -> Option<Wager<'_>> {
        if slot.has(MANY) {
            let wager = self.list(slot).iter().find(|filed| !filed.is_outcome);
            return wager.map(|filed| filed.packed().wager());
        }
        slot.has(WAGER).then(|| self.wager_of(slot))
    }

    /// Notes which targets an update is; says whether it is a record that commands speak of, or brought.
    pub(super) fn note(&mut self, batch: &Batch, at: usize) -> bool {
        let (head, packed) = (batch.head(at), batch.packed(at));
        let (key, admitted) = (head.key, head.admitted);
        if head.kind == Kind::Wager && !self.directives.spares_payouts() {
            let [_, account, game] = hold_targets(&packed.wager(), &self.settings.keys);
            for target in [HoldTarget::Wager(key), account, game] {
                self.directives.saw(Target::Payouts(target), admitted);
            }
        }
        let topic = if head.kind == Kind::Wager { Topic::Wagers } else { Topic::Outcomes };
        let brought = packed.position() & AMENDED != 0;
        let digest = self.directives.digest_of(&packed.record(topic));
        digest.iter().for_each(|&digest| self.directives.saw(Target::Record(digest), admitted));
        if !brought && digest.is_none() {
            return false;
        }
        if let (Kind::Wager, Some(currency)) = (head.kind, head.currency) {
            self.number_account_and_game(head, currency, packed);
        }
        true
    }

    /// Numbers the accounts and games of wagers that commands brought.
    pub(super) fn number_brought(&mut self, slot: &Slot) {
        if !slot.has(MANY) {
            return;
        }
        let Some(commanded) = self.given(self.list(slot)).commanded() else { return };
        for filed in commanded.brought().filter(|filed| !filed.is_outcome) {
            let wager = filed.packed().wager();
            let head = self.head_of_wager(&wager);
            self.number_account_and_game(&head, wager.currency, filed.packed());
        }
    }

    /// What was decided has changed: a simple key of which commands speak is simple no longer.
    pub(super) fn heed(&mut self, slot: &mut Slot) {
        if self.directives.is_empty() {
            return;
        }
        if !slot.has(MANY) && self.has_target(slot, &self.directives) {
            self.make_list(slot);
        }
        if slot.has(MANY) {
            let commanded = self.given(self.list(slot)).commanded();
            for digest in commanded.iter().flat_map(Commanded::digests) {
                self.directives.saw(Target::Record(digest), 0);
            }
            self.number_brought(slot);
        }
        let targets = self.any_wager_of(slot).map(|wager| hold_targets(&wager, &self.settings.keys));
        for target in targets.into_iter().flatten() {
            self.directives.saw(Target::Payouts(target), 0);
        }
    }

    /// Whether commands speak of a record of the key.
    fn has_target(&self, slot: &Slot, directives: &Directives) -> bool {
        if directives.spares_records() {
            return false;
        }
        if slot.has(MANY) {
            return self.given(self.list(slot)).is_asked_about(directives);
        }
        let is_target = |record: Record<'_>| directives.digest_of(&record).is_some();
        slot.has(WAGER) && is_target(Record::Wager(self.wager_of(slot)))
            || slot.has(SETTLED) && is_target(Record::Outcome(self.settle_of(slot)))
    }

    /// The keys of which decisions speak: one that is named is looked up, for others all keys are looked through.
    pub(super) fn reached(
        &self,
        side: &[(Beside, isize)],
        slab: &Slab<Slot>,
        find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        let mut asked = Directives::default();
        side.iter().for_each(|(beside, _)| asked.ask(beside.decided()));
        let named = asked.hold_targets().filter_map(|target| match target {
            HoldTarget::Wager(key) => find(*key),
            _ => None,
        });
        let mut reached: Vec<u32> = named.collect();
        let all_of_some = asked.hold_targets().any(|target| !matches!(target, HoldTarget::Wager(_)));
        if all_of_some || !asked.spares_records() {
            let mut known = Known::default();
            reached.extend(slab.live().filter(|&number| {
                let slot = &slab.get(number).1;
                all_of_some && self.is_of_some(slot, &asked, &mut known) || self.has_target(slot, &asked)
            }));
        }
        reached.sort_unstable();
        reached.dedup();
        reached
    }

    /// Whether a wager is of a player or game that is asked about; `known` are the answers for numbers asked before.
    fn is_of_some(&self, slot: &Slot, asked: &Directives, known: &mut Known) -> bool {
        let of_record = |wager: &Wager<'_>| {
            let [_, account, game] = hold_targets(wager, &self.settings.keys);
            (asked.speaks_of_payouts(&account), asked.speaks_of_payouts(&game))
        };
        if slot.has(MANY) {
            let filed = self.list(slot);
            let commanded = self.given(filed).commanded();
            let brought = commanded.iter().flat_map(Commanded::brought);
            let mut wagers = filed.iter().chain(brought).filter(|filed| !filed.is_outcome);
            return wagers.any(|filed| matches!(of_record(&filed.packed().wager()), (true, _) | (_, true)));
        }
        if !slot.has(WAGER) {
            return false;
        }
        let [account, game] = [(false, slot.account), (true, slot.game)];
        if let (Some(account), Some(game)) = (known.get(&account), known.get(&game)) {
            return *account || *game;
        }
        let (of_account, of_game) = of_record(&self.wager_of(slot));
        known.extend([(account, of_account), (game, of_game)]);
        of_account || of_game
    }
}
