//! Payouts on which a rule has a ground move from cash to what is held for their player, and back.
//!
//! ```text
//! payouts that a rule could hold ─┐
//! grounds ────────────────────────┴─▶ payouts by whose they are ──▶ moves between wallets, rows of postings
//! ```
//! At every tick the payouts of a wager, player or game are held on which at least one ground stands; what a command
//! holds is not among them. A ground moves the payouts that may still be touched when it comes; what is held stays here
//! until its ground has gone. **Nothing comes back from here**: what judges anomalies reads neither of the wallets.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::Tick;
use crate::checkpoint::{Damage, Entries, Out, Saved, Whose};
use crate::keys::Keyed;
use crate::ops::by_tick::ByTick;
use crate::rows::{Output, Rows, Wanted};
use crate::seams::{Ground, HoldTarget, Move, Payable, Reading};

/// How often payouts are looked over for leaving.
const SWEEP_MS: u64 = 86_400_000;

/// What is told.
#[derive(Clone, Default)]
pub struct Outbox {
    /// Between wallets.
    pub moves: Vec<Move>,
    /// Rows of postings.
    pub told: Reading,
}

/// A payout that is known here.
#[derive(Serialize, Deserialize)]
struct Kept {
    payable: Payable,
    is_held: bool,
}

/// See the module.
pub struct Holds {
    wanted: Wanted,
    /// Payouts leave at the end only, all together: the end of a replay.
    rest_at_end: bool,
    /// By number; those that left are empty.
    kept: Vec<Option<Kept>>,
    free: Vec<u32>,
    /// The payouts of each wager, player and game.
    of: HashMap<HoldTarget, BTreeSet<u32>, Keyed>,
    grounds: HashMap<HoldTarget, isize, Keyed>,
    swept: Tick,
}

impl Holds {
    /// Nothing is held.
    pub fn new(wanted: Wanted, rest_at_end: bool) -> Self {
        Self {
            wanted,
            rest_at_end,
            kept: Vec::new(),
            free: Vec::new(),
            of: HashMap::default(),
            grounds: HashMap::default(),
            swept: 0,
        }
    }

    fn is_held(&self, payable: &Payable) -> bool {
        !self.grounds.is_empty() && payable.of.iter().any(|target| self.grounds.contains_key(target))
    }

    fn add(&mut self, payable: &Payable, tick: Tick, out: &mut Outbox) {
        let kept = Kept { payable: payable.clone(), is_held: self.is_held(payable) };
        self.tell(&kept, tick, 1, out);
        self.keep(kept);
    }

    fn keep(&mut self, kept: Kept) {
        let number = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            self.kept.len() as u32 - 1
        });
        for target in kept.payable.of {
            self.of.entry(target).or_default().insert(number);
        }
        self.kept[number as usize] = Some(kept);
    }

    /// What was forgotten here is not there to be taken out: it was in cash, and nothing is to be told of it.
    fn remove(&mut self, payable: &Payable, tick: Tick, out: &mut Outbox) {
        let is_it = |number: &u32| self.payable(*number) == Some(payable);
        let Some(number) = self.numbers(payable.of[0]).find(is_it) else { return };
        if let Some(kept) = self.take(number) {
            self.tell(&kept, tick, -1, out);
        }
    }

    fn payable(&self, number: u32) -> Option<&Payable> {
        self.kept[number as usize].as_ref().map(|kept| &kept.payable)
    }

    fn numbers(&self, target: HoldTarget) -> impl Iterator<Item = u32> + '_ {
        self.of.get(&target).into_iter().flatten().copied()
    }

    fn take(&mut self, number: u32) -> Option<Kept> {
        let kept = self.kept[number as usize].take()?;
        self.free.push(number);
        for target in kept.payable.of {
            if let Some(numbers) = self.of.get_mut(&target) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.of.remove(&target);
                }
            }
        }
        Some(kept)
    }

    /// Grounds have come or gone: their payouts move.
    fn review(&mut self, targets: &BTreeSet<HoldTarget>, tick: Tick, out: &mut Outbox) {
        let numbers: BTreeSet<u32> = targets.iter().flat_map(|&target| self.numbers(target)).collect();
        for number in numbers {
            let Some(mut kept) = self.kept[number as usize].take() else { continue };
            let is_held = self.is_held(&kept.payable);
            let may_move = !is_held || kept.payable.until >= tick || self.rest_at_end;
            if is_held != kept.is_held && may_move {
                self.tell(&kept, tick, -1, out);
                kept.is_held = is_held;
                self.tell(&kept, tick, 1, out);
            }
            self.kept[number as usize] = Some(kept);
        }
    }

    fn tell(&self, kept: &Kept, tick: Tick, diff: i64, out: &mut Outbox) {
        let Payable { purse, minor, legs, .. } = kept.payable;
        if kept.is_held {
            out.moves.push((purse, minor * i128::from(diff), legs * diff, tick));
        }
        if self.wanted.changes {
            kept.push_postings(&mut out.told.changes, tick, diff);
        }
    }
}

impl Kept {
    fn push_postings(&self, rows: &mut Rows, tick: Tick, diff: i64) {
        for postings in &self.payable.postings {
            let row = &postings[usize::from(self.is_held)];
            rows.push(Output::Postings, tick, diff, |text| text.extend_from_slice(row));
        }
    }
}

/// What is saved: payouts by their wager, grounds by everybody.
#[derive(Serialize, Deserialize)]
enum Entry<K> {
    Kept(K),
    Ground(HoldTarget, isize),
    Swept(Tick),
}

impl Saved for Holds {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        out.put(Whose::Everyone, &Entry::<&Kept>::Swept(self.swept));
        for (target, count) in &self.grounds {
            out.put(Whose::Same, &Entry::<&Kept>::Ground(*target, *count));
        }
        for kept in self.kept.iter().flatten() {
            let (HoldTarget::Wager(key) | HoldTarget::Account(key) | HoldTarget::Game(key)) =
                kept.payable.of[0];
            out.put(Whose::Owner(key), &Entry::Kept(kept));
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(saved) = part.read::<Entry<Kept>>()? {
            match saved {
                Entry::Kept(kept) => self.keep(kept),
                Entry::Ground(target, count) => _ = self.grounds.insert(target, count),
                Entry::Swept(swept) => self.swept = self.swept.max(swept),
            }
        }
        Ok(())
    }
}

impl ByTick for Holds {
    type In = (Payable, Tick, isize);
    type Side = Ground;
    type Out = Outbox;

    fn tick(update: &Self::In) -> Tick {
        update.1
    }

    fn heed(&mut self, tick: Tick, grounds: &[(Ground, Tick, isize)], out: &mut Outbox) {
        let mut changed = BTreeSet::new();
        for (ground, _, diff) in grounds {
            let count = self.grounds.entry(ground.target).or_default();
            *count += diff;
            if *count == 0 {
                self.grounds.remove(&ground.target);
            }
            changed.insert(ground.target);
        }
        self.review(&changed, tick, out);
    }

    fn work(&mut self, tick: Tick, updates: &[Self::In], out: &mut Outbox) {
        // What goes makes room before what takes its place.
        for (payable, ..) in updates.iter().filter(|(.., diff)| *diff < 0) {
            self.remove(payable, tick, out);
        }
        for (payable, ..) in updates.iter().filter(|(.., diff)| *diff > 0) {
            self.add(payable, tick, out);
        }
    }

    fn forget_through(&mut self, now: Tick, _out: &mut Outbox) {
        if self.rest_at_end || now < self.swept.saturating_add(SWEEP_MS) {
            return;
        }
        self.swept = now;
        let is_past = |kept: &Kept| !kept.is_held && kept.payable.until < now;
        let past = |number: &u32| self.kept[*number as usize].as_ref().is_some_and(is_past);
        let past: Vec<u32> = (0..self.kept.len() as u32).filter(past).collect();
        past.into_iter().for_each(|number| _ = self.take(number));
    }

    fn rest(&mut self, out: &mut Outbox) -> bool {
        for kept in self.kept.iter().flatten() {
            kept.push_postings(&mut out.told.rest.loose, 0, 1);
        }
        true
    }

    fn is_full(out: &Outbox) -> bool {
        out.moves.len() > 1 << 12 || out.told.bytes() > 1 << 18
    }
}
