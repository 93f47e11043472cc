//! Rounds: bets of one round that cover each other.
//!
//! A round belongs to a tenant, provider, game and currency. Most rounds have one wager: they stay in hash state at
//! their owner, and only those in which several met, some of which won and some of which lost, go on.

use std::sync::Arc;

use differential_dataflow::{AsCollection, VecCollection};
use gyre_domain::cover::{Cover, Covering};
use gyre_domain::currency::Currency;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::Map;

use super::components::Rider;
use super::telling::{self, Covered, Line};
use crate::Tick;
use crate::checkpoint::later::{HandIn, hand_in};
use crate::checkpoint::{Damage, Entries, Out, Saved, Saving, Whose, traces};
use crate::graph::Settings;
use crate::keys::{JobKey, Keyed, owner};
use crate::ops::by_tick::{ByTick, by_tick};
use crate::rulebook::Ruling;
use crate::seams::{Bet, HoldTarget, Named, Player};

/// How often rounds are looked over for leaving.
const SWEEP_MS: u64 = 86_400_000;

/// A player's part in a round.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Share {
    player: u128,
    round: u128,
    currency: Currency,
    /// Wagers, those that won, those that lost.
    wagers: [u64; 3],
    staked: i128,
    returned: i128,
    /// When the first of them was placed.
    at_ms: u64,
}

impl Share {
    fn cover(&self) -> Cover {
        let [wagers, won, lost] = self.wagers;
        Cover { wagers, won, lost, staked: self.staked, returned: self.returned }
    }
}

type Bets = SmallVec<[Bet; 1]>;

/// The bets of all rounds that may still get some.
struct Rounds {
    rounds: HashMap<u128, Bets, Keyed>,
    horizon_ms: u64,
    swept_ms: u64,
}

/// Gathers bets by round, and tells the shares of those in which some won and some lost.
pub fn gather<'s>(
    bets: StreamVec<'s, Tick, (Bet, Tick, isize)>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, (Share, Tick, isize)> {
    let (workers, scope) = (settings.workers, bets.scope());
    let by_round = Exchange::new(move |(bet, ..): &(Bet, Tick, isize)| owner(bet.round, workers) as u64);
    let rounds = Rounds { rounds: HashMap::default(), horizon_ms: settings.horizon_ms, swept_ms: 0 };
    let op = saving.op("gather bets by round");
    by_tick(bets, empty(scope), by_round, op, false, rounds).flat_map(|shares| shares)
}

/// What each player staked in a round and got back; nothing where none of it can cover the rest.
fn shares(bets: &Bets) -> Vec<Share> {
    if bets.len() < 2 {
        return Vec::new();
    }
    let mut all = Cover::default();
    let mut bets = bets.clone();
    bets.sort_unstable_by_key(|bet| (bet.player, bet.at_ms));
    let shares = bets.chunk_by(|a, b| a.player == b.player).map(|bets| {
        let mut cover = Cover::default();
        bets.iter().for_each(|bet| cover.add(&Cover::of(bet.stake, bet.payout)));
        all.add(&cover);
        let Bet { player, round, currency, at_ms, .. } = bets[0];
        let Cover { wagers, won, lost, staked, returned } = cover;
        Share { player, round, currency, wagers: [wagers, won, lost], staked, returned, at_ms }
    });
    let shares: Vec<Share> = shares.collect();
    if all.is_mixed() { shares } else { Vec::new() }
}

/// Bets by their round.
impl Saved for Rounds {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        out.put(Whose::Everyone, &(self.swept_ms, None::<(u128, Vec<Bet>)>));
        for (round, bets) in &self.rounds {
            out.put(Whose::Owner(*round), &(0u64, Some((round, bets.as_slice()))));
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some((swept_ms, bets)) = part.read::<(u64, Option<(u128, Vec<Bet>)>)>()? {
            self.swept_ms = self.swept_ms.max(swept_ms);
            self.rounds.extend(bets.map(|(round, bets)| (round, Bets::from_vec(bets))));
        }
        Ok(())
    }
}

impl ByTick for Rounds {
    type In = (Bet, Tick, isize);
    type Side = ();
    type Out = Vec<(Share, Tick, isize)>;

    fn tick(update: &Self::In) -> Tick {
        update.1
    }

    fn work(&mut self, tick: Tick, updates: &[Self::In], out: &mut Self::Out) {
        let mut before: HashMap<u128, Vec<Share>, Keyed> = HashMap::default();
        for (bet, _, diff) in updates {
            let bets = self.rounds.entry(bet.round).or_default();
            if bets.len() > 1 {
                before.entry(bet.round).or_insert_with(|| shares(bets));
            } else {
                before.entry(bet.round).or_default();
            }
            if *diff > 0 {
                bets.push(*bet);
            } else if let Some(at) = bets.iter().position(|other| other == bet) {
                bets.swap_remove(at);
            }
        }
        for (round, before) in before {
            let Some(bets) = self.rounds.get(&round) else { continue };
            let after = shares(bets);
            if bets.is_empty() {
                self.rounds.remove(&round);
            }
            if before != after {
                out.extend(before.into_iter().map(|share| (share, tick, -1)));
                out.extend(after.into_iter().map(|share| (share, tick, 1)));
            }
        }
    }

    /// Bets come and go as long as their wagers are known; the shares stand.
    fn forget_through(&mut self, now: Tick, _out: &mut Self::Out) {
        if now < self.swept_ms + SWEEP_MS {
            return;
        }
        self.swept_ms = now;
        let past_ms = now.saturating_sub(self.horizon_ms.saturating_add(SWEEP_MS));
        self.rounds.retain(|_, bets| bets.iter().any(|bet| bet.at_ms.max(bet.settled_at_ms) >= past_ms));
    }

    fn rest(&mut self, _out: &mut Self::Out) -> bool {
        true
    }

    fn is_full(out: &Self::Out) -> bool {
        out.len() > 1 << 12
    }
}

/// Those who bet in such rounds, who want to know to whom they are linked.
pub fn asking<'s>(
    shares: VecCollection<'s, Tick, Share>,
    players: VecCollection<'s, Tick, Player>,
    saving: &Saving,
) -> VecCollection<'s, Tick, (u128, Rider)> {
    let (stood, back) = hand_in(players.scope(), "hand in names of players", saving);
    let players = if saving.is_on() { players.concat(stood.as_collection()) } else { players };
    let names =
        players.map(|player| (player.key, player.name)).arrange_by_key_named("arrange names by player");
    let entry = |key: &u128, name: &Named| (*key, Player { key: *key, name: name.clone() });
    traces::keep(&saving.op("arrange names by player"), &names, entry, Some(back));
    shares
        .map(|share| (share.player, ()))
        .arrange_by_key_named("arrange those who share rounds")
        .join_core(names, |player, (), name| Some((*player, name.clone())))
        .threshold_named("ask once for each player", |_, _| 1isize)
        .map(|(player, name)| (player, Rider::Asking(player, name)))
}

/// A player's part in a round, whose it is, and by what it is judged.
type Part = (Named, Share, Arc<Ruling>);

/// A round that a group covered, and the rule by which it did.
type Held = (u128, u64, [u64; 3], [i128; 2], Vec<Named>, Arc<Ruling>);

/// A player who asks, the group that it is of, and its name.
pub type Asked = (u128, u128, Named);

/// The groups whose bets cover each other in enough rounds.
pub fn opposite_betting<'s>(
    shares: VecCollection<'s, Tick, Share>,
    asked: VecCollection<'s, Tick, (Asked, Arc<Ruling>)>,
    settings: &Settings,
    (saving, back): (&Saving, HandIn<(Share, Tick, isize)>),
) -> VecCollection<'s, Tick, Line> {
    let keys = settings.keys;
    let asked = asked.map(|((player, group, name), ruling)| (player, (group, name, ruling)));
    let asked = asked.arrange_by_key_named("arrange components by player");
    let shares = shares.map(|share| (share.player, share)).arrange_by_key_named("arrange shares by player");
    let entry = |player: &u128, share: &Share| (*player, share.clone());
    traces::keep(&saving.op("arrange shares by player"), &shares, entry, Some(back));
    shares
        .join_core(asked, |_, share, (group, name, ruling)| {
            let value = (name.clone(), share.clone(), Arc::clone(ruling));
            Some(((*group, share.currency, share.round), value))
        })
        .reduce_named("judge the bets of a group in a round", move |&(_, currency, round), shares, held| {
            held.extend(judge(round, currency, shares).map(|round| (round, 1isize)));
        })
        .map(|((group, currency, _), round)| ((group, currency), round))
        .reduce_named("tell groups that cover", move |&(_, currency), held, lines| {
            lines.extend(tell(currency, held, &keys).into_iter().map(|line| (line, 1isize)));
        })
        .map(|(_, line)| line)
}

fn judge(round: u128, currency: Currency, shares: &[(&Part, isize)]) -> Option<Held> {
    let mut cover = Cover::default();
    shares.iter().for_each(|((_, share, _), _)| cover.add(&share.cover()));
    let at_ms = shares.iter().map(|((_, share, _), _)| share.at_ms).min()?;
    let names = shares.iter().map(|((name, ..), _)| name.clone()).collect();
    // A group is one tenant's.
    let ruling = Arc::clone(&shares.first()?.0.2);
    let [exposure_max, staked_min, _] = ruling.bounds;
    let covering = Covering { exposure_max: exposure_max as u32, staked_min };
    let Cover { wagers, won, lost, staked, returned } = cover;
    let held = (round, at_ms, [wagers, won, lost], [staked, returned], names, ruling);
    cover.holds(&covering, currency).then_some(held)
}

/// The row of a group that covered enough rounds, and a ground for each account that took part where a rule holds.
fn tell(currency: Currency, held: &[(&Held, isize)], keys: &JobKey) -> Vec<Line> {
    let Some(ruling) = held.first().map(|(held, _)| Arc::clone(&held.5)) else { return Vec::new() };
    if (held.len() as u64) < ruling.bounds[2] {
        return Vec::new();
    }
    let mut cover = Cover::default();
    let mut accounts: Vec<&Named> = Vec::new();
    for ((_, _, [wagers, won, lost], [staked, returned], names, _), _) in held {
        let (wagers, won, lost) = (*wagers, *won, *lost);
        cover.add(&Cover { wagers, won, lost, staked: *staked, returned: *returned });
        accounts.extend(names);
    }
    accounts.sort_unstable();
    accounts.dedup();
    let times = || held.iter().map(|(round, _)| round.1);
    let covered = Covered {
        accounts: &accounts,
        cover,
        currency,
        rounds: held.len(),
        first_at_ms: times().min().unwrap_or_default(),
        last_at_ms: times().max().unwrap_or_default(),
    };
    let row = telling::opposite_betting(&covered, &ruling);
    let ground = |name: &&Named| Line::Ground(HoldTarget::account(keys, name.tenant(), name.text()));
    row.into_iter().chain(accounts.iter().filter(|_| ruling.holds).map(ground)).collect()
}
