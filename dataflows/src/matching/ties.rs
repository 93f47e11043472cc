//! Ties: who used which device and which payment instrument, and who bet in which round, as standing records say.
//!
//! A tie stands while any standing record says so. The records are counted here, by pair of player and thing, so that
//! only the first and the last of them is told: as many pairs are kept as there are, and none is forgotten.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::records::{Payment, Wager};
use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

use super::told::Outbox;
use crate::Tick;
use crate::checkpoint::later::HandIn;
use crate::checkpoint::{Damage, Entries, Out, Saved, Saving};
use crate::keys::{JobKey, Keyed};
use crate::seams::{Bet, Means, Named, Player, Shared, TIES, Tie, tie_key};

/// What a record says of links.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tied {
    /// What the player used.
    pub ties: SmallVec<[Tie; 2]>,
    /// The wager's part in its round, with the player's name.
    pub bet: Option<(Bet, Player)>,
}

/// A record says that a player used something.
struct Used<'a> {
    tenant: &'a str,
    account: &'a str,
    text: &'a str,
    means: Means,
    /// Keys of the thing and of the player.
    shared: u128,
    player: u128,
}

impl<'a> Used<'a> {
    fn of_wager(wager: &'a Wager<'_>, keys: &JobKey) -> impl Iterator<Item = Self> {
        let device = (Means::Device, wager.device.as_deref());
        let instrument = (Means::Instrument, wager.payment_instrument.as_deref());
        Self::of(&wager.origin.tenant, &wager.account, [device, instrument], keys)
    }

    fn of<const N: usize>(
        tenant: &'a str,
        account: &'a str,
        used: [(Means, Option<&'a str>); N],
        keys: &JobKey,
    ) -> impl Iterator<Item = Self> {
        used.into_iter().filter_map(move |(means, text)| {
            let text = text?;
            let word = match means {
                Means::Device => "device",
                Means::Instrument => "instrument",
            };
            let shared = keys.of(&[word, tenant, text]);
            Some(Self { tenant, account, text, means, shared, player: keys.of(&[tenant, account]) })
        })
    }

    fn tie(&self) -> Tie {
        let name = Named::new(self.tenant, self.text);
        let player = Player { key: self.player, name: Named::new(self.tenant, self.account) };
        Tie { shared: Shared { key: self.shared, means: self.means, name }, player }
    }
}

/// A settled wager's part in its round: its payout and when it was settled.
fn bet(wager: &Wager<'_>, (payout, settled_at_ms): (i128, u64), keys: &JobKey) -> Option<Bet> {
    let round = wager.round.as_deref().filter(|_| !wager.free_round)?;
    let tenant = &*wager.origin.tenant;
    Some(Bet {
        round: keys.of(&[tenant, &wager.origin.provider, &wager.game, round, wager.currency.code()]),
        player: keys.of(&[tenant, &wager.account]),
        currency: wager.currency,
        stake: wager.stake,
        payout,
        at_ms: wager.at_ms,
        settled_at_ms,
    })
}

impl Tied {
    /// What a standing wager says; `settled` is its payout and when that was, where it is settled.
    pub fn of_wager(wager: &Wager<'_>, settled: Option<(i128, u64)>, keys: &JobKey) -> Option<Box<Self>> {
        let bet = settled.and_then(|settled| bet(wager, settled, keys));
        let name = || Named::new(&wager.origin.tenant, &wager.account);
        let bet = bet.map(|bet| (bet, Player { key: bet.player, name: name() }));
        Self { ties: Used::of_wager(wager, keys).map(|used| used.tie()).collect(), bet }.any()
    }

    /// What a standing payment says.
    pub fn of_payment(payment: &Payment<'_>, keys: &JobKey) -> Option<Box<Self>> {
        let used = [(Means::Instrument, payment.payment_instrument.as_deref())];
        let used = Used::of(&payment.origin.tenant, &payment.account, used, keys);
        Self { ties: used.map(|used| used.tie()).collect(), bet: None }.any()
    }

    fn any(self) -> Option<Box<Self>> {
        (!self.ties.is_empty() || self.bet.is_some()).then(|| Box::new(self))
    }
}

/// Counts the records that say the same, and tells the first and the last of them.
pub struct Ties {
    records: HashMap<u128, u32, Keyed>,
    /// What this tick changed so far.
    changed: HashMap<u128, (Tie, isize), Keyed>,
    /// Players whose names were told.
    named: HashMap<u128, (), Keyed>,
    /// Of a checkpoint, while it is saved or comes back.
    checkpoint: AtCheckpoint,
}

/// Which records still say what: of those that were forgotten only the number is known.
struct AtCheckpoint {
    /// Records that are known, by tie.
    known: HashMap<u128, u32, Keyed>,
    /// Ties that are handed in already.
    handed: HashSet<u128, Keyed>,
    back: HandIn<(Tie, Tick, isize)>,
}

/// Every worker counts the records of its own keys: how they are spread changes with the number of workers. So what is saved
/// is only how many records of a tie are forgotten, which the owner of the tie counts from then on; those that are known
/// are counted again when they come back. Each worker that counts any then says that the tie stands.
impl Ties {
    /// None yet. Ties that stood at a checkpoint come `back` there.
    pub fn new(saving: &Saving, back: HandIn<(Tie, Tick, isize)>) -> Rc<RefCell<Self>> {
        let checkpoint = AtCheckpoint { known: HashMap::default(), handed: HashSet::default(), back };
        let (records, changed, named) = Default::default();
        let ties = Rc::new(RefCell::new(Self { records, changed, named, checkpoint }));
        saving.read(TIES, Rc::clone(&ties) as Rc<RefCell<dyn Saved>>);
        ties
    }

    /// A record that is saved says this.
    pub fn save(&mut self, tied: Option<&Tied>) {
        for tie in tied.iter().flat_map(|tied| &tied.ties) {
            *self.checkpoint.known.entry(tie.key()).or_default() += 1;
        }
    }

    /// All records have been saved: how many of each tie are forgotten.
    pub fn forgotten(&mut self) -> Vec<(u128, u32)> {
        let known = std::mem::take(&mut self.checkpoint.known);
        let known = |key: &u128| known.get(key).copied().unwrap_or_default();
        let forgotten = self.records.iter().map(|(key, records)| (*key, records.saturating_sub(known(key))));
        forgotten.filter(|(_, records)| *records > 0).collect()
    }

    /// A record comes back that says this, as it stood after `at`.
    pub fn back(&mut self, tied: Option<&Tied>, at: Tick) {
        for tie in tied.iter().flat_map(|tied| &tied.ties) {
            *self.records.entry(tie.key()).or_default() += 1;
            self.hand_in(tie, at);
        }
    }

    /// So many records say that a tie stands, and are forgotten.
    pub fn forgotten_back(&mut self, key: u128, records: u32) {
        *self.records.entry(key).or_default() += records;
    }

    fn hand_in(&mut self, tie: &Tie, at: Tick) {
        if self.checkpoint.handed.insert(tie.key()) {
            self.checkpoint.back.push(at, (tie.clone(), at, 1));
        }
    }
}

/// It reads which ties stand: only so are the texts of those known of which all records are forgotten.
impl Saved for Ties {
    fn save(&mut self, _at: Tick, _out: &mut Out<'_>) {}

    fn load(&mut self, at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(tie) = part.read::<Tie>()? {
            if self.records.contains_key(&tie.key()) {
                self.hand_in(&tie, at);
            }
        }
        Ok(())
    }
}

impl Ties {
    /// Takes in what a record says, or takes it back.
    pub fn tell(&mut self, tied: &Tied, diff: i8, tick: Tick, out: &mut Outbox) {
        for tie in &tied.ties {
            self.count(tie.key(), diff, || tie.clone());
        }
        if let Some((bet, player)) = &tied.bet {
            self.tell_bet(bet, diff, tick, || player.name.clone(), out);
        }
    }

    /// Takes in what a wager says that nobody has spoken of: what it used if it is new, and its part in the round.
    pub fn tell_plain(
        &mut self,
        wager: &Wager<'_>,
        (is_new, settled): (bool, Option<(i128, u64)>),
        keys: &JobKey,
        tick: Tick,
        out: &mut Outbox,
    ) {
        for used in Used::of_wager(wager, keys).filter(|_| is_new) {
            self.count(tie_key(used.shared, used.player), 1, || used.tie());
        }
        if let Some(bet) = settled.and_then(|settled| bet(wager, settled, keys)) {
            self.tell_bet(&bet, 1, tick, || Named::new(&wager.origin.tenant, &wager.account), out);
        }
    }

    fn tell_bet(&mut self, bet: &Bet, diff: i8, tick: Tick, name: impl FnOnce() -> Named, out: &mut Outbox) {
        out.links.bets.push((*bet, tick, diff.into()));
        if self.named.insert(bet.player, ()).is_none() {
            out.links.players.push((Player { key: bet.player, name: name() }, tick, 1));
        }
    }

    fn count(&mut self, key: u128, diff: i8, tie: impl FnOnce() -> Tie) {
        let records = self.records.entry(key).or_default();
        let stood = *records > 0;
        *records = records.saturating_add_signed(diff.into());
        let stands = *records > 0;
        if !stands {
            self.records.remove(&key);
        }
        // What comes and goes within a tick is never told.
        if stood != stands && self.changed.remove(&key).is_none() {
            self.changed.insert(key, (tie(), isize::from(diff)));
        }
    }

    /// Tells what the tick changed.
    pub fn flush(&mut self, tick: Tick, out: &mut Outbox) {
        out.links.ties.extend(self.changed.drain().map(|(_, (tie, diff))| (tie, tick, diff)));
    }
}
