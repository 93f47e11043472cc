//! Ties: who used which device and which payment instrument, and who bet in which round, as standing records say.
//!
//! A tie stands while any standing record says so. The records are counted here, by pair of player and thing, so that
//! only the first and the last of them is told: as many pairs are kept as there are, and none is forgotten.

use gyre_domain::records::{Payment, Wager};
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::told::Outbox;
use crate::Tick;
use crate::keys::{JobKey, Keyed};
use crate::seams::{Bet, Means, Named, Player, Shared, Tie};

/// What a record says of links.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tied {
    /// What the player used.
    pub ties: SmallVec<[Tie; 2]>,
    /// The wager's part in its round, with the player's name.
    pub bet: Option<(Bet, Player)>,
}

impl Tied {
    /// What a standing wager says; `settled` is its payout and when that was, where it is settled.
    pub fn of_wager(wager: &Wager<'_>, settled: Option<(i128, u64)>, keys: &JobKey) -> Option<Box<Self>> {
        let used = [
            (Means::Device, wager.device.as_deref()),
            (Means::Instrument, wager.payment_instrument.as_deref()),
        ];
        let tenant = &*wager.origin.tenant;
        let mut tied = Self::of(tenant, &wager.account, used, keys);
        if let (Some(round), Some((payout, settled_at_ms)), false) =
            (wager.round.as_deref(), settled, wager.free_round)
        {
            let player = player(tenant, &wager.account, keys);
            let parts = [tenant, &wager.origin.provider, &wager.game, round, wager.currency.code()];
            let bet = Bet {
                round: keys.of(&parts),
                player: player.key,
                currency: wager.currency,
                stake: wager.stake,
                payout,
                at_ms: wager.at_ms,
                settled_at_ms,
            };
            tied.bet = Some((bet, player));
        }
        tied.any()
    }

    /// What a standing payment says.
    pub fn of_payment(payment: &Payment<'_>, keys: &JobKey) -> Option<Box<Self>> {
        let used = [(Means::Instrument, payment.payment_instrument.as_deref())];
        Self::of(&payment.origin.tenant, &payment.account, used, keys).any()
    }

    fn of<const N: usize>(
        tenant: &str,
        account: &str,
        used: [(Means, Option<&str>); N],
        keys: &JobKey,
    ) -> Self {
        let tie = |(means, text): (Means, Option<&str>)| {
            let text = text?;
            let word = match means {
                Means::Device => "device",
                Means::Instrument => "instrument",
            };
            let shared =
                Shared { key: keys.of(&[word, tenant, text]), means, name: Named::new(tenant, text) };
            Some(Tie { shared, player: player(tenant, account, keys) })
        };
        Self { ties: used.into_iter().filter_map(tie).collect(), bet: None }
    }

    fn any(self) -> Option<Box<Self>> {
        (!self.ties.is_empty() || self.bet.is_some()).then(|| Box::new(self))
    }
}

fn player(tenant: &str, account: &str, keys: &JobKey) -> Player {
    Player { key: keys.of(&[tenant, account]), name: Named::new(tenant, account) }
}

/// Counts the records that say the same, and tells the first and the last of them.
#[derive(Default)]
pub struct Ties {
    records: HashMap<u128, u32, Keyed>,
    /// What this tick changed so far.
    changed: HashMap<u128, (Tie, isize), Keyed>,
    /// Players whose names were told.
    named: HashMap<u128, (), Keyed>,
}

impl Ties {
    /// Takes in what a record says, or takes it back.
    pub fn tell(&mut self, tied: &Tied, diff: i8, tick: Tick, out: &mut Outbox) {
        for tie in &tied.ties {
            self.count(tie, diff);
        }
        if let Some((bet, player)) = &tied.bet {
            out.links.bets.push((*bet, tick, diff.into()));
            if self.named.insert(player.key, ()).is_none() {
                out.links.players.push((player.clone(), tick, 1));
            }
        }
    }

    fn count(&mut self, tie: &Tie, diff: i8) {
        let key = tie.key();
        let records = self.records.entry(key).or_default();
        let stood = *records > 0;
        *records = records.saturating_add_signed(diff.into());
        let stands = *records > 0;
        if !stands {
            self.records.remove(&key);
        }
        // What comes and goes within a tick is never told.
        if stood != stands && self.changed.remove(&key).is_none() {
            self.changed.insert(key, (tie.clone(), isize::from(diff)));
        }
    }

    /// Tells what the tick changed.
    pub fn flush(&mut self, tick: Tick, out: &mut Outbox) {
        out.links.ties.extend(self.changed.drain().map(|(_, (tie, diff))| (tie, tick, diff)));
    }
}
